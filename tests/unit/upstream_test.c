/* upstream_test.c: calls to a set of servers: connections, retries, the queue, servers that go down and come back. */
#include "upstream_fixture.h"
#include "core/rpc/session_private.h"

/* ---- tests ---- */

static void calls_share_a_connection(void **state GEE_UNUSED) {
    world_t world;
    answer_t answers[10];
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 1, &options);
    for (size_t i = 0; i < 10; i++)
        go(&world, &answers[i], "Test.Multiply", 0);
    for (size_t i = 0; i < 10; i++)
        expect(&world, &answers[i], GEE_OK);
    go(&world, &answers[0], "Test.Nothing", 0);
    expect(&world, &answers[0], GEE_UNIMPLEMENTED);
    assert_true(answers[0].from_peer);
    assert_string_equal(answers[0].error.text, "rpc server: can't find method Nothing");
    assert_int_equal(world.listeners[0].accepted, 1);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_UP);
    assert_int_equal(report_of(&world, 0).calls, 11);
    world_destroy(&world);
}

static void further_connections_when_the_first_is_busy(void **state GEE_UNUSED) {
    world_t world;
    answer_t busy, second, third;
    gee_upstream_options_t options = options_of("bin");
    options.limits.connections = 2;
    world_create(&world, 1, &options);
    go(&world, &busy, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    go(&world, &second, "Test.Multiply", 0);
    expect(&world, &second, GEE_OK);
    TURN_UNTIL(&world, report_of(&world, 0).connections == 2);
    go(&world, &third, "Test.Multiply", 0);
    expect(&world, &third, GEE_OK);
    assert_int_equal(world.listeners[0].accepted, 2);
    finish_kept();
    expect(&world, &busy, GEE_OK);
    world_destroy(&world);
}

static void an_unsent_call_goes_to_the_next_server(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_upstream_options_t options = options_of("json");
    world_create(&world, 2, &options);
    stop_listening(&world.listeners[0]);
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_OK);
    assert_int_equal(answer.tries, 2);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_DOWN);
    assert_int_equal(report_of(&world, 0).failures, 1);
    assert_non_null(strstr(world.fixture->log_text, "upstream test: tcp@127.0.0.1:"));
    assert_non_null(strstr(world.fixture->log_text, "connect: Connection refused; it is tried again in"));
    go(&world, &answer, "Test.Multiply", 0); /* straight to the other */
    expect(&world, &answer, GEE_OK);
    assert_int_equal(answer.tries, 1);
    listen_again(&world.listeners[0]);
    TURN_UNTIL(&world, report_of(&world, 0).state == GEE_BACKEND_UP);
    assert_non_null(strstr(world.fixture->log_text, "is up again"));
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_OK);
    assert_int_equal(report_of(&world, 0).calls, 2);
    world_destroy(&world);
}

static void without_any_server_the_reason_comes_at_once(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_error_t error = { 0 };
    gee_upstream_options_t options = options_of("json");
    world_create(&world, 2, &options);
    stop_listening(&world.listeners[0]);
    stop_listening(&world.listeners[1]);
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_UNAVAILABLE);
    assert_int_equal(answer.tries, 2);
    assert_int_equal(answer.error.phase, GEE_PHASE_CONNECT);
    char wanted[400];
    snprintf(wanted, sizeof(wanted), "%s: connect: Connection refused", world.listeners[1].address);
    assert_string_equal(answer.error.text, wanted);
    answer_t both[2], further;
    go(&world, &both[0], "Test.Multiply", 0); /* both are down now: each is tried by one call at a time */
    go(&world, &both[1], "Test.Multiply", 0);
    go(&world, &further, "Test.Multiply", 0);
    expect(&world, &further, GEE_UNAVAILABLE);
    assert_int_equal(further.tries, 0);
    assert_non_null(strstr(further.error.text, "Connection refused"));
    expect(&world, &both[0], GEE_UNAVAILABLE);
    expect(&world, &both[1], GEE_UNAVAILABLE);
    assert_true(both[0].tries > 0 && both[1].tries > 0);
    listen_again(&world.listeners[1]);
    go(&world, &answer, "Test.Multiply", 0); /* back, and nobody has had to wait for the timer */
    expect(&world, &answer, GEE_OK);
    assert_int_equal(report_of(&world, 1).state, GEE_BACKEND_UP);
    listen_again(&world.listeners[0]);
    TURN_UNTIL(&world, report_of(&world, 0).state == GEE_BACKEND_UP);
    assert_int_equal(gee_upstream_set_servers(world.upstream, NULL, 0, &error), 0);
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_UNAVAILABLE);
    assert_string_equal(answer.error.text, "it has no servers");
    world_destroy(&world);
}

