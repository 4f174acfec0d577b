/* codec_protojson_test: canonical ProtoJSON: the form of every kind, what is read beside, what is refused, the options.
 * Texts are read and written again; test_interop_protobuf.py has protobuf's own library on the other side. */
#include "codec_json_fixture.h"

#include "../support/protoc.h"
#include "core/protobuf/descriptor.h"
#include "core/protobuf/google/protobuf/duration.gee.h"
#include "core/protobuf/google/protobuf/field_mask.gee.h"
#include "core/protobuf/google/protobuf/timestamp.gee.h"
#include "modules/codec_protojson/protojson.h"

static const char proto[] =
    "syntax = \"proto3\"; package t;\n"
    "import \"google/protobuf/any.proto\"; import \"google/protobuf/duration.proto\";\n"
    "import \"google/protobuf/empty.proto\"; import \"google/protobuf/field_mask.proto\";\n"
    "import \"google/protobuf/struct.proto\"; import \"google/protobuf/timestamp.proto\";\n"
    "import \"google/protobuf/wrappers.proto\";\n"
    "enum E { ZERO = 0; ONE = 1; TWO = 2; }\n"
    "message M {\n"
    "  int32 i32 = 1; int64 i64 = 2; uint32 u32 = 3; uint64 u64 = 4; float f = 5; double d = 6; bool b = 7;\n"
    "  string s = 8; bytes data = 9; E e = 10; M child_message = 11; optional int32 maybe_int = 12;\n"
    "  repeated int32 numbers = 13; repeated E es = 14; repeated M ms = 15; map<int32, string> by_number = 16;\n"
    "  map<bool, E> by_bool = 17;\n"
    "  oneof one { int32 one_int = 18; string one_text = 19; google.protobuf.NullValue one_null = 20; M one_m = 21;\n"
    "    google.protobuf.Value one_value = 22; E one_e = 23; }\n"
    "  google.protobuf.Timestamp time = 31; google.protobuf.Duration duration = 32;\n"
    "  google.protobuf.FieldMask mask = 33; google.protobuf.Struct structure = 34;\n"
    "  google.protobuf.Value value = 35; google.protobuf.ListValue list = 36;\n"
    "  google.protobuf.NullValue null_value = 37; google.protobuf.Any any = 38; google.protobuf.Empty empty = 39;\n"
    "  google.protobuf.Int64Value wide = 40; repeated google.protobuf.StringValue texts = 41;\n"
    "  repeated google.protobuf.Value values = 42; string renamed = 50 [json_name = \"@other\"];\n"
    "}\n";

static gee_descriptors_t *set;
static const gee_type_t *message;
static gee_protojson_options_t options;

static const gee_type_t *resolve(void *data, gee_str_t full_name) {
    return gee_descriptors_type(*(gee_descriptors_t **)data, full_name);
}

static int compile(void **state) {
    char path[128];
    protoc_compile(proto);
    snprintf(path, sizeof path, "%s/x", protoc_directory);
    set = gee_descriptors_load(path, true, &error);
    if (set == NULL)
        fail_msg("%s", error.text);
    message = gee_descriptors_type(set, GEE_STR("t.M"));
    return start(state);
}

static int clean_up(void **state) {
    protoc_clean();
    gee_descriptors_release(&set);
    return stop(state);
}

static int set_up_options(void **state) {
    options = (gee_protojson_options_t){ .resolve = resolve, .data = &set };
    return set_up(state);
}

#define TEST_PROTOJSON(function) cmocka_unit_test_setup_teardown(function, set_up_options, tear_down)

static int read_text(const gee_type_t *type, const char *text, void *value) {
    size_t length = strlen(text);
    uint8_t *exact = malloc(length ? length : 1);
    memcpy(exact, text, length);
    int result = gee_protojson_decode(&options, type, exact, length, &limits, true, pool, value, &error);
    free(exact);
    return result;
}

static const char *write_text(const gee_type_t *type, const void *value) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    int result = gee_protojson_encode(&options, type, value, &chain, &error);
    size_t length = gee_chain_copy(&chain, written, sizeof(written) - 1);
    written[length] = '\0';
    gee_chain_clear(&chain);
    return result == 0 ? written : NULL;
}

