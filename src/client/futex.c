/* futex.c: the two system calls; glibc has no functions for them. */
#include "client/futex.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/defs.h"

void gee_futex_wait(atomic_uint *word, unsigned seen, int64_t deadline_ns) {
    struct timespec until = { .tv_sec = (time_t)(deadline_ns / GEE_SECOND),
                              .tv_nsec = (long)(deadline_ns % GEE_SECOND) };
    /* FUTEX_WAIT_BITSET takes a point in time of CLOCK_MONOTONIC; FUTEX_WAIT would take a length of time. */
    (void)syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, seen, deadline_ns == INT64_MAX ? NULL : &until, NULL,
                  FUTEX_BITSET_MATCH_ANY);
}

void gee_futex_wake(atomic_uint *word) {
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
