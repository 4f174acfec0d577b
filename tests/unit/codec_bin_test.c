/* codec_bin_test: protobuf's bytes, byte for byte as protoc's own library writes them (libprotobuf 3.21 made the hex
 * cases below from the same messages), what is read beside that, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

extern const gee_module_t gee_codec_bin_module;
static const gee_codec_t *codec;
static gee_buf_cache_t *cache;
static gee_pool_t *pool;
static const gee_codec_limits_t limits = { .message = 64 << 20, .nesting = 100 };

/* ---- a type with everything in it; in proto3 it would be:
 * message Inner { int64 id = 1; string label = 2; repeated int32 marks = 3; }
 * message Row { repeated double v = 1; }  message Labels { map<string, string> v = 1; }
 * message MaybeInt { optional int64 v = 1; } ---- */
GEE_LIST_TYPE(int32_t);
GEE_LIST_TYPE(int64_t);
GEE_LIST_TYPE(uint64_t);
GEE_LIST_TYPE(float);
GEE_LIST_TYPE(double);
GEE_LIST_TYPE(bool);
GEE_LIST_TYPE(gee_str_t);
GEE_LIST_TYPE(gee_bytes_t);
GEE_MAP_TYPE(int64_t);
GEE_OPTIONAL_TYPE(int64_t);
GEE_OPTIONAL_TYPE(gee_str_t);

typedef struct inner {
    int64_t id;
    gee_str_t label;
    GEE_LIST_OF(int32_t) marks;
} inner_t;
GEE_STRUCT(inner_t, "Inner", GEE_INT64(inner_t, id, "ID", 1), GEE_STRING(inner_t, label, "Label", 2),
           GEE_LIST(inner_t, marks, "Marks", 3, int32_t, gee_list_of_int32_t));
GEE_LIST_TYPE(inner_t);
GEE_MAP_TYPE(inner_t);
GEE_OPTIONAL_TYPE(inner_t);

typedef GEE_LIST_OF(double) row_t;
GEE_LIST_TYPE_AS(row_t, double);
GEE_LIST_TYPE(row_t);
GEE_MAP_TYPE(row_t);
GEE_OPTIONAL_TYPE(row_t);
typedef GEE_MAP_OF(gee_str_t) labels_t;
#define gee_type_of_labels_t gee_type_of_metadata
GEE_LIST_TYPE(labels_t);
typedef int64_t *maybe_t;
#define gee_type_of_maybe_t gee_optional_of_int64_t
GEE_LIST_TYPE(maybe_t);

typedef struct all {
    bool flag;
    int32_t small;
    int64_t large;
    uint32_t unsigned_small;
    uint64_t unsigned_large;
    float single;
    double wide;
    gee_str_t text;
    gee_bytes_t raw;
    inner_t inner;
    GEE_LIST_OF(int64_t) numbers;
    GEE_LIST_OF(gee_str_t) words;
    GEE_LIST_OF(inner_t) inners;
    GEE_MAP_OF(int64_t) counts;
    GEE_MAP_OF(inner_t) by_name;
    int64_t *maybe;
    inner_t *maybe_inner;
    GEE_LIST_OF(double) doubles;
    GEE_LIST_OF(row_t) matrix;
    GEE_LIST_OF(bool) flags;
    GEE_LIST_OF(labels_t) label_sets;
    GEE_LIST_OF(maybe_t) maybes;
    GEE_MAP_OF(row_t) rows;
    gee_str_t *maybe_text;
    row_t *maybe_row;
    GEE_LIST_OF(gee_bytes_t) blobs;
    GEE_LIST_OF(uint64_t) unsigneds;
    GEE_LIST_OF(float) floats;
    bool late;
} all_t;
GEE_STRUCT(all_t, "All", GEE_BOOL(all_t, flag, "Flag", 1), GEE_INT32(all_t, small, "Small", 2),
           GEE_INT64(all_t, large, "Large", 3), GEE_UINT32(all_t, unsigned_small, "UnsignedSmall", 4),
           GEE_UINT64(all_t, unsigned_large, "UnsignedLarge", 5), GEE_FLOAT(all_t, single, "Single", 6),
           GEE_DOUBLE(all_t, wide, "Wide", 7), GEE_STRING(all_t, text, "Text", 8), GEE_BYTES(all_t, raw, "Raw", 9),
           GEE_NESTED(all_t, inner, "Inner", 10, inner_t),
           GEE_LIST(all_t, numbers, "Numbers", 11, int64_t, gee_list_of_int64_t),
           GEE_LIST(all_t, words, "Words", 12, gee_str_t, gee_list_of_gee_str_t),
           GEE_LIST(all_t, inners, "Inners", 13, inner_t, gee_list_of_inner_t),
           GEE_MAP(all_t, counts, "Counts", 14, int64_t, gee_map_of_int64_t),
           GEE_MAP(all_t, by_name, "ByName", 15, inner_t, gee_map_of_inner_t),
           GEE_OPTIONAL(all_t, maybe, "Maybe", 16, int64_t, gee_optional_of_int64_t),
           GEE_OPTIONAL(all_t, maybe_inner, "MaybeInner", 17, inner_t, gee_optional_of_inner_t),
           GEE_LIST(all_t, doubles, "Doubles", 18, double, gee_list_of_double),
           GEE_LIST(all_t, matrix, "Matrix", 19, row_t, gee_list_of_row_t),
           GEE_LIST(all_t, flags, "Flags", 20, bool, gee_list_of_bool),
           GEE_LIST(all_t, label_sets, "LabelSets", 21, labels_t, gee_list_of_labels_t),
           GEE_LIST(all_t, maybes, "Maybes", 22, maybe_t, gee_list_of_maybe_t),
           GEE_MAP(all_t, rows, "Rows", 23, row_t, gee_map_of_row_t),
           GEE_OPTIONAL(all_t, maybe_text, "MaybeText", 24, gee_str_t, gee_optional_of_gee_str_t),
           GEE_OPTIONAL(all_t, maybe_row, "MaybeRow", 25, row_t, gee_optional_of_row_t),
           GEE_LIST(all_t, blobs, "Blobs", 26, gee_bytes_t, gee_list_of_gee_bytes_t),
           GEE_LIST(all_t, unsigneds, "Unsigneds", 27, uint64_t, gee_list_of_uint64_t),
           GEE_LIST(all_t, floats, "Floats", 28, float, gee_list_of_float), GEE_BOOL(all_t, late, "Late", 2000));

