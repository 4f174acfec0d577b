/* board.c: writing a worker's upstreams into its slot, and adding the slots up. */
#include "board.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* A double buffer for a board_content_t lies behind it. */
struct board_slot {
    alignas(max_align_t) _Atomic int64_t owner; /* the process that writes here; 0: nobody */
};

struct board {
    alignas(max_align_t) _Atomic uint32_t slot_count; /* 0 until a process has asked for a slot */
};

static size_t slot_size(void) {
    return sizeof(board_slot_t) + gee_double_buffer_size(sizeof(board_content_t));
}

static board_slot_t *slot_at(const board_t *board, size_t n) {
    /* Readers have the board as a constant, which they keep. */
    return (board_slot_t *)((uintptr_t)(board + 1) + n * slot_size());
}

static gee_double_buffer_t buffer_of(board_slot_t *slot) {
    return (gee_double_buffer_t){ .memory = (void *)(slot + 1), .capacity = sizeof(board_content_t) };
}

size_t board_size(unsigned workers) {
    return sizeof(board_t) + gee_counters_slots(workers) * slot_size();
}

/* ---- the writer ---- */

board_slot_t *board_claim(board_t *board, size_t size, int64_t process) {
    size_t count = (size - sizeof(board_t)) / slot_size();
    atomic_store(&board->slot_count, (uint32_t)count); /* the same by whomever */
    for (size_t i = 0; i < count; i++)
        if (gee_process_claim(&slot_at(board, i)->owner, process))
            return slot_at(board, i);
    return NULL;
}

void board_yield(board_slot_t *slot) {
    atomic_store_explicit(&slot->owner, 0, memory_order_release);
}

board_content_t *board_begin(board_slot_t *slot) {
    gee_double_buffer_t buffer = buffer_of(slot);
    return gee_double_buffer_begin(&buffer);
}

void board_publish(board_slot_t *slot, const board_content_t *content) {
    gee_double_buffer_t buffer = buffer_of(slot);
    gee_double_buffer_publish(&buffer,
                              offsetof(board_content_t, peers) + content->peer_count * sizeof(content->peers[0]));
}

static void write_peer(board_peer_t *target, const gee_upstream_peer_t *peer) {
    gee_peer_report_t report;
    gee_upstream_peer_report(peer, &report);
    (void)gee_str_format(target->address, sizeof(target->address), "%s", report.address);
    target->weight = report.weight;
    target->state = (uint32_t)report.state;
    target->connections = report.connections;
    target->in_flight = report.in_flight;
    target->calls = report.calls;
    target->failures = report.failures;
    target->latency_us = (uint64_t)report.latency_ns / 1000;
}

static void write_upstream(board_content_t *content, const gee_upstream_t *upstream) {
    board_upstream_t *target = &content->upstreams[content->upstream_count++];
    const gee_balancer_t *balancer = gee_upstream_balancer(upstream);
    size_t count = gee_upstream_peer_count(upstream), room = BOARD_PEERS - content->peer_count;
    (void)gee_str_format(target->name, sizeof(target->name), "%s", gee_upstream_name(upstream));
    (void)gee_str_format(target->balance, sizeof(target->balance), "%s", balancer ? balancer->name : "");
    target->waiting = gee_upstream_waiting(upstream);
    target->peers = (uint32_t)(count < room ? count : room);
    for (size_t i = 0; i < target->peers; i++)
        write_peer(&content->peers[content->peer_count++], gee_upstream_peer(upstream, i));
}

void board_write(board_slot_t *slot, const gee_engine_t *engine) {
    board_content_t *content = board_begin(slot);
    content->upstream_count = content->peer_count = 0;
    for (size_t i = 0; i < engine->upstream_count && i < BOARD_UPSTREAMS; i++)
        write_upstream(content, engine->upstreams[i]);
    board_publish(slot, content);
}

/* ---- the reader ---- */

