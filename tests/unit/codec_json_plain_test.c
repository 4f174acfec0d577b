/* codec_json_plain_test: the short ways of codec_json do as the long ones: plain headers, members in their order,
 * values measured in one piece, strings and integers of every length. */
#include "codec_json_fixture.h"

/* ---- plain headers ---- */

/* A structure that was described at run time: the lengths of its names are not known. */
static const gee_field_t described_fields[] = {
    { .name = "Text", .tag = 1, .offset = offsetof(header_t, method), .type = &gee_type_of_gee_str_t },
    { .name = "N", .tag = 2, .offset = offsetof(header_t, seq), .type = &gee_type_of_uint64_t },
    { .name = "Left",
      .tag = 3,
      .flags = GEE_FIELD_OMIT_EMPTY,
      .offset = offsetof(header_t, error),
      .type = &gee_type_of_gee_str_t },
};
static const gee_type_t described = { .kind = GEE_KIND_STRUCT,
                                      .name = "Described",
                                      .size = sizeof(header_t),
                                      .fields = described_fields,
                                      .field_count = GEE_LENGTH(described_fields) };

static int write_plain(const gee_type_t *type, gee_str_t text, uint64_t number, char *target) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    int result = codec->write_plain(NULL, type, text, number, &chain);
    assert_int_equal(chain.length > 0, result);
    target[gee_chain_copy(&chain, target, 1024)] = '\0';
    gee_chain_clear(&chain);
    return result;
}

static size_t read_plain(const gee_type_t *type, const char *bytes, size_t length, gee_str_t *text, uint64_t *number) {
    static char exact[1024];
    char *place = exact + sizeof(exact) - length; /* nothing behind it */
    memcpy(place, bytes, length);
    char *heap = malloc(length ? length : 1);
    assert_non_null(heap);
    memcpy(heap, bytes, length);
    size_t plain = codec->read_plain(NULL, type, (const uint8_t *)heap, length, text, number);
    free(heap);
    assert_int_equal(codec->read_plain(NULL, type, (const uint8_t *)place, length, text, number), plain);
    return plain;
}

static void check_plain(const gee_type_t *type, gee_str_t method, uint64_t seq) {
    char plain[1024];
    const header_t header = { .method = method, .seq = seq };
    gee_str_t text;
    uint64_t number;
    assert_int_equal(write_plain(type, method, seq, plain), 1);
    assert_int_equal(encode(type, &header), 0);
    size_t length = strlen(written);
    assert_memory_equal(plain, written, length);
    assert_string_equal(plain + length, "\n");
    if (seq >= UINT64_C(10000000000000000000))
        return; /* those are read the long way */
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(read_plain(type, plain, cut, &text, &number), 0);
    assert_int_equal(read_plain(type, plain, length, &text, &number), length);
    assert_int_equal(read_plain(type, plain, length + 1, &text, &number), length);
    assert_true(gee_str_equal(text, method) && number == seq);
}

static void plain_headers_are_written_and_read_as_others(void **state) {
    (void)state;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789./ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (size_t length = 0; length <= 60; length++)
        check_plain(&gee_type_of_header_t, (gee_str_t){ letters, length }, length);
    for (size_t length = 0; length <= 20; length++)
        check_plain(&described, (gee_str_t){ letters, length }, length);
    for (uint64_t power = 1; power > 0 && power < UINT64_MAX / 10; power *= 10) {
        check_plain(&gee_type_of_header_t, GEE_STR("Arith.Multiply"), power - 1);
        check_plain(&gee_type_of_header_t, GEE_STR("Arith.Multiply"), power);
    }
    check_plain(&gee_type_of_header_t, GEE_STR("Arith.Multiply"), UINT64_C(9999999999999999999));
    check_plain(&gee_type_of_header_t, GEE_STR("Arith.Multiply"), UINT64_C(10000000000000000000));
    check_plain(&gee_type_of_header_t, GEE_STR("Arith.Multiply"), UINT64_MAX);
}

