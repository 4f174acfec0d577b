/* client_fixture.h: who a client under test talks to: a serving engine on a thread of its own, or a peer that is a
 * plain function over a connected socket. */
#ifndef TEST_CLIENT_FIXTURE_H
#define TEST_CLIENT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gee.h>
#include "client/geerpc.h"
#include "core/rpc/door.h"
#include "core/rpc/engine_private.h"

/* ---- the service ---- */

typedef struct {
    int64_t a, b;
} pair_t;
GEE_STRUCT(pair_t, "Pair", GEE_INT64(pair_t, a, "A", 1), GEE_INT64(pair_t, b, "B", 2));
typedef struct {
    gee_str_t text;
} text_t;
GEE_STRUCT(text_t, "Text", GEE_STRING(text_t, text, "Text", 1));
GEE_LIST_TYPE(pair_t);
GEE_MAP_TYPE(double);
GEE_OPTIONAL_TYPE(text_t);
typedef struct {
    bool yes;
    gee_bytes_t bytes;
    GEE_LIST_OF(pair_t) pairs;
    GEE_MAP_OF(double) numbers;
    GEE_OPTIONAL_OF(text_t) text;
} everything_t;
GEE_STRUCT(everything_t, "Everything", GEE_BOOL(everything_t, yes, "Yes", 1),
           GEE_BYTES(everything_t, bytes, "Bytes", 2),
           GEE_LIST(everything_t, pairs, "Pairs", 3, pair_t, gee_list_of_pair_t),
           GEE_MAP(everything_t, numbers, "Numbers", 4, double, gee_map_of_double),
           GEE_OPTIONAL(everything_t, text, "Text", 5, text_t, gee_optional_of_text_t));

#define KEPT_MAX 64
static gee_call_t *kept_calls[KEPT_MAX]; /* of the server's thread */
static size_t kept_count;
static atomic_uint kept_seen; /* how many there have been */

static inline void add(gee_call_t *call, const pair_t *pair, int64_t *sum) {
    *sum = pair->a + pair->b;
    gee_reply(call);
}
static inline void echo(gee_call_t *call, const everything_t *arguments, everything_t *reply) {
    *reply = *arguments;
    gee_reply(call);
}
static inline void fail_with(gee_call_t *call, const text_t *arguments, text_t *reply GEE_UNUSED) {
    gee_failf(call, GEE_INVALID_ARGUMENT, "%.*s", GEE_STR_ARGUMENTS(arguments->text));
}
static inline void keep(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, gee_empty_t *reply GEE_UNUSED) {
    assert_true(kept_count < KEPT_MAX);
    kept_calls[kept_count++] = call;
    atomic_fetch_add(&kept_seen, 1);
}
static inline void metadata(gee_call_t *call, const text_t *key, text_t *reply) {
    reply->text = gee_call_metadata(call, key->text);
    gee_reply(call);
}
static inline void time_left(gee_call_t *call, const gee_empty_t *nothing GEE_UNUSED, int64_t *left) {
    *left = gee_call_deadline(call) == INT64_MAX ? -1 : gee_call_deadline(call) - gee_clock_monotonic();
    gee_reply(call);
}
static inline void long_text(gee_call_t *call, const pair_t *length, text_t *reply) {
    char *text = gee_call_alloc(call, (size_t)length->a);
    memset(text, 'x', (size_t)length->a);
    reply->text = (gee_str_t){ .data = text, .length = (size_t)length->a };
    gee_reply(call);
}
/* Metadata at both ends, with a key twice and bytes; with a text, an error that has the text as its details, too. */
static inline void tell_more(gee_call_t *call, const text_t *arguments, text_t *reply) {
    gee_call_send_metadata(call, GEE_STR("color"), GEE_STR("red"));
    gee_call_send_metadata(call, GEE_STR("color"), GEE_STR("blue"));
    gee_call_end_metadata(call, GEE_STR("mark-bin"), GEE_STR("a\0\xff"));
    reply->text = arguments->text;
    if (arguments->text.length == 0)
        gee_reply(call);
    else
        gee_fail_with(call, GEE_ABORTED, "no",
                      (gee_bytes_t){ .data = (const uint8_t *)arguments->text.data, .length = arguments->text.length });
}
/* ---- its streaming methods ---- */

