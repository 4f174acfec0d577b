/* dial_test.c: dialling: candidates in turn, one deadline, phases and texts, cancelling while a thread resolves.
 *
 * The transport is a fake: it resolves to what a test lists, and connects as each candidate's port says. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "core/event/dial.h"
#include "event_support.h"

/* ---- the fake ---- */

enum { REFUSES_LATER = 1, REFUSES_AT_ONCE, NEVER_ANSWERS, ACCEPTS };

static struct {
    int ports[8];
    size_t count;
    bool blocks;        /* names resolve on a thread; it waits at the gate */
    bool unknown;       /* resolve fails */
    int connects;       /* attempts so far */
    int far_end;        /* of the pair of the last attempt */
    int clog[8], clogs; /* far ends of attempts that never get an answer */
    sem_t begun, gate;
    atomic_int resolved;
} fake_net;

static void wait_for(sem_t *semaphore) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    if (sem_timedwait(semaphore, &until) != 0)
        abort(); /* on a thread of the pool cmocka's assertions do not work */
}

static int fake_check(const gee_addr_t *addr, gee_error_t *error) {
    return strcmp(addr->place, "wrong") ? 0 : gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: wrong", addr->text);
}
static bool fake_numeric(const gee_addr_t *addr) {
    return strcmp(addr->place, "name") != 0;
}
static int fake_resolve(const gee_addr_t *addr, gee_sockaddr_t *candidates, size_t capacity, size_t *count,
                        gee_error_t *error) {
    if (fake_net.blocks) {
        sem_post(&fake_net.begun);
        wait_for(&fake_net.gate);
    }
    atomic_fetch_add(&fake_net.resolved, 1);
    if (fake_net.unknown)
        return gee_error_set(error, GEE_UNAVAILABLE, "%s: resolve: nobody has heard of it", addr->text);
    *count = fake_net.count < capacity ? fake_net.count : capacity;
    for (size_t i = 0; i < *count; i++) {
        memset(&candidates[i], 0, sizeof(candidates[i]));
        candidates[i].v4 =
            (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)fake_net.ports[i]) };
        candidates[i].v4.sin_addr.s_addr = htonl(0x0a000001u + (uint32_t)i);
    }
    return 0;
}
static int fake_connect(const gee_sockaddr_t *address, gee_error_t *error) {
    static const char zeros[4096];
    int pair[2];
    fake_net.connects++;
    if (ntohs(address->v4.sin_port) == REFUSES_AT_ONCE)
        return gee_error_set(error, GEE_UNAVAILABLE, "No route to host");
    new_pair(pair);
    if (ntohs(address->v4.sin_port) == ACCEPTS) {
        fake_net.far_end = pair[1];
    } else if (ntohs(address->v4.sin_port) == NEVER_ANSWERS) { /* full: not writable */
        while (send(pair[0], zeros, sizeof(zeros), MSG_NOSIGNAL) > 0)
            continue;
        fake_net.clog[fake_net.clogs++] = pair[1];
    } else {
        close(pair[1]);
    }
    return pair[0];
}
static int fake_connected(int descriptor, gee_error_t *error) {
    char byte;
    if (recv(descriptor, &byte, 1, MSG_PEEK) == 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "Connection refused");
    return 0;
}
static const gee_transport_t fake = { .scheme = "fake",
                                      .check = fake_check,
                                      .resolve = fake_resolve,
                                      .numeric = fake_numeric,
                                      .connect = fake_connect,
                                      .connected = fake_connected,
                                      .receive = gee_socket_receive,
                                      .send = gee_socket_send };

static void set_up(size_t count, const int *ports) {
    memset(&fake_net, 0, sizeof(fake_net));
    fake_net.far_end = -1;
    fake_net.count = count;
    for (size_t i = 0; i < count; i++)
        fake_net.ports[i] = ports[i];
    sem_init(&fake_net.begun, 0, 0);
    sem_init(&fake_net.gate, 0, 0);
}
#define SET_UP(...) set_up(sizeof((int[]){ __VA_ARGS__ }) / sizeof(int), (int[]){ __VA_ARGS__ })

