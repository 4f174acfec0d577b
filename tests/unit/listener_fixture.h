/* listener_fixture.h: servers on TCP sockets, all on the fixture's loop, whose connections go to the fixture's
 * engine. */
#ifndef TEST_LISTENER_FIXTURE_H
#define TEST_LISTENER_FIXTURE_H

#include "rpc_fixture.h"
#include "core/rpc/door.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

typedef struct listener {
    gee_watch_t watch;
    fixture_t *fixture;
    char address[GEE_ADDR_TEXT];
    gee_sockaddr_t bound;
    bool silent; /* connections are kept and nothing is said on them */
    int silent_ends[8];
    size_t accepted;
} listener_t;

static inline const gee_transport_t *tcp(void) {
    return gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, GEE_STR("tcp"));
}

static inline void on_connection(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    listener_t *listener = GEE_CONTAINER(watch, listener_t, watch);
    gee_sockaddr_t peer;
    gee_error_t error = { 0 };
    int descriptor = tcp()->accept(watch->descriptor, &peer);
    if (descriptor < 0)
        return;
    if (listener->silent) {
        assert_true(listener->accepted < GEE_LENGTH(listener->silent_ends));
        listener->silent_ends[listener->accepted++] = descriptor;
        return;
    }
    listener->accepted++;
    gee_stream_options_t options = { .high_water = 256 << 10 };
    gee_stream_t *stream = gee_stream_create(listener->fixture->loop, tcp(), descriptor, &peer, &options, &error);
    assert_non_null(stream);
    assert_int_equal(gee_door_open(listener->fixture->engine, &stream, &(gee_door_options_t){ 0 }, &error), 0);
}

static inline void listen_again(listener_t *listener) {
    gee_error_t error = { 0 };
    listener->watch.descriptor = tcp()->listen(&listener->bound, &(gee_listen_options_t){ 0 }, &error);
    assert_true(listener->watch.descriptor >= 0);
    listener->watch.ready = on_connection;
    assert_int_equal(gee_loop_watch(listener->fixture->loop, &listener->watch, EPOLLIN, &error), 0);
}

static inline void listen_on(listener_t *listener, fixture_t *fixture) {
    gee_addr_t addr;
    gee_error_t error = { 0 };
    size_t count;
    *listener = (listener_t){ .fixture = fixture };
    assert_int_equal(gee_addr_parse("tcp@127.0.0.1:0", &addr, &error), 0);
    assert_int_equal(tcp()->resolve(&addr, &listener->bound, 1, &count, &error), 0);
    listen_again(listener);
    socklen_t length = sizeof(listener->bound.storage);
    assert_int_equal(getsockname(listener->watch.descriptor, &listener->bound.any, &length), 0);
    gee_sockaddr_text(&listener->bound, listener->address);
}

static inline void stop_listening(listener_t *listener) {
    gee_loop_unwatch(listener->fixture->loop, &listener->watch);
    close(listener->watch.descriptor);
}

/* Every serving session of the engine ends, as when a process dies. */
static inline void kill_sessions(fixture_t *fixture) {
    GEE_LIST_EACH(&fixture->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (session->role == GEE_SERVING)
            gee_session_close(session, NULL);
    }
}

#endif