static void what_needs_an_escape_is_not_plain(void **state) {
    (void)state;
    char method[40], plain[1024];
    static const char odd[] = { '"', '\\', '\n', '\x1f', '\0', '\x80', '\xff' };
    for (size_t length = 1; length < sizeof(method); length++) {
        memset(method, 'm', sizeof(method));
        for (size_t at = 0; at < length; at++) {
            for (size_t i = 0; i < sizeof(odd); i++) {
                method[at] = odd[i];
                assert_int_equal(write_plain(&gee_type_of_header_t, (gee_str_t){ method, length }, 1, plain), 0);
            }
            method[at] = '\x7f'; /* is an ordinary character to JSON */
        }
        assert_int_equal(write_plain(&gee_type_of_header_t, (gee_str_t){ method, length }, 1, plain), 1);
    }
    static char very_long[1000];
    memset(very_long, 'm', sizeof(very_long));
    assert_int_equal(write_plain(&gee_type_of_header_t, (gee_str_t){ very_long, sizeof(very_long) }, 1, plain), 0);
}

static void what_is_written_otherwise_is_not_plain(void **state) {
    (void)state;
    static const char *const others[] = {
        " {\"ServiceMethod\":\"a\",\"Seq\":1}",
        "{ \"ServiceMethod\":\"a\",\"Seq\":1}",
        "{\"ServiceMethod\" :\"a\",\"Seq\":1}",
        "{\"ServiceMethod\": \"a\",\"Seq\":1}",
        "{\"ServiceMethod\":\"a\" ,\"Seq\":1}",
        "{\"ServiceMethod\":\"a\",\"Seq\": 1}",
        "{\"ServiceMethod\":\"a\",\"Seq\":1 }",
        "{\"servicemethod\":\"a\",\"Seq\":1}",
        "{\"ServiceMethoX\":\"a\",\"Seq\":1}",
        "{\"ServiceMethod\":\"a\",\"SeX\":1}",
        "{\"ServiceMethod\":\"a\",\"Seq\":1,\"ErroX\":\"\"}",
        "{\"ServiceMethod\":\"a\",\"Seq\":1,\"Error\":\"x\"}",
        "{\"ServiceMethod\":\"a\",\"Seq\":1,\"Error\":null}",
        "{\"ServiceMethod\":\"a\",\"Seq\":1,\"Error\":\"\",\"Code\":1}",
        "{\"ServiceMethod\":\"\\u0061\",\"Seq\":1}",
        "{\"ServiceMethod\":\"\xc3\xa4\",\"Seq\":1}",
        "{\"ServiceMethod\":\"abcdefghijklmno\xff\",\"Seq\":1}",
        "{\"ServiceMethod\":\"a\nb\",\"Seq\":1}",
        "{\"ServiceMethod\":\"a\",\"Seq\":}",
        "{\"ServiceMethod\":\"a\",\"Seq\":01}",
        "{\"ServiceMethod\":\"a\",\"Seq\":-1}",
        "{\"ServiceMethod\":\"a\",\"Seq\":1.0}",
        "{\"ServiceMethod\":\"a\",\"Seq\":18446744073709551616}",
        "{\"ServiceMethod\":\"a\",\"Seq\":\"1\"}",
        "{\"Seq\":1,\"ServiceMethod\":\"a\"}",
        "{\"ServiceMethod\":\"a\"}",
        "{\"ServiceMethod\":\"a\",\"Seq\":1]",
        "[\"ServiceMethod\",\"a\",\"Seq\",1]",
    };
    gee_str_t text;
    uint64_t number;
    for (size_t i = 0; i < GEE_LENGTH(others); i++)
        if (read_plain(&gee_type_of_header_t, others[i], strlen(others[i]), &text, &number) != 0)
            fail_msg("%s was taken for plain", others[i]);
}

/* ---- members in their order ---- */

