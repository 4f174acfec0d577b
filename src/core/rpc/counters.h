/* counters.h: how many calls each method had, how they ended and how long they took; in memory that workers share.
 *
 *   worker 0  slot [ Arith.Multiply: calls errors in_flight histogram | Foo.Sleep: ... ]  --+
 *   worker 1  slot [ Foo.Sleep: ... | Arith.Multiply: ... ]                                 --+--> sums by name
 *
 * A slot has one writer, the process that has claimed it, so counting needs no lock and no locked instruction: relaxed
 * atomic loads and stores. Rows are found by the method's name, so counts stay right when a reload brings other
 * services; a slot keeps its counts when another process takes it over. The filter filter_counters writes; a page and
 * `geerpc -s status` read. */
#ifndef GEE_RPC_COUNTERS_H
#define GEE_RPC_COUNTERS_H

#include <stdatomic.h>
#include <sys/types.h>

#include "core/base/pool.h"
#include "core/base/str.h"

/* What gee_prepare_t.shared() is asked for. */
#define GEE_COUNTERS_NAME    "counters"
#define GEE_COUNTERS_VERSION 2u

/* Latencies are counted in microseconds, log-linear: below 16 one bucket each, above 8 buckets to each power of two, up
 * to 2^36 us (19 hours). A bucket is at most an eighth of its value wide. */
#define GEE_COUNTERS_EXACT   16
#define GEE_COUNTERS_BUCKETS (GEE_COUNTERS_EXACT + 8 * 32)
#define GEE_COUNTERS_ROWS    128 /* methods of one slot; further ones share the last row */
#define GEE_COUNTERS_METHOD  120 /* bytes of a method's name, its terminator included; longer ones are cut */

#define GEE_COUNTERS_UNKNOWN "(unknown)" /* calls of methods that are not there */
#define GEE_COUNTERS_OTHERS  "(others)"  /* calls of methods that found no row */

typedef struct gee_counters_row {
    char method[GEE_COUNTERS_METHOD];
    _Atomic uint64_t calls, errors;
    _Atomic uint64_t in_flight; /* from the filters' first look to the handler's end */
    _Atomic uint64_t late;      /* of these: answered already (timed out, cancelled), but the handler still runs */
    _Atomic uint64_t microseconds;
    _Atomic uint64_t histogram[GEE_COUNTERS_BUCKETS];
} gee_counters_row_t;

typedef struct gee_counters_slot {
    _Atomic int64_t owner;      /* the process that writes here; 0: nobody */
    _Atomic uint32_t row_count; /* rows with a name; set after the name is written */
    gee_counters_row_t rows[GEE_COUNTERS_ROWS];
} gee_counters_slot_t;

typedef struct gee_counters {
    _Atomic uint32_t slot_count; /* 0 until a process has asked for a slot */
    gee_counters_slot_t slots[];
} gee_counters_t;

/* The number of slots, one for each process that writes: a power of two, with spare slots for busy workers of the
 * cycle before, so that most changes of `workers` keep the size and with it the counts. */
size_t gee_counters_slots(unsigned workers);
/* Bytes to ask for. */
size_t gee_counters_size(unsigned workers);

/* ---- the writer ---- */
/* A slot for this process: a free slot or the slot of a dead process, with nothing in flight. Null: all are taken. */
gee_counters_slot_t *gee_counters_claim(gee_counters_t *counters, size_t size, pid_t process);
void gee_counters_yield(gee_counters_slot_t *slot);
/* The row with that name, new when it was not there; never null. */
gee_counters_row_t *gee_counters_row(gee_counters_slot_t *slot, gee_str_t method);

/* Adds without a locked instruction: there is one writer. */
static inline void gee_counters_add(_Atomic uint64_t *counter, uint64_t more) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}
static inline void gee_counters_begin(gee_counters_row_t *row) {
    gee_counters_add(&row->calls, 1);
    gee_counters_add(&row->in_flight, 1);
}
static inline unsigned gee_counters_bucket(uint64_t microseconds) {
    if (microseconds < GEE_COUNTERS_EXACT)
        return (unsigned)microseconds;
    unsigned power = 63 - (unsigned)__builtin_clzll(microseconds); /* 4 and up */
    unsigned bucket = GEE_COUNTERS_EXACT + (power - 4) * 8 + (unsigned)(microseconds >> (power - 3) & 7);
    return bucket < GEE_COUNTERS_BUCKETS ? bucket : GEE_COUNTERS_BUCKETS - 1;
}
static inline void gee_counters_outcome(gee_counters_row_t *row, bool failed, int64_t nanoseconds) {
    uint64_t microseconds = nanoseconds > 0 ? (uint64_t)nanoseconds / 1000 : 0;
    if (failed)
        gee_counters_add(&row->errors, 1);
    gee_counters_add(&row->microseconds, microseconds);
    gee_counters_add(&row->histogram[gee_counters_bucket(microseconds)], 1);
}
/* The call was answered. */
static inline void gee_counters_end(gee_counters_row_t *row, bool failed, int64_t nanoseconds) {
    gee_counters_add(&row->late, 1);
    gee_counters_outcome(row, failed, nanoseconds);
}
/* The handler has finished, after gee_counters_end(). */
static inline void gee_counters_release(gee_counters_row_t *row) {
    gee_counters_add(&row->in_flight, (uint64_t)-1);
    gee_counters_add(&row->late, (uint64_t)-1);
}
/* The call was answered and its handler has finished. */
static inline void gee_counters_done(gee_counters_row_t *row, bool failed, int64_t nanoseconds) {
    gee_counters_outcome(row, failed, nanoseconds);
    gee_counters_add(&row->in_flight, (uint64_t)-1);
}

/* ---- the reader: any process, at any time ---- */
typedef struct gee_counters_sum {
    gee_str_t method;
    uint64_t calls, errors, in_flight, late, microseconds;
    uint64_t histogram[GEE_COUNTERS_BUCKETS];
} gee_counters_sum_t;

typedef struct gee_counters_sums {
    gee_counters_sum_t *items; /* by name */
    size_t count;
} gee_counters_sums_t;

/* What one process has counted; calls and errors include those of the slot's processes before it. */
typedef struct gee_counters_worker {
    int64_t process;
    uint64_t calls, errors, in_flight, late;
} gee_counters_worker_t;

/* The processes that count now, in `pool`, `*count` of them. Null: out of memory. */
gee_counters_worker_t *gee_counters_workers(const gee_counters_t *counters, gee_pool_t *pool, size_t *count);
/* Sums over all slots, in `pool`. What a dead process had in flight is not counted. -1: out of memory. */
int gee_counters_read(const gee_counters_t *counters, gee_pool_t *pool, gee_counters_sums_t *sums);
/* The time, in microseconds, within which `share` (0.5, 0.99) of the calls were answered: the upper end of the bucket
 * in which the share is reached, so at most an eighth too long. 0 when there were no calls. */
uint64_t gee_counters_quantile(const gee_counters_sum_t *sum, double share);

#endif
