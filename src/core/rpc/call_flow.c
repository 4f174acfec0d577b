/* call_flow.c: what a streaming call sends and receives, how far its two sides may be apart, and what waits meanwhile.
 *
 *              message()                                     credit > 0, stream has room
 *   peer -> [ queue: while busy, paused ] -> owner -> [ output: else ] -> protocol.send()
 *      <- CREDIT, when the owner took half a window          room(): both are there again
 *
 * Both waiting places are inboxes of the loop's buffers: a message is 4 bytes of length and the encoded body. They are
 * there while something waits, and lie in the engine's free list else. */
#include "core/rpc/call_flow.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/memory.h"
#include "core/rpc/metadata.h"
#include "core/rpc/session_flows.h"

/* A peer that gives more has lost count. */
#define GREATEST_CREDIT (INT64_C(1) << 40)

typedef uint32_t prefix_t; /* of a message that waits */

/* The end of a call behind messages that wait; in a pool of its own. */
typedef struct flow_last {
    gee_pool_t *pool;
    gee_event_t end;
    gee_event_more_t more;
} flow_last_t;

typedef struct gee_flow_queue {
    gee_inbox_t messages;
    flow_last_t *last; /* null: no end waits */
    gee_link_t free_link;
} gee_flow_queue_t;

#define FREE_QUEUES_KEPT 256

static void flow_enter(gee_flow_t *flow, gee_half_t in, gee_half_t out) {
    GEE_ASSERT(in >= flow->in && out >= flow->out); /* a half only goes forward */
    flow->in = in;
    flow->out = out;
}

static size_t cost_of(size_t length) {
    return length + GEE_FLOW_MESSAGE_COST;
}

static const gee_flow_line_t *line_of(const gee_flow_t *flow) {
    return flow->session->flows->line;
}

/* Sends an event that is no message, without which the two sides would not agree on the call any more. */
static void send_or_refuse(const gee_flow_t *flow, const gee_event_t *event) {
    gee_error_t error;
    if (line_of(flow)->send(flow->session, event, NULL, &error) != 0)
        line_of(flow)->refuse(flow->session, &error);
}

static gee_event_t event_of(gee_flow_t *flow, unsigned parts) {
    return (gee_event_t){ .parts = parts, .token = { .number = flow->number }, .codec = flow->codec, .flow = flow };
}

void gee_flow_init(gee_flow_t *flow, gee_session_t *session, const gee_flow_events_t *events, uint64_t number,
                   const gee_codec_t *codec, bool calling) {
    *flow = (gee_flow_t){ .session = session,
                          .events = events,
                          .codec = codec,
                          .number = number,
                          .credit = calling ? 0 : GEE_FLOW_WINDOW,
                          .allowed = GEE_FLOW_WINDOW,
                          .calling = calling,
                          .opened = !calling };
}

/* ---- messages that wait, in both directions ---- */

static void destroy_free_queues(gee_engine_t *engine) {
    gee_link_t *link;
    while ((link = gee_list_pop(&engine->free_flow_queues)) != NULL)
        free(GEE_CONTAINER(link, gee_flow_queue_t, free_link));
    engine->free_flow_queue_count = 0;
}

static gee_flow_queue_t *take_queue(gee_engine_t *engine) {
    gee_link_t *link = gee_list_pop(&engine->free_flow_queues);
    gee_flow_queue_t *queue = link != NULL ? GEE_CONTAINER(link, gee_flow_queue_t, free_link) : malloc(sizeof(*queue));
    if (queue == NULL)
        return NULL;
    engine->free_flow_queue_count -= link != NULL;
    gee_engine_at_close(engine, GEE_CLOSE_STORES, &engine->flow_queues_closer, destroy_free_queues);
    *queue = (gee_flow_queue_t){ .last = NULL };
    gee_inbox_init(&queue->messages, engine->buffers);
    return queue;
}

/* `engine` null: its session is gone. Leaves null. */
static void give_queue(gee_flow_queue_t **handle, gee_engine_t *engine) {
    gee_flow_queue_t *queue = *handle;
    *handle = NULL;
    if (queue == NULL)
        return;
    gee_inbox_clear(&queue->messages);
    if (queue->last != NULL) {
        gee_pool_t *pool = queue->last->pool;
        gee_pool_destroy(&pool);
    }
    if (engine == NULL || engine->free_flow_queue_count >= FREE_QUEUES_KEPT) {
        free(queue);
        return;
    }
    engine->free_flow_queue_count++;
    gee_list_prepend(&engine->free_flow_queues, &queue->free_link);
}

