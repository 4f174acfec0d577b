/* forward_private.h: between the files of forwarding: forward.c (unary calls), forward_stream.c (streaming calls), and
 * what both stand on, forward_text.c. */
#ifndef GEE_GATEWAY_FORWARD_PRIVATE_H
#define GEE_GATEWAY_FORWARD_PRIVATE_H

#include "core/gateway/forward.h"
#include "core/gateway/translate.h"
#include "core/rpc/service_table.h"
#include "core/rpc/session_private.h"

/* A body up to this size is copied into the arena, so that a call in flight does not keep a whole read buffer. */
#define GEE_FORWARD_COPY_UP_TO 256

static inline const gee_method_slot_t *gee_forward_slot(const gee_call_t *call) {
    return call->method_slot;
}

static inline const gee_forward_t *gee_forward_to(const gee_call_t *call) {
    return gee_forward_of(gee_forward_slot(call)->target);
}

/* Null: not known; of both. */
static inline const gee_type_t *gee_forward_argument(const gee_call_t *call) {
    return call->method ? call->method->argument : NULL;
}

static inline const gee_type_t *gee_forward_reply(const gee_call_t *call) {
    return call->method ? call->method->reply : NULL;
}

/* Do the caller's bytes go on as they came? Not where they may name enums that the server knows by number. */
static inline bool gee_forward_is_same(const gee_call_t *call, const gee_payload_t *payload, const gee_codec_t *codec) {
    return gee_translate_is_same(payload, codec) &&
           (gee_forward_slot(call)->numbered_argument == NULL || !codec->enum_names);
}

/* Do the server's bytes go back as they came? Not where they may have numbers of enums that the caller's codec
 * names. A call from a handler takes them as they are. */
static inline bool gee_forward_is_same_reply(const gee_call_t *call, const gee_payload_t *payload) {
    return gee_translate_is_same(payload, call->codec) &&
           (!gee_forward_slot(call)->named_reply || !call->codec->enum_names || call->session == NULL);
}

/* How a value that stays undecoded goes on a session with that codec. */
static inline unsigned gee_forward_way(const gee_codec_t *session_codec) {
    return session_codec != NULL && !session_codec->self_delimiting ? GEE_WAY_FRAMED : 0;
}

/* The codec of the bodies that go to the upstream, of a call whose bodies come in codec `from`. */
static inline const gee_codec_t *gee_forward_choose(const gee_call_t *call, const gee_codec_t *from) {
    const gee_forward_t *forward = gee_forward_to(call);
    return from == forward->codec ? from
                                  : gee_translate_choose(call->engine, forward->protocol, forward->codec, from,
                                                         gee_forward_argument(call) != NULL);
}

/* gee_translate(), of what the caller has sent. */
static inline int gee_forward_translate(const gee_call_t *call, const gee_payload_t *from, const gee_codec_t *codec,
                                        gee_pool_t *pool, gee_payload_t *to, gee_error_t *error) {
    const gee_type_t *numbered = gee_forward_slot(call)->numbered_argument;
    if (gee_translate(call->engine, from, codec, gee_forward_argument(call), pool, to, error) != 0)
        return -1;
    if (numbered != NULL && to->kind == GEE_PAYLOAD_TYPED && to->type == gee_forward_argument(call))
        to->type = numbered;
    return 0;
}

/* ---- forward_text.c: errors, keys, what is learned ---- */
uint64_t gee_forward_key(const gee_call_t *call, const gee_payload_t *payload);
/* Sets all of call->forwarded->call but codec, payload, stream and done. */
static inline void gee_forward_prepare(gee_call_t *call, const gee_payload_t *payload) {
    gee_method_slot_t *slot = call->method_slot;
    const gee_balancer_t *balancer = gee_upstream_balancer(gee_forward_to(call)->upstream);
    gee_upstream_call_t *request = &call->forwarded->call;
    request->upstream = NULL;
    request->method = call->method_name;
    /* For a name that is found as "Foo.*" there is no place to keep the name's key. */
    request->kept_name_key = slot->name.data == call->method_name.data ? &slot->name_key : NULL;
    request->metadata = call->metadata.count > 0 ? &call->metadata : NULL;
    request->deadline_ns = call->deadline_ns;
    request->timeout_ns = call->timeout_ns;
    request->idempotent = slot->policy->idempotent;
    request->key = balancer != NULL && balancer->keyed ? gee_forward_key(call, payload) : 0;
}

void gee_forward_learn_name(const gee_call_t *call);
/* The name of a method that has been found as "Foo.*" only, and was answered. */
static inline void gee_forward_learn(const gee_call_t *call) {
    gee_str_t name = gee_forward_slot(call)->name;
    if (call->method == NULL && name.data[name.length - 1] == '*')
        gee_forward_learn_name(call);
}

/* Has the server said something beside its reply? */
static inline bool gee_forward_has_said(const gee_upstream_result_t *result) {
    return result->reply != NULL && (result->reply->metadata.count > 0 || result->reply->more != NULL);
}
/* Metadata and details of the server's answer become those of the call's answer. `said` stays until then. */
void gee_forward_bring_back(gee_call_t *call, const gee_event_t *reply, gee_call_said_t *said);

/* A failure on the way, in words for the caller. */
void gee_forward_explain(const gee_call_t *call, const gee_upstream_result_t *result, gee_error_t *error);
/* The server's own error. A missing text or code, which the server's wire may not have, is that of the caller's wire;
 * its text is then in `place`. */
gee_status_t gee_forward_status(const gee_call_t *call, const gee_status_t *status, gee_error_t *place);
/* A message of the caller, or of the server, that cannot go on: whose, in front of the text. */
void gee_forward_locate_request(const gee_call_t *call, gee_error_t *error);
void gee_forward_locate_reply(const gee_call_t *call, const char *address, gee_error_t *error);

/* ---- forward_stream.c ---- */
int gee_forward_stream_open(gee_call_t *call);
/* What has not begun does not begin. */
void gee_forward_stream_cancel(gee_call_t *call);

#endif
