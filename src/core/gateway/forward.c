/* forward.c: one call through an upstream. All on the loop's thread; nothing is taken from the system, since a
 * forwarded call lives in the arena of the call. */
#include "core/gateway/forward.h"

#include <stdio.h>
#include <string.h>

#include "core/base/short_bytes.h"
#include "core/rpc/service_table.h"
#include "core/rpc/session.h"
#include "core/gateway/translate.h"
#include "core/rpc/words.h"

/* A body up to this size is copied into the arena's first piece, so that a call in flight does not keep a whole read
 * buffer. */
#define COPY_UP_TO 256

static const gee_method_slot_t *slot_of(const gee_call_t *call) {
    return call->method_slot;
}

static const gee_forward_t *forward_of(const gee_call_t *call) {
    return gee_forward_of(slot_of(call)->target);
}

/* Null: it is not known. */
static const gee_type_t *argument_of(const gee_call_t *call) {
    return call->method ? call->method->argument : NULL;
}

static const gee_type_t *reply_of(const gee_call_t *call) {
    return call->method ? call->method->reply : NULL;
}

/* ---- the way back ---- */

static void answer(gee_call_t *call, gee_code_t code, gee_str_t text, const gee_payload_t *payload) {
    static const gee_payload_t empty = { .kind = GEE_PAYLOAD_EMPTY };
    gee_dispatch_answer(call, (gee_status_t){ .code = code, .text = text }, payload ? payload : &empty);
}

static void fail(gee_call_t *call, const gee_error_t *error) {
    answer(call, error->code, gee_str(error->text), NULL);
}

/* "(2 tries, 3.1 ms)" behind the text that is there, however long. */
static void add_effort(const gee_call_t *call, unsigned tries, gee_error_t *error) {
    char effort[80];
    double milliseconds = (double)(gee_loop_now(call->engine->loop) - call->started_ns) / 1e6;
    if (tries > 0)
        snprintf(effort, sizeof(effort), " (%u %s, %.1f ms)", tries, tries == 1 ? "try" : "tries", milliseconds);
    else
        snprintf(effort, sizeof(effort), " (%.1f ms)", milliseconds);
    size_t length = strlen(error->text), room = sizeof(error->text) - 1 - strlen(effort);
    if (length > room)
        length = gee_utf8_cut(error->text, room);
    strcpy(error->text + length, effort);
}

/* GeeRPC's own words, followed by the server that did not answer. */
static void explain_timeout(const gee_call_t *call, const gee_upstream_result_t *result, gee_error_t *error) {
    char duration[GEE_DURATION_TEXT];
    gee_error_set(
        error, GEE_DEADLINE_EXCEEDED, "rpc server: request handle timeout: expect within %s (upstream %s: %s)",
        gee_format_duration_go(duration, gee_round_duration(call->timeout_ns)),
        gee_upstream_name(forward_of(call)->upstream), result->address ? result->address : "no server was free");
}

static void explain(const gee_call_t *call, const gee_upstream_result_t *result, gee_error_t *error) {
    if (result->status.code == GEE_DEADLINE_EXCEEDED && call->deadline_ns <= gee_loop_now(call->engine->loop)) {
        explain_timeout(call, result, error);
        return;
    }
    gee_upstream_error(result, error);
    gee_error_prefix(error, "rpc gateway: upstream %s: ", gee_upstream_name(forward_of(call)->upstream));
    add_effort(call, result->address ? result->tries : 0, error);
}

/* How a value that stays undecoded goes on a session with that codec. */
static unsigned way_of(const gee_codec_t *session_codec) {
    return session_codec != NULL && !session_codec->self_delimiting ? GEE_WAY_FRAMED : 0;
}

/* The name of a method that has been found as "Foo.*" only. */
static void learn(const gee_call_t *call) {
    gee_str_t name = slot_of(call)->name;
    if (call->method == NULL && name.data[name.length - 1] == '*')
        gee_service_table_learn(gee_dispatch_table(call->engine->dispatch), call);
}

static void pass_reply(gee_call_t *call, const gee_payload_t *payload) {
    learn(call);
    answer(call, GEE_OK, GEE_STR(""), payload);
}

static void refuse_reply(gee_call_t *call, const gee_upstream_result_t *result, gee_error_t *error) {
    if (error->code == GEE_INVALID_ARGUMENT) /* the arguments of the caller are not invalid */
        error->code = GEE_INTERNAL;
    gee_error_prefix(error, "rpc gateway: upstream %s: %s: its reply: ", gee_upstream_name(forward_of(call)->upstream),
                     result->address);
    fail(call, error);
}

GEE_APART static void translate_reply(gee_call_t *call, const gee_upstream_result_t *result) {
    gee_payload_t payload;
    gee_error_t error;
    if (gee_translate(call->engine, result->payload, call->codec, reply_of(call), result->pool, &payload, &error) == 0)
        pass_reply(call, &payload);
    else
        refuse_reply(call, result, &error);
}

/* The check found a fault, but made no text: it is made here. */
GEE_APART static void refuse_checked_reply(gee_call_t *call, const gee_upstream_result_t *result, unsigned way) {
    gee_error_t error;
    gee_translate_check(call->engine, result->payload, reply_of(call), way, &error);
    refuse_reply(call, result, &error);
}

/* In a frame, a reply can do harm to nobody but its caller, who is the reader. */
static void carry_reply(gee_call_t *call, const gee_upstream_result_t *result) {
    unsigned way = call->session != NULL ? way_of(call->session->codec) : GEE_WAY_FRAMED;
    if (way == GEE_WAY_FRAMED || gee_translate_check(call->engine, result->payload, reply_of(call), way, NULL) == 0)
        pass_reply(call, result->payload);
    else
        refuse_checked_reply(call, result, way);
}

