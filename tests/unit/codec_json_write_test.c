/* codec_json_write_test: C values and trees as JSON, and what JSON cannot express; damaged input, which must be refused
 * or read, never crash. */
#include "codec_json_fixture.h"

#include <locale.h>

static void a_header_is_written_as_go_does(void **state) {
    (void)state;
    header_t header = { .method = GEE_STR("Arith.Multiply"), .seq = 1 };
    writes(&gee_type_of_header_t, &header, "{\"ServiceMethod\":\"Arith.Multiply\",\"Seq\":1,\"Error\":\"\"}");
}

static void every_kind_is_written(void **state) {
    (void)state;
    int64_t sizes[] = { 1, INT64_MIN };
    bool flags[] = { true, false };
    double numbers[] = { 0, 1.5 };
    gee_str_t names[] = { GEE_STR(""), GEE_STR("n") };
    gee_bytes_t blobs[] = { { NULL, 0 }, { (const uint8_t *)"\xff", 1 } };
    row_t rows[2] = { { .items = numbers, .count = 2 } };
    item_t items[] = { { .name = GEE_STR("a"), .count = 1 }, { .name = GEE_STR("b"), .count = -2 } };
    item_t other = { .name = GEE_STR("o"), .sizes = { .items = sizes, .count = 2 } };
    struct {
        gee_str_t key;
        int64_t value;
    } prices[] = { { GEE_STR("k\"1"), INT64_MIN }, { GEE_STR("k2"), INT64_MAX } };
    struct {
        gee_str_t key;
        item_t value;
    } stock[] = { { GEE_STR(""), items[0] } };
    all_t v;
    memset(&v, 0, sizeof(v));
    writes(&gee_type_of_all_t, &v,
           "{\"Flag\":false,\"I32\":0,\"I64\":0,\"U32\":0,\"U64\":0,\"F\":0,\"D\":0,\"S\":\"\",\"Data\":\"\",\"Item\":{"
           "\"Name\":\"\",\"Count\":0,\"Sizes\":[]},\"Flags\":[],\"Numbers\":[],\"Names\":[],\"Blobs\":[],\"Items\":[],"
           "\"Matrix\":[],\"Prices\":{},\"Stock\":{},\"Maybe\":null,\"Note\":null,\"Other\":null}");
    v = (all_t){ .flag = true,
                 .i32 = INT32_MIN,
                 .i64 = 9007199254740993,
                 .u32 = UINT32_MAX,
                 .u64 = UINT64_MAX,
                 .f = 0.1F,
                 .d = -0.1,
                 .s = GEE_STR("x\0y"),
                 .data = { (const uint8_t *)"\0\xff\xbf?", 4 },
                 .note = &names[1],
                 .other = &other };
    v.flags.items = flags, v.flags.count = 2;
    v.numbers.items = numbers, v.numbers.count = 2;
    v.names.items = names, v.names.count = 2;
    v.blobs.items = blobs, v.blobs.count = 2;
    v.items.items = items, v.items.count = 2;
    v.matrix.items = rows, v.matrix.count = 2;
    v.prices.items = (void *)prices, v.prices.count = 2;
    v.stock.items = (void *)stock, v.stock.count = 1;
    writes(
        &gee_type_of_all_t, &v,
        "{\"Flag\":true,\"I32\":-2147483648,\"I64\":9007199254740993,\"U32\":4294967295,\"U64\":18446744073709551615,"
        "\"F\":0.1,\"D\":-0.1,\"S\":\"x\\u0000y\",\"Data\":\"AP+/"
        "Pw==\",\"Item\":{\"Name\":\"\",\"Count\":0,\"Sizes\":[]},"
        "\"Flags\":[true,false],\"Numbers\":[0,1.5],\"Names\":[\"\",\"n\"],\"Blobs\":[\"\",\"/w==\"],"
        "\"Items\":[{\"Name\":\"a\",\"Count\":1,\"Sizes\":[]},{\"Name\":\"b\",\"Count\":-2,\"Sizes\":[]}],"
        "\"Matrix\":[[0,1.5],[]],\"Prices\":{\"k\\\"1\":-9223372036854775808,\"k2\":9223372036854775807},"
        "\"Stock\":{\"\":{\"Name\":\"a\",\"Count\":1,\"Sizes\":[]}},\"Maybe\":null,\"Note\":\"n\","
        "\"Other\":{\"Name\":\"o\",\"Count\":0,\"Sizes\":[1,-9223372036854775808]}}");
}

