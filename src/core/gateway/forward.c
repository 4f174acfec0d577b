/* forward.c: one unary call through an upstream. All on the loop's thread; nothing is taken from the system, since a
 * forwarded call lives in the arena of the call. */
#include "core/gateway/forward_private.h"

#include "core/base/short_bytes.h"
#include "core/gateway/translate.h"

/* ---- the way back ---- */

static void answer(gee_call_t *call, gee_code_t code, gee_str_t text, const gee_payload_t *payload) {
    static const gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    gee_dispatch_answer(call, (gee_status_t){ .code = code, .text = text }, payload ? payload : &empty);
}

static void fail(gee_call_t *call, const gee_error_t *error) {
    answer(call, error->code, gee_str(error->text), NULL);
}

static void pass_reply(gee_call_t *call, const gee_payload_t *payload) {
    gee_forward_learn(call);
    answer(call, GEE_OK, GEE_STR(""), payload);
}

static void refuse_reply(gee_call_t *call, const gee_upstream_result_t *result, gee_error_t *error) {
    gee_forward_locate_reply(call, result->address, error);
    fail(call, error);
}

GEE_APART static void translate_reply(gee_call_t *call, const gee_upstream_result_t *result) {
    gee_payload_t payload;
    gee_error_t error;
    if (gee_translate(call->engine, result->payload, call->codec, gee_forward_reply(call), result->pool, &payload,
                      &error) == 0)
        pass_reply(call, &payload);
    else
        refuse_reply(call, result, &error);
}

/* The check found a fault, but made no text: it is made here. */
GEE_APART static void refuse_checked_reply(gee_call_t *call, const gee_upstream_result_t *result, unsigned way) {
    gee_error_t error;
    gee_translate_check(call->engine, result->payload, gee_forward_reply(call), way, &error);
    refuse_reply(call, result, &error);
}

/* In a frame, a reply can do harm to nobody but its caller, who is the reader. */
static void carry_reply(gee_call_t *call, const gee_upstream_result_t *result) {
    unsigned way = call->session != NULL ? gee_forward_way(call->session->codec) : GEE_WAY_FRAMED;
    if (way == GEE_WAY_FRAMED ||
        gee_translate_check(call->engine, result->payload, gee_forward_reply(call), way, NULL) == 0)
        pass_reply(call, result->payload);
    else
        refuse_checked_reply(call, result, way);
}

GEE_APART static void fail_explained(gee_call_t *call, const gee_upstream_result_t *result) {
    gee_error_t error;
    gee_forward_explain(call, result, &error);
    fail(call, &error);
}

/* The server's own error. */
GEE_APART static void pass_error(gee_call_t *call, const gee_status_t *status) {
    gee_error_t place;
    gee_status_t told = gee_forward_status(call, status, &place);
    answer(call, told.code, told.text, NULL);
}

static void done(gee_upstream_call_t *upstream_call, const gee_upstream_result_t *result) {
    gee_forwarded_t *forwarded = GEE_CONTAINER(upstream_call, gee_forwarded_t, call);
    gee_call_t *call = forwarded->caller;
    gee_call_said_t said;
    forwarded->under_way = false;
    forwarded->address = result->address;
    forwarded->tries = result->tries;
    if (gee_forward_has_said(result))
        gee_forward_bring_back(call, result->reply, &said);
    if (!result->from_peer)
        fail_explained(call, result);
    else if (result->status.code != GEE_OK)
        pass_error(call, &result->status);
    else if (gee_forward_is_same_reply(call, result->payload))
        carry_reply(call, result);
    else
        translate_reply(call, result);
}

/* ---- the way there ---- */

GEE_APART static void fail_without_memory(gee_call_t *call) {
    answer(call, GEE_RESOURCE_EXHAUSTED, GEE_STR("rpc server: out of memory, or over limits.call_memory"), NULL);
}

