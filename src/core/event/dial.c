/* dial.c: from an address to a stream, step by step.
 *
 *   start -> resolve (here, or on a thread) -> connect to candidate 1, 2, ... -> the transport's layer shakes hands
 *         -> stream, or the last reason */
#include "core/event/dial.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/event/work.h"

#define CANDIDATES    16
#define LEAST_ATTEMPT GEE_SECOND /* a candidate's share of the time, if there is as much */

typedef struct candidates {
    gee_sockaddr_t list[CANDIDATES];
    size_t count;
} candidates_t;

/* The memory that the resolving thread sees. */
typedef struct resolving {
    const gee_transport_t *transport;
    gee_addr_t addr;
    candidates_t found;
    int outcome;
    gee_error_t error;
} resolving_t;

typedef struct gee_dial_layer {
    const gee_layer_t *layer; /* null: none */
    const void *setup;
} gee_dial_layer_t;

struct gee_dial {
    gee_loop_t *loop;
    gee_thread_pool_t *threads;
    const gee_transport_t *transport;
    gee_addr_t addr;
    gee_stream_options_t options;
    gee_dialled_t dialled;
    void *data;
    int64_t started, timeout;

    gee_task_t first_step;
    gee_work_t *work; /* while a thread resolves */
    candidates_t candidates;
    size_t next;                /* the candidate after the one that is being tried */
    gee_dial_layer_t layers[2]; /* the transport's layer and the caller's; each may be absent */
    size_t pushed;              /* how many of these layers were pushed */
    gee_watch_t watch;          /* the socket that is connecting; -1: none */
    gee_timer_t timer;          /* the end of the attempt, or of the dial */
    gee_stream_t *stream;       /* while its layer shakes hands */
    gee_phase_t phase;
    gee_error_t error; /* the last reason */
};

/* ---- the end ---- */

static void close_attempt(gee_dial_t *dial) {
    if (dial->watch.descriptor < 0)
        return;
    gee_loop_unwatch(dial->loop, &dial->watch);
    close(dial->watch.descriptor);
    dial->watch.descriptor = -1;
}

void gee_dial_cancel(gee_dial_t **slot) {
    gee_dial_t *dial = *slot;
    *slot = NULL;
    if (!dial)
        return;
    close_attempt(dial);
    gee_stream_destroy(&dial->stream);
    gee_timer_stop(dial->loop, &dial->timer);
    gee_loop_undefer(&dial->first_step);
    gee_work_cancel(&dial->work);
    free(dial);
}

static void finish_dial(gee_dial_t *dial, gee_stream_t *stream) {
    gee_dialled_t dialled = dial->dialled;
    void *data = dial->data;
    gee_error_t error = dial->error;
    error.phase = dial->phase;
    error.elapsed_ns = gee_loop_now(dial->loop) - dial->started;
    gee_dial_cancel(&dial);
    dialled(data, stream, stream ? NULL : &error);
}

static void finish_too_late(gee_dial_t *dial) {
    char duration[GEE_DURATION_TEXT];
    gee_error_set(&dial->error, GEE_UNAVAILABLE, "%s: %s: no answer within %s", dial->addr.text,
                  gee_phase_name(dial->phase), gee_format_duration(duration, dial->timeout));
    finish_dial(dial, NULL);
}

/* ---- connecting ---- */

static int64_t time_left(const gee_dial_t *dial) {
    return gee_time_add(dial->started, dial->timeout) - gee_loop_now(dial->loop);
}

/* Names the address as the user wrote it; where that is a name, also the numeric address that refused. */
static void explain(gee_dial_t *dial, const gee_sockaddr_t *candidate) {
    char text[GEE_ADDR_TEXT];
    gee_sockaddr_text(candidate, text);
    const char *place = strchr(text, '@') + 1;
    if (dial->transport->numeric(&dial->addr))
        gee_error_prefix(&dial->error, "%s: connect: ", dial->addr.text);
    else
        gee_error_prefix(&dial->error, "%s (%s): connect: ", dial->addr.text, place);
}