typedef struct {
    int32_t i32;
    uint32_t u32;
    int64_t i64;
    uint64_t u64;
    gee_str_t text;
    bool flag;
} members_t;
GEE_STRUCT(members_t, "Members", GEE_INT32(members_t, i32, "I", 1), GEE_UINT32(members_t, u32, "Un", 2),
           GEE_INT64(members_t, i64, "Big", 3), GEE_UINT64(members_t, u64, "BigUnsigned", 4),
           GEE_STRING(members_t, text, "Text", 5), GEE_BOOL(members_t, flag, "Flag", 6));

static void check_members(const char *text, const char *expected) {
    members_t members;
    reads(&gee_type_of_members_t, text, &members);
    assert_int_equal(encode(&gee_type_of_members_t, &members), 0);
    if (strcmp(written, expected) != 0)
        fail_msg("%s was read as %s instead of %s", text, written, expected);
}

static void members_are_read_wherever_they_stand(void **state) {
    (void)state;
    static const char all[] = "{\"I\":-1,\"Un\":2,\"Big\":-3,\"BigUnsigned\":4,\"Text\":\"5\",\"Flag\":true}";
    static const char none[] = "{\"I\":0,\"Un\":0,\"Big\":0,\"BigUnsigned\":0,\"Text\":\"\",\"Flag\":false}";
    check_members(all, all);
    check_members("{\"Flag\":true,\"Text\":\"5\",\"BigUnsigned\":4,\"Big\":-3,\"Un\":2,\"I\":-1}", all);
    check_members("{\"I\":-1,\"Un\":2,\"x\":[{}],\"Big\":-3,\"BigUnsigned\":4,\"Text\":\"5\",\"Flag\":true,\"y\":1}",
                  all);
    check_members("{\"I\":7,\"Un\":2,\"I\":-1,\"Big\":-3,\"BigUnsigned\":4,\"Text\":\"5\",\"Flag\":true}", all);
    check_members("{\"i\":-1,\"\\u0055n\":2,\"Big\":-3,\"BIGUNSIGNED\":4,\"Text\":\"5\",\"Flag\":true}", all);
    check_members("{}", none);
    check_members("{\"I\":-0,\"Un\":-0,\"Big\":-0,\"BigUnsigned\":-0}", none);
    check_members("{\"I\":null,\"Un\":null,\"Big\":null,\"BigUnsigned\":null,\"Text\":null,\"Flag\":null}", none);
    for (size_t at = 0; at < sizeof(all); at++) { /* white space before each byte; refused within names and numbers */
        char text[128];
        members_t members;
        snprintf(text, sizeof(text), "%.*s %s", (int)at, all, all + at);
        bool punctuation = at == 0 || strchr("{}:,", all[at - 1]) || strchr("{}:,", all[at]);
        if (punctuation)
            check_members(text, all);
        else if (decode_bytes(&gee_type_of_members_t, text, strlen(text), &members) == 0)
            assert_true(encode(&gee_type_of_members_t, &members) == 0 && strcmp(written, all) != 0);
    }
}

