/* describe_test: types to a description and back, over the wire, and descriptions that a hostile peer might send. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

#include "core/type/describe.h"

extern const gee_module_t gee_codec_bin_module;
extern const gee_module_t gee_service_arith_module;
static const gee_codec_t *codec;
static gee_buf_cache_t *cache;
static gee_pool_t *pool;
static const gee_codec_limits_t limits = { .message = 1 << 20, .nesting = 100 };

static size_t encode(const gee_type_t *type, const void *value, uint8_t **bytes) {
    gee_chain_t chain;
    gee_error_t error;
    gee_chain_init(&chain, cache);
    if (codec->encode(NULL, type, value, &chain, &error) != 0)
        fail_msg("%s", error.text);
    size_t length = chain.length;
    *bytes = gee_pool_alloc(pool, length);
    assert_int_equal(gee_chain_copy(&chain, *bytes, length), length);
    gee_chain_clear(&chain);
    return length;
}

static void *decode(const gee_type_t *type, const uint8_t *bytes, size_t length) {
    gee_error_t error;
    void *value = gee_pool_zalloc(pool, type->size);
    assert_non_null(value);
    if (codec->decode(NULL, type, bytes, length, &limits, true, pool, value, &error) != 0)
        fail_msg("%s", error.text);
    return value;
}

static void describe(const char *service, const gee_method_t *method, gee_description_t *description) {
    gee_method_description_t *described =
        gee_describe_method(description, service, method->name, method->argument, method->reply, pool);
    assert_non_null(described);
    described->idempotent = (method->flags & GEE_IDEMPOTENT) != 0;
    described->blocking = (method->flags & GEE_BLOCKING) != 0;
}

/* ---- out ---- */

