/* forward_stream.c: a streaming call through an upstream: a pipe between the flow of our caller and the flow to the
 * server.
 *
 *   caller --message--> translate, check --gee_upstream_stream_send()--> server      took: when that flow has room
 *          <--gee_flow_send()-- translate, check <--message-------------             took: when that flow has room
 *
 * A flow tells no further message before gee_flow_took(): so a call holds at most the windows of its two flows and one
 * message each way. The first message goes with the beginning, which is sent when that message has come, or at the end
 * of the pass without a message: so a key may be a field of that message, and the call may be tried again as a unary
 * call is, until something else was sent or something came back. Half-close, END, metadata and details are passed on
 * behind the messages. */
#include <string.h>

#include "core/base/assert.h"
#include "core/gateway/forward_private.h"

/* In the arena of the call. */
typedef struct gee_piped {
    gee_upstream_stream_t stream;
    gee_task_t begin_task; /* begins the call without a message */
    bool begun;
    bool half_closed;   /* by the caller */
    bool metadata_sent; /* the server's initial metadata has been passed on */
    gee_forwarded_t forwarded;
} gee_piped_t;

static gee_piped_t *piped_of(const gee_call_t *call) {
    return GEE_CONTAINER(call->forwarded, gee_piped_t, forwarded);
}

static gee_call_t *caller_of(gee_upstream_call_t *upstream_call) {
    return GEE_CONTAINER(upstream_call, gee_forwarded_t, call)->caller;
}

static gee_call_t *call_of(gee_flow_t *flow) {
    return &gee_streaming_of(flow)->call;
}

/* ---- the end ---- */

void gee_forward_stream_cancel(gee_call_t *call) {
    gee_loop_undefer(&piped_of(call)->begin_task);
}

static void pipe_fail(gee_call_t *call, const gee_error_t *error) {
    gee_forward_target.cancel(call);
    gee_dispatch_end_streaming(call, (gee_status_t){ .code = error->code, .text = gee_str(error->text) }, NULL);
}

/* A retry would need the first message; there is none any more. */
static void forget_first(gee_call_t *call) {
    if (call->held != NULL)
        gee_buf_release(&call->held);
}

/* For one message at a time, which is encoded before the next comes. */
static gee_pool_t *message_pool(const gee_call_t *call) {
    return call->engine->answers;
}

static void reset_message_pool(const gee_call_t *call) {
    if (gee_pool_used(call->engine->answers) > 0)
        gee_pool_reset(call->engine->answers);
}

/* ---- there ---- */

/* The message as it goes to the server. */
static int convert_request(gee_call_t *call, const gee_payload_t *payload, gee_pool_t *pool, gee_payload_t *to,
                           gee_error_t *error) {
    const gee_codec_t *codec = call->forwarded->call.codec;
    unsigned way = gee_forward_way(gee_forward_to(call)->codec) | GEE_WAY_TO_SERVER;
    int failed = 0;
    *to = *payload;
    if (!gee_forward_is_same(call, payload, codec))
        failed = gee_forward_translate(call, payload, codec, pool, to, error);
    else if (!gee_forward_slot(call)->flat_argument || (way & GEE_WAY_FRAMED) == 0)
        failed = gee_translate_check(call->engine, payload, gee_forward_argument(call), way, error);
    if (failed != 0)
        gee_forward_locate_request(call, error);
    return failed;
}

/* For a retry. */
static int keep_first(gee_call_t *call, gee_payload_t *payload, gee_error_t *error) {
    if (payload->kind != GEE_PAYLOAD_BYTES)
        return 0; /* translated, in the arena */
    if (payload->buf != NULL && payload->length > GEE_FORWARD_COPY_UP_TO) {
        call->held = gee_buf_hold(payload->buf);
        return 0;
    }
    uint8_t *copy = gee_pool_alloc(call->pool, payload->length > 0 ? payload->length : 1);
    if (copy == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "rpc server: out of memory, or over limits.call_memory");
    memcpy(copy, payload->bytes, payload->length);
    payload->bytes = copy;
    payload->buf = NULL;
    return 0;
}

/* The call was begun at the server, and what came before goes with it. */
static void go_on(gee_call_t *call) {
    gee_piped_t *piped = piped_of(call);
    if (piped->half_closed)
        gee_flow_half_close(&piped->stream.flow);
    bool busy = call->flow->busy;
    gee_flow_resume(call->flow); /* when not busy, the last: the call may be gone */
    if (busy)
        gee_flow_took(call->flow);
}