/* ---- help ---- */

static size_t from_hex(const char *hex, uint8_t **bytes) {
    size_t length = strlen(hex) / 2;
    *bytes = malloc(length ? length : 1); /* exact, so that ASan sees a read behind the end */
    assert_non_null(*bytes);
    for (size_t i = 0; i < length; i++) {
        const char digits[] = { hex[2 * i], hex[2 * i + 1], '\0' };
        char *end;
        (*bytes)[i] = (uint8_t)strtoul(digits, &end, 16);
        assert_ptr_equal(end, digits + 2);
    }
    return length;
}

static int encode(const gee_type_t *type, const void *value, char **hex, gee_error_t *error) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    assert_int_equal(gee_chain_append(&chain, "before", 6), 0);
    int result = codec->encode(NULL, type, value, &chain, error);
    size_t length = chain.length - 6;
    uint8_t *bytes = malloc(chain.length);
    assert_non_null(bytes);
    assert_int_equal(gee_chain_copy(&chain, bytes, chain.length), chain.length);
    assert_memory_equal(bytes, "before", 6);
    *hex = gee_pool_zalloc(pool, 2 * length + 1);
    assert_non_null(*hex);
    for (size_t i = 0; i < length; i++)
        snprintf(*hex + 2 * i, 3, "%02x", bytes[6 + i]);
    free(bytes);
    gee_chain_clear(&chain);
    return result;
}

/* Copies, so that the bytes can go at once. */
static int decode_bytes(const gee_type_t *type, const uint8_t *bytes, size_t length, void *value, gee_error_t *error) {
    memset(value, 0, type->size);
    return codec->decode(NULL, type, bytes, length, &limits, true, pool, value, error);
}

static int decode(const gee_type_t *type, const char *hex, void *value, gee_error_t *error) {
    uint8_t *bytes;
    size_t length = from_hex(hex, &bytes);
    int result = decode_bytes(type, bytes, length, value, error);
    free(bytes);
    return result;
}

static void assert_hex(const gee_type_t *type, const void *value, const char *expected) {
    char *hex;
    gee_error_t error = { .code = GEE_OK };
    if (encode(type, value, &hex, &error) != 0)
        fail_msg("encode: %s", error.text);
    assert_string_equal(hex, expected);
    void *back = gee_pool_zalloc(pool, type->size);
    if (decode(type, hex, back, &error) != 0)
        fail_msg("decode: %s", error.text);
    assert_true(gee_type_equal(type, value, back));
}

static void assert_all(const all_t *value, const char *expected) {
    assert_hex(GEE_TYPE_OF(all_t), value, expected);
}