static void integers_of_members_have_their_ranges(void **state) {
    (void)state;
    static const struct {
        const char *name, *number;
        gee_code_t code; /* GEE_OK: it is read */
    } cases[] = {
        { "I", "2147483647", GEE_OK },
        { "I", "2147483648", GEE_OUT_OF_RANGE },
        { "I", "-2147483648", GEE_OK },
        { "I", "-2147483649", GEE_OUT_OF_RANGE },
        { "I", "4294967296", GEE_OUT_OF_RANGE },
        { "Un", "4294967295", GEE_OK },
        { "Un", "4294967296", GEE_OUT_OF_RANGE },
        { "Un", "-1", GEE_OUT_OF_RANGE },
        { "Big", "999999999999999999", GEE_OK },
        { "Big", "-999999999999999999", GEE_OK },
        { "Big", "1000000000000000000", GEE_OK },
        { "Big", "9223372036854775807", GEE_OK },
        { "Big", "9223372036854775808", GEE_OUT_OF_RANGE },
        { "Big", "-9223372036854775808", GEE_OK },
        { "Big", "-9223372036854775809", GEE_OUT_OF_RANGE },
        { "BigUnsigned", "18446744073709551615", GEE_OK },
        { "BigUnsigned", "18446744073709551616", GEE_OUT_OF_RANGE },
        { "BigUnsigned", "-1", GEE_OUT_OF_RANGE },
        { "BigUnsigned", "-999999999999999999", GEE_OUT_OF_RANGE },
        { "Big", "1.0", GEE_INVALID_ARGUMENT },
        { "Big", "1e2", GEE_INVALID_ARGUMENT },
        { "Big", "1E2", GEE_INVALID_ARGUMENT },
        { "Big", "01", GEE_INVALID_ARGUMENT },
        { "Big", "-", GEE_INVALID_ARGUMENT },
        { "Big", "--1", GEE_INVALID_ARGUMENT },
        { "Big", "+1", GEE_INVALID_ARGUMENT },
        { "Big", "1x", GEE_INVALID_ARGUMENT },
        { "Big", "1]", GEE_INVALID_ARGUMENT },
        { "Big", "1/", GEE_INVALID_ARGUMENT },
        { "Big", "1:", GEE_INVALID_ARGUMENT },
        { "Big", "1!", GEE_INVALID_ARGUMENT },
        { "Big", "1,", GEE_INVALID_ARGUMENT },
        { "Big", "\"1\"", GEE_INVALID_ARGUMENT },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        static const char *const before[] = { "", "\"I\":5,", "\"I\":5,\"Un\":6,", "\"I\":5,\"Un\":6,\"Big\":7," };
        for (size_t j = 0; j < GEE_LENGTH(before); j++) {
            char text[128], back[128];
            members_t members;
            snprintf(text, sizeof(text), "{%s\"%s\":%s}", before[j], cases[i].name, cases[i].number);
            int result = decode_bytes(&gee_type_of_members_t, text, strlen(text), &members);
            if ((result == 0) != (cases[i].code == GEE_OK))
                fail_msg("%s: %s", text, result == 0 ? "was read" : error.text);
            if (result < 0) {
                assert_int_equal(error.code, cases[i].code);
                continue;
            }
            assert_int_equal(encode(&gee_type_of_members_t, &members), 0);
            snprintf(back, sizeof(back), "\"%s\":%s,", cases[i].name, cases[i].number);
            if (strstr(written, back) == NULL)
                fail_msg("%s was read as %s", text, written);
        }
    }
}

static void a_struct_that_is_cut_is_refused(void **state) {
    (void)state;
    static const char text[] = "{\"I\":-1,\"Un\":2,\"Big\":-3,\"BigUnsigned\":4,\"Text\":\"5\",\"Flag\":true}";
    members_t members;
    for (size_t cut = 0; cut < strlen(text); cut++)
        assert_int_equal(decode_bytes(&gee_type_of_members_t, text, cut, &members), -1);
}

/* ---- strings: where one ends, and whether it is UTF-8 ---- */

