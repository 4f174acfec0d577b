/* protocol_netrpc_test.c: Go's net/rpc byte by byte: what Go 1.19 sent and got (its own bytes, as captured), in both
 * roles, cut at every place. */
#include "calling_fixture.h"
#include "core/rpc/session_private.h"

/* Test.Multiply{7,8} with seq 0, as the first call of a connection: both types are defined before their values. */
#define GO_REQUEST_1                                                                                                   \
    "2fff81030101075265717565737401ff82000102010d536572766963654d6574686f64010c000103536571010600000012ff82010d546573" \
    "742e4d756c7469706c79001eff83030101045061697201ff84000102010141010400010142010400000007ff84010e011000"
/* Test.Multiply{7,9}, seq 1: the types are known. */
#define GO_REQUEST_2 "14ff82010d546573742e4d756c7469706c7901010007ff84010e011200"
/* Test.Echo{"hi"}, seq 2: one more type. */
#define GO_REQUEST_3                                                                                                   \
    "10ff820109546573742e4563686f0102001bff87030101045465787401ff88000101010454657874010c00000007ff880102686900"
/* Test.Fail{"no way"}, seq 3; Test.None, seq 4; No.None, seq 5. */
#define GO_REQUEST_4 "10ff820109546573742e4661696c0103000bff8801066e6f2077617900"
#define GO_REQUEST_5 "10ff820109546573742e4e6f6e650104000bff8801066e6f2077617900"
#define GO_REQUEST_6 "0eff8201074e6f2e4e6f6e650105000bff8801066e6f2077617900"

/* The same first and second calls from a process that had given 9,000 ids away; and the first as newer Go has it,
 * whose ids begin with 64. */
#define GO_REQUEST_1_LATE                                                                                              \
    "31fe46d3030101075265717565737401fe46d4000102010d536572766963654d6574686f64010c000103536571010600000013fe46d4010d" \
    "546573742e4d756c7469706c790020fe46d5030101045061697201fe46d6000102010141010400010142010400000008fe46d6010e011000"
#define GO_REQUEST_2_LATE "15fe46d4010d546573742e4d756c7469706c7901010008fe46d6010e011200"
#define GO_REQUEST_1_NEWER                                                                                             \
    "2e7f030101075265717565737401ff80000102010d536572766963654d6574686f64010c000103536571010600000012ff80010d54657374" \
    "2e4d756c7469706c79001eff81030101045061697201ff82000102010141010400010142010400000007ff82010e011000"

/* The replies of Go's server to the first, second and fourth, whose seq fit our own numbers when they are 1 and 2. */
#define GO_REPLY_1                                                                                                     \
    "3aff8503010108526573706f6e736501ff86000103010d536572766963654d6574686f64010c00010353657101060001054572726f72010c" \
    "00000014ff86010d546573742e4d756c7469706c7901010003040070"
#define GO_REPLY_2 "14ff86010d546573742e4d756c7469706c790102000304007e"
#define GO_REPLY_4 "18ff860109546573742e4661696c010301066e6f20776179000aff89030102ff8a00000003ff8a00"

typedef struct bytes {
    uint8_t data[4096];
    size_t length;
} bytes_t;

static void add_hex(bytes_t *bytes, const char *hex) {
    for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        unsigned byte;
        assert_int_equal(sscanf(hex, "%2x", &byte), 1);
        assert_true(bytes->length < sizeof(bytes->data));
        bytes->data[bytes->length++] = (uint8_t)byte;
    }
}

/* ---- the calling role, which also reads what our own server says ---- */

/* Go's server has answered so. */
static void test_replies_of_go(void **state GEE_UNUSED) {
    bytes_t replies = { 0 };
    pair_t pair = { .a = 7, .b = 8 };
    text_t text = { .text = GEE_STR("no way") };
    add_hex(&replies, GO_REPLY_1 GO_REPLY_2 GO_REPLY_4);
    for (size_t cut = 0; cut < replies.length; cut++) {
        outcome_t outcomes[3] = { { .reply = GEE_TYPE_OF(int64_t) }, { .reply = GEE_TYPE_OF(int64_t) }, { 0 } };
        int peer;
        fixture_t *fixture = fixture_create(NULL, NULL);
        gee_session_t *session = dial(fixture, "netrpc", "gob", &peer);
        begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &outcomes[0]);
        begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &outcomes[1]);
        begin(session, "Test.Fail", GEE_TYPE_OF(text_t), &text, &outcomes[2]);
        pump(fixture);
        peer_write(fixture, peer, replies.data, cut);
        pump(fixture);
        assert_int_equal(outcomes[2].count, 0);
        peer_write(fixture, peer, replies.data + cut, replies.length - cut);
        pump(fixture);
        for (size_t i = 0; i < GEE_LENGTH(outcomes); i++) {
            assert_int_equal(outcomes[i].count, 1);
            assert_true(outcomes[i].answered);
        }
        assert_int_equal(outcomes[0].number, 56);
        assert_int_equal(outcomes[1].number, 63);
        assert_int_equal(outcomes[2].code, GEE_UNKNOWN);
        assert_string_equal(outcomes[2].text, "no way");
        finish(fixture, peer);
    }
}

