/* caller.c: the life of a caller: its upstream on the loop, connect and ping, close.
 *
 *   create -> open (loop: engine, upstream, servers) -> operations -> close -> (loop: all operations end) -> freed
 *
 * Each caller has an engine of its own, because limits and timeouts belong to an engine; several callers can share a
 * loop. */
#include "client/client.h"

#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/random.h"

/* ---- on the loop: open and close ---- */

typedef struct server_list {
    const gee_server_t *servers;
    size_t count;
    const gee_xclient_options_t *options; /* when a caller is opened */
} server_list_t;

static int open_caller(gee_caller_t *caller, const server_list_t *list, gee_error_t *error) {
    gee_engine_options_t options = {
        .loop = caller->runtime->loop,
        .modules = gee_modules,
        .limits = caller->limits,
        .timeouts = caller->timeouts,
        .names = { .message = "message_limit", .read = "read_timeout_ns" },
        .resolver = caller->runtime->resolver,
    };
    caller->engine = gee_engine_create(&options, error);
    if (caller->engine == NULL)
        return -1;
    caller->upstream = gee_upstream_create(caller->engine, &caller->upstream_options, error);
    if (caller->upstream == NULL)
        return -1;
    gee_upstream_explain(caller->upstream, "there are no servers");
    return gee_upstream_set_servers(caller->upstream, list->servers, list->count, error);
}

static void end_with(gee_pending_t *operation, int result, const gee_error_t *error) {
    if (result == 0)
        gee_operation_succeed(operation);
    else
        gee_operation_fail(operation, error, 1);
}

static void begin_open(gee_pending_t *operation) {
    const server_list_t *list = operation->argument;
    gee_error_t error;
    int result = open_caller(operation->caller, list, &error);
    if (result == 0 && list->options->registry != NULL)
        gee_follow_begin(operation, list->servers, list->count, list->options);
    else
        end_with(operation, result, &error);
}

static int set_servers(gee_caller_t *caller, const server_list_t *list, gee_error_t *error) {
    if (caller->follow.discovery != NULL)
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "the servers of this client are those of its registry: they cannot be set");
    return gee_upstream_set_servers(caller->upstream, list->servers, list->count, error);
}

static void begin_set_servers(gee_pending_t *operation) {
    gee_error_t error;
    end_with(operation, set_servers(operation->caller, operation->argument, &error), &error);
}

static void connected(void *data, const gee_error_t *error) {
    end_with(data, error ? -1 : 0, error);
}

static void begin_connect(gee_pending_t *operation) {
    gee_upstream_connect(operation->caller->upstream, connected, operation);
}

static void pong(void *data, const gee_error_t *error);

/* The time is over before the turn has come. */
static void ping_expired(gee_timer_t *timer) {
    gee_pending_t *operation = GEE_CONTAINER(timer, gee_pending_t, timer);
    gee_upstream_result_t failure = { .phase = GEE_PHASE_SEND, .address = operation->caller->address };
    gee_error_t error;
    gee_upstream_time_error(&operation->call, false, failure.phase, &error);
    failure.status = (gee_status_t){ .code = error.code, .text = gee_str(error.text) };
    gee_operation_fail_result(operation, &failure, NULL);
}

/* One ping at a time, as a connection allows no more. */
static void send_next_ping(gee_caller_t *caller) {
    gee_link_t *first;
    while ((first = gee_list_first(&caller->pings)) != NULL) {
        gee_pending_t *operation = GEE_CONTAINER(first, gee_pending_t, link);
        int64_t timeout_ns = 0;
        gee_error_t error;
        gee_timer_stop(caller->runtime->loop, &operation->timer);
        if (operation->call.timeout_ns > 0 &&
            (timeout_ns = operation->call.deadline_ns - gee_loop_now(caller->runtime->loop)) <= 0)
            timeout_ns = 1;
        if (gee_upstream_ping(caller->upstream, timeout_ns, pong, operation, &error) == 0)
            return;
        gee_operation_fail(operation, &error, 1);
    }
}

static void begin_ping(gee_pending_t *operation) {
    gee_caller_t *caller = operation->caller;
    bool alone = gee_list_empty(&caller->pings);
    gee_list_remove(&operation->link);
    gee_list_append(&caller->pings, &operation->link);
    operation->timer.fire = ping_expired;
    if (alone) {
        send_next_ping(caller);
    } else if (operation->call.timeout_ns > 0 &&
               gee_timer_start_at(caller->runtime->loop, &operation->timer, operation->call.deadline_ns) != 0) {
        gee_error_t error;
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_operation_fail(operation, &error, 1);
    }
}

static void pong(void *data, const gee_error_t *error) {
    gee_pending_t *operation = data;
    gee_caller_t *caller = operation->caller;
    end_with(operation, error ? -1 : 0, error);
    send_next_ping(caller);
}

static const gee_operation_kind_t open_kind = { .begin = begin_open };
static const gee_operation_kind_t set_servers_kind = { .begin = begin_set_servers };
static const gee_operation_kind_t connect_kind = { .begin = begin_connect };
static const gee_operation_kind_t ping_kind = { .begin = begin_ping };

