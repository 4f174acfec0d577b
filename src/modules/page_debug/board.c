/* board.c: writes a worker's upstreams into its slot, and adds the slots up. */
#include "board.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#define LEAST_CAPACITY  (4 * GEE_KIB)
#define LISTED_CAPACITY (2 * GEE_MIB) /* for the lists of registries */
#define UPSTREAM_ROOM   512           /* with texts of an ordinary length; texts of backends are seldom so long */

/* A double buffer lies behind the slot. */
struct board_slot {
    alignas(max_align_t) _Atomic int64_t owner; /* the process that writes here; 0: nobody */
};

/* ---- records ---- */

typedef struct board_head {
    uint64_t left_out; /* backends for which there was no room */
} board_head_t;

/* The texts lie behind the record, each with its terminator. */
typedef struct board_upstream {
    uint64_t waiting;
    uint32_t backends;
    uint32_t name, balance; /* bytes of the texts */
} board_upstream_t;

typedef struct board_backend_record {
    board_backend_t backend;
    uint32_t address; /* bytes of the text behind it */
} board_backend_record_t;

static size_t rounded(size_t length) {
    return (length + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

/* ---- the memory ---- */

void board_measure(board_t *board, const gee_prepare_t *prepare) {
    size_t wanted = prepare->upstreams * UPSTREAM_ROOM +
                    prepare->upstream_servers * rounded(sizeof(board_backend_record_t) + GEE_ADDR_TEXT) +
                    (prepare->upstreams_listed ? LISTED_CAPACITY : 0);
    board->slots = gee_counters_slots(prepare->workers);
    board->capacity = LEAST_CAPACITY;
    while (board->capacity <
           wanted) /* most changes of a configuration keep the capacity, and with it the slots of old workers */
        board->capacity *= 2;
}

static size_t slot_size(const board_t *board) {
    return sizeof(board_slot_t) + gee_double_buffer_size(board->capacity);
}

static board_slot_t *slot_at(const board_t *board, size_t n) {
    return (board_slot_t *)(void *)(board->memory + n * slot_size(board));
}

static gee_double_buffer_t buffer_of(const board_t *board, board_slot_t *slot) {
    return (gee_double_buffer_t){ .memory = (void *)(slot + 1), .capacity = board->capacity };
}

size_t board_size(const board_t *board) {
    return board->slots * slot_size(board);
}

/* ---- the writer ---- */

board_slot_t *board_claim(const board_t *board, int64_t process) {
    for (size_t i = 0; i < board->slots; i++)
        if (gee_process_claim(&slot_at(board, i)->owner, process))
            return slot_at(board, i);
    return NULL;
}

void board_yield(board_slot_t *slot) {
    atomic_store_explicit(&slot->owner, 0, memory_order_release);
}

/* Null: out of room. */
static void *put_record(board_writer_t *writer, size_t size) {
    if (rounded(size) > writer->buffer.capacity - writer->length)
        return NULL;
    void *record = writer->bytes + writer->length;
    writer->length += rounded(size);
    return record;
}

void board_begin(board_writer_t *writer, const board_t *board, board_slot_t *slot) {
    *writer = (board_writer_t){ .buffer = buffer_of(board, slot) };
    writer->bytes = gee_double_buffer_begin(&writer->buffer);
    writer->head = put_record(writer, sizeof(*writer->head));
    writer->head->left_out = 0;
}

void board_put_upstream(board_writer_t *writer, const char *name, const char *balance, uint64_t waiting) {
    size_t name_size = strlen(name) + 1, balance_size = strlen(balance) + 1;
    board_upstream_t *record = put_record(writer, sizeof(*record) + name_size + balance_size);
    writer->upstream = record;
    if (record == NULL)
        return;
    *record = (board_upstream_t){ .waiting = waiting, .name = (uint32_t)name_size, .balance = (uint32_t)balance_size };
    memcpy(record + 1, name, name_size);
    memcpy((char *)(record + 1) + name_size, balance, balance_size);
}

void board_put_backend(board_writer_t *writer, const char *address, const board_backend_t *backend) {
    size_t size = strlen(address) + 1;
    board_backend_record_t *record = writer->upstream != NULL ? put_record(writer, sizeof(*record) + size) : NULL;
    if (record == NULL) {
        writer->head->left_out++;
        return;
    }
    record->backend = *backend;
    record->address = (uint32_t)size;
    memcpy(record + 1, address, size);
    writer->upstream->backends++;
}

void board_publish(const board_writer_t *writer) {
    gee_double_buffer_publish(&writer->buffer, writer->length);
}

static void write_backend(board_writer_t *writer, const gee_backend_t *backend) {
    gee_backend_report_t report;
    gee_backend_report(backend, &report);
    board_backend_t numbers = { .weight = report.weight,
                                .state = (uint32_t)report.state,
                                .connections = report.connections,
                                .in_flight = report.in_flight,
                                .calls = report.calls,
                                .failures = report.failures,
                                .latency_us = (uint64_t)report.latency_ns / 1000 };
    board_put_backend(writer, report.address, &numbers);
}

void board_write(const board_t *board, board_slot_t *slot, const gee_engine_t *engine) {
    board_writer_t writer;
    board_begin(&writer, board, slot);
    const gee_gateway_t *gateway = gee_engine_gateway(engine);
    for (size_t i = 0; i < gateway->count; i++) {
        const gee_upstream_t *upstream = gateway->upstreams[i];
        const gee_balancer_t *balancer = gee_upstream_balancer(upstream);
        board_put_upstream(&writer, gee_upstream_name(upstream), balancer ? balancer->name : "",
                           gee_upstream_waiting(upstream));
        for (size_t j = 0; j < gee_upstream_backend_count(upstream); j++)
            write_backend(&writer, gee_upstream_backend(upstream, j));
    }
    board_publish(&writer);
}

/* ---- the reader ---- */

static uint32_t worse(uint32_t a, uint32_t b) {
    static const unsigned worry[] = { [GEE_BACKEND_IDLE] = 0,
                                      [GEE_BACKEND_LEAVING] = 1,
                                      [GEE_BACKEND_UP] = 2,
                                      [GEE_BACKEND_CONNECTING] = 3,
                                      [GEE_BACKEND_DOWN] = 4 };
    return worry[b] > worry[a] ? b : a;
}

static uint64_t average(uint64_t a, uint64_t calls_a, uint64_t b, uint64_t calls_b) {
    double total = (double)calls_a + (double)calls_b;
    return total > 0 ? (uint64_t)(((double)a * (double)calls_a + (double)b * (double)calls_b) / total) : a > b ? a : b;
}

/* Returns `items` with room for one more; null: out of memory. */
static void *grown(gee_pool_t *pool, void *items, size_t count, size_t *room, size_t size) {
    if (count < *room)
        return items;
    size_t wanted = *room > 0 ? 2 * *room : 16;
    void *larger = gee_pool_array(pool, wanted, size);
    if (larger == NULL)
        return NULL;
    if (count > 0)
        memcpy(larger, items, count * size);
    *room = wanted;
    return larger;
}

/* Workers usually list backends in the same order, so the search begins at `next`. */
static debug_backend_t *find_backend(debug_upstream_t *upstream, const char *address) {
    for (size_t i = 0; i < upstream->backend_count; i++) {
        size_t at = (upstream->next + i) % upstream->backend_count;
        if (strcmp(upstream->backends[at].address, address) == 0) {
            upstream->next = at + 1;
            return &upstream->backends[at];
        }
    }
    return NULL;
}

static int append_backend(debug_upstream_t *upstream, const char *address, const board_backend_t *backend,
                          gee_pool_t *pool) {
    debug_backend_t *backends =
        grown(pool, upstream->backends, upstream->backend_count, &upstream->backend_room, sizeof(*upstream->backends));
    const char *copy = backends != NULL ? gee_pool_strdup(pool, address) : NULL;
    if (copy == NULL)
        return -1;
    upstream->backends = backends;
    backends[upstream->backend_count++] = (debug_backend_t){ .address = copy, .sums = *backend };
    return 0;
}

/* `fresh`: only this worker has listed the upstream so far, so the backend is new. */
static int add_backend(debug_upstream_t *upstream, const char *address, const board_backend_t *backend, bool fresh,
                       gee_pool_t *pool) {
    debug_backend_t *known = fresh ? NULL : find_backend(upstream, address);
    if (known == NULL)
        return append_backend(upstream, address, backend, pool);
    board_backend_t *sum = &known->sums;
    sum->latency_us = average(sum->latency_us, sum->calls, backend->latency_us, backend->calls);
    sum->state = worse(sum->state, backend->state);
    sum->weight = backend->weight;
    sum->connections += backend->connections;
    sum->in_flight += backend->in_flight;
    sum->calls += backend->calls;
    sum->failures += backend->failures;
    return 0;
}

debug_upstream_t *debug_find_upstream(const debug_upstreams_t *upstreams, const char *name, size_t *next) {
    for (size_t i = 0; i < upstreams->count; i++) {
        size_t at = (*next + i) % upstreams->count;
        if (strcmp(upstreams->items[at].name, name) == 0) {
            *next = at + 1;
            return &upstreams->items[at];
        }
    }
    return NULL;
}

/* Appends a new upstream; null: out of memory. */
static debug_upstream_t *append_upstream(debug_upstreams_t *upstreams, const char *name, const char *balance,
                                         gee_pool_t *pool) {
    debug_upstream_t *items =
        grown(pool, upstreams->items, upstreams->count, &upstreams->room, sizeof(*upstreams->items));
    if (items == NULL)
        return NULL;
    upstreams->items = items;
    debug_upstream_t *made = &items[upstreams->count];
    *made = (debug_upstream_t){ .name = gee_pool_strdup(pool, name), .balance = gee_pool_strdup(pool, balance) };
    if (made->name == NULL || made->balance == NULL)
        return NULL;
    upstreams->count++;
    return made;
}

/* The part of a worker's records that is not read yet. */
typedef struct rest {
    const uint8_t *at;
    size_t length;
} rest_t;

/* Null: fewer bytes are left. */
static const void *take_record(rest_t *rest, size_t size) {
    const void *record = rest->at;
    if (rounded(size) > rest->length)
        return NULL;
    rest->at += rounded(size);
    rest->length -= rounded(size);
    return record;
}

static int add_backends(rest_t *rest, debug_upstream_t *upstream, uint32_t count, bool fresh, gee_pool_t *pool) {
    for (upstream->next = 0; count > 0; count--) {
        const board_backend_record_t *record = (const board_backend_record_t *)(const void *)rest->at;
        if (rest->length < sizeof(*record) || take_record(rest, sizeof(*record) + record->address) == NULL)
            return 0;
        if (add_backend(upstream, (const char *)(record + 1), &record->backend, fresh, pool) != 0)
            return -1;
    }
    return 0;
}

static int add_content(rest_t rest, debug_upstreams_t *upstreams, gee_pool_t *pool) {
    const board_head_t *head = take_record(&rest, sizeof(*head));
    if (head != NULL && head->left_out > upstreams->left_out)
        upstreams->left_out = head->left_out;
    for (upstreams->next = 0; rest.length >= sizeof(board_upstream_t);) {
        const board_upstream_t *record = (const board_upstream_t *)(const void *)rest.at;
        if (take_record(&rest, sizeof(*record) + record->name + record->balance) == NULL)
            return 0;
        const char *name = (const char *)(record + 1);
        debug_upstream_t *upstream = debug_find_upstream(upstreams, name, &upstreams->next);
        bool fresh = upstream == NULL;
        if (fresh)
            upstream = append_upstream(upstreams, name, name + record->name, pool);
        if (upstream == NULL || add_backends(&rest, upstream, record->backends, fresh, pool) != 0)
            return -1;
        upstream->waiting += record->waiting;
    }
    return 0;
}

/* -1: out of memory. A slot that cannot be read, since its writer is too fast, is left out. */
static int add_slot(const board_t *board, board_slot_t *slot, debug_upstreams_t *upstreams, gee_pool_t *pool) {
    gee_double_buffer_t buffer = buffer_of(board, slot);
    gee_double_copy_t copy = { 0 };
    int result = 0;
    if (gee_process_alive(atomic_load_explicit(&slot->owner, memory_order_acquire)) &&
        gee_double_buffer_read(&buffer, &copy) == 0 && copy.count > 0)
        result = add_content((rest_t){ .at = copy.bytes, .length = copy.length }, upstreams, pool);
    gee_double_copy_free(&copy);
    return result;
}

int board_read(const board_t *board, gee_pool_t *pool, debug_upstreams_t *upstreams) {
    *upstreams = (debug_upstreams_t){ 0 };
    for (size_t i = 0; i < board->slots; i++)
        if (add_slot(board, slot_at(board, i), upstreams, pool) != 0)
            return -1;
    return 0;
}
