/* forward_test.c: calls that go through a gateway: every wire in front, every wire behind it, with and without a
 * declaration of the service; what travels on, and what is said when it goes wrong. Callers, gateway and server share
 * one loop. */
#include "forward_fixture.h"

#include "core/type/describe.h"
#include "core/rpc/service_table.h"
#include "core/rpc/door.h"
#include "core/rpc/session_private.h"

/* ---- every wire ---- */

typedef struct wire {
    const char *protocol, *codec;
    bool codes;    /* it carries them */
    bool go_words; /* what is not there is refused in Go's words */
} wire_t;
static const wire_t wires[] = {
    { "geerpc", "json", true, false }, { "geerpc", "bin", true, false },   { "geerpc", "gob", false, false },
    { "netrpc", "gob", false, true },  { "jsonrpc", "json", false, true },
};

static void check_wires(const wire_t *front, const wire_t *back, bool declared) {
    world_t world;
    pair_t pair = { 7, 8 }, zero = { 0, 5 };
    text_t said = { GEE_STR("caf\xc3\xa9 \"quoted\"\n") }, reason = { GEE_STR("100% full") };
    outcome_t product = { .reply = GEE_TYPE_OF(int64_t) }, nothing = { .reply = GEE_TYPE_OF(int64_t) };
    outcome_t echo = { .reply = GEE_TYPE_OF(text_t) }, refusal = { 0 }, missing = { 0 };
    world_create(&world, back->protocol, back->codec, declared);
    gee_session_t *session = call_gateway(&world, front->protocol, front->codec);
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &product);
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &zero, &nothing);
    begin(session, "Test.Echo", GEE_TYPE_OF(text_t), &said, &echo);
    begin(session, "Test.Fail", GEE_TYPE_OF(text_t), &reason, &refusal);
    begin(session, "Test.Nothing", GEE_TYPE_OF(text_t), &reason, &missing);
    await(&world, &product, GEE_OK, NULL);
    await(&world, &nothing, GEE_OK, NULL);
    await(&world, &echo, GEE_OK, "caf\xc3\xa9 \"quoted\"\n");
    assert_int_equal(product.number, 56);
    assert_int_equal(nothing.number, 0);
    bool codes = front->codes && back->codes;
    await(&world, &refusal, codes ? GEE_FAILED_PRECONDITION : GEE_UNKNOWN, "100% full");
    bool reached = !declared && (strcmp(front->codec, "bin") != 0 || strcmp(back->codec, "bin") == 0);
    if (reached || declared) /* its declaration does not have it; without one, where no types are needed, its server */
        await(&world, &missing, front->codes ? GEE_UNIMPLEMENTED : GEE_UNKNOWN,
              front->go_words ? "rpc: can't find method Test.Nothing" : "rpc server: can't find method Nothing");
    else
        await(&world, &missing, GEE_UNIMPLEMENTED, NULL);
    assert_int_equal(server_report(&world).calls, reached ? 5 : 4);
    assert_int_equal(filter_calls, reached ? 10 : 9); /* at the gateway and at the server */
    world_destroy(&world);
}

/* A server may be newer than the declaration. */
static void methods_that_a_declaration_lacks_are_forwarded_when_asked_for(void **state GEE_UNUSED) {
    world_t world;
    pair_t pair = { 7, 8 };
    outcome_t missing = { 0 };
    world_create_with(&world, "netrpc", "gob", true, true, 0);
    gee_session_t *session = call_gateway(&world, "geerpc", "json");
    begin(session, "Test.Nothing", GEE_TYPE_OF(pair_t), &pair, &missing);
    await(&world, &missing, GEE_UNIMPLEMENTED, "rpc server: can't find method Nothing");
    assert_int_equal(server_report(&world).calls, 1);
    world_destroy(&world);
}

static void every_wire_reaches_every_wire(void **state GEE_UNUSED) {
    for (size_t i = 0; i < GEE_LENGTH(wires); i++)
        for (size_t j = 0; j < GEE_LENGTH(wires); j++)
            check_wires(&wires[i], &wires[j], true);
}

