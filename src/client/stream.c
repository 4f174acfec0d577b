/* stream.c: streaming calls: an operation that stays begun, with a queue of messages in each direction.
 *
 *   program: send    -> encoded or checked -> [ out ] -- post --> loop: gee_upstream_stream_send()
 *   program: receive <- checked or decoded <- [ in  ] <---------- loop: message()
 *
 * The loop takes messages of `out` while the flow has room, and asks the flow for the next message (gee_flow_took)
 * while `in` has room. So a side that does not go on holds back the other side, and each queue is bounded. A program
 * that waits sleeps on the word of a queue; a program with `ready` hears of the same change there. */
#include "client/client.h"
#include "client/messages.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/clock.h"

#define SENDING_KEPT (64 * GEE_KIB) /* bytes of free buffers for encoding */
#define POOL_SIZE    1024           /* for what a typed message points to */

struct gee_client_stream {
    gee_pending_t operation; /* the first member: the memory of both is freed with the operation */

    /* Constant. The caller may be gone before the stream is. */
    const gee_codec_t *codec, *json;
    gee_codec_limits_t limits;
    size_t memory; /* for what one typed message points to, at most */
    bool typed;
    gee_stream_ready_t ready;
    void *data;

    gee_messages_t out, in;
    atomic_bool finished; /* no message is put into `out` any more */
    atomic_bool released;
    _Atomic(gee_received_t *) received;

    /* Owned by the loop's thread. */
    gee_upstream_stream_t upstream;
    gee_received_t *initial; /* what `received` was before the end; the program may still read it */
    bool full;               /* until room() */
    bool half_closed;
    bool holding; /* a message was not yet answered with gee_flow_took() */

    /* Owned by the sending thread. */
    gee_buf_cache_t *cache;
    const gee_type_t *sound_argument;

    /* Owned by the receiving thread. */
    gee_pool_t *pool;
    const gee_type_t *sound_message;
    bool broken; /* a message could not be read */
};

static gee_client_stream_t *stream_of(gee_pending_t *operation) {
    return GEE_CONTAINER(operation, gee_client_stream_t, operation);
}

static gee_client_stream_t *stream_of_call(gee_upstream_call_t *call) {
    return stream_of(GEE_CONTAINER(call, gee_pending_t, call));
}

/* ---- on the loop's thread ---- */

static void tell_ready(gee_client_stream_t *stream, unsigned events) {
    if (stream->ready != NULL && !atomic_load_explicit(&stream->released, memory_order_acquire))
        stream->ready(stream, events, stream->data);
}

static void signal_ready(gee_client_stream_t *stream, gee_messages_t *messages, unsigned event) {
    if (gee_runtime_signal(&messages->word))
        tell_ready(stream, event);
}

static void abort_stream(gee_client_stream_t *stream, gee_code_t code, const char *text) {
    gee_error_t error;
    gee_error_set(&error, code, "%s", text);
    gee_operation_abort(&stream->operation, &error);
}

/* True: the call goes on. */
static bool send_message(gee_client_stream_t *stream, const uint8_t *bytes, size_t length) {
    const gee_payload_t payload = {
        .kind = GEE_PAYLOAD_BYTES, .codec = stream->codec, .bytes = bytes, .length = length
    };
    gee_error_t error;
    switch (gee_upstream_stream_send(&stream->upstream, &payload, &error)) {
    case GEE_SENT:
        return true;
    case GEE_SENT_FULL:
        stream->full = true;
        return true;
    case GEE_SEND_ENDED:
        break;
    }
    if (error.code != GEE_OK)
        abort_stream(stream, error.code, error.text);
    return false; /* the end comes, or has come */
}

/* Sends what the program has put, as far as there is room. False: the operation may have ended. */
static bool send_on(gee_client_stream_t *stream) {
    while (stream->upstream.open && !stream->full && !stream->half_closed) {
        bool finished =
            atomic_load_explicit(&stream->finished, memory_order_acquire); /* before the queue is seen empty */
        bool made_room = false;
        uint8_t *bytes;
        size_t length;
        gee_messages_result_t result = gee_messages_take(&stream->out, false, &bytes, &length, &made_room);
        if (made_room)
            signal_ready(stream, &stream->out, GEE_STREAM_WRITABLE);
        if (result == GEE_MESSAGES_DONE) {
            if (!send_message(stream, bytes, length))
                return false;
        } else if (finished) {
            stream->half_closed = true;
            gee_flow_half_close(&stream->upstream.flow);
        } else {
            break;
        }
    }
    return true;
}

