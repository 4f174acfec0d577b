/* caller.c: what a client and an xclient are inside: options, the upstream on the loop, close.
 *
 *   create -> open (loop: engine, upstream, servers) -> operations come and go -> close -> (loop: all end) -> end -> freed
 *
 * The engine is the caller's own, since limits and timeouts are; several callers can be on one loop. */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/futex.h"
#include "core/base/clock.h"
#include "core/base/random.h"

#define CONNECT_TIMEOUT        (10 * GEE_SECOND) /* as GeeRPC's clients */
#define WRITE_TIMEOUT          (60 * GEE_SECOND)
#define READ_TIMEOUT           (60 * GEE_SECOND)
#define FAIL_TIMEOUT           (10 * GEE_SECOND)
#define MESSAGE_LIMIT          (4 * GEE_MIB)
#define MESSAGE_LIMIT_SMALLEST 1024
#define CONNECTIONS_MOST       1000
#define RETRIES                2
#define RETRY_BUDGET           20 /* percent */

#define GATE_CLOSED 0x80000000u /* of caller->gate */

/* ---- options ---- */

/* What this library does not know must not be set. */
int gee_read_options(void *target, size_t target_size, const void *options, size_t size, const char *type,
                     gee_error_t *error) {
    memset(target, 0, target_size);
    if (options == NULL)
        return 0;
    if (size < sizeof(size_t))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: size must be sizeof(%s)", type, type);
    for (size_t i = target_size; i < size; i++)
        if (((const unsigned char *)options)[i] != 0)
            return gee_error_set(error, GEE_INVALID_ARGUMENT,
                                 "%s: an option is set that this version of the library (%s) does not have", type,
                                 gee_version);
    memcpy(target, options, size < target_size ? size : target_size);
    return 0;
}

static int64_t timeout_or(int64_t given, int64_t fallback) {
    return given > 0 ? given : given == 0 ? fallback : 0;
}

static int unknown(gee_module_kind_t kind, const char *what, const char *name, gee_error_t *error) {
    char names[200];
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s \"%.*s\" is unknown here; this library has: %s", what,
                         GEE_QUOTED(name), gee_module_names(gee_modules, kind, names, sizeof(names)));
}

static int choose_codec(gee_caller_t *caller, const gee_dial_options_t *options, gee_error_t *error) {
    const char *name = options->protocol ? options->protocol : "geerpc";
    const gee_protocol_t *protocol = gee_protocol_by_name(gee_modules, name);
    if (protocol == NULL)
        return unknown(GEE_MODULE_PROTOCOL, "protocol", name, error);
    const char *only = protocol->codec, *codec = options->codec ? options->codec : only ? only : "json";
    if (only != NULL && strcmp(codec, only) != 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the protocol %s carries the codec %s only, not %.*s", name,
                             only, GEE_QUOTED(codec));
    caller->codec = gee_codec_by_name(gee_modules, gee_str(codec));
    if (caller->codec == NULL)
        return unknown(GEE_MODULE_CODEC, "codec", codec, error);
    caller->json = gee_codec_by_name(gee_modules, GEE_STR("json"));
    if (caller->json == NULL || caller->json->state_size != 0)
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "this library was built without codec_json, which JSON text needs");
    caller->upstream_options.manner.protocol = protocol;
    return 0;
}

static int set_limits(gee_caller_t *caller, const gee_dial_options_t *options, gee_error_t *error) {
    gee_pool_t *pool = gee_pool_create(GEE_KIB);
    if (pool == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    int failed = gee_options_default(gee_limits_options, &caller->limits, pool, error);
    gee_pool_destroy(&pool); /* limits are numbers: nothing points into it */
    if (failed)
        return -1;
    caller->limits.message = options->message_limit ? options->message_limit : MESSAGE_LIMIT;
    if (caller->limits.message < MESSAGE_LIMIT_SMALLEST || caller->limits.message > (uint64_t)INT32_MAX)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "message_limit must be %d to %d bytes",
                             MESSAGE_LIMIT_SMALLEST, INT32_MAX);
    caller->codec_limits.message = (size_t)caller->limits.message;
    caller->codec_limits.nesting = (unsigned)caller->limits.nesting;
    return 0;
}