static void tear_down(void) {
    if (fake_net.far_end >= 0)
        close(fake_net.far_end);
    while (fake_net.clogs > 0)
        close(fake_net.clog[--fake_net.clogs]);
    sem_destroy(&fake_net.begun);
    sem_destroy(&fake_net.gate);
}

typedef struct result {
    int calls;
    gee_stream_t *stream;
    gee_error_t error;
} result_t;

static void dialled(void *data, gee_stream_t *stream, const gee_error_t *error) {
    result_t *result = data;
    result->calls++;
    result->stream = stream;
    assert_true((stream == NULL) == (error != NULL));
    if (error)
        result->error = *error;
}

static gee_dial_t *start(gee_loop_t *loop, gee_thread_pool_t *threads, const char *place, int64_t timeout,
                         result_t *result) {
    gee_addr_t addr;
    gee_error_t error;
    char text[64];
    snprintf(text, sizeof(text), "fake@%s", place);
    assert_int_equal(gee_addr_parse(text, &addr, &error), 0);
    memset(result, 0, sizeof(*result));
    gee_dial_t *dial = gee_dial_start(loop, threads, &fake, &addr, NULL, timeout, dialled, result, &error);
    assert_non_null(dial);
    assert_int_equal(result->calls, 0);
    return dial;
}

static void end(gee_loop_t *loop, result_t *result) {
    assert_int_equal(result->calls, 1);
    gee_stream_destroy(&result->stream);
    assert_true(gee_loop_next_timer(loop) == -1);
    gee_loop_destroy(&loop);
    tear_down();
}

/* ---- connecting ---- */

static void test_connects(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    result_t result;
    SET_UP(ACCEPTS);
    start(loop, NULL, "1", PATIENCE, &result);
    RUN_UNTIL(loop, result.calls);
    assert_non_null(result.stream);
    assert_string_equal(gee_stream_peer_text(result.stream), "tcp@10.0.0.1:4");
    assert_int_equal(gee_chain_append(gee_stream_out(result.stream), "hi", 2), 0);
    gee_stream_flush(result.stream);
    run_passes(loop, 1);
    char bytes[4];
    assert_int_equal(read(fake_net.far_end, bytes, sizeof(bytes)), 2);
    end(loop, &result);
}

static void test_candidates_in_turn(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    result_t result;
    SET_UP(REFUSES_LATER, REFUSES_AT_ONCE, REFUSES_LATER, ACCEPTS, ACCEPTS);
    start(loop, NULL, "1", 0, &result);
    RUN_UNTIL(loop, result.calls);
    assert_non_null(result.stream);
    assert_int_equal(fake_net.connects, 4);
    end(loop, &result);
}

static void test_all_refuse(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    result_t result;
    SET_UP(REFUSES_AT_ONCE, REFUSES_LATER);
    start(loop, NULL, "1", PATIENCE, &result);
    RUN_UNTIL(loop, result.calls);
    assert_null(result.stream);
    assert_int_equal(result.error.code, GEE_UNAVAILABLE);
    assert_int_equal(result.error.phase, GEE_PHASE_CONNECT);
    assert_true(result.error.elapsed_ns > 0);
    assert_string_equal(result.error.text, "fake@1: connect: Connection refused");
    end(loop, &result);
}

static void test_the_deadline(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    result_t result;
    SET_UP(NEVER_ANSWERS, NEVER_ANSWERS);
    int64_t before = gee_clock_monotonic();
    start(loop, NULL, "1", 40 * GEE_MILLISECOND, &result);
    RUN_UNTIL(loop, result.calls);
    assert_true(gee_clock_monotonic() - before >= 40 * GEE_MILLISECOND);
    assert_true(result.error.elapsed_ns >= 40 * GEE_MILLISECOND);
    assert_int_equal(result.error.code, GEE_UNAVAILABLE);
    assert_int_equal(result.error.phase, GEE_PHASE_CONNECT);
    assert_string_equal(result.error.text, "fake@1: connect: no answer within 40ms");
    end(loop, &result);
}