static void without_a_declaration_all_but_bin_do(void **state GEE_UNUSED) {
    for (size_t i = 0; i < GEE_LENGTH(wires); i++)
        for (size_t j = 0; j < GEE_LENGTH(wires); j++)
            if (strcmp(wires[i].codec, "bin") != 0 || strcmp(wires[j].codec, "bin") == 0)
                check_wires(&wires[i], &wires[j], false);
}

static void bin_without_types_is_refused_with_that_reason(void **state GEE_UNUSED) {
    world_t world;
    pair_t pair = { 7, 8 };
    outcome_t outcome = { .reply = GEE_TYPE_OF(int64_t) };
    world_create(&world, "geerpc", "json", false);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &outcome);
    await(&world, &outcome, GEE_UNIMPLEMENTED,
          "rpc gateway: upstream test: a bin body cannot be sent as json: bin carries no types; compile the service's "
          "declaration in, or give it descriptors, or use one codec on both sides");
    assert_int_equal(server_report(&world).calls, 0);
    world_destroy(&world);
}

/* Doubles that are whole, and unsigned integers, are what a guess gets wrong. */
static void a_declaration_gives_gob_its_types(void **state GEE_UNUSED) {
    world_t world;
    pair_t pair = { 7, 8 };
    outcome_t outcome = { .reply = GEE_TYPE_OF(number_t) };
    world_create(&world, "netrpc", "gob", true);
    gee_session_t *session = call_gateway(&world, "geerpc", "json");
    begin(session, "Test.NaN", GEE_TYPE_OF(pair_t), &pair, &outcome);
    TURN_UNTIL(&world, outcome.count == 1); /* gob brings it, JSON cannot say it */
    assert_int_equal(outcome.code, GEE_INTERNAL);
    assert_non_null(strstr(outcome.text, "rpc server: reply: "));
    world_destroy(&world);
}

/* Calls that wait for a connection, one behind the other in the same read buffers: of each its own bytes arrive. */
static void check_bodies(const wire_t *wire, size_t length, bool declared) {
    enum { CALLS = 5 };
    static char bodies[CALLS][100000];
    static outcome_t outcomes[CALLS];
    world_t world;
    world_create(&world, wire->protocol, wire->codec, declared);
    gee_session_t *session = call_gateway(&world, "geerpc", wire->codec);
    for (size_t i = 0; i < CALLS; i++) {
        memset(bodies[i], (int)('a' + i), length);
        text_t text = { .text = { .data = bodies[i], .length = length } };
        outcomes[i] = (outcome_t){ .reply = GEE_TYPE_OF(text_t) };
        begin(session, "Test.Echo", GEE_TYPE_OF(text_t), &text, &outcomes[i]);
        pump(world.fixture);
    }
    for (size_t i = 0; i < CALLS; i++) {
        size_t seen = length < sizeof(outcomes[i].text) ? length : sizeof(outcomes[i].text) - 1;
        await(&world, &outcomes[i], GEE_OK, NULL);
        assert_int_equal(strlen(outcomes[i].text), seen);
        assert_memory_equal(outcomes[i].text, bodies[i], seen);
    }
    world_destroy(&world);
}

static void bodies_are_kept_while_they_wait(void **state GEE_UNUSED) {
    static const size_t lengths[] = { 0, 100, 300, 5000, 100000 };
    for (size_t i = 0; i < GEE_LENGTH(wires); i++)
        for (size_t j = 0; j < GEE_LENGTH(lengths); j++) {
            check_bodies(&wires[i], lengths[j], false);
            check_bodies(&wires[i], lengths[j], true);
        }
}

/* ---- what travels on, and what does not come back ---- */

static question_t *begin_with(gee_session_t *session, int64_t timeout_ns, gee_metadata_t metadata, outcome_t *outcome) {
    static const pair_t pair = { 6, 7 };
    gee_event_t request = { .method = GEE_STR("Test.Keep"),
                            .timeout_ns = timeout_ns,
                            .metadata = metadata,
                            .payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(pair_t), .typed = &pair } };
    return ask(session, request, outcome);
}