static atomic_int streams_open; /* calls of Stuck and Count that have begun and not ended */

static inline void stream_closed(void *data GEE_UNUSED) {
    atomic_fetch_sub(&streams_open, 1);
}
static inline void stream_opened(gee_call_t *call, void *data) {
    atomic_fetch_add(&streams_open, 1);
    gee_call_set_data(call, data, stream_closed);
}
static inline void count_on(gee_call_t *call, void *data) {
    pair_t *left = data;
    while (left->a <= left->b) {
        gee_sent_t sent = GEE_SEND(call, int64_t, &left->a);
        left->a++;
        if (sent == GEE_SENT_FULL)
            gee_call_on_room(call, count_on, left);
        if (sent != GEE_SENT)
            return;
    }
    gee_end(call);
}
static inline void count_up(gee_call_t *call, const pair_t *range) {
    pair_t *left = gee_call_alloc(call, sizeof(*left));
    *left = *range;
    stream_opened(call, left);
    count_on(call, left);
}
static inline void total(gee_call_t *call GEE_UNUSED, const int64_t *number, int64_t *sum) {
    *sum += *number;
}
static inline void total_known(gee_call_t *call, int64_t *sum GEE_UNUSED) {
    gee_reply(call);
}
static inline void say_back(gee_call_t *call, const everything_t *message) {
    (void)GEE_SEND(call, everything_t, message);
}
static atomic_int stuck_heard;
static inline void stuck(gee_call_t *call, const everything_t *message GEE_UNUSED) {
    atomic_fetch_add(&stuck_heard, 1);
    if (gee_call_data(call) == NULL)
        stream_opened(call, call);
    gee_call_pause(call);
}
static inline void break_off(gee_call_t *call, const pair_t *count) {
    gee_call_send_metadata(call, GEE_STR("color"), GEE_STR("red"));
    for (int64_t i = 1; i <= count->a; i++)
        (void)GEE_SEND(call, int64_t, &i);
    gee_call_end_metadata(call, GEE_STR("mark-bin"), GEE_STR("a\0\xff"));
    gee_fail_with(call, GEE_ABORTED, "broken off", (gee_bytes_t){ .data = (const uint8_t *)"why", .length = 3 });
}

static const gee_method_t test_methods[] = {
    GEE_METHOD("Add", add, pair_t, int64_t, GEE_IDEMPOTENT),
    GEE_METHOD("Echo", echo, everything_t, everything_t, 0),
    GEE_METHOD("Fail", fail_with, text_t, text_t, 0),
    GEE_METHOD("Keep", keep, gee_empty_t, gee_empty_t, 0),
    GEE_METHOD("Metadata", metadata, text_t, text_t, 0),
    GEE_METHOD("Left", time_left, gee_empty_t, int64_t, 0),
    GEE_METHOD("Long", long_text, pair_t, text_t, 0),
    GEE_METHOD("More", tell_more, text_t, text_t, 0),
    GEE_SERVER_STREAM("Count", count_up, pair_t, int64_t, 0),
    GEE_SERVER_STREAM("Break", break_off, pair_t, int64_t, 0),
    GEE_CLIENT_STREAM("Total", total, total_known, int64_t, int64_t, 0),
    GEE_BIDI_STREAM("Parrot", say_back, gee_end, everything_t, everything_t, 0),
    GEE_BIDI_STREAM("Stuck", stuck, gee_end, everything_t, everything_t, 0),
};
static const gee_service_t test_service = { .name = "Test",
                                            .methods = test_methods,
                                            .method_count = GEE_LENGTH(test_methods) };

/* ---- a filter that counts calls ---- */

static atomic_uint calls_seen;
static inline gee_verdict_t count_call(void *state GEE_UNUSED, gee_call_t *call GEE_UNUSED,
                                       gee_status_t *status GEE_UNUSED) {
    atomic_fetch_add(&calls_seen, 1);
    return GEE_FILTER_PASS;
}
static const gee_filter_t counting_filter = { .on_call = count_call };
static const gee_module_t counting_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_FILTER, .name = "filter_counting", .interface = &counting_filter
};

/* ---- the server ---- */

