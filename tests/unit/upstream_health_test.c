/* upstream_health_test.c: servers that say nothing, stand still, cannot be reached, or are down all at once: where
 * calls go, how soon a server that is back is found, and what others are told of it. */
#include "upstream_fixture.h"

#include <netinet/tcp.h>
#include "core/rpc/session_private.h"

#define TRY_TIMEOUT (30 * GEE_MILLISECOND)

static void go_idempotent(world_t *world, answer_t *answer, const char *method, int64_t timeout_ns) {
    begin(world, answer, method, timeout_ns);
    answer->call.idempotent = true;
    gee_upstream_call(world->upstream, &answer->call);
}

/* The ends that its listener has kept in silence. */
static void close_silent_ends(listener_t *listener) {
    for (size_t i = 0; i < listener->accepted; i++)
        close(listener->silent_ends[i]);
    listener->accepted = 0;
}

/* ---- try_timeout ---- */

static void a_call_that_may_be_repeated_leaves_a_silent_server(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_upstream_options_t options = options_of("json");
    options.limits.try_timeout = TRY_TIMEOUT;
    world_create(&world, 2, &options);
    world.listeners[0].silent = true;
    go_idempotent(&world, &answer, "Test.Multiply", 5 * GEE_SECOND);
    expect(&world, &answer, GEE_OK);
    assert_int_equal(answer.tries, 2);
    assert_int_equal(report_of(&world, 0).failures, 1);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_UP); /* silent for too short a time */
    assert_int_equal(report_of(&world, 0).in_flight, 1);          /* json cannot cancel: it may be at work on it */
    assert_non_null(strstr(world.fixture->log_text, "Test.Multiply: no reply within 30ms (try_timeout)"));
    close_silent_ends(&world.listeners[0]);
    TURN_UNTIL(&world, report_of(&world, 0).in_flight == 0);
    world_destroy(&world);
}

/* A call that may not be repeated, and a call for which there is no other server, waits on. */
static void a_try_is_given_up_only_for_another_one(void **state GEE_UNUSED) {
    world_t world;
    answer_t once, nowhere;
    gee_upstream_options_t options = options_of("bin");
    options.limits.try_timeout = TRY_TIMEOUT;
    world_create(&world, 1, &options);
    go(&world, &once, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    gee_call_t *first = kept_call;
    go_idempotent(&world, &nowhere, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != first);
    int64_t until = gee_loop_now(world.fixture->loop) + 3 * TRY_TIMEOUT;
    TURN_UNTIL(&world, gee_loop_now(world.fixture->loop) > until);
    assert_int_equal(once.ended + nowhere.ended, 0);
    gee_reply(first);
    finish_kept();
    expect(&world, &once, GEE_OK);
    expect(&world, &nowhere, GEE_OK);
    assert_int_equal(nowhere.tries, 1);
    world_destroy(&world);
}

static void the_deadline_holds_for_all_tries_together(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_upstream_options_t options = options_of("bin");
    options.limits.try_timeout = TRY_TIMEOUT;
    world_create(&world, 2, &options);
    world.listeners[0].silent = world.listeners[1].silent = true;
    int64_t began = gee_clock_monotonic();
    go_idempotent(&world, &answer, "Test.Multiply", 3 * TRY_TIMEOUT);
    expect(&world, &answer, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(answer.tries, 2);
    assert_true(gee_clock_monotonic() - began >= 3 * TRY_TIMEOUT);
    assert_non_null(strstr(answer.error.text, "wait: no reply within 90ms"));
    world_destroy(&world);
}

/* ---- down ends what is in flight ---- */

static void calls_on_a_server_that_goes_down_end_or_go_elsewhere(void **state GEE_UNUSED) {
    world_t world;
    answer_t plain, idempotent, impatient;
    gee_upstream_options_t options = options_of("json");
    world_create(&world, 2, &options);
    world.listeners[0].silent = true;
    go(&world, &plain, "Test.Multiply", 0);
    go_idempotent(&world, &idempotent, "Test.Multiply", 0);
    go(&world, &impatient, "Test.Multiply", GEE_SECOND + GEE_MILLISECOND);
    expect(&world, &impatient, GEE_DEADLINE_EXCEEDED);
    expect(&world, &plain, GEE_UNAVAILABLE);
    assert_int_equal(plain.error.phase, GEE_PHASE_WAIT);
    assert_non_null(strstr(plain.error.text, "wait: the server says nothing any more, and is down"));
    expect(&world, &idempotent, GEE_OK);
    assert_int_equal(idempotent.tries, 2);
    world_destroy(&world);
}

/* ---- while one is up, no call waits for a connection ---- */

/* An address at which connecting never ends: what may wait to be accepted is full. */
typedef struct hole {
    int fillers[8];
} hole_t;

static void fill(hole_t *hole, listener_t *listener) {
    stop_listening(listener); /* the next one is never accepted from */
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    assert_int_equal(bind(descriptor, &listener->bound.any, sizeof(listener->bound.v4)), 0);
    assert_int_equal(listen(descriptor, 0), 0);
    hole->fillers[0] = descriptor;
    for (size_t i = 1; i < GEE_LENGTH(hole->fillers); i++) {
        hole->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(hole->fillers[i], &listener->bound.any, sizeof(listener->bound.v4));
    }
}

static void open_up(hole_t *hole, listener_t *listener) {
    for (size_t i = 0; i < GEE_LENGTH(hole->fillers); i++)
        close(hole->fillers[i]);
    listen_again(listener);
}

static void no_call_waits_for_a_server_that_cannot_be_reached(void **state GEE_UNUSED) {
    world_t world;
    answer_t answers[20];
    hole_t hole;
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 2, &options);
    fill(&hole, &world.listeners[0]);
    answer_t first;
    begin(&world, &first, "Test.Multiply", 0);
    gee_upstream_call_backend(world.upstream, gee_upstream_backend(world.upstream, 1), &first.call);
    expect(&world, &first, GEE_OK);
    for (size_t i = 0; i < GEE_LENGTH(answers); i++) {
        go(&world, &answers[i], "Test.Multiply", 2 * GEE_SECOND); /* less than connect_timeout */
        if (i == 0)
            TURN_UNTIL(&world, report_of(&world, 0).state == GEE_BACKEND_CONNECTING);
        expect(&world, &answers[i], GEE_OK);
        assert_int_equal(answers[i].tries, 1);
    }
    open_up(&hole, &world.listeners[0]);
    world_destroy(&world);
}

static void a_connect_that_takes_too_long_is_code_14(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    hole_t hole;
    gee_upstream_options_t options = options_of("bin");
    options.limits.connect_timeout = 50 * GEE_MILLISECOND;
    world_create(&world, 1, &options);
    fill(&hole, &world.listeners[0]);
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_UNAVAILABLE);
    assert_int_equal(answer.error.phase, GEE_PHASE_CONNECT);
    assert_non_null(strstr(answer.error.text, ": connect: no answer within 50ms"));
    open_up(&hole, &world.listeners[0]);
    world_destroy(&world);
}