/* A dead first candidate must not use up all the time. */
static void test_a_dead_candidate_leaves_time_for_the_next(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    result_t result;
    SET_UP(NEVER_ANSWERS, ACCEPTS);
    start(loop, NULL, "1", 2100 * GEE_MILLISECOND, &result);
    RUN_UNTIL(loop, result.calls);
    assert_non_null(result.stream);
    end(loop, &result);
}

static void test_cancel(void **state) {
    (void)state;
    for (int passes = 0; passes < 3; passes++) {
        gee_loop_t *loop = new_loop();
        result_t result;
        SET_UP(NEVER_ANSWERS);
        gee_dial_t *dial = start(loop, NULL, "1", PATIENCE, &result);
        run_passes(loop, passes);
        gee_dial_cancel(&dial);
        assert_null(dial);
        gee_dial_cancel(&dial);
        run_passes(loop, 2);
        assert_int_equal(result.calls, 0);
        result.calls = 1;
        end(loop, &result);
    }
}

/* ---- resolving ---- */

static gee_thread_pool_t *new_threads(unsigned threads, size_t queue) {
    gee_thread_pool_t *pool = gee_thread_pool_create(threads, queue, NULL);
    assert_non_null(pool);
    return pool;
}

static void test_a_name_is_resolved_on_a_thread(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    gee_thread_pool_t *threads = new_threads(1, 1);
    result_t result;
    SET_UP(REFUSES_LATER);
    fake_net.blocks = true;
    start(loop, threads, "name", 0, &result);
    run_passes(loop, 3); /* the loop is not held up */
    assert_int_equal(result.calls, 0);
    sem_post(&fake_net.gate);
    RUN_UNTIL(loop, result.calls);
    assert_string_equal(result.error.text, "fake@name (10.0.0.1:1): connect: Connection refused");
    gee_thread_pool_destroy(&threads);
    end(loop, &result);
}

static void test_a_name_that_is_unknown(void **state) {
    (void)state;
    for (int numeric = 0; numeric < 2; numeric++) {
        gee_loop_t *loop = new_loop();
        gee_thread_pool_t *threads = new_threads(1, 1);
        result_t result;
        SET_UP(ACCEPTS);
        fake_net.unknown = true;
        start(loop, threads, numeric ? "1" : "name", PATIENCE, &result);
        RUN_UNTIL(loop, result.calls);
        assert_int_equal(result.error.phase, GEE_PHASE_RESOLVE);
        assert_non_null(strstr(result.error.text, ": resolve: nobody has heard of it"));
        gee_thread_pool_destroy(&threads);
        end(loop, &result);
    }
}

static void test_the_deadline_covers_resolving(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    gee_thread_pool_t *threads = new_threads(1, 1);
    result_t result;
    SET_UP(ACCEPTS);
    fake_net.blocks = true;
    start(loop, threads, "name", 20 * GEE_MILLISECOND, &result);
    RUN_UNTIL(loop, result.calls);
    assert_int_equal(result.error.code, GEE_UNAVAILABLE);
    assert_int_equal(result.error.phase, GEE_PHASE_RESOLVE);
    assert_string_equal(result.error.text, "fake@name: resolve: no answer within 20ms");
    sem_post(&fake_net.gate);
    gee_thread_pool_destroy(&threads);
    run_passes(loop, 2); /* a late answer is of no interest */
    assert_int_equal(fake_net.connects, 0);
    end(loop, &result);
}

/* Cancelled while the job waits, while it runs, and when its answer is posted but not handled; the loop may go
 * first. */