static gee_engine_t *engine_of(const gee_flow_t *flow) {
    return flow->session != NULL ? flow->session->engine : NULL;
}

static int inbox_put(gee_inbox_t *inbox, const gee_chain_t *chain, const void *bytes, size_t length) {
    size_t space;
    prefix_t prefix = (prefix_t)length;
    if (length > UINT32_MAX)
        return -1;
    uint8_t *place = gee_inbox_space(inbox, sizeof(prefix) + length, &space);
    if (place == NULL)
        return -1;
    memcpy(place, &prefix, sizeof(prefix));
    if (chain != NULL)
        gee_chain_copy(chain, place + sizeof(prefix), length);
    else if (length > 0)
        memcpy(place + sizeof(prefix), bytes, length);
    gee_inbox_filled(inbox, sizeof(prefix) + length);
    return 0;
}

/* The first message. Precondition: there is one. */
static gee_payload_t inbox_first(const gee_inbox_t *inbox, const gee_codec_t *codec) {
    prefix_t length;
    memcpy(&length, gee_inbox_bytes(inbox), sizeof(length));
    return (gee_payload_t){ .kind = GEE_PAYLOAD_BYTES,
                            .codec = codec,
                            .bytes = gee_inbox_bytes(inbox) + sizeof(length),
                            .length = length,
                            .buf = inbox->buf };
}

/* Takes the first message off; with the last message the queue goes, unless an end waits behind. */
static void drop_first(gee_flow_t *flow, gee_flow_queue_t **queue, size_t length) {
    gee_inbox_consume(&(*queue)->messages, sizeof(prefix_t) + length);
    if (gee_inbox_length(&(*queue)->messages) == 0 && (*queue)->last == NULL)
        give_queue(queue, engine_of(flow));
}

/* ---- sending ---- */

static bool is_congested(const gee_flow_t *flow) {
    return gee_stream_congested_apart(flow->session->stream);
}

bool gee_flow_has_room(const gee_flow_t *flow) {
    return flow->session != NULL && flow->opened && flow->output == NULL && flow->credit > 0 && !is_congested(flow);
}

/* The sender waits for room(); for that of the stream in the session's line. */
static gee_sent_t say_full(gee_flow_t *flow) {
    flow->full = true;
    if (is_congested(flow) && !gee_link_in_list(&flow->blocked_link))
        line_of(flow)->block(flow->session, &flow->blocked_link);
    return GEE_SENT_FULL;
}

/* Writes one message, at once. */
static int write_message(gee_flow_t *flow, const gee_payload_t *payload, gee_error_t *error) {
    gee_session_t *session = flow->session;
    gee_event_t event = event_of(flow, GEE_EVENT_MESSAGE);
    event.payload = *payload;
    size_t length = 0;
    if (line_of(flow)->send(session, &event, &length, error) != 0)
        return -1;
    flow->credit -= (int64_t)cost_of(length);
    flow->messages_out += flow->messages_out < UINT32_MAX;
    return 0;
}

static int check_output(const gee_flow_t *flow, size_t length, gee_error_t *error) {
    const gee_engine_t *engine = flow->session->engine;
    size_t limit = flow->calling ? flow->session->calling.message_limit : 0;
    uint64_t waiting = gee_inbox_length(&flow->output->messages);
    if (limit > 0 && length > limit)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the message would be %zu bytes, over %zu (limits.message)",
                             length, limit);
    if (waiting > 0 && waiting + length > engine->limits.output && engine->limits.output > 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED,
                             "%llu bytes of messages wait for the peer, over %llu (limits.output)",
                             (unsigned long long)(waiting + length), (unsigned long long)engine->limits.output);
    return 0;
}

