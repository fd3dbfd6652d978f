// Process-wide protection: no core dumps, no swap, no ptrace by siblings.
#pragma once
#include <sys/prctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

/// PR_SET_DUMPABLE = 0: no core dump, no ptrace, /proc/PID owned by root.
static inline int sotto_forbid_dumps(void) {
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return -1;
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/// Locks every page that is touched from now on. Fails when RLIMIT_MEMLOCK is too low.
static inline int sotto_lock_all_memory(void) { return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT); }