static void empty_fields_are_left_out_when_asked(void **state) {
    (void)state;
    gee_field_t fields[3];
    gee_type_t type = gee_type_of_header_t;
    header_t header = { .seq = 7 };
    memcpy(fields, type.fields, sizeof(fields));
    fields[0].flags = fields[2].flags = GEE_FIELD_OMIT_EMPTY;
    type.fields = fields;
    writes(&type, &header, "{\"Seq\":7}");
    header.error = GEE_STR("e");
    writes(&type, &header, "{\"Seq\":7,\"Error\":\"e\"}");
}

static void strings_are_escaped(void **state) {
    (void)state;
    gee_str_t s = GEE_STR("\"\\/\b\f\n\r\t\x01\x1f\x7f<>&\xc3\xa4\xf0\x9f\x98\x80");
    writes(&gee_type_of_gee_str_t, &s, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f<>&\xc3\xa4\xf0\x9f\x98\x80\"");
    s = (gee_str_t){ 0 };
    writes(&gee_type_of_gee_str_t, &s, "\"\"");
    item_t item = { .name = GEE_STR("bad \xc3") };
    gee_list_value_t list = { .items = &item, .count = 1 };
    assert_int_equal(encode(&gee_list_of_item_t, &list), -1);
    assert_int_equal(error.code, GEE_INTERNAL);
    assert_string_equal(error.text, "[0].Name: the string is not valid UTF-8, which JSON needs");
}

static void numbers_are_written_shortest(void **state) {
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { -0.0, "-0" },
        { 1, "1" },
        { 5e-324, "5e-324" },
        { DBL_MAX, "1.7976931348623157e+308" },
        { 0.1, "0.1" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { 1e20, "100000000000000000000" },
        { 1e21, "1e+21" },
        { 1e-6, "0.000001" },
        { 1e-7, "1e-7" },
        { 123456.789, "123456.789" },
        { -1.5e-9, "-1.5e-9" },
        { 0x1p53, "9007199254740992" },
        { 1.0 / 3, "0.3333333333333333" },
        { 100, "100" },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++)
        writes(&gee_type_of_double, &cases[i].number, cases[i].text);
    float third = 1.0F / 3, most = FLT_MAX;
    writes(&gee_type_of_float, &third, "0.33333334");
    writes(&gee_type_of_float, &most, "3.4028235e+38");
    for (int64_t n = 1; n > 0 && n < INT64_MAX / 10; n *= 10) {
        char expected[32];
        for (int64_t near = n - 1; near <= n + 1; near++) {
            int64_t minus = -near;
            snprintf(expected, sizeof(expected), "%lld", (long long)near);
            writes(&gee_type_of_int64_t, &near, expected);
            snprintf(expected, sizeof(expected), "%lld", (long long)minus);
            writes(&gee_type_of_int64_t, &minus, expected);
        }
    }
}

static void random_doubles_survive(void **state) {
    (void)state;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 3000; i++) {
        double number, back;
        float narrow, narrow_back;
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        memcpy(&number, &bits, sizeof(number));
        memcpy(&narrow, &bits, sizeof(narrow));
        if (isfinite(number)) {
            assert_int_equal(encode(&gee_type_of_double, &number), 0);
            reads(&gee_type_of_double, written, &back);
            assert_memory_equal(&number, &back, sizeof(number));
            assert_true(strtod(written, NULL) == number);
        }
        if (isfinite(narrow)) {
            assert_int_equal(encode(&gee_type_of_float, &narrow), 0);
            reads(&gee_type_of_float, written, &narrow_back);
            assert_memory_equal(&narrow, &narrow_back, sizeof(narrow));
        }
    }
}

static void nan_and_infinity_cannot_be_written(void **state) {
    (void)state;
    all_t v;
    memset(&v, 0, sizeof(v));
    v.d = NAN;
    assert_int_equal(encode(&gee_type_of_all_t, &v), -1);
    assert_int_equal(error.code, GEE_INTERNAL);
    assert_string_equal(error.text, "D: JSON cannot express NaN");
    v.d = 0;
    v.f = -INFINITY;
    assert_int_equal(encode(&gee_type_of_all_t, &v), -1);
    assert_string_equal(error.text, "F: JSON cannot express an infinite number");
}

