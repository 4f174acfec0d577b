/* meter.h: a count of the bytes that several objects hold together, with a limit. Any thread. */
#ifndef GEE_BASE_METER_H
#define GEE_BASE_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct gee_meter {
    atomic_size_t bytes;
    size_t limit; /* 0: none */
} gee_meter_t;

/* False: the limit would be passed, nothing is taken. */
static inline bool gee_meter_take(gee_meter_t *meter, size_t bytes) {
    size_t before = atomic_fetch_add_explicit(&meter->bytes, bytes, memory_order_relaxed);
    if (meter->limit == 0 || (before <= meter->limit && bytes <= meter->limit - before))
        return true;
    atomic_fetch_sub_explicit(&meter->bytes, bytes, memory_order_relaxed);
    return false;
}

static inline void gee_meter_give(gee_meter_t *meter, size_t bytes) {
    atomic_fetch_sub_explicit(&meter->bytes, bytes, memory_order_relaxed);
}

static inline size_t gee_meter_read(const gee_meter_t *meter) {
    return atomic_load_explicit(&meter->bytes, memory_order_relaxed);
}

#endif