static uint32_t worse(uint32_t a, uint32_t b) {
    static const unsigned worry[] = {
        [GEE_PEER_IDLE] = 0, [GEE_PEER_LEAVING] = 1, [GEE_PEER_UP] = 2, [GEE_PEER_CONNECTING] = 3, [GEE_PEER_DOWN] = 4
    };
    return worry[b] > worry[a] ? b : a;
}

static uint64_t average(uint64_t a, uint64_t calls_a, uint64_t b, uint64_t calls_b) {
    double total = (double)calls_a + (double)calls_b;
    return total > 0 ? (uint64_t)(((double)a * (double)calls_a + (double)b * (double)calls_b) / total) : a > b ? a : b;
}

static void add_peer(debug_upstream_t *upstream, const board_peer_t *peer) {
    board_peer_t *sum = NULL;
    for (size_t i = 0; i < upstream->peer_count && sum == NULL; i++)
        if (strcmp(upstream->peers[i].address, peer->address) == 0)
            sum = &upstream->peers[i];
    if (sum == NULL && upstream->peer_count < BOARD_PEERS)
        upstream->peers[upstream->peer_count++] = *peer;
    if (sum == NULL)
        return;
    sum->latency_us = average(sum->latency_us, sum->calls, peer->latency_us, peer->calls);
    sum->state = worse(sum->state, peer->state);
    sum->weight = peer->weight;
    sum->connections += peer->connections;
    sum->in_flight += peer->in_flight;
    sum->calls += peer->calls;
    sum->failures += peer->failures;
}

/* Null: out of memory, or there are too many. */
static debug_upstream_t *upstream_of(debug_upstream_t *upstreams, size_t *count, const board_upstream_t *source,
                                     gee_pool_t *pool) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp(upstreams[i].name, source->name) == 0)
            return &upstreams[i];
    if (*count == BOARD_UPSTREAMS)
        return NULL;
    debug_upstream_t *made = &upstreams[*count];
    made->name = gee_pool_strdup(pool, source->name);
    made->balance = gee_pool_strdup(pool, source->balance);
    made->peers = gee_pool_array(pool, BOARD_PEERS, sizeof(*made->peers));
    if (made->name == NULL || made->balance == NULL || made->peers == NULL)
        return NULL;
    ++*count;
    return made;
}

static int add_content(const board_content_t *content, debug_upstream_t *upstreams, size_t *count, gee_pool_t *pool) {
    const board_peer_t *peer = content->peers;
    for (uint32_t i = 0; i < content->upstream_count; i++) {
        const board_upstream_t *source = &content->upstreams[i];
        debug_upstream_t *upstream = upstream_of(upstreams, count, source, pool);
        if (upstream == NULL && *count < BOARD_UPSTREAMS)
            return -1;
        if (upstream != NULL)
            upstream->waiting += source->waiting;
        for (uint32_t j = 0; j < source->peers; j++, peer++)
            if (upstream != NULL)
                add_peer(upstream, peer);
    }
    return 0;
}

/* -1: out of memory. What cannot be read, since its writer is too fast, is left out. */
static int add_slot(board_slot_t *slot, debug_upstream_t *upstreams, size_t *count, gee_pool_t *pool) {
    gee_double_buffer_t buffer = buffer_of(slot);
    gee_double_copy_t copy = { 0 };
    int result = 0;
    if (gee_process_alive(atomic_load_explicit(&slot->owner, memory_order_acquire)) &&
        gee_double_buffer_read(&buffer, &copy) == 0 && copy.count > 0)
        result = add_content(copy.bytes, upstreams, count, pool);
    gee_double_copy_free(&copy);
    return result;
}

int board_read(const board_t *board, gee_pool_t *pool, debug_upstream_t **upstreams, size_t *count) {
    uint32_t slots = atomic_load(&board->slot_count);
    *upstreams = gee_pool_array(pool, BOARD_UPSTREAMS, sizeof(**upstreams));
    *count = 0;
    if (*upstreams == NULL)
        return -1;
    for (uint32_t i = 0; i < slots; i++)
        if (add_slot(slot_at(board, i), *upstreams, count, pool) != 0)
            return -1;
    return 0;
}