static void assert_refused(const gee_type_t *type, const char *hex, gee_code_t code, const char *text) {
    void *value = gee_pool_zalloc(pool, type->size);
    gee_error_t error = { .code = GEE_OK };
    if (decode(type, hex, value, &error) == 0)
        fail_msg("%s was accepted", hex);
    if (code != error.code || strstr(error.text, text) == NULL)
        fail_msg("%s: code %d, \"%s\"; expected %d, \"%s\"", hex, error.code, error.text, code, text);
    assert_int_not_equal(decode(type, hex, value, NULL), 0); /* nobody wants the text */
}

#define LIST(T, ...)                                                                                                   \
    { .items = (T[]){ __VA_ARGS__ }, .count = sizeof((T[]){ __VA_ARGS__ }) / sizeof(T) }
#define S(text) GEE_STR(text)

/* ---- as protoc's library writes it ---- */

static void scalars_are_as_protobuf_writes_them(void **state) {
    (void)state;
    assert_all(&(all_t){ .flag = false }, "");
    assert_all(&(all_t){ .flag = true,
                         .small = -5,
                         .large = INT64_MIN,
                         .unsigned_small = UINT32_MAX,
                         .unsigned_large = UINT64_MAX,
                         .single = 1.5f,
                         .wide = -0.0,
                         .text = S("h\xc3\xa9"),
                         .raw = { .data = (const uint8_t *)"\0\xff", .length = 2 },
                         .late = true },
               "080110fbffffffffffffffff01188080808080808080800120ffffffff0f28ffffffffffffffffff01350000c03f39000000"
               "0000000080420368c3a94a0200ff807d01");
    assert_all(&(all_t){ .small = INT32_MIN }, "1080808080f8ffffffff01");
    int32_t marks[] = { 1, -1, 300 };
    assert_all(&(all_t){ .inner = { .id = 150, .label = S("x"), .marks = { .items = marks, .count = 3 } } },
               "52150896011201781a0d01ffffffffffffffffff01ac02");
}

static void lists_are_as_protobuf_writes_them(void **state) {
    (void)state;
    assert_all(&(all_t){ .numbers = LIST(int64_t, 0, 1, -1, INT64_MAX),
                         .words = LIST(gee_str_t, S("a"), S(""), S("b")),
                         .inners = LIST(inner_t, { .id = 0 }, { .id = 1 }),
                         .doubles = LIST(double, 1.0, -2.5),
                         .flags = LIST(bool, true, false, true),
                         .blobs = LIST(gee_bytes_t, { .length = 0 }, { .data = (const uint8_t *)"\1", .length = 1 }),
                         .unsigneds = LIST(uint64_t, UINT64_MAX),
                         .floats = LIST(float, 0.0f, 0.5f) },
               "5a150001ffffffffffffffffff01ffffffffffffffff7f62016162006201626a006a020801920110000000000000f03f0000"
               "0000000004c0a20103010001d20100d2010101da010affffffffffffffffff01e20108000000000000003f");
}

static void maps_and_optionals_are_as_protobuf_writes_them(void **state) {
    (void)state;
    all_t maps = { .flag = false };
    __typeof__(*maps.counts.items) counts[] = { { S("k"), 0 } };
    __typeof__(*maps.by_name.items) by_name[] = { { S(""), { .id = 5 } }, { S("e"), { .id = 0 } } };
    maps.counts.items = counts;
    maps.counts.count = 1;
    maps.by_name.items = by_name;
    maps.by_name.count = 2;
    assert_all(&maps, "72050a016b10007a060a00120208057a050a01651200");
    assert_all(&(all_t){ .maybe = &(int64_t){ 0 },
                         .maybe_inner = &(inner_t){ .id = 0 },
                         .maybe_text = &(gee_str_t){ .length = 0 },
                         .maybe_row = &(row_t){ .count = 0 } },
               "8001008a0100c20100ca0100");
}

static void what_protobuf_lacks_is_wrapped(void **state) {
    (void)state;
    all_t value = { .matrix = LIST(row_t, LIST(double, 1.0), { .count = 0 }),
                    .maybes = LIST(maybe_t, NULL, &(int64_t){ 0 }, &(int64_t){ 9 }),
                    .maybe_row = &(row_t)LIST(double, 2.0) };
    labels_t sets[2] = { { .count = 0 }, { .count = 0 } };
    __typeof__(*sets[0].items) labels[] = { { S("a"), S("b") } };
    __typeof__(*value.rows.items) rows[] = { { S("r"), LIST(double, 0.5) } };
    sets[0].items = labels;
    sets[0].count = 1;
    value.label_sets.items = sets;
    value.label_sets.count = 2;
    value.rows.items = rows;
    value.rows.count = 1;
    assert_all(&value,
               "9a010a0a08000000000000f03f9a0100aa01080a060a0161120162aa0100b20100b201020800b201020809ba010f0a0172"
               "120a0a08000000000000e03fca010a0a080000000000000040");
}