static int start_attempt(gee_dial_t *dial, const gee_sockaddr_t *candidate) {
    dial->watch.descriptor = dial->transport->connect(candidate, &dial->error);
    if (dial->watch.descriptor < 0)
        return -1;
    if (gee_loop_watch(dial->loop, &dial->watch, EPOLLOUT, &dial->error) != 0)
        goto fail;
    if (dial->timeout <= 0)
        return 0;
    int64_t left = time_left(dial), share = left / (int64_t)(dial->candidates.count - dial->next + 1);
    if (share < LEAST_ATTEMPT)
        share = left < LEAST_ATTEMPT ? left : LEAST_ATTEMPT;
    if (gee_timer_start(dial->loop, &dial->timer, share) == 0)
        return 0;
    gee_error_set(&dial->error, GEE_RESOURCE_EXHAUSTED, "out of memory");
fail:
    close_attempt(dial);
    return -1;
}

static void try_next(gee_dial_t *dial) {
    while (dial->next < dial->candidates.count) {
        const gee_sockaddr_t *candidate = &dial->candidates.list[dial->next++];
        if (start_attempt(dial, candidate) == 0)
            return;
        explain(dial, candidate);
    }
    finish_dial(dial, NULL);
}

/* ---- the transport's layer ---- */

static void add_layers(gee_dial_t *dial, gee_stream_t *stream);

static void handshake_done(gee_stream_t *stream, void *owner) {
    gee_dial_t *dial = owner;
    dial->stream = NULL;
    gee_stream_set_owner(stream, NULL, NULL);
    add_layers(dial, stream);
}

static void handshake_failed(gee_stream_t *stream GEE_UNUSED, void *owner, const gee_error_t *reason) {
    gee_dial_t *dial = owner;
    dial->error = *reason;
    gee_error_prefix(&dial->error, "%s: handshake: ", dial->addr.text);
    finish_dial(dial, NULL);
}

static void handshake_ended(gee_stream_t *stream, void *owner) {
    gee_error_t error;
    gee_error_set(&error, GEE_UNAVAILABLE, "the peer closed the connection in the middle of it");
    handshake_failed(stream, owner, &error);
}

static void shake_hands(gee_dial_t *dial, gee_stream_t *stream) {
    static const gee_stream_events_t events = { .established = handshake_done,
                                                .ended = handshake_ended,
                                                .failed = handshake_failed };
    dial->phase = GEE_PHASE_HANDSHAKE;
    dial->stream = stream;
    if (dial->timeout > 0 &&
        gee_timer_start_at(dial->loop, &dial->timer, gee_time_add(dial->started, dial->timeout)) != 0) {
        gee_error_set(&dial->error, GEE_RESOURCE_EXHAUSTED, "%s: handshake: out of memory", dial->addr.text);
        finish_dial(dial, NULL);
        return;
    }
    gee_stream_set_owner(stream, &events, dial);
}

/* Layer by layer, each when the layer below is established. */
static void add_layers(gee_dial_t *dial, gee_stream_t *stream) {
    while (gee_stream_established(stream) && dial->pushed < GEE_LENGTH(dial->layers)) {
        const gee_dial_layer_t *next = &dial->layers[dial->pushed++];
        if (next->layer == NULL || gee_stream_push(stream, next->layer, GEE_CALLING, next->setup, &dial->error) == 0)
            continue;
        gee_stream_destroy(&stream);
        dial->phase = GEE_PHASE_HANDSHAKE;
        gee_error_prefix(&dial->error, "%s: handshake: ", dial->addr.text);
        finish_dial(dial, NULL);
        return;
    }
    if (gee_stream_established(stream))
        finish_dial(dial, stream);
    else
        shake_hands(dial, stream);
}

static void dial_connected(gee_dial_t *dial) {
    const gee_sockaddr_t *peer = &dial->candidates.list[dial->next - 1];
    int descriptor = dial->watch.descriptor;
    gee_loop_unwatch(dial->loop, &dial->watch);
    dial->watch.descriptor = -1;
    if (dial->options.write_timeout_ns > 0 && dial->transport->limit_unacknowledged)
        dial->transport->limit_unacknowledged(descriptor, dial->options.write_timeout_ns);
    gee_stream_t *stream =
        gee_stream_create(dial->loop, dial->transport, descriptor, peer, &dial->options, &dial->error);
    if (stream) {
        add_layers(dial, stream);
        return;
    }
    explain(dial, peer);
    finish_dial(dial, NULL);
}

static void attempt_ready(gee_watch_t *watch, uint32_t events) {
    (void)events;
    gee_dial_t *dial = GEE_CONTAINER(watch, gee_dial_t, watch);
    if (dial->transport->connected(watch->descriptor, &dial->error) == 0) {
        dial_connected(dial);
        return;
    }
    explain(dial, &dial->candidates.list[dial->next - 1]);
    close_attempt(dial);
    try_next(dial);
}