/* A locale with a decimal comma; not every machine has one: then this is skipped. */
static void the_locale_does_not_matter(void **state) {
    (void)state;
    static const char *const names[] = { "de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "pt_BR.UTF-8", "ru_RU.UTF-8" };
    bool found = false;
    for (size_t i = 0; i < GEE_LENGTH(names) && !found; i++)
        found = setlocale(LC_NUMERIC, names[i]) && strcmp(localeconv()->decimal_point, ",") == 0;
    if (!found)
        skip();
    double number = 0.30000000000000004, back = 0;
    writes(&gee_type_of_double, &number, "0.30000000000000004");
    reads(&gee_type_of_double, "0.30000000000000004", &back);
    setlocale(LC_NUMERIC, "C");
    assert_true(back == number);
}

/* Of every length around the sizes in which room is reserved, with something to escape at every place. */
static void long_strings_survive(void **state) {
    (void)state;
    static char text[9000];
    for (size_t length = 0; length < 600; length++) {
        gee_str_t s = { text, length }, back;
        gee_bytes_t data = { (const uint8_t *)text, length }, data_back;
        memset(text, 'a', sizeof(text));
        if (length > 0)
            text[length / 2] = text[length - 1] = '\n';
        assert_int_equal(encode(&gee_type_of_gee_str_t, &s), 0);
        reads(&gee_type_of_gee_str_t, written, &back);
        assert_true(gee_str_equal(s, back));
        assert_int_equal(encode(&gee_type_of_gee_bytes_t, &data), 0);
        reads(&gee_type_of_gee_bytes_t, written, &data_back);
        assert_true(gee_type_equal(&gee_type_of_gee_bytes_t, &data, &data_back));
        gee_pool_reset(pool);
    }
    gee_str_t s = { text, sizeof(text) }, back;
    memset(text, 'x', sizeof(text));
    assert_int_equal(encode(&gee_type_of_gee_str_t, &s), 0);
    reads(&gee_type_of_gee_str_t, written, &back);
    assert_true(gee_str_equal(s, back));
}

/* ---- trees ---- */

static void trees_survive_with_integers_exact(void **state) {
    (void)state;
    static const char text[] =
        "{\"a\":[1,-9223372036854775808,18446744073709551615,1.5,1e3,\"\\u0000\xc3\xa4\",true,false,"
        "null],\"b\":{},\"\":[]}";
    gee_value_t tree;
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    assert_int_equal(codec->decode_value(NULL, (const uint8_t *)text, sizeof(text) - 1, &limits, pool, &tree, &error),
                     0);
    const gee_value_t *list = gee_value_get(&tree, GEE_STR("a"));
    assert_int_equal(tree.kind, GEE_VALUE_STRUCT);
    assert_int_equal(list->list.count, 9);
    assert_int_equal(list->list.items[0].kind, GEE_VALUE_INT);
    assert_true(list->list.items[1].integer == INT64_MIN);
    assert_int_equal(list->list.items[2].kind, GEE_VALUE_UINT);
    assert_true(list->list.items[2].unsigned_integer == UINT64_MAX);
    assert_int_equal(list->list.items[4].kind, GEE_VALUE_DOUBLE);
    assert_int_equal(codec->encode_value(NULL, &tree, &chain, &error), 0);
    written[gee_chain_copy(&chain, written, sizeof(written) - 1)] = '\0';
    gee_chain_clear(&chain);
    assert_string_equal(written,
                        "{\"a\":[1,-9223372036854775808,18446744073709551615,1.5,1000,\"\\u0000\xc3\xa4\",true,"
                        "false,null],\"b\":{},\"\":[]}");
    /* Doubles below 1e21 are written without an exponent. */
    static const char whole[] = "[100000000000000000000,-18446744073709552000]";
    assert_int_equal(codec->decode_value(NULL, (const uint8_t *)whole, sizeof(whole) - 1, &limits, pool, &tree, &error),
                     0);
    assert_int_equal(tree.list.items[0].kind, GEE_VALUE_DOUBLE);
    assert_true(tree.list.items[0].number == 1e20 && tree.list.items[1].number == -0x1p64);
    static const char *const big[] = { "[18446744073709551616]", "[-9223372036854775809]", "[1e999]" };
    for (size_t i = 0; i < GEE_LENGTH(big); i++) {
        assert_int_equal(
            codec->decode_value(NULL, (const uint8_t *)big[i], strlen(big[i]), &limits, pool, &tree, &error), -1);
        assert_int_equal(error.code, GEE_OUT_OF_RANGE);
        assert_memory_equal(error.text, "[0]: ", 5);
    }
}

static void trees_that_cannot_be_written(void **state) {
    (void)state;
    gee_value_t tree = { .kind = GEE_VALUE_LIST }, nan = { .kind = GEE_VALUE_DOUBLE, .number = NAN };
    gee_pair_t pair = { GEE_STR("X"), &nan };
    gee_value_t object = { .kind = GEE_VALUE_MAP };
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    tree.list.items = &tree, tree.list.count = 1;
    assert_int_equal(codec->encode_value(NULL, &tree, &chain, &error), -1);
    assert_int_equal(error.code, GEE_INTERNAL);
    object.pairs.items = &pair, object.pairs.count = 1;
    assert_int_equal(codec->encode_value(NULL, &object, &chain, &error), -1);
    assert_string_equal(error.text, "X: JSON cannot express NaN");
    gee_chain_clear(&chain);
}

/* ---- damage ---- */

static uint32_t seed = 2463534242u;
static uint32_t next_random(void) {
    seed ^= seed << 13, seed ^= seed >> 17, seed ^= seed << 5;
    return seed;
}

static size_t damage(uint8_t *bytes, size_t length) {
    static const char likely[] = "\"\\{}[],:u0e-. nt\xff\x80\x01";
    for (uint32_t changes = 1 + next_random() % 4; changes > 0 && length > 0; changes--) {
        size_t at = next_random() % length;
        switch (next_random() % 4) {
        case 0:
            bytes[at] = (uint8_t)next_random();
            break;
        case 1:
            bytes[at] = (uint8_t)likely[next_random() % (sizeof(likely) - 1)];
            break;
        case 2: /* takes out a few */
            length -= next_random() % 4 % (length - at);
            break;
        default: /* repeats an earlier piece */
            memmove(bytes + at, bytes + at / 2, (length - at) / 2);
        }
    }
    return length;
}

/* Whatever the bytes: no crash (the sanitizers look), and what is accepted can be written and read again the same. */
static void damaged_input_is_refused_or_read(void **state) {
    (void)state;
    static const char good[] = "{\"Flag\":true,\"I32\":-5,\"I64\":9007199254740993,\"U32\":1,\"U64\":2,\"F\":1.5,\"D\":"
                               "-1.25e-7,\"S\":\"x\\u0041"
                               "\\n\xc3\xa4\\ud83d\\ude00\",\"Data\":\"AP8=\",\"Item\":{\"Name\":\"n\",\"Count\":3},"
                               "\"Flags\":[true],\"Names\":[\"x\"],\"Matrix\":[[1],[]],\"Stock\":{\"s\":{}},"
                               "\"Items\":[{\"Name\":\"a\"},"
                               "{\"Count\":2}],\"Prices\":{\"p\":1,\"q\":2},\"Maybe\":7,\"Other\":{\"Name\":\"o\"},"
                               "\"Unknown\":[[{\"\":null}]]}";
    size_t accepted = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[sizeof(good)];
        all_t value, back;
        gee_value_t tree;
        gee_measure_t progress = { 0 };
        memcpy(bytes, good, sizeof(good));
        size_t length = damage(bytes, sizeof(good) - 1);
        gee_measured_t measured = codec->measure(NULL, &progress, bytes, length, &limits, &error);
        int typed = decode_bytes(&gee_type_of_all_t, bytes, length, &value);
        int dynamic = codec->decode_value(NULL, bytes, length, &limits, pool, &tree, &error);
        if (typed == 0) {
            assert_int_equal(measured, GEE_MEASURE_DONE); /* what the reader takes the scanner must have found */
            assert_int_equal(encode(&gee_type_of_all_t, &value), 0);
            reads(&gee_type_of_all_t, written, &back);
            assert_true(gee_type_equal(&gee_type_of_all_t, &value, &back));
            accepted++;
        }
        if (dynamic == 0)
            assert_true(measured == GEE_MEASURE_DONE || measured == GEE_MEASURE_MORE);
        gee_pool_reset(pool);
    }
    assert_true(accepted > 100 && accepted < 19000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_header_is_written_as_go_does),
        TEST(every_kind_is_written),
        TEST(empty_fields_are_left_out_when_asked),
        TEST(strings_are_escaped),
        TEST(numbers_are_written_shortest),
        TEST(random_doubles_survive),
        TEST(nan_and_infinity_cannot_be_written),
        TEST(the_locale_does_not_matter),
        TEST(long_strings_survive),
        TEST(trees_survive_with_integers_exact),
        TEST(trees_that_cannot_be_written),
        TEST(damaged_input_is_refused_or_read),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
