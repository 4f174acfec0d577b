/* upstream_alone_test.c: calls that have a connection for themselves: first calls toward servers that leave bodies
 * unread, and calls whose connection has ended under them. The servers are fakes (fake_stock.h), which judge what
 * comes. */
#include "upstream_fixture.h"

#include "core/gateway/upstream_private.h"
#include "fake_stock.h"

/* ---- an upstream of fakes ---- */

static stock_t *stocks[3];

static void create_with_stocks(world_t *world, size_t count, const gee_upstream_options_t *options) {
    gee_server_t list[3] = { 0 };
    gee_error_t error = { 0 };
    world_create(world, 0, options);
    for (size_t i = 0; i < count; i++) {
        stocks[i] = stock_start(world->fixture->loop);
        list[i].address = stocks[i]->address;
    }
    assert_int_equal(gee_upstream_set_servers(world->upstream, list, count, &error), 0);
}

static void destroy_with_stocks(world_t *world, size_t count) {
    world_destroy(world);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(stocks[i]->executed, 0);
        free(stocks[i]);
        stocks[i] = NULL;
    }
}

/* Before the loop ends. */
static void stop_stocks(size_t count) {
    for (size_t i = 0; i < count; i++)
        stock_die(stocks[i]);
}

static gee_upstream_options_t careful(void) {
    gee_upstream_options_t options = options_of("json");
    options.may_leave_unread = true;
    options.limits.queue = 100;
    return options;
}

static void call_all(world_t *world, answer_t *answers, size_t count, const char *method) {
    for (size_t i = 0; i < count; i++)
        go(world, &answers[i], method, 0);
}

static void expect_all(world_t *world, answer_t *answers, size_t count, gee_code_t code) {
    for (size_t i = 0; i < count; i++)
        expect(world, &answers[i], code);
}

/* A method of that name is known to the upstream's connection. */
static void learn(world_t *world, const char *method) {
    answer_t answer;
    go(world, &answer, method, 0);
    expect(world, &answer, GEE_OK);
}

/* ---- first calls ---- */

