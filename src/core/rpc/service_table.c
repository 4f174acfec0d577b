/* service_table.c: the methods by their whole name. Made once, read by every request; only names of forwarded methods
 * are learned later. */
#include "core/rpc/service_table.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/hash.h"
#include "core/base/short_bytes.h"
#include "core/rpc/call_private.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/words.h"
#include "core/type/numbered.h"
#include "core/type/type_copy.h"

#define LEARNED_NAME 200 /* bytes of a name that is learned */
#define RECENT       256 /* a power of two */

typedef struct service {
    gee_service_entry_t entry; /* with its name */
    gee_method_slot_t *any;    /* forwarded: all methods without a slot of their own; else null */
    const void *conf;          /* of the module that declares the service */
    void *state;
    size_t learned;
} service_t;

struct gee_service_table {
    gee_pool_t *pool;
    gee_string_map_t *methods;  /* whole name -> gee_method_slot_t */
    gee_string_map_t *services; /* name -> service_t */
    service_t *list;
    size_t service_count;
    size_t forwarded; /* of these */
    size_t method_count;
    const gee_engine_t *engine;
    gee_numbered_t *numbered; /* null: no target wants numbers */
    /* By place_of() of their names: hashing a name costs ten times as much as looking here. */
    const gee_method_slot_t *recent[RECENT];
};

static int no_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "service table: out of memory");
}

