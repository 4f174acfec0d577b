/* codec_json_test: JSON into C values: exact numbers, strict syntax, names and escapes, limits, the texts of errors. */
#include "codec_json_fixture.h"

static void every_kind_is_read(void **state) {
    (void)state;
    all_t v;
    reads(&gee_type_of_all_t,
          " {\"Flag\":true,\"I32\":-2147483648,\"I64\":-9223372036854775808,\"U32\":4294967295,"
          "\"U64\":18446744073709551615,\"F\":1.5,\"D\":-1e-7,\"S\":\"x\\u0000y\",\"Data\":\"AP+\\/\", \"Item\" : "
          "{\"Name\":\"i\",\"Count\":3,\"Sizes\":[4,5]} ,\n\"Flags\":[true , "
          "false],\"Numbers\":[0.5],\"Names\":[\"\",\"n\"],"
          "\"Blobs\":[\"/w==\"],\"Items\":[{},{\"Count\":2,\"Name\":\"two\"}],\"Matrix\":[[1,2],[]],"
          "\"Prices\":{\"b\":2,\"a\":1},\"Stock\":{\"s\":{\"Count\":6}},\"Maybe\":0,\"Note\":\"\",\"Other\":{\"Name\":"
          "\"o\"}}\n",
          &v);
    assert_true(v.flag);
    assert_true(v.i32 == INT32_MIN && v.i64 == INT64_MIN && v.u32 == UINT32_MAX && v.u64 == UINT64_MAX);
    assert_true(v.f == 1.5F && v.d == -1e-7);
    assert_true(gee_str_equal(v.s, GEE_STR("x\0y")));
    assert_int_equal(v.data.length, 3);
    assert_memory_equal(v.data.data, "\x00\xff\xbf", 3);
    assert_true(gee_str_equal(v.item.name, GEE_STR("i")) && v.item.count == 3);
    assert_true(v.item.sizes.count == 2 && v.item.sizes.items[1] == 5);
    assert_true(v.flags.count == 2 && v.flags.items[0] && !v.flags.items[1]);
    assert_true(v.numbers.count == 1 && v.numbers.items[0] == 0.5);
    assert_true(v.names.count == 2 && gee_str_equal(v.names.items[1], GEE_STR("n")));
    assert_true(v.blobs.count == 1 && v.blobs.items[0].length == 1 && v.blobs.items[0].data[0] == 0xff);
    assert_int_equal(v.items.count, 2);
    assert_true(v.items.items[0].count == 0 && v.items.items[0].name.length == 0);
    assert_true(v.items.items[1].count == 2 && gee_str_equal(v.items.items[1].name, GEE_STR("two")));
    assert_true(v.matrix.count == 2 && v.matrix.items[0].items[1] == 2 && v.matrix.items[1].count == 0);
    assert_int_equal(v.prices.count, 2);
    assert_true(gee_str_equal(v.prices.items[0].key, GEE_STR("b")) && v.prices.items[0].value == 2);
    assert_true(v.stock.count == 1 && v.stock.items[0].value.count == 6);
    assert_true(v.maybe && *v.maybe == 0);
    assert_true(v.note && v.note->length == 0);
    assert_true(v.other && gee_str_equal(v.other->name, GEE_STR("o")));
}

static void integers_are_exact_or_refused(void **state) {
    (void)state;
    int64_t i;
    uint64_t u;
    reads(&gee_type_of_int64_t, "9007199254740993", &i);
    assert_true(i == INT64_C(9007199254740993));
    reads(&gee_type_of_int64_t, "9223372036854775807", &i);
    assert_true(i == INT64_MAX);
    reads(&gee_type_of_int64_t, "-0", &i);
    assert_true(i == 0);
    reads(&gee_type_of_uint64_t, "10000000000000000000", &u);
    assert_true(u == UINT64_C(10000000000000000000));
    refuses(&gee_type_of_all_t, "{\"I64\":9223372036854775808}", GEE_OUT_OF_RANGE,
            "I64: 9223372036854775808 does not fit int64");
    refuses(&gee_type_of_int64_t, "-9223372036854775809", GEE_OUT_OF_RANGE, "-9223372036854775809 does not fit int64");
    refuses(&gee_type_of_uint64_t, "18446744073709551616", GEE_OUT_OF_RANGE, "does not fit uint64");
    refuses(&gee_type_of_uint64_t, "-1", GEE_OUT_OF_RANGE, "-1 does not fit uint64");
    refuses(&gee_type_of_int32_t, "2147483648", GEE_OUT_OF_RANGE, "2147483648 does not fit int32");
    refuses(&gee_type_of_int32_t, "-2147483649", GEE_OUT_OF_RANGE, "does not fit int32");
    refuses(&gee_type_of_uint32_t, "4294967296", GEE_OUT_OF_RANGE, "does not fit uint32");
    refuses(&gee_type_of_int64_t, "99999999999999999999999999999999999999999999999999", GEE_OUT_OF_RANGE,
            "9999999999999999999999999999999999999999... does not fit int64");
    refuses(&gee_type_of_int64_t, "5.0", GEE_INVALID_ARGUMENT, "5.0 where int64 is expected");
    refuses(&gee_type_of_int64_t, "1e3", GEE_INVALID_ARGUMENT, "1e3 where int64 is expected");
}