static void metadata_and_deadline_travel_on(void **state GEE_UNUSED) {
    world_t world;
    __typeof__(*((gee_metadata_t *)0)->items) pairs[] = { { GEE_STR("traceparent"), GEE_STR("00-1") } };
    outcome_t outcome = { .reply = GEE_TYPE_OF(int64_t) };
    world_create(&world, "geerpc", "bin", false);
    gee_session_t *session = call_gateway(&world, "geerpc", "json");
    begin_with(session, 60 * GEE_SECOND, (gee_metadata_t){ .items = pairs, .count = 1 }, &outcome);
    TURN_UNTIL(&world, kept_call != NULL);
    assert_true(gee_str_equal(gee_call_metadata(kept_call, GEE_STR("traceparent")), GEE_STR("00-1")));
    int64_t left = gee_call_deadline(kept_call) - gee_loop_now(world.fixture->loop);
    assert_true(left > 50 * GEE_SECOND && left <= 60 * GEE_SECOND);
    gee_reply(kept_call);
    await(&world, &outcome, GEE_OK, NULL);
    assert_int_equal(outcome.number, 13);
    world_destroy(&world);
}

/* Its own deadline, which the server is not told on this wire. */
static void a_deadline_names_who_did_not_answer(void **state GEE_UNUSED) {
    static const pair_t pair = { 6, 7 };
    world_t world;
    char wanted[400];
    outcome_t outcome = { 0 };
    world_create_with(&world, "netrpc", "gob", false, false, 30 * GEE_MILLISECOND);
    gee_session_t *session = call_gateway(&world, "geerpc", "json");
    begin(session, "Test.Keep", GEE_TYPE_OF(pair_t), &pair, &outcome);
    snprintf(wanted, sizeof(wanted), "rpc server: request handle timeout: expect within 30ms (upstream test: %s)",
             world.listener.address);
    await(&world, &outcome, GEE_DEADLINE_EXCEEDED, wanted);
    assert_int_equal(server_report(&world).in_flight, 1); /* nor can it be told to stop: it takes its place */
    gee_reply(kept_call);
    TURN_UNTIL(&world, server_report(&world).in_flight == 0);
    world_destroy(&world);
}

static void a_silent_server_is_named(void **state GEE_UNUSED) {
    static const pair_t pair = { 6, 7 };
    world_t world;
    char wanted[400];
    outcome_t outcome = { 0 };
    world_create_with(&world, "geerpc", "json", false, false, 30 * GEE_MILLISECOND);
    world.listener.silent = true;
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    const gee_codec_t *json = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    gee_event_t request = { .method = GEE_STR("Test.Keep"),
                            .codec = json, /* in a frame: it goes on as it is */
                            .payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(pair_t), .typed = &pair } };
    ask(session, request, &outcome);
    snprintf(wanted, sizeof(wanted), "rpc server: request handle timeout: expect within 30ms (upstream test: %s)",
             world.listener.address);
    await(&world, &outcome, GEE_DEADLINE_EXCEEDED, wanted);
    for (size_t i = 0; i < world.listener.accepted; i++)
        close(world.listener.silent_ends[i]);
    TURN_UNTIL(&world, server_report(&world).in_flight == 0);
    world_destroy(&world);
}