/* The system asks again after 1, 3, 7 seconds: that is too seldom. */
static void a_host_that_comes_back_is_found_within_a_second(void **state GEE_UNUSED) {
    world_t world;
    answer_t refused, answer;
    hole_t hole;
    gee_upstream_options_t options = options_of("bin");
    options.limits.connect_timeout = 60 * GEE_SECOND;
    options.limits.fail_timeout = 60 * GEE_SECOND;
    world_create(&world, 1, &options);
    stop_listening(&world.listeners[0]);
    go(&world, &refused, "Test.Multiply", 0);
    expect(&world, &refused, GEE_UNAVAILABLE);
    listen_again(&world.listeners[0]);
    fill(&hole, &world.listeners[0]);
    go(&world, &answer, "Test.Multiply", 0);
    int64_t until = gee_loop_now(world.fixture->loop) + 1100 * GEE_MILLISECOND; /* the first repetition is over */
    TURN_UNTIL(&world, gee_loop_now(world.fixture->loop) > until);
    assert_int_equal(answer.ended, 0);
    open_up(&hole, &world.listeners[0]);
    until = gee_clock_monotonic() + GEE_SECOND;
    expect(&world, &answer, GEE_OK);
    assert_true(gee_clock_monotonic() < until);
    world_destroy(&world);
}

/* ---- check = "call" ---- */