static void wrong_types_are_named(void **state) {
    (void)state;
    refuses(&gee_type_of_all_t, "{\"I64\":\"7\"}", GEE_INVALID_ARGUMENT, "I64: a string where int64 is expected");
    refuses(&gee_type_of_all_t, "{\"S\":7}", GEE_INVALID_ARGUMENT, "S: a number where string is expected");
    refuses(&gee_type_of_all_t, "{\"Item\":[]}", GEE_INVALID_ARGUMENT, "Item: a list where Item is expected");
    refuses(&gee_type_of_all_t, "{\"Items\":{}}", GEE_INVALID_ARGUMENT, "Items: an object where list is expected");
    refuses(&gee_type_of_all_t, "{\"Flag\":1}", GEE_INVALID_ARGUMENT, "Flag: a number where bool is expected");
    refuses(&gee_type_of_all_t, "{\"D\":true}", GEE_INVALID_ARGUMENT, "D: a boolean where double is expected");
    refuses(&gee_type_of_all_t, "{\"Items\":[{},{},{},{\"Name\":1}]}", GEE_INVALID_ARGUMENT,
            "Items[3].Name: a number where string is expected");
    refuses(&gee_type_of_all_t, "{\"Prices\":{\"apple\":\"x\"}}", GEE_INVALID_ARGUMENT, "Prices[\"apple\"]: a string");
    refuses(&gee_type_of_all_t, "{\"Other\":{\"Count\":2147483648}}", GEE_OUT_OF_RANGE, "Other.Count: 2147483648");
    refuses(&gee_type_of_all_t, "{\"Data\":\"AP8\"}", GEE_INVALID_ARGUMENT, "Data: the string is not base64");
    refuses(&gee_type_of_all_t, "{\"Data\":\"A===\"}", GEE_INVALID_ARGUMENT, "Data: the string is not base64");
    refuses(&gee_type_of_all_t, "[]", GEE_INVALID_ARGUMENT, "a list where All is expected");
}

static void names_match_exactly_then_ignoring_case(void **state) {
    (void)state;
    all_t v;
    reads(&gee_type_of_all_t, "{\"i64\":5,\"I\\u0036\\u0034\":6,\"ITEM\":{\"nAME\":\"n\"}}", &v);
    assert_true(v.i64 == 6);
    assert_true(gee_str_equal(v.item.name, GEE_STR("n")));
    reads(&gee_type_of_all_t, "{\"I64x\":1,\"I6\":1,\"\":1,\"I64\\u0000\":1}", &v);
    assert_true(v.i64 == 0);
}

static void unknown_fields_are_skipped_and_checked(void **state) {
    (void)state;
    all_t v;
    reads(&gee_type_of_all_t,
          "{\"x\":{\"y\":[1,2.5e3,\"\\ud83d\\ude00\",null,true,false,{}]},\"I64\":1,\"z\":\"\xc3\xa4\"}", &v);
    assert_true(v.i64 == 1);
    refuses(&gee_type_of_all_t, "{\"x\":[1,]}", GEE_INVALID_ARGUMENT, "']' at byte 8");
    refuses(&gee_type_of_all_t, "{\"x\":\"\xc3\"}", GEE_INVALID_ARGUMENT, "UTF-8");
    refuses(&gee_type_of_all_t, "{\"x\":\"\\udc00\"}", GEE_INVALID_ARGUMENT, "surrogate");
    refuses(&gee_type_of_all_t, "{\"x\":01}", GEE_INVALID_ARGUMENT, "leading zero");
    gee_empty_t nothing;
    reads(&gee_type_of_gee_empty_t, "{\"any\":{\"thing\":[1]}}", &nothing);
    reads(&gee_type_of_gee_empty_t, "{}", &nothing);
}

