/* call.c: operations that are calls: what is sent, and the way through types.c and the upstream.
 *
 * In one piece of memory:  operation | metadata | typed arguments, copied deep | method | text | metadata's strings
 *
 * A program that waits lends its strings and arguments; for others they are copied. The loop's thread encodes arguments
 * straight into the output of the connection: the state of a codec (gob) belongs to the connection, and a try on
 * another server encodes anew. The program's thread checks JSON text, and for gob reads the text into a tree. */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/random.h"
#include "core/type/type_copy.h"

typedef struct metadata_block {
    gee_metadata_t metadata;
    __typeof__(*((gee_metadata_t *)0)->items) items[];
} metadata_block_t;

/* ---- on the loop's thread ---- */

static void call_answered(gee_upstream_call_t *call, const gee_upstream_result_t *result) {
    gee_pending_t *operation = GEE_CONTAINER(call, gee_pending_t, call);
    const gee_event_t *reply = result->reply;
    gee_error_t error;
    if (reply != NULL && (reply->metadata.count > 0 || reply->more != NULL))
        operation->received = gee_received_of(reply);
    if (result->status.code != GEE_OK)
        gee_operation_fail_result(operation, result, NULL);
    else if (gee_reply_take(operation, result, &error) != 0)
        gee_operation_fail_result(operation, result, &error);
    else
        gee_operation_succeed(operation);
}