static void assert_bytes(const gee_type_t *type, const void *value, const char *hex) {
    uint8_t *bytes;
    size_t length = encode(type, value, &bytes);
    char *got = gee_pool_zalloc(pool, 2 * length + 1);
    for (size_t i = 0; i < length; i++)
        snprintf(got + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(got, hex);
}

/* The bytes are those that protobuf's own library (3.21) makes of docs/geerpc.proto. */
static void arith_is_described_as_the_proto_file_says(void **state) {
    (void)state;
    const gee_service_t *arith = gee_service_arith_module.interface;
    gee_description_t description = { .methods = { .count = 0 } };
    for (size_t i = 0; i < arith->method_count; i++)
        describe(arith->name, &arith->methods[i], &description);
    assert_bytes(
        GEE_TYPE_OF(gee_description_t), &description,
        "0a140a0e41726974682e4d756c7469706c79180120010a120a0c41726974682e4469766964651802200112200a067374727563"
        "741204417267731a070a0141100118011a070a01421002180112070a05696e74363412280a06737472756374120851756f7469"
        "656e741a090a0351756f100118011a090a0352656d10021801");
}

/* ---- out and back ---- */

GEE_LIST_TYPE(gee_str_t);
GEE_LIST_TYPE(double);
GEE_MAP_TYPE(uint32_t);
GEE_OPTIONAL_TYPE(bool);
typedef GEE_LIST_OF(double) row_t;
GEE_LIST_TYPE_AS(row_t, double);
GEE_LIST_TYPE(row_t);

typedef struct small {
    bool flag;
    int32_t number;
    bool other;
} small_t;
GEE_STRUCT(small_t, "Small", GEE_BOOL(small_t, flag, "Flag", 1), GEE_INT32(small_t, number, "Number", 2),
           GEE_BOOL(small_t, other, "Other", 3));
GEE_MAP_TYPE(small_t);

typedef struct node {
    bool flag;
    small_t small;
    float single;
    gee_str_t name;
    GEE_LIST_OF(struct node) children;
    struct node *next;
    GEE_MAP_OF(uint32_t) counts;
    GEE_MAP_OF(small_t) smalls;
    GEE_LIST_OF(row_t) matrix;
    GEE_LIST_OF(gee_str_t) words;
    bool *maybe;
    gee_empty_t nothing;
    double wide;
    gee_bytes_t raw;
    uint64_t large;
    bool last;
} node_t;
typedef struct node children_t;
static const gee_type_t node_type;
#define gee_type_of_children_t node_type
GEE_LIST_TYPE(children_t);
GEE_OPTIONAL_TYPE(children_t);
static const gee_field_t node_fields[] = {
    GEE_BOOL(node_t, flag, "Flag", 1),
    GEE_NESTED(node_t, small, "Small", 2, small_t),
    GEE_FLOAT(node_t, single, "Single", 3),
    GEE_STRING(node_t, name, "Name", 4),
    GEE_LIST(node_t, children, "Children", 5, children_t, gee_list_of_children_t),
    GEE_OPTIONAL(node_t, next, "Next", 6, children_t, gee_optional_of_children_t),
    GEE_MAP(node_t, counts, "Counts", 7, uint32_t, gee_map_of_uint32_t),
    GEE_MAP(node_t, smalls, "Smalls", 8, small_t, gee_map_of_small_t),
    GEE_LIST(node_t, matrix, "Matrix", 9, row_t, gee_list_of_row_t),
    GEE_LIST(node_t, words, "Words", 10, gee_str_t, gee_list_of_gee_str_t),
    GEE_OPTIONAL(node_t, maybe, "Maybe", 11, bool, gee_optional_of_bool),
    GEE_NESTED(node_t, nothing, "Nothing", 12, gee_empty_t),
    GEE_DOUBLE(node_t, wide, "Wide", 13),
    GEE_BYTES(node_t, raw, "Raw", 14),
    GEE_UINT64(node_t, large, "Large", 15),
    GEE_BOOL(node_t, last, "Last", 20000),
};
static const gee_type_t node_type = { .kind = GEE_KIND_STRUCT,
                                      .name = "Node",
                                      .size = sizeof(node_t),
                                      .fields = node_fields,
                                      .field_count = GEE_LENGTH(node_fields) };

static void assert_same_type(const gee_type_t *a, const gee_type_t *b, unsigned depth) {
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->size, b->size);
    assert_string_equal(a->name, b->name);
    assert_int_equal(a->value_offset, b->value_offset);
    assert_int_equal(a->entry_size, b->entry_size);
    assert_int_equal(a->field_count, b->field_count);
    assert_int_equal(a->form, b->form);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->length, b->length);
    assert_ptr_equal(gee_type_key(a)->name, gee_type_key(b)->name);
    assert_int_equal(a->value_count, b->value_count);
    for (size_t i = 0; i < a->value_count; i++) {
        assert_string_equal(a->values[i].name, b->values[i].name);
        assert_int_equal(a->values[i].number, b->values[i].number);
    }
    if (depth == 0) /* Node is recursive */
        return;
    for (size_t i = 0; i < a->field_count; i++) {
        assert_string_equal(a->fields[i].name, b->fields[i].name);
        assert_int_equal(a->fields[i].tag, b->fields[i].tag);
        assert_int_equal(a->fields[i].flags, b->fields[i].flags);
        if (!(a->fields[i].flags & GEE_FIELD_ONEOF)) /* members of a oneof have places of their own */
            assert_int_equal(a->fields[i].offset, b->fields[i].offset);
        assert_same_type(a->fields[i].type, b->fields[i].type, depth - 1);
    }
    assert_int_equal(a->element == NULL, b->element == NULL);
    if (a->element != NULL)
        assert_same_type(a->element, b->element, depth - 1);
}