static void becomes(const char *text, const char *expected) {
    void *value = gee_pool_zalloc(pool, message->size);
    if (read_text(message, text, value) < 0)
        fail_msg("%s: %s", text, error.text);
    if (write_text(message, value) == NULL)
        fail_msg("%s: %s", text, error.text);
    assert_string_equal(written, expected);
}

static void stays(const char *text) {
    becomes(text, text);
}

static void is_refused(const char *text, const char *reason) {
    void *value = gee_pool_zalloc(pool, message->size);
    if (read_text(message, text, value) == 0)
        fail_msg("%s was read", text);
    if (strstr(error.text, reason) == NULL)
        fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, reason);
}

/* ---- kinds ---- */

static void every_kind_has_its_form(void **state) {
    (void)state;
    stays("{\"i32\":-2147483648,\"i64\":\"-9223372036854775808\",\"u32\":4294967295,\"u64\":\"18446744073709551615\","
          "\"f\":1.5,\"d\":-1e-7,\"b\":true,\"s\":\"\xe2\x82\xac\\n\",\"data\":\"AP+/\",\"e\":\"TWO\","
          "\"childMessage\":{},\"maybeInt\":0,\"numbers\":[1,0],\"es\":[\"ONE\",7],\"ms\":[{},{\"i32\":1}],"
          "\"byNumber\":{\"-1\":\"x\"},\"byBool\":{\"true\":\"ONE\"},\"oneInt\":0,\"@other\":\"r\"}");
    stays("{}");
    becomes("{\"i32\":0,\"i64\":\"0\",\"f\":0.0,\"b\":false,\"s\":\"\",\"data\":\"\",\"e\":\"ZERO\",\"numbers\":[],"
            "\"byNumber\":{},\"childMessage\":null,\"maybeInt\":null,\"oneInt\":null,\"d\":null,\"ms\":null}",
            "{}");
    becomes(" { \"child_message\" : { \"by_number\" : {} , \"renamed\" : \"a\" } } ",
            "{\"childMessage\":{\"@other\":\"a\"}}");
}

static void integers_are_read_in_any_form_without_a_fraction(void **state) {
    (void)state;
    becomes("{\"i32\":\"12\",\"i64\":12,\"u32\":1e5,\"u64\":1.0}",
            "{\"i32\":12,\"i64\":\"12\",\"u32\":100000,\"u64\":\"1\"}");
    becomes("{\"i32\":-0,\"i64\":\"1.50e1\",\"u32\":100000E-5,\"u64\":\"1844674407370955161.5e1\"}",
            "{\"i64\":\"15\",\"u32\":1,\"u64\":\"18446744073709551615\"}");
    becomes("{\"i64\":9223372036854775807,\"u64\":18446744073709551615,\"i32\":0e9999999999}",
            "{\"i64\":\"9223372036854775807\",\"u64\":\"18446744073709551615\"}");
    static const char *const not_whole[] = { "0.5", "\"1.5\"", "1e-1", "10e-2" };
    static const char *const too_big[] = { "2147483648", "-2147483649", "1e10", "\"2147483648\"", "1e99999999999999" };
    static const char *const malformed[] = { "\"\"",          "\" 1\"", "\"1 \"",   "\"01\"", "\"+1\"",
                                             "\"0x1\"",       "\"a\"",  "\"1\\n\"", "true",   "{}",
                                             "\"1\\u00002\"", "[1]",    "\"NaN\"" };
    char text[64];
    for (size_t i = 0; i < GEE_LENGTH(not_whole); i++) {
        snprintf(text, sizeof text, "{\"i32\":%s}", not_whole[i]);
        is_refused(text, "i32: ");
    }
    for (size_t i = 0; i < GEE_LENGTH(too_big); i++) {
        snprintf(text, sizeof text, "{\"i32\":%s}", too_big[i]);
        is_refused(text, "does not fit int32");
    }
    for (size_t i = 0; i < GEE_LENGTH(malformed); i++) {
        snprintf(text, sizeof text, "{\"i32\":%s}", malformed[i]);
        is_refused(text, "where int32 is expected");
    }
    is_refused("{\"u32\":-1}", "u32: -1 does not fit uint32");
    is_refused("{\"u64\":18446744073709551616}", "does not fit uint64");
    is_refused("{\"i64\":\"-9223372036854775809\"}", "does not fit int64");
}

