/* codec_gob_short_test: values in one short message, which codec_gob reads and writes in one go, are as the general
 * way has them, in bytes, in values and in errors; and so are plain headers.
 *
 * The general way is had by optional fields when reading, and by a type that is made at run time when writing. */
#include "codec_gob_fixture.h"

typedef struct {
    bool yes;
    int32_t small;
    int64_t integer;
    uint32_t count;
    uint64_t number;
    float single;
    double real;
    gee_str_t text;
    gee_bytes_t bytes;
    int64_t last;
} scalars_t;
GEE_STRUCT(scalars_t, "Scalars", GEE_BOOL(scalars_t, yes, "Yes", 1), GEE_INT32(scalars_t, small, "Small", 2),
           GEE_INT64(scalars_t, integer, "Integer", 3), GEE_UINT32(scalars_t, count, "Count", 4),
           GEE_UINT64(scalars_t, number, "Number", 5), GEE_FLOAT(scalars_t, single, "Single", 6),
           GEE_DOUBLE(scalars_t, real, "Real", 7), GEE_STRING(scalars_t, text, "Text", 8),
           GEE_BYTES(scalars_t, bytes, "Bytes", 9), GEE_INT64(scalars_t, last, "Last", 10));

GEE_OPTIONAL_TYPE(int32_t);
GEE_OPTIONAL_TYPE(int64_t);
GEE_OPTIONAL_TYPE(uint32_t);
GEE_OPTIONAL_TYPE(uint64_t);
GEE_OPTIONAL_TYPE(float);
GEE_OPTIONAL_TYPE(double);
GEE_OPTIONAL_TYPE(gee_str_t);
GEE_OPTIONAL_TYPE(gee_bytes_t);
static const gee_type_t optional_bool = {
    .kind = GEE_KIND_OPTIONAL, .name = "", .size = sizeof(void *), .element = &gee_type_of_bool, .lasting = true
};

/* The same fields, in the same order. */
typedef struct {
    void *fields[10];
} general_t;
#define FIELD(n, field_name, field_type)                                                                               \
    { .name = field_name, .tag = (n) + 1, .offset = (n) * sizeof(void *), .type = &(field_type) }
static const gee_field_t general_fields[] = {
    FIELD(0, "Yes", optional_bool),
    FIELD(1, "Small", gee_optional_of_int32_t),
    FIELD(2, "Integer", gee_optional_of_int64_t),
    FIELD(3, "Count", gee_optional_of_uint32_t),
    FIELD(4, "Number", gee_optional_of_uint64_t),
    FIELD(5, "Single", gee_optional_of_float),
    FIELD(6, "Real", gee_optional_of_double),
    FIELD(7, "Text", gee_optional_of_gee_str_t),
    FIELD(8, "Bytes", gee_optional_of_gee_bytes_t),
    FIELD(9, "Last", gee_optional_of_int64_t),
};
static const gee_type_t general_type = { .kind = GEE_KIND_STRUCT,
                                         .name = "Scalars",
                                         .size = sizeof(general_t),
                                         .fields = general_fields,
                                         .field_count = GEE_LENGTH(general_fields),
                                         .lasting = true };

/* ---- what is tried ---- */

static uint64_t seed;