static void test_cancel_while_resolving(void **state) {
    (void)state;
    enum { WAITING, RUNNING, POSTED, STAGES };
    for (int stage = 0; stage < STAGES; stage++)
        for (int loop_first = 0; loop_first < 2; loop_first++) {
            gee_loop_t *loop = new_loop();
            gee_thread_pool_t *threads = new_threads(1, 2);
            result_t result, other;
            SET_UP(ACCEPTS);
            fake_net.blocks = true;
            gee_dial_t *first = start(loop, threads, "name", PATIENCE, &result);
            wait_for(&fake_net.begun);
            gee_dial_t *second = start(loop, threads, "name", PATIENCE, &other);
            if (stage == WAITING)
                gee_dial_cancel(&second);
            if (stage == POSTED) {
                sem_post(&fake_net.gate);
                sem_post(&fake_net.gate);
                for (int i = 0; i < 20000 && gee_thread_pool_running(threads) + gee_thread_pool_waiting(threads) > 0;
                     i++)
                    usleep(1000);
            }
            gee_dial_cancel(&first);
            gee_dial_cancel(&second);
            if (loop_first)
                gee_loop_destroy(&loop);
            sem_post(&fake_net.gate);
            sem_post(&fake_net.gate);
            gee_thread_pool_destroy(&threads);
            if (!loop_first) {
                run_passes(loop, 2);
                assert_false(gee_loop_lingering(loop));
                gee_loop_destroy(&loop);
            }
            assert_int_equal(result.calls + other.calls, 0);
            assert_int_equal(fake_net.connects, 0);
            tear_down();
        }
}

static void test_what_cannot_begin(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    gee_thread_pool_t *threads = new_threads(1, 0);
    gee_addr_t name, wrong;
    gee_error_t error = { 0 };
    result_t result, other;
    SET_UP(ACCEPTS);
    fake_net.blocks = true;
    assert_int_equal(gee_addr_parse("fake@name", &name, NULL), 0);
    assert_int_equal(gee_addr_parse("fake@wrong", &wrong, NULL), 0);
    assert_null(gee_dial_start(loop, NULL, &fake, &wrong, NULL, 0, dialled, &other, &error));
    assert_string_equal(error.text, "fake@wrong: wrong");
    assert_null(gee_dial_start(loop, NULL, &fake, &name, NULL, PATIENCE, dialled, &other, &error));
    assert_int_equal(error.phase, GEE_PHASE_RESOLVE);
    assert_non_null(strstr(error.text, "fake@name: resolve: "));
    gee_dial_t *dial = start(loop, threads, "name", 0, &result);
    assert_null(gee_dial_start(loop, threads, &fake, &name, NULL, PATIENCE, dialled, &other, &error));
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    gee_dial_cancel(&dial);
    sem_post(&fake_net.gate);
    gee_thread_pool_destroy(&threads);
    assert_true(gee_loop_next_timer(loop) == -1);
    gee_loop_destroy(&loop);
    tear_down();
}

/* ---- a layer of the transport ---- */

static const void *layer_setup;

static int layer_start(void *layer, gee_role_t role, const void *setup, gee_chain_t *down, gee_error_t *error) {
    (void)layer;
    assert_int_equal(role, GEE_CALLING);
    assert_string_equal(((const gee_addr_t *)setup)->text, layer_setup);
    if (fake_net.unknown)
        return gee_error_set(error, GEE_INTERNAL, "the layer does not want to");
    return gee_chain_append(down, "CONNECT", 7);
}
static int layer_receive(void *layer, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down, gee_error_t *error) {
    (void)layer, (void)from_wire, (void)up, (void)down, (void)error;
    return 0;
}
static int layer_send(void *layer, gee_chain_t *from_above, gee_chain_t *down, gee_error_t *error) {
    (void)layer, (void)error;
    gee_chain_move(down, from_above);
    return 0;
}
static bool layer_established(const void *layer) {
    (void)layer;
    return true; /* it shakes no hands: dialled() comes when the connection stands */
}
static const gee_layer_t layer = { .name = "layer",
                                   .start = layer_start,
                                   .receive = layer_receive,
                                   .send = layer_send,
                                   .established = layer_established };