static void what_was_sent_is_retried_only_when_idempotent(void **state GEE_UNUSED) {
    world_t world;
    answer_t plain, idempotent;
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 2, &options);
    go(&world, &plain, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    gee_call_t *first = kept_call;
    begin(&world, &idempotent, "Test.Keep", 0);
    idempotent.call.idempotent = true;
    gee_upstream_call(world.upstream, &idempotent.call);
    TURN_UNTIL(&world, kept_call != first);
    gee_call_t *second = kept_call;
    kill_sessions(world.fixture);
    expect(&world, &plain, GEE_UNAVAILABLE);
    assert_int_equal(plain.tries, 1);
    assert_int_equal(plain.error.phase, GEE_PHASE_WAIT);
    char wanted[400];
    snprintf(wanted, sizeof(wanted), "%s: wait: the peer closed the connection", world.listeners[0].address);
    assert_string_equal(plain.error.text, wanted);
    TURN_UNTIL(&world, kept_call != second); /* at the other server */
    finish_kept();
    expect(&world, &idempotent, GEE_OK);
    assert_int_equal(idempotent.tries, 2);
    gee_reply(first);
    gee_reply(second);
    world_destroy(&world);
}

/* Tries until the first call fails; how many went well. No server has a connection when a call begins. */
static size_t succeed_until_a_failure(world_t *world, size_t at_most) {
    for (size_t good = 0; good < at_most; good++) {
        answer_t answer;
        begin(world, &answer, "Test.Multiply", 0);
        answer.call.idempotent = true;
        gee_upstream_call(world->upstream, &answer.call);
        if (world->listeners[0].silent) {
            size_t *accepted = &world->listeners[0].accepted;
            TURN_UNTIL(world, *accepted == 1);
            close(world->listeners[0].silent_ends[--*accepted]);
        }
        TURN_UNTIL(world, answer.ended == 1);
        assert_int_equal(answer.code, answer.tries == 2 ? GEE_OK : GEE_UNAVAILABLE);
        if (answer.code != GEE_OK)
            return good;
        kill_sessions(world->fixture);
        TURN_UNTIL(world, report_of(world, 1).connections == 0);
    }
    return at_most;
}

static void retries_have_a_budget(void **state GEE_UNUSED) {
    world_t world;
    gee_upstream_options_t options = options_of("bin");
    options.limits.retry_budget = 0;
    options.limits.fails = 0; /* so that every call meets the dead one */
    world_create(&world, 2, &options);
    stop_listening(&world.listeners[0]);
    assert_int_equal(succeed_until_a_failure(&world, 120), 120); /* nothing was sent to it: that costs nothing */
    listen_again(&world.listeners[0]);
    world.listeners[0].silent = true; /* it ends each connection once there may be a call on it */
    assert_int_equal(succeed_until_a_failure(&world, 120), 100); /* what is always allowed */
    world_destroy(&world);
}