/* From JSON text to a value of the method's argument type. */
static int read_arguments(gee_pending_t *operation, gee_error_t *error) {
    gee_caller_t *caller = operation->caller;
    gee_payload_t *payload = &operation->call.payload;
    gee_str_t text = { .data = (const char *)payload->bytes, .length = payload->length };
    const gee_type_t *type = operation->types->argument;
    if (operation->types->streams)
        return gee_error_set(error, GEE_UNIMPLEMENTED, "%.*s is a streaming method: gee_client_stream_open() calls it",
                             GEE_STR_ARGUMENTS(operation->types->method));
    if (type == NULL)
        return 0;
    operation->pool = gee_pool_create(0);
    if (operation->pool == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_pool_limit(operation->pool, (size_t)caller->limits.call_memory);
    const void *value = gee_text_read(caller, text, type, operation->pool, error);
    *payload = (gee_payload_t){ .kind = GEE_PAYLOAD_TYPED, .type = operation->types->sent, .typed = value };
    return value ? 0 : -1;
}

/* The types are known, or not needed. */
static void send_call(gee_pending_t *operation) {
    gee_caller_t *caller = operation->caller;
    gee_error_t error;
    gee_timer_stop(caller->runtime->loop, &operation->timer);
    if (!gee_link_in_list(&operation->link))
        gee_list_append(&caller->operations, &operation->link);
    if (operation->types != NULL && read_arguments(operation, &error) != 0)
        gee_operation_fail(operation, &error, 1);
    else if (operation->to_all)
        gee_broadcast_send(operation);
    else
        gee_upstream_call(caller->upstream, &operation->call);
}

/* The time is over before the types were known. */
static void wait_for_types_expired(gee_timer_t *timer) {
    gee_pending_t *operation = GEE_CONTAINER(timer, gee_pending_t, timer);
    gee_upstream_result_t where;
    gee_error_t error;
    gee_upstream_where(&operation->types->question, &where);
    gee_upstream_time_error(&operation->call, true, GEE_PHASE_WAIT, &error);
    gee_operation_fail_result(operation, &where, &error);
}

static bool needs_types(const gee_pending_t *operation) {
    const gee_payload_t *payload = &operation->call.payload;
    const gee_caller_t *caller = operation->caller;
    return payload->kind == GEE_PAYLOAD_BYTES && (payload->codec != caller->codec || caller->descriptors != NULL);
}

static void begin_call(gee_pending_t *operation) {
    gee_caller_t *caller = operation->caller;
    gee_error_t error;
    if (!needs_types(operation)) {
        send_call(operation);
        return;
    }
    operation->timer.fire = wait_for_types_expired;
    if (operation->call.deadline_ns != INT64_MAX &&
        gee_timer_start_at(caller->runtime->loop, &operation->timer, operation->call.deadline_ns) != 0) {
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_operation_fail(operation, &error, 1);
        return;
    }
    gee_list_remove(&operation->link);
    gee_types_want(operation);
}

static void cancel_call(gee_pending_t *operation, gee_upstream_result_t *where) {
    const gee_method_types_t *types = operation->types;
    gee_upstream_where(types != NULL && !types->known ? &types->question : &operation->call, where);
    gee_upstream_cancel(&operation->call);
    gee_broadcast_cancel(operation);
}

static void release_call(gee_pending_t *operation) {
    gee_types_release(operation);
    gee_pool_destroy(&operation->pool);
}

static const gee_operation_kind_t call_kind = {
    .begin = begin_call, .described = send_call, .cancel = cancel_call, .release = release_call
};

/* ---- on a program's thread ---- */

static size_t add_size(size_t total, size_t size) {
    return __builtin_add_overflow(total, size, &total) ? SIZE_MAX : total;
}

/* Without the strings. */
static size_t metadata_size(size_t count) {
    size_t size;
    if (count == 0)
        return 0;
    if (__builtin_mul_overflow(count, sizeof(((metadata_block_t *)0)->items[0]), &size))
        return SIZE_MAX;
    return add_size(size, sizeof(metadata_block_t));
}

static size_t value_length(const gee_call_options_t *options, size_t i) {
    return options->metadata_lengths ? options->metadata_lengths[i] : strlen(options->metadata[i].value);
}

/* Bytes behind the operation; SIZE_MAX: more than memory can hold, or arguments that are nested too deep. */
static size_t extra_size(const gee_request_t *request, const gee_call_options_t *options, bool copy) {
    size_t total = metadata_size(options->metadata_count);
    if (!copy)
        return total;
    if (request->argument_type != NULL)
        total = add_size(total, gee_type_copy_size(request->argument_type, request->arguments));
    total = add_size(total, strlen(request->method));
    if (request->text != NULL)
        total = add_size(total, strlen(request->text));
    for (size_t i = 0; i < options->metadata_count; i++)
        total = add_size(add_size(total, strlen(options->metadata[i].key)), value_length(options, i));
    return total;
}

/* The string itself, or a copy at *at. */
static gee_str_t place_string(char **at, const char *text, size_t length, bool copy) {
    gee_str_t placed = { .data = copy ? *at : text, .length = length };
    if (copy) {
        memcpy(*at, text, length);
        *at += length;
    }
    return placed;
}

static int set_text(gee_pending_t *operation, const char *text, bool copy, char **at, gee_error_t *error) {
    gee_caller_t *caller = operation->caller;
    gee_payload_t *payload = &operation->call.payload;
    gee_str_t value = gee_str(text);
    if (!caller->codec->types_on_wire || caller->descriptors != NULL) {
        if (gee_text_check(caller->json, &caller->codec_limits, &value, error) != 0)
            return -1;
        value = place_string(at, value.data, value.length, copy);
        *payload = (gee_payload_t){ .kind = GEE_PAYLOAD_BYTES,
                                    .codec = caller->json,
                                    .bytes = (const uint8_t *)value.data,
                                    .length = value.length };
        return 0;
    }
    operation->pool = gee_pool_create(0);
    if (operation->pool == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_pool_limit(operation->pool, (size_t)caller->limits.call_memory);
    *payload = (gee_payload_t){ .kind = GEE_PAYLOAD_VALUE };
    payload->value = gee_text_read_value(caller, value, operation->pool, error);
    return payload->value ? 0 : -1;
}

static void set_typed(gee_pending_t *operation, const gee_request_t *request, bool copy, char **at) {
    const gee_type_t *type = request->argument_type;
    operation->typed = true;
    operation->reply_type = request->reply_type;
    operation->call.payload = (gee_payload_t){ .kind = type ? GEE_PAYLOAD_TYPED : GEE_PAYLOAD_EMPTY, .type = type };
    if (type != NULL)
        operation->call.payload.typed = copy ? gee_type_copy(type, request->arguments, *at) : request->arguments;
    if (type != NULL && copy)
        *at += gee_type_copy_size(type, request->arguments);
}

static void set_metadata(gee_pending_t *operation, metadata_block_t *block, const gee_call_options_t *options,
                         bool copy, char **at) {
    if (options->metadata_count == 0)
        return;
    for (size_t i = 0; i < options->metadata_count; i++) {
        const gee_metadata_pair_t *pair = &options->metadata[i];
        block->items[i].key = place_string(at, pair->key, strlen(pair->key), copy);
        block->items[i].value = place_string(at, pair->value, value_length(options, i), copy);
    }
    block->metadata.items = (void *)block->items;
    block->metadata.count = options->metadata_count;
    operation->call.metadata = &block->metadata;
}

/* A call without a key gets a random key, so that such calls are spread. */
static uint64_t key_of(const gee_pending_t *operation, const char *key) {
    static const uint64_t no_secret[2] = { 0, 0 };
    const gee_balancer_t *balancer = operation->caller->upstream_options.balancer;
    if (balancer == NULL || !balancer->keyed)
        return 0;
    return key ? gee_siphash(no_secret, key, strlen(key))
               : gee_random_mix((uint64_t)operation->started_ns ^ (uintptr_t)operation);
}

/* Checks each description once, when it is first used. `type` may be null. */
static int check_type(gee_caller_t *caller, const gee_type_t *type, const char *what, gee_error_t *error) {
    _Atomic(const gee_type_t *) *place = &caller->sound_types[((uintptr_t)type >> 5) % GEE_SOUND_TYPES];
    if (type == NULL || atomic_load_explicit(place, memory_order_relaxed) == type)
        return 0;
    const char *flaw = gee_type_check(type);
    if (flaw != NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: the description of type %s cannot be used: %s", what,
                             gee_type_label(type), flaw);
    if (type->lasting)
        atomic_store_explicit(place, type, memory_order_relaxed);
    return 0;
}

static int check_types(gee_caller_t *caller, const gee_request_t *request, gee_error_t *error) {
    return check_type(caller, request->argument_type, "arguments", error) == 0 &&
                   check_type(caller, request->reply_type, "reply", error) == 0
               ? 0
               : -1;
}

static int check_request(const gee_request_t *request, const gee_call_options_t *options, gee_error_t *error) {
    if (request->method == NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the method must not be null");
    if (request->text == NULL && request->argument_type != NULL && request->arguments == NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the arguments must not be null");
    if (options->metadata_count > 0 && options->metadata == NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the metadata must not be null");
    for (size_t i = 0; i < options->metadata_count; i++)
        if (options->metadata[i].key == NULL || options->metadata[i].value == NULL)
            return gee_error_set(error, GEE_INVALID_ARGUMENT, "metadata[%zu]: key and value must not be null", i);
    return 0;
}

/* Without `strict`, what has no place on the wire is left out in silence. */
static int check_wire(const gee_caller_t *caller, const gee_call_options_t *options, gee_error_t *error) {
    const gee_protocol_t *protocol = caller->upstream_options.settings.protocol;
    if (!options->strict || !gee_wire_is_bare(protocol, caller->codec))
        return 0;
    return gee_error_set(
        error, GEE_FAILED_PRECONDITION,
        "strict: %s with %s has no place for metadata, a timeout or a status code; geerpc with json or bin has",
        protocol->name, caller->codec->name);
}

/* With `copy` the request may be freed after the return. */
static inline gee_pending_t *create(gee_caller_t *caller, size_t own, const gee_operation_kind_t *kind,
                                    const gee_request_t *request, const gee_call_options_t *options, bool copy,
                                    gee_error_t *error) {
    if (check_request(request, options, error) != 0 || check_wire(caller, options, error) != 0)
        return NULL;
    size_t size = add_size(own, extra_size(request, options, copy));
    gee_pending_t *operation = size < SIZE_MAX ? malloc(size) : NULL;
    if (operation == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "arguments: no memory for them, or they are nested too deep");
        return NULL;
    }
    memset(operation, 0, own);
    gee_operation_init(operation, caller, kind, options->timeout_ns);
    metadata_block_t *block = (metadata_block_t *)((char *)operation + own);
    char *at = (char *)block + metadata_size(options->metadata_count);
    operation->to_all = request->to_all;
    operation->call.done = call_answered;
    operation->call.idempotent = options->idempotent;
    operation->call.key = key_of(operation, options->key);
    if (request->text == NULL) {
        set_typed(operation, request, copy, &at);
    } else if (set_text(operation, request->text, copy, &at, error) != 0) {
        gee_error_prefix(error, "arguments: ");
        gee_operation_discard(&operation);
        return NULL;
    }
    operation->call.method = place_string(&at, request->method, strlen(request->method), copy);
    set_metadata(operation, block, options, copy, &at);
    return operation;
}

static gee_pending_t *create_call(gee_caller_t *caller, const gee_request_t *request, const gee_call_options_t *options,
                                  bool copy, gee_error_t *error) {
    return create(caller, sizeof(gee_pending_t), &call_kind, request, options, copy, error);
}

gee_pending_t *gee_call_prepare(gee_caller_t *caller, size_t size, const gee_operation_kind_t *kind, const char *method,
                                const gee_call_options_t *options, gee_error_t *error) {
    const gee_request_t request = gee_request_typed(method, NULL, NULL, NULL, NULL);
    GEE_ASSERT(size % _Alignof(metadata_block_t) == 0);
    return create(caller, size, kind, &request, options, true, error);
}

gee_pending_t *gee_call_go(gee_caller_t *caller, const gee_request_t *request, gee_done_t done, void *data,
                           gee_error_t *error) {
    gee_call_options_t options;
    if (gee_runtime_check(caller->runtime, false, error) != 0 ||
        GEE_READ_OPTIONS(gee_call_options_t, options, request->options, error) != 0 ||
        check_types(caller, request, error) != 0)
        return NULL;
    gee_pending_t *operation = create_call(caller, request, &options, true, error);
    if (operation == NULL)
        return NULL;
    operation->done = done;
    operation->data = data;
    return gee_operation_post(operation, error) == 0 ? operation : NULL;
}

/* A reply with pointers needs a pool for what they point to. Unknown fields are left out of a reply without a pool. */
static int check_place(const gee_request_t *request, const gee_outcome_place_t *place, gee_error_t *error) {
    if (place->reply == NULL || place->pool != NULL || gee_type_is_flat_but_unknown(request->reply_type))
        return 0;
    return gee_error_set(
        error, GEE_INVALID_ARGUMENT,
        "%s: the reply has strings, bytes, lists, maps or optionals: set options.pool, where they are put",
        gee_type_label(request->reply_type));
}

static int call_and_wait(gee_caller_t *caller, const gee_request_t *request, gee_outcome_place_t *place, void **reply,
                         gee_error_t *error) {
    gee_call_options_t options;
    if (gee_runtime_check(caller->runtime, true, error) != 0 ||
        GEE_READ_OPTIONS(gee_call_options_t, options, request->options, error) != 0)
        return -1;
    if (options.received != NULL)
        *options.received = NULL;
    place->pool = options.pool;
    if (check_types(caller, request, error) != 0 || check_place(request, place, error) != 0)
        return -1;
    gee_pending_t *operation = create_call(caller, request, &options, false, error);
    int result = operation ? gee_operation_wait(&operation, place, reply, error) : -1;
    if (options.received != NULL)
        *options.received = place->received;
    else
        free(place->received);
    return result;
}

int gee_call_text(gee_caller_t *caller, const gee_request_t *request, char **reply, gee_error_t *error) {
    gee_outcome_place_t place = { 0 };
    void *text = NULL;
    int result = call_and_wait(caller, request, &place, &text, error);
    if (reply != NULL)
        *reply = text;
    else
        free(text);
    return result;
}

int gee_call_typed(gee_caller_t *caller, const gee_request_t *request, void *reply, gee_error_t *error) {
    gee_outcome_place_t place = { .reply = request->reply_type ? reply : NULL };
    void *kept = NULL;
    int result = call_and_wait(caller, request, &place, &kept, error);
    if (result == 0 && kept != NULL)
        memcpy(reply, kept, request->reply_type->size);
    free(kept);
    return result;
}