static uint64_t random_number(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

/* Zero often, of each count of bytes, and at the borders. */
static uint64_t random_bits(void) {
    uint64_t bits = random_number() << 40 ^ random_number() << 20 ^ random_number();
    return random_number() % 3 == 0 ? 0 : bits >> random_number() % 64;
}

static uint8_t letters[256];

static scalars_t random_scalars(size_t longest) {
    size_t bytes = random_number() % 4 == 0 ? 0 : random_number() % (longest + 1);
    size_t text = random_number() % 4 == 0 ? 0 : random_number() % (longest + 1);
    uint64_t real = random_bits();
    scalars_t value = {
        .yes = random_number() % 2,
        .small = (int32_t)random_bits(),
        .integer = (int64_t)random_bits(),
        .count = (uint32_t)random_bits(),
        .number = random_bits(),
        .single = random_number() % 2   ? 0
                  : random_number() % 2 ? -0.0F
                                        : 1.5F,
        .text = { .data = (const char *)letters, .length = text },
        .bytes = { .data = letters, .length = bytes },
        .last = (int64_t)random_bits(),
    };
    memcpy(&value.real, &real, sizeof(real));
    return value;
}

static void meet(void) {
    scalars_t value = { .yes = true };
    memset(letters, 'x', sizeof(letters));
    seed = 1;
    if (encode(GEE_TYPE_OF(scalars_t), &value) != 0 || read_wire(GEE_TYPE_OF(scalars_t), &value, NULL) != 0)
        fail_msg("%s", error.text);
    general_t general;
    assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0); /* plans are made when they are wanted first */
    assert_int_equal(read_wire(&general_type, &general, NULL), 0);
}

/* ---- writing ---- */

/* To `wire`, both ways; their result. */
static int expect_same_written(const gee_type_t *type, const void *value) {
    static uint8_t bytes[sizeof(wire)];
    gee_type_t at_run_time = *type;
    gee_error_t first_error = { .code = GEE_OK };
    at_run_time.lasting = false;
    error = first_error;
    int result = encode(type, value);
    size_t length = wire_length;
    memcpy(bytes, wire, length);
    first_error = error;
    assert_int_equal(encode(&at_run_time, value), result);
    if (result != 0) {
        assert_int_equal(error.code, first_error.code);
        assert_string_equal(error.text, first_error.text);
        return result;
    }
    assert_int_equal(wire_length, length);
    assert_memory_equal(wire, bytes, length);
    return 0;
}

static void is_written_as_the_general_way_does(void **state) {
    (void)state;
    meet();
    for (int i = 0; i < 20000; i++) {
        scalars_t value = random_scalars(i % 2 ? 12 : 150);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(scalars_t), &value), 0);
    }
}

static void any_length_is_written(void **state) {
    (void)state;
    meet();
    for (size_t length = 0; length < sizeof(letters); length++) {
        scalars_t value = { .text = { .data = (const char *)letters, .length = length } };
        assert_int_equal(expect_same_written(GEE_TYPE_OF(scalars_t), &value), 0);
        /* The id, delta and length of the text, the text, the end. */
        size_t content = length == 0 ? 3 : 2U + 1 + (length < 128 ? 1 : 2) + length + 1;
        assert_int_equal(wire_length, (content < 128 ? 1 : content < 256 ? 2 : 3) + content);
        scalars_t bytes = { .bytes = { .data = letters, .length = length }, .last = -1 };
        assert_int_equal(expect_same_written(GEE_TYPE_OF(scalars_t), &bytes), 0);
    }
}

static void what_is_no_struct_is_written(void **state) {
    (void)state;
    meet();
    gee_empty_t empty = { 0 };
    assert_int_equal(encode(GEE_TYPE_OF(gee_empty_t), &empty), 0);
    for (int i = 0; i < 2000; i++) {
        uint64_t number = random_bits();
        bool yes = number % 2;
        float single = (float)(int64_t)number;
        gee_str_t text = { .data = (const char *)letters, .length = number % 200 };
        assert_int_equal(expect_same_written(GEE_TYPE_OF(int64_t), &number), 0);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(uint64_t), &number), 0);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(int32_t), &number), 0);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(uint32_t), &number), 0);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(double), &number), 0);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(float), &single), 0);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(bool), &yes), 0);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(gee_str_t), &text), 0);
        assert_int_equal(expect_same_written(GEE_TYPE_OF(gee_empty_t), &empty), 0);
    }
}