static void full_servers_have_a_bounded_queue(void **state GEE_UNUSED) {
    world_t world;
    answer_t running, queued, late, refused;
    gee_upstream_options_t options = options_of("bin");
    options.limits.in_flight = 1;
    options.limits.queue = 2;
    world_create(&world, 1, &options);
    go(&world, &running, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    go(&world, &queued, "Test.Multiply", 0);
    go(&world, &late, "Test.Multiply", 20 * GEE_MILLISECOND);
    go(&world, &refused, "Test.Multiply", 0);
    expect(&world, &refused, GEE_RESOURCE_EXHAUSTED);
    assert_string_equal(refused.error.text, "2 calls wait already (queue)");
    expect(&world, &late, GEE_DEADLINE_EXCEEDED);
    assert_string_equal(late.error.text, "not sent within 20ms");
    assert_int_equal(queued.ended, 0);
    assert_int_equal(gee_upstream_waiting(world.upstream), 1);
    finish_kept();
    expect(&world, &running, GEE_OK);
    expect(&world, &queued, GEE_OK);
    world_destroy(&world);
}

static void the_queue_fails_when_its_servers_go_down(void **state GEE_UNUSED) {
    world_t world;
    answer_t running, queued;
    gee_upstream_options_t options = options_of("bin");
    options.limits.in_flight = 1;
    world_create(&world, 1, &options);
    go(&world, &running, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    gee_call_t *kept = kept_call;
    go(&world, &queued, "Test.Multiply", 0);
    stop_listening(&world.listeners[0]);
    kill_sessions(world.fixture);
    expect(&world, &running, GEE_UNAVAILABLE);
    expect(&world, &queued, GEE_UNAVAILABLE);
    gee_reply(kept);
    listen_again(&world.listeners[0]);
    world_destroy(&world);
}

/* `told`: the wire can say that a call was given up. */
static void check_cancel(const char *codec, bool told) {
    world_t world;
    answer_t answer;
    gee_upstream_options_t options = options_of(codec);
    world_create(&world, 1, &options);
    go(&world, &answer, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    gee_upstream_cancel(&answer.call);
    assert_int_equal(last_outcome, GEE_OUTCOME_ABANDONED);
    assert_int_equal(report_of(&world, 0).in_flight, told ? 0 : 1);
    if (told)
        TURN_UNTIL(&world, kept_cancelled == 1);
    else
        pump(world.fixture);
    assert_int_equal(kept_cancelled, told);
    finish_kept();
    TURN_UNTIL(&world, report_of(&world, 0).in_flight == 0);
    assert_int_equal(answer.ended, 0);
    gee_upstream_cancel(&answer.call); /* once more does nothing */
    world_destroy(&world);
}

static void a_cancelled_call_is_cancelled_at_the_server(void **state GEE_UNUSED) {
    check_cancel("bin", true);
}

static void a_cancelled_call_keeps_its_place_where_the_wire_is_mute(void **state GEE_UNUSED) {
    check_cancel("json", false);
}

static void calls_can_be_cancelled_wherever_they_are(void **state GEE_UNUSED) {
    world_t world;
    answer_t running, queued, connecting, failing;
    gee_upstream_options_t options = options_of("bin");
    options.limits.in_flight = 1;
    world_create(&world, 1, &options);
    go(&world, &connecting, "Test.Multiply", 0);
    gee_upstream_cancel(&connecting.call);
    go(&world, &running, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    go(&world, &queued, "Test.Multiply", GEE_SECOND);
    gee_upstream_cancel(&queued.call);
    finish_kept();
    expect(&world, &running, GEE_OK);
    gee_error_t error = { 0 };
    assert_int_equal(gee_upstream_set_servers(world.upstream, NULL, 0, &error), 0);
    go(&world, &failing, "Test.Multiply", 0);
    gee_upstream_cancel(&failing.call);
    pump(world.fixture);
    assert_int_equal(connecting.ended + queued.ended + failing.ended, 0);
    world_destroy(&world);
}

static void a_server_that_says_nothing_goes_down(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_upstream_options_t options = options_of("json");
    world_create(&world, 2, &options);
    world.listeners[0].silent = true;
    go(&world, &answer, "Test.Multiply", 30 * GEE_MILLISECOND);
    expect(&world, &answer, GEE_DEADLINE_EXCEEDED);
    char wanted[400];
    snprintf(wanted, sizeof(wanted), "%s: wait: no reply within 30ms", world.listeners[0].address);
    assert_string_equal(answer.error.text, wanted);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_UP); /* a caller without patience proves nothing */
    go(&world, &answer, "Test.Multiply", GEE_SECOND);
    expect(&world, &answer, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_DOWN);
    assert_int_equal(report_of(&world, 0).in_flight, 2); /* the wire cannot cancel: it may be at work on them */
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_OK);
    close(world.listeners[0].silent_ends[0]);
    world.listeners[0].silent_ends[0] = -1;
    TURN_UNTIL(&world, report_of(&world, 0).in_flight == 0);
    world_destroy(&world);
}

/* Nothing comes on it any more, and nobody says so, as when a firewall has forgotten it. */
static void a_connection_that_fell_silent_is_given_up(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 1, &options);
    world.listeners[0].silent = true;
    /* The silence of a second is counted from the first question on: the second call is sure to see the whole of it. */
    go(&world, &answer, "Test.Multiply", 30 * GEE_MILLISECOND);
    expect(&world, &answer, GEE_DEADLINE_EXCEEDED);
    go(&world, &answer, "Test.Multiply", GEE_SECOND);
    expect(&world, &answer, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_DOWN);
    world.listeners[0].silent = false;
    TURN_UNTIL(&world, report_of(&world, 0).state == GEE_BACKEND_UP);
    go(&world, &answer, "Test.Multiply", GEE_SECOND);
    expect(&world, &answer, GEE_OK);
    assert_int_equal(report_of(&world, 0).connections, 1);
    close(world.listeners[0].silent_ends[0]);
    world_destroy(&world);
}

static void a_slow_call_does_not_take_a_server_down(void **state GEE_UNUSED) {
    world_t world;
    answer_t slow, quick;
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 1, &options);
    go(&world, &slow, "Test.Keep", 50 * GEE_MILLISECOND);
    TURN_UNTIL(&world, kept_call != NULL);
    go(&world, &quick, "Test.Multiply", 0);
    expect(&world, &quick, GEE_OK);
    expect(&world, &slow, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_UP);
    finish_kept();
    world_destroy(&world);
}