static void on_dial_timeout(gee_timer_t *timer) {
    gee_dial_t *dial = GEE_CONTAINER(timer, gee_dial_t, timer);
    close_attempt(dial);
    if (dial->phase == GEE_PHASE_CONNECT && dial->next < dial->candidates.count && time_left(dial) > 0)
        try_next(dial);
    else
        finish_too_late(dial);
}

/* ---- resolving ---- */

static void resolved(gee_dial_t *dial, int outcome) {
    if (outcome != 0 || dial->candidates.count == 0) {
        finish_dial(dial, NULL);
        return;
    }
    dial->phase = GEE_PHASE_CONNECT;
    try_next(dial);
}

static void resolve_here(gee_task_t *task) {
    gee_dial_t *dial = GEE_CONTAINER(task, gee_dial_t, first_step);
    candidates_t *found = &dial->candidates;
    resolved(dial, dial->transport->resolve(&dial->addr, found->list, CANDIDATES, &found->count, &dial->error));
}

static void run_resolve(void *memory) {
    resolving_t *resolving = memory;
    candidates_t *found = &resolving->found;
    resolving->outcome =
        resolving->transport->resolve(&resolving->addr, found->list, CANDIDATES, &found->count, &resolving->error);
}

static void resolved_on_thread(void *memory, void *data) {
    const resolving_t *resolving = memory;
    gee_dial_t *dial = data;
    dial->work = NULL;
    dial->candidates = resolving->found;
    dial->error = resolving->error;
    resolved(dial, resolving->outcome);
}

static int start_work(gee_dial_t *dial, gee_error_t *error) {
    static const gee_work_calls_t calls = { .run = run_resolve, .done = resolved_on_thread };
    if (!dial->threads)
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "names cannot be looked up here (there are no threads): give a numeric address");
    dial->work = gee_work_create(dial->loop, dial->threads, &calls, sizeof(resolving_t), &dial->addr, error);
    if (!dial->work)
        return -1;
    resolving_t *resolving = gee_work_memory(dial->work);
    resolving->transport = dial->transport;
    resolving->addr = dial->addr;
    return gee_work_start(dial->work, dial, error);
}

static int resolve_on_thread(gee_dial_t *dial, gee_error_t *error) {
    if (start_work(dial, error) == 0)
        return 0;
    gee_error_prefix(error, "%s: resolve: ", dial->addr.text);
    if (error)
        error->phase = GEE_PHASE_RESOLVE;
    return -1;
}

gee_dial_t *gee_dial_start(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_transport_t *transport,
                           const gee_addr_t *addr, const gee_stream_options_t *options, int64_t timeout_ns,
                           gee_dialled_t dialled, void *data, gee_error_t *error) {
    if (transport->check(addr, error) != 0)
        return NULL;
    gee_dial_t *dial = calloc(1, sizeof(*dial));
    if (!dial) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        return NULL;
    }
    *dial = (gee_dial_t){ .loop = loop, .threads = threads, .transport = transport, .dialled = dialled, .data = data };
    dial->addr = *addr;
    dial->layers[0] = (gee_dial_layer_t){ transport->dial_layer, &dial->addr };
    if (options)
        dial->options = *options;
    dial->options.read_while_congested = true;
    dial->started = gee_loop_now(loop);
    dial->timeout = timeout_ns;
    dial->phase = GEE_PHASE_RESOLVE;
    dial->watch.descriptor = -1;
    dial->watch.ready = attempt_ready;
    dial->timer.fire = on_dial_timeout;
    dial->first_step.run = resolve_here;
    if (timeout_ns > 0 && gee_timer_start(loop, &dial->timer, timeout_ns) != 0) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        goto fail;
    }
    if (transport->numeric(addr))
        gee_loop_defer(loop, &dial->first_step);
    else if (resolve_on_thread(dial, error) != 0)
        goto fail;
    return dial;
fail:
    gee_dial_cancel(&dial);
    return NULL;
}

void gee_dial_add_layer(gee_dial_t *dial, const gee_layer_t *layer, const void *setup) {
    GEE_ASSERT(dial->pushed == 0 && dial->layers[1].layer == NULL);
    dial->layers[1] = (gee_dial_layer_t){ layer, setup };
}