typedef struct header {
    gee_str_t service_method;
    uint64_t seq;
    gee_str_t error;
    uint32_t kind;
    uint64_t timeout_us;
    gee_metadata_t metadata;
    uint32_t code;
} header_t;
GEE_STRUCT(header_t, "Header", GEE_STRING(header_t, service_method, "service_method", 1),
           GEE_UINT64(header_t, seq, "seq", 2), GEE_STRING(header_t, error, "error", 3),
           GEE_UINT32(header_t, kind, "kind", 4), GEE_UINT64(header_t, timeout_us, "timeout_us", 5),
           GEE_MAP(header_t, metadata, "metadata", 6, gee_str_t, gee_type_of_metadata),
           GEE_UINT32(header_t, code, "code", 7));

/* docs/geerpc.proto's Header, as protobuf writes it. */
static void headers_are_as_protobuf_writes_them(void **state) {
    (void)state;
    header_t call = { .service_method = S("Arith.Multiply"), .seq = 1, .timeout_us = 1500000 };
    __typeof__(*call.metadata.items) user[] = { { S("user"), S("ann") } };
    call.metadata.items = user;
    call.metadata.count = 1;
    assert_hex(GEE_TYPE_OF(header_t), &call, "0a0e41726974682e4d756c7469706c79100128e0c65b320b0a04757365721203616e6e");
    assert_hex(
        GEE_TYPE_OF(header_t),
        &(header_t){ .service_method = S("Arith.Divide"), .seq = UINT64_MAX, .error = S("divide by zero"), .code = 3 },
        "0a0c41726974682e44697669646510ffffffffffffffffff011a0e646976696465206279207a65726f3803");
    assert_hex(GEE_TYPE_OF(header_t), &(header_t){ .seq = 300, .kind = 3 }, "10ac022003");
}

static void a_bare_value_is_field_1(void **state) {
    (void)state;
    assert_hex(GEE_TYPE_OF(int64_t), &(int64_t){ 56 }, "0838");
    assert_hex(GEE_TYPE_OF(int64_t), &(int64_t){ 0 }, "");
    assert_hex(GEE_TYPE_OF(double), &(double){ 1.0 }, "09000000000000f03f");
    assert_hex(GEE_TYPE_OF(gee_str_t), &S("testing"), "0a0774657374696e67");
    assert_hex(&gee_list_of_int64_t, &(gee_list_value_t)LIST(int64_t, 3, 270, 86942), "0a06038e029ea705");
    assert_hex(GEE_TYPE_OF(gee_empty_t), &(gee_empty_t){ 0 }, "");
    assert_hex(&gee_optional_of_int64_t, &(maybe_t){ NULL }, "");
    assert_hex(&gee_optional_of_int64_t, &(maybe_t){ &(int64_t){ 0 } }, "0800");
    gee_metadata_t map;
    __typeof__(*map.items) entries[] = { { S("k"), S("v") } };
    map.items = entries;
    map.count = 1;
    assert_hex(&gee_type_of_metadata, &map, "0a060a016b120176");
    double nan_back, nan_value = __builtin_nan("");
    char *hex;
    assert_int_equal(encode(GEE_TYPE_OF(double), &nan_value, &hex, NULL), 0);
    assert_int_equal(decode(GEE_TYPE_OF(double), hex, &nan_back, NULL), 0);
    assert_true(__builtin_isnan(nan_back));
}

/* ---- what is read beside that ---- */

static void assert_decodes(const char *hex, all_t *value) {
    gee_error_t error;
    if (decode(GEE_TYPE_OF(all_t), hex, value, &error) != 0)
        fail_msg("%s: %s", hex, error.text);
}

static void lists_come_packed_or_not(void **state) {
    (void)state;
    all_t value;
    const char *const same[] = {
        "5a03010203",               /* packed */
        "580158025803",             /* one by one */
        "5a0101580258035a00",       /* some of each */
        "5a01015a01025a0103",       /* packed in pieces */
        "580162017858026201795803", /* words between */
    };
    for (size_t i = 0; i < GEE_LENGTH(same); i++) {
        assert_decodes(same[i], &value);
        assert_int_equal(value.numbers.count, 3);
        for (size_t j = 0; j < 3; j++)
            assert_int_equal(value.numbers.items[j], j + 1);
    }
    assert_int_equal(value.words.count, 2);
    assert_memory_equal(value.words.items[1].data, "y", 1);
}