static int check_method(const gee_service_entry_t *entry, const gee_method_t *method, gee_error_t *error) {
    const gee_service_t *service = entry->service;
    if (method->name == NULL || method->name[0] == '\0' || strchr(method->name, '.') != NULL)
        return gee_error_set(error, GEE_INTERNAL, "service %s: a method's name is empty or has a dot", service->name);
    if (method->argument == NULL || method->reply == NULL || (entry->target == NULL && method->handler == NULL))
        return gee_error_set(error, GEE_INTERNAL, "service %s: method %s lacks argument, reply or handler",
                             service->name, method->name);
    if (entry->checked)
        return 0;
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

/* A slot of that name with what its service has, in `pool`; null: out of memory. */
static gee_method_slot_t *make_slot(gee_service_table_t *table, const service_t *service, const char *method,
                                    bool idempotent) {
    const gee_service_entry_t *entry = &service->entry;
    gee_method_slot_t *slot = gee_pool_zalloc(table->pool, sizeof(*slot));
    gee_method_policy_t *policy = gee_pool_zalloc(table->pool, sizeof(*policy));
    const char *name = gee_pool_printf(table->pool, "%s.%s", entry->name, method);
    if (slot == NULL || policy == NULL || name == NULL)
        return NULL;
    policy->timeout_ns = entry->timeout_ns != 0 ? entry->timeout_ns : table->engine->timeouts.handle;
    policy->idempotent = idempotent;
    *slot = (gee_method_slot_t){ .service = entry->service,
                                 .target = entry->target,
                                 .name = gee_str(name),
                                 .number = table->method_count++,
                                 .policy = policy,
                                 .conf = service->conf,
                                 .state = service->state };
    return slot;
}

static void set_method(gee_method_slot_t *slot, const gee_method_t *method) {
    const size_t alignment = _Alignof(max_align_t);
    slot->method = method;
    slot->flat_argument = gee_type_is_flat(method->argument);
    slot->reply_offset = (method->argument->size + alignment - 1) / alignment * alignment;
    slot->memory = slot->reply_offset + method->reply->size;
}

/* -1: out of memory. */
static int number_enums(gee_service_table_t *table, gee_method_slot_t *slot) {
    if (slot->target == NULL || !slot->target->numbers)
        return 0;
    if (table->numbered == NULL && (table->numbered = gee_numbered_create(table->pool)) == NULL)
        return -1;
    const gee_type_t *argument = gee_numbered_type(table->numbered, slot->method->argument);
    const gee_type_t *reply = gee_numbered_type(table->numbered, slot->method->reply);
    slot->numbered_argument = argument != slot->method->argument ? argument : NULL;
    slot->named_reply = reply != slot->method->reply;
    return argument != NULL && reply != NULL ? 0 : -1;
}

static int add_method(gee_service_table_t *table, const service_t *service, const gee_method_t *method,
                      gee_error_t *error) {
    if (check_method(&service->entry, method, error) != 0)
        return -1;
    gee_method_slot_t *slot = make_slot(table, service, method->name, (method->flags & GEE_IDEMPOTENT) != 0);
    if (slot == NULL)
        return no_memory(error);
    set_method(slot, method);
    if (number_enums(table, slot) != 0)
        return no_memory(error);
    if (gee_string_map_get(table->methods, slot->name) != NULL)
        return gee_error_set(error, GEE_INTERNAL, "method %s is there twice", slot->name.data);
    return gee_string_map_put(table->methods, slot->name, slot) == 0 ? 0 : no_memory(error);
}

/* Settings of methods that are forwarded, declared or not. */
static int add_idempotent(gee_service_table_t *table, const service_t *service, const char *method,
                          gee_error_t *error) {
    gee_method_slot_t *made = make_slot(table, service, method, true);
    if (made == NULL)
        return no_memory(error);
    gee_method_slot_t *slot = gee_string_map_get(table->methods, made->name);
    if (slot == NULL && gee_string_map_put(table->methods, made->name, made) != 0)
        return no_memory(error);
    if (slot != NULL)
        slot->policy = made->policy;
    return 0;
}

static int add_forwarded(gee_service_table_t *table, service_t *service, gee_error_t *error) {
    for (size_t i = 0; i < service->entry.idempotent.count; i++)
        if (add_idempotent(table, service, service->entry.idempotent.items[i], error) != 0)
            return -1;
    if (service->entry.service != NULL && !service->entry.undeclared)
        return 0;
    service->any = make_slot(table, service, "*", false);
    if (service->any == NULL)
        return no_memory(error);
    table->forwarded++;
    return 0;
}

/* A service that no module declares has neither settings nor state. */
static void find_module(const gee_engine_t *engine, service_t *service) {
    const gee_module_entry_t *modules = engine->modules;
    for (size_t i = 0; modules != NULL && modules[i].module != NULL; i++)
        if (modules[i].module->interface == service->entry.service) {
            service->conf = gee_engine_conf(engine, i);
            service->state = engine->module_states[i];
        }
}

static int add_service(gee_service_table_t *table, const gee_service_entry_t *entry, gee_error_t *error) {
    service_t *service = &table->list[table->service_count];
    const gee_service_t *declared = entry->service;
    service->entry = *entry;
    if (service->entry.name == NULL && declared != NULL)
        service->entry.name = declared->name;
    gee_str_t name = gee_str(service->entry.name);
    if (name.length == 0)
        return gee_error_set(error, GEE_INTERNAL, "a service has no name");
    if (gee_string_map_get(table->services, name) != NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "service %s is there twice", service->entry.name);
    if (gee_string_map_put(table->services, name, service) != 0)
        return no_memory(error);
    table->service_count++;
    if (declared != NULL)
        find_module(table->engine, service);
    for (size_t i = 0; declared != NULL && i < declared->method_count; i++)
        if (add_method(table, service, &declared->methods[i], error) != 0)
            return -1;
    if (entry->target != NULL)
        return add_forwarded(table, service, error);
    return declared != NULL ? 0 : gee_error_set(error, GEE_INTERNAL, "service %s has no methods", name.data);
}

static int fill(gee_service_table_t *table, const gee_service_entry_t *services, size_t count, bool describe,
                gee_error_t *error) {
    table->pool = gee_pool_create(4096);
    table->methods = gee_string_map_create();
    table->services = gee_string_map_create();
    if (table->pool != NULL)
        table->list = gee_pool_array(table->pool, count + 1, sizeof(*table->list));
    if (table->pool == NULL || table->methods == NULL || table->services == NULL || table->list == NULL)
        return no_memory(error);
    for (size_t i = 0; i < count; i++)
        if (add_service(table, &services[i], error) != 0)
            return -1;
    gee_numbered_destroy(&table->numbered);
    const gee_service_entry_t built_in = { .service = &gee_describe_service };
    return describe ? add_service(table, &built_in, error) : 0;
}

gee_service_table_t *gee_service_table_create(const gee_engine_t *engine, const gee_service_entry_t *services,
                                              size_t count, bool describe, gee_error_t *error) {
    gee_service_table_t *table = calloc(1, sizeof(*table));
    if (table == NULL) {
        no_memory(error);
        return NULL;
    }
    table->engine = engine;
    if (fill(table, services, count, describe, error) != 0)
        gee_service_table_destroy(&table);
    return table;
}

void gee_service_table_destroy(gee_service_table_t **handle) {
    gee_service_table_t *table = *handle;
    if (table == NULL)
        return;
    *handle = NULL;
    gee_numbered_destroy(&table->numbered);
    gee_string_map_destroy(&table->methods);
    gee_string_map_destroy(&table->services);
    gee_pool_destroy(&table->pool);
    free(table);
}

/* The service of a whole name, which is before its last dot; null: there is none, or nothing is behind the dot. */
static service_t *service_of(const gee_service_table_t *table, gee_str_t method) {
    ptrdiff_t dot = gee_str_find_last(method, '.');
    if (dot < 0 || (size_t)dot + 1 == method.length)
        return NULL;
    return gee_string_map_get(table->services, (gee_str_t){ .data = method.data, .length = (size_t)dot });
}

/* Names of one service mostly differ at their end. Names that share a place only cost each other the look into the
 * map. */
static size_t place_of(gee_str_t method) {
    uint64_t last = 0;
    if (method.length >= sizeof(last))
        memcpy(&last, method.data + method.length - sizeof(last), sizeof(last));
    else
        memcpy(&last, method.data, method.length);
    return (size_t)((last * 0x9e3779b97f4a7c15u) >> 32) & (RECENT - 1);
}

/* `slot`: as the map has it; may be null. */
static const gee_method_slot_t *slot_or_any(const gee_service_table_t *table, gee_str_t method,
                                            const gee_method_slot_t *slot) {
    if (slot != NULL || table->forwarded == 0)
        return slot;
    const service_t *service = service_of(table, method);
    return service ? service->any : NULL;
}

GEE_ALWAYS_INLINE const gee_method_slot_t *find(gee_service_table_t *table, gee_str_t method) {
    if (method.length == 0)
        return NULL;
    const gee_method_slot_t **recent = &table->recent[place_of(method)];
    if (*recent != NULL && (*recent)->name.length == method.length &&
        gee_equal_short((*recent)->name.data, method.data, method.length))
        return *recent;
    const gee_method_slot_t *slot = gee_string_map_get(table->methods, method);
    if (slot != NULL)
        *recent = slot;
    return slot_or_any(table, method, slot);
}

const gee_method_slot_t *gee_service_table_find(gee_service_table_t *table, gee_str_t method) {
    return find(table, method);
}

GEE_APART const gee_method_slot_t *gee_service_table_find_apart(gee_service_table_t *table, gee_str_t method) {
    return find(table, method);
}

bool gee_service_table_knows(const gee_service_table_t *table, gee_str_t method) {
    return method.length > 0 && slot_or_any(table, method, gee_string_map_get(table->methods, method)) != NULL;
}

void gee_service_table_learn(gee_service_table_t *table, const gee_call_t *call) {
    service_t *service = service_of(table, call->method_name);
    if (service == NULL || call->method_slot != service->any || service->learned == GEE_METHODS_LEARNED ||
        call->method_name.length > LEARNED_NAME || gee_string_map_get(table->methods, call->method_name) != NULL)
        return;
    gee_method_slot_t *slot = gee_pool_alloc(table->pool, sizeof(*slot));
    gee_str_t name = gee_pool_str(table->pool, call->method_name);
    if (slot == NULL || name.data == NULL)
        return;
    *slot = *service->any;
    slot->name = name;
    slot->number = table->method_count;
    if (gee_string_map_put(table->methods, name, slot) != 0)
        return;
    table->method_count++;
    service->learned++;
}

void gee_service_table_explain(const gee_service_table_t *table, gee_str_t method, bool go_words, gee_error_t *error) {
    ptrdiff_t dot = gee_str_find_last(method, '.');
    gee_str_t service = { .data = method.data, .length = dot < 0 ? 0 : (size_t)dot };
    bool known = dot >= 0 && gee_string_map_get(table->services, service) != NULL;
    gee_words_say(dot < 0 ? GEE_MISSING_DOT
                  : known ? GEE_MISSING_METHOD
                          : GEE_MISSING_SERVICE,
                  method, go_words, error);
}

const void *gee_call_conf(const gee_call_t *call) {
    const gee_method_slot_t *slot = call->method_slot;
    return slot != NULL ? slot->conf : NULL;
}

void *gee_call_state(const gee_call_t *call) {
    const gee_method_slot_t *slot = call->method_slot;
    return slot != NULL ? slot->state : NULL;
}

size_t gee_service_table_method_count(const gee_service_table_t *table) {
    size_t count = table->method_count;
    for (size_t i = 0; i < table->service_count; i++)
        if (table->list[i].any != NULL)
            count += GEE_METHODS_LEARNED - table->list[i].learned;
    return count;
}

const gee_service_entry_t *gee_service_table_entry(const gee_service_table_t *table, size_t n) {
    return n < table->service_count ? &table->list[n].entry : NULL;
}
