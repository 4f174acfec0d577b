/* counters.c: slots of the shared counters: claiming, counting, summing. */
#include "core/rpc/counters.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/process.h"

#define SLOTS_LEAST      32
#define SLOTS_PER_WORKER 4

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "counters in shared memory must be atomic without a lock");

size_t gee_counters_slots(unsigned workers) {
    size_t slots = SLOTS_LEAST;
    while (slots / SLOTS_PER_WORKER < workers)
        slots *= 2;
    return slots;
}

size_t gee_counters_size(unsigned workers) {
    return sizeof(gee_counters_t) + gee_counters_slots(workers) * sizeof(gee_counters_slot_t);
}

static uint64_t load(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- the writer ---- */

static bool take(gee_counters_slot_t *slot, pid_t process) {
    if (!gee_process_claim(&slot->owner, process))
        return false;
    for (size_t i = 0; i < GEE_COUNTERS_ROWS; i++)
        if (load(&slot->rows[i].in_flight) != 0 || load(&slot->rows[i].late) != 0) {
            atomic_store_explicit(&slot->rows[i].in_flight, 0, memory_order_relaxed);
            atomic_store_explicit(&slot->rows[i].late, 0, memory_order_relaxed);
        }
    return true;
}

gee_counters_slot_t *gee_counters_claim(gee_counters_t *counters, size_t size, pid_t process) {
    size_t count = (size - sizeof(gee_counters_t)) / sizeof(gee_counters_slot_t);
    atomic_store(&counters->slot_count, (uint32_t)count); /* every process computes the same number */
    for (size_t i = 0; i < count; i++)
        if (take(&counters->slots[i], process))
            return &counters->slots[i];
    return NULL;
}

void gee_counters_yield(gee_counters_slot_t *slot) {
    atomic_store_explicit(&slot->owner, 0, memory_order_release);
}

gee_counters_row_t *gee_counters_row(gee_counters_slot_t *slot, gee_str_t method) {
    uint32_t count = atomic_load_explicit(&slot->row_count, memory_order_relaxed);
    size_t length = method.length < GEE_COUNTERS_METHOD ? method.length : GEE_COUNTERS_METHOD - 1;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = slot->rows[i].method;
        if (strncmp(name, method.data, length) == 0 && name[length] == '\0')
            return &slot->rows[i];
    }
    if (count == GEE_COUNTERS_ROWS)
        return &slot->rows[GEE_COUNTERS_ROWS - 1];
    if (count == GEE_COUNTERS_ROWS - 1) {
        method = GEE_STR(GEE_COUNTERS_OTHERS);
        length = method.length;
    }
    gee_counters_row_t *row = &slot->rows[count];
    memcpy(row->method, method.data, length);
    memset(row->method + length, 0, GEE_COUNTERS_METHOD - length);
    atomic_store_explicit(&slot->row_count, count + 1, memory_order_release);
    return row;
}

/* The last microsecond that falls into a bucket. */
static uint64_t bucket_end(unsigned bucket) {
    if (bucket < GEE_COUNTERS_EXACT)
        return bucket;
    unsigned shift = (bucket - GEE_COUNTERS_EXACT) / 8 + 1;
    return ((uint64_t)(8 + (bucket - GEE_COUNTERS_EXACT) % 8 + 1) << shift) - 1;
}

/* ---- the reader ---- */

static gee_counters_sum_t *sum_of(gee_counters_sums_t *sums, size_t capacity, const char *method, gee_pool_t *pool) {
    gee_str_t name = { .data = method, .length = strnlen(method, GEE_COUNTERS_METHOD) };
    for (size_t i = 0; i < sums->count; i++)
        if (gee_str_equal(sums->items[i].method, name))
            return &sums->items[i];
    if (sums->count == capacity) {
        gee_counters_sum_t *items = gee_pool_array(pool, capacity + GEE_COUNTERS_ROWS, sizeof(*items));
        if (items == NULL)
            return NULL;
        if (sums->count > 0)
            memcpy(items, sums->items, sums->count * sizeof(*items));
        sums->items = items;
    }
    gee_counters_sum_t *sum = &sums->items[sums->count];
    sum->method = gee_pool_str(pool, name);
    if (sum->method.data == NULL)
        return NULL;
    sums->count++;
    return sum;
}

