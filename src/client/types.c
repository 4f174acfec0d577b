/* types.c: the types of methods, asked of the server by Gee.Describe once a method, for codecs whose bytes do not say
 * their types.
 *
 *   want -> known:     send at once
 *        -> in flight: wait with the others
 *        -> else:      Gee.Describe -> all that wait are sent
 *
 * Everything here is on the loop's thread. */
#include "client/client.h"

#include <string.h>

#define METHODS_KEPT 1000
#define POOL_SIZE    2048
#define POOL_LIMIT   (1024 * 1024) /* of one method's description; a peer decides how long it is */

static void release(gee_method_types_t **types) {
    gee_method_types_t *last = *types;
    *types = NULL;
    if (last != NULL && --last->references == 0) {
        gee_pool_t *pool = last->pool;
        gee_pool_destroy(&pool);
    }
}

static void remove_from_table(gee_method_types_t *types) {
    gee_type_table_t *table = &types->client->types;
    if (!gee_link_in_list(&types->link))
        return;
    gee_list_remove(&types->link);
    gee_string_map_remove(table->by_method, types->method);
    release(&types);
}

static void give_up_asking(gee_method_types_t *types) {
    if (types->call != NULL) {
        gee_session_forget(types->client->session, types->call);
        gee_call_release(types->call);
        types->call = NULL;
    }
}

static void fail_waiting(gee_method_types_t *types, gee_phase_t phase, const gee_error_t *reason) {
    gee_link_t *link;
    while ((link = gee_list_pop(&types->waiting)) != NULL)
        gee_operation_fail(GEE_CONTAINER(link, gee_operation_t, types_link), phase, reason);
}

void gee_type_table_init(gee_type_table_t *table) {
    table->by_method = NULL;
    gee_list_init(&table->all);
}

void gee_type_table_clear(gee_client_t *client) {
    gee_type_table_t *table = &client->types;
    GEE_LIST_EACH(&table->all, link) {
        gee_method_types_t *types = GEE_CONTAINER(link, gee_method_types_t, link);
        give_up_asking(types);
        remove_from_table(types);
    }
    gee_string_map_destroy(&table->by_method);
}

/* Room for one more: those that are known are asked for again when they are wanted again. */
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

static gee_method_types_t *add(gee_client_t *client, gee_str_t method) {
    gee_type_table_t *table = &client->types;
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
    types->client = client;
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
                               &types->client->codec_limits, false, pool, &description, error) != 0)
        return -1;
    for (size_t i = 0; i < description.methods.count; i++) {
        const gee_method_description_t *method = &description.methods.items[i];
        if (!gee_str_equal(method->name, types->method))
            continue;
        types->argument = gee_describe_type(&description, method->argument, types->pool, error);
        if (types->argument != NULL)
            types->reply = gee_describe_type(&description, method->reply, types->pool, error);
        types->known = types->reply != NULL;
        return types->known ? 0 : -1;
    }
    return gee_error_set(error, GEE_NOT_FOUND, "the reply does not have it");
}

/* A server without the service Gee; in GeeRPC's and net/rpc's words. */
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

/* Why the types are not known, and the phase to which that belongs. */
static gee_phase_t refusal(const gee_method_types_t *types, const gee_call_t *call, const gee_status_t *status,
                           gee_error_t *error) {
    if (gee_from_peer(call) && says_no_describe(status->text)) {
        gee_error_set(error, GEE_FAILED_PRECONDITION,
                      "the server has no Gee.Describe, which is needed to turn JSON text into %s; use the codec json",
                      types->client->codec->name);
        return GEE_PHASE_NONE;
    }
    gee_error_set(error, status->code, "%.*s", GEE_STR_ARGUMENTS(status->text));
    error->from_peer = gee_from_peer(call);
    return error->from_peer ? GEE_PHASE_NONE : GEE_PHASE_WAIT;
}

static void described(gee_call_t *call, const gee_status_t *status, const gee_payload_t *payload, void *data) {
    gee_method_types_t *types = data;
    gee_error_t error;
    types->call = NULL;
    types->references++; /* over what the operations do */
    if (status->code != GEE_OK) {
        gee_phase_t phase = refusal(types, call, status, &error);
        remove_from_table(types);
        fail_waiting(types, phase, &error);
    } else if (learn(types, payload, call->pool, &error) != 0) {
        gee_error_prefix(&error, "description of %.*s: ", GEE_STR_ARGUMENTS(types->method));
        remove_from_table(types);
        fail_waiting(types, GEE_PHASE_WAIT, &error);
    } else {
        gee_link_t *link;
        while ((link = gee_list_pop(&types->waiting)) != NULL)
            gee_operation_send(GEE_CONTAINER(link, gee_operation_t, types_link));
    }
    gee_call_release(call);
    release(&types);
}

static int ask(gee_method_types_t *types, gee_error_t *error) {
    gee_client_t *client = types->client;
    gee_call_t *call = gee_call_create(client->runtime->engine);
    if (call == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_describe_arguments_t arguments = { .method = types->method };
    gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED,
                              .type = &gee_type_of_gee_describe_arguments_t,
                              .typed = &arguments };
    call->method_name = GEE_STR("Gee.Describe");
    call->codec = client->codec;
    call->done = described;
    call->done_data = types;
    if (gee_session_call(client->session, call, &payload, error) != 0) {
        gee_call_release(call);
        return -1;
    }
    types->call = call;
    return 0;
}

void gee_types_want(gee_operation_t *operation) {
    gee_client_t *client = operation->client;
    gee_error_t error;
    gee_method_types_t *types =
        client->types.by_method ? gee_string_map_get(client->types.by_method, operation->method) : NULL;
    if (types == NULL) {
        types = add(client, operation->method);
        if (types == NULL) {
            gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "no memory for the types of one more method");
            gee_operation_fail(operation, GEE_PHASE_SEND, &error);
            return;
        }
        if (ask(types, &error) != 0) {
            remove_from_table(types);
            gee_operation_fail(operation, GEE_PHASE_SEND, &error);
            return;
        }
    }
    operation->types = types;
    types->references++;
    if (types->known)
        gee_operation_send(operation);
    else
        gee_list_append(&types->waiting, &operation->types_link);
}

void gee_types_let_go(gee_operation_t *operation) {
    gee_method_types_t *types = operation->types;
    if (types == NULL)
        return;
    gee_list_remove(&operation->types_link);
    if (types->call != NULL && gee_list_empty(&types->waiting)) {
        give_up_asking(types);
        remove_from_table(types);
    }
    release(&operation->types);
}