static void a_refused_connection_is_said_with_tries_and_time(void **state GEE_UNUSED) {
    static const pair_t pair = { 6, 7 };
    world_t world;
    char wanted[400];
    outcome_t outcome = { 0 };
    float milliseconds = -1;
    int end = 0;
    world_create(&world, "geerpc", "json", true);
    stop_listening(&world.listener);
    gee_session_t *session = call_gateway(&world, "geerpc", "json");
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &outcome);
    TURN_UNTIL(&world, outcome.count == 1);
    assert_int_equal(outcome.code, GEE_UNAVAILABLE);
    snprintf(wanted, sizeof(wanted), "rpc gateway: upstream test: %s: connect: Connection refused (1 try, ",
             world.listener.address);
    assert_memory_equal(outcome.text, wanted, strlen(wanted));
    assert_int_equal(sscanf(outcome.text + strlen(wanted), "%f ms)%n", &milliseconds, &end), 1);
    assert_int_equal(strlen(wanted) + (size_t)end, strlen(outcome.text));
    assert_true(milliseconds >= 0 && milliseconds < 5000);
    listen_again(&world.listener);
    world_destroy(&world);
}

static void a_caller_that_goes_away_cancels(void **state GEE_UNUSED) {
    static const char request[] = OPTION_JSON "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1}{\"A\":6,\"B\":7}";
    world_t world;
    world_create(&world, "geerpc", "bin", false);
    int caller = connect_gateway(&world);
    assert_int_equal(write(caller, request, sizeof(request) - 1), sizeof(request) - 1);
    TURN_UNTIL(&world, kept_call != NULL);
    close(caller);
    TURN_UNTIL(&world, kept_cancelled == 1);
    assert_int_equal(server_report(&world).in_flight, 0);
    gee_reply(kept_call);
    world_destroy(&world);
}

static void a_call_that_is_cancelled_is_cancelled_at_the_server(void **state GEE_UNUSED) {
    world_t world;
    outcome_t outcome = { 0 };
    world_create(&world, "geerpc", "bin", false);
    gee_session_t *session = call_gateway(&world, "geerpc", "bin");
    question_t *question = begin_with(session, 0, (gee_metadata_t){ 0 }, &outcome);
    TURN_UNTIL(&world, kept_call != NULL);
    forget(session, question);
    TURN_UNTIL(&world, kept_cancelled == 1);
    gee_reply(kept_call);
    TURN_UNTIL(&world, world.engine->live_calls == 0);
    world_destroy(&world);
}

/* Arguments that the caller's codec refuses are the caller's fault: no server is blamed. */
static void arguments_that_cannot_be_read_are_the_callers_fault(void **state GEE_UNUSED) {
    world_t world;
    outcome_t outcome = { 0 };
    world_create(&world, "geerpc", "bin", true);
    gee_session_t *session = call_gateway(&world, "geerpc", "gob");
    /* Test.Multiply wants two integers; A is a text here. */
    typedef struct {
        gee_str_t a;
    } wrong_t;
    static const gee_field_t fields[] = { GEE_STRING(wrong_t, a, "A", 1) };
    static const gee_type_t type = {
        .kind = GEE_KIND_STRUCT, .name = "Pair", .size = sizeof(wrong_t), .fields = fields, .field_count = 1
    };
    wrong_t wrong = { GEE_STR("x") };
    begin(session, "Test.Multiply", &type, &wrong, &outcome);
    TURN_UNTIL(&world, outcome.count == 1);
    assert_non_null(strstr(outcome.text, "rpc server: Test.Multiply: A: "));
    assert_int_equal(server_report(&world).failures + server_report(&world).calls, 0);
    world_destroy(&world);
}