static void a_server_that_leaves_the_list_ends_its_calls_first(void **state GEE_UNUSED) {
    world_t world;
    answer_t running, waiting, next;
    gee_error_t error = { 0 };
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 1, &options);
    go(&world, &running, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    size_t sessions = world.fixture->engine->session_count;
    gee_server_t other = { .address = world.listeners[1].address };
    assert_int_equal(gee_upstream_set_servers(world.upstream, &other, 1, &error), 0);
    go(&world, &next, "Test.Multiply", 0);
    expect(&world, &next, GEE_OK);
    assert_int_equal(world.listeners[1].accepted, 1);
    assert_int_equal(world.fixture->engine->session_count, sessions + 2);
    finish_kept();
    expect(&world, &running, GEE_OK);
    TURN_UNTIL(&world, world.fixture->engine->session_count == 2);
    /* A call that waits for a connection of a server that leaves goes elsewhere. */
    gee_server_t both[2] = { { .address = world.listeners[2].address }, other };
    assert_int_equal(gee_upstream_set_servers(world.upstream, both, 2, &error), 0);
    go(&world, &waiting, "Test.Multiply", 0);
    assert_int_equal(gee_upstream_set_servers(world.upstream, &other, 1, &error), 0);
    expect(&world, &waiting, GEE_OK);
    assert_int_equal(waiting.tries, 1);
    picks = dones; /* done() is not called for those that left */
    world_destroy(&world);
}

static void a_wrong_address_leaves_the_list_as_it_was(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_error_t error = { 0 };
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 1, &options);
    gee_server_t wrong[] = { { .address = world.listeners[1].address }, { .address = "tcp@127.0.0.1" } };
    assert_int_equal(gee_upstream_set_servers(world.upstream, wrong, 2, &error), -1);
    assert_non_null(strstr(error.text, "tcp@127.0.0.1"));
    wrong[1].address = "pigeon@roof";
    assert_int_equal(gee_upstream_set_servers(world.upstream, wrong, 2, &error), -1);
    assert_int_equal(gee_upstream_backend_count(world.upstream), 1);
    gee_server_t twice[] = { { world.listeners[0].address, 3 }, { world.listeners[0].address, 4 } };
    assert_int_equal(gee_upstream_set_servers(world.upstream, twice, 2, &error), 0);
    assert_int_equal(gee_upstream_backend_count(world.upstream), 1);
    assert_int_equal(report_of(&world, 0).weight, 7);
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_OK);
    world_destroy(&world);
}