GEE_APART static void fail_explained(gee_call_t *call, const gee_upstream_result_t *result) {
    gee_error_t error;
    explain(call, result, &error);
    fail(call, &error);
}

/* The server's own error. A missing text or code, which the server's wire may not have, is that of the caller's
 * wire. */
GEE_APART static void pass_error(gee_call_t *call, const gee_status_t *status) {
    gee_missing_t missing = gee_words_read(status->text, call->method_name);
    gee_error_t error;
    if (missing == GEE_MISSING_NOTHING) {
        answer(call, status->code, status->text, NULL);
        return;
    }
    gee_words_say(missing, call->method_name, call->session != NULL && call->session->protocol->go_words, &error);
    fail(call, &error);
}

static void done(gee_upstream_call_t *upstream_call, const gee_upstream_result_t *result) {
    gee_forwarded_t *forwarded = GEE_CONTAINER(upstream_call, gee_forwarded_t, call);
    gee_call_t *call = forwarded->caller;
    forwarded->under_way = false;
    forwarded->address = result->address;
    forwarded->tries = result->tries;
    if (!result->from_peer)
        fail_explained(call, result);
    else if (result->status.code != GEE_OK)
        pass_error(call, &result->status);
    else if (gee_translate_is_same(result->payload, call->codec))
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
    return call->held == NULL && (payload->buf == NULL || payload->length <= COPY_UP_TO);
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
    if (error->code == GEE_UNIMPLEMENTED)
        gee_error_prefix(error, "rpc gateway: upstream %s: ", gee_upstream_name(forward_of(call)->upstream));
    else
        gee_error_prefix(error, "rpc server: %.*s: ", GEE_STR_ARGUMENTS(gee_str_quoted(call->method_name)));
    fail(call, error);
}

/* In the codec that the upstream's connections take. False: translation is not possible; the caller has been told. */
GEE_APART static bool translate(gee_call_t *call, const gee_payload_t *payload) {
    gee_upstream_call_t *request = &call->forwarded->call;
    gee_error_t error;
    if (call->codec == NULL) /* a call from a handler (rpc/call_other.c), which takes the reply as it comes */
        call->codec = request->codec;
    if (gee_translate(call->engine, payload, request->codec, argument_of(call), call->pool, &request->payload,
                      &error) == 0)
        return true;
    refuse(call, &error);
    return false;
}

/* The check found a fault, but made no text: it is made here. */
GEE_APART static bool refuse_checked(gee_call_t *call, const gee_payload_t *payload, unsigned way) {
    gee_error_t error;
    gee_translate_check(call->engine, payload, argument_of(call), way, &error);
    refuse(call, &error);
    return false;
}

/* The body goes on as it came. False: it may not; the caller has been told. In a frame, a body whose type is a few
 * numbers needs no check: such a body cannot lead its reader deep or far. */
static bool pass_on(gee_call_t *call, const gee_payload_t *payload) {
    unsigned way = way_of(forward_of(call)->codec) | GEE_WAY_TO_SERVER;
    call->forwarded->call.payload = *payload;
    if (slot_of(call)->flat_argument && (way & GEE_WAY_FRAMED) != 0)
        return true;
    return gee_translate_check(call->engine, payload, argument_of(call), way, NULL) == 0 ||
           refuse_checked(call, payload, way);
}

GEE_APART static uint64_t key_of(const gee_call_t *call, const gee_payload_t *payload) {
    return gee_forward_key_of(&forward_of(call)->key, call, payload, argument_of(call), call->pool);
}

/* For a name that is found as "Foo.*" there is no place to keep the name's key. */
static uint64_t *place_of_name_key(const gee_call_t *call) {
    gee_method_slot_t *slot = call->method_slot;
    return slot->name.data == call->method_name.data ? &slot->name_key : NULL;
}

/* All but codec and payload. */
static void prepare(gee_call_t *call, const gee_payload_t *payload) {
    const gee_balancer_t *balancer = gee_upstream_balancer(forward_of(call)->upstream);
    gee_upstream_call_t *request = &call->forwarded->call;
    request->upstream = NULL;
    request->stream = NULL;
    request->method = call->method_name;
    request->kept_name_key = place_of_name_key(call);
    request->metadata = call->metadata.count > 0 ? &call->metadata : NULL;
    request->deadline_ns = call->deadline_ns;
    request->timeout_ns = call->timeout_ns;
    request->idempotent = slot_of(call)->policy->idempotent;
    request->done = done;
    request->key = balancer != NULL && balancer->keyed ? key_of(call, payload) : 0;
}

static const gee_codec_t *choose(const gee_call_t *call, const gee_codec_t *from) {
    const gee_forward_t *forward = forward_of(call);
    return from == forward->codec
               ? from
               : gee_translate_choose(call->engine, forward->protocol, forward->codec, from, argument_of(call) != NULL);
}

static void start(gee_call_t *call, const gee_payload_t *payload) {
    const gee_forward_t *forward = forward_of(call);
    const gee_codec_t *codec = choose(call, payload->codec);
    bool same = gee_translate_is_same(payload, codec);
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
    if (!(same ? pass_on(call, payload) : translate(call, payload)))
        return;
    if (same)
        keep(call, &forwarded->call.payload);
    prepare(call, payload);
    if (call->session != NULL)
        gee_session_keep(call->session, call);
    forwarded->under_way = true;
    gee_upstream_call(forward->upstream, &forwarded->call);
}

static void cancel(gee_call_t *call) {
    if (!call->forwarded->under_way)
        return;
    call->forwarded->under_way = false;
    gee_upstream_cancel(&call->forwarded->call);
}

const gee_target_t gee_forward_target = { .start = start, .cancel = cancel };