/* Bytes that a caller chose go on a connection that others share. */
static void nobody_can_speak_for_another(void **state GEE_UNUSED) {
    static char deep[2 * 100 + 1]; /* as deep as limits.nesting allows, but JSON-RPC's params are round it */
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    static const char *const bodies[] = {
        "{\"A\":1,\"B\":2}{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1}{\"A\":1,\"B\":2}",
        "{\"A\":1,\"B\":2}\n{}",
        "{\"A\":1 \"B\":2}",
        "{\"A\":1,}",
        "{\"A\":\"\\u12\"}",
        "[1,2",
        "",
        "{\"A\":\"\xff\"}",
        deep,
    };
    static const wire_t shared[] = { { "geerpc", "json", true, false }, { "jsonrpc", "json", false, true } };
    const gee_codec_t *json = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    for (size_t i = 0; i < GEE_LENGTH(shared) * GEE_LENGTH(bodies); i++) {
        const char *body = bodies[i / GEE_LENGTH(shared)];
        const wire_t *back = &shared[i % GEE_LENGTH(shared)];
        pair_t pair = { 7, 8 };
        world_t world;
        outcome_t bad = { 0 }, good = { .reply = GEE_TYPE_OF(int64_t) };
        world_create(&world, back->protocol, back->codec, false);
        gee_session_t *session = call_gateway(&world, "geerpc", "bin"); /* its frames take any bytes */
        gee_payload_t payload = {
            .kind = GEE_PAYLOAD_BYTES, .codec = json, .bytes = (const uint8_t *)body, .length = strlen(body)
        };
        ask(session, (gee_event_t){ .method = GEE_STR("Test.Multiply"), .codec = json, .payload = payload }, &bad);
        TURN_UNTIL(&world, bad.count == 1);
        assert_int_equal(bad.code, body == deep ? GEE_RESOURCE_EXHAUSTED : GEE_INVALID_ARGUMENT);
        assert_non_null(strstr(bad.text, "rpc server: Test.Multiply: "));
        assert_int_equal(server_report(&world).calls, 0);
        session = call_gateway(&world, "geerpc", "json");
        begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &good);
        await(&world, &good, GEE_OK, NULL);
        assert_int_equal(good.number, 56);
        assert_int_equal(server_report(&world).calls, 1);
        world_destroy(&world);
    }
}

typedef struct {
    gee_str_t long_name;
} named_t;
typedef struct {
    GEE_LIST_OF(named_t) items;
    gee_str_t text;
} listed_t;

/* A server ends the connection, on which others have calls too, at a message that is too long for it. */
static void a_message_that_grows_too_long_is_not_sent(void **state GEE_UNUSED) {
    static char name[1001], zeros[1000000], full[4 << 20];
    memset(name, 'n', sizeof(name) - 1);
    memset(full, 'x', sizeof(full));
    const gee_field_t item_fields[] = { GEE_STRING(named_t, long_name, name, 1) };
    const gee_type_t item = {
        .kind = GEE_KIND_STRUCT, .name = "Named", .size = sizeof(named_t), .fields = item_fields, .field_count = 1
    };
    const gee_type_t list = { .kind = GEE_KIND_LIST, .name = "", .size = sizeof(gee_list_value_t), .element = &item };
    const gee_field_t fields[] = {
        { .name = "Items", .tag = 1, .offset = offsetof(listed_t, items), .type = &list },
        GEE_STRING(listed_t, text, "Text", 2),
    };
    const gee_type_t type = {
        .kind = GEE_KIND_STRUCT, .name = "Listed", .size = sizeof(listed_t), .fields = fields, .field_count = 2
    };
    enum { MANY = 50000 };
    named_t *items = calloc(MANY, sizeof(*items));
    const listed_t many = { .items = { items, MANY } };             /* gob has the name once, JSON 50,000 times */
    const listed_t escaped = { .text = { zeros, sizeof(zeros) } };  /* six bytes each in JSON */
    const listed_t whole = { .text = { full, sizeof(full) - 60 } }; /* fits, and its next header is longer */
    const listed_t *const long_ones[] = { &many, &escaped, &whole };
    static const char *const front[] = { "gob", "gob", "json" };
    world_t world;
    pair_t pair = { 7, 8 };
    outcome_t kept = { .reply = GEE_TYPE_OF(int64_t) }, outcome;
    world_create_with(&world, "geerpc", "json", false, false, 60 * GEE_SECOND); /* which the header says */
    begin(call_gateway(&world, "geerpc", "json"), "Test.Keep", GEE_TYPE_OF(pair_t), &pair, &kept);
    TURN_UNTIL(&world, kept_call != NULL);
    for (size_t i = 0; i < GEE_LENGTH(long_ones); i++) {
        __typeof__(*((gee_metadata_t *)0)->items) pairs[] = { { GEE_STR("k"), GEE_STR("v") } };
        gee_session_t *session = call_gateway(&world, i < 2 ? "geerpc" : "jsonrpc", front[i]);
        gee_event_t request = { .method = GEE_STR("Test.Echo"),
                                .metadata = { .items = pairs, .count = 1 },
                                .payload = { .kind = GEE_PAYLOAD_TYPED, .type = &type, .typed = long_ones[i] } };
        outcome = (outcome_t){ 0 };
        ask(session, request, &outcome);
        TURN_UNTIL(&world, outcome.count == 1);
        assert_int_not_equal(outcome.code, GEE_OK);
        if (strstr(outcome.text, "(limits.message)") == NULL)
            fail_msg("%zu: %s", i, outcome.text);
    }
    gee_reply(kept_call); /* its connection is still there */
    await(&world, &kept, GEE_OK, NULL);
    assert_int_equal(server_report(&world).failures, 0);
    assert_int_equal(world.listener.accepted, 1);
    world_destroy(&world);
    free(items);
}

