/* codec_gob_handover_test.c: what two peers know of each other's types goes along to another process: all kinds that
 * Go has (its own bytes, as captured), types that stand for themselves, trees; what a record must not say. */
#include "codec_gob_fixture.h"
#include "codec_gob_captures.h"

/* A state that another process would make of its record, in its place; on the types of another worker. */
static void move(void **state, void *next_shared) {
    gee_record_t record = { 0 };
    codec->export_state(*state, &record);
    assert_false(record.failed);
    void *next = open_state(next_shared);
    gee_record_reader_t in = gee_record_reader(record.bytes, record.length);
    if (codec->import_state(next, &in, &error) != 0)
        fail_msg("%s", error.text);
    close_state(state);
    *state = next;
    gee_record_clear(&record);
}

static int carry_wire(void *from, void *to, uint8_t *bytes, size_t length) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    return take_chain(&chain, codec->carry(from, to, bytes, length, &chain, &error));
}

#define LENGTH_OF_ITS_DEFINITION 26 /* of go_scalars_6, in hex */

/* Of one connection each; the last ones of a stream need the definitions of the first. */
static const char *const streams[][4] = {
    { go_header_0, go_header_1, go_header_2, go_header_3 },
    { go_late_header_0, go_late_header_1, go_late_header_2, go_late_header_3 },
    { go_scalars_6, go_scalars_7, go_scalars_8, go_scalars_6 + LENGTH_OF_ITS_DEFINITION },
    { go_all_zero_0 },
    { go_all_0 },
    { go_odd_0 },
    { go_tree_0 },
    { go_late_tree_0 },
    { go_empty_0, go_empty_1 },
};

/* Forwarded: received with the peer's ids, sent with ours. Both sides move after each value, and nobody sees it. */
static void all_types_of_go(void **state) {
    (void)state;
    static uint8_t given[sizeof(wire)], wanted[sizeof(wire)];
    void *other = codec->shared_create(&error), *staying = open_state(shared);
    assert_non_null(other);
    for (size_t i = 0; i < GEE_LENGTH(streams); i++) {
        close_state(&receiver);
        receiver = open_state(shared);
        for (size_t k = 0; k < GEE_LENGTH(streams[i]) && streams[i][k] != NULL; k++) {
            from_hex(streams[i][k]);
            size_t given_length = wire_length;
            memcpy(given, wire, given_length);
            if (read_wire(NULL, NULL, NULL) != 0)
                fail_msg("stream %zu, value %zu: %s", i, k, error.text);
            assert_int_equal(carry_wire(receiver, staying, given, given_length), 0);
            size_t wanted_length = wire_length;
            memcpy(wanted, wire, wanted_length);
            assert_int_equal(carry_wire(receiver, sender, given, given_length), 0);
            assert_int_equal(wire_length, wanted_length);
            assert_memory_equal(wire, wanted, wanted_length);
            move(&sender, k % 2 ? shared : other);
            move(&receiver, k % 2 ? shared : other);
        }
        move(&sender, shared);
    }
    close_state(&staying);
    close_state(&sender);
    close_state(&receiver);
    codec->shared_destroy(other);
}

static void trees(void **state) {
    (void)state;
    static const char *const texts[] = { "{\"A\":1,\"B\":[1,2]}", "[{\"x\":{\"y\":[[true]]}},{\"z\":\"s\"}]",
                                         "[[1.5],[]]", "{}", "7" };
    void *staying = open_state(shared), *moving = sender;
    const gee_codec_t *json = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    for (size_t i = 0; i < 2 * GEE_LENGTH(texts); i++) {
        const char *text = texts[i % GEE_LENGTH(texts)];
        static uint8_t wanted[sizeof(wire)];
        gee_value_t tree;
        assert_int_equal(json->decode_value(NULL, (const uint8_t *)text, strlen(text), &limits, pool, &tree, &error),
                         0);
        sender = staying;
        assert_int_equal(encode_tree(&tree), 0);
        size_t wanted_length = wire_length;
        memcpy(wanted, wire, wire_length);
        sender = moving;
        assert_int_equal(encode_tree(&tree), 0);
        assert_int_equal(wire_length, wanted_length);
        assert_memory_equal(wire, wanted, wire_length);
        move(&moving, shared);
        sender = moving;
    }
    close_state(&staying);
}