/* Calls of our side begin as the door expects, and our own server answers them. */
static void test_against_our_own_server(void **state GEE_UNUSED) {
    pair_t pair = { .a = 7, .b = 8 }, large = { .a = INT64_MAX, .b = 1 };
    text_t text = { .text = GEE_STR("a text") };
    outcome_t product = { .reply = GEE_TYPE_OF(int64_t) }, same = product, echoed = { .reply = GEE_TYPE_OF(text_t) };
    outcome_t failed = { 0 }, unknown = { 0 }, mistaken = { 0 };
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_session_t *session = make_caller(fixture, "netrpc", "gob", fixture_connect(fixture));
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &product);
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &large, &same);
    begin(session, "Test.Echo", GEE_TYPE_OF(text_t), &text, &echoed);
    begin(session, "Test.Fail", GEE_TYPE_OF(text_t), &text, &failed);
    begin(session, "No.Way", GEE_TYPE_OF(text_t), &text, &unknown);
    begin(session, "Test.Multiply", GEE_TYPE_OF(int64_t), &pair.a, &mistaken);
    for (int i = 0; i < 1000 && mistaken.count == 0; i++)
        pump(fixture);
    assert_int_equal(product.number, 56);
    assert_true(same.number == INT64_MAX);
    assert_string_equal(echoed.text, "a text");
    assert_int_equal(failed.code, GEE_UNKNOWN);
    assert_string_equal(failed.text, "a text");
    assert_string_equal(unknown.text, "rpc: can't find service No.Way");
    assert_int_equal(mistaken.code, GEE_UNKNOWN);
    assert_non_null(strstr(mistaken.text, "rpc server: Test.Multiply: "));
    gee_session_close(session, NULL);
    pump(fixture);
    fixture_destroy(fixture);
}

/* A call that cannot be written leaves nothing behind: the peer has not been told of types that were in it. */
static void test_a_call_that_cannot_be_sent(void **state GEE_UNUSED) {
    gee_error_t error = { 0 };
    gee_value_t nothing = { .kind = GEE_VALUE_NULL };
    gee_payload_t payload = { .kind = GEE_PAYLOAD_VALUE, .value = &nothing };
    pair_t pair = { .a = 7, .b = 8 };
    outcome_t product = { .reply = GEE_TYPE_OF(int64_t) };
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_session_t *session = make_caller(fixture, "netrpc", "gob", fixture_connect(fixture));
    gee_event_t request = { .method = GEE_STR("Test.Multiply"), .payload = payload };
    assert_null(try_to_ask(session, request, NULL, &error));
    assert_int_equal(gee_session_out(session)->length, 0);
    begin(session, "Test.Multiply", GEE_TYPE_OF(pair_t), &pair, &product);
    for (int i = 0; i < 1000 && product.count == 0; i++)
        pump(fixture);
    assert_int_equal(product.number, 56);
    gee_session_close(session, NULL);
    pump(fixture);
    fixture_destroy(fixture);
}

/* ---- the serving role ---- */

/* The replies to some bytes, in whatever pieces. */
static void serve(const bytes_t *request, size_t cut, bytes_t *reply) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    if (cut == SIZE_MAX)
        receive_at_most = 1;
    peer_write(fixture, peer, request->data, cut == SIZE_MAX ? request->length : cut);
    pump(fixture);
    if (cut != SIZE_MAX)
        peer_write(fixture, peer, request->data + cut, request->length - cut);
    shutdown(peer, SHUT_WR);
    wait_for(fixture, peer, sizeof(fixture->got));
    assert_true(fixture->got_end);
    if (fixture->got_length > sizeof(reply->data))
        fail_msg("%zu bytes of replies", fixture->got_length);
    memcpy(reply->data, fixture->got, fixture->got_length);
    reply->length = fixture->got_length;
    finish(fixture, peer);
}

static void expect_replies(const bytes_t *reply, const gee_type_t *const *types, outcome_t *outcomes, size_t count) {
    pair_t pair = { .a = 1, .b = 2 };
    int peer;
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_session_t *session = dial(fixture, "netrpc", "gob", &peer);
    session->calling.next_number = 0; /* as Go counts */
    for (size_t i = 0; i < count; i++) {
        outcomes[i] = (outcome_t){ .reply = types[i] };
        begin(session, "Test.Any", GEE_TYPE_OF(pair_t), &pair, &outcomes[i]);
    }
    pump(fixture);
    peer_write(fixture, peer, reply->data, reply->length);
    pump(fixture);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(outcomes[i].count, 1);
    finish(fixture, peer);
}