static void what_comes_again_is_merged(void **state) {
    (void)state;
    all_t value;
    assert_decodes("10011002"          /* Small twice */
                   "520508011a0101"    /* Inner { ID 1, Marks [1] } */
                   "52061201781a0102", /* Inner { Label "x", Marks [2] } */
                   &value);
    assert_int_equal(value.small, 2);
    assert_int_equal(value.inner.id, 1);
    assert_memory_equal(value.inner.label.data, "x", 1);
    assert_int_equal(value.inner.marks.count, 2);
    assert_int_equal(value.inner.marks.items[0], 1);
    assert_int_equal(value.inner.marks.items[1], 2);
    assert_decodes("8a010208078a0103120178", &value); /* MaybeInner likewise */
    assert_int_equal(value.maybe_inner->id, 7);
    assert_int_equal(value.maybe_inner->label.length, 1);
}

static void fields_come_in_any_order_and_unknown_ones_are_skipped(void **state) {
    (void)state;
    all_t value;
    assert_decodes("807d0118051004", &value);
    assert_true(value.late);
    assert_int_equal(value.large, 5);
    assert_int_equal(value.small, 4);
    assert_decodes("9806ffffffffffffffffff01" /* field 99: a varint, */
                   "99060102030405060708"     /* 64 bits, */
                   "9a0603aabbcc"             /* bytes, */
                   "9d0601020304"             /* 32 bits */
                   "1009",
                   &value);
    assert_int_equal(value.small, 9);
    assert_decodes("908000898000", &value); /* key and value longer than they must be */
    assert_int_equal(value.small, 9);
}

static void of_a_map_key_the_last_value_counts(void **state) {
    (void)state;
    all_t value;
    assert_decodes("72050a016b100172050a016a100272050a016b1003", &value);
    assert_int_equal(value.counts.count, 2);
    assert_int_equal(value.counts.items[0].value, 3);
    assert_decodes("7205100a0a016b7200", &value); /* the value before the key; neither of them */
    assert_int_equal(value.counts.count, 2);
    assert_int_equal(value.counts.items[0].value, 10);
    assert_int_equal(value.counts.items[1].key.length, 0);
}

static void large_maps_keep_each_key_once(void **state) {
    (void)state;
    enum { KEYS = 20000, ROUNDS = 3, ENTRY = 11 };
    uint8_t *bytes = malloc((size_t)KEYS * ROUNDS * ENTRY), *at = bytes;
    assert_non_null(bytes);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < KEYS; i++, at += ENTRY) {
            char key[6];
            snprintf(key, sizeof key, "%05u", i);
            memcpy(at, "\x72\x09\x0a\x05", 4);
            memcpy(at + 4, key, 5);
            at[9] = 0x10;
            at[10] = (uint8_t)(round + i % 100);
        }
    all_t value;
    assert_int_equal(decode_bytes(GEE_TYPE_OF(all_t), bytes, (size_t)(at - bytes), &value, NULL), 0);
    free(bytes);
    assert_int_equal(value.counts.count, KEYS);
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(value.counts.items[i].value, ROUNDS - 1 + i % 100);
}

static void fields_of_a_large_struct_are_found_in_any_order(void **state) {
    (void)state;
    enum { FIELDS = 200 };
    gee_field_t fields[FIELDS];
    int64_t value[FIELDS];
    memset(fields, 0, sizeof fields);
    for (uint32_t i = 0; i < FIELDS; i++)
        fields[i] =
            (gee_field_t){ .name = "F", .tag = 3 * (FIELDS - i), .type = GEE_TYPE_OF(int64_t), .offset = i * 8 };
    gee_type_t type = { .kind = GEE_KIND_STRUCT, .name = "Large", .size = sizeof value, .fields = fields };
    type.field_count = FIELDS;
    uint8_t bytes[4 * 3 * FIELDS], *at = bytes;
    for (unsigned tag = 1; tag < 3 * FIELDS; tag++) { /* two of three are unknown */
        *at++ = (uint8_t)(tag << 3 | 0x80);
        *at++ = (uint8_t)(tag >> 4);
        *at++ = (uint8_t)(tag | 0x80);
        *at++ = (uint8_t)(tag >> 7);
    }
    assert_int_equal(decode_bytes(&type, bytes, (size_t)(at - bytes), value, NULL), 0);
    assert_int_equal(value[0], 0);
    for (unsigned i = 1; i < FIELDS; i++)
        assert_int_equal(value[i], fields[i].tag);
}