static void of_repeated_names_the_last_wins_whole(void **state) {
    (void)state;
    all_t v;
    reads(
        &gee_type_of_all_t,
        "{\"Item\":{\"Name\":\"old\",\"Count\":1},\"Item\":{\"Name\":\"new\"},\"I64\":1,\"I64\":null,"
        "\"Items\":[{},{}],\"Items\":[{\"Count\":7}],\"Prices\":{\"a\":1,\"b\":2,\"a\":3},\"Maybe\":1,\"Maybe\":null}",
        &v);
    assert_true(gee_str_equal(v.item.name, GEE_STR("new")) && v.item.count == 0);
    assert_true(v.i64 == 0 && v.items.count == 1 && v.items.items[0].count == 7 && !v.maybe);
    assert_int_equal(v.prices.count, 2);
    assert_true(gee_str_equal(v.prices.items[1].key, GEE_STR("a")) && v.prices.items[1].value == 3);
}

static void null_is_zero_for_every_kind(void **state) {
    (void)state;
    all_t v;
    reads(
        &gee_type_of_all_t,
        "{\"Flag\":null,\"I32\":null,\"I64\":null,\"U32\":null,\"U64\":null,\"F\":null,\"D\":null,\"S\":null,\"Data\":"
        "null,\"Item\":null,\"Flags\":null,\"Numbers\":null,\"Names\":null,\"Blobs\":null,\"Items\":null,\"Matrix\":"
        "null,"
        "\"Prices\":null,\"Stock\":null,\"Maybe\":null,\"Note\":null,\"Other\":null}",
        &v);
    assert_true(gee_type_is_zero(&gee_type_of_all_t, &v));
    reads(&gee_type_of_all_t, "null", &v);
}

static void strings_with_escapes(void **state) {
    (void)state;
    gee_str_t s;
    reads(&gee_type_of_gee_str_t, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\u20AC\\ud83D\\ude00 plain \xc3\xa4\"", &s);
    assert_true(gee_str_equal(s, GEE_STR("\"\\/\b\f\n\r\t\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80 plain \xc3\xa4")));
    reads(&gee_type_of_gee_str_t, "\"\"", &s);
    assert_int_equal(s.length, 0);
    static const char *const bad[] = { "\"\\ud800\"",
                                       "\"\\ud800x\"",
                                       "\"\\udc00\"",
                                       "\"\\ud800\\ud800\"",
                                       "\"\\ud800\\u0041\"",
                                       "\"\\ud800\\",
                                       "\"\\u12\"",
                                       "\"\\u12g4\"",
                                       "\"\\x41\"",
                                       "\"a\x01\"",
                                       "\"a\nb\"",
                                       "\"\xff\"",
                                       "\"\xc0\x80\"",
                                       "\"\xed\xa0\x80\"",
                                       "\"abc",
                                       "\"\\",
                                       "\"\xc3\\u0041\"",
                                       "\"\xf4\x90\x80\x80\"",
                                       "\"",
                                       "\"12345678\xc3\"" };
    for (size_t i = 0; i < GEE_LENGTH(bad); i++)
        refuses(&gee_type_of_gee_str_t, bad[i], GEE_INVALID_ARGUMENT, "");
    refuses(&gee_type_of_all_t, "{\"Items\":[{\"Name\":\"\xff\"}]}", GEE_INVALID_ARGUMENT,
            "Items[0].Name: the string is not valid UTF-8");
}

static void without_copy_strings_point_into_the_bytes(void **state) {
    (void)state;
    const char text[] = "\"plain\"";
    gee_str_t s = { 0 };
    assert_int_equal(
        codec->decode(NULL, &gee_type_of_gee_str_t, (const uint8_t *)text, 7, &limits, false, pool, &s, &error), 0);
    assert_ptr_equal(s.data, text + 1);
    assert_int_equal(gee_pool_used(pool), 0);
    assert_int_equal(
        codec->decode(NULL, &gee_type_of_gee_str_t, (const uint8_t *)text, 7, &limits, true, pool, &s, &error), 0);
    assert_true(s.data < text || s.data > text + 7);
}

