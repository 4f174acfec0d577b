/* describe_service.c: the built-in service Gee: Gee.Describe tells which methods there are and their types. */
#include <string.h>

#include "core/rpc/call_private.h"
#include "core/rpc/engine_private.h"
#include "core/type/describe.h"
#include "core/rpc/service_table.h"

/* "" wants everything, "Arith" a service, "Arith.Multiply" a method. */
static bool wanted(gee_str_t pattern, const gee_service_t *service, const gee_method_t *method) {
    gee_str_t name = gee_str(service->name);
    if (pattern.length == 0 || gee_str_equal(pattern, name))
        return true;
    size_t method_length = strlen(method->name);
    return pattern.length == name.length + 1 + method_length && gee_str_starts_with(pattern, name) &&
           pattern.data[name.length] == '.' && memcmp(pattern.data + name.length + 1, method->name, method_length) == 0;
}

/* Forwarded: which methods it has and what types they take is known elsewhere only. */
static bool wants_undeclared(gee_str_t pattern, const gee_service_entry_t *entry) {
    gee_str_t name = gee_str(entry->name);
    return entry->service == NULL && gee_str_starts_with(pattern, name) &&
           (pattern.length == name.length || pattern.data[name.length] == '.');
}

static int describe_method(const gee_service_t *service, const gee_method_t *method, gee_description_t *description,
                           gee_pool_t *pool, gee_error_t *error) {
    gee_method_description_t *described =
        gee_describe_method(description, service->name, method->name, method->argument, method->reply, pool);
    if (described == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for the description of %s.%s", service->name,
                             method->name);
    described->idempotent = (method->flags & GEE_IDEMPOTENT) != 0;
    described->blocking = (method->flags & GEE_BLOCKING) != 0;
    described->client_streaming = (method->flags & GEE_CLIENT_STREAMING) != 0;
    described->server_streaming = (method->flags & GEE_SERVER_STREAMING) != 0;
    return 0;
}

static int describe_entry(const gee_service_entry_t *entry, gee_str_t pattern, gee_description_t *description,
                          gee_pool_t *pool, gee_error_t *error) {
    const gee_service_t *service = entry->service;
    if (wants_undeclared(pattern, entry))
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "rpc gateway: %s is forwarded, and its types are not known here: it has no descriptors, "
                             "and its declaration is not compiled in",
                             entry->name);
    for (size_t i = 0; service != NULL && i < service->method_count; i++)
        if (wanted(pattern, service, &service->methods[i]) &&
            describe_method(service, &service->methods[i], description, pool, error) != 0)
            return -1;
    return 0;
}

static void describe(gee_call_t *call, const gee_describe_arguments_t *arguments, gee_description_t *description) {
    const gee_service_table_t *table = gee_dispatch_table(call->engine->dispatch);
    const gee_service_entry_t *entry;
    gee_error_t error;
    for (size_t i = 0; (entry = gee_service_table_entry(table, i)) != NULL; i++)
        if (describe_entry(entry, arguments->method, description, gee_call_pool(call), &error) != 0) {
            gee_fail(call, error.code, error.text);
            return;
        }
    if (description->methods.count == 0 && arguments->method.length > 0) {
        /* Without a dot it is a service that was asked for. */
        if (gee_str_find(arguments->method, '.') < 0)
            gee_error_set(&error, GEE_UNIMPLEMENTED, "rpc server: can't find service %.*s",
                          GEE_STR_ARGUMENTS(arguments->method));
        else
            gee_service_table_explain(table, arguments->method, false, &error);
        gee_fail(call, error.code, error.text);
        return;
    }
    gee_reply(call);
}

static const gee_method_t methods[] = { GEE_METHOD("Describe", describe, gee_describe_arguments_t, gee_description_t,
                                                   GEE_IDEMPOTENT) };

const gee_service_t gee_describe_service = { .name = "Gee", .methods = methods, .method_count = GEE_LENGTH(methods) };
