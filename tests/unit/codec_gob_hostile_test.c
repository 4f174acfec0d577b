/* codec_gob_hostile_test: bytes that mean harm, or were damaged: refused with a reason, in bounded memory and time. */
#include "codec_gob_captures.h"
#include "codec_gob_fixture.h"

#include <malloc.h>

/* ---- types that captures are read into ---- */

typedef struct tree {
    int64_t value;
    struct tree *left, *right;
    gee_list_value_t others;
} tree_t;
static const gee_type_t tree_type, tree_pointer = {
    .kind = GEE_KIND_OPTIONAL, .name = "", .size = sizeof(void *), .element = &tree_type, .lasting = true
};
static const gee_type_t tree_list = {
    .kind = GEE_KIND_LIST, .name = "", .size = sizeof(gee_list_value_t), .element = &tree_type, .lasting = true
};
static const gee_field_t tree_fields[] = {
    { .name = "Value", .tag = 1, .offset = offsetof(tree_t, value), .type = &gee_type_of_int64_t },
    { .name = "Left", .tag = 2, .offset = offsetof(tree_t, left), .type = &tree_pointer },
    { .name = "Right", .tag = 3, .offset = offsetof(tree_t, right), .type = &tree_pointer },
    { .name = "Others", .tag = 4, .offset = offsetof(tree_t, others), .type = &tree_list },
};
static const gee_type_t tree_type = { .kind = GEE_KIND_STRUCT,
                                      .name = "Tree",
                                      .size = sizeof(tree_t),
                                      .fields = tree_fields,
                                      .field_count = 4,
                                      .lasting = true };

GEE_LIST_TYPE(int64_t);
GEE_MAP_TYPE(int64_t);
typedef struct {
    bool flag;
    int32_t i32;
    uint32_t u32;
    float f32;
    gee_str_t s;
    gee_bytes_t b;
    GEE_LIST_OF(int64_t) list;
    GEE_MAP_OF(int64_t) m;
} some_t;
GEE_STRUCT(some_t, "All", GEE_BOOL(some_t, flag, "Flag", 1), GEE_INT32(some_t, i32, "I32", 2),
           GEE_UINT32(some_t, u32, "U32", 3), GEE_FLOAT(some_t, f32, "F32", 4), GEE_STRING(some_t, s, "S", 5),
           GEE_BYTES(some_t, b, "B", 6), GEE_LIST(some_t, list, "List", 7, int64_t, gee_list_of_int64_t),
           GEE_MAP(some_t, m, "M", 8, int64_t, gee_map_of_int64_t));

/* ---- making messages ---- */

static uint8_t made[4 << 20];
static size_t made_length;

static void put(uint64_t number) {
    uint8_t digits[8];
    unsigned count = 0;
    assert_true(made_length + 9 < sizeof(made));
    if (number < 0x80) {
        made[made_length++] = (uint8_t)number;
        return;
    }
    for (; number > 0; number >>= 8)
        digits[count++] = (uint8_t)number;
    made[made_length++] = (uint8_t)(256 - count);
    while (count > 0)
        made[made_length++] = digits[--count];
}

static void put_int(int64_t number) {
    put((uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0));
}

static void put_text(const char *text) {
    put(strlen(text));
    memcpy(made + made_length, text, strlen(text));
    made_length += strlen(text);
}

/* The bytes put since `start` become a message. */
static void close_message(size_t start) {
    size_t length = made_length - start;
    uint8_t *content = malloc(length + 1);
    memcpy(content, made + start, length);
    made_length = start;
    put(length);
    memcpy(made + made_length, content, length);
    made_length += length;
    free(content);
}

/* -id, the kind's member, a Common with nothing but the id. */
static size_t begin_definition(int64_t id, unsigned member) {
    size_t start = made_length;
    put_int(-id);
    put(member + 1);
    put(1), put(2), put_int(id), put(0);
    return start;
}

static void define_slice(int64_t id, int64_t element) {
    size_t start = begin_definition(id, 1);
    put(1), put_int(element), put(0), put(0);
    close_message(start);
}

/* `count` fields of one type: names F0, F1, ... */
static void define_struct(int64_t id, size_t count, int64_t type) {
    char name[24];
    size_t start = begin_definition(id, 2);
    if (count > 0)
        put(1), put(count);
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "F%zu", i);
        put(1), put_text(name), put(1), put_int(type), put(0);
    }
    put(0), put(0);
    close_message(start);
}

static int measure_made(void) {
    size_t length;
    memset(&error, 0, sizeof(error));
    return measure(receiver, made, made_length, &length);
}

static void begin(void) {
    made_length = 0;
    close_state(&receiver);
    receiver = open_state(shared);
}

