/* worker_lists.c: a worker takes over the lists of servers that the helper has found for its upstreams. */
#include "core/proc/registries.h"
#include "core/proc/worker_private.h"

#define LOOK_INTERVAL                                                                                                  \
    GEE_SECOND /* usually the helper's wake comes first, but a new helper does not wake workers that leave */

static int take_list(gee_worker_process_t *process, size_t index, gee_error_t *error) {
    gee_pool_t *pool = gee_pool_create(16 * GEE_KIB);
    gee_server_t *servers;
    size_t count;
    uint64_t version;
    int result = -1;
    if (!pool || gee_shared_list_read(&process->cycle->registries->lists[index], pool, &servers, &count, &version) != 0)
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "its list of servers cannot be read");
    else
        result = gee_upstream_set_servers(process->upstreams[index], servers, count, error);
    if (result == 0)
        process->list_versions[index] = version;
    gee_pool_destroy(&pool);
    return result;
}

/* Sets the error text for callers while the upstream has no servers. */
static void explain(gee_worker_process_t *process, size_t index) {
    const gee_shared_list_t *list = &process->cycle->registries->lists[index];
    gee_shared_report_t report;
    char text[GEE_ERROR_TEXT + 64];
    if (gee_upstream_backend_count(process->upstreams[index]) > 0 || gee_shared_list_reported(list, &report) != 0)
        return;
    if (report.trouble[0])
        (void)gee_str_format(text, sizeof text, "it has no servers: %s", report.trouble);
    else
        (void)gee_str_format(text, sizeof text, "it has no servers: %s %s", list->source,
                             report.version ? "gives an empty list" : "has not answered yet");
    gee_upstream_explain(process->upstreams[index], text);
}

static void look_at_list(gee_worker_process_t *process, size_t index) {
    const gee_shared_list_t *list = &process->cycle->registries->lists[index];
    gee_error_t error;
    if (!list->source)
        return;
    if (gee_shared_list_version(list) != process->list_versions[index] && take_list(process, index, &error) != 0)
        gee_log(process->log, GEE_LOG_ERROR, "upstream %s: %s; the list from before stays in force",
                gee_upstream_name(process->upstreams[index]), error.text);
    explain(process, index);
}

void gee_worker_look_at_lists(gee_worker_process_t *process) {
    for (size_t i = 0; i < process->gateway.count; i++)
        look_at_list(process, i);
}

static void lists_on_interval(gee_timer_t *timer) {
    gee_worker_process_t *process = GEE_CONTAINER(timer, gee_worker_process_t, lists_timer);
    gee_worker_look_at_lists(process);
    (void)gee_timer_start(process->loop, timer, LOOK_INTERVAL);
}

int gee_worker_open_lists(gee_worker_process_t *process, gee_error_t *error) {
    size_t count = process->gateway.count;
    bool any = false;
    process->list_versions = gee_pool_array(process->cycle->pool, count, sizeof *process->list_versions);
    if (!process->list_versions)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    process->gateway.lists = process->cycle->registries->lists;
    for (size_t i = 0; i < count; i++)
        any |= process->cycle->registries->lists[i].source != NULL;
    gee_worker_look_at_lists(process);
    process->lists_timer.fire = lists_on_interval;
    if (any && gee_timer_start(process->loop, &process->lists_timer, LOOK_INTERVAL) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}
