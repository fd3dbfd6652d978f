// Counts what a thread allocates and frees, by the shared object that asked for it. Linked into an executable, it stands before glibc's
// own malloc for every object of the process.
#pragma once
#include <stdint.h>

enum {
    SOTTO_MALLOC,
    SOTTO_CALLOC,
    SOTTO_REALLOC,
    SOTTO_ALIGNED,
    SOTTO_FREE,
    SOTTO_MAP,
    SOTTO_ALLOCATION_KINDS,
};

/// Learns which objects are loaded. Call it again after a library has loaded others, and before counting.
/// - Parameter foreign: names of libraries whose allocations are not ours, as prefixes between spaces: "libsrtp2 libopus".
void sotto_allocations_scan(const char *foreign);

/// Counts the calling thread's requests from now on, or no longer.
void sotto_allocations_count(int on);

/// Forgets all counts and traces.
void sotto_allocations_reset(void);

/// Objects that are known; each has a file name, is foreign or ours, and has counts by kind.
int sotto_allocations_objects(void);
const char *sotto_allocations_name(int object);
int sotto_allocations_is_foreign(int object);
uint64_t sotto_allocations_of(int object, int kind);

/// Writes the places of the first requests of our own to standard error.
void sotto_allocations_print_traces(void);