static void text_that_is_no_utf8_is_not_written(void **state) {
    (void)state;
    meet();
    scalars_t value = { .small = 1, .text = GEE_STR("\xff") };
    assert_int_equal(expect_same_written(GEE_TYPE_OF(scalars_t), &value), -1);
    assert_string_equal(error.text, "Text: the string is not valid UTF-8");
    value.text = GEE_STR("\xc3\xbc");
    assert_int_equal(expect_same_written(GEE_TYPE_OF(scalars_t), &value), 0);
}

/* A field's number, less the one before it, in two bytes. */
static void gaps_of_any_width_pass(void **state) {
    enum { FIELDS = 300 };
    static char names[FIELDS][8];
    static gee_field_t fields[FIELDS];
    static const gee_type_t wide = { .kind = GEE_KIND_STRUCT,
                                     .name = "Wide",
                                     .size = FIELDS * 8,
                                     .fields = fields,
                                     .field_count = FIELDS,
                                     .lasting = true };
    int64_t value[FIELDS], back[FIELDS];
    (void)state;
    for (size_t i = 0; i < FIELDS; i++) {
        snprintf(names[i], sizeof(names[i]), "F%zu", i);
        fields[i] = (gee_field_t){
            .name = names[i], .tag = (uint32_t)i + 1, .offset = 8 * (uint32_t)i, .type = &gee_type_of_int64_t
        };
    }
    for (size_t first = 0; first < FIELDS; first++) {
        memset(value, 0, sizeof(value));
        value[first] = 7;
        value[FIELDS - 1] = 300;
        if (first == 0)
            passes(&wide, value, back); /* with its definition */
        assert_int_equal(expect_same_written(&wide, value), 0);
        passes(&wide, value, back);
    }
}

/* ---- reading ---- */

static int decode_as(const gee_type_t *type, const uint8_t *bytes, size_t length, bool copy, void *value) {
    memset(value, 0, type->size);
    memset(&error, 0, sizeof(error));
    return codec->decode(receiver, type, bytes, length, &limits, copy, pool, value, &error);
}

static void expect_same_values(const scalars_t *value, const general_t *general) {
    for (size_t i = 0; i < GEE_LENGTH(general_fields); i++) {
        const gee_field_t *field = &gee_type_of_scalars_t.fields[i];
        const void *member = (const char *)value + field->offset;
        if (general->fields[i] == NULL ? !gee_type_is_zero(field->type, member)
                                       : !gee_type_equal(field->type, member, general->fields[i]))
            fail_msg("%s is another", field->name);
    }
}

/* Whatever `wire` is. */
static void expect_same_read(void) {
    scalars_t value;
    general_t general;
    uint8_t *exact = malloc(wire_length);
    assert_non_null(exact);
    memcpy(exact, wire, wire_length);
    gee_pool_reset(pool);
    int result = decode_as(&general_type, exact, wire_length, true, &general);
    gee_error_t general_error = error;
    for (int copy = 0; copy < 2; copy++) {
        assert_int_equal(decode_as(GEE_TYPE_OF(scalars_t), exact, wire_length, copy, &value), result);
        if (result != 0) {
            assert_int_equal(error.code, general_error.code);
            assert_string_equal(error.text, general_error.text);
            continue;
        }
        expect_same_values(&value, &general);
        const uint8_t *text = (const uint8_t *)value.text.data;
        if (value.text.length > 0)
            assert_int_equal(text >= exact && text < exact + wire_length, !copy);
    }
    free(exact);
}

static void is_read_as_the_general_way_does(void **state) {
    (void)state;
    meet();
    for (int i = 0; i < 20000; i++) {
        scalars_t value = random_scalars(20);
        assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
        expect_same_read();
    }
}