/* ---- what is refused ---- */

static void expect_refusal(gee_record_t *record, const char *reason) {
    void *next = open_state(shared);
    gee_record_reader_t in = gee_record_reader(record->bytes, record->length);
    memset(&error, 0, sizeof(error));
    assert_int_equal(codec->import_state(next, &in, &error), -1);
    if (strstr(error.text, reason) == NULL)
        fail_msg("refused, but because of: %s", error.text);
    close_state(&next);
    gee_record_clear(record);
}

/* The definition of Args, without its length, under that id (one byte as the wire has it, negated). */
static void put_definition(gee_record_t *record, uint8_t id) {
    uint8_t definition[] = { 0xff, id,   0x03, 0x01, 0x01, 0x04, 'A',  'r',  'g',  's',  0x01, 0xff, (uint8_t)(id + 1),
                             0x00, 0x01, 0x02, 0x01, 0x01, 'A',  0x01, 0x04, 0x00, 0x01, 0x01, 'B',  0x01,
                             0x04, 0x00, 0x00, 0x00 };
    gee_record_put_bytes(record, definition, sizeof(definition));
}

static void put_sent(gee_record_t *record, uint64_t first, uint64_t count, uint8_t id) {
    gee_record_put_u64(record, first);
    gee_record_put_u64(record, count);
    put_definition(record, id);
}

static void records_that_make_no_sense(void **state) {
    (void)state;
    gee_record_t record = { 0 };
    gee_record_put_u64(&record, UINT64_MAX); /* so many definitions */
    gee_record_put_u64(&record, 0);
    expect_refusal(&record, "does not make sense");
    gee_record_put_u64(&record, 2);
    put_definition(&record, 0x81);
    put_definition(&record, 0x81);
    gee_record_put_u64(&record, UINT64_MAX);
    expect_refusal(&record, "does not make sense"); /* the same twice is once */
    static const struct {
        uint64_t first, count;
        uint8_t id;
        const char *reason;
    } sent[] = {
        { 65, 0, 0x81, "does not make sense" },
        { 65, UINT64_MAX, 0x81, "does not make sense" },
        { 66, 1, 0x83, "a gap in their ids" },
        { 66, 1, 0x81, "never defined" },
        { 3, 1, 0x81, "does not make sense" },
        { 65, 2, 0x81, "" },
        { (uint64_t)INT64_MIN, 1, 0x81, "does not make" },
        { UINT64_MAX, 1, 0x81, "does not make sense" },
    };
    for (size_t i = 0; i < GEE_LENGTH(sent); i++) {
        gee_record_put_u64(&record, 0);
        gee_record_put_u64(&record, 1);
        put_sent(&record, sent[i].first, sent[i].count, sent[i].id);
        expect_refusal(&record, sent[i].reason);
    }
    gee_record_put_u64(&record, 0);
    gee_record_put_u64(&record, 2); /* one schema under two ids */
    put_sent(&record, 65, 1, 0x81);
    put_sent(&record, 65, 1, 0x81);
    expect_refusal(&record, "a gap in their ids");
    gee_record_put_u64(&record, 0);
    gee_record_put_u64(&record, 0);
    gee_record_put_u8(&record, 0); /* and something behind it */
    expect_refusal(&record, "does not make sense");
}

/* Definitions that were sent there are not sent again here. */
static void a_true_one_is_taken(void **state) {
    (void)state;
    gee_record_t record = { 0 };
    args_t args = { 7, 8 };
    gee_record_put_u64(&record, 0);
    gee_record_put_u64(&record, 1);
    put_sent(&record, 65, 1, 0x81);
    gee_record_reader_t in = gee_record_reader(record.bytes, record.length);
    if (codec->import_state(sender, &in, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(encode(GEE_TYPE_OF(args_t), &args), 0);
    expect_wire("07ff82010e011000"); /* not defined once more */
    gee_record_clear(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(all_types_of_go),
        TEST(trees),
        TEST(records_that_make_no_sense),
        TEST(a_true_one_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