static void expect_refused(int result, gee_code_t code, const char *reason) {
    assert_int_equal(result, -1);
    if (error.code != code || strstr(error.text, reason) == NULL)
        fail_msg("code %d, \"%s\", not \"%s\"", (int)error.code, error.text, reason);
}

/* ---- framing and definitions ---- */

#define ARGS_65 "1e ff81 0301 01 04 41726773 01 ff82 00 01 02 0101 41 01 04 00 01 01 42 01 04 00 00 00"

static void malformed_messages_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *hex, *reason;
    } rows[] = {
        { "80", "not gob" },
        { "f7", "not gob" },
        { "00", "an empty message" },
        { "f8 ffffffffffffffff", "a message of over 4 GiB" },
        { "fc 00400000", "over 4194304 bytes" },
        { "01 80", "without a type id" },
        { "02 ff82", "type id 65 was never defined" },
        { "02 00 00", "type id 0 was never defined" },
        { "03 12 00 00", "type id 9 was never defined" },
        { "02 01 00", "type id -1, which cannot be defined" },
        { "05 7d 03 00 00 00", "type id -63, which cannot be defined" },
        { "0a f8 ffffffffffffffff 00 00", "cannot be defined" },
        { ARGS_65 " " ARGS_65, "type id 65 is defined a second time" },
        { "1f ff81 0301 01 04 41726773 01 ff82 00 01 02 0101 41 01 04 00 01 01 42 01 04 00 00 00 00",
          "bytes behind a type definition" },
        { "03 ff81 00", "malformed" },                                            /* no kind */
        { "03 ff81 08", "malformed" },                                            /* an unknown kind */
        { "08 ff81 02 01 02 ff82 00", "malformed" },                              /* cut short by its length */
        { "0a ff81 02 01 02 ff82 00 00 00", "without the type of its elements" }, /* a slice of nothing */
        { "0c ff81 02 01 02 ff82 00 01 12 00 00", "refers to type id 9" },        /* of a reserved type */
        { "0c ff81 02 01 02 ff82 00 01 03 00 00", "refers to type id -2" },       /* of a negative one */
        { "0b ff81 03 01 02 ff82 00 01 01 01", "malformed" },                     /* cut inside a field */
        { "0f ff81 03 01 02 ff82 00 01 01 02 04 00 00 00", "without a name" },
        { "10 ff81 03 01 02 ff82 00 01 01 01 01 58 00 00 00", "without a type" },
        { "12 ff81 03 01 02 ff82 00 01 01 01 01 ff 01 04 00 00 00", "not valid UTF-8" },
        { "0d ff81 02 01 02 ff82 00 01 ff86 00 00 03 ff82 00", "type id 67 was never defined" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        close_state(&receiver);
        receiver = open_state(shared);
        from_hex(rows[i].hex);
        size_t length;
        if (measure(receiver, wire, wire_length, &length) == 0 || strstr(error.text, rows[i].reason) == NULL)
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].hex, error.text, rows[i].reason);
    }
}

static void malformed_values_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *value, *reason;
    } rows[] = {
        { "03 ff82 02", "truncated" },
        { "05 ff82 03 04 00", "field number past" },
        { "07 ff82 01 02 02 02 00", "field number past" },
        { "0b ff82 f8 ffffffffffffffff", "field number past" },
        { "04 ff82 01 81", "truncated" },
        { "05 ff82 01 fe 01", "truncated" },
        { "04 ff82 01 02", "truncated" },
        { "04 ff82 00 00", "bytes behind the value" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        char hex[256];
        snprintf(hex, sizeof(hex), "%s %s", ARGS_65, rows[i].value);
        close_state(&receiver);
        receiver = open_state(shared);
        refuses(GEE_TYPE_OF(args_t), hex, rows[i].reason);
        close_state(&receiver);
        receiver = open_state(shared);
        gee_value_t tree;
        from_hex(hex);
        assert_int_equal(read_wire(NULL, NULL, &tree), -1);
        assert_non_null(strstr(error.text, rows[i].reason));
    }
    refuses(GEE_TYPE_OF(int64_t), "03 04 01 06", "does not begin with a zero");
}

/* ---- counts ---- */

static void counts_past_the_bytes_are_refused(void **state) {
    (void)state;
    gee_list_value_t list;
    gee_value_t tree;
    for (int i = 0; i < 2; i++) {
        begin();
        define_slice(65, 2);
        size_t start = made_length;
        put_int(65), put(0), put(i == 0 ? 1000000000 : UINT64_MAX), put(0);
        close_message(start);
        assert_int_equal(measure_made(), 0);
        int result =
            codec->decode(receiver, &gee_list_of_int64_t, made, made_length, &limits, true, pool, &list, &error);
        expect_refused(result, GEE_INVALID_ARGUMENT, "elements are announced");
        result = codec->decode_value(receiver, made, made_length, &limits, pool, &tree, &error);
        expect_refused(result, GEE_INVALID_ARGUMENT, "elements are announced");
        assert_true(gee_pool_used(pool) < 4096);
    }
}

