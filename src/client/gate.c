/* gate.c: one word counts the threads inside gee_gate_post(), so that shutting the gate can wait for them. */
#include "client/gate.h"

#include "client/futex.h"
#include "core/base/assert.h"

#define GATE_SHUT 0x80000000u

int gee_gate_post(gee_gate_t *gate, gee_task_t *task, gee_error_t *error) {
    bool shut = (atomic_fetch_add_explicit(&gate->word, 1, memory_order_acquire) & GATE_SHUT) != 0;
    if (!shut)
        gee_runtime_post(gate->runtime, task);
    if (atomic_fetch_sub_explicit(&gate->word, 1, memory_order_release) == (GATE_SHUT | 1))
        gee_futex_wake(&gate->word);
    return shut ? gee_error_set(error, GEE_CANCELLED, "the client was closed") : 0;
}

void gee_gate_shut(gee_gate_t *gate) {
    unsigned before = atomic_fetch_or_explicit(&gate->word, GATE_SHUT, memory_order_acq_rel);
    GEE_ASSERT((before & GATE_SHUT) == 0);
    for (unsigned now = before | GATE_SHUT; now != GATE_SHUT;) {
        gee_futex_wait(&gate->word, now, INT64_MAX);
        now = atomic_load_explicit(&gate->word, memory_order_acquire);
    }
}

static void end_when_through(gee_gate_t *gate) {
    if (gate->ending && gate->lingering == 0)
        gee_loop_defer(gate->runtime->loop, &gate->end_task);
}

void gee_gate_linger(gee_gate_t *gate) {
    GEE_ASSERT(gee_runtime_inside(gate->runtime));
    gate->lingering++;
}

void gee_gate_relieve(gee_gate_t *gate) {
    GEE_ASSERT(gee_runtime_inside(gate->runtime) && gate->lingering > 0);
    gate->lingering--;
    end_when_through(gate);
}

void gee_gate_end(gee_gate_t *gate) {
    GEE_ASSERT(gee_runtime_inside(gate->runtime) && !gate->ending);
    gate->ending = true;
    end_when_through(gate);
}