static void floating_point_has_words(void **state) {
    (void)state;
    stays("{\"f\":\"NaN\",\"d\":\"-Infinity\"}");
    stays("{\"f\":\"Infinity\",\"d\":-0.0}");
    becomes("{\"f\":\"1.5\",\"d\":\"1e300\"}", "{\"f\":1.5,\"d\":1e+300}");
    stays("{\"f\":3.4028235e+38}");
    is_refused("{\"f\":3.5e38}", "does not fit float");
    is_refused("{\"d\":1.9e308}", "does not fit double");
    is_refused("{\"d\":\"1e999\"}", "does not fit double");
    is_refused("{\"d\":NaN}", "not JSON");
    is_refused("{\"d\":-Infinity}", "not JSON");
    is_refused("{\"d\":\"nan\"}", "\"nan\" where double is expected");
    is_refused("{\"d\":\" 1\"}", "where double is expected");
}

static void bytes_are_read_in_both_alphabets(void **state) {
    (void)state;
    becomes("{\"data\":\"-_-_\"}", "{\"data\":\"+/+/\"}");
    becomes("{\"data\":\"-_8\"}", "{\"data\":\"+/8=\"}");
    becomes("{\"data\":\"AQ\"}", "{\"data\":\"AQ==\"}");
    static const char *const wrong[] = { "A", "A===", "AQ=", "AQ===", "A Q=", "AQ==AQ==", "\\n", "=", "AAAAA", "*" };
    char text[64];
    for (size_t i = 0; i < GEE_LENGTH(wrong); i++) {
        snprintf(text, sizeof text, "{\"data\":\"%s\"}", wrong[i]);
        is_refused(text, "data: the string is not base64");
    }
}

static void enums_are_read_by_name_and_number(void **state) {
    (void)state;
    becomes("{\"e\":1,\"es\":[\"2\",-1,1.0]}", "{\"e\":\"ONE\",\"es\":[\"TWO\",-1,\"ONE\"]}");
    is_refused("{\"e\":\"two\"}", "e: E has no value \"two\"");
    is_refused("{\"e\":1.5}", "e: 1.5 where E is expected");
    is_refused("{\"e\":2147483648}", "does not fit E");
    options.ignore_unknown = true;
    becomes("{\"e\":\"X\",\"es\":[\"ONE\",\"X\",\"TWO\"],\"byBool\":{\"true\":\"X\",\"false\":\"ONE\"},\"oneE\":\"X\"}",
            "{\"es\":[\"ONE\",\"TWO\"],\"byBool\":{\"false\":\"ONE\"}}");
}

/* ---- objects ---- */

static void what_comes_twice_is_refused(void **state) {
    (void)state;
    is_refused("{\"i32\":1,\"i32\":1}", "i32: the field comes twice");
    is_refused("{\"childMessage\":{},\"child_message\":null}", "child_message: the field comes twice");
    is_refused("{\"oneInt\":1,\"oneText\":\"x\"}", "one_text: another member of its oneof is set, too");
    is_refused("{\"oneNull\":null,\"oneInt\":1}", "another member");
    is_refused("{\"byNumber\":{\"1\":\"a\",\"2\":\"b\",\"1\":\"c\"}}", "by_number: a key of the map comes twice");
    becomes("{\"oneInt\":null,\"oneText\":\"x\"}", "{\"oneText\":\"x\"}");
    becomes("{\"oneText\":\"x\",\"oneM\":null}", "{\"oneText\":\"x\"}");
}

static void unknown_members_are_refused_or_passed_over(void **state) {
    (void)state;
    is_refused("{\"childMessage\":{\"other\":1}}", "child_message: M has no field \"other\"");
    is_refused("{\"I32\":1}", "M has no field \"I32\"");
    is_refused("{\"childmessage\":{}}", "no field");
    options.ignore_unknown = true;
    becomes("{\"other\":{\"a\":[1,{}]},\"i32\":1}", "{\"i32\":1}");
    is_refused("{\"other\":[1,],\"i32\":1}", "not JSON");
}

