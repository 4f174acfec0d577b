/* json.c: the page as JSON, for a program. */
#include "debug.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Adds an exact number: cJSON's own numbers are doubles. */
static bool add_count(cJSON *object, const char *name, uint64_t value) {
    char text[32];
    snprintf(text, sizeof(text), "%" PRIu64, value);
    return cJSON_AddRawToObject(object, name, text) != NULL;
}

static bool add_sum(cJSON *object, const gee_counters_sum_t *sum) {
    return add_count(object, "calls", sum->calls) && add_count(object, "errors", sum->errors) &&
           add_count(object, "in_flight", sum->in_flight) && add_count(object, "late", sum->late) &&
           add_count(object, "p50_us", gee_counters_quantile(sum, 0.5)) &&
           add_count(object, "p99_us", gee_counters_quantile(sum, 0.99));
}

static bool add_counts(cJSON *object, const gee_counters_worker_t *counts) {
    return add_count(object, "calls", counts->calls) && add_count(object, "errors", counts->errors) &&
           add_count(object, "in_flight", counts->in_flight) && add_count(object, "late", counts->late);
}

/* Appends a new object to the list; null: out of memory. */
static cJSON *add_object(cJSON *list) {
    cJSON *object = cJSON_CreateObject();
    if (object != NULL && !cJSON_AddItemToArray(list, object)) {
        cJSON_Delete(object);
        return NULL;
    }
    return object;
}

static bool add_method(cJSON *methods, const debug_method_t *method) {
    cJSON *object = add_object(methods);
    return object != NULL && cJSON_AddStringToObject(object, "name", method->name) &&
           cJSON_AddStringToObject(object, "argument", method->argument) &&
           cJSON_AddStringToObject(object, "reply", method->reply) &&
           cJSON_AddBoolToObject(object, "blocking", (method->flags & GEE_BLOCKING) != 0) &&
           cJSON_AddBoolToObject(object, "idempotent", (method->flags & GEE_IDEMPOTENT) != 0) &&
           add_sum(object, method->sum);
}

static bool add_service(cJSON *services, const debug_service_t *service) {
    cJSON *object = add_object(services);
    if (object == NULL || !cJSON_AddStringToObject(object, "name", service->name) ||
        (service->upstream != NULL && !cJSON_AddStringToObject(object, "upstream", service->upstream)))
        return false;
    cJSON *methods = cJSON_AddArrayToObject(object, "methods");
    bool added = methods != NULL;
    for (size_t i = 0; i < service->method_count && added; i++)
        added = add_method(methods, &service->methods[i]);
    return added;
}

static bool add_other(cJSON *others, const gee_counters_sum_t *sum) {
    char name[GEE_COUNTERS_METHOD];
    cJSON *object = add_object(others);
    (void)gee_str_format(name, sizeof(name), "%.*s", GEE_STR_ARGUMENTS(sum->method));
    return object != NULL && cJSON_AddStringToObject(object, "method", name) && add_sum(object, sum);
}

static bool add_backend(cJSON *backends, const debug_backend_t *server) {
    cJSON *object = add_object(backends);
    const board_backend_t *backend = &server->sums;
    return object != NULL && cJSON_AddStringToObject(object, "address", server->address) &&
           cJSON_AddStringToObject(object, "state", gee_backend_state_name((gee_backend_state_t)backend->state)) &&
           add_count(object, "weight", backend->weight) && add_count(object, "connections", backend->connections) &&
           add_count(object, "in_flight", backend->in_flight) && add_count(object, "calls", backend->calls) &&
           add_count(object, "failures", backend->failures) && add_count(object, "latency_us", backend->latency_us);
}

/* A missing value is null: the time of a list that was never confirmed, the error of a list without trouble. */
static bool add_source(cJSON *object, const debug_upstream_t *upstream) {
    const gee_shared_report_t *found = &upstream->found;
    int64_t age_ns = gee_clock_wall() - found->confirmed_ns;
    cJSON *source = cJSON_AddObjectToObject(object, "registry");
    return source != NULL && cJSON_AddStringToObject(source, "url", upstream->source) &&
           add_count(source, "version", found->version) && add_count(source, "count", found->count) &&
           (found->confirmed_ns > 0 ? add_count(source, "age_ms", age_ns > 0 ? (uint64_t)(age_ns / GEE_MILLISECOND) : 0)
                                    : cJSON_AddNullToObject(source, "age_ms") != NULL) &&
           (found->trouble[0] != '\0' ? cJSON_AddStringToObject(source, "trouble", found->trouble)
                                      : cJSON_AddNullToObject(source, "trouble")) != NULL;
}

static bool add_upstream(cJSON *upstreams, const debug_upstream_t *upstream) {
    cJSON *object = add_object(upstreams);
    if (object == NULL || !cJSON_AddStringToObject(object, "name", upstream->name) ||
        !cJSON_AddStringToObject(object, "balance", upstream->balance) ||
        !add_count(object, "waiting", upstream->waiting) || (upstream->source != NULL && !add_source(object, upstream)))
        return false;
    cJSON *backends = cJSON_AddArrayToObject(object, "peers");
    bool added = backends != NULL;
    for (size_t i = 0; i < upstream->backend_count && added; i++)
        added = add_backend(backends, &upstream->backends[i]);
    return added;
}

static bool add_worker(cJSON *workers, const gee_counters_worker_t *worker) {
    cJSON *object = add_object(workers);
    return object != NULL && add_count(object, "process", (uint64_t)worker->process) && add_counts(object, worker);
}

static bool add_listeners(cJSON *root, const char *const *addresses) {
    cJSON *listeners = cJSON_AddArrayToObject(root, "listeners");
    bool added = listeners != NULL;
    for (; addresses != NULL && *addresses != NULL && added; addresses++) {
        cJSON *object = add_object(listeners);
        added = object != NULL && cJSON_AddStringToObject(object, "address", *addresses);
    }
    return added;
}

static bool fill(cJSON *root, const debug_view_t *view) {
    bool added = cJSON_AddStringToObject(root, "version", gee_version) &&
                 cJSON_AddBoolToObject(root, "counted", view->counted) && add_counts(root, &view->total);
    cJSON *services = cJSON_AddArrayToObject(root, "services"), *others = cJSON_AddArrayToObject(root, "others");
    cJSON *upstreams = cJSON_AddArrayToObject(root, "upstreams"), *workers = cJSON_AddArrayToObject(root, "workers");
    added = added && services && others && upstreams && workers && add_listeners(root, view->listeners);
    for (size_t i = 0; i < view->service_count && added; i++)
        added = add_service(services, &view->services[i]);
    for (size_t i = 0; i < view->other_count && added; i++)
        added = add_other(others, view->others[i]);
    for (size_t i = 0; i < view->upstreams.count && added; i++)
        added = add_upstream(upstreams, &view->upstreams.items[i]);
    if (view->upstreams.left_out > 0)
        added = added && add_count(root, "left_out", view->upstreams.left_out);
    for (size_t i = 0; i < view->worker_count && added; i++)
        added = add_worker(workers, &view->workers[i]);
    return added;
}

void debug_write_json(const debug_view_t *view, gee_http_response_t *response) {
    cJSON *root = cJSON_CreateObject();
    char *text = root != NULL && fill(root, view) ? cJSON_PrintUnformatted(root) : NULL;
    if (text != NULL) {
        gee_http_set_type(response, "application/json");
        gee_http_print(response, "%s\n", text);
    } else {
        gee_http_fail(response, 503, "out of memory");
    }
    cJSON_free(text);
    cJSON_Delete(root);
}