static void test_the_layer_of_the_transport_is_pushed(void **state) {
    (void)state;
    gee_transport_t layered = fake;
    layered.dial_layer = &layer;
    layer_setup = "fake@x";
    for (int refuses = 0; refuses < 2; refuses++) {
        gee_loop_t *loop = new_loop();
        gee_addr_t addr;
        result_t result = { 0 };
        SET_UP(ACCEPTS);
        fake_net.ports[0] = ACCEPTS;
        assert_int_equal(gee_addr_parse("fake@x", &addr, NULL), 0);
        assert_non_null(gee_dial_start(loop, NULL, &layered, &addr, NULL, 0, dialled, &result, NULL));
        run_passes(loop, 1);
        fake_net.unknown = refuses;
        RUN_UNTIL(loop, result.calls);
        if (refuses) {
            assert_string_equal(result.error.text, "fake@x: handshake: the layer does not want to");
        } else {
            char bytes[8];
            assert_non_null(result.stream);
            assert_true(gee_stream_established(result.stream));
            RUN_UNTIL(loop, gee_stream_queued(result.stream) == 0);
            assert_int_equal(read(fake_net.far_end, bytes, sizeof(bytes)), 7);
        }
        end(loop, &result);
    }
}

static int above_start(void *state, gee_role_t role, const void *setup, gee_chain_t *down, gee_error_t *error) {
    (void)state;
    assert_int_equal(role, GEE_CALLING);
    if (fake_net.unknown)
        return gee_error_set(error, GEE_INTERNAL, "the layer above does not want to");
    return gee_chain_append(down, setup, 4);
}
static const gee_layer_t above = { .name = "above",
                                   .start = above_start,
                                   .receive = layer_receive,
                                   .send = layer_send,
                                   .established = layer_established };

static void test_a_further_layer_is_pushed_above(void **state) {
    (void)state;
    gee_transport_t layered = fake;
    layered.dial_layer = &layer;
    layer_setup = "fake@x";
    gee_loop_t *loop = new_loop();
    gee_addr_t addr;
    result_t result = { 0 };
    SET_UP(ACCEPTS);
    fake_net.ports[0] = ACCEPTS;
    assert_int_equal(gee_addr_parse("fake@x", &addr, NULL), 0);
    gee_dial_t *dial = gee_dial_start(loop, NULL, &layered, &addr, NULL, 0, dialled, &result, NULL);
    assert_non_null(dial);
    gee_dial_add_layer(dial, &above, "seal");
    RUN_UNTIL(loop, result.calls);
    char bytes[16];
    assert_non_null(result.stream);
    RUN_UNTIL(loop, gee_stream_queued(result.stream) == 0);
    assert_int_equal(read(fake_net.far_end, bytes, sizeof(bytes)), 11);
    assert_memory_equal(bytes, "CONNECTseal", 11); /* the lower one has spoken first */
    end(loop, &result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_further_layer_is_pushed_above),
        cmocka_unit_test(test_connects),
        cmocka_unit_test(test_candidates_in_turn),
        cmocka_unit_test(test_all_refuse),
        cmocka_unit_test(test_the_deadline),
        cmocka_unit_test(test_a_dead_candidate_leaves_time_for_the_next),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_a_name_is_resolved_on_a_thread),
        cmocka_unit_test(test_a_name_that_is_unknown),
        cmocka_unit_test(test_the_deadline_covers_resolving),
        cmocka_unit_test(test_cancel_while_resolving),
        cmocka_unit_test(test_what_cannot_begin),
        cmocka_unit_test(test_the_layer_of_the_transport_is_pushed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
