/* upstream_waiting.c: calls that wait for a connection of their backend. */
#include "core/gateway/upstream_private.h"

void gee_backend_send_waiting(gee_backend_t *backend) {
    gee_list_t waiting;
    gee_link_t *entry;
    int64_t now_ns = gee_upstream_now(backend->upstream);
    gee_list_init(&waiting);
    while ((entry = gee_list_pop(&backend->waiting)) != NULL)
        gee_list_append(&waiting, entry);
    gee_backend_hold(backend);
    while ((entry = gee_list_pop(&waiting)) != NULL) {
        gee_upstream_call_t *call = GEE_CONTAINER(entry, gee_upstream_call_t, link);
        gee_backend_connection_t *connection = gee_backend_choose(backend, call, now_ns);
        backend->upstream->waiting--;
        gee_upstream_proceed(call, connection);
    }
    gee_backend_release(backend);
}

void gee_backend_run_waiting(gee_task_t *task) {
    gee_backend_send_waiting(GEE_CONTAINER(task, gee_backend_t, waiting_task));
}

void gee_backend_suspect_due(gee_timer_t *timer) {
    gee_backend_send_waiting(GEE_CONTAINER(timer, gee_backend_t, suspect_timer));
}

void gee_backend_fail_waiting(gee_backend_t *backend, const gee_error_t *reason, int64_t since_ns) {
    gee_list_t failed;
    gee_link_t *link;
    gee_list_init(&failed);
    GEE_LIST_EACH(&backend->waiting, entry) {
        if (GEE_CONTAINER(entry, gee_upstream_call_t, link)->picked_ns > since_ns)
            continue;
        gee_list_remove(entry);
        gee_list_append(&failed, entry);
    }
    while ((link = gee_list_pop(&failed)) != NULL) {
        backend->upstream->waiting--;
        gee_upstream_attempt_failed(GEE_CONTAINER(link, gee_upstream_call_t, link), reason, true);
    }
}

void gee_backend_reroute_waiting(gee_backend_t *backend) {
    gee_list_t waiting;
    gee_link_t *link;
    gee_list_init(&waiting);
    GEE_LIST_EACH(&backend->waiting, entry) {
        if (GEE_CONTAINER(entry, gee_upstream_call_t, link)->fixed && !backend->leaving)
            continue;
        gee_list_remove(entry);
        gee_list_append(&waiting, entry);
    }
    while ((link = gee_list_pop(&waiting)) != NULL) {
        backend->upstream->waiting--;
        gee_upstream_reroute(GEE_CONTAINER(link, gee_upstream_call_t, link));
    }
}
