/* service_table.h: the methods of an engine by their whole name, "Arith.Multiply"; private to dispatch.
 *
 * A service that is forwarded without a declaration, or with `undeclared`, may have methods that no declaration names.
 * At first all of these are found as "Foo.*". The name of a method that its server has answered is learned, up to
 * GEE_METHODS_LEARNED names a service, so that its calls are counted under that name from then on. The name of a method
 * that a server refuses is not learned, so callers cannot fill the table with invented names. */
#ifndef GEE_RPC_SERVICE_TABLE_H
#define GEE_RPC_SERVICE_TABLE_H

#include "core/rpc/dispatch.h"
#include "core/rpc/policy.h"

typedef struct gee_method_slot {
    const gee_service_t *service; /* null: forwarded, and not declared */
    const gee_method_t *method;   /* null: the same */
    const gee_target_t *target;   /* null: handled here */
    gee_str_t name;               /* whole; or "Foo.*" */
    size_t number;
    uint64_t name_key; /* forwarded: what its upstream has made of the name; 0: nothing yet */
    const gee_method_policy_t *policy;
    /* Forwarded, where the target wants numbers: null, or the type by which arguments are written. */
    const gee_type_t *numbered_argument;
    bool named_reply;            /* the same: enums may be in its values */
    size_t reply_offset, memory; /* handled here: arguments and reply lie in one piece of memory */
    bool flat_argument;          /* numbers, and structs of these only: gee_type_is_flat() */
    const void *conf;            /* of the service's module: gee_call_conf(), gee_call_state() */
    void *state;
} gee_method_slot_t;

#define GEE_METHODS_LEARNED 64

typedef struct gee_service_table gee_service_table_t;

/* Checks names and types; copies the entries. Of the engine: its modules, and the timeout of methods whose service has
 * none. With `describe`, Gee.Describe is added. */
gee_service_table_t *gee_service_table_create(const gee_engine_t *engine, const gee_service_entry_t *services,
                                              size_t count, bool describe, gee_error_t *error);
void gee_service_table_destroy(gee_service_table_t **table);
const gee_method_slot_t *gee_service_table_find(gee_service_table_t *table, gee_str_t method);
/* The same, for what is rare: with one caller, the function above becomes a part of that caller. */
const gee_method_slot_t *gee_service_table_find_apart(gee_service_table_t *table, gee_str_t method);
bool gee_service_table_knows(const gee_service_table_t *table, gee_str_t method);
/* Why that name was not found, in GeeRPC's words or Go's. */
void gee_service_table_explain(const gee_service_table_t *table, gee_str_t method, bool go_words, gee_error_t *error);
/* The call was found as "Foo.*", and its server has answered: the next call is found by its name. */
void gee_service_table_learn(gee_service_table_t *table, const gee_call_t *call);
/* Counts the room for names that may be learned: method numbers are below the result. */
size_t gee_service_table_method_count(const gee_service_table_t *table);
const gee_service_entry_t *gee_service_table_entry(const gee_service_table_t *table,
                                                   size_t n); /* null after the last */

gee_service_table_t *gee_dispatch_table(const gee_dispatch_t *dispatch);

/* describe_service.c */
extern const gee_service_t gee_describe_service;

#endif