static void memory_is_bounded_by_the_pool(void **state) {
    (void)state;
    gee_value_t tree;
    begin();
    define_struct(65, 10000, 2); /* each empty struct takes a byte here, and 10,000 values in a tree */
    define_slice(66, 65);
    size_t start = made_length;
    put_int(66), put(0), put(100000);
    memset(made + made_length, 0, 100000);
    made_length += 100000;
    close_message(start);
    gee_pool_limit(pool, 16 << 20);
    assert_int_equal(measure_made(), 0);
    expect_refused(codec->decode_value(receiver, made, made_length, &limits, pool, &tree, &error),
                   GEE_RESOURCE_EXHAUSTED, "more memory");
    assert_true(gee_pool_used(pool) <= 16 << 20);
}

/* ---- depth ---- */

/* A slice of itself, or a struct with itself in it, `levels` deep. */
static void put_deep(bool slices, size_t levels) {
    begin();
    if (slices)
        define_slice(65, 65);
    else
        define_struct(65, 1, 65);
    size_t start = made_length;
    put_int(65);
    if (slices)
        put(0);
    for (size_t i = 0; i + 1 < levels; i++)
        put(1);
    for (size_t i = 0; i < (slices ? 1 : levels); i++)
        put(0);
    close_message(start);
}

static void depth_is_bounded(void **state) {
    (void)state;
    gee_value_t tree;
    for (int slices = 0; slices < 2; slices++) {
        put_deep(slices, 100);
        assert_int_equal(measure_made(), 0);
        if (codec->decode_value(receiver, made, made_length, &limits, pool, &tree, &error) != 0)
            fail_msg("%s", error.text);
        put_deep(slices, 101);
        assert_int_equal(measure_made(), 0);
        expect_refused(codec->decode_value(receiver, made, made_length, &limits, pool, &tree, &error),
                       GEE_RESOURCE_EXHAUSTED, "limits.nesting = 100");
        put_deep(slices, 1000000);
        assert_int_equal(measure_made(), 0);
        expect_refused(codec->decode_value(receiver, made, made_length, &limits, pool, &tree, &error),
                       GEE_RESOURCE_EXHAUSTED, "limits.nesting = 100");
    }
}

/* Typed, recursive, and where it is skipped. */
static void typed_depth_is_bounded(void **state) {
    (void)state;
    tree_t root;
    gee_empty_t nothing;
    for (size_t levels = 99; levels <= 101; levels++) {
        begin();
        from_hex(go_tree_0);
        made_length = wire[0] + 1u; /* the definition of Tree, then that of []Tree */
        made_length += wire[made_length] + 1u;
        memcpy(made, wire, made_length);
        size_t start = made_length;
        put_int(94);
        for (size_t i = 0; i + 1 < levels; i++)
            put(2); /* Left */
        for (size_t i = 0; i < levels; i++)
            put(0);
        close_message(start);
        assert_int_equal(measure_made(), 0);
        int result = codec->decode(receiver, &tree_type, made, made_length, &limits, true, pool, &root, &error);
        assert_int_equal(result, levels <= 100 ? 0 : -1);
        result =
            codec->decode(receiver, GEE_TYPE_OF(gee_empty_t), made, made_length, &limits, true, pool, &nothing, &error);
        assert_int_equal(result, levels <= 100 ? 0 : -1);
    }
}

/* ---- what one connection may make us keep ---- */

static void ids_are_bounded(void **state) {
    (void)state;
    begin();
    for (int i = 0; i < 1025; i++)
        define_slice(64 + i, 2);
    expect_refused(measure_made(), GEE_RESOURCE_EXHAUSTED, "more than 1024 types");
}

static void definitions_are_bounded(void **state) {
    (void)state;
    begin();
    for (int i = 0; i < 20; i++)
        define_struct(64 + i, 6000, 2);
    expect_refused(measure_made(), GEE_RESOURCE_EXHAUSTED, "bytes of type definitions");
}

/* Each type refers to all behind it: what is worked out for each must not add up to the square. */
static void reachable_types_are_bounded(void **state) {
    (void)state;
    size_t length, id = 64;
    begin();
    for (int i = 0; i < 1000; i++)
        define_struct(64 + i, 1, i < 999 ? 65 + i : 2);
    for (; id < 1064; id++) {
        size_t start = made_length;
        put_int((int64_t)id), put(0);
        close_message(start);
        if (measure(receiver, made, made_length, &length) != 0)
            break;
        made_length = 0;
    }
    assert_true(id > 64 + 10 && id < 64 + 100);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
}