static void stream_on_opened(gee_upstream_call_t *call) {
    gee_client_stream_t *stream = stream_of_call(call);
    stream->full = stream->half_closed = false;
    (void)send_on(stream);
}

static void stream_on_room(gee_upstream_call_t *call) {
    gee_client_stream_t *stream = stream_of_call(call);
    stream->full = false;
    (void)send_on(stream);
}

static void stream_on_began(gee_upstream_call_t *call, const gee_metadata_t *metadata) {
    gee_client_stream_t *stream = stream_of_call(call);
    static const gee_metadata_t none;
    if (stream->initial != NULL)
        return;
    stream->initial = gee_received_create(metadata, &none, GEE_STR(""));
    atomic_store_explicit(&stream->received, stream->initial, memory_order_release);
}

/* False: the operation has ended. */
static bool put_message(gee_client_stream_t *stream, const gee_payload_t *payload) {
    if (payload->kind != GEE_PAYLOAD_EMPTY && (payload->kind != GEE_PAYLOAD_BYTES || payload->codec != stream->codec)) {
        abort_stream(stream, GEE_INTERNAL, "a message came in another codec than the call");
        return false;
    }
    switch (
        gee_messages_deliver(&stream->in, payload->bytes, payload->kind == GEE_PAYLOAD_BYTES ? payload->length : 0)) {
    case GEE_MESSAGES_DONE:
        break;
    case GEE_MESSAGES_FULL:
        stream->holding = true;
        break;
    case GEE_MESSAGES_FAILED:
    case GEE_MESSAGES_CLOSED:
    case GEE_MESSAGES_EMPTY:
        abort_stream(stream, GEE_RESOURCE_EXHAUSTED, "out of memory for a message");
        return false;
    }
    signal_ready(stream, &stream->in, GEE_STREAM_READABLE);
    return true;
}

static void stream_on_message(gee_upstream_call_t *call, const gee_payload_t *payload) {
    gee_client_stream_t *stream = stream_of_call(call);
    if (put_message(stream, payload) && !stream->holding)
        gee_flow_took(&stream->upstream.flow); /* the last: the next message or the end may come from inside */
}

static void keep_end(gee_client_stream_t *stream, const gee_event_t *reply) {
    static const gee_event_more_t nothing;
    const gee_event_more_t *more = reply->more ? reply->more : &nothing;
    const gee_received_t *initial = stream->initial;
    if (reply->metadata.count == 0 && reply->more == NULL)
        return;
    gee_received_t *received = gee_received_create(&reply->metadata, &more->trailing, more->details);
    if (received != NULL && initial != NULL) {
        received->initial = initial->initial;
        received->initial_count = initial->initial_count;
    }
    if (received != NULL)
        atomic_store_explicit(&stream->received, received, memory_order_release);
}

static void stream_on_end(gee_upstream_call_t *call, const gee_upstream_result_t *result) {
    gee_client_stream_t *stream = stream_of_call(call);
    gee_pending_t *operation = &stream->operation;
    if (result->reply != NULL)
        keep_end(stream, result->reply);
    if (result->status.code != GEE_OK) {
        gee_operation_fail_result(operation, result, NULL);
        return;
    }
    bool message = result->reply != NULL && (result->reply->parts & GEE_EVENT_MESSAGE) != 0;
    if (!message || put_message(stream, result->payload))
        gee_operation_succeed(operation);
}

static const gee_upstream_stream_events_t stream_events = {
    .opened = stream_on_opened, .began = stream_on_began, .message = stream_on_message, .room = stream_on_room
};

static void begin_stream(gee_pending_t *operation) {
    gee_client_stream_t *stream = stream_of(operation);
    gee_upstream_call(operation->caller->upstream, &operation->call);
    if (stream->upstream.open)
        (void)send_on(stream);
}

static void go_on_with_stream(gee_pending_t *operation) {
    gee_client_stream_t *stream = stream_of(operation);
    if (!send_on(stream) || !stream->holding)
        return;
    stream->holding = false;
    gee_flow_took(&stream->upstream.flow);
}

static void cancel_stream(gee_pending_t *operation, gee_upstream_result_t *where) {
    gee_upstream_where(&operation->call, where);
    gee_upstream_cancel(&operation->call);
}