/* Not now: the message waits, encoded. */
GEE_APART static gee_sent_t send_later(gee_flow_t *flow, const gee_payload_t *payload, gee_error_t *error) {
    gee_chain_t chain;
    gee_chain_init(&chain, flow->session->engine->buffers);
    if (flow->output == NULL && (flow->output = take_queue(flow->session->engine)) == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return GEE_SEND_ENDED;
    }
    int failed = gee_payload_encode(payload, flow->codec, NULL, &chain, error);
    if (failed == 0)
        failed = check_output(flow, chain.length, error);
    if (failed == 0 && inbox_put(&flow->output->messages, &chain, NULL, chain.length) != 0)
        failed = gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_chain_clear(&chain);
    if (gee_inbox_length(&flow->output->messages) == 0)
        give_queue(&flow->output, flow->session->engine);
    return failed != 0 ? GEE_SEND_ENDED : say_full(flow);
}

gee_sent_t gee_flow_send(gee_flow_t *flow, const gee_payload_t *payload, gee_error_t *error) {
    error->code = GEE_OK;
    if (flow->session == NULL || flow->out != GEE_HALF_OPEN || gee_session_is_ending(flow->session))
        return GEE_SEND_ENDED;
    if (!gee_flow_has_room(flow))
        return send_later(flow, payload, error);
    if (write_message(flow, payload, error) != 0)
        return GEE_SEND_ENDED;
    return gee_flow_has_room(flow) ? GEE_SENT : say_full(flow);
}

static void send_half_close(gee_flow_t *flow) {
    gee_event_t event = event_of(flow, GEE_EVENT_HALF_CLOSE);
    flow->close_waits = false;
    send_or_refuse(flow, &event);
}

void gee_flow_half_close(gee_flow_t *flow) {
    if (flow->session == NULL || flow->out != GEE_HALF_OPEN)
        return;
    GEE_ASSERT(flow->calling);
    flow_enter(flow, flow->in, GEE_HALF_CLOSED);
    if (!flow->opened || flow->output != NULL)
        flow->close_waits = true;
    else
        send_half_close(flow);
}

int gee_flow_send_metadata(gee_flow_t *flow, const gee_metadata_t *metadata, gee_error_t *error) {
    GEE_ASSERT(!flow->calling);
    const gee_event_more_t more = { .credit = 0 };
    gee_event_t event = event_of(flow, GEE_EVENT_CREDIT);
    if (flow->session == NULL || flow->messages_out > 0 || gee_session_is_ending(flow->session))
        return 0;
    event.metadata = *metadata;
    event.more = &more;
    return line_of(flow)->send(flow->session, &event, NULL, error);
}

/* Sends the messages that wait, as far as credit and stream allow. A message that cannot be written was encoded by us:
 * the session is of no more use then. */
static void write_output(gee_flow_t *flow) {
    gee_error_t error;
    while (flow->output != NULL && flow->opened && flow->credit > 0 && !is_congested(flow)) {
        gee_payload_t payload = inbox_first(&flow->output->messages, flow->codec);
        if (write_message(flow, &payload, &error) != 0) {
            line_of(flow)->refuse(flow->session, &error);
            return;
        }
        drop_first(flow, &flow->output, payload.length);
    }
}

static void flow_go_on(gee_flow_t *flow) {
    if (gee_session_is_ending(flow->session))
        return;
    write_output(flow);
    if (flow->output != NULL || gee_session_is_ending(flow->session)) {
        if (!gee_session_is_ending(flow->session))
            (void)say_full(flow);
        return;
    }
    if (flow->close_waits && flow->opened)
        send_half_close(flow);
    if (flow->awaits_flushed) {
        flow->awaits_flushed = false;
        flow->events->flushed(flow); /* the last: the flow may be gone */
    } else if (flow->full && gee_flow_has_room(flow)) {
        flow->full = false;
        flow->events->room(flow);
    } else if (flow->full && is_congested(flow)) {
        (void)say_full(flow);
    }
}

void gee_flow_on_drained(gee_flow_t *flow) {
    flow_go_on(flow);
}

bool gee_flow_flushed(gee_flow_t *flow) {
    flow->awaits_flushed = flow->output != NULL;
    return !flow->awaits_flushed;
}

int gee_flow_on_credit(gee_flow_t *flow, uint64_t credit, gee_error_t *error) {
    if (credit > (uint64_t)GREATEST_CREDIT || flow->credit > GREATEST_CREDIT)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "credit of %llu bytes for one call",
                             (unsigned long long)credit);
    flow->credit += (int64_t)credit;
    flow_go_on(flow);
    return 0;
}