static const gee_seal_setup_t *seal_of(void *data, const char *address GEE_UNUSED) {
    return data;
}

static int set_seal(gee_caller_t *caller, const gee_dial_options_t *options, gee_error_t *error) {
    gee_manner_t *manner = &caller->upstream_options.manner;
    gee_seal_dial_t keys = { .server_key = options->server_key, .key = options->key_file };
    if (options->server_key == NULL)
        return options->key_file == NULL ? 0
                                         : gee_error_set(error, GEE_INVALID_ARGUMENT,
                                                         "key_file needs server_key, or nothing would be sealed");
    const gee_seal_t *seal = gee_seal_find(gee_modules, error);
    caller->seal = seal ? seal->dial(&keys, error) : NULL;
    manner->seal_setup = seal_of;
    manner->seal_data = caller->seal;
    return caller->seal ? 0 : -1;
}

static int set_dialling(gee_caller_t *caller, const gee_dial_options_t *given, gee_error_t *error) {
    gee_dial_options_t options;
    if (GEE_READ_OPTIONS(gee_dial_options_t, options, given, error) != 0 ||
        choose_codec(caller, &options, error) != 0 || set_limits(caller, &options, error) != 0)
        return -1;
    int64_t connect_timeout_ns = timeout_or(options.connect_timeout_ns, CONNECT_TIMEOUT);
    gee_manner_t *manner = &caller->upstream_options.manner;
    manner->write_timeout_ns = timeout_or(options.write_timeout_ns, WRITE_TIMEOUT);
    if (set_seal(caller, &options, error) != 0)
        return -1;
    manner->setup = (gee_session_setup_t){ .codec = caller->codec,
                                           .connect_timeout_ns = connect_timeout_ns,
                                           .handle_timeout_ns = timeout_or(options.handle_timeout_ns, 0) };
    caller->upstream_options.limits.connect_timeout = connect_timeout_ns;
    /* The handshake has a timer of its own, in the connection. */
    caller->timeouts.read = timeout_or(options.read_timeout_ns, READ_TIMEOUT);
    caller->timeouts.write = manner->write_timeout_ns;
    caller->runtime = options.runtime;
    return 0;
}

static int set_balancing(gee_caller_t *caller, const gee_xclient_options_t *options, gee_error_t *error) {
    gee_upstream_limits_t *limits = &caller->upstream_options.limits;
    const char *balance = options->balance ? options->balance : "random";
    caller->upstream_options.balancer = gee_balancer_by_name(gee_modules, balance);
    if (caller->upstream_options.balancer == NULL)
        return unknown(GEE_MODULE_BALANCER, "balancer", balance, error);
    if (options->connections < 0 || options->connections > CONNECTIONS_MOST)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "connections must be 1 to %d, or 0 for the default",
                             CONNECTIONS_MOST);
    limits->connections = options->connections ? options->connections : 1;
    limits->retries = options->retries == 0 ? RETRIES : options->retries > 0 ? options->retries : 0;
    limits->retry_budget = RETRY_BUDGET;
    limits->fails = 1;
    limits->fail_timeout = timeout_or(options->fail_timeout_ns, FAIL_TIMEOUT);
    if (limits->fail_timeout == 0)
        limits->fail_timeout = INT64_MAX / 4;
    return 0;
}

/* ---- on the loop: open and close ---- */