/* `payload` null: without a message. */
static void begin(gee_call_t *call, const gee_payload_t *payload) {
    static const gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    gee_piped_t *piped = piped_of(call);
    gee_upstream_call_t *request = &piped->forwarded.call;
    gee_error_t error;
    GEE_ASSERT(!piped->begun);
    piped->begun = true;
    gee_loop_undefer(&piped->begin_task);
    request->codec = gee_forward_choose(call, payload != NULL ? payload->codec : call->codec);
    if (payload != NULL && (convert_request(call, payload, call->pool, &request->payload, &error) != 0 ||
                            keep_first(call, &request->payload, &error) != 0)) {
        pipe_fail(call, &error);
        return;
    }
    piped->stream.parts =
        GEE_EVENT_BEGIN | (payload != NULL ? GEE_EVENT_MESSAGE : 0) | (piped->half_closed ? GEE_EVENT_HALF_CLOSE : 0);
    gee_forward_prepare(call, payload != NULL ? payload : &empty);
    piped->forwarded.under_way = true;
    gee_flow_pause(call->flow); /* until go_on(): what comes before the call stands at the server waits here */
    gee_upstream_call_apart(gee_forward_to(call)->upstream, request);
    if (piped->stream.open)
        go_on(call);
}

static void begin_without_message(gee_task_t *task) {
    gee_piped_t *piped = GEE_CONTAINER(task, gee_piped_t, begin_task);
    begin(piped->forwarded.caller, NULL);
}

static void caller_on_message(gee_flow_t *flow, const gee_payload_t *payload) {
    gee_call_t *call = call_of(flow);
    gee_piped_t *piped = piped_of(call);
    gee_payload_t to;
    gee_error_t error;
    if (!piped->begun) {
        begin(call, payload);
        return;
    }
    if (convert_request(call, payload, message_pool(call), &to, &error) != 0) {
        reset_message_pool(call);
        pipe_fail(call, &error);
        return;
    }
    forget_first(call);
    gee_sent_t sent = gee_upstream_stream_send(&piped->stream, &to, &error);
    reset_message_pool(call);
    if (sent == GEE_SENT) {
        gee_flow_took(flow);
    } else if (sent == GEE_SEND_ENDED && error.code != GEE_OK) {
        gee_forward_locate_request(call, &error);
        pipe_fail(call, &error);
    } /* else the call is about to end, or room() comes */
}

static void caller_on_half_closed(gee_flow_t *flow) {
    gee_call_t *call = call_of(flow);
    gee_piped_t *piped = piped_of(call);
    piped->half_closed = true;
    if (!piped->begun)
        begin(call, NULL);
    else if (piped->stream.open)
        gee_flow_half_close(&piped->stream.flow);
}

/* There is room for the server's messages. */
static void caller_on_room(gee_flow_t *flow) {
    gee_flow_t *other = &piped_of(call_of(flow))->stream.flow;
    if (other->busy)
        gee_flow_took(other);
}

/* Never: what was sent is waited for by room(). */
static void caller_on_flushed(gee_flow_t *flow GEE_UNUSED) {}

static const gee_flow_events_t caller_events = { .message = caller_on_message,
                                                 .half_closed = caller_on_half_closed,
                                                 .room = caller_on_room,
                                                 .flushed = caller_on_flushed };

/* ---- and back ---- */

/* In a frame, a message can do harm to nobody but its caller, who is the reader. */
static int convert_reply(gee_call_t *call, const gee_payload_t *payload, gee_payload_t *to, gee_error_t *error) {
    unsigned way = gee_forward_way(call->session != NULL ? call->session->codec : NULL);
    *to = *payload;
    if (!gee_forward_is_same_reply(call, payload))
        return gee_translate(call->engine, payload, call->codec, gee_forward_reply(call), message_pool(call), to,
                             error);
    return way == GEE_WAY_FRAMED ? 0 : gee_translate_check(call->engine, payload, gee_forward_reply(call), way, error);
}

GEE_APART static void refuse_reply(gee_call_t *call, gee_error_t *error) {
    gee_upstream_result_t where;
    reset_message_pool(call);
    gee_upstream_where(&call->forwarded->call, &where);
    gee_forward_locate_reply(call, where.address, error);
    pipe_fail(call, error);
}