static void a_type_comes_back_as_a_compiler_lays_it_out(void **state) {
    (void)state;
    gee_method_t methods[] = { { .name = "Put", .argument = &node_type, .reply = &node_type, .flags = GEE_BLOCKING },
                               { .name = "Get", .argument = GEE_TYPE_OF(gee_str_t), .reply = &node_type } };
    gee_description_t description = { .methods = { .count = 0 } };
    describe("Tree", &methods[0], &description);
    size_t types = description.types.count;
    describe("Tree", &methods[1], &description);
    assert_int_equal(description.types.count, types); /* string and Node are there already */

    uint8_t *bytes;
    size_t length = encode(GEE_TYPE_OF(gee_description_t), &description, &bytes);
    const gee_description_t *received = decode(GEE_TYPE_OF(gee_description_t), bytes, length);
    assert_true(gee_type_equal(GEE_TYPE_OF(gee_description_t), &description, received));
    assert_true(received->methods.items[0].blocking && !received->methods.items[0].idempotent);

    gee_error_t error;
    const gee_type_t *type = gee_describe_type(received, received->methods.items[1].reply, pool, &error);
    if (type == NULL)
        fail_msg("%s", error.text);
    assert_same_type(&node_type, type, 6);

    node_t child = { .name = GEE_STR("child"), .wide = 0.5, .small = { .number = -3, .other = true } };
    node_t root = { .flag = true, .next = &child, .maybe = &(bool){ false }, .large = UINT64_MAX, .last = true };
    root.children.items = &child;
    root.children.count = 1;
    length = encode(&node_type, &root, &bytes);
    assert_true(gee_type_equal(&node_type, &root, decode(type, bytes, length)));
}

typedef enum color { COLOR_NONE = -1, COLOR_RED = 4, COLOR_GREEN = 5 } color_t;
GEE_ENUM_TYPE(color_t, "Color", GEE_TYPE_CLOSED, { "NONE", COLOR_NONE }, { "RED", COLOR_RED }, { "ROUGE", COLOR_RED },
              { "GREEN", COLOR_GREEN });
GEE_LIST_TYPE(gee_sint32_t);
GEE_UNPACKED_LIST_TYPE(gee_fixed64_t);
GEE_ARRAY_TYPE(float, 3);
GEE_KEYED_MAP_TYPE(bool, int32_t);
GEE_KEYED_MAP_TYPE(gee_sfixed64_t, color_t);
typedef struct kinds {
    color_t color;
    uint32_t first, second;
    union {
        int32_t number;
        gee_str_t text;
    } one;
    int64_t after;
    union {
        bool flag;
        color_t color;
    } other;
    GEE_LIST_OF(int32_t) zigzags;
    GEE_LIST_OF(uint64_t) unpacked;
    GEE_LIST_OF(float) three;
    GEE_KEYED_MAP_OF(bool, int32_t) by_flag;
    GEE_KEYED_MAP_OF(int64_t, color_t) by_number;
} kinds_t;
GEE_STRUCT(kinds_t, "Kinds", GEE_ENUM(kinds_t, color, "Color", 1, color_t),
           GEE_ONEOF(kinds_t, first, one.number, "Number", 2, gee_sint32_t),
           GEE_ONEOF(kinds_t, first, one.text, "Text", 3, gee_str_t), GEE_SFIXED64(kinds_t, after, "After", 4),
           GEE_ONEOF(kinds_t, second, other.flag, "Flag", 5, bool),
           GEE_ONEOF(kinds_t, second, other.color, "Other", 6, color_t),
           GEE_LIST(kinds_t, zigzags, "Zigzags", 7, int32_t, gee_list_of_gee_sint32_t),
           GEE_LIST(kinds_t, unpacked, "Unpacked", 8, uint64_t, gee_unpacked_list_of_gee_fixed64_t),
           GEE_LIST(kinds_t, three, "Three", 9, float, gee_array_of_3_float),
           GEE_KEYED_MAP(kinds_t, by_flag, "ByFlag", 10, bool, int32_t, gee_map_of_bool_to_int32_t),
           GEE_KEYED_MAP(kinds_t, by_number, "ByNumber", 11, int64_t, color_t, gee_map_of_gee_sfixed64_t_to_color_t));