static void null_has_a_place(void **state) {
    (void)state;
    is_refused("{\"numbers\":[1,null]}", "numbers[1]: null where int32 is expected");
    is_refused("{\"ms\":[null]}", "ms[0]: null where M is expected");
    is_refused("{\"byNumber\":{\"1\":null}}", "null where string is expected");
    is_refused("null", "");
    stays("{\"oneNull\":null}");
    stays("{\"oneValue\":null}");
    stays("{\"value\":null,\"values\":[null,1]}");
    becomes("{\"nullValue\":null,\"time\":null,\"wide\":null}", "{}");
    becomes("{\"oneNull\":\"NULL_VALUE\"}", "{\"oneNull\":null}");
}

static void syntax_is_strict(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "",
        "{",
        "{\"i32\":1,}",
        "{\"i32\":01}",
        "{'i32':1}",
        "{i32:1}",
        "{\"i32\":1}}",
        "{\"i32\":1 \"u32\":1}",
        "{\"numbers\":[1,]}",
        "{\"numbers\":[,1]}",
        "{\"numbers\":[1 2]}",
        "{\"s\":\"\\x\"}",
        "{\"s\":\"\n\"}",
        "{\"s\":\"\\ud800\"}",
        "{\"s\":\"\\udc00\\ud800\"}",
        "{\"s\":\"\\u12g4\"}",
        "{\"s\":\"\xff\"}",
        "{\"b\":True}",
        "{\"i32\":+1}",
        "{\"i32\":.5}",
        "{\"d\":1.}",
        "{\"i32\"}",
        "{\"b\":\"true\"}",
        "{\"s\":1}",
        "[]",
        "1",
        "{/**/}",
        "{\"byBool\":{\"1\":1}}",
        "{\"byNumber\":{\"1.0\":\"\"}}",
        "{\"byNumber\":{1:\"\"}}",
    };
    for (size_t i = 0; i < GEE_LENGTH(wrong); i++)
        is_refused(wrong[i], "");
    becomes("{\"s\":\"\\ud83d\\ude00\\/\\u0041\"}", "{\"s\":\"\xf0\x9f\x98\x80/A\"}");
}

/* ---- google.protobuf ---- */

static void times_are_texts(void **state) {
    (void)state;
    stays("{\"time\":\"0001-01-01T00:00:00Z\",\"duration\":\"-315576000000s\"}");
    stays("{\"time\":\"9999-12-31T23:59:59.999999999Z\",\"duration\":\"315576000000s\"}");
    stays("{\"time\":\"2000-02-29T12:30:01.500Z\",\"duration\":\"-0.000000001s\"}");
    stays("{\"time\":\"1969-12-31T23:59:59.000001Z\",\"duration\":\"1.500s\"}");
    becomes("{\"time\":\"1970-01-01T01:00:00.1234567+01:30\",\"duration\":\"0s\"}",
            "{\"time\":\"1969-12-31T23:30:00.123456700Z\",\"duration\":\"0s\"}");
    static const char *const times[] = {
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "2001-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2001-13-01T00:00:00Z",
        "2001-01-32T00:00:00Z",
        "2001-01-01T24:00:00Z",
        "2001-01-01T00:60:00Z",
        "2001-01-01T00:00:60Z",
        "2001-01-01t00:00:00Z",
        "2001-01-01T00:00:00z",
        "2001-01-01 00:00:00Z",
        "2001-01-01T00:00:00",
        "2001-01-01T00:00:00.Z",
        "2001-01-01T00:00:00.0000000001Z",
        "2001-1-01T00:00:00Z",
        "20010101T000000Z",
        "10000-01-01T00:00:00Z",
        "2001-01-01T00:00:00Z ",
        "",
    };
    static const char *const durations[] = {
        "1", "s", "1.s", ".5s", "+1s", "1 s", "315576000001s", "", "1.1234567890s", "--1s", "1e3s", "0x1s"
    };
    char text[96];
    for (size_t i = 0; i < GEE_LENGTH(times); i++) {
        snprintf(text, sizeof text, "{\"time\":\"%s\"}", times[i]);
        is_refused(text, "is not a Timestamp of the years 0001 to 9999");
    }
    for (size_t i = 0; i < GEE_LENGTH(durations); i++) {
        snprintf(text, sizeof text, "{\"duration\":\"%s\"}", durations[i]);
        is_refused(text, "is not a Duration of at most 315576000000 seconds");
    }
}

