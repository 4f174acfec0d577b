/* types.c: the types of methods, which the server tells by Gee.Describe, once a method, for codecs whose bytes do not
 * carry types; or descriptors.
 *
 *   want -> known:     described() at once
 *        -> in descriptors: the same
 *        -> in flight: wait with the others
 *        -> else:      Gee.Describe -> described() for all operations that wait
 *
 * All on the loop's thread. */
#include "client/client.h"

#include <string.h>

#include "core/base/assert.h"
#include "core/type/numbered.h"

#define METHODS_KEPT 1000
#define POOL_SIZE    2048
#define POOL_LIMIT   (1024 * 1024) /* of one method's description, whose length a peer decides */

/* The operation may end, and with it the types. */
static void resume(gee_pending_t *operation) {
    operation->kind->described(operation);
}

static void release_types(gee_method_types_t **types) {
    gee_method_types_t *last = *types;
    *types = NULL;
    if (last != NULL && --last->references == 0) {
        gee_pool_t *pool = last->pool;
        gee_pool_destroy(&pool);
    }
}

static void remove_from_table(gee_method_types_t *types) {
    gee_type_table_t *table = &types->caller->types;
    if (!gee_link_in_list(&types->link))
        return;
    gee_list_remove(&types->link);
    gee_string_map_remove(table->by_method, types->method);
    release_types(&types);
}

void gee_type_table_init(gee_type_table_t *table) {
    table->by_method = NULL;
    gee_list_init(&table->all);
}

void gee_type_table_clear(gee_caller_t *caller, const gee_error_t *reason) {
    gee_type_table_t *table = &caller->types;
    gee_link_t *link;
    while ((link = gee_list_first(&table->all)) != NULL) {
        gee_method_types_t *types = GEE_CONTAINER(link, gee_method_types_t, link);
        types->references++; /* the last operation that fails cancels the question and drops a reference */
        gee_operation_fail_all(&types->waiting, reason);
        remove_from_table(types);
        release_types(&types);
    }
    gee_string_map_destroy(&table->by_method);
}

/* Makes room for one more method: forgets the known types, which are asked for again when a call needs them. */
static bool make_room(gee_type_table_t *table) {
    if (gee_string_map_count(table->by_method) < METHODS_KEPT)
        return true;
    GEE_LIST_EACH(&table->all, link) {
        gee_method_types_t *types = GEE_CONTAINER(link, gee_method_types_t, link);
        if (types->known)
            remove_from_table(types);
    }
    return gee_string_map_count(table->by_method) < METHODS_KEPT;
}

static gee_method_types_t *add_types(gee_caller_t *caller, gee_str_t method) {
    gee_type_table_t *table = &caller->types;
    gee_pool_t *pool = NULL;
    if (table->by_method == NULL && (table->by_method = gee_string_map_create()) == NULL)
        return NULL;
    if (!make_room(table) || (pool = gee_pool_create(POOL_SIZE)) == NULL)
        return NULL;
    gee_pool_limit(pool, POOL_LIMIT);
    gee_method_types_t *types = gee_pool_zalloc(pool, sizeof(*types));
    if (types == NULL)
        goto fail;
    types->method = gee_pool_str(pool, method);
    if (types->method.data == NULL || gee_string_map_put(table->by_method, types->method, types) != 0)
        goto fail;
    types->pool = pool;
    types->caller = caller;
    types->references = 1;
    gee_list_init(&types->waiting);
    gee_list_append(&table->all, &types->link);
    return types;
fail:
    gee_pool_destroy(&pool);
    return NULL;
}

/* From the reply of Gee.Describe to types->argument and types->reply. */
static int learn(gee_method_types_t *types, const gee_payload_t *payload, gee_pool_t *pool, gee_error_t *error) {
    gee_description_t description = { 0 };
    if (payload == NULL || payload->kind != GEE_PAYLOAD_BYTES)
        return gee_error_set(error, GEE_INTERNAL, "empty reply");
    if (payload->codec->decode(payload->codec_state, &gee_type_of_gee_description_t, payload->bytes, payload->length,
                               &types->caller->codec_limits, false, pool, &description, error) != 0)
        return -1;
    for (size_t i = 0; i < description.methods.count; i++) {
        const gee_method_description_t *method = &description.methods.items[i];
        if (!gee_str_equal(method->name, types->method))
            continue;
        types->argument = gee_describe_type(&description, method->argument, types->pool, error);
        if (types->argument != NULL)
            types->reply = gee_describe_type(&description, method->reply, types->pool, error);
        types->streams = method->client_streaming || method->server_streaming;
        types->sent = types->argument;
        types->known = types->reply != NULL;
        return types->known ? 0 : -1;
    }
    return gee_error_set(error, GEE_NOT_FOUND, "the reply does not have it");
}

/* The server has no service Gee: the words of GeeRPC and net/rpc for that. */
static bool says_no_describe(gee_str_t text) {
    static const char *const refusals[] = { "rpc server: can't find service Gee",
                                            "rpc server: can't find service Gee.Describe",
                                            "rpc: can't find service Gee.Describe",
                                            "rpc server: can't find method Describe" };
    for (size_t i = 0; i < GEE_LENGTH(refusals); i++)
        if (gee_str_equal(text, gee_str(refusals[i])))
            return true;
    return false;
}