static void server_on_message(gee_upstream_call_t *upstream_call, const gee_payload_t *payload) {
    gee_call_t *call = caller_of(upstream_call);
    gee_piped_t *piped = piped_of(call);
    gee_payload_t to;
    gee_error_t error;
    forget_first(call);
    if (convert_reply(call, payload, &to, &error) != 0) {
        refuse_reply(call, &error);
        return;
    }
    gee_sent_t sent = gee_flow_send(call->flow, &to, &error);
    reset_message_pool(call);
    if (sent == GEE_SENT) {
        gee_flow_took(&piped->stream.flow);
    } else if (sent == GEE_SEND_ENDED && error.code != GEE_OK) {
        refuse_reply(call, &error);
    } else if (!call->timed) { /* the server may have ended when the caller has taken nothing for long */
        gee_dispatch_start_deadline(call);
    }
}

static void server_on_began(gee_upstream_call_t *upstream_call, const gee_metadata_t *metadata) {
    gee_call_t *call = caller_of(upstream_call);
    gee_error_t error;
    forget_first(call);
    piped_of(call)->metadata_sent = true;
    if (gee_flow_send_metadata(call->flow, metadata, &error) != 0)
        refuse_reply(call, &error);
}

static void server_on_opened(gee_upstream_call_t *upstream_call) {
    go_on(caller_of(upstream_call));
}

/* What the caller sends waits until the call was begun once more. */
static void server_on_closed(gee_upstream_call_t *upstream_call) {
    gee_flow_pause(caller_of(upstream_call)->flow);
}

/* There is room for the caller's messages. */
static void server_on_room(gee_upstream_call_t *upstream_call) {
    gee_call_t *call = caller_of(upstream_call);
    if (call->flow->busy)
        gee_flow_took(call->flow);
}

static const gee_upstream_stream_events_t server_events = { .opened = server_on_opened,
                                                            .closed = server_on_closed,
                                                            .began = server_on_began,
                                                            .message = server_on_message,
                                                            .room = server_on_room };

/* The server's END came with a message. */
static void end_with_message(gee_call_t *call, const gee_upstream_result_t *result) {
    gee_payload_t to;
    gee_error_t error;
    if (convert_reply(call, result->payload, &to, &error) != 0) {
        gee_forward_locate_reply(call, result->address, &error);
        gee_dispatch_end_streaming(call, (gee_status_t){ .code = error.code, .text = gee_str(error.text) }, NULL);
        return;
    }
    gee_forward_learn(call);
    gee_dispatch_end_streaming(call, (gee_status_t){ .code = GEE_OK, .text = GEE_STR("") }, &to);
}

static void server_on_done(gee_upstream_call_t *upstream_call, const gee_upstream_result_t *result) {
    gee_call_t *call = caller_of(upstream_call);
    gee_piped_t *piped = piped_of(call);
    gee_call_said_t said;
    gee_error_t place;
    gee_status_t status = result->status;
    piped->forwarded.under_way = false;
    piped->forwarded.address = result->address;
    piped->forwarded.tries = result->tries;
    if (gee_forward_has_said(result)) {
        gee_forward_bring_back(call, result->reply, &said);
        said.initial_sent = piped->metadata_sent;
    }
    if (!result->from_peer) {
        gee_forward_explain(call, result, &place);
        status = (gee_status_t){ .code = place.code, .text = gee_str(place.text) };
    } else if (status.code != GEE_OK) {
        status = gee_forward_status(call, &status, &place);
    } else if (result->payload->kind != GEE_PAYLOAD_EMPTY) {
        end_with_message(call, result);
        return;
    } else {
        gee_forward_learn(call);
    }
    gee_dispatch_end_streaming(call, status, NULL);
}

/* ---- the beginning ---- */

int gee_forward_stream_open(gee_call_t *call) {
    gee_pool_t *pool = gee_call_pool(call);
    gee_piped_t *piped = pool != NULL ? gee_pool_zalloc(pool, sizeof(*piped)) : NULL;
    if (piped == NULL) {
        const gee_status_t status = { .code = GEE_RESOURCE_EXHAUSTED,
                                      .text = GEE_STR("rpc server: out of memory, or over limits.call_memory") };
        gee_dispatch_end_streaming(call, status, NULL);
        return -1;
    }
    piped->stream.events = &server_events;
    piped->begin_task.run = begin_without_message;
    piped->forwarded.caller = call;
    piped->forwarded.call.stream = &piped->stream;
    piped->forwarded.call.done = server_on_done;
    call->forwarded = &piped->forwarded;
    call->flow->events = &caller_events;
    gee_loop_defer(call->engine->loop, &piped->begin_task);
    return 0;
}