static void caller_free(gee_caller_t *caller) {
    (void)gee_runtime_destroy(&caller->own_runtime, NULL); /* null, or owned */
    if (caller->seal != NULL)
        gee_seal_find(gee_modules, NULL)->close(&caller->seal);
    gee_descriptors_release(&caller->descriptors);
    free(caller->address);
    free(caller);
}

/* Deferred to the end of the pass, when the sessions are destroyed. */
static void run_end(gee_task_t *task) {
    gee_caller_t *caller = GEE_CONTAINER(task, gee_caller_t, gate.end_task);
    gee_engine_destroy(&caller->engine);
    gee_runtime_close_ends(caller->runtime);
    if (caller->nobody_waits)
        caller_free(caller);
    else
        (void)gee_runtime_ended(&caller->closed); /* another thread may free the caller now */
}

static void run_close(gee_task_t *task) {
    gee_caller_t *caller = GEE_CONTAINER(task, gee_caller_t, close_task);
    gee_error_t error;
    gee_error_set(&error, GEE_CANCELLED, "the client was closed");
    gee_runtime_close_begins(caller->runtime);
    if (caller->upstream != NULL)
        gee_upstream_cancel_ping(caller->upstream);
    gee_operation_fail_all(&caller->pings, &error);
    gee_operation_fail_all(&caller->operations, &error);
    gee_type_table_clear(caller, &error);
    gee_follow_end(caller);
    gee_upstream_destroy(&caller->upstream);
    gee_gate_end(&caller->gate);
}

/* ---- on the program's threads ---- */

static gee_caller_t *caller_new(gee_error_t *error) {
    gee_caller_t *caller = calloc(1, sizeof(*caller));
    if (caller == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    caller->upstream_options.seed =
        gee_random_mix((uint64_t)gee_clock_monotonic()) ^ (uintptr_t)caller ^ (uint64_t)getpid() << 32;
    caller->close_task.run = run_close;
    caller->gate.end_task.run = run_end;
    gee_list_init(&caller->operations);
    gee_list_init(&caller->pings);
    gee_type_table_init(&caller->types);
    return caller;
}

static int check_servers(const gee_server_t *servers, size_t count, gee_error_t *error) {
    for (size_t i = 0; i < count; i++)
        if (servers[i].address == NULL)
            return gee_error_set(error, GEE_INVALID_ARGUMENT, "the address of a server must not be null");
    return 0;
}

gee_caller_t *gee_caller_create(const gee_server_t *servers, size_t count, const gee_xclient_options_t *options,
                                bool client, gee_error_t *error) {
    server_list_t list = { .servers = servers, .count = count, .options = options };
    if (check_servers(servers, count, error) != 0)
        return NULL;
    gee_caller_t *caller = caller_new(error);
    if (caller == NULL)
        return NULL;
    if (gee_caller_set_options(caller, client ? servers[0].address : NULL, options, error) != 0)
        goto fail;
    if (caller->runtime == NULL)
        caller->runtime = caller->own_runtime = gee_runtime_create(GEE_RUNTIME_BACKGROUND, error);
    if (caller->runtime == NULL || gee_runtime_check(caller->runtime, true, error) != 0)
        goto fail;
    caller->gate.runtime = caller->runtime;
    gee_runtime_enter(caller->runtime);
    if (gee_operation_run(caller, &open_kind, &list, 0, error) == 0)
        return caller;
    gee_caller_close(caller);
    return NULL;
fail:
    caller_free(caller);
    return NULL;
}

void gee_caller_close(gee_caller_t *caller) {
    if (gee_runtime_check(caller->runtime, false, NULL) != 0)
        return; /* in a child: the loop, and the kernel's objects in it, are the parent's */
    bool inside = gee_runtime_inside(caller->runtime);
    caller->nobody_waits = inside;
    gee_gate_shut(&caller->gate);
    gee_runtime_post(caller->runtime, &caller->close_task);
    if (!inside)
        (void)gee_runtime_await(caller->runtime, &caller->closed, INT64_MAX);
    gee_runtime_left(caller->runtime);
    if (!inside)
        caller_free(caller);
}

int gee_caller_set_servers(gee_caller_t *caller, const gee_server_t *servers, size_t count, gee_error_t *error) {
    server_list_t list = { .servers = servers, .count = count };
    if (check_servers(servers, count, error) != 0)
        return -1;
    return gee_operation_run(caller, &set_servers_kind, &list, 0, error);
}

int gee_caller_connect(gee_caller_t *caller, gee_error_t *error) {
    return gee_operation_run(caller, &connect_kind, NULL, 0, error);
}

int gee_caller_ping(gee_caller_t *caller, int64_t timeout_ns, int64_t *elapsed_ns, gee_error_t *error) {
    int64_t started_ns = gee_clock_monotonic();
    int result = gee_operation_run(caller, &ping_kind, NULL, timeout_ns, error);
    if (elapsed_ns != NULL)
        *elapsed_ns = gee_clock_monotonic() - started_ns;
    return result;
}