static void methods_are_tried_alone_and_then_share(void **state GEE_UNUSED) {
    world_t world;
    answer_t answers[3][10];
    gee_upstream_options_t options = careful();
    create_with_stocks(&world, 1, &options);
    size_t accepted = 0;
    for (int round = 0; round < 3; round++) {
        accepted = stocks[0]->accepted;
        call_all(&world, answers[0], 10, "Foo.AddA");
        call_all(&world, answers[1], 10, "Foo.AddB");
        call_all(&world, answers[2], 10, "Foo.Fail");
        expect_all(&world, answers[0], 10, GEE_OK);
        expect_all(&world, answers[1], 10, GEE_OK);
        expect_all(&world, answers[2], 10, GEE_UNKNOWN);
    }
    assert_int_equal(stocks[0]->requests, 90);
    assert_int_equal(stocks[0]->broken, 0);
    assert_true(stocks[0]->most > 1);                /* they share */
    assert_int_equal(stocks[0]->accepted, accepted); /* none was made in the last round */
    assert_true(stocks[0]->open <= 3);
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

/* The reason for the rule: without the rule the fake counts how often it is broken. */
static void servers_that_read_bodies_get_calls_at_once(void **state GEE_UNUSED) {
    world_t world;
    answer_t answers[5];
    gee_upstream_options_t options = careful();
    options.may_leave_unread = false;
    create_with_stocks(&world, 1, &options);
    call_all(&world, answers, 5, "Foo.AddA");
    expect_all(&world, answers, 5, GEE_OK);
    assert_int_equal(stocks[0]->accepted, 1);
    assert_true(stocks[0]->broken > 0);
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

/* With a body that is a header. */
static void smuggle(world_t *world, answer_t *answer, const char *method) {
    static const char body[] = "{\"ServiceMethod\":\"Admin.Reset\"}";
    begin(world, answer, method, 0);
    answer->call.codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    answer->call.payload = (gee_payload_t){ .kind = GEE_PAYLOAD_BYTES,
                                            .codec = answer->call.codec,
                                            .bytes = (const uint8_t *)body,
                                            .length = sizeof(body) - 1 };
    gee_upstream_call(world->upstream, &answer->call);
}

static void a_refusal_closes_its_connection_and_harms_nobody(void **state GEE_UNUSED) {
    world_t world;
    answer_t kept, typo, innocent[10];
    gee_upstream_options_t options = careful();
    create_with_stocks(&world, 1, &options);
    learn(&world, "Foo.AddA");
    go(&world, &kept, "Foo.Keep", 0);
    TURN_UNTIL(&world, stocks[0]->kept == 1);
    smuggle(&world, &typo, "Foo.Nix");
    call_all(&world, innocent, 10, "Foo.AddA");
    expect(&world, &typo, GEE_UNKNOWN);
    assert_true(typo.from_peer);
    assert_string_equal(typo.error.text, "rpc server: can't find method Nix");
    expect_all(&world, innocent, 10, GEE_OK);
    call_all(&world, innocent, 10, "Foo.AddA");
    expect_all(&world, innocent, 10, GEE_OK);
    assert_int_equal(stocks[0]->accepted, 3);
    TURN_UNTIL(&world, stocks[0]->open == 2); /* that of the typo was closed */
    stock_release(stocks[0]);
    expect(&world, &kept, GEE_OK);
    assert_int_equal(stocks[0]->broken, 0);
    assert_int_equal(report_of(&world, 0).failures, 0);
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

static void a_refused_name_is_refused_here_for_a_second(void **state GEE_UNUSED) {
    world_t world;
    answer_t typos[20], service;
    gee_upstream_options_t options = careful();
    create_with_stocks(&world, 1, &options);
    call_all(&world, typos, 20, "Foo.Nix");
    expect_all(&world, typos, 20, GEE_UNKNOWN);
    assert_true(stocks[0]->requests <= 2); /* those that were under way when the first refusal came */
    size_t before = stocks[0]->requests;
    int64_t began = gee_clock_monotonic();
    do {
        go(&world, &typos[0], "Foo.Nix", 0);
        expect(&world, &typos[0], GEE_UNKNOWN);
        assert_true(typos[0].from_peer);
        assert_string_equal(typos[0].error.text, "rpc server: can't find method Nix");
        assert_int_equal(gee_loop_once(world.fixture->loop, 20 * GEE_MILLISECOND), 0);
    } while (stocks[0]->requests == before && gee_clock_monotonic() - began < 5 * GEE_SECOND);
    assert_int_equal(stocks[0]->requests, before + 1); /* asked again */
    assert_true(gee_clock_monotonic() - began > 500 * GEE_MILLISECOND);
    go(&world, &service, "Nix.Nix", 0);
    expect(&world, &service, GEE_UNKNOWN);
    assert_string_equal(service.error.text, "rpc server: can't find service");
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

static void at_most_two_first_calls_are_out_and_others_wait(void **state GEE_UNUSED) {
    static const char *const names[] = { "Foo.Keep1", "Foo.Keep2", "Foo.Keep3", "Foo.Keep4", "Foo.Keep5" };
    world_t world;
    answer_t slow[5], known[10];
    gee_upstream_options_t options = careful();
    options.limits.queue = 2;
    create_with_stocks(&world, 1, &options);
    learn(&world, "Foo.AddA");
    for (size_t i = 0; i < 2; i++)
        go(&world, &slow[i], names[i], 0);
    TURN_UNTIL(&world, stocks[0]->kept == 2);
    for (size_t i = 2; i < 5; i++)
        go(&world, &slow[i], names[i], 0);
    expect(&world, &slow[4], GEE_RESOURCE_EXHAUSTED); /* beyond the queue */
    assert_string_equal(slow[4].error.text, "2 calls wait already (queue)");
    call_all(&world, known, 10, "Foo.AddA"); /* are not held up */
    expect_all(&world, known, 10, GEE_OK);
    assert_int_equal(stocks[0]->kept, 2);
    assert_int_equal(gee_upstream_waiting(world.upstream), 2);
    stock_release(stocks[0]);
    TURN_UNTIL(&world, stocks[0]->kept == 2);
    stock_release(stocks[0]);
    expect_all(&world, slow, 4, GEE_OK);
    assert_int_equal(stocks[0]->broken, 0);
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

/* A method that is slow the first time must not hold up those that the connection knows. */
static void known_methods_go_elsewhere_while_their_connection_is_taken(void **state GEE_UNUSED) {
    world_t world;
    answer_t slow[2], known[10];
    gee_upstream_options_t options = careful();
    create_with_stocks(&world, 1, &options);
    learn(&world, "Foo.AddA");
    go(&world, &slow[0], "Foo.Keep", 0); /* on a further connection, as nobody knows whether there is such a method */
    TURN_UNTIL(&world, stocks[0]->kept == 1);
    stock_release(stocks[0]);
    expect(&world, &slow[0], GEE_OK);
    /* Both connections are taken: each has one method for the first time. */
    go(&world, &slow[0], "Foo.Keep2", 0);
    go(&world, &slow[1], "Foo.Keep3", 0);
    TURN_UNTIL(&world, stocks[0]->kept == 2);
    call_all(&world, known, 10, "Foo.AddA");
    expect_all(&world, known, 10, GEE_OK);
    call_all(&world, known, 1, "Foo.Keep");
    TURN_UNTIL(&world, stocks[0]->kept == 3);
    stock_release(stocks[0]);
    expect_all(&world, known, 1, GEE_OK);
    expect_all(&world, slow, 2, GEE_OK);
    assert_int_equal(stocks[0]->broken, 0);
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

/* Given up by its caller, or by the clock; answered late, or never. */
static void check_given_up(bool by_clock, bool late_reply) {
    world_t world;
    answer_t slow, known[5];
    gee_upstream_options_t options = careful();
    create_with_stocks(&world, 1, &options);
    learn(&world, "Foo.AddA");
    go(&world, &slow, "Foo.Keep", by_clock ? 100 * GEE_MILLISECOND : 0);
    TURN_UNTIL(&world, stocks[0]->kept == 1);
    assert_int_equal(stocks[0]->open, 2);
    int64_t began = gee_clock_monotonic();
    if (by_clock)
        expect(&world, &slow, GEE_DEADLINE_EXCEEDED);
    else
        gee_upstream_cancel(&slow.call);
    assert_int_equal(report_of(&world, 0).in_flight, 1); /* the server works on it */
    call_all(&world, known, 5, "Foo.AddB");              /* a first call, too, which may not go there */
    expect_all(&world, known, 5, GEE_OK);
    if (late_reply)
        stock_release(stocks[0]);
    size_t open = stocks[0]->open;
    TURN_UNTIL(&world, stocks[0]->open < open);
    assert_int_equal(late_reply, gee_clock_monotonic() - began < 900 * GEE_MILLISECOND);
    assert_int_equal(report_of(&world, 0).in_flight, 0);
    assert_int_equal(stocks[0]->broken, 0);
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

static void a_first_call_that_is_given_up_takes_its_connection_along(void **state GEE_UNUSED) {
    for (int i = 0; i < 4; i++)
        check_given_up(i % 2 != 0, i / 2 != 0);
}

/* A caller with names that do not exist, as fast as possible. */
static void names_that_are_thought_up_keep_nobody_waiting(void **state GEE_UNUSED) {
    world_t world;
    answer_t typo, known;
    char name[32];
    gee_upstream_options_t options = careful();
    create_with_stocks(&world, 1, &options);
    learn(&world, "Foo.AddA");
    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "Foo.Nix%d", i);
        smuggle(&world, &typo, name);
        go(&world, &known, "Foo.AddA", 0);
        expect(&world, &known, GEE_OK);
        expect(&world, &typo, GEE_UNKNOWN);
    }
    assert_int_equal(stocks[0]->connections[0].open, 1); /* where Foo.AddA is known */
    assert_int_equal(stocks[0]->accepted, 41);
    TURN_UNTIL(&world, stocks[0]->open == 1);
    assert_int_equal(stocks[0]->broken, 0);
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

/* All of a service are called one after the other: they come together on few connections. */
static void many_methods_need_few_connections(void **state GEE_UNUSED) {
    world_t world;
    answer_t answer;
    char name[32];
    gee_upstream_options_t options = careful();
    create_with_stocks(&world, 1, &options);
    for (int i = 0; i < 60; i++) {
        snprintf(name, sizeof(name), "Foo.Add%d", i % 20);
        go(&world, &answer, name, 0);
        expect(&world, &answer, GEE_OK);
    }
    assert_true(stocks[0]->open <= 3); /* limits.connections, and two */
    size_t accepted = stocks[0]->accepted;
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "Foo.Add%d", i);
        go(&world, &answer, name, 0);
        expect(&world, &answer, GEE_OK);
    }
    assert_int_equal(stocks[0]->accepted, accepted);
    assert_int_equal(stocks[0]->broken, 0);
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

static void a_full_set_of_names_begins_anew(void **state GEE_UNUSED) {
    gee_name_set_t set = { 0 };
    assert_false(gee_name_set_has(&set, 7));
    for (uint64_t key = 1; key <= 512; key++)
        gee_name_set_add(&set, key * 0x9e3779b97f4a7c15u);
    for (uint64_t key = 1; key <= 512; key++)
        assert_true(gee_name_set_has(&set, key * 0x9e3779b97f4a7c15u));
    assert_int_equal(set.count, 512);
    size_t mask = set.mask;
    gee_name_set_add(&set, 513);
    assert_true(gee_name_set_has(&set, 513));
    assert_int_equal(set.count, 1);
    assert_int_equal(set.mask, mask);
    free(set.keys);
}

/* ---- suspects ---- */

static void begin_idempotent(world_t *world, answer_t *answer, const char *method) {
    begin(world, answer, method, 0);
    answer->call.idempotent = true;
    gee_upstream_call(world->upstream, &answer->call);
}

/* A poison request ends two servers, and then its own call; the calls in flight beside are repeated one by one.
 * `position`: where among those it was sent. */
static void check_poison(size_t position, bool careful_too) {
    enum { CALLS = 9 };
    world_t world;
    answer_t answers[CALLS];
    gee_upstream_options_t options = careful();
    options.may_leave_unread = careful_too;
    options.limits.fails = 3;
    create_with_stocks(&world, 3, &options);
    if (careful_too) {
        learn(&world, "Foo.Add");
        learn(&world, "Foo.Fine");
    }
    stocks[0]->keeps_all = true;
    stocks[0]->dies_at = stocks[0]->requests + CALLS;
    for (size_t i = 0; i < CALLS; i++)
        begin_idempotent(&world, &answers[i], i == position ? "Foo.Poison" : "Foo.Add");
    for (size_t i = 0; i < CALLS; i++) {
        expect(&world, &answers[i], i == position ? GEE_UNAVAILABLE : GEE_OK);
        if (i == position)
            assert_non_null(
                strstr(answers[i].error.text, "for the second time a connection has ended under this call"));
        assert_true(answers[i].tries <= 3);
    }
    assert_int_equal(answers[position].tries, 2);
    assert_true(stocks[0]->dead && stocks[1]->dead && !stocks[2]->dead);
    assert_int_equal(stocks[1]->most, 1);
    assert_true(stocks[2]->most <= 1);
    stop_stocks(3);
    destroy_with_stocks(&world, 3);
}

static void a_poison_ends_two_servers_and_no_call_but_its_own(void **state GEE_UNUSED) {
    check_poison(0, false);
    check_poison(4, false);
    check_poison(8, false);
}

static void a_suspect_comes_back_to_the_only_server(void **state GEE_UNUSED) {
    world_t world;
    answer_t first, again;
    gee_upstream_options_t options = careful();
    options.may_leave_unread = false;
    options.limits.fails = 3;
    create_with_stocks(&world, 1, &options);
    begin_idempotent(&world, &first, "Foo.Drop");
    expect(&world, &first, GEE_OK);
    assert_int_equal(first.tries, 2);
    assert_int_equal(stocks[0]->accepted, 2);
    stocks[0]->dropped = false;
    go(&world, &again, "Foo.Drop", 0); /* nobody has said that this may be repeated */
    expect(&world, &again, GEE_UNAVAILABLE);
    assert_int_equal(again.tries, 1);
    learn(&world, "Foo.Add");
    stop_stocks(1);
    destroy_with_stocks(&world, 1);
}

/* Of which no byte was written: they are repeated, whatever they are, and share a connection as any others. */
static void what_was_not_sent_is_no_suspect(void **state GEE_UNUSED) {
    enum { LONG = 32 << 20 }; /* more than a socket takes */
    world_t world;
    answer_t first, answers[2];
    gee_upstream_options_t options = careful();
    char *body = malloc(LONG);
    options.may_leave_unread = false;
    create_with_stocks(&world, 2, &options);
    learn(&world, "Foo.Add");
    stock_connection_t *connection = &stocks[0]->connections[0];
    gee_loop_unwatch(world.fixture->loop, &connection->watch); /* it does not read on */
    assert_non_null(body);
    memset(body, ' ', LONG);
    body[LONG - 1] = '1';
    begin(&world, &first, "Foo.Keep", 0);
    first.call.codec = options.settings.setup.codec;
    first.call.payload = (gee_payload_t){
        .kind = GEE_PAYLOAD_BYTES, .codec = first.call.codec, .bytes = (const uint8_t *)body, .length = LONG
    };
    gee_upstream_call(world.upstream, &first.call);
    call_all(&world, answers, 2, "Foo.Keep");
    for (int i = 0; i < 3; i++)
        assert_int_equal(gee_loop_once(world.fixture->loop, 0), 0);
    stock_close(connection);
    expect(&world, &first, GEE_UNAVAILABLE);
    TURN_UNTIL(&world, stocks[1]->kept == 2);
    assert_int_equal(stocks[1]->most, 2);
    stock_release(stocks[1]);
    expect_all(&world, answers, 2, GEE_OK);
    assert_int_equal(answers[0].tries, 2);
    free(body);
    stop_stocks(2);
    destroy_with_stocks(&world, 2);
}

/* A server that was merely restarted: slow calls do not wait for each other's answers. */
static void suspects_that_are_slow_go_beside_each_other_after_a_while(void **state GEE_UNUSED) {
    enum { CALLS = 4 };
    world_t world;
    answer_t answers[CALLS], other;
    gee_upstream_options_t options = careful();
    options.may_leave_unread = false;
    create_with_stocks(&world, 2, &options);
    stocks[0]->keeps_all = stocks[1]->keeps_all = true;
    stocks[0]->dies_at = CALLS;
    for (size_t i = 0; i < CALLS; i++)
        begin_idempotent(&world, &answers[i], "Foo.Add");
    TURN_UNTIL(&world, stocks[1]->kept == 1);
    assert_int_equal(gee_upstream_waiting(world.upstream), CALLS - 1);
    int64_t began = gee_clock_monotonic();
    TURN_UNTIL(&world, stocks[1]->kept == CALLS);
    assert_true(gee_clock_monotonic() - began > 200 * GEE_MILLISECOND);
    assert_int_equal(stocks[1]->most, 1);
    go(&world, &other, "Foo.Keep", 0); /* goes to none of these */
    TURN_UNTIL(&world, stocks[1]->kept == CALLS + 1);
    assert_int_equal(stocks[1]->most, 1);
    stock_release(stocks[1]);
    expect_all(&world, answers, CALLS, GEE_OK);
    expect(&world, &other, GEE_OK);
    TURN_UNTIL(&world, stocks[1]->open == 1); /* limits.connections */
    stop_stocks(2);
    destroy_with_stocks(&world, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_tried_alone_and_then_share),
        cmocka_unit_test(servers_that_read_bodies_get_calls_at_once),
        cmocka_unit_test(a_refusal_closes_its_connection_and_harms_nobody),
        cmocka_unit_test(a_refused_name_is_refused_here_for_a_second),
        cmocka_unit_test(at_most_two_first_calls_are_out_and_others_wait),
        cmocka_unit_test(known_methods_go_elsewhere_while_their_connection_is_taken),
        cmocka_unit_test(a_first_call_that_is_given_up_takes_its_connection_along),
        cmocka_unit_test(names_that_are_thought_up_keep_nobody_waiting),
        cmocka_unit_test(many_methods_need_few_connections),
        cmocka_unit_test(a_full_set_of_names_begins_anew),
        cmocka_unit_test(a_poison_ends_two_servers_and_no_call_but_its_own),
        cmocka_unit_test(a_suspect_comes_back_to_the_only_server),
        cmocka_unit_test(what_was_not_sent_is_no_suspect),
        cmocka_unit_test(suspects_that_are_slow_go_beside_each_other_after_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