/* The limit of the server for requests, or that of the gateway for replies: that call alone ends, it is not tried
 * again, and the server is not down. (The wires that skip so.) */
static void over_a_limit_costs_its_own_call(void **state GEE_UNUSED) {
    static const wire_t backs[] = {
        { "geerpc", "bin", true, false }, { "geerpc", "json", true, false },  { "geerpc", "gob", false, false },
        { "netrpc", "gob", false, true }, { "jsonrpc", "json", false, true },
    };
    static char full[3000];
    memset(full, 'x', sizeof(full));
    const text_t text = { .text = { full, sizeof(full) } };
    const pair_t pair = { 7, 8 }, size = { sizeof(full), 0 };
    for (size_t i = 0; i < 2 * GEE_LENGTH(backs); i++) {
        const wire_t *back = &backs[i / 2];
        bool request = i % 2;
        world_t world;
        outcome_t kept = { .reply = GEE_TYPE_OF(int64_t) }, large = { 0 };
        world_create(&world, back->protocol, back->codec, true);
        *(request ? &world.fixture->engine->codec_limits.message : &world.engine->codec_limits.message) = 2000;
        gee_session_t *session = call_gateway(&world, "geerpc", "bin");
        begin(session, "Test.Keep", GEE_TYPE_OF(pair_t), &pair, &kept);
        TURN_UNTIL(&world, kept_call != NULL);
        if (request)
            begin(session, "Test.Echo", GEE_TYPE_OF(text_t), &text, &large);
        else
            begin(session, "Test.Grow", GEE_TYPE_OF(pair_t), &size, &large);
        TURN_UNTIL(&world, large.count == 1);
        if (large.code != (request && !back->codes ? GEE_UNKNOWN : GEE_RESOURCE_EXHAUSTED) ||
            strstr(large.text, "over 2000") == NULL)
            fail_msg("%s, %s: %d %s", back->codec, request ? "request" : "reply", large.code, large.text);
        assert_int_equal(strstr(large.text, "rpc gateway: upstream test: ") != NULL, !request);
        gee_reply(kept_call);
        await(&world, &kept, GEE_OK, NULL);
        gee_backend_report_t report = server_report(&world);
        assert_int_equal(report.failures, 0);
        assert_int_equal(report.state, GEE_BACKEND_UP);
        assert_int_equal(report.calls, 2);
        assert_int_equal(world.listener.accepted, 1);
        world_destroy(&world);
    }
}

/* Objects with ever other members are ever other types to gob, of which a connection takes 1,024: that uses up
 * connections, and no call. */