void gee_flow_opened(gee_flow_t *flow, int64_t credit) {
    GEE_ASSERT(flow->calling && !flow->opened);
    flow->opened = true;
    flow->credit += credit;
    flow_go_on(flow);
}

/* ---- receiving ---- */

static gee_flow_queue_t *queue_of(gee_flow_t *flow) {
    if (flow->queue == NULL)
        flow->queue = take_queue(flow->session->engine);
    return flow->queue;
}

static bool has_message(const gee_flow_t *flow) {
    return flow->queue != NULL && gee_inbox_length(&flow->queue->messages) > 0;
}

static void tell_message(gee_flow_t *flow, const gee_payload_t *payload) {
    flow->busy = true;
    flow->current = cost_of(payload->length);
    flow->events->message(flow, payload);
}

/* A copy of the message lies in the queue's buffer, which is held while the owner looks at the message. */
static void tell_queued(gee_flow_t *flow) {
    gee_payload_t payload = inbox_first(&flow->queue->messages, flow->codec);
    gee_buf_t *held = gee_buf_hold(payload.buf);
    drop_first(flow, &flow->queue, payload.length);
    tell_message(flow, &payload);
    gee_buf_release(&held);
}

static void tell_end(gee_flow_t *flow) {
    gee_flow_queue_t *queue = flow->queue;
    flow->queue = NULL;
    gee_flow_end(flow);
    flow->events->ended(flow, &queue->last->end, true); /* the flow may be gone then */
    give_queue(&queue, NULL);
}

/* Delivers what follows the last message. */
static void tell_rest(gee_flow_t *flow) {
    if (flow->queue != NULL && flow->queue->last != NULL) {
        tell_end(flow);
    } else if (flow->in == GEE_HALF_CLOSED && !flow->close_told) {
        flow->close_told = true;
        flow->events->half_closed(flow);
    }
}

/* Tells the owner one thing after another, until the owner is busy, pauses, or the call is over. */
static void flow_deliver(gee_flow_t *flow) {
    bool over = false;
    if (flow->over != NULL)
        return; /* the loop below goes on by itself */
    flow->over = &over;
    while (!over && !flow->busy && !flow->paused && has_message(flow))
        tell_queued(flow);
    if (over)
        return;
    flow->over = NULL;
    if (!flow->busy && !flow->paused)
        tell_rest(flow);
}

static int message_later(gee_flow_t *flow, const gee_payload_t *payload, gee_error_t *error) {
    GEE_ASSERT(payload->kind == GEE_PAYLOAD_BYTES);
    if (gee_memory_exhausted(engine_of(flow))) /* else credit alone, of every call, would be the limit */
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED,
                             "a message has to wait, and requests, calls and replies take too much memory "
                             "(limits.memory)");
    if (queue_of(flow) == NULL || inbox_put(&flow->queue->messages, NULL, payload->bytes, payload->length) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}

int gee_flow_on_message(gee_flow_t *flow, const gee_payload_t *payload, gee_error_t *error) {
    if (flow->in != GEE_HALF_OPEN)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "a message behind the half-close of its call");
    if (flow->allowed <= 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "a message beyond the credit of its call");
    flow->allowed -= (int64_t)cost_of(payload->length);
    flow->messages_in += flow->messages_in < UINT32_MAX;
    if (flow->busy || flow->paused || has_message(flow))
        return message_later(flow, payload, error);
    tell_message(flow, payload);
    return 0;
}

int gee_flow_on_half_close(gee_flow_t *flow, gee_error_t *error) {
    if (flow->in != GEE_HALF_OPEN)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "a second half-close of a call");
    flow_enter(flow, GEE_HALF_CLOSED, flow->out);
    flow_deliver(flow);
    return 0;
}

static void give_credit(gee_flow_t *flow) {
    gee_event_more_t more = { .credit = flow->taken };
    gee_event_t event = event_of(flow, GEE_EVENT_CREDIT);
    event.more = &more;
    flow->allowed += (int64_t)flow->taken;
    flow->taken = 0;
    send_or_refuse(flow, &event);
}

