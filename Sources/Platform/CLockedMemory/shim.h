// Memory for secrets: locked in RAM, left out of core dumps, wiped for certain.
#pragma once
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/// Locks each page when it is touched first: a page that holds nothing takes no memory. Kernels before 4.4 lock all at once.
static inline int sotto_lock(void *p, size_t length) {
#ifdef SYS_mlock2
    if (syscall(SYS_mlock2, p, length, 1 /* MLOCK_ONFAULT */) == 0) return 0;
#endif
    return mlock(p, length);
}

/// Maps `length` bytes that are never swapped and never dumped. NULL when the kernel refuses the mapping itself;
/// a refused lock (RLIMIT_MEMLOCK) is reported through `locked`, so that the caller can raise an alert.
static inline void *sotto_locked_map(size_t length, int *locked) {
    void *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    madvise(p, length, MADV_DONTDUMP);
    madvise(p, length, MADV_DONTFORK);
    *locked = sotto_lock(p, length) == 0;
    return p;
}

static inline void sotto_locked_unmap(void *p, size_t length) {
    explicit_bzero(p, length);
    munmap(p, length);
}

/// Zeroes memory in a way that no optimizer removes.
static inline void sotto_wipe(void *p, size_t length) { explicit_bzero(p, length); }

/// Compares in time that depends on the length alone.
static inline int sotto_equal_constant_time(const void *a, const void *b, size_t length) {
    const volatile unsigned char *x = (const volatile unsigned char *)a, *y = (const volatile unsigned char *)b;
    unsigned char difference = 0;
    for (size_t i = 0; i < length; i++) difference |= (unsigned char)(x[i] ^ y[i]);
    return difference == 0;
}