static void every_kind_comes_back(void **state) {
    (void)state;
    gee_method_t method = { .name = "Put", .argument = GEE_TYPE_OF(kinds_t), .reply = GEE_TYPE_OF(kinds_t) };
    gee_description_t description = { .methods = { .count = 0 } };
    gee_error_t error;
    uint8_t *bytes;
    describe("Kinds", &method, &description);
    size_t length = encode(GEE_TYPE_OF(gee_description_t), &description, &bytes);
    const gee_description_t *received = decode(GEE_TYPE_OF(gee_description_t), bytes, length);
    const gee_type_t *type = gee_describe_type(received, 0, pool, &error);
    if (type == NULL)
        fail_msg("%s", error.text);
    const gee_field_t *fields = type->fields;
    for (size_t i = 0; i < type->field_count; i++) {
        assert_int_equal(fields[i].flags, gee_type_of_kinds_t.fields[i].flags);
        assert_same_type(gee_type_of_kinds_t.fields[i].type, fields[i].type, 2);
    }
    assert_int_equal(fields[1].selector, fields[2].selector);
    assert_int_equal(fields[4].selector, fields[5].selector);
    assert_int_not_equal(fields[1].selector, fields[4].selector);

    kinds_t value = { .color = COLOR_RED, .second = 6, .other = { .color = COLOR_NONE }, .after = -1 };
    value.zigzags.items = (int32_t[]){ -1, 1 };
    value.zigzags.count = 2;
    length = encode(GEE_TYPE_OF(kinds_t), &value, &bytes);
    const void *decoded = decode(type, bytes, length);
    gee_value_t sent, got;
    assert_int_equal(gee_value_from_type(GEE_TYPE_OF(kinds_t), &value, pool, &sent, &error), 0);
    assert_int_equal(gee_value_from_type(type, decoded, pool, &got, &error), 0);
    assert_true(gee_value_equal(&sent, &got));
}

/* ---- what a peer might send ---- */

#define STRUCT(...)                                                                                                    \
    {                                                                                                                  \
        .kind = GEE_STR("struct"), .name = GEE_STR("S"), .fields = {                                                   \
            .items = (gee_field_description_t[]){ __VA_ARGS__ },                                                       \
            .count = sizeof((gee_field_description_t[]){ __VA_ARGS__ }) / sizeof(gee_field_description_t)              \
        }                                                                                                              \
    }
#define FIELD(field_name, field_tag, index)                                                                            \
    { .name = GEE_STR(field_name), .tag = field_tag, .type = index }

static void assert_refused(gee_type_description_t *types, size_t count, const char *text) {
    gee_description_t description = { .types = { .count = count } };
    gee_error_t error = { .text = "" };
    description.types.items = (void *)types;
    assert_null(gee_describe_type(&description, 0, pool, &error));
    if (strstr(error.text, text) == NULL)
        fail_msg("\"%s\" instead of \"%s\"", error.text, text);
    assert_null(gee_describe_type(&description, 0, pool, NULL));
}
#define REFUSED(text, ...)                                                                                             \
    do {                                                                                                               \
        gee_type_description_t types_[] = { __VA_ARGS__ };                                                             \
        assert_refused(types_, GEE_LENGTH(types_), text);                                                              \
    } while (0)

