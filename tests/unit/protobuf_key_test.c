/* protobuf_key_test: keys and lengths that no library writes, as protobuf's own library reads them: at most five bytes,
 * of a key 32 bits. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <gee/protobuf.h>

typedef struct named {
    gee_str_t name;
    gee_bytes_t unknown;
} named_t;
GEE_STRUCT_KEEPING(named_t, "Named", unknown, GEE_STRING(named_t, name, "name", 1));

static const gee_codec_limits_t limits = { .message = 1000, .nesting = 100 };
static gee_pool_t *pool;
static gee_error_t error;

static int setup(void **state GEE_UNUSED) {
    return (pool = gee_pool_create(1000)) != NULL ? 0 : -1;
}

static int teardown(void **state GEE_UNUSED) {
    gee_pool_destroy(&pool);
    return 0;
}

#define READ(decode, named, bytes)                                                                                     \
    decode(NULL, GEE_TYPE_OF(named_t), (const uint8_t *)(bytes), sizeof(bytes) - 1, &limits, true, pool, named, &error)

#define assert_refused(bytes, words)                                                                                   \
    do {                                                                                                               \
        named_t refused = { .name.length = 0 };                                                                        \
        assert_int_equal(READ(gee_protobuf_lax_decode, &refused, bytes), -1);                                          \
        assert_string_equal(error.text, words);                                                                        \
        assert_int_equal(gee_protobuf_lax_check(NULL, GEE_TYPE_OF(named_t), (const uint8_t *)(bytes),                  \
                                                sizeof(bytes) - 1, &limits, 0, &error),                                \
                         -1);                                                                                          \
    } while (0)

static void five_bytes_are_read(void **state GEE_UNUSED) {
    named_t named = { .name.length = 0 };
    assert_int_equal(READ(gee_protobuf_lax_decode, &named, "\x8a\x80\x80\x80\0\x82\x80\x80\x80\0ab"), 0);
    assert_true(gee_str_equal(named.name, GEE_STR("ab")));
}

static void six_are_refused(void **state GEE_UNUSED) {
    assert_refused("\x8a\x80\x80\x80\x80\0\2ab", "a key or a length of more than 5 bytes");
    assert_refused("\x9a\x80\x80\x80\x80\0\2ab", "a key or a length of more than 5 bytes");
    assert_refused("\x0a\x82\x80\x80\x80\x80\0ab", "name: a key or a length of more than 5 bytes");
    assert_refused("\x1a\x82\x80\x80\x80\x80\0ab", "a key or a length of more than 5 bytes");
}

static void bits_of_a_key_beyond_32_are_dropped(void **state GEE_UNUSED) {
    named_t named = { .name.length = 0 };
    assert_int_equal(READ(gee_protobuf_lax_decode, &named, "\x8a\x80\x80\x80\x10\2ab\xf8\xff\xff\xff\x7f\1"), 0);
    assert_true(gee_str_equal(named.name, GEE_STR("ab")));
    assert_int_equal(named.unknown.length, 6);
    assert_refused("\x80\x80\x80\x80\x10\0", "field number 536870912 is out of range");
}

static void strictly_all_are_numbers(void **state GEE_UNUSED) {
    named_t named = { .name.length = 0 };
    assert_int_equal(READ(gee_protobuf_strict_decode, &named, "\x8a\x80\x80\x80\x80\0\x82\x80\x80\x80\x80\0ab"), 0);
    assert_true(gee_str_equal(named.name, GEE_STR("ab")));
    assert_int_equal(READ(gee_protobuf_strict_decode, &named, "\x8a\x80\x80\x80\x10\2ab"), -1);
    assert_string_equal(error.text, "field number 536870913 is out of range");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_bytes_are_read),
        cmocka_unit_test(six_are_refused),
        cmocka_unit_test(bits_of_a_key_beyond_32_are_dropped),
        cmocka_unit_test(strictly_all_are_numbers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