typedef struct server {
    gee_loop_t *loop;
    gee_engine_t *engine;
    gee_dispatch_t *dispatch;
    const gee_transport_t *transport;
    gee_watch_t watch;
    gee_task_t stop;
    pthread_t thread;
    char address[GEE_ADDR_TEXT];
} server_t;

static inline void accept_one(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    server_t *server = GEE_CONTAINER(watch, server_t, watch);
    gee_sockaddr_t peer;
    gee_error_t error;
    gee_door_options_t door = { 0 };
    gee_stream_options_t options = { .high_water = (size_t)server->engine->limits.output };
    int descriptor = server->transport->accept(watch->descriptor, &peer);
    if (descriptor < 0)
        return;
    gee_stream_t *stream = gee_stream_create(server->loop, server->transport, descriptor, &peer, &options, &error);
    assert_non_null(stream);
    assert_int_equal(gee_door_open(server->engine, &stream, &door, &error), 0);
}

static inline void stop_serving(gee_task_t *task) {
    server_t *server = GEE_CONTAINER(task, server_t, stop);
    while (kept_count > 0)
        gee_fail(kept_calls[--kept_count], GEE_CANCELLED, "the server stops");
    gee_loop_unwatch(server->loop, &server->watch);
    close(server->watch.descriptor);
    gee_loop_stop(server->loop);
}

static inline void *serve(void *data) {
    server_t *server = data;
    assert_int_equal(gee_loop_run(server->loop), 0);
    return NULL;
}

static inline void listen_at(server_t *server, const char *address) {
    gee_addr_t addr;
    gee_sockaddr_t candidate;
    size_t count;
    gee_error_t error = { 0 };
    gee_listen_options_t options = { 0 };
    assert_int_equal(gee_addr_parse(address, &addr, &error), 0);
    server->transport = gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, gee_str(addr.scheme));
    assert_non_null(server->transport);
    assert_int_equal(server->transport->resolve(&addr, &candidate, 1, &count, &error), 0);
    server->watch.descriptor = server->transport->listen(&candidate, &options, &error);
    if (server->watch.descriptor < 0)
        fail_msg("%s", error.text);
    socklen_t length = sizeof(candidate);
    assert_int_equal(getsockname(server->watch.descriptor, &candidate.any, &length), 0);
    gee_sockaddr_text(&candidate, server->address);
}

/* With `describe` false there is no service Gee. */
static inline server_t *server_start(const char *address, bool describe) {
    gee_error_t error = { 0 };
    server_t *server = calloc(1, sizeof(*server));
    assert_non_null(server);
    server->loop = gee_loop_create(NULL, &error);
    assert_non_null(server->loop);
    gee_engine_options_t options = {
        .loop = server->loop,
        .modules = gee_modules,
        .limits = { .message = 16 << 20,
                    .call_memory = 64 << 20,
                    .nesting = 100,
                    .calls = 1000,
                    .streams = 1000,
                    .output = 256 << 10 },
    };
    server->engine = gee_engine_create(&options, &error);
    assert_non_null(server->engine);
    gee_service_entry_t service = { .service = &test_service };
    gee_filter_entry_t filter = { .module = &counting_module };
    server->dispatch = gee_dispatch_create(server->engine, &service, 1, &filter, 1, describe, &error);
    assert_non_null(server->dispatch);
    kept_count = 0;
    atomic_store(&kept_seen, 0);
    atomic_store(&calls_seen, 0);
    listen_at(server, address);
    server->watch.ready = accept_one;
    server->stop.run = stop_serving;
    assert_int_equal(gee_loop_watch(server->loop, &server->watch, EPOLLIN, &error), 0);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
    return server;
}

static inline void server_stop(server_t **slot) {
    server_t *server = *slot;
    *slot = NULL;
    gee_loop_post(server->loop, &server->stop);
    pthread_join(server->thread, NULL);
    assert_int_equal(gee_loop_once(server->loop, 0), 0); /* finished calls go back */
    assert_int_equal(server->engine->live_calls, 0);
    gee_dispatch_destroy(&server->dispatch);
    gee_engine_destroy(&server->engine);
    gee_loop_destroy(&server->loop);
    free(server);
}

/* ---- a peer that is a function ---- */

typedef struct peer {
    int listener;
    void (*behave)(int descriptor);
    pthread_t thread;
    char address[64];
} peer_t;