static void a_time_out_of_range_is_not_written(void **state) {
    (void)state;
    google_protobuf_Timestamp time = { .seconds = 253402300800 };
    assert_null(write_text(GEE_TYPE_OF(google_protobuf_Timestamp), &time));
    assert_string_equal(error.text, "a Timestamp out of range: 253402300800 s, 0 ns");
    time.seconds = 0, time.nanos = -1;
    assert_null(write_text(GEE_TYPE_OF(google_protobuf_Timestamp), &time));
    google_protobuf_Duration duration = { .seconds = 1, .nanos = -1 };
    assert_null(write_text(GEE_TYPE_OF(google_protobuf_Duration), &duration));
    duration.seconds = 0;
    assert_string_equal(write_text(GEE_TYPE_OF(google_protobuf_Duration), &duration), "\"-0.000000001s\"");
}

static void a_mask_has_paths(void **state) {
    (void)state;
    stays("{\"mask\":\"fooBar,foo.barBaz,a\"}");
    stays("{\"mask\":\"\"}");
    is_refused("{\"mask\":\"foo_bar\"}", "mask: a path of the FieldMask is not of names in lowerCamelCase");
    is_refused("{\"mask\":\"a b\"}", "lowerCamelCase");
    const char *const paths[] = { "fooBar", "foo_3_bar", "foo__bar", "foo_", "a,b", "\"" };
    for (size_t i = 0; i < GEE_LENGTH(paths); i++) {
        gee_str_t path = gee_str(paths[i]);
        google_protobuf_FieldMask mask = { .paths = { .items = &path, .count = 1 } };
        assert_null(write_text(GEE_TYPE_OF(google_protobuf_FieldMask), &mask));
    }
}

static void values_are_json_itself(void **state) {
    (void)state;
    stays("{\"structure\":{\"a\":null,\"b\":[1,\"x\",{}],\"c\":true},\"value\":[[],{}],\"list\":[1.5,false],"
          "\"values\":[{\"k\":\"v\"}]}");
    is_refused("{\"value\":1e999}", "does not fit double");
    is_refused("{\"structure\":[]}", "a list where map is expected");
    is_refused("{\"list\":{}}", "an object where list is expected");
    stays("{\"empty\":{},\"wide\":\"5\",\"texts\":[\"\",\"x\"]}");
    is_refused("{\"wide\":{\"value\":1}}", "wide: an object where int64 is expected");
    is_refused("{\"texts\":[null]}", "null where StringValue is expected");
}

static void an_any_has_the_name_of_its_type(void **state) {
    (void)state;
    stays("{\"any\":{\"@type\":\"type.googleapis.com/t.M\",\"i32\":1,\"any\":{\"@type\":\"x/t.M\"}}}");
    stays("{\"any\":{\"@type\":\"type.googleapis.com/google.protobuf.Duration\",\"value\":\"1.500s\"}}");
    stays("{\"any\":{\"@type\":\"x/google.protobuf.Value\",\"value\":null}}");
    stays("{\"any\":{\"@type\":\"x/google.protobuf.Any\",\"value\":{\"@type\":\"x/t.M\",\"s\":\"y\"}}}");
    stays("{\"any\":{}}");
    becomes("{\"any\":{\"i32\":1,\"childMessage\":{\"i32\":2},\"@type\":\"x/t.M\"}}",
            "{\"any\":{\"@type\":\"x/t.M\",\"i32\":1,\"childMessage\":{\"i32\":2}}}");
    is_refused("{\"any\":{\"i32\":1}}", "any: Any: \"@type\" is missing");
    is_refused("{\"any\":{\"@type\":\"x/t.M\",\"@type\":\"x/t.M\"}}", "\"@type\" comes twice");
    is_refused("{\"any\":{\"@type\":\"t.M\"}}", "a type url has a '/' before the name");
    is_refused("{\"any\":{\"@type\":\"x/t.E\"}}", "its descriptors do not have that message");
    is_refused("{\"any\":{\"@type\":\"x/t.M\",\"childMessage\":{\"@type\":\"x/t.M\"}}}", "M has no field \"@type\"");
    is_refused("{\"any\":{\"@type\":\"x/google.protobuf.Duration\"}}", "\"value\" is missing");
    is_refused("{\"any\":{\"@type\":\"x/google.protobuf.Duration\",\"seconds\":1}}", "one member beside");
    options.resolve = NULL;
    is_refused("{\"any\":{\"@type\":\"x/t.M\"}}", "the type \"x/t.M\" is not known here: no descriptors are at hand");
}