/* The length says that less is there, or more. */
static void what_is_cut_is_refused_alike(void **state) {
    scalars_t value = { .yes = true,
                        .small = -70000,
                        .integer = 5,
                        .count = 300,
                        .number = UINT64_MAX,
                        .real = 0.1,
                        .text = GEE_STR("text"),
                        .bytes = { .data = (const uint8_t *)"bytes", .length = 5 },
                        .last = 9 };
    (void)state;
    meet();
    assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
    size_t whole = wire_length;
    for (wire_length = whole - 1; wire_length > 3; wire_length--) {
        scalars_t back;
        wire[0] = (uint8_t)(wire_length - 1);
        expect_same_read();
        assert_int_equal(decode_as(GEE_TYPE_OF(scalars_t), wire, wire_length, true, &back), -1);
        assert_non_null(strstr(error.text, "truncated: the message ends inside a value"));
    }
    wire_length = whole + 1;
    wire[0] = (uint8_t)whole;
    wire[whole] = 0;
    expect_same_read();
    assert_string_equal(error.text, "bytes behind the value");
    wire[0] = (uint8_t)(whole - 1); /* another message */
    expect_same_read();
    assert_string_equal(error.text, "bytes behind the value");
}

static void what_is_damaged_is_the_same_or_refused_alike(void **state) {
    (void)state;
    meet();
    for (int i = 0; i < 60000; i++) {
        scalars_t value = random_scalars(10);
        assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
        for (uint64_t count = 1 + random_number() % 3; count > 0; count--) {
            uint64_t number = random_number();
            static const uint8_t likely[] = { 0, 1, 2, 9, 10, 11, 0x7f, 0x80, 0xf7, 0xf8, 0xfb, 0xfc, 0xfe, 0xff };
            /* Behind the id, which is another type's otherwise, or a definition's. */
            wire[3 + number % (wire_length - 3)] =
                number / 1024 % 2 ? likely[number / 4096 % sizeof(likely)] : (uint8_t)(number / 4096);
        }
        expect_same_read();
    }
}

/* A length of two bytes where one would do, which the short way leaves to the general one. */
static void lengths_may_be_long(void **state) {
    (void)state;
    meet();
    scalars_t value = random_scalars(5);
    assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
    memmove(wire + 2, wire + 1, wire_length - 1);
    wire[1] = wire[0];
    wire[0] = 0xff;
    wire_length++;
    expect_same_read();
    scalars_t back;
    assert_int_equal(read_wire(GEE_TYPE_OF(scalars_t), &back, NULL), 0);
    assert_true(gee_type_equal(GEE_TYPE_OF(scalars_t), &value, &back));
}

typedef struct {
    gee_str_t text;
    int64_t last;
} lenient_t;
GEE_STRUCT(lenient_t, "Lenient", GEE_STRING(lenient_t, text, "Text", 1), GEE_INT64(lenient_t, last, "Last", 2));

/* A plan of which some members are skipped. */
static void other_fields_are_skipped(void **state) {
    (void)state;
    meet();
    for (int i = 0; i < 1000; i++) {
        scalars_t value = random_scalars(10);
        lenient_t back;
        value.bytes.length = 0;
        value.text.length = 10;
        assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
        assert_int_equal(decode_as(GEE_TYPE_OF(lenient_t), wire, wire_length, true, &back), 0);
        assert_true(gee_str_equal(back.text, value.text));
        assert_int_equal(back.last, value.last);
        gee_pool_reset(pool);
    }
}

typedef struct {
    bool yes;
    gee_str_t small;
} unlike_t;
GEE_STRUCT(unlike_t, "Unlike", GEE_BOOL(unlike_t, yes, "Yes", 1), GEE_STRING(unlike_t, small, "Small", 2));

/* Why there is no plan is kept as plans are. */
static void what_has_no_plan_is_refused_again(void **state) {
    (void)state;
    meet();
    scalars_t value = { .yes = true };
    unlike_t back;
    assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(decode_as(GEE_TYPE_OF(unlike_t), wire, wire_length, true, &back), -1);
        assert_string_equal(error.text, "Small: int is sent where string is expected");
    }
}