static void unsound_descriptions_are_refused(void **state) {
    (void)state;
    assert_refused(NULL, 0, "has no type 0");
    REFUSED("kind that is not known", { .kind = GEE_STR("complex") });
    REFUSED("kind that is not known", { .kind = { .data = NULL, .length = 0 } });
    REFUSED("type 0 has an element whose type is not", { .kind = GEE_STR("list"), .element = 1 });
    REFUSED("type 0 has a field whose type is not", STRUCT(FIELD("A", 1, 7)));
    REFUSED("type 0 contains itself", STRUCT(FIELD("A", 1, 0)));
    REFUSED("contains itself", STRUCT(FIELD("A", 1, 1)), STRUCT(FIELD("B", 1, 0)));
    REFUSED("zero byte in a name", STRUCT(FIELD("A\0B", 1, 1)), { .kind = GEE_STR("bool") });
    REFUSED("cannot be used", STRUCT(FIELD("A", 0, 1)), { .kind = GEE_STR("bool") });
    REFUSED("cannot be used", STRUCT(FIELD("A", 19000, 1)), { .kind = GEE_STR("bool") });
    REFUSED("cannot be used", STRUCT(FIELD("A", 1, 1), FIELD("B", 1, 1)), { .kind = GEE_STR("bool") });
    REFUSED("cannot be used", STRUCT(FIELD("A", 1, 1), FIELD("A", 2, 1)), { .kind = GEE_STR("bool") });
    REFUSED("cannot be used", STRUCT(FIELD("", 1, 1)), { .kind = GEE_STR("bool") });
    REFUSED("keys of a kind", { .kind = GEE_STR("map"), .key = GEE_STR("complex"), .element = 0 });
    REFUSED("neither a bool, an integer nor a string", { .kind = GEE_STR("map"), .key = GEE_STR("double") });
    REFUSED("an enum has no values", { .kind = GEE_STR("enum"), .name = GEE_STR("E") });
}

static void recursion_through_lists_is_taken(void **state) {
    (void)state;
    gee_type_description_t types[] = { STRUCT(FIELD("A", 1, 1), FIELD("B", 2, 2)),
                                       { .kind = GEE_STR("list"), .element = 0 },
                                       { .kind = GEE_STR("map"), .element = 0 } };
    gee_description_t description = { .types = { .count = GEE_LENGTH(types) } };
    description.types.items = (void *)types;
    const gee_type_t *type = gee_describe_type(&description, 0, pool, NULL);
    assert_non_null(type);
    assert_int_equal(type->size, 32);
    assert_ptr_equal(type->fields[0].type->element, type);
    assert_int_equal(type->fields[1].type->entry_size, 16 + 32);
}

static void size_is_bounded(void **state) {
    (void)state;
    enum { LEVELS = 60 };
    gee_type_description_t types[LEVELS + 1];
    gee_field_description_t fields[LEVELS][2];
    memset(types, 0, sizeof types);
    for (uint32_t i = 0; i < LEVELS; i++) { /* each level has two of the next: 2^60 numbers */
        for (uint32_t j = 0; j < 2; j++)
            fields[i][j] = (gee_field_description_t){ .name = j ? GEE_STR("A") : GEE_STR("B"), .tag = j + 1 };
        fields[i][0].type = fields[i][1].type = i + 1;
        types[i].kind = GEE_STR("struct");
        types[i].fields.items = fields[i];
        types[i].fields.count = 2;
    }
    types[LEVELS].kind = GEE_STR("int64");
    assert_refused(types, GEE_LENGTH(types), "takes more than 1 MiB");

    gee_type_description_t *many = gee_pool_array(pool, 1001, sizeof *many);
    for (size_t i = 0; i < 1001; i++)
        many[i].kind = GEE_STR("bool");
    assert_refused(many, 1001, "1001 types");
    gee_description_t description = { .types = { .count = 1000 } };
    description.types.items = (void *)many;
    assert_ptr_equal(gee_describe_type(&description, 999, pool, NULL)->name, GEE_TYPE_OF(bool)->name);
    many[0].kind = GEE_STR("struct");
    many[0].fields.items = gee_pool_array(pool, 10001, sizeof(gee_field_description_t));
    many[0].fields.count = 10001;
    assert_refused(many, 1, "more than 10000 fields");
}

static int set_up(void **state) {
    (void)state;
    codec = gee_codec_bin_module.interface;
    cache = gee_buf_cache_create(1 << 20);
    pool = gee_pool_create(65536);
    return cache && pool ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    gee_pool_destroy(&pool);
    gee_buf_cache_destroy(&cache);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arith_is_described_as_the_proto_file_says),
        cmocka_unit_test(a_type_comes_back_as_a_compiler_lays_it_out),
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(unsound_descriptions_are_refused),
        cmocka_unit_test(recursion_through_lists_is_taken),
        cmocka_unit_test(size_is_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