/* The operation's `done`: the outcome is known. */
static void stream_on_over(gee_pending_t *operation, void *data GEE_UNUSED) {
    gee_client_stream_t *stream = stream_of(operation);
    gee_messages_close(&stream->out);
    gee_messages_close(&stream->in);
    (void)gee_runtime_signal(&stream->out.word);
    (void)gee_runtime_signal(&stream->in.word);
    tell_ready(stream, GEE_STREAM_OVER);
}

static void destroy_stream(gee_pending_t *operation) {
    gee_client_stream_t *stream = stream_of(operation);
    gee_received_t *received = atomic_load_explicit(&stream->received, memory_order_acquire);
    if (received != stream->initial)
        free(received);
    free(stream->initial);
    gee_messages_destroy(&stream->out);
    gee_messages_destroy(&stream->in);
    gee_buf_cache_destroy(&stream->cache);
    gee_pool_destroy(&stream->pool);
}

static const gee_operation_kind_t stream_kind = {
    .begin = begin_stream, .again = go_on_with_stream, .cancel = cancel_stream, .destroy = destroy_stream
};

/* ---- on the program's threads ---- */

static int init_stream(gee_client_stream_t *stream, gee_caller_t *caller, const gee_client_stream_options_t *options) {
    stream->json = caller->json;
    stream->codec = options->typed ? caller->codec : caller->json;
    stream->limits = caller->codec_limits;
    stream->memory = (size_t)caller->limits.call_memory;
    stream->typed = options->typed;
    stream->ready = options->ready;
    stream->data = options->data;
    stream->operation.done = stream_on_over;
    stream->operation.call.done = stream_on_end;
    stream->operation.call.codec = options->typed ? NULL : caller->json;
    stream->operation.call.stream = &stream->upstream;
    stream->upstream.events = &stream_events;
    stream->upstream.parts = GEE_EVENT_BEGIN;
    stream->cache = gee_buf_cache_create(SENDING_KEPT);
    /* The program is told of the first message, and of room only when there was none. */
    int failed = gee_messages_init(&stream->in, 0);
    failed |= gee_messages_init(&stream->out, GEE_ENDED);
    return stream->cache != NULL ? failed : -1;
}

/* The session would say so, too, but would not say what helps. */
static int check_streams(const gee_caller_t *caller, gee_error_t *error) {
    const gee_protocol_t *protocol = caller->upstream_options.settings.protocol;
    if (!gee_wire_is_bare(protocol, caller->codec) && !caller->codec->self_delimiting)
        return 0;
    return gee_error_set(error, GEE_UNIMPLEMENTED, "%s with %s has no streaming calls; geerpc with bin or proto has",
                         protocol->name, caller->codec->name);
}

static gee_client_stream_t *open_stream(gee_caller_t *caller, const char *method,
                                        const gee_client_stream_options_t *given, gee_error_t *error) {
    gee_client_stream_options_t options;
    gee_call_options_t call;
    if (gee_runtime_check(caller->runtime, false, error) != 0 ||
        GEE_READ_OPTIONS(gee_client_stream_options_t, options, given, error) != 0 ||
        GEE_READ_OPTIONS(gee_call_options_t, call, options.call, error) != 0 || check_streams(caller, error) != 0)
        return NULL;
    gee_pending_t *operation =
        gee_call_prepare(caller, sizeof(gee_client_stream_t), &stream_kind, method, &call, error);
    if (operation == NULL)
        return NULL;
    if (init_stream(stream_of(operation), caller, &options) != 0) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_operation_discard(&operation);
        return NULL;
    }
    return gee_operation_post(operation, error) == 0 ? stream_of(operation) : NULL;
}

gee_client_stream_t *gee_client_stream_open(gee_client_t *client, const char *method,
                                            const gee_client_stream_options_t *options, gee_error_t *error) {
    return open_stream(&client->caller, method, options, error);
}

gee_client_stream_t *gee_xclient_stream_open(gee_xclient_t *xclient, const char *method,
                                             const gee_client_stream_options_t *options, gee_error_t *error) {
    return open_stream(&xclient->caller, method, options, error);
}

