/* gather.c: joins the services of this worker with the counts of all workers. */
#include "debug.h"

#include <string.h>

#define TYPE_NESTING 8

/* ---- types ---- */

static const char *short_text(const gee_type_t *type, gee_pool_t *pool, unsigned depth) {
    if (depth == TYPE_NESTING)
        return "...";
    const char *element = type->element ? short_text(type->element, pool, depth + 1) : "";
    if (element == NULL)
        return NULL;
    switch (type->kind) {
    case GEE_KIND_LIST:
        return gee_pool_printf(pool, "[]%s", element);
    case GEE_KIND_MAP:
        return gee_pool_printf(pool, "map[%s]%s", gee_type_label(gee_type_key(type)), element);
    case GEE_KIND_OPTIONAL:
        return gee_pool_printf(pool, "*%s", element);
    default:
        return gee_type_label(type);
    }
}

/* A struct with its fields, of nested structs the names only: types may contain themselves. Null: out of memory. */
static const char *type_text(const gee_type_t *type, gee_pool_t *pool) {
    if (type->kind != GEE_KIND_STRUCT)
        return short_text(type, pool, 0);
    const char *text = gee_pool_printf(pool, "%s{", gee_type_label(type));
    for (size_t i = 0; i < type->field_count && text != NULL; i++) {
        const char *field = short_text(type->fields[i].type, pool, 0);
        text = field ? gee_pool_printf(pool, "%s%s%s %s", text, i ? ", " : "", type->fields[i].name, field) : NULL;
    }
    return text ? gee_pool_printf(pool, "%s}", text) : NULL;
}

/* ---- services ---- */

static const gee_counters_sum_t no_calls = { .method = { .data = "", .length = 0 } };

/* Cuts long names as the counters do. */
static const gee_counters_sum_t *find_sum(const gee_counters_sums_t *sums, const char *name) {
    gee_str_t wanted = gee_str(name);
    if (wanted.length >= GEE_COUNTERS_METHOD)
        wanted.length = GEE_COUNTERS_METHOD - 1;
    for (size_t i = 0; i < sums->count; i++)
        if (gee_str_equal(sums->items[i].method, wanted))
            return &sums->items[i];
    return NULL;
}

static int gather_method(const gee_service_t *service, const gee_method_t *method, const gee_counters_sums_t *sums,
                         bool *used, gee_pool_t *pool, debug_method_t *target) {
    const char *whole = gee_pool_printf(pool, "%s.%s", service->name, method->name);
    target->name = method->name;
    target->flags = method->flags;
    target->argument = type_text(method->argument, pool);
    target->reply = type_text(method->reply, pool);
    if (whole == NULL || target->argument == NULL || target->reply == NULL)
        return -1;
    target->sum = find_sum(sums, whole);
    if (target->sum != NULL)
        used[target->sum - sums->items] = true;
    else
        target->sum = &no_calls;
    return 0;
}

/* Methods without a declaration are known from their counts. */
static void gather_undeclared(const char *service, const gee_counters_sums_t *sums, bool *used,
                              debug_service_t *target) {
    gee_str_t name = gee_str(service);
    for (size_t i = 0; i < sums->count; i++) {
        gee_str_t method = sums->items[i].method;
        if (used[i] || method.length <= name.length || !gee_str_starts_with(method, name) ||
            gee_str_find_last(method, '.') != (ptrdiff_t)name.length)
            continue;
        used[i] = true;
        target->methods[target->method_count++] =
            (debug_method_t){ .name = method.data + name.length + 1, /* terminated by gee_pool_str() */
                              .argument = "",
                              .reply = "",
                              .sum = &sums->items[i] };
    }
}

static int gather_service(const gee_service_entry_t *entry, const gee_counters_sums_t *sums, bool *used,
                          debug_view_t *view) {
    debug_service_t *target = &view->services[view->service_count++];
    const gee_service_t *declared = entry->service;
    size_t count = declared ? declared->method_count : 0;
    target->name = entry->name;
    target->upstream = entry->target ? gee_upstream_name(gee_forward_of(entry->target)->upstream) : NULL;
    target->methods = gee_pool_array(view->pool, count + (entry->target ? sums->count : 0), sizeof(*target->methods));
    if (target->methods == NULL)
        return -1;
    for (; target->method_count < count; target->method_count++)
        if (gather_method(declared, &declared->methods[target->method_count], sums, used, view->pool,
                          &target->methods[target->method_count]) != 0)
            return -1;
    if (entry->target != NULL)
        gather_undeclared(entry->name, sums, used, target);
    return 0;
}

static int gather_services(const gee_dispatch_t *dispatch, const gee_counters_sums_t *sums, bool *used,
                           debug_view_t *view) {
    const gee_service_entry_t *entry;
    size_t count = 0;
    while (gee_dispatch_service(dispatch, count) != NULL)
        count++;
    view->services = gee_pool_array(view->pool, count, sizeof(*view->services));
    if (view->services == NULL)
        return -1;
    for (size_t i = 0; (entry = gee_dispatch_service(dispatch, i)) != NULL; i++)
        if (gather_service(entry, sums, used, view) != 0)
            return -1;
    return 0;
}

/* ---- everything ---- */

static void gather_others(const gee_counters_sums_t *sums, const bool *used, debug_view_t *view) {
    for (size_t i = 0; i < sums->count; i++) {
        const gee_counters_sum_t *sum = &sums->items[i];
        view->total.calls += sum->calls;
        view->total.errors += sum->errors;
        view->total.in_flight += sum->in_flight;
        view->total.late += sum->late;
        if (!used[i] && sum->calls > 0)
            view->others[view->other_count++] = sum;
    }
}

/* Only the settings of this worker name the sources of lists. */
static void gather_sources(const gee_engine_t *engine, const debug_upstreams_t *upstreams) {
    size_t next = 0;
    const gee_gateway_t *gateway = gee_engine_gateway(engine);
    for (size_t i = 0; i < gateway->count && gateway->lists != NULL; i++) {
        const gee_shared_list_t *list = &gateway->lists[i];
        debug_upstream_t *upstream = debug_find_upstream(upstreams, gee_upstream_name(gateway->upstreams[i]), &next);
        if (upstream != NULL && list->source != NULL && gee_shared_list_reported(list, &upstream->found) == 0)
            upstream->source = list->source;
    }
}

int debug_gather(const gee_engine_t *engine, const gee_counters_t *counters, const board_t *board, gee_pool_t *pool,
                 debug_view_t *view) {
    gee_counters_sums_t sums;
    *view = (debug_view_t){ .pool = pool, .listeners = gee_engine_listeners(engine) };
    view->counted = atomic_load(&counters->slot_count) > 0;
    if (gee_counters_read(counters, pool, &sums) != 0)
        return -1;
    bool *used = gee_pool_array(pool, sums.count, sizeof(*used));
    view->others = gee_pool_array(pool, sums.count, sizeof(*view->others));
    view->workers = gee_counters_workers(counters, pool, &view->worker_count);
    if (used == NULL || view->others == NULL || view->workers == NULL ||
        gather_services(gee_engine_dispatch(engine), &sums, used, view) != 0)
        return -1;
    gather_others(&sums, used, view);
    if (board_read(board, pool, &view->upstreams) != 0)
        return -1;
    gather_sources(engine, &view->upstreams);
    return 0;
}