static void a_draining_connection_gets_no_new_calls(void **state GEE_UNUSED) {
    world_t world;
    answer_t running, next;
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 1, &options);
    go(&world, &running, "Test.Keep", 0);
    TURN_UNTIL(&world, kept_call != NULL);
    GEE_LIST_EACH(&world.fixture->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (session->role == GEE_SERVING)
            gee_session_drain(session);
    }
    pump(world.fixture);
    go(&world, &next, "Test.Multiply", 0);
    expect(&world, &next, GEE_OK);
    assert_int_equal(world.listeners[0].accepted, 2);
    finish_kept();
    expect(&world, &running, GEE_OK);
    TURN_UNTIL(&world, world.fixture->engine->session_count == 2);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_UP);
    world_destroy(&world);
}

static void an_idle_connection_that_ends_is_no_failure(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 1, &options);
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_OK);
    kill_sessions(world.fixture);
    TURN_UNTIL(&world, report_of(&world, 0).connections == 0);
    assert_int_equal(report_of(&world, 0).state, GEE_BACKEND_IDLE);
    go(&world, &answer, "Test.Multiply", 0);
    expect(&world, &answer, GEE_OK);
    assert_int_equal(world.listeners[0].accepted, 2);
    world_destroy(&world);
}

static void checks_find_a_silent_server_without_calls(void **state GEE_UNUSED) {
    world_t world;
    gee_upstream_options_t options = options_of("bin");
    options.limits.check_interval = 10 * GEE_MILLISECOND;
    options.limits.connect_timeout = 50 * GEE_MILLISECOND;
    world_create(&world, 2, &options);
    world.listeners[0].silent = true; /* accepts; answers no ping */
    TURN_UNTIL(&world, report_of(&world, 0).state == GEE_BACKEND_DOWN && report_of(&world, 1).state == GEE_BACKEND_UP);
    assert_non_null(strstr(world.fixture->log_text, "no answer to a ping within 50ms"));
    world_destroy(&world);
}

/* A single server, dialled once and for all; a call has gone well. */
static void create_once(world_t *world) {
    answer_t answer;
    gee_upstream_options_t options = options_of("bin");
    options.once = true;
    options.balancer = NULL;
    world_create(world, 1, &options);
    go(world, &answer, "Test.Multiply", 0);
    expect(world, &answer, GEE_OK);
}

/* The connection is gone for good: a further call says why, and dials nothing. */
static void expect_lost(world_t *world, const char *reason) {
    answer_t answer;
    go(world, &answer, "Test.Multiply", 0);
    expect(world, &answer, GEE_UNAVAILABLE);
    assert_int_equal(answer.error.phase, GEE_PHASE_SEND);
    assert_non_null(strstr(answer.error.text, reason));
    assert_int_equal(world->listeners[0].accepted, 1);
    world_destroy(world);
}

/* A call that comes between the fault and the end of the connection: it must not make a new one. */
static void a_call_on_a_connection_that_is_ending_fails(void **state GEE_UNUSED) {
    world_t world;
    create_once(&world);
    GEE_LIST_EACH(&world.fixture->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        gee_error_t fault = { .code = GEE_UNAVAILABLE, .phase = GEE_PHASE_WAIT, .text = "the peer talks nonsense" };
        if (session->role == GEE_CALLING)
            gee_session_close(session, &fault);
    }
    expect_lost(&world, ": send: the peer talks nonsense");
}

static void a_client_of_one_server_does_not_dial_again(void **state GEE_UNUSED) {
    world_t world;
    create_once(&world);
    kill_sessions(world.fixture);
    TURN_UNTIL(&world, report_of(&world, 0).state == GEE_BACKEND_DOWN);
    expect_lost(&world, ": send: the peer closed the connection");
}