static void what_is_no_struct_begins_with_a_zero(void **state) {
    int64_t number;
    (void)state;
    for (int i = 0; i < 2; i++) {
        reads(GEE_TYPE_OF(int64_t), "03 04 00 06", &number);
        assert_int_equal(number, 3);
        refuses(GEE_TYPE_OF(int64_t), "03 04 01 06", "a value that is no struct does not begin with a zero");
    }
}

static void memory_is_bounded(void **state) {
    (void)state;
    meet();
    scalars_t value = { .small = 4, .text = { .data = (const char *)letters, .length = 100 } }, back;
    assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
    gee_pool_reset(pool);
    gee_pool_limit(pool, 64);
    assert_int_equal(decode_as(GEE_TYPE_OF(scalars_t), wire, wire_length, true, &back), -1);
    assert_string_equal(error.text, "Text: the value takes more memory than a call may have");
    assert_int_equal(decode_as(GEE_TYPE_OF(scalars_t), wire, wire_length, false, &back), 0);
}

static void limits_hold(void **state) {
    (void)state;
    meet();
    scalars_t value = { .small = 4 }, back;
    gee_codec_limits_t exact = { .nesting = 1 };
    assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
    for (exact.message = wire_length - 1; exact.message <= wire_length; exact.message++) {
        int expected = exact.message < wire_length ? -1 : 0;
        gee_measure_t progress = { 0 };
        gee_measured_t measured = codec->measure(receiver, &progress, wire, wire_length, &exact, &error);
        assert_int_equal(measured, expected ? GEE_MEASURE_LONG : GEE_MEASURE_DONE);
        assert_int_equal(progress.length, expected ? 0 : wire_length);
        memset(&back, 0, sizeof(back));
        assert_int_equal(
            codec->decode(receiver, GEE_TYPE_OF(scalars_t), wire, wire_length, &exact, true, pool, &back, &error),
            expected);
        if (expected)
            assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    }
}

/* ---- plain headers ---- */

static int write_plain(gee_str_t text, uint64_t number) {
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    int result = codec->write_plain(sender, GEE_TYPE_OF(header_t), text, number, &chain);
    assert_int_equal(chain.length > 0, result);
    (void)take_chain(&chain, 0);
    return result;
}

static size_t read_plain(size_t length, gee_str_t *text, uint64_t *number) {
    uint8_t *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, wire, length);
    size_t result = codec->read_plain(receiver, GEE_TYPE_OF(header_t), exact, length, text, number);
    if (result > 0)
        text->data = (const char *)wire + (text->data - (const char *)exact);
    free(exact);
    return result;
}

static void meet_header(void) {
    header_t header = { .service_method = GEE_STR("A.B"), .seq = 1 };
    memset(letters, 'x', sizeof(letters));
    assert_int_equal(write_plain(header.service_method, header.seq), 0); /* not yet */
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), 0);
    assert_int_equal(read_wire(GEE_TYPE_OF(header_t), &header, NULL), 0);
}

static void plain_headers_are_headers(void **state) {
    static const uint64_t numbers[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 1U << 24, UINT32_MAX, UINT64_MAX };
    (void)state;
    meet_header();
    for (size_t length = 1; length < 128; length++)
        for (size_t i = 0; i < GEE_LENGTH(numbers); i++) {
            header_t header = { .service_method = { .data = (const char *)letters, .length = length },
                                .seq = numbers[i] };
            static uint8_t bytes[sizeof(wire)];
            gee_str_t text;
            uint64_t number;
            int plain = write_plain(header.service_method, header.seq);
            size_t written = wire_length;
            assert_int_equal(plain, length <= 100);
            memcpy(bytes, wire, written);
            assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), 0);
            if (plain) {
                assert_int_equal(wire_length, written);
                assert_memory_equal(wire, bytes, written);
            }
            for (size_t cut = 0; cut < wire_length; cut++)
                assert_int_equal(read_plain(cut, &text, &number), 0);
            size_t read = read_plain(wire_length, &text, &number);
            assert_int_equal(read, wire[0] < 128 ? wire_length : 0);
            if (read > 0) {
                assert_true(gee_str_equal(text, header.service_method));
                assert_int_equal(number, header.seq);
            }
        }
}

