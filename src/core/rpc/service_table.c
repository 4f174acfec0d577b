/* service_table.c: which methods there are, by their whole name. Made once, read by every request. */
#include "core/rpc/service_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"

struct gee_service_table {
    gee_pool_t *pool;
    gee_string_map_t *methods;  /* whole name -> gee_method_slot_t */
    gee_string_map_t *services; /* name -> gee_service_t */
    const gee_service_t **list;
    size_t service_count;
    size_t method_count;
};

static int check_method(const gee_service_t *service, const gee_method_t *method, gee_error_t *error) {
    if (method->name == NULL || method->name[0] == '\0' || strchr(method->name, '.') != NULL)
        return gee_error_set(error, GEE_INTERNAL, "service %s: a method's name is empty or has a dot", service->name);
    if (method->argument == NULL || method->reply == NULL || method->handler == NULL)
        return gee_error_set(error, GEE_INTERNAL, "service %s: method %s lacks argument, reply or handler",
                             service->name, method->name);
    const char *flaw = gee_type_check(method->argument);
    const char *which = "argument";
    if (flaw == NULL) {
        flaw = gee_type_check(method->reply);
        which = "reply";
    }
    if (flaw != NULL)
        return gee_error_set(error, GEE_INTERNAL, "service %s: method %s: its %s type: %s", service->name, method->name,
                             which, flaw);
    return 0;
}

static int add_method(gee_service_table_t *table, const gee_service_entry_t *entry, const gee_method_t *method,
                      gee_error_t *error) {
    if (check_method(entry->service, method, error) != 0)
        return -1;
    gee_method_slot_t *slot = gee_pool_zalloc(table->pool, sizeof(*slot));
    char *name = gee_pool_printf(table->pool, "%s.%s", entry->service->name, method->name);
    if (slot == NULL || name == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "service table: out of memory");
    *slot = (gee_method_slot_t){ .service = entry->service,
                                 .method = method,
                                 .name = gee_str(name),
                                 .number = table->method_count,
                                 .timeout_ns = entry->timeout_ns };
    if (gee_string_map_get(table->methods, slot->name) != NULL)
        return gee_error_set(error, GEE_INTERNAL, "method %s is there twice", name);
    if (gee_string_map_put(table->methods, slot->name, slot) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "service table: out of memory");
    table->method_count++;
    return 0;
}

static int add_service(gee_service_table_t *table, const gee_service_entry_t *entry, gee_error_t *error) {
    const gee_service_t *service = entry->service;
    if (service->name == NULL || service->name[0] == '\0')
        return gee_error_set(error, GEE_INTERNAL, "a service has no name");
    gee_str_t name = gee_str(service->name);
    if (gee_string_map_get(table->services, name) != NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "service %s is there twice", service->name);
    /* The table is the map's owner and hands the services out as constants again. */
    if (gee_string_map_put(table->services, name, (void *)(uintptr_t)service) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "service table: out of memory");
    table->list[table->service_count++] = service;
    for (size_t i = 0; i < service->method_count; i++)
        if (add_method(table, entry, &service->methods[i], error) != 0)
            return -1;
    return 0;
}

static int fill(gee_service_table_t *table, const gee_service_entry_t *services, size_t count, bool describe,
                gee_error_t *error) {
    table->pool = gee_pool_create(4096);
    table->methods = gee_string_map_create();
    table->services = gee_string_map_create();
    if (table->pool != NULL)
        table->list = gee_pool_array(table->pool, count + 1, sizeof(*table->list));
    if (table->pool == NULL || table->methods == NULL || table->services == NULL || table->list == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "service table: out of memory");
    for (size_t i = 0; i < count; i++)
        if (add_service(table, &services[i], error) != 0)
            return -1;
    const gee_service_entry_t built_in = { .service = &gee_describe_service };
    return describe ? add_service(table, &built_in, error) : 0;
}

gee_service_table_t *gee_service_table_create(const gee_service_entry_t *services, size_t count, bool describe,
                                              gee_error_t *error) {
    gee_service_table_t *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "service table: out of memory");
        return NULL;
    }
    if (fill(table, services, count, describe, error) != 0)
        gee_service_table_destroy(&table);
    return table;
}

void gee_service_table_destroy(gee_service_table_t **handle) {
    gee_service_table_t *table = *handle;
    if (table == NULL)
        return;
    *handle = NULL;
    gee_string_map_destroy(&table->methods);
    gee_string_map_destroy(&table->services);
    gee_pool_destroy(&table->pool);
    free(table);
}

const gee_method_slot_t *gee_service_table_find(const gee_service_table_t *table, gee_str_t method) {
    return gee_string_map_get(table->methods, method);
}

/* A peer's text goes into our error text only so far. */
#define QUOTED 200

void gee_service_table_explain(const gee_service_table_t *table, gee_str_t method, gee_error_t *error) {
    ptrdiff_t dot = gee_str_find_last(method, '.');
    if (dot < 0) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "rpc server: service/method request ill-formed: %.*s",
                      (int)(method.length < QUOTED ? method.length : QUOTED), method.data ? method.data : "");
        return;
    }
    gee_str_t service = { .data = method.data, .length = (size_t)dot };
    bool known = gee_string_map_get(table->services, service) != NULL;
    gee_str_t missing =
        known ? (gee_str_t){ .data = method.data + dot + 1, .length = method.length - (size_t)dot - 1 } : service;
    if (missing.length > QUOTED)
        missing.length = QUOTED;
    gee_error_set(error, GEE_UNIMPLEMENTED, "rpc server: can't find %s %.*s", known ? "method" : "service",
                  GEE_STR_ARGUMENTS(missing));
}

size_t gee_service_table_method_count(const gee_service_table_t *table) {
    return table->method_count;
}

const gee_service_t *gee_service_table_service(const gee_service_table_t *table, size_t n) {
    return n < table->service_count ? table->list[n] : NULL;
}