static void strings_end_and_are_checked_at_every_length(void **state) {
    (void)state;
    enum { MOST = 50 };
    char text[2 * MOST + 8];
    gee_list_value_t list;
    const gee_type_t strings = {
        .kind = GEE_KIND_LIST, .name = "", .size = sizeof(list), .element = &gee_type_of_gee_str_t
    };
    for (size_t length = 0; length <= MOST; length++) {
        /* Bytes behind the string do not count: neither the ö nor, for the first string, its bytes. */
        int total = snprintf(text, sizeof(text), "[\"%.*s\",\"\xc3\xb6\"]", (int)length,
                             "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
        assert_int_equal(decode_bytes(&strings, text, (size_t)total, &list), 0);
        const gee_str_t *items = list.items;
        assert_true(list.count == 2 && items[0].length == length && items[1].length == 2);
        for (size_t at = 0; at < length; at++) {
            static const char bad[] = { '\xff', '\x80', '\x1f', '\0', '"', '\\' };
            char kept = text[2 + at];
            for (size_t i = 0; i < sizeof(bad); i++) {
                text[2 + at] = bad[i];
                if (decode_bytes(&strings, text, (size_t)total, &list) == 0 && bad[i] != '\\')
                    fail_msg("%zu bytes with \\x%02x at %zu were read", length, (unsigned)(uint8_t)bad[i], at);
            }
            text[2 + at] = kept;
        }
    }
}

static void strings_are_written_at_every_length(void **state) {
    (void)state;
    enum { MOST = 50 };
    static const char odd[] = { 'a', '"', '\\', '\n', '\x1f', '\0', '\x7f', '\xff', '\x80' };
    char text[MOST];
    gee_str_t back;
    for (size_t length = 0; length <= MOST; length++) {
        memset(text, 't', sizeof(text));
        for (size_t i = 0; i < length * sizeof(odd); i++) {
            const gee_str_t string = { .data = text, .length = length };
            char *at = &text[i / sizeof(odd)];
            *at = odd[i % sizeof(odd)];
            bool valid = (uint8_t)*at < 0x80;
            if (encode(&gee_type_of_gee_str_t, &string) != (valid ? 0 : -1))
                fail_msg("%zu bytes with \\x%02x at %zu", length, (unsigned)(uint8_t)*at, i / sizeof(odd));
            if (valid) {
                reads(&gee_type_of_gee_str_t, written, &back);
                assert_true(gee_str_equal(back, string));
            }
            *at = 't';
        }
        const gee_str_t string = { .data = length > 0 ? text : NULL, .length = length };
        assert_int_equal(encode(&gee_type_of_gee_str_t, &string), 0);
        assert_int_equal(strlen(written), length + 2);
    }
}

/* ---- measuring at once, and byte by byte ---- */

static gee_measured_t measure_bytewise(const uint8_t *bytes, size_t length, const gee_codec_limits_t *few,
                                       size_t *value) {
    gee_measure_t progress = { 0 };
    gee_measured_t result = GEE_MEASURE_MORE;
    for (size_t i = 1; i <= length && result == GEE_MEASURE_MORE; i++)
        result = codec->measure(NULL, &progress, bytes, i, few, &error);
    *value = progress.length;
    return result;
}

static void both_ways_to_measure_agree(void **state) {
    (void)state;
    static const char alphabet[] = "{}[]{}[]\"\"\"\\:,1-ta /\n\x80\x01";
    const gee_codec_limits_t few = { .message = 20, .nesting = 4 };
    uint64_t seed = 88172645463325252u;
    size_t done = 0;
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[24];
        gee_measure_t progress = { 0 };
        gee_error_t bytewise;
        size_t length = 1 + seed % sizeof(bytes), value;
        for (size_t i = 0; i < length; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            bytes[i] = (uint8_t)alphabet[seed % (i == 0 ? 8 : sizeof(alphabet) - 1)];
        }
        gee_measured_t slow = measure_bytewise(bytes, length, &few, &value);
        bytewise = error;
        gee_measured_t quick = codec->measure(NULL, &progress, bytes, length, &few, &error);
        if (quick != slow || (quick == GEE_MEASURE_DONE && (progress.length != value || progress.scanned != value)))
            fail_msg("%.*s: measured %d, %zu bytes, not %d, %zu", (int)length, (char *)bytes, quick, progress.length,
                     slow, value);
        if (quick == GEE_MEASURE_ERROR)
            assert_string_equal(error.text, bytewise.text);
        done += quick == GEE_MEASURE_DONE && value > 4;
    }
    assert_true(done > 200);
}