static void syntax_is_strict(void **state) {
    (void)state;
    static const char *const bad[] = { "",
                                       " ",
                                       "{",
                                       "}",
                                       "{\"I64\"}",
                                       "{\"I64\":}",
                                       "{\"I64\":1,}",
                                       "{,}",
                                       "{\"I64\" 1}",
                                       "{\"I64\":1 \"D\":1}",
                                       "{I64:1}",
                                       "{\"I64\":01}",
                                       "{\"I64\":-}",
                                       "{\"D\":1.}",
                                       "{\"D\":.5}",
                                       "{\"D\":1e}",
                                       "{\"D\":+1}",
                                       "{\"D\":NaN}",
                                       "{\"D\":Infinity}",
                                       "{\"D\":1e+}",
                                       "{\"I64\":0x10}",
                                       "{\"Flag\":TRUE}",
                                       "{\"Flag\":tru}",
                                       "{\"Flag\":nul}",
                                       "{\"I64\":1}{}",
                                       "{\"I64\":1}x",
                                       "{\"Items\":[}",
                                       "{\"Items\":[{}",
                                       "// {}",
                                       "{\"Items\":[,]}",
                                       "{\"Items\":[{},]}",
                                       "{\"Items\":[{} {}]}",
                                       "{\"I64\":1]",
                                       "{\"I64\":-01}",
                                       "{\"D\":00.5}",
                                       "{\"I64\":1\x0b}",
                                       "\xef\xbb\xbf{}" };
    for (size_t i = 0; i < GEE_LENGTH(bad); i++)
        refuses(&gee_type_of_all_t, bad[i], GEE_INVALID_ARGUMENT, "");
    refuses(&gee_type_of_all_t, "{\"I64\":1,}", GEE_INVALID_ARGUMENT,
            "not JSON: '}' at byte 9, where a key is expected");
    refuses(&gee_type_of_all_t, "{\"I64\":1", GEE_INVALID_ARGUMENT, "it ends at byte 8, where ',' or '}' is expected");
    refuses(&gee_type_of_all_t, "{} {}", GEE_INVALID_ARGUMENT, "'{' at byte 3, where the end of the value is expected");
}