static int check_use(const gee_client_stream_t *stream, bool typed, gee_error_t *error) {
    if (gee_runtime_check(stream->operation.runtime, false, error) != 0)
        return -1;
    if (stream->typed == typed)
        return 0;
    return gee_error_set(error, GEE_FAILED_PRECONDITION,
                         typed ? "the stream was opened for JSON text: set `typed` of gee_client_stream_options_t"
                               : "the stream was opened with `typed`: its messages are no JSON text");
}

/* A description is checked once while the same one is used. */
static int check_type(const gee_type_t **sound, const gee_type_t *type, gee_error_t *error) {
    if (*sound == type)
        return 0;
    const char *flaw = gee_type_check(type);
    if (flaw != NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the description of type %s cannot be used: %s",
                             gee_type_label(type), flaw);
    if (type->lasting)
        *sound = type;
    return 0;
}

/* Waits for a word that was cleared. False: the time is over, or the thread must not wait. */
static bool await_word(gee_client_stream_t *stream, atomic_uint *word, int64_t deadline_ns) {
    gee_runtime_t *runtime = stream->operation.runtime;
    return deadline_ns != 0 && !gee_runtime_inside(runtime) && gee_runtime_await(runtime, word, deadline_ns);
}

static int64_t deadline_in(int64_t timeout_ns) {
    return timeout_ns < 0 ? INT64_MAX : timeout_ns == 0 ? 0 : gee_time_add(gee_clock_monotonic(), timeout_ns);
}

/* ---- sending ---- */

static gee_streamed_t send_bytes(gee_client_stream_t *stream, const gee_chain_t *chain, gee_str_t bytes,
                                 int64_t timeout_ns, gee_error_t *error) {
    size_t length = chain ? chain->length : bytes.length;
    int64_t deadline_ns = deadline_in(timeout_ns);
    bool first;
    if (atomic_load_explicit(&stream->finished, memory_order_relaxed))
        return (gee_streamed_t)gee_error_set(error, GEE_FAILED_PRECONDITION,
                                             "nothing can be sent after gee_client_stream_finish()");
    for (;;) {
        switch (gee_messages_offer(&stream->out, chain, bytes.data, length, &first)) {
        case GEE_MESSAGES_DONE:
            if (first)
                gee_operation_post_again(&stream->operation);
            return GEE_STREAM_DONE;
        case GEE_MESSAGES_CLOSED:
            return GEE_STREAM_END;
        case GEE_MESSAGES_FULL:
            if (!await_word(stream, &stream->out.word, deadline_ns))
                return GEE_STREAM_LATER;
            break;
        case GEE_MESSAGES_FAILED:
        case GEE_MESSAGES_EMPTY:
            return (gee_streamed_t)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for a message");
        }
    }
}

gee_streamed_t gee_client_stream_send(gee_client_stream_t *stream, const char *json, int64_t timeout_ns,
                                      gee_error_t *error) {
    gee_str_t text = gee_str(json);
    if (check_use(stream, false, error) != 0)
        return GEE_STREAM_FAILED;
    if (gee_text_check(stream->json, &stream->limits, &text, error) != 0) {
        gee_error_prefix(error, "message: ");
        return GEE_STREAM_FAILED;
    }
    return send_bytes(stream, NULL, text, timeout_ns, error);
}

gee_streamed_t gee_client_stream_send_typed(gee_client_stream_t *stream, const gee_type_t *type, const void *message,
                                            int64_t timeout_ns, gee_error_t *error) {
    gee_streamed_t sent = GEE_STREAM_FAILED;
    gee_chain_t chain;
    if (check_use(stream, true, error) != 0 || check_type(&stream->sound_argument, type, error) != 0)
        return GEE_STREAM_FAILED;
    gee_chain_init(&chain, stream->cache);
    if (stream->codec->encode(NULL, type, message, &chain, error) != 0)
        gee_error_prefix(error, "message: ");
    else
        sent = send_bytes(stream, &chain, (gee_str_t){ .length = 0 }, timeout_ns, error);
    gee_chain_clear(&chain);
    return sent;
}

int gee_client_stream_finish(gee_client_stream_t *stream, gee_error_t *error) {
    if (gee_runtime_check(stream->operation.runtime, false, error) != 0)
        return -1;
    if (!atomic_exchange_explicit(&stream->finished, true, memory_order_release))
        gee_operation_post_again(&stream->operation);
    return 0;
}

/* ---- receiving ---- */