static void strings_point_into_the_bytes_unless_copied(void **state) {
    (void)state;
    uint8_t *bytes;
    size_t length = from_hex("420161620162", &bytes);
    all_t value = { .flag = false };
    assert_int_equal(codec->decode(NULL, GEE_TYPE_OF(all_t), bytes, length, &limits, false, pool, &value, NULL), 0);
    assert_ptr_equal(value.text.data, bytes + 2);
    assert_ptr_equal(value.words.items[0].data, bytes + 5);
    memset(&value, 0, sizeof value);
    assert_int_equal(codec->decode(NULL, GEE_TYPE_OF(all_t), bytes, length, &limits, true, pool, &value, NULL), 0);
    memset(bytes, 0, length);
    assert_memory_equal(value.text.data, "a", 1);
    assert_memory_equal(value.words.items[0].data, "b", 1);
    free(bytes);
}

static void messages_of_any_length_are_written(void **state) {
    (void)state;
    static const size_t lengths[] = { 0, 1, 127, 128, 16383, 16384, 70000, 5 << 20 };
    char *text = malloc(5 << 20);
    assert_non_null(text);
    memset(text, 'x', 5 << 20);
    for (size_t i = 0; i < 100 + GEE_LENGTH(lengths); i++) {
        size_t length = i < 100 ? 450 + i : lengths[i - 100]; /* about where the second pass begins */
        all_t value = { .small = 1, .inner = { .label = { .data = text, .length = length } }, .late = true }, back;
        char *hex;
        assert_int_equal(encode(GEE_TYPE_OF(all_t), &value, &hex, NULL), 0);
        assert_decodes(hex, &back);
        assert_true(gee_type_equal(GEE_TYPE_OF(all_t), &value, &back));
        gee_pool_reset(pool);
    }
    free(text);
}

/* ---- what is refused ---- */

static void numbers_that_do_not_fit_are_refused(void **state) {
    (void)state;
    const gee_type_t *type = GEE_TYPE_OF(all_t);
    assert_refused(type, "108080808008", GEE_OUT_OF_RANGE, "Small: 2147483648 overflows int32");
    assert_refused(type, "10fffffffff7ffffffff01", GEE_OUT_OF_RANGE, "Small: -2147483649 overflows int32");
    assert_refused(type, "208080808010", GEE_OUT_OF_RANGE, "UnsignedSmall: 4294967296 overflows uint32");
    assert_refused(type, "0802", GEE_OUT_OF_RANGE, "Flag: 2 is neither false (0) nor true (1)");
    assert_refused(type, "18ffffffffffffffffff02", GEE_INVALID_ARGUMENT, "Large: a varint over 64 bits");
    assert_refused(type, "1880808080808080808080808000", GEE_INVALID_ARGUMENT, "Large: a varint over 64 bits");
    assert_refused(GEE_TYPE_OF(int32_t), "08ffffffff0f", GEE_OUT_OF_RANGE, "4294967295 overflows int32");
}

static void the_wrong_wire_type_is_refused(void **state) {
    (void)state;
    const gee_type_t *type = GEE_TYPE_OF(all_t);
    const gee_code_t code = GEE_INVALID_ARGUMENT;
    assert_refused(type, "120161", code, "Small: int32 cannot be read from counted bytes (wire type 2)");
    assert_refused(type, "3d00000000", code, "Wide: double cannot be read from 32 bits (wire type 5)");
    assert_refused(type, "4001", code, "Text: string cannot be read from a varint (wire type 0)");
    assert_refused(type, "5001", code, "Inner: Inner cannot be read from a varint");
    assert_refused(type, "6001", code, "Words: string cannot be read from a varint");
    assert_refused(type, "7001", code, "Counts: a map cannot be read from a varint");
    assert_refused(type, "980101", code, "Matrix: a list cannot be read from a varint");
    assert_refused(type, "13", code, "Small: int32 cannot be read from a group");
    assert_refused(type, "9b069c06", code, "field number 99 is a group, which is not supported");
    assert_refused(type, "9e06", code, "field number 99 is nothing known");
    assert_refused(type, "0001", code, "field number 0 is out of range");
    assert_refused(type, "808080801001", code, "field number 536870912 is out of range");
}

static void errors_name_the_place(void **state) {
    (void)state;
    const gee_type_t *type = GEE_TYPE_OF(all_t);
    const gee_code_t code = GEE_INVALID_ARGUMENT;
    assert_refused(type, "6a0208016a031201ff", code, "Inners[1].Label: the string is not valid UTF-8");
    assert_refused(type, "72060a016b120161", code, "Counts[\"k\"]: int64 cannot be read");
    assert_refused(type, "5a0c0102ffffffffffffffffff02", code, "Numbers[2]: a varint over 64 bits");
    assert_refused(type, "a201020102", GEE_OUT_OF_RANGE, "Flags[1]: 2 is neither");
    assert_refused(type, "9a01020801", code, "Matrix[0]: double cannot be read");
    assert_refused(type, "8a01021001", code, "MaybeInner.Label: string cannot be read");
    assert_refused(type, "4201ff", code, "Text: the string is not valid UTF-8");
}

