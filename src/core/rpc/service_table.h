/* service_table.h: the methods of an engine by their whole name, "Arith.Multiply"; private to dispatch. */
#ifndef GEE_RPC_SERVICE_TABLE_H
#define GEE_RPC_SERVICE_TABLE_H

#include "core/rpc/dispatch.h"

typedef struct gee_method_slot {
    const gee_service_t *service;
    const gee_method_t *method;
    gee_str_t name; /* whole */
    size_t number;
    int64_t timeout_ns;
} gee_method_slot_t;

typedef struct gee_service_table gee_service_table_t;

/* Checks names and types; copies the entries. With `describe`, Gee.Describe is added. */
gee_service_table_t *gee_service_table_create(const gee_service_entry_t *services, size_t count, bool describe,
                                              gee_error_t *error);
void gee_service_table_destroy(gee_service_table_t **table);
const gee_method_slot_t *gee_service_table_find(const gee_service_table_t *table, gee_str_t method);
/* Why that name was not found, in GeeRPC's words. */
void gee_service_table_explain(const gee_service_table_t *table, gee_str_t method, gee_error_t *error);
size_t gee_service_table_method_count(const gee_service_table_t *table);
const gee_service_t *gee_service_table_service(const gee_service_table_t *table, size_t n);

const gee_service_table_t *gee_dispatch_table(const gee_dispatch_t *dispatch);

/* describe_service.c */
extern const gee_service_t gee_describe_service;

#endif