static void no_call_suffers_from_the_types_of_others(void **state GEE_UNUSED) {
    world_t world;
    outcome_t outcome;
    world_create(&world, "netrpc", "gob", false);
    gee_session_t *session = call_gateway(&world, "geerpc", "json");
    for (int i = 0; i < 2500; i++) {
        char body[100];
        snprintf(body, sizeof(body), "{\"A\":%d,\"B\":2,\"C%d\":0}", i, i);
        gee_payload_t payload = {
            .kind = GEE_PAYLOAD_BYTES, .codec = session->codec, .bytes = (const uint8_t *)body, .length = strlen(body)
        };
        outcome = (outcome_t){ .reply = GEE_TYPE_OF(int64_t) };
        ask(session, (gee_event_t){ .method = GEE_STR("Test.Multiply"), .payload = payload }, &outcome);
        await(&world, &outcome, GEE_OK, NULL);
        assert_int_equal(outcome.number, 2 * i);
    }
    assert_int_equal(server_report(&world).failures, 0);
    assert_int_equal(world.listener.accepted, 3);
    world_destroy(&world);
}

/* A caller with more types than that is refused for a second; a caller whose types are known goes on. */
static void types_that_are_new_again_and_again_are_refused(void **state GEE_UNUSED) {
    world_t world;
    outcome_t outcome;
    pair_t pair = { 7, 8 };
    unsigned refused = 0;
    world_create(&world, "netrpc", "gob", false);
    gee_session_t *session = call_gateway(&world, "geerpc", "json"), *gob = call_gateway(&world, "geerpc", "gob");
    for (int i = 0; i < 3500; i++) {
        char body[100];
        snprintf(body, sizeof(body), "{\"A\":%d,\"B\":2,\"C%d\":0}", i, i);
        gee_payload_t payload = {
            .kind = GEE_PAYLOAD_BYTES, .codec = session->codec, .bytes = (const uint8_t *)body, .length = strlen(body)
        };
        if (i % 100 == 0) {
            outcome = (outcome_t){ .reply = GEE_TYPE_OF(int64_t) };
            begin(gob, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &outcome);
            await(&world, &outcome, GEE_OK, NULL);
        }
        outcome = (outcome_t){ .reply = GEE_TYPE_OF(int64_t) };
        ask(session, (gee_event_t){ .method = GEE_STR("Test.Multiply"), .payload = payload }, &outcome);
        TURN_UNTIL(&world, outcome.count > 0);
        refused += outcome.code == GEE_RESOURCE_EXHAUSTED;
        assert_true(outcome.code == GEE_OK || strstr(outcome.text, "types to be defined on one connection") != NULL);
    }
    assert_true(refused > 0 || world.listener.accepted > 3);
    assert_true(world.listener.accepted <= 10);
    world_destroy(&world);
}

/* ---- methods that no declaration names ---- */

static size_t number_of(const world_t *world, const char *method) {
    const gee_method_slot_t *slot = gee_service_table_find(gee_dispatch_table(world->dispatch), gee_str(method));
    assert_non_null(slot);
    return slot->number;
}

static void methods_are_learned_when_their_server_has_answered(void **state GEE_UNUSED) {
    world_t world;
    pair_t pair = { 7, 8 };
    outcome_t outcome = { 0 }, echo = { 0 };
    text_t text = { GEE_STR("x") };
    world_create(&world, "geerpc", "json", false);
    gee_session_t *session = call_gateway(&world, "geerpc", "json");
    size_t any = number_of(&world, "Test.Echo"), most = gee_dispatch_method_count(world.dispatch);
    assert_int_not_equal(number_of(&world, "Test.Multiply"), any); /* the configuration names it */
    for (int i = 0; i < 200; i++) {
        char name[40];
        outcome = (outcome_t){ 0 };
        snprintf(name, sizeof(name), "Test.None%d", i);
        begin(session, name, GEE_TYPE_OF(pair_t), &pair, &outcome);
        await(&world, &outcome, GEE_UNIMPLEMENTED, NULL);
        assert_int_equal(number_of(&world, name), any);
    }
    begin(session, "Test.Echo", GEE_TYPE_OF(text_t), &text, &echo);
    await(&world, &echo, GEE_OK, NULL);
    assert_int_not_equal(number_of(&world, "Test.Echo"), any);
    assert_true(number_of(&world, "Test.Echo") < most);
    assert_int_equal(gee_dispatch_method_count(world.dispatch), most);
    assert_null(gee_service_table_find(gee_dispatch_table(world.dispatch), GEE_STR("Other.Echo")));
    assert_null(gee_service_table_find(gee_dispatch_table(world.dispatch), GEE_STR("Test.")));
    assert_null(gee_service_table_find(gee_dispatch_table(world.dispatch), GEE_STR("Test")));
    world_destroy(&world);
}