static void add_row(gee_counters_sum_t *sum, const gee_counters_row_t *row, bool alive) {
    sum->calls += load(&row->calls);
    sum->errors += load(&row->errors);
    sum->microseconds += load(&row->microseconds);
    if (alive) {
        sum->in_flight += load(&row->in_flight);
        sum->late += load(&row->late);
    }
    for (size_t i = 0; i < GEE_COUNTERS_BUCKETS; i++)
        sum->histogram[i] += load(&row->histogram[i]);
}

static int compare_sums(const void *a, const void *b) {
    return gee_str_compare(((const gee_counters_sum_t *)a)->method, ((const gee_counters_sum_t *)b)->method);
}

int gee_counters_read(const gee_counters_t *counters, gee_pool_t *pool, gee_counters_sums_t *sums) {
    uint32_t slots = atomic_load(&counters->slot_count);
    *sums = (gee_counters_sums_t){ .count = 0 };
    for (uint32_t i = 0; i < slots; i++) {
        const gee_counters_slot_t *slot = &counters->slots[i];
        uint32_t rows = atomic_load_explicit(&slot->row_count, memory_order_acquire);
        bool alive = gee_process_alive(atomic_load_explicit(&slot->owner, memory_order_acquire));
        for (uint32_t j = 0; j < rows && j < GEE_COUNTERS_ROWS; j++) {
            /* Capacity grows in steps of GEE_COUNTERS_ROWS: it is the count rounded up. */
            size_t capacity = (sums->count + GEE_COUNTERS_ROWS - 1) / GEE_COUNTERS_ROWS * GEE_COUNTERS_ROWS;
            gee_counters_sum_t *sum = sum_of(sums, capacity, slot->rows[j].method, pool);
            if (sum == NULL)
                return -1;
            add_row(sum, &slot->rows[j], alive);
        }
    }
    if (sums->count > 1)
        qsort(sums->items, sums->count, sizeof(*sums->items), compare_sums);
    return 0;
}

static void add_to_worker(gee_counters_worker_t *worker, const gee_counters_slot_t *slot) {
    uint32_t rows = atomic_load_explicit(&slot->row_count, memory_order_acquire);
    for (uint32_t i = 0; i < rows && i < GEE_COUNTERS_ROWS; i++) {
        worker->calls += load(&slot->rows[i].calls);
        worker->errors += load(&slot->rows[i].errors);
        worker->in_flight += load(&slot->rows[i].in_flight);
        worker->late += load(&slot->rows[i].late);
    }
}

gee_counters_worker_t *gee_counters_workers(const gee_counters_t *counters, gee_pool_t *pool, size_t *count) {
    uint32_t slots = atomic_load(&counters->slot_count);
    gee_counters_worker_t *workers = gee_pool_array(pool, slots ? slots : 1, sizeof(*workers));
    *count = 0;
    for (uint32_t i = 0; i < slots && workers != NULL; i++) {
        int64_t process = atomic_load_explicit(&counters->slots[i].owner, memory_order_acquire);
        if (!gee_process_alive(process))
            continue;
        workers[*count].process = process;
        add_to_worker(&workers[(*count)++], &counters->slots[i]);
    }
    return workers;
}

uint64_t gee_counters_quantile(const gee_counters_sum_t *sum, double share) {
    uint64_t total = 0, seen = 0;
    for (size_t i = 0; i < GEE_COUNTERS_BUCKETS; i++)
        total += sum->histogram[i];
    if (total == 0)
        return 0;
    for (unsigned i = 0; i < GEE_COUNTERS_BUCKETS; i++) {
        seen += sum->histogram[i];
        if ((double)seen >= share * (double)total)
            return bucket_end(i);
    }
    return bucket_end(GEE_COUNTERS_BUCKETS - 1);
}
