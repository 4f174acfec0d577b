/* clock.h: time. The monotonic clock for measuring and waiting, the wall clock for texts. */
#ifndef GEE_BASE_CLOCK_H
#define GEE_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds of CLOCK_MONOTONIC. A system call or vDSO read: on a hot path use gee_loop_now(). */
int64_t gee_clock_monotonic(void);
/* Nanoseconds since 1970 of CLOCK_REALTIME. */
int64_t gee_clock_wall(void);

#define GEE_TIMESTAMP_TEXT 32
/* "2026-11-22T08:38:33.123Z" (RFC 3339, UTC, milliseconds). Returns `target`. */
char *gee_format_timestamp(char *target, int64_t wall_ns);

/* a + b for times, held at INT64_MAX instead of wrapping; both not negative. */
int64_t gee_time_add(int64_t a, int64_t b);

#endif
