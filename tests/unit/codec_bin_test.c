/* codec_bin_test: protobuf's bytes, byte for byte as protobuf's own library (3.21) writes the same messages, and what
 * is read beside that. What is refused is in codec_bin_refuse_test.c. */
#include "codec_bin_fixture.h"

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

typedef struct far {
    int64_t a;
    uint64_t b;
} far_t;
GEE_STRUCT(far_t, "Far", GEE_INT64(far_t, a, "A", 16), GEE_UINT64(far_t, b, "B", 2047));

static void keys_of_two_bytes_are_read_whole(void **state) {
    (void)state;
    far_t value = { 0 };
    assert_hex(GEE_TYPE_OF(far_t), &(far_t){ .a = 7, .b = 8 }, "800107f87f08");
    assert_int_equal(decode(GEE_TYPE_OF(far_t), "800107f87f08", &value, NULL), 0);
    assert_true(value.a == 7 && value.b == 8);
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
        cmocka_unit_test(keys_of_two_bytes_are_read_whole),
        cmocka_unit_test(fields_come_in_any_order_and_unknown_ones_are_skipped),
        cmocka_unit_test(of_a_map_key_the_last_value_counts),
        cmocka_unit_test(large_maps_keep_each_key_once),
        cmocka_unit_test(fields_of_a_large_struct_are_found_in_any_order),
        cmocka_unit_test(strings_point_into_the_bytes_unless_copied),
        cmocka_unit_test(messages_of_any_length_are_written),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