static void what_is_not_ascii_is_not_plain(void **state) {
    gee_str_t text;
    uint64_t number;
    (void)state;
    meet_header();
    for (size_t length = 1; length < 40; length++)
        for (size_t at = 0; at < length; at++) {
            gee_str_t name = { .data = (const char *)letters, .length = length };
            letters[at] = 0x80;
            assert_int_equal(write_plain(name, 1), 0);
            letters[at] = 'x';
            assert_int_equal(write_plain(name, 1), 1);
            wire[5 + at] = 0x80; /* behind length, id, field, length of the text */
            assert_int_equal(read_plain(wire_length, &text, &number), 0);
            wire[5 + at] = 'x';
            assert_int_equal(read_plain(wire_length, &text, &number), wire_length);
        }
}

static void what_says_more_is_not_plain(void **state) {
    header_t header = { .service_method = GEE_STR("A.B"), .seq = 1, .error = GEE_STR("no") };
    gee_str_t text;
    uint64_t number;
    (void)state;
    meet_header();
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), 0);
    assert_int_equal(read_plain(wire_length, &text, &number), 0);
    header.error.length = 0;
    header.service_method.length = 0;
    assert_int_equal(encode(GEE_TYPE_OF(header_t), &header), 0);
    assert_int_equal(read_plain(wire_length, &text, &number), 0);
    assert_int_equal(write_plain(header.service_method, header.seq), 0);
    assert_int_equal(write_plain(GEE_STR("A.B"), 1), 1);
    wire[0]++; /* and a byte behind its end */
    wire[wire_length] = 0;
    assert_int_equal(read_plain(wire_length + 1, &text, &number), 0);
    /* Of another type, which has no such fields. */
    meet();
    scalars_t value = { .small = 1, .integer = 2 };
    assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
    assert_int_equal(read_plain(wire_length, &text, &number), 0);
}

static void the_end_is_not_looked_for_behind_the_message(void **state) {
    (void)state;
    scalars_t value = { .yes = true, .integer = 5 }, got = { 0 };
    general_t general = { 0 };
    meet();
    assert_int_equal(encode(GEE_TYPE_OF(scalars_t), &value), 0);
    wire[0]--; /* the zero that ends the struct is no part of the message any more */
    int g = codec->decode(receiver, &general_type, wire, wire_length, &limits, true, pool, &general, &error);
    print_message("general: %d %s\n", g, g ? error.text : "");
    int s = codec->decode(receiver, GEE_TYPE_OF(scalars_t), wire, wire_length, &limits, true, pool, &got, &error);
    print_message("short: %d %s\n", s, s ? error.text : "");
    assert_int_equal(g, s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(is_written_as_the_general_way_does),
        TEST(any_length_is_written),
        TEST(what_is_no_struct_is_written),
        TEST(text_that_is_no_utf8_is_not_written),
        TEST(gaps_of_any_width_pass),
        TEST(is_read_as_the_general_way_does),
        TEST(what_is_cut_is_refused_alike),
        TEST(the_end_is_not_looked_for_behind_the_message),
        TEST(what_is_damaged_is_the_same_or_refused_alike),
        TEST(lengths_may_be_long),
        TEST(other_fields_are_skipped),
        TEST(what_has_no_plan_is_refused_again),
        TEST(what_is_no_struct_begins_with_a_zero),
        TEST(memory_is_bounded),
        TEST(limits_hold),
        TEST(plain_headers_are_headers),
        TEST(what_is_not_ascii_is_not_plain),
        TEST(what_says_more_is_not_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