static inline void *run_peer(void *data) {
    peer_t *peer = data;
    int descriptor = accept(peer->listener, NULL, NULL);
    if (descriptor >= 0) {
        peer->behave(descriptor);
        close(descriptor);
    }
    return NULL;
}

/* Serves one connection with `behave`; null: nobody accepts. */
static inline peer_t *peer_start(void (*behave)(int descriptor)) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    peer_t *peer = calloc(1, sizeof(*peer));
    assert_non_null(peer);
    peer->behave = behave;
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(peer->listener, behave ? 8 : 0), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(peer->address, sizeof(peer->address), "tcp@127.0.0.1:%u", ntohs(address.sin_port));
    if (behave != NULL)
        assert_int_equal(pthread_create(&peer->thread, NULL, run_peer, peer), 0);
    return peer;
}

/* The client is closed already, so a behaviour that reads to the end comes to its end. */
static inline void peer_stop(peer_t **slot) {
    peer_t *peer = *slot;
    *slot = NULL;
    if (peer->behave != NULL)
        pthread_join(peer->thread, NULL);
    close(peer->listener);
    free(peer);
}

static inline void read_to_the_end(int descriptor) {
    char bytes[4096];
    while (read(descriptor, bytes, sizeof(bytes)) > 0)
        continue;
}

/* Reads until the request's body is there (the tests call with {"A":1,"B":2}). */
static inline void read_request(int descriptor) {
    char bytes[8192];
    size_t length = 0;
    ssize_t n;
    while (length < sizeof(bytes) - 1 && (n = read(descriptor, bytes + length, sizeof(bytes) - 1 - length)) > 0) {
        length += (size_t)n;
        bytes[length] = '\0';
        if (strstr(bytes, "\"B\":2}") != NULL)
            return;
    }
}

static inline void say(int descriptor, const char *text) {
    size_t length = strlen(text);
    (void)!send(descriptor, text, length, MSG_NOSIGNAL);
}

/* ---- what tests ask ---- */

static inline size_t open_descriptors(void) {
    size_t count = 0;
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static size_t descriptors_before;
static inline int before_each(void **state GEE_UNUSED) {
    descriptors_before = open_descriptors();
    return 0;
}
/* Every client, server and peer of the test is gone, and none of their descriptors is left; a resolver that was given
 * up may hold one until its thread is through. */
static inline int after_each(void **state GEE_UNUSED) {
    int64_t give_up = gee_clock_monotonic() + 10 * GEE_SECOND;
    while (open_descriptors() != descriptors_before && gee_clock_monotonic() < give_up)
        usleep(1000);
    return open_descriptors() == descriptors_before ? 0 : -1;
}

static inline gee_client_t *dial(const char *address, const char *codec) {
    gee_error_t error;
    gee_dial_options_t options = { .size = sizeof(options), .codec = codec };
    gee_client_t *client = gee_dial(address, &options, &error);
    if (client == NULL)
        fail_msg("%s", error.text);
    return client;
}

static inline void expect_reply(gee_client_t *client, const char *method, const char *arguments, const char *expected) {
    gee_error_t error;
    char *reply;
    if (gee_client_call(client, method, arguments, &reply, NULL, &error) != 0)
        fail_msg("%s: %s", method, error.text);
    assert_string_equal(reply, expected);
    gee_free(reply);
}

static inline gee_error_t expect_error(gee_client_t *client, const char *method, const char *arguments,
                                       int64_t timeout_ns) {
    gee_error_t error = { 0 };
    gee_call_options_t options = { .size = sizeof(options), .timeout_ns = timeout_ns };
    char *reply = (char *)1;
    assert_int_equal(gee_client_call(client, method, arguments, &reply, &options, &error), -1);
    assert_null(reply);
    return error;
}

/* "ADDRESS: PHASE: REASON (0.2 ms)" */
static inline void expect_text(const gee_error_t *error, const char *address, const char *phase, const char *reason) {
    char start[800];
    snprintf(start, sizeof(start), "%s: %s: %s (", address, phase, reason);
    if (strncmp(error->text, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not begin \"%s\"", error->text, start);
    assert_non_null(strstr(error->text + strlen(start), " ms)"));
    assert_string_equal(gee_phase_name(error->phase), phase);
    assert_true(error->elapsed_ns > 0);
    assert_false(error->from_peer);
}

#endif
