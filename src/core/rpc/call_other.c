/* call_other.c: calls of other methods of this server from a handler: gee_call_other().
 *
 *   handler -> argument as bytes -> deferred -> gee_dispatch_request() -> filters -> handler, or forwarded
 *      done() <- reply as a value of the asked type <- tell(status, payload) <-'
 *
 * The other call is a call like any: filters see it, its method's timeout holds, and its memory is its own, as its
 * handler may run on when nobody wants its answer any more. Values go through a codec both ways, since each side may
 * have declared the types for itself. */
#include "core/rpc/call_wait.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/metadata.h"
#include "core/rpc/service_table.h"
#include "core/rpc/session_private.h"

/* In the arena of `other`. */
typedef struct other_call {
    gee_call_wait_t wait; /* of the calling call */
    gee_call_t *other;
    gee_task_t start; /* deferred: `done` must not run while its call is made */
    bool started;
    gee_str_t method;
    gee_payload_t payload;
    const gee_type_t *reply_type;
    void (*done)(gee_call_t *call, const gee_status_t *status, const void *reply, void *data);
    void *data;
} other_call_t;

/* ---- values as bytes of a codec, and back ---- */

/* A codec's state for each direction, for one value. */
typedef struct states {
    void *sending, *receiving;
} states_t;

static void destroy_states(const gee_codec_t *codec, states_t *states) {
    gee_codec_state_destroy(codec, &states->sending);
    gee_codec_state_destroy(codec, &states->receiving);
}

static int create_states(gee_engine_t *engine, const gee_codec_t *codec, states_t *states, gee_error_t *error) {
    *states = (states_t){ NULL, NULL };
    if (gee_codec_state_create(engine, codec, &states->sending, error) == 0 &&
        (codec->one_state || gee_codec_state_create(engine, codec, &states->receiving, error) == 0))
        return 0;
    destroy_states(codec, states);
    return -1;
}