/* ---- options, types that are not protobuf's ---- */

static void options_change_what_is_written(void **state) {
    (void)state;
    options.proto_names = options.enum_numbers = true;
    becomes("{\"childMessage\":{\"@other\":\"x\"},\"e\":\"ONE\"}", "{\"e\":1,\"child_message\":{\"renamed\":\"x\"}}");
    options = (gee_protojson_options_t){ .emit_defaults = true };
    becomes("{\"oneInt\":0}",
            "{\"i32\":0,\"i64\":\"0\",\"u32\":0,\"u64\":\"0\",\"f\":0,\"d\":0,\"b\":false,\"s\":\"\",\"data\":\"\","
            "\"e\":\"ZERO\",\"numbers\":[],\"es\":[],\"ms\":[],\"byNumber\":{},\"byBool\":{},\"oneInt\":0,"
            "\"nullValue\":null,\"texts\":[],\"values\":[],\"@other\":\"\"}");
}

typedef struct {
    int64_t a_number;
} plain_t;
GEE_STRUCT(plain_t, "Plain", GEE_INT64(plain_t, a_number, "a_number", 1));

static void names_of_other_types_stay(void **state) {
    (void)state;
    plain_t plain = { 0 };
    assert_int_equal(read_text(GEE_TYPE_OF(plain_t), "{\"aNumber\":1}", &plain), -1);
    assert_int_equal(read_text(GEE_TYPE_OF(plain_t), "{\"a_number\":1}", &plain), 0);
    assert_string_equal(write_text(GEE_TYPE_OF(plain_t), &plain), "{\"a_number\":\"1\"}");
}

static void a_name_is_made_where_there_is_none(void **state) {
    (void)state;
    const gee_field_t fields[] = { GEE_INT64(plain_t, a_number, "_a_long__name_2x_", 1) };
    gee_type_t type = gee_type_of_plain_t;
    type.fields = fields, type.full_name = "t.Plain";
    plain_t plain = { 0 };
    assert_int_equal(read_text(&type, "{\"ALongName2x\":7}", &plain), 0);
    assert_string_equal(write_text(&type, &plain), "{\"ALongName2x\":\"7\"}");
    assert_int_equal(read_text(&type, "{\"ALongName2\":7}", &plain), -1);
    assert_int_equal(read_text(&type, "{\"ALongName2x_\":7}", &plain), -1);
    assert_int_equal(read_text(&type, "{\"_a_long__name_2x_\":8}", &plain), 0);
    assert_int_equal(plain.a_number, 8);
}

static void nesting_is_limited(void **state) {
    (void)state;
    char text[2048], *at = text;
    for (int i = 0; i < 101; i++)
        at = stpcpy(at, "{\"ms\":[");
    is_refused(text, "nests deeper");
    at = text;
    for (int i = 0; i < 101; i++)
        at = stpcpy(at, i == 0 ? "{\"value\":" : "[");
    is_refused(text, "nests deeper");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_PROTOJSON(every_kind_has_its_form),
        TEST_PROTOJSON(integers_are_read_in_any_form_without_a_fraction),
        TEST_PROTOJSON(floating_point_has_words),
        TEST_PROTOJSON(bytes_are_read_in_both_alphabets),
        TEST_PROTOJSON(enums_are_read_by_name_and_number),
        TEST_PROTOJSON(what_comes_twice_is_refused),
        TEST_PROTOJSON(unknown_members_are_refused_or_passed_over),
        TEST_PROTOJSON(null_has_a_place),
        TEST_PROTOJSON(syntax_is_strict),
        TEST_PROTOJSON(times_are_texts),
        TEST_PROTOJSON(a_time_out_of_range_is_not_written),
        TEST_PROTOJSON(a_mask_has_paths),
        TEST_PROTOJSON(values_are_json_itself),
        TEST_PROTOJSON(an_any_has_the_name_of_its_type),
        TEST_PROTOJSON(options_change_what_is_written),
        TEST_PROTOJSON(names_of_other_types_stay),
        TEST_PROTOJSON(a_name_is_made_where_there_is_none),
        TEST_PROTOJSON(nesting_is_limited),
    };
    return cmocka_run_group_tests(tests, compile, clean_up);
}