static void no_more_than_some_are_learned(void **state GEE_UNUSED) {
    world_t world;
    world_create(&world, "geerpc", "json", false);
    gee_service_table_t *table = gee_dispatch_table(world.dispatch);
    size_t any = number_of(&world, "Test.Echo"), most = gee_dispatch_method_count(world.dispatch), learned = 0;
    for (int i = 0; i < 2 * GEE_METHODS_LEARNED; i++) {
        char name[300];
        gee_call_t call = { 0 };
        snprintf(name, sizeof(name), "Test.Name%0*d", i == 0 ? 250 : 1, i); /* the first is too long */
        call.method_name = gee_str(name);
        call.method_slot = (void *)(uintptr_t)gee_service_table_find(table, call.method_name);
        gee_service_table_learn(table, &call);
        gee_service_table_learn(table, &call);
        learned += number_of(&world, name) != any;
        assert_true(number_of(&world, name) < most);
    }
    assert_int_equal(learned, GEE_METHODS_LEARNED);
    assert_int_equal(gee_dispatch_method_count(world.dispatch), most);
    world_destroy(&world);
}

static void types_that_are_not_known_are_not_described(void **state GEE_UNUSED) {
    world_t world;
    gee_describe_arguments_t wanted = { GEE_STR("Test.Multiply") };
    outcome_t outcome = { 0 };
    world_create(&world, "geerpc", "json", false);
    gee_session_t *session = call_gateway(&world, "geerpc", "json");
    begin(session, "Gee.Describe", GEE_TYPE_OF(gee_describe_arguments_t), &wanted, &outcome);
    await(&world, &outcome, GEE_UNIMPLEMENTED,
          "rpc gateway: Test is forwarded, and its types are not known here: it has no descriptors, and its "
          "declaration is not compiled in");
    world_destroy(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wire_reaches_every_wire),
        cmocka_unit_test(methods_that_a_declaration_lacks_are_forwarded_when_asked_for),
        cmocka_unit_test(without_a_declaration_all_but_bin_do),
        cmocka_unit_test(bin_without_types_is_refused_with_that_reason),
        cmocka_unit_test(a_declaration_gives_gob_its_types),
        cmocka_unit_test(bodies_are_kept_while_they_wait),
        cmocka_unit_test(metadata_and_deadline_travel_on),
        cmocka_unit_test(a_deadline_names_who_did_not_answer),
        cmocka_unit_test(a_silent_server_is_named),
        cmocka_unit_test(a_refused_connection_is_said_with_tries_and_time),
        cmocka_unit_test(a_caller_that_goes_away_cancels),
        cmocka_unit_test(a_call_that_is_cancelled_is_cancelled_at_the_server),
        cmocka_unit_test(arguments_that_cannot_be_read_are_the_callers_fault),
        cmocka_unit_test(nobody_can_speak_for_another),
        cmocka_unit_test(a_message_that_grows_too_long_is_not_sent),
        cmocka_unit_test(over_a_limit_costs_its_own_call),
        cmocka_unit_test(no_call_suffers_from_the_types_of_others),
        cmocka_unit_test(types_that_are_new_again_and_again_are_refused),
        cmocka_unit_test(methods_are_learned_when_their_server_has_answered),
        cmocka_unit_test(no_more_than_some_are_learned),
        cmocka_unit_test(types_that_are_not_known_are_not_described),
    };
    return cmocka_run_group_tests_name("forward", tests, NULL, NULL);
}
