#define _GNU_SOURCE
#include "AllocationCounter.h"

#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc's own, behind the names that this file takes.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *old);

enum { MAX_OBJECTS = 96, MAX_TRACES = 8, MAX_FRAMES = 24 };

struct object {
    uintptr_t start, end;
    char name[64];
    int is_foreign;
    uint64_t counts[SOTTO_ALLOCATION_KINDS];
};

static struct object objects[MAX_OBJECTS];
static int object_count;
static void *traces[MAX_TRACES][MAX_FRAMES];
static int trace_lengths[MAX_TRACES];
static int trace_count;
static __thread int counting;

static int find(const void *address) {
    uintptr_t place = (uintptr_t)address;
    for (int index = 0; index < object_count; index++)
        if (place >= objects[index].start && place < objects[index].end) return index;
    return 0;
}

// A call that comes out of glibc (strdup, say) belongs to whoever called glibc: the frames tell. A foreign library's call never gets here.
static int owner_of(int object, void **frames, int *length) {
    *length = backtrace(frames, MAX_FRAMES);
    for (int index = 2; index < *length; index++) {  // behind this function and the one below
        int caller = find(frames[index]);
        if (objects[caller].is_foreign) return caller;
        if (caller == 0 && index > 3) break;  // our own code: whatever is above was called by it
    }
    return object;
}

static void __attribute__((noinline)) note(int kind, const void *caller) {
    counting = 0;
    int saved = errno;
    int object = find(caller);
    if (!objects[object].is_foreign && kind != SOTTO_FREE) {
        void *frames[MAX_FRAMES];
        int length;
        object = owner_of(object, frames, &length);
        if (!objects[object].is_foreign && trace_count < MAX_TRACES) {
            memcpy(traces[trace_count], frames, sizeof frames);
            trace_lengths[trace_count++] = length;
        }
    }
    objects[object].counts[kind]++;
    errno = saved;
    counting = 1;
}

// The caller is taken before the branch and pinned there: in a cold part that the compiler split off it would be another one.
#define NOTE(kind) do { \
    void *caller = __builtin_return_address(0); \
    __asm__ volatile("" : "+r"(caller)); \
    if (counting) note(kind, caller); \
} while (0)

void *malloc(size_t size) {
    NOTE(SOTTO_MALLOC);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    NOTE(SOTTO_CALLOC);
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    NOTE(SOTTO_REALLOC);
    return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
    NOTE(SOTTO_ALIGNED);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    NOTE(SOTTO_ALIGNED);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    NOTE(SOTTO_ALIGNED);
    void *made = __libc_memalign(alignment, size);
    if (!made) return ENOMEM;
    *out = made;
    return 0;
}

void free(void *old) {
    if (old) NOTE(SOTTO_FREE);
    __libc_free(old);
}

void *mmap(void *hint, size_t size, int protection, int flags, int file, off_t offset) {
    NOTE(SOTTO_MAP);
    return (void *)syscall(SYS_mmap, hint, size, protection, flags, file, offset);
}

// MARK: - Objects

static int is_in(const char *name, const char *list) {
    while (list && *list) {
        size_t length = strcspn(list, " ");
        if (length && strncmp(name, list, length) == 0) return 1;
        list += length + (list[length] == ' ');
    }
    return 0;
}

static int learn(struct dl_phdr_info *info, size_t size, void *foreign) {
    (void)size;
    uintptr_t start = UINTPTR_MAX, end = 0;
    for (int index = 0; index < info->dlpi_phnum; index++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[index];
        if (part->p_type != PT_LOAD) continue;
        uintptr_t first = info->dlpi_addr + part->p_vaddr;
        if (first < start) start = first;
        if (first + part->p_memsz > end) end = first + part->p_memsz;
    }
    for (int index = 0; index < object_count; index++)
        if (objects[index].start == start) return 0;
    if (object_count == MAX_OBJECTS) return 1;
    struct object *object = &objects[object_count++];
    memset(object, 0, sizeof *object);
    object->start = start;
    object->end = end;
    const char *slash = strrchr(info->dlpi_name, '/');
    const char *name = slash ? slash + 1 : info->dlpi_name;
    if (!*name) name = object_count == 1 ? "the program" : "?";
    strncpy(object->name, name, sizeof object->name - 1);
    object->is_foreign = is_in(object->name, foreign);
    return 0;
}

void sotto_allocations_scan(const char *foreign) {
    void *frames[4];
    backtrace(frames, 4);  // loads libgcc now, not while counting
    dl_iterate_phdr(learn, (void *)foreign);  // the program comes first
}

void sotto_allocations_count(int on) { counting = on; }

void sotto_allocations_reset(void) {
    for (int index = 0; index < object_count; index++) memset(objects[index].counts, 0, sizeof objects[index].counts);
    trace_count = 0;
}

int sotto_allocations_objects(void) { return object_count; }
const char *sotto_allocations_name(int object) { return objects[object].name; }
int sotto_allocations_is_foreign(int object) { return objects[object].is_foreign; }
uint64_t sotto_allocations_of(int object, int kind) { return objects[object].counts[kind]; }

void sotto_allocations_print_traces(void) {
    for (int index = 0; index < trace_count; index++) {
        backtrace_symbols_fd(traces[index], trace_lengths[index], STDERR_FILENO);
        if (write(STDERR_FILENO, "\n", 1) < 0) return;
    }
}