static void values_of_any_depth_and_length_are_measured(void **state) {
    (void)state;
    static uint8_t text[20000];
    const gee_codec_limits_t wide = { .message = sizeof(text), .nesting = 200 };
    for (size_t depth = 1; depth <= 200; depth++) {
        gee_measure_t progress = { 0 };
        for (size_t i = 0; i < depth; i++)
            text[i] = i % 3 ? '[' : '{', text[2 * depth - 1 - i] = i % 3 ? ']' : '}';
        assert_int_equal(codec->measure(NULL, &progress, text, 2 * depth, &wide, &error), GEE_MEASURE_DONE);
        assert_int_equal(progress.length, 2 * depth);
        gee_codec_limits_t less = { .message = sizeof(text), .nesting = (unsigned)depth - 1 };
        progress = (gee_measure_t){ 0 };
        if (depth > 1)
            assert_int_equal(codec->measure(NULL, &progress, text, 2 * depth, &less, &error), GEE_MEASURE_REFUSED);
        for (size_t i = depth; i < 2 * depth; i++) {
            uint8_t kept = text[i];
            text[i] = kept == '}' ? ']' : '}';
            progress = (gee_measure_t){ 0 };
            assert_int_equal(codec->measure(NULL, &progress, text, 2 * depth, &wide, &error),
                             2 * depth - i <= 192 ? GEE_MEASURE_ERROR : GEE_MEASURE_DONE);
            text[i] = kept;
        }
    }
    for (size_t length = 4080; length < 4110; length++) {
        gee_measure_t progress = { 0 };
        memset(text, '1', length);
        text[0] = '[', text[length - 1] = ']';
        assert_int_equal(codec->measure(NULL, &progress, text, sizeof(text), &wide, &error), GEE_MEASURE_DONE);
        assert_int_equal(progress.length, length);
    }
}

/* ---- integers alone ---- */

static void integers_of_every_length_are_written(void **state) {
    (void)state;
    char expected[32];
    for (uint64_t number = 1; number < UINT64_MAX / 10; number *= 10) {
        for (uint64_t near = number - 1; near <= number; near++) {
            int64_t negative = -(int64_t)(near % INT64_MAX);
            uint32_t narrow = (uint32_t)near;
            int32_t narrow_negative = (int32_t)negative;
            snprintf(expected, sizeof(expected), "%llu", (unsigned long long)near);
            assert_int_equal(encode(&gee_type_of_uint64_t, &near), 0);
            assert_string_equal(written, expected);
            snprintf(expected, sizeof(expected), "%lld", (long long)negative);
            assert_int_equal(encode(&gee_type_of_int64_t, &negative), 0);
            assert_string_equal(written, expected);
            snprintf(expected, sizeof(expected), "%u", narrow);
            assert_int_equal(encode(&gee_type_of_uint32_t, &narrow), 0);
            assert_string_equal(written, expected);
            snprintf(expected, sizeof(expected), "%d", narrow_negative);
            assert_int_equal(encode(&gee_type_of_int32_t, &narrow_negative), 0);
            assert_string_equal(written, expected);
        }
    }
    const uint64_t most = UINT64_MAX, twenty = UINT64_C(10000000000000000000), nineteen = twenty - 1;
    const int64_t least = INT64_MIN;
    const int32_t narrow_least = INT32_MIN;
    assert_int_equal(encode(&gee_type_of_uint64_t, &most), 0);
    assert_string_equal(written, "18446744073709551615");
    assert_int_equal(encode(&gee_type_of_uint64_t, &twenty), 0);
    assert_string_equal(written, "10000000000000000000");
    assert_int_equal(encode(&gee_type_of_uint64_t, &nineteen), 0);
    assert_string_equal(written, "9999999999999999999");
    assert_int_equal(encode(&gee_type_of_int64_t, &least), 0);
    assert_string_equal(written, "-9223372036854775808");
    assert_int_equal(encode(&gee_type_of_int32_t, &narrow_least), 0);
    assert_string_equal(written, "-2147483648");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(plain_headers_are_written_and_read_as_others),
        TEST(what_needs_an_escape_is_not_plain),
        TEST(what_is_written_otherwise_is_not_plain),
        TEST(members_are_read_wherever_they_stand),
        TEST(integers_of_members_have_their_ranges),
        TEST(a_struct_that_is_cut_is_refused),
        TEST(strings_end_and_are_checked_at_every_length),
        TEST(strings_are_written_at_every_length),
        TEST(both_ways_to_measure_agree),
        TEST(values_of_any_depth_and_length_are_measured),
        TEST(integers_of_every_length_are_written),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