/* Null: it cannot be written, or out of memory. */
static gee_buf_t *encode(gee_engine_t *engine, const gee_payload_t *payload, const gee_codec_t *codec, void *state,
                         size_t *length, gee_error_t *error) {
    gee_chain_t chain;
    gee_buf_t *buf = NULL;
    gee_chain_init(&chain, engine->buffers);
    if (gee_payload_encode(payload, codec, state, &chain, error) == 0) {
        *length = chain.length;
        buf = gee_buf_take(engine->buffers, chain.length);
        if (buf != NULL)
            gee_chain_copy(&chain, buf->data, chain.length);
        else
            gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    gee_chain_clear(&chain);
    return buf;
}

/* A value of `type` from bytes, in the pool; null: failed. */
static void *decode(const gee_engine_t *engine, const gee_payload_t *from, const gee_type_t *type, gee_pool_t *pool,
                    gee_error_t *error) {
    void *value = gee_pool_zalloc(pool, type->size);
    if (value == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory, or over limits.call_memory");
        return NULL;
    }
    return from->codec->decode(from->codec_state, type, from->bytes, from->length, &engine->codec_limits, true, pool,
                               value, error) == 0
               ? value
               : NULL;
}

/* The same from a payload that is not bytes, by way of bytes of `codec`. */
static void *convert(gee_engine_t *engine, const gee_payload_t *from, const gee_codec_t *codec, const gee_type_t *type,
                     gee_pool_t *pool, gee_error_t *error) {
    states_t states;
    void *value = NULL;
    if (create_states(engine, codec, &states, error) != 0)
        return NULL;
    gee_payload_t bytes = { .kind = GEE_PAYLOAD_BYTES,
                            .codec = codec,
                            .codec_state = codec->one_state ? states.sending : states.receiving };
    gee_buf_t *buf = encode(engine, from, codec, states.sending, &bytes.length, error);
    if (buf != NULL) {
        bytes.bytes = buf->data;
        value = decode(engine, &bytes, type, pool, error);
        gee_buf_release(&buf);
    }
    destroy_states(codec, &states);
    return value;
}

/* ---- the way back ---- */

/* In the arena of the calling call; in that of `other` where the calling call goes on and on. Null: failed. */
static const void *take_reply(const other_call_t *made, const gee_payload_t *payload, gee_error_t *error) {
    gee_call_t *caller = made->wait.call;
    gee_pool_t *pool = caller->flow != NULL ? made->other->pool : gee_call_pool(caller);
    const void *reply = payload->kind == GEE_PAYLOAD_BYTES
                            ? decode(caller->engine, payload, made->reply_type, pool, error)
                            : convert(caller->engine, payload, made->other->codec, made->reply_type, pool, error);
    if (reply == NULL)
        gee_error_prefix(error, "the reply of %.*s: ", GEE_STR_ARGUMENTS(made->other->method_name));
    return reply;
}

static void other_call_tell(gee_call_t *other, const gee_payload_t *payload) {
    other_call_t *made = other->apart->tell_data;
    gee_call_t *caller = made->wait.call;
    gee_status_t status = other->status;
    gee_error_t error;
    const void *reply = NULL;
    gee_call_wait_end(&made->wait);
    if (!gee_call_wait_enter(caller))
        return;
    if (status.code == GEE_OK && (reply = take_reply(made, payload, &error)) == NULL)
        status = (gee_status_t){ .code = error.code == GEE_INVALID_ARGUMENT ? GEE_INTERNAL : error.code,
                                 .text = gee_str(error.text) };
    made->done(caller, &status, reply, made->data);
    gee_call_wait_leave(caller);
}

static void other_call_drop(gee_call_wait_t *wait) {
    other_call_t *made = GEE_CONTAINER(wait, other_call_t, wait);
    gee_call_t *other = made->other;
    other->apart->tell = NULL;
    gee_loop_undefer(&made->start);
    if (made->started)
        other->engine->server->cancel(other, false);
    else
        gee_call_release(other);
}

/* ---- the way there ---- */

static void other_call_start(gee_task_t *task) {
    other_call_t *made = GEE_CONTAINER(task, other_call_t, start);
    gee_call_t *other = made->other;
    int64_t deadline = made->wait.call->deadline_ns;
    if (deadline != INT64_MAX) {
        int64_t left = deadline - gee_loop_now(other->engine->loop);
        other->timeout_ns = left > 0 ? left : -1;
    }
    made->started = true;
    gee_dispatch_request(other, made->method, &made->payload);
}

/* The codec for values that stay in this process: their bytes must be whole by themselves. */
static const gee_codec_t *choose_codec(const gee_engine_t *engine, gee_error_t *error) {
    const gee_codec_t *codec = gee_module_find(engine->modules, GEE_MODULE_CODEC, GEE_STR("bin"));
    if (codec == NULL)
        codec = gee_module_find(engine->modules, GEE_MODULE_CODEC, GEE_STR("json"));
    if (codec == NULL)
        gee_error_set(error, GEE_UNIMPLEMENTED,
                      "a call of another service needs the codec bin or json: ./configure --with-codec_bin");
    return codec;
}

/* A handler here gets bytes, as from a session. A target gets a value, and writes the value in the codec of its
 * connections. */
static int take_argument(other_call_t *made, const gee_type_t *type, const void *argument, gee_error_t *error) {
    gee_call_t *other = made->other;
    gee_engine_t *engine = other->engine;
    gee_payload_t typed = { .kind = GEE_PAYLOAD_TYPED, .type = type, .typed = argument };
    const gee_method_slot_t *slot = gee_service_table_find_apart(gee_dispatch_table(engine->dispatch), made->method);
    if (slot != NULL && slot->target != NULL) {
        made->payload = typed;
        made->payload.typed = convert(engine, &typed, other->codec, type, other->pool, error);
        other->codec = NULL; /* the target's own */
        return made->payload.typed != NULL ? 0 : -1;
    }
    made->payload = (gee_payload_t){ .kind = GEE_PAYLOAD_BYTES, .codec = other->codec };
    made->payload.buf = other->held = encode(engine, &typed, other->codec, NULL, &made->payload.length, error);
    if (other->held == NULL)
        return -1;
    made->payload.bytes = other->held->data;
    return 0;
}

/* Of the calling call, which may be gone before the other one's handler is through: all is copied. */
static int inherit(gee_call_t *other, const gee_call_t *caller) {
    other->depth = (uint8_t)(caller->depth + 1);
    other->peer = caller->peer;
    if (other->peer != NULL) {
        other->peer->references++;
        other->peer_held = true;
    }
    return gee_metadata_copy(&other->metadata, &caller->metadata, gee_call_pool(other));
}

static int prepare(other_call_t *made, gee_call_t *caller, gee_str_t method, const gee_type_t *type,
                   const void *argument, gee_error_t *error) {
    gee_call_t *other = made->other;
    made->start.run = other_call_start;
    made->method = gee_pool_str(other->pool, method);
    if (made->method.data == NULL || inherit(other, caller) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    other->codec = choose_codec(caller->engine, error);
    if (other->codec == NULL || take_argument(made, type, argument, error) != 0)
        return -1;
    made->wait = (gee_call_wait_t){ .call = caller, .drop = other_call_drop };
    return gee_call_wait_start(&made->wait) == 0
               ? 0
               : gee_error_set(error, GEE_CANCELLED, "the calling call is over, or has no memory left");
}

static int call_other(gee_call_t *caller, gee_str_t method, const gee_type_t *argument_type, const void *argument,
                      other_call_t made, gee_error_t *error) {
    gee_call_t *other = gee_call_create(caller->engine);
    if (other == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    other_call_t *kept = gee_pool_alloc(other->pool, sizeof(*kept));
    if (kept != NULL) {
        *kept = made;
        kept->other = other;
        other->apart->tell = other_call_tell;
        other->apart->tell_data = kept;
    }
    if (kept == NULL || prepare(kept, caller, method, argument_type, argument, error) != 0) {
        gee_call_release(other);
        return kept != NULL ? -1 : gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    gee_loop_defer(caller->engine->loop, &kept->start);
    return 0;
}

int gee_call_other(gee_call_t *call, gee_str_t method, const gee_type_t *argument_type, const void *argument,
                   const gee_type_t *reply_type, void (*done)(void), void *data, gee_error_t *error) {
    GEE_ASSERT(gee_loop_on_thread(call->engine->loop));
    gee_str_t shown = gee_str_quoted(method);
    other_call_t made = { .reply_type = reply_type,
                          .done = (void (*)(gee_call_t *, const gee_status_t *, const void *, void *))done,
                          .data = data };
    if (call->depth >= GEE_CALL_DEPTH)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED,
                             "%.*s: calls are %d deep within each other: do methods call each other in a circle?",
                             GEE_STR_ARGUMENTS(shown), GEE_CALL_DEPTH);
    if (call_other(call, method, argument_type, argument, made, error) == 0)
        return 0;
    return gee_error_prefix(error, "%.*s: ", GEE_STR_ARGUMENTS(shown));
}