static gee_streamed_t outcome_of(const gee_client_stream_t *stream, gee_error_t *error) {
    const gee_error_t *failure = gee_pending_error(&stream->operation);
    if (failure == NULL)
        return GEE_STREAM_END;
    if (error != NULL)
        *error = *failure;
    return GEE_STREAM_FAILED;
}

static gee_streamed_t receive_bytes(gee_client_stream_t *stream, uint8_t **bytes, size_t *length, int64_t timeout_ns,
                                    gee_error_t *error) {
    int64_t deadline_ns = deadline_in(timeout_ns);
    if (stream->broken)
        return (gee_streamed_t)gee_error_set(error, GEE_CANCELLED,
                                             "the call was cancelled, as a message could not be read");
    for (;;) {
        bool made_room = false;
        gee_messages_result_t result = gee_messages_take(&stream->in, true, bytes, length, &made_room);
        if (made_room)
            gee_operation_post_again(&stream->operation);
        if (result == GEE_MESSAGES_DONE)
            return GEE_STREAM_DONE;
        if (result == GEE_MESSAGES_CLOSED)
            return outcome_of(stream, error);
        if (!await_word(stream, &stream->in.word, deadline_ns))
            return GEE_STREAM_LATER;
    }
}

static gee_streamed_t give_up(gee_client_stream_t *stream, gee_error_t *error) {
    stream->broken = true;
    gee_pending_cancel(&stream->operation);
    gee_error_prefix(error, "a message of the server: ");
    return GEE_STREAM_FAILED;
}

gee_streamed_t gee_client_stream_receive(gee_client_stream_t *stream, const char **json, int64_t timeout_ns,
                                         gee_error_t *error) {
    uint8_t *bytes;
    size_t length;
    *json = NULL;
    if (check_use(stream, false, error) != 0)
        return GEE_STREAM_FAILED;
    gee_streamed_t received = receive_bytes(stream, &bytes, &length, timeout_ns, error);
    if (received != GEE_STREAM_DONE)
        return received;
    gee_str_t text = { .data = (const char *)bytes, .length = length };
    if (gee_text_check(stream->json, &stream->limits, &text, error) != 0)
        return give_up(stream, error);
    bytes[(text.data - (const char *)bytes) + (ptrdiff_t)text.length] = '\0';
    *json = text.data;
    return GEE_STREAM_DONE;
}

static int read_typed(gee_client_stream_t *stream, const gee_type_t *type, const uint8_t *bytes, size_t length,
                      void *message, gee_error_t *error) {
    if (stream->pool == NULL && (stream->pool = gee_pool_create(POOL_SIZE)) == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_pool_reset(stream->pool);
    gee_pool_limit(stream->pool, stream->memory);
    void *value = gee_pool_zalloc(stream->pool, type->size);
    if (value == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (stream->codec->decode(NULL, type, bytes, length, &stream->limits, false, stream->pool, value, error) != 0)
        return -1;
    memcpy(message, value, type->size);
    return 0;
}

gee_streamed_t gee_client_stream_receive_typed(gee_client_stream_t *stream, const gee_type_t *type, void *message,
                                               int64_t timeout_ns, gee_error_t *error) {
    uint8_t *bytes;
    size_t length;
    if (check_use(stream, true, error) != 0 || check_type(&stream->sound_message, type, error) != 0)
        return GEE_STREAM_FAILED;
    gee_streamed_t received = receive_bytes(stream, &bytes, &length, timeout_ns, error);
    if (received != GEE_STREAM_DONE)
        return received;
    return read_typed(stream, type, bytes, length, message, error) == 0 ? GEE_STREAM_DONE : give_up(stream, error);
}

/* ---- the rest ---- */

const gee_received_t *gee_client_stream_received(const gee_client_stream_t *stream) {
    static const gee_received_t nothing;
    const gee_received_t *received = atomic_load_explicit(&stream->received, memory_order_acquire);
    return received ? received : &nothing;
}

void gee_client_stream_cancel(gee_client_stream_t *stream) {
    gee_pending_cancel(&stream->operation);
}

void gee_client_stream_release(gee_client_stream_t **handle) {
    gee_client_stream_t *stream = *handle;
    *handle = NULL;
    if (stream == NULL)
        return;
    atomic_store_explicit(&stream->released, true, memory_order_release);
    gee_pending_cancel(&stream->operation);
    gee_pending_t *operation = &stream->operation;
    gee_pending_release(&operation);
}