typedef struct server_list {
    const gee_server_t *servers;
    size_t count;
    const gee_xclient_options_t *options; /* of the caller that is opened */
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

/* While it waited for its turn. */
static void ping_expired(gee_timer_t *timer) {
    gee_pending_t *operation = GEE_CONTAINER(timer, gee_pending_t, timer);
    gee_upstream_result_t failure = { .phase = GEE_PHASE_SEND, .address = operation->caller->address };
    gee_error_t error;
    gee_upstream_time_error(&operation->call, false, failure.phase, &error);
    failure.status = (gee_status_t){ .code = error.code, .text = gee_str(error.text) };
    gee_operation_fail_result(operation, &failure, NULL);
}

/* One at a time, as the connection has it. */
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

static void caller_free(gee_caller_t *caller) {
    (void)gee_runtime_destroy(&caller->own_runtime, NULL); /* nobody else has it */
    if (caller->seal != NULL)
        gee_seal_find(gee_modules, NULL)->close(&caller->seal);
    free(caller->address);
    free(caller);
}

/* At the end of the pass, when the sessions are gone. */
static void run_end(gee_task_t *task) {
    gee_caller_t *caller = GEE_CONTAINER(task, gee_caller_t, end_task);
    gee_engine_destroy(&caller->engine);
    gee_runtime_close_ends(caller->runtime);
    if (caller->nobody_waits)
        caller_free(caller);
    else
        (void)gee_runtime_ended(&caller->closed); /* and with it the caller may be gone */
}

static void end_when_through(gee_caller_t *caller) {
    if (caller->closing && caller->lingering == 0)
        gee_loop_defer(caller->runtime->loop, &caller->end_task);
}

void gee_caller_relieved(gee_caller_t *caller) {
    caller->lingering--;
    end_when_through(caller);
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
    caller->closing = true;
    end_when_through(caller);
}

/* ---- the gate: nobody posts any more when it is shut ---- */

int gee_caller_post(gee_caller_t *caller, gee_pending_t *operation, gee_error_t *error) {
    bool closed = (atomic_fetch_add_explicit(&caller->gate, 1, memory_order_acquire) & GATE_CLOSED) != 0;
    if (!closed)
        gee_runtime_post(caller->runtime, &operation->task);
    if (atomic_fetch_sub_explicit(&caller->gate, 1, memory_order_release) == (GATE_CLOSED | 1))
        gee_futex_wake(&caller->gate);
    return closed ? gee_error_set(error, GEE_CANCELLED, "the client was closed") : 0;
}

static void shut_gate(gee_caller_t *caller) {
    unsigned now = atomic_fetch_or_explicit(&caller->gate, GATE_CLOSED, memory_order_acq_rel) | GATE_CLOSED;
    while (now != GATE_CLOSED) {
        gee_futex_wait(&caller->gate, now, INT64_MAX);
        now = atomic_load_explicit(&caller->gate, memory_order_acquire);
    }
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
    caller->end_task.run = run_end;
    gee_list_init(&caller->operations);
    gee_list_init(&caller->pings);
    gee_type_table_init(&caller->types);
    return caller;
}

static int set_up(gee_caller_t *caller, const char *address, const gee_xclient_options_t *options, gee_error_t *error) {
    gee_upstream_options_t *upstream = &caller->upstream_options;
    upstream->limits.queue = INT64_MAX; /* what waits is bounded by what the program starts */
    upstream->name = "client";
    if (set_dialling(caller, options->dial, error) != 0)
        return -1;
    if (address == NULL)
        return set_balancing(caller, options, error);
    upstream->once = true;
    upstream->limits.connections = 1;
    caller->address = strdup(address);
    return caller->address ? 0 : gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
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
    if (set_up(caller, client ? servers[0].address : NULL, options, error) != 0)
        goto fail;
    if (caller->runtime == NULL)
        caller->runtime = caller->own_runtime = gee_runtime_create(GEE_RUNTIME_BACKGROUND, error);
    if (caller->runtime == NULL || gee_runtime_check(caller->runtime, true, error) != 0)
        goto fail;
    gee_runtime_enter(caller->runtime);
    if (gee_operation_run(caller, begin_open, &list, 0, error) == 0)
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
    shut_gate(caller);
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
    return gee_operation_run(caller, begin_set_servers, &list, 0, error);
}

int gee_caller_connect(gee_caller_t *caller, gee_error_t *error) {
    return gee_operation_run(caller, begin_connect, NULL, 0, error);
}

int gee_caller_ping(gee_caller_t *caller, int64_t timeout_ns, int64_t *elapsed_ns, gee_error_t *error) {
    int64_t started_ns = gee_clock_monotonic();
    int result = gee_operation_run(caller, begin_ping, NULL, timeout_ns, error);
    if (elapsed_ns != NULL)
        *elapsed_ns = gee_clock_monotonic() - started_ns;
    return result;
}