static void truncated_messages_are_refused(void **state) {
    (void)state;
    const char *const inside[] = { "10",
                                   "1080",
                                   "4205616263",
                                   "42ffffffff0f",
                                   "3900000000",
                                   "3500",
                                   "52020801"
                                   "52",
                                   "42ffffffffffffffffff01",
                                   "5a020180",
                                   "92010100",
                                   "9a0602aa",
                                   "9906010203",
                                   "520a0801",
                                   "7203"
                                   "0a016b10",
                                   "5a0180" };
    for (size_t i = 0; i < GEE_LENGTH(inside); i++)
        assert_refused(GEE_TYPE_OF(all_t), inside[i], GEE_INVALID_ARGUMENT, "truncated");
}

typedef struct node {
    GEE_LIST_OF(struct node) children;
    struct node *next;
} node_t;
static const gee_type_t node_type;
static const gee_type_t node_list = { .kind = GEE_KIND_LIST, .name = "", .size = 16, .element = &node_type };
static const gee_type_t node_pointer = { .kind = GEE_KIND_OPTIONAL, .name = "", .size = 8, .element = &node_type };
static const gee_field_t node_fields[] = {
    { .name = "Children", .tag = 1, .offset = offsetof(node_t, children), .type = &node_list },
    { .name = "Next", .tag = 2, .offset = offsetof(node_t, next), .type = &node_pointer },
};
static const gee_type_t node_type = {
    .kind = GEE_KIND_STRUCT, .name = "Node", .size = sizeof(node_t), .fields = node_fields, .field_count = 2
};

static void nesting_is_limited(void **state) {
    (void)state;
    node_t nodes[101], back;
    char *hex;
    memset(nodes, 0, sizeof nodes);
    for (size_t i = 0; i < 100; i++)
        nodes[i].next = &nodes[i + 1];
    assert_int_equal(encode(&node_type, &nodes[1], &hex, NULL), 0);
    assert_int_equal(decode(&node_type, hex, &back, NULL), 0); /* 100 structs */
    assert_int_equal(encode(&node_type, &nodes[0], &hex, NULL), 0);
    assert_refused(&node_type, hex, GEE_RESOURCE_EXHAUSTED, "nested deeper than limits.nesting = 100");

    memset(nodes, 0, sizeof nodes);
    for (size_t i = 0; i < 50; i++) {
        nodes[i].children.items = &nodes[i + 1];
        nodes[i].children.count = 1;
    }
    assert_int_equal(encode(&node_type, &nodes[1], &hex, NULL), 0);
    assert_int_equal(decode(&node_type, hex, &back, NULL), 0); /* 50 structs, 49 lists */
    assert_int_equal(encode(&node_type, &nodes[0], &hex, NULL), 0);
    assert_refused(&node_type, hex, GEE_RESOURCE_EXHAUSTED, "nested deeper");
}

static void what_cannot_be_written_is_an_error(void **state) {
    (void)state;
    char *hex;
    gee_error_t error;
    gee_str_t words[] = { S("a"), S("\xff") };
    all_t value = { .words = { .items = words, .count = 2 } };
    assert_int_equal(encode(GEE_TYPE_OF(all_t), &value, &hex, &error), -1);
    assert_int_equal(error.code, GEE_INTERNAL);
    assert_string_equal(error.text, "Words[1]: the string is not valid UTF-8");
    node_t knot = { .children = { .count = 0 } };
    knot.next = &knot;
    assert_int_equal(encode(&node_type, &knot, &hex, &error), -1);
    assert_int_equal(error.code, GEE_INTERNAL);
    assert_non_null(strstr(error.text, "nested deeper than"));
    all_t hollow = { .numbers = { .items = NULL, .count = 3 } };
    assert_int_equal(encode(GEE_TYPE_OF(all_t), &hollow, &hex, &error), -1);
    assert_string_equal(error.text, "Numbers: a count of 3 without items");
}

