/* follow.c: a caller whose servers come from a registry, a name or a file: discovery (core/gateway) on the loop.
 *
 *   create -> begin -> the first list -> the program may call ... each further list -> upstream ... close -> end
 *                '---> no list, and no servers to begin with: create fails */
#include "client/client.h"

#include "core/base/assert.h"

/* Ends the wait of the program, if it still waits: the list has come, or an error. */
static void settle_wait(gee_caller_t *caller, const gee_error_t *error) {
    gee_pending_t *operation = caller->follow.waiting;
    caller->follow.waiting = NULL;
    gee_timer_stop(caller->runtime->loop, &caller->follow.timer);
    if (operation == NULL)
        return;
    if (error == NULL)
        gee_operation_succeed(operation);
    else
        gee_operation_fail(operation, error, 1);
}

static void on_servers(void *data, const gee_server_t *servers, size_t count) {
    gee_caller_t *caller = data;
    gee_error_t error;
    /* Discovery has checked the addresses: only memory can be short, and then the list before stays in force. */
    int result = gee_upstream_set_servers(caller->upstream, servers, count, &error);
    settle_wait(caller, result == 0 ? NULL : &error);
}

static void on_trouble(void *data, const gee_error_t *reason) {
    if (reason != NULL)
        settle_wait(data, reason);
}

static void follow_on_timeout(gee_timer_t *timer) {
    gee_caller_t *caller = GEE_CONTAINER(timer, gee_caller_t, follow.timer);
    gee_discovery_report_t report;
    gee_error_t error;
    gee_discovery_report(caller->follow.discovery, &report);
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "%.*s: no list of servers in time", GEE_QUOTED(report.source));
    settle_wait(caller, &error);
}

static int begin_following(gee_caller_t *caller, const gee_server_t *servers, size_t count,
                           const gee_xclient_options_t *options, gee_error_t *error) {
    int64_t patience_ns = caller->upstream_options.limits.connect_timeout;
    gee_discovery_options_t discovery = { .source = options->registry,
                                          .service = options->service,
                                          .refresh_ns = options->refresh_ns,
                                          .min_servers = options->min_servers,
                                          .name = caller->upstream_options.name,
                                          .servers = servers,
                                          .count = count,
                                          .troubled = on_trouble };
    caller->follow.timer.fire = follow_on_timeout;
    if (count == 0 && patience_ns > 0 &&
        gee_timer_start(caller->runtime->loop, &caller->follow.timer, patience_ns) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    caller->follow.discovery = gee_discovery_create(caller->engine, &discovery, on_servers, caller, error);
    return caller->follow.discovery ? 0 : -1;
}

void gee_follow_begin(gee_pending_t *operation, const gee_server_t *servers, size_t count,
                      const gee_xclient_options_t *options) {
    gee_caller_t *caller = operation->caller;
    gee_error_t error;
    GEE_ASSERT(caller->follow.discovery == NULL && caller->follow.waiting == NULL);
    caller->follow.waiting = operation;
    int result = begin_following(caller, servers, count, options, &error);
    if (result != 0 || count > 0)
        settle_wait(caller, result == 0 ? NULL : &error);
}

void gee_follow_end(gee_caller_t *caller) {
    gee_timer_stop(caller->runtime->loop, &caller->follow.timer);
    gee_discovery_destroy(&caller->follow.discovery);
    caller->follow.waiting = NULL;
}