/* Peers that come with ever new types and go. */
static void what_is_kept_for_later_is_bounded(void **state) {
    (void)state;
    size_t before = 0;
    for (int i = 0; i < 4000; i++) {
        char name[24];
        begin();
        size_t start = begin_definition(65, 2);
        snprintf(name, sizeof(name), "Name%d", i);
        put(1), put(1), put(1), put_text(name), put(1), put_int(2), put(0), put(0), put(0);
        close_message(start);
        start = made_length;
        put_int(65), put(0);
        close_message(start);
        assert_int_equal(measure_made(), 0);
        gee_empty_t nothing;
        assert_int_equal(
            codec->decode(receiver, GEE_TYPE_OF(gee_empty_t), made, made_length, &limits, true, pool, &nothing, &error),
            0);
        if (i == 1000)
            before = mallinfo2().uordblks;
    }
    if (!GEE_ASAN)
        assert_true(mallinfo2().uordblks < before + 100000);
}

/* ---- damage ---- */

static uint64_t seed = 88172645463325252u;
static size_t next_random(size_t below) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (size_t)(seed >> 11) % below;
}

static void damage(void) {
    for (size_t changes = 1 + next_random(5); changes > 0 && wire_length > 1; changes--) {
        size_t at = next_random(wire_length);
        switch (next_random(5)) {
        case 0:
            wire[at] ^= (uint8_t)(1u << next_random(8));
            break;
        case 1:
            wire[at] = (uint8_t)next_random(256);
            break;
        case 2:
            wire[at] = (uint8_t)(0xf8 + next_random(8));
            break;
        case 3:
            memmove(wire + at, wire + at + 1, --wire_length - at);
            break;
        default:
            memmove(wire + at, wire + at / 2, (wire_length - at) / 2);
        }
    }
}

/* Values one behind the other, as a connection brings them; how many were read. */
static size_t read_damaged(const gee_type_t *type) {
    max_align_t value[64];
    uint8_t *exact = malloc(wire_length);
    size_t at = 0, length, count = 0;
    memcpy(exact, wire, wire_length);
    while (at < wire_length && measure(receiver, exact + at, wire_length - at, &length) == 0) {
        gee_value_t tree;
        gee_chain_t chain;
        memset(value, 0, sizeof(value));
        gee_chain_init(&chain, cache);
        if (codec->decode(receiver, type, exact + at, length, &limits, next_random(2), pool, value, &error) == 0) {
            count++;
            if (codec->encode(sender, type, value, &chain, &error) != 0)
                fail_msg("read, but not written: %s", error.text);
        }
        gee_chain_clear(&chain);
        if (codec->decode_value(receiver, exact + at, length, &limits, pool, &tree, &error) == 0)
            (void)codec->encode_value(sender, &tree, &chain, &error);
        gee_chain_clear(&chain);
        (void)codec->carry(receiver, sender, exact + at, length, &chain, &error);
        gee_chain_clear(&chain);
        at += length;
        gee_pool_reset(pool);
    }
    free(exact);
    return count;
}

static void damaged_bytes_are_refused_or_values(void **state) {
    (void)state;
    char both[sizeof(go_odd_0) + sizeof(go_odd_1)];
    snprintf(both, sizeof(both), "%s%s", go_odd_0, go_odd_1);
    const struct {
        const char *hex;
        const gee_type_t *type;
    } rows[] = {
        { go_header_0, GEE_TYPE_OF(header_t) }, { go_header_1, GEE_TYPE_OF(args_t) }, { go_tree_0, &tree_type },
        { go_all_0, GEE_TYPE_OF(some_t) },      { both, GEE_TYPE_OF(gee_empty_t) },   { go_late_tree_0, &tree_type },
    };
    size_t accepted = 0;
    gee_pool_limit(pool, 4 << 20);
    for (size_t round = 0; round < 12000; round++) {
        from_hex(rows[round % GEE_LENGTH(rows)].hex);
        close_state(&receiver);
        receiver = open_state(shared);
        if (round % 50 == 0) {
            close_state(&sender);
            sender = open_state(shared);
        }
        damage();
        accepted += read_damaged(rows[round % GEE_LENGTH(rows)].type);
    }
    assert_true(accepted > 100 && accepted < 12000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(malformed_messages_are_refused),
        TEST(malformed_values_are_refused),
        TEST(counts_past_the_bytes_are_refused),
        TEST(memory_is_bounded_by_the_pool),
        TEST(depth_is_bounded),
        TEST(typed_depth_is_bounded),
        TEST(ids_are_bounded),
        TEST(definitions_are_bounded),
        TEST(reachable_types_are_bounded),
        TEST(what_is_kept_for_later_is_bounded),
        TEST(damaged_bytes_are_refused_or_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