static void memory_is_bounded_by_the_pool(void **state) {
    (void)state;
    gee_pool_t *small = gee_pool_create(4096);
    gee_error_t error;
    all_t value = { .flag = false };
    size_t length = 200000;
    uint8_t *bytes = malloc(length);
    assert_non_null(small);
    assert_non_null(bytes);
    gee_pool_limit(small, 1 << 20);
    for (size_t i = 0; i < length; i += 2)
        memcpy(bytes + i, "\x6a\x00", 2); /* an empty Inner: two bytes that become forty */
    assert_int_equal(codec->decode(NULL, GEE_TYPE_OF(all_t), bytes, length, &limits, false, small, &value, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    gee_codec_limits_t tight = { .message = length - 1, .nesting = 100 };
    assert_int_equal(codec->decode(NULL, GEE_TYPE_OF(all_t), bytes, length, &tight, false, small, &value, &error), -1);
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_non_null(strstr(error.text, "limits.message"));
    free(bytes);
    gee_pool_destroy(&small);
}

/* Lists whose items come in turns grow by doubling: memory in proportion to the bytes, whatever the order. */
static void interleaved_lists_cost_their_length(void **state) {
    (void)state;
    size_t length = 400000;
    uint8_t *bytes = malloc(length);
    all_t value;
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i += 4)
        memcpy(bytes + i, "\x58\x01\x62\x00", 4);
    gee_pool_reset(pool);
    assert_int_equal(decode_bytes(GEE_TYPE_OF(all_t), bytes, length, &value, NULL), 0);
    assert_int_equal(value.numbers.count, length / 4);
    assert_int_equal(value.words.count, length / 4);
    assert_true(gee_pool_used(pool) < 40 * length);
    free(bytes);
}

static uint64_t next_random(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* Whatever comes, nothing breaks; and what is accepted is written and read to the same value again. */
static void damaged_messages_do_no_harm(void **state) {
    (void)state;
    static const char *const seeds[] = {
        "080110fbffffffffffffffff01188080808080808080800120ffffffff0f28ffffffffffffffffff01350000c03f3900000000",
        "420368c3a94a0200ff52150896011201781a0d01ffffffffffffffffff01ac02807d01",
        "5a0b0001ffffffffffffffffff0162016162006201626a006a020801920110000000000000f03f00000000000004c0a20103010001",
        "72050a016b10007a060a00120208057a050a016512008001008a0100c20100ca0100",
        "9a010a0a08000000000000f03f9a0100aa01080a060a0161120162aa0100b20100b201020800b201020809",
    };
    uint64_t random = 88172645463325252u;
    unsigned accepted = 0;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t *bytes;
        size_t length = from_hex(seeds[next_random(&random) % GEE_LENGTH(seeds)], &bytes);
        for (uint64_t changes = next_random(&random) % 4; changes > 0; changes--)
            bytes[next_random(&random) % length] = (uint8_t)next_random(&random);
        length -= next_random(&random) % 4 == 0 ? next_random(&random) % length : 0;
        uint8_t *exact = malloc(length);
        assert_non_null(exact);
        memcpy(exact, bytes, length);
        all_t value, back;
        gee_error_t error = { .text = "" };
        gee_pool_reset(pool);
        if (decode_bytes(GEE_TYPE_OF(all_t), exact, length, &value, &error) == 0) {
            char *hex;
            accepted++;
            assert_int_equal(encode(GEE_TYPE_OF(all_t), &value, &hex, NULL), 0);
            assert_decodes(hex, &back);
            assert_true(gee_type_equal(GEE_TYPE_OF(all_t), &value, &back));
        } else {
            assert_true(error.text[0] != '\0' && error.code != GEE_OK);
        }
        free(exact);
        free(bytes);
    }
    assert_true(accepted > 1000);
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
    size_t live = gee_buf_cache_live(cache);
    gee_buf_cache_destroy(&cache);
    return live == 0 ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_are_as_protobuf_writes_them),
        cmocka_unit_test(lists_are_as_protobuf_writes_them),
        cmocka_unit_test(maps_and_optionals_are_as_protobuf_writes_them),
        cmocka_unit_test(what_protobuf_lacks_is_wrapped),
        cmocka_unit_test(headers_are_as_protobuf_writes_them),
        cmocka_unit_test(a_bare_value_is_field_1),
        cmocka_unit_test(lists_come_packed_or_not),
        cmocka_unit_test(what_comes_again_is_merged),
        cmocka_unit_test(fields_come_in_any_order_and_unknown_ones_are_skipped),
        cmocka_unit_test(of_a_map_key_the_last_value_counts),
        cmocka_unit_test(large_maps_keep_each_key_once),
        cmocka_unit_test(fields_of_a_large_struct_are_found_in_any_order),
        cmocka_unit_test(strings_point_into_the_bytes_unless_copied),
        cmocka_unit_test(messages_of_any_length_are_written),
        cmocka_unit_test(numbers_that_do_not_fit_are_refused),
        cmocka_unit_test(the_wrong_wire_type_is_refused),
        cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(truncated_messages_are_refused),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(what_cannot_be_written_is_an_error),
        cmocka_unit_test(memory_is_bounded_by_the_pool),
        cmocka_unit_test(interleaved_lists_cost_their_length),
        cmocka_unit_test(damaged_messages_do_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
