/* forward_fixture.h: a gateway for the service Test, and the server behind it. Callers, gateway and server share one
 * loop. */
#ifndef TEST_FORWARD_FIXTURE_H
#define TEST_FORWARD_FIXTURE_H

#include "calling_fixture.h"
#include "listener_fixture.h"

typedef struct world {
    fixture_t *fixture; /* the server's and the callers' */
    listener_t listener;
    gee_engine_t *engine; /* the gateway's */
    gee_dispatch_t *dispatch;
    gee_forward_t forward;
} world_t;

static inline void make_upstream(world_t *world, const char *protocol, const char *codec) {
    gee_error_t error = { 0 };
    gee_upstream_options_t options = {
        .name = "test",
        .limits = { .connections = 1,
                    .connect_timeout = 5 * GEE_SECOND,
                    .queue = 100,
                    .fails = 1,
                    .fail_timeout = GEE_SECOND },
    };
    gee_server_t server = { .address = world->listener.address };
    world->forward.target = gee_forward_target;
    world->forward.protocol = options.settings.protocol =
        gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, gee_str(protocol));
    world->forward.codec = options.settings.setup.codec =
        gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(codec));
    options.settings.setup.message_limit = (size_t)world->engine->limits.message;
    world->forward.upstream = gee_upstream_create(world->engine, &options, &error);
    assert_non_null(world->forward.upstream);
    assert_int_equal(gee_upstream_set_servers(world->forward.upstream, &server, 1, &error), 0);
}

/* A gateway for that service to a server on that wire. `limits`: of both; null: the fixture's own. */
static inline void world_create_for(world_t *world, const gee_limits_t *limits, const char *protocol, const char *codec,
                                    gee_service_entry_t entry, int64_t handle_ns) {
    gee_error_t error = { 0 };
    memset(world, 0, sizeof(*world));
    world->fixture = fixture_create(limits, NULL);
    listen_on(&world->listener, world->fixture);
    gee_engine_options_t options = { .loop = world->fixture->loop,
                                     .log = world->fixture->log,
                                     .modules = gee_modules,
                                     .limits = world->fixture->engine->limits,
                                     .timeouts = { .handle = handle_ns } };
    world->engine = gee_engine_create(&options, &error);
    assert_non_null(world->engine);
    make_upstream(world, protocol, codec);
    entry.target = &world->forward.target;
    gee_filter_entry_t filter = { .module = &counting_module };
    world->dispatch = gee_dispatch_create(world->engine, &entry, 1, &filter, 1, true, &error);
    assert_non_null(world->dispatch);
}

static inline void world_create_with(world_t *world, const char *protocol, const char *codec, bool declared,
                                     bool undeclared, int64_t handle_ns) {
    const char *idempotent[] = { "Multiply" };
    world_create_for(world, NULL, protocol, codec,
                     (gee_service_entry_t){ .service = declared ? &test_service : NULL,
                                            .name = "Test",
                                            .undeclared = undeclared,
                                            .idempotent = { .items = idempotent, .count = 1 } },
                     handle_ns);
}

static inline void world_create(world_t *world, const char *protocol, const char *codec, bool declared) {
    world_create_with(world, protocol, codec, declared, false, 0);
}

/* Our end of a new connection to the gateway. */
static inline int connect_gateway(world_t *world) {
    int ends[2];
    gee_error_t error = { 0 };
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    gee_stream_t *stream = gee_stream_create(world->fixture->loop, &pair_transport, ends[0], NULL, NULL, &error);
    assert_non_null(stream);
    assert_int_equal(gee_door_open(world->engine, &stream, &(gee_door_options_t){ 0 }, &error), 0);
    return ends[1];
}

static inline gee_session_t *call_gateway(world_t *world, const char *protocol, const char *codec) {
    return make_caller(world->fixture, protocol, codec, connect_gateway(world));
}

#define TURN_UNTIL(world, condition)                                                                                   \
    do {                                                                                                               \
        int64_t give_up = gee_clock_monotonic() + 5 * GEE_SECOND;                                                      \
        while (!(condition) && gee_clock_monotonic() < give_up)                                                        \
            assert_int_equal(gee_loop_once((world)->fixture->loop, GEE_MILLISECOND), 0);                               \
        assert_true(condition);                                                                                        \
    } while (0)

static inline gee_backend_report_t server_report(const world_t *world) {
    gee_backend_report_t report;
    gee_backend_report(gee_upstream_backend(world->forward.upstream, 0), &report);
    return report;
}

static inline void world_destroy(world_t *world) {
    assert_int_equal(server_report(world).in_flight, 0);
    assert_int_equal(gee_upstream_waiting(world->forward.upstream), 0);
    stop_listening(&world->listener);
    GEE_LIST_EACH(&world->fixture->engine->sessions, link) {
        gee_session_close(GEE_CONTAINER(link, gee_session_t, link), NULL);
    }
    TURN_UNTIL(world, world->fixture->engine->session_count == 0 && world->engine->live_calls == 0);
    gee_upstream_destroy(&world->forward.upstream);
    TURN_UNTIL(world, world->engine->session_count == 0 && !gee_loop_lingering(world->fixture->loop));
    assert_int_equal(world->engine->live_calls, 0);
    gee_dispatch_destroy(&world->dispatch);
    gee_engine_destroy(&world->engine);
    fixture_destroy(world->fixture);
}

static inline void await(world_t *world, const outcome_t *outcome, gee_code_t code, const char *text) {
    TURN_UNTIL(world, outcome->count > 0);
    if (outcome->count != 1 || outcome->code != code || (text != NULL && strcmp(outcome->text, text) != 0))
        fail_msg("%d times %d \"%s\" instead of %d \"%s\"", outcome->count, outcome->code, outcome->text, code,
                 text ? text : "");
}

#endif