static void fail_waiting(gee_method_types_t *types, const gee_upstream_result_t *result, const gee_error_t *reason) {
    gee_link_t *link;
    remove_from_table(types);
    while ((link = gee_list_first(&types->waiting)) != NULL)
        gee_operation_fail_result(GEE_CONTAINER(link, gee_pending_t, link), result, reason);
}

static void fail_without_describe(gee_method_types_t *types) {
    gee_error_t error;
    gee_error_set(&error, GEE_FAILED_PRECONDITION,
                  "the server has no Gee.Describe, which is needed to turn JSON text into %s; use the codec json",
                  types->caller->codec->name);
    remove_from_table(types);
    gee_operation_fail_all(&types->waiting, &error);
}

static void on_described(gee_upstream_call_t *question, const gee_upstream_result_t *result) {
    gee_method_types_t *types = GEE_CONTAINER(question, gee_method_types_t, question);
    gee_error_t error;
    gee_link_t *link;
    types->references++; /* until the operations below have begun or ended */
    if (result->from_peer && result->status.code != GEE_OK && says_no_describe(result->status.text)) {
        fail_without_describe(types);
    } else if (result->status.code != GEE_OK) {
        fail_waiting(types, result, NULL);
    } else if (learn(types, result->payload, result->pool, &error) != 0) {
        gee_error_prefix(&error, "description of %.*s: ", GEE_STR_ARGUMENTS(types->method));
        fail_waiting(types, result, &error);
    } else {
        while ((link = gee_list_pop(&types->waiting)) != NULL)
            resume(GEE_CONTAINER(link, gee_pending_t, link));
    }
    release_types(&types);
}

static void ask_server(gee_method_types_t *types) {
    types->arguments.method = types->method;
    types->question = (gee_upstream_call_t){ .method = GEE_STR("Gee.Describe"),
                                             .payload = { .kind = GEE_PAYLOAD_TYPED,
                                                          .type = &gee_type_of_gee_describe_arguments_t,
                                                          .typed = &types->arguments },
                                             .deadline_ns = INT64_MAX,
                                             .idempotent = true,
                                             .done = on_described };
    gee_upstream_call(types->caller->upstream, &types->question);
}

/* JSON toward a server that speaks JSON goes as it is, but for enums: readers that know names of enums know numbers,
 * too, and others, as Go's, know numbers only. -1: out of memory. */
static int number_enums(gee_method_types_t *types) {
    gee_numbered_t *numbered = gee_numbered_create(types->pool);
    if (numbered == NULL)
        return -1;
    types->sent = gee_numbered_type(numbered, types->argument);
    const gee_type_t *reply = gee_numbered_type(numbered, types->reply);
    gee_numbered_destroy(&numbered);
    if (types->sent == NULL || reply == NULL)
        return -1;
    if (types->sent == types->argument)
        types->argument = NULL;
    if (reply == types->reply)
        types->reply = NULL;
    return 0;
}

/* -1: out of memory. */
static int take_described(gee_method_types_t *types, const gee_described_method_t *method) {
    types->argument = types->sent = method->argument;
    types->reply = method->reply;
    types->streams = method->client_streaming || method->server_streaming;
    types->known = true;
    return types->caller->codec == types->caller->json ? number_enums(types) : 0;
}

/* Null: not known, and the error is set. */
static gee_method_types_t *begin_types(gee_caller_t *caller, gee_str_t name, gee_error_t *error) {
    const gee_descriptors_t *set = caller->descriptors;
    const gee_described_method_t *method = set != NULL ? gee_descriptors_method(set, name, error) : NULL;
    if (set != NULL && method == NULL) {
        gee_error_prefix(error, "descriptors: ");
        return NULL;
    }
    gee_method_types_t *types = add_types(caller, name);
    if (types != NULL && method == NULL)
        ask_server(types);
    else if (types != NULL && take_described(types, method) != 0)
        remove_from_table(types), types = NULL;
    if (types == NULL)
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "no memory for the types of one more method");
    return types;
}

void gee_types_want(gee_pending_t *operation) {
    gee_caller_t *caller = operation->caller;
    gee_str_t method = operation->call.method;
    gee_error_t error;
    GEE_ASSERT(!gee_link_in_list(&operation->link) && operation->types == NULL);
    gee_method_types_t *types = caller->types.by_method ? gee_string_map_get(caller->types.by_method, method) : NULL;
    if (types == NULL && (types = begin_types(caller, method, &error)) == NULL) {
        gee_operation_fail(operation, &error, 1);
        return;
    }
    operation->types = types;
    types->references++;
    if (types->known)
        resume(operation);
    else
        gee_list_append(&types->waiting, &operation->link);
}

void gee_types_release(gee_pending_t *operation) {
    gee_method_types_t *types = operation->types;
    if (types == NULL)
        return;
    if (!types->known && types->question.upstream != NULL && gee_list_empty(&types->waiting)) {
        gee_upstream_cancel(&types->question); /* no operation waits for the answer */
        remove_from_table(types);
    }
    release_types(&operation->types);
}