typedef struct connect_outcome {
    size_t ended;
    bool failed;
    gee_error_t error;
} connect_outcome_t;

static void on_connect(void *data, const gee_error_t *error) {
    connect_outcome_t *outcome = data;
    outcome->ended++;
    outcome->failed = error != NULL;
    if (error != NULL)
        outcome->error = *error;
}

static void connecting_beforehand_says_how_it_went(void **state GEE_UNUSED) {
    world_t world;
    connect_outcome_t outcome = { 0 };
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 2, &options);
    stop_listening(&world.listeners[0]);
    gee_upstream_connect(world.upstream, on_connect, &outcome);
    assert_int_equal(outcome.ended, 0);
    TURN_UNTIL(&world, outcome.ended == 1);
    assert_false(outcome.failed);                                  /* one of them is enough */
    TURN_UNTIL(&world, world.fixture->engine->session_count == 2); /* both ends of it */
    stop_listening(&world.listeners[1]);
    kill_sessions(world.fixture);
    TURN_UNTIL(&world, report_of(&world, 1).connections == 0);
    gee_upstream_connect(world.upstream, on_connect, &outcome);
    TURN_UNTIL(&world, outcome.ended == 2);
    assert_true(outcome.failed);
    assert_int_equal(outcome.error.phase, GEE_PHASE_CONNECT);
    assert_non_null(strstr(outcome.error.text, ": connect: Connection refused"));
    listen_again(&world.listeners[0]);
    listen_again(&world.listeners[1]);
    world_destroy(&world);
}

static void a_call_to_one_server_is_not_tried_elsewhere(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    gee_upstream_options_t options = options_of("bin");
    world_create(&world, 2, &options);
    stop_listening(&world.listeners[1]);
    begin(&world, &answer, "Test.Multiply", 0);
    gee_upstream_call_backend(world.upstream, gee_upstream_backend(world.upstream, 1), &answer.call);
    expect(&world, &answer, GEE_UNAVAILABLE);
    assert_non_null(strstr(answer.error.text, world.listeners[1].address));
    begin(&world, &answer, "Test.Multiply", 0);
    gee_upstream_call_backend(world.upstream, gee_upstream_backend(world.upstream, 0), &answer.call);
    expect(&world, &answer, GEE_OK);
    listen_again(&world.listeners[1]);
    world_destroy(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_share_a_connection),
        cmocka_unit_test(further_connections_when_the_first_is_busy),
        cmocka_unit_test(an_unsent_call_goes_to_the_next_server),
        cmocka_unit_test(without_any_server_the_reason_comes_at_once),
        cmocka_unit_test(what_was_sent_is_retried_only_when_idempotent),
        cmocka_unit_test(retries_have_a_budget),
        cmocka_unit_test(full_servers_have_a_bounded_queue),
        cmocka_unit_test(the_queue_fails_when_its_servers_go_down),
        cmocka_unit_test(a_cancelled_call_is_cancelled_at_the_server),
        cmocka_unit_test(a_cancelled_call_keeps_its_place_where_the_wire_is_mute),
        cmocka_unit_test(calls_can_be_cancelled_wherever_they_are),
        cmocka_unit_test(a_server_that_says_nothing_goes_down),
        cmocka_unit_test(a_connection_that_fell_silent_is_given_up),
        cmocka_unit_test(a_slow_call_does_not_take_a_server_down),
        cmocka_unit_test(a_server_that_leaves_the_list_ends_its_calls_first),
        cmocka_unit_test(a_wrong_address_leaves_the_list_as_it_was),
        cmocka_unit_test(a_draining_connection_gets_no_new_calls),
        cmocka_unit_test(an_idle_connection_that_ends_is_no_failure),
        cmocka_unit_test(checks_find_a_silent_server_without_calls),
        cmocka_unit_test(a_call_on_a_connection_that_is_ending_fails),
        cmocka_unit_test(a_client_of_one_server_does_not_dial_again),
        cmocka_unit_test(connecting_beforehand_says_how_it_went),
        cmocka_unit_test(a_call_to_one_server_is_not_tried_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