void gee_flow_took(gee_flow_t *flow) {
    GEE_ASSERT(flow->busy);
    flow->busy = false;
    flow->taken += flow->current;
    if (flow->session != NULL && flow->taken >= GEE_FLOW_WINDOW / 2 && flow->in == GEE_HALF_OPEN &&
        !gee_session_is_ending(flow->session))
        give_credit(flow);
    if (flow->queue != NULL || (flow->session != NULL && flow->in == GEE_HALF_CLOSED))
        flow_deliver(flow);
}

void gee_flow_pause(gee_flow_t *flow) {
    flow->paused = true;
}

void gee_flow_resume(gee_flow_t *flow) {
    flow->paused = false;
    if ((flow->session != NULL || flow->queue != NULL) && !flow->busy)
        flow_deliver(flow);
}

/* ---- the end ---- */

/* Null: out of memory. */
static flow_last_t *copy_end(const gee_event_t *end, gee_pool_t *pool) {
    static const gee_event_more_t nothing;
    const gee_event_more_t *more = end->more != NULL ? end->more : &nothing;
    flow_last_t *last = gee_pool_alloc(pool, sizeof(*last));
    if (last == NULL)
        return NULL;
    *last =
        (flow_last_t){ .pool = pool,
                       .end = { .parts = end->parts,
                                .codec = end->codec,
                                .status = { .code = end->status.code, .text = gee_pool_str(pool, end->status.text) },
                                .payload = end->payload,
                                .more = &last->more },
                       .more = { .details = gee_pool_str(pool, more->details) } };
    const gee_str_t body = { .data = (const char *)end->payload.bytes, .length = end->payload.length };
    last->end.payload.buf = NULL;
    if (end->payload.kind == GEE_PAYLOAD_BYTES &&
        (last->end.payload.bytes = (const uint8_t *)gee_pool_str(pool, body).data) == NULL)
        return NULL;
    return last->end.status.text.data != NULL && last->more.details.data != NULL &&
                   gee_metadata_copy(&last->end.metadata, &end->metadata, pool) == 0 &&
                   gee_metadata_copy(&last->more.trailing, &more->trailing, pool) == 0
               ? last
               : NULL;
}

/* A copy of the end stays until the messages before are delivered. */
static int end_later(gee_flow_t *flow, const gee_event_t *end) {
    gee_flow_queue_t *queue = queue_of(flow);
    gee_pool_t *pool = queue != NULL ? gee_pool_create(0) : NULL;
    if (pool == NULL)
        return -1;
    gee_pool_set_meter(pool, &flow->session->engine->arenas);
    queue->last = copy_end(end, pool);
    if (queue->last == NULL) {
        gee_pool_destroy(&pool);
        return -1;
    }
    return 0;
}

/* Nothing is sent any more; what waits for the owner stays. */
static void leave_session(gee_flow_t *flow) {
    flow_enter(flow, GEE_HALF_ENDED, GEE_HALF_ENDED);
    give_queue(&flow->output, flow->session->engine);
    gee_list_remove(&flow->blocked_link);
    flow->full = flow->close_waits = flow->awaits_flushed = false;
    line_of(flow)->forget(flow->session, flow);
    flow->session = NULL;
}

int gee_flow_on_end(gee_flow_t *flow, const gee_event_t *end, bool from_peer) {
    GEE_ASSERT(flow->calling);
    if (from_peer && (flow->busy || flow->paused || has_message(flow))) {
        if (end_later(flow, end) != 0)
            return -1;
        leave_session(flow);
        if (flow->events->end_waits != NULL)
            flow->events->end_waits(flow, end);
        return 0;
    }
    gee_flow_end(flow);
    flow->events->ended(flow, end, from_peer);
    return 0;
}

void gee_flow_end(gee_flow_t *flow) {
    gee_engine_t *engine = engine_of(flow);
    if (flow->session != NULL)
        leave_session(flow);
    give_queue(&flow->queue, engine);
    if (flow->over != NULL)
        *flow->over = true;
    flow->over = NULL;
}

size_t gee_flow_held(const gee_flow_t *flow) {
    return (flow->queue != NULL ? gee_inbox_length(&flow->queue->messages) : 0) +
           (flow->output != NULL ? gee_inbox_length(&flow->output->messages) : 0);
}