/* A retry needs the bytes again. They are copied, unless their buffer is held: because a filter made the call wait,
 * or because the bytes are many. */
static bool is_copied(const gee_call_t *call, const gee_payload_t *payload) {
    return call->held == NULL && (payload->buf == NULL || payload->length <= GEE_FORWARD_COPY_UP_TO);
}

static void keep(gee_call_t *call, gee_payload_t *payload) {
    if (is_copied(call, payload)) {
        gee_copy_short(call->forwarded->body, payload->bytes, payload->length);
        payload->bytes = call->forwarded->body;
        payload->buf = NULL;
    } else if (call->held == NULL) {
        call->held = gee_buf_hold(payload->buf);
    }
}

static void refuse(gee_call_t *call, gee_error_t *error) {
    gee_forward_locate_request(call, error);
    fail(call, error);
}

/* In the codec that the upstream's connections take. False: translation is not possible; the caller has been told. */
GEE_APART static bool translate(gee_call_t *call, const gee_payload_t *payload) {
    gee_upstream_call_t *request = &call->forwarded->call;
    gee_error_t error;
    if (call->codec == NULL) /* a call from a handler (rpc/call_other.c), which takes the reply as it comes */
        call->codec = request->codec;
    if (gee_forward_translate(call, payload, request->codec, call->pool, &request->payload, &error) == 0)
        return true;
    refuse(call, &error);
    return false;
}

/* The check found a fault, but made no text: it is made here. */
GEE_APART static bool refuse_checked(gee_call_t *call, const gee_payload_t *payload, unsigned way) {
    gee_error_t error;
    gee_translate_check(call->engine, payload, gee_forward_argument(call), way, &error);
    refuse(call, &error);
    return false;
}

/* The body goes on as it came. False: it may not; the caller has been told. In a frame, a body whose type is a few
 * numbers needs no check: such a body cannot lead its reader deep or far. */
static bool pass_on(gee_call_t *call, const gee_payload_t *payload) {
    unsigned way = gee_forward_way(gee_forward_to(call)->codec) | GEE_WAY_TO_SERVER;
    call->forwarded->call.payload = *payload;
    if (gee_forward_slot(call)->flat_argument && (way & GEE_WAY_FRAMED) != 0)
        return true;
    return gee_translate_check(call->engine, payload, gee_forward_argument(call), way, NULL) == 0 ||
           refuse_checked(call, payload, way);
}

static void start(gee_call_t *call, const gee_payload_t *payload) {
    const gee_forward_t *forward = gee_forward_to(call);
    const gee_codec_t *codec = gee_forward_choose(call, payload->codec);
    bool same = gee_forward_is_same(call, payload, codec);
    gee_forwarded_t *forwarded =
        gee_pool_alloc(call->pool, sizeof(*forwarded) + (same && is_copied(call, payload) ? payload->length : 0));
    if (forwarded == NULL) {
        fail_without_memory(call);
        return;
    }
    call->forwarded = forwarded;
    forwarded->caller = call;
    forwarded->under_way = false;
    forwarded->address = NULL;
    forwarded->tries = 0;
    forwarded->call.codec = codec;
    forwarded->call.stream = NULL;
    if (!(same ? pass_on(call, payload) : translate(call, payload)))
        return;
    if (same)
        keep(call, &forwarded->call.payload);
    gee_forward_prepare(call, payload);
    forwarded->call.done = done;
    if (call->session != NULL)
        gee_session_keep(call->session, call);
    forwarded->under_way = true;
    gee_upstream_call(forward->upstream, &forwarded->call);
}

static void cancel(gee_call_t *call) {
    if (call->flow != NULL)
        gee_forward_stream_cancel(call);
    if (!call->forwarded->under_way)
        return;
    call->forwarded->under_way = false;
    gee_upstream_cancel(&call->forwarded->call);
}

const gee_target_t gee_forward_target = { .start = start, .open = gee_forward_stream_open, .cancel = cancel };