static void test_requests_of_go(void **state GEE_UNUSED) {
    static const gee_type_t *const types[] = { GEE_TYPE_OF(int64_t), GEE_TYPE_OF(int64_t), GEE_TYPE_OF(text_t),
                                               GEE_TYPE_OF(text_t),  GEE_TYPE_OF(text_t),  GEE_TYPE_OF(text_t) };
    outcome_t outcomes[GEE_LENGTH(types)];
    bytes_t requests = { 0 }, whole = { 0 }, pieces = { 0 };
    add_hex(&requests, GO_REQUEST_1 GO_REQUEST_2 GO_REQUEST_3 GO_REQUEST_4 GO_REQUEST_5 GO_REQUEST_6);
    serve(&requests, requests.length, &whole);
    expect_replies(&whole, types, outcomes, GEE_LENGTH(types));
    assert_int_equal(outcomes[0].number, 56);
    assert_int_equal(outcomes[1].number, 63);
    assert_string_equal(outcomes[2].text, "hi");
    assert_string_equal(outcomes[3].text, "no way");
    assert_string_equal(outcomes[4].text, "rpc: can't find method Test.None");
    assert_string_equal(outcomes[5].text, "rpc: can't find service No.None");
    for (size_t cut = 0; cut < requests.length; cut++) {
        serve(&requests, cut, &pieces);
        assert_int_equal(pieces.length, whole.length);
        assert_memory_equal(pieces.data, whole.data, whole.length);
    }
    serve(&requests, SIZE_MAX, &pieces);
    assert_int_equal(pieces.length, whole.length);
    assert_memory_equal(pieces.data, whole.data, whole.length);
}

static void test_type_ids(void **state GEE_UNUSED) {
    static const gee_type_t *const types[] = { GEE_TYPE_OF(int64_t), GEE_TYPE_OF(int64_t) };
    outcome_t outcomes[GEE_LENGTH(types)];
    bytes_t late = { 0 }, newer = { 0 }, reply = { 0 };
    add_hex(&late, GO_REQUEST_1_LATE GO_REQUEST_2_LATE);
    serve(&late, SIZE_MAX, &reply);
    expect_replies(&reply, types, outcomes, 2);
    assert_int_equal(outcomes[0].number, 56);
    assert_int_equal(outcomes[1].number, 63);
    add_hex(&newer, GO_REQUEST_1_NEWER);
    serve(&newer, SIZE_MAX, &reply);
    expect_replies(&reply, types, outcomes, 1);
    assert_int_equal(outcomes[0].number, 56);
}

/* A type is defined once a connection: the second reply is the shorter for it. */
static void test_types_are_sent_once(void **state GEE_UNUSED) {
    bytes_t one = { 0 }, two = { 0 }, first = { 0 }, both = { 0 };
    add_hex(&one, GO_REQUEST_1);
    add_hex(&two, GO_REQUEST_1 GO_REQUEST_2);
    serve(&one, one.length, &first);
    serve(&two, two.length, &both);
    assert_true(both.length > first.length);
    assert_true(both.length - first.length < first.length / 2);
    assert_memory_equal(both.data, first.data, first.length);
}

/* Errors that end the conversation: in the log with their reason, and no crash. */
static void test_refused(void **state GEE_UNUSED) {
    static const struct {
        const char *hex, *logged;
    } rows[] = {
        { "2fff81030101075265717565737401ff82000102010d536572766963654d6574686f64010c0001035365710106000000"
          "07ffa0010e011000", /* a value of a type that was never defined */
          "header" },
        { "0fff8103010107526571756573740100", "header" },
        { "fdffffff00", "header: over 4194304 bytes" }, /* 16 MiB of a type that says no number */
        { "1eff83030101045061697201ff84000102010141010400010142010400000007ff84010e011000"
          "07ff84010e011000", /* a header without ServiceMethod and Seq: nothing in common with ours */
          NULL },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        bytes_t bytes = { 0 };
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        add_hex(&bytes, rows[i].hex);
        peer_write(fixture, peer, bytes.data, bytes.length);
        shutdown(peer, SHUT_WR);
        wait_for(fixture, peer, sizeof(fixture->got));
        assert_true(fixture->got_end);
        if (rows[i].logged != NULL && strstr(fixture->log_text, rows[i].logged) == NULL)
            fail_msg("\"%s\" not in the log: %s", rows[i].logged, fixture->log_text);
        finish(fixture, peer);
    }
}

/* Every byte of Go's requests changed in some way: an answer or the end comes, nothing else (sanitizers look on). */
static void test_damaged(void **state GEE_UNUSED) {
    static const uint8_t damages[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
    bytes_t requests = { 0 }, reply;
    add_hex(&requests, GO_REQUEST_1 GO_REQUEST_2 GO_REQUEST_3);
    for (size_t at = 2; at < requests.length; at++)
        for (size_t i = 0; i < GEE_LENGTH(damages); i++) {
            uint8_t kept = requests.data[at];
            requests.data[at] = damages[i];
            serve(&requests, requests.length, &reply);
            requests.data[at] = kept;
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_call_that_cannot_be_sent),
        cmocka_unit_test(test_replies_of_go),
        cmocka_unit_test(test_against_our_own_server),
        cmocka_unit_test(test_requests_of_go),
        cmocka_unit_test(test_type_ids),
        cmocka_unit_test(test_types_are_sent_once),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