static void limits_hold(void **state) {
    (void)state;
    char text[256], *at = text;
    int64_t i;
    for (int depth = 0; depth < 101; depth++)
        at = stpcpy(at, "[");
    refuses(&gee_list_of_int64_t, "[[[[", GEE_INVALID_ARGUMENT, "[0]: a list where int64 is expected");
    gee_value_t tree;
    assert_int_equal(codec->decode_value(NULL, (const uint8_t *)text, 101, &limits, pool, &tree, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.text, "limits.nesting"));
    memmove(text + 8, text, 102);
    memcpy(text, "{\"nope\":", 8);
    assert_int_equal(decode_bytes(&gee_type_of_all_t, text, 109, &(all_t){ 0 }), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    gee_pool_limit(pool, 4096);
    enum { ITEMS = 2000 };
    static char many[ITEMS * 3 + 2];
    for (size_t n = 0; n < ITEMS; n++)
        memcpy(many + 1 + n * 3, n ? ",{}" : " {}", 3);
    many[0] = '[';
    many[ITEMS * 3 + 1] = ']';
    gee_list_value_t list;
    assert_int_equal(decode_bytes(&gee_list_of_item_t, many, sizeof(many), &list), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_int_equal(decode_bytes(&gee_type_of_int64_t, "1", 1, &i), 0);
}

static void big_lists_and_maps(void **state) {
    (void)state;
    enum { ITEMS = 20000 };
    char *text = malloc(ITEMS * 16 + 16), *at = text;
    gee_list_value_t list;
    assert_non_null(text);
    at += sprintf(at, "[");
    for (int64_t n = 0; n < ITEMS; n++)
        at += sprintf(at, "%s%lld", n ? "," : "", (long long)(n * n));
    strcpy(at, "]");
    reads(&gee_list_of_int64_t, text, &list);
    assert_int_equal(list.count, ITEMS);
    for (size_t n = 0; n < ITEMS; n++)
        assert_true(((int64_t *)list.items)[n] == (int64_t)(n * n));
    assert_true(gee_pool_used(pool) < 4 * ITEMS * sizeof(int64_t));
    at = text;
    at += sprintf(at, "{");
    for (int n = 0; n < ITEMS; n++)
        at += sprintf(at, "%s\"%d\":%d", n ? "," : "", n * 7919 % 1000, n);
    strcpy(at, "}");
    reads(&gee_map_of_int64_t, text, &list);
    assert_int_equal(list.count, 1000);
    gee_pool_reset(pool);
    reads(&gee_list_of_item_t, "[{}]", &list);
    assert_true(gee_pool_used(pool) <= 2 * sizeof(item_t)); /* no more room than the bytes could fill */
    reads(&gee_list_of_int64_t, "[]", &list);
    assert_int_equal(list.count, 0);
    free(text);
}

/* ---- floating point ---- */

static void floating_point_is_rounded_correctly(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double number;
    } cases[] = {
        { "0", 0.0 },
        { "1", 1.0 },
        { "0.1", 0.1 },
        { "123456789012345e22", 123456789012345e22 },
        { "1e23", 1e23 },
        { "1.7976931348623157e308", DBL_MAX },
        { "5e-324", 0x1p-1074 },
        { "1e-400", 0.0 },
        { "2.2250738585072011e-308", 2.2250738585072011e-308 },
        { "9007199254740993.0", 9007199254740992.0 },
        { "9007199254740993", 9007199254740992.0 },
        { "9007199254740993.00000000000000000000000001", 9007199254740994.0 },
        { "0.000000000000000000000000000000000000000000000000000000001", 1e-57 },
        { "179769313486231580793728971405301e276", DBL_MAX },
        { "-12.5e-1", -1.25 },
        { "0e999999999999999999999", 0.0 },
        { "1e-99999999999999999999", 0.0 },
        { "100000000000000000000000", 1e23 },
    };
    double d;
    float f;
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        reads(&gee_type_of_double, cases[i].text, &d);
        if (d != cases[i].number)
            fail_msg("%s is read as %a", cases[i].text, d);
    }
    reads(&gee_type_of_double, "-0", &d);
    assert_true(d == 0 && signbit(d));
    refuses(&gee_type_of_all_t, "{\"D\":1e999}", GEE_OUT_OF_RANGE, "D: 1e999 does not fit double");
    refuses(&gee_type_of_double, "-1e99999999999999999999999", GEE_OUT_OF_RANGE, "does not fit double");
    refuses(&gee_type_of_float, "3.5e38", GEE_OUT_OF_RANGE, "3.5e38 does not fit float");
    reads(&gee_type_of_float, "1.000000059604644776", &f); /* rounded once: through a double it would be 1 */
    assert_true(f == 1.00000012F);
}

/* Exactly half way between two doubles, then with a digit far behind, in the whole part, the fraction, and cut by
 * both. */
static void a_far_digit_decides_a_tie(void **state) {
    (void)state;
    enum { ZEROS = 2000 };
    char *text = malloc(ZEROS + 64);
    double d;
    assert_non_null(text);
    memcpy(text, "9007199254740993.", 17);
    memset(text + 17, '0', ZEROS);
    strcpy(text + 17 + ZEROS, "0");
    reads(&gee_type_of_double, text, &d);
    assert_true(d == 9007199254740992.0);
    strcpy(text + 17 + ZEROS, "1");
    reads(&gee_type_of_double, text, &d);
    assert_true(d == 9007199254740994.0);
    memcpy(text, "9007199254740993", 16);
    memset(text + 16, '0', ZEROS);
    strcpy(text + 16 + ZEROS, "e-2000");
    reads(&gee_type_of_double, text, &d);
    assert_true(d == 9007199254740992.0);
    strcpy(text + 16 + ZEROS, "1e-2001");
    reads(&gee_type_of_double, text, &d);
    assert_true(d == 9007199254740994.0);
    strcpy(text + 16 + ZEROS, ".1e-2000");
    reads(&gee_type_of_double, text, &d);
    assert_true(d == 9007199254740994.0);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_kind_is_read),
        TEST(integers_are_exact_or_refused),
        TEST(wrong_types_are_named),
        TEST(names_match_exactly_then_ignoring_case),
        TEST(unknown_fields_are_skipped_and_checked),
        TEST(of_repeated_names_the_last_wins_whole),
        TEST(null_is_zero_for_every_kind),
        TEST(strings_with_escapes),
        TEST(without_copy_strings_point_into_the_bytes),
        TEST(syntax_is_strict),
        TEST(limits_hold),
        TEST(big_lists_and_maps),
        TEST(floating_point_is_rounded_correctly),
        TEST(a_far_digit_decides_a_tie),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