/* The fake accepts connections, as the system does for a stopped process, and that is no sign of life. */
static void a_check_that_calls_finds_a_server_that_stands_still(void **state GEE_UNUSED) {
    world_t world;
    gee_upstream_options_t options = options_of("json"); /* no ping */
    options.limits.check = GEE_CHECK_CALL;
    options.limits.check_method = "Test.Multiply";
    options.limits.check_interval = 10 * GEE_MILLISECOND;
    options.limits.connect_timeout = 50 * GEE_MILLISECOND;
    options.limits.fail_timeout = 20 * GEE_MILLISECOND;
    world_create(&world, 1, &options);
    world.listeners[0].silent = true;
    TURN_UNTIL(&world, report_of(&world, 0).state == GEE_BACKEND_DOWN);
    assert_non_null(strstr(world.fixture->log_text, "Test.Multiply: no reply within 50ms (check)"));
    world.listeners[0].silent = false;
    TURN_UNTIL(&world, report_of(&world, 0).state != GEE_BACKEND_DOWN);
    assert_non_null(strstr(world.fixture->log_text, "is up again"));
    close_silent_ends(&world.listeners[0]);
    world_destroy(&world);
}

/* A refusal is a sign of life. */
static void a_check_may_be_answered_with_an_error(void **state GEE_UNUSED) {
    world_t world;
    gee_upstream_options_t options = options_of("bin");
    options.limits.check = GEE_CHECK_CALL;
    options.limits.check_method = "Nobody.Home";
    options.limits.check_interval = 5 * GEE_MILLISECOND;
    world_create(&world, 1, &options);
    TURN_UNTIL(&world, world.listeners[0].accepted >= 3);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_IDLE); /* its connections are not kept */
    world_destroy(&world);
}

/* ---- what others know ---- */

typedef struct known {
    bool down;
    size_t told_down, told_up;
} known_t;

static bool is_known_down(void *owner, const char *address GEE_UNUSED) {
    return ((known_t *)owner)->down;
}

static void tell(void *owner, const char *address GEE_UNUSED, const gee_error_t *reason) {
    known_t *known = owner;
    known->told_down += reason != NULL;
    known->told_up += reason == NULL;
}

static void a_server_that_is_known_to_be_down_begins_so(void **state GEE_UNUSED) {
    world_t world;
    known_t known = { .down = true };
    gee_upstream_options_t options = options_of("bin");
    options.is_known_down = is_known_down;
    options.tell = tell;
    options.owner = &known;
    options.limits.fails = 3;
    world_create(&world, 1, &options);
    stop_listening(&world.listeners[0]);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_DOWN);
    TURN_UNTIL(&world, known.told_down == 1); /* the first attempt was in vain, and is not the last */
    listen_again(&world.listeners[0]);
    TURN_UNTIL(&world, report_of(&world, 0).state == GEE_BACKEND_UP); /* it is tried, and others hear of it */
    assert_int_equal(known.told_up, 1);
    stop_listening(&world.listeners[0]);
    kill_sessions(world.fixture);
    TURN_UNTIL(&world, report_of(&world, 0).connections == 0);
    for (int i = 0; i < 3; i++) {
        answer_t answer;
        go(&world, &answer, "Test.Multiply", 0);
        expect(&world, &answer, GEE_UNAVAILABLE);
    }
    TURN_UNTIL(&world, known.told_down >= 4); /* once more with each attempt that fails */
    listen_again(&world.listeners[0]);
    world_destroy(&world);
}

/* ---- a host that vanishes ---- */

static void bytes_that_nobody_acknowledges_end_a_connection(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    unsigned found = 0, milliseconds = 0;
    gee_upstream_options_t options = options_of("bin");
    options.settings.write_timeout_ns = 1234 * GEE_MILLISECOND;
    world_create(&world, 1, &options);
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_OK);
    GEE_LIST_EACH(&world.fixture->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        socklen_t length = sizeof(milliseconds);
        if (session->role != GEE_CALLING)
            continue;
        found++;
        assert_int_equal(
            getsockopt(gee_stream_descriptor(session->stream), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, &length),
            0);
    }
    assert_int_equal(found, 1);
    assert_int_equal(milliseconds, 1234);
    world_destroy(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_that_may_be_repeated_leaves_a_silent_server),
        cmocka_unit_test(a_try_is_given_up_only_for_another_one),
        cmocka_unit_test(the_deadline_holds_for_all_tries_together),
        cmocka_unit_test(calls_on_a_server_that_goes_down_end_or_go_elsewhere),
        cmocka_unit_test(no_call_waits_for_a_server_that_cannot_be_reached),
        cmocka_unit_test(a_connect_that_takes_too_long_is_code_14),
        cmocka_unit_test(a_host_that_comes_back_is_found_within_a_second),
        cmocka_unit_test(a_check_that_calls_finds_a_server_that_stands_still),
        cmocka_unit_test(a_check_may_be_answered_with_an_error),
        cmocka_unit_test(a_server_that_is_known_to_be_down_begins_so),
        cmocka_unit_test(bytes_that_nobody_acknowledges_end_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
