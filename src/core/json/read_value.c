/* read_value.c: one JSON value into a tree. Integers stay integers, exact to 64 bits; objects become structs. */
#include "core/json/json.h"

#include <float.h>

static int read_value(gee_json_reader_t *reader, gee_value_t *value);

/* True when the number has no more digits than a double, then zeros: a double below 1e21 is written in this form,
 * without an exponent. */
static bool has_digits_of_double(const gee_json_number_t *number) {
    size_t count = number->whole;
    while (count > 0 && number->digits[count - 1] == '0')
        count--;
    return count <= DBL_DECIMAL_DIG;
}

static int read_number(gee_json_reader_t *reader, gee_value_t *value) {
    gee_json_number_t number;
    uint64_t magnitude = 0;
    if (gee_json_read_number(reader, &number) < 0)
        return -1;
    bool fits = number.integral && gee_json_number_magnitude(&number, &magnitude) &&
                (!number.negative || magnitude <= (uint64_t)INT64_MAX + 1);
    if (!number.integral || (!fits && has_digits_of_double(&number))) {
        value->kind = GEE_VALUE_DOUBLE;
        return gee_json_number_double(&number, &value->number) ? 0
                                                               : gee_json_does_not_fit(reader, number.text, "double");
    }
    if (!fits)
        return gee_json_does_not_fit(reader, number.text, "64 bits");
    if (number.negative || magnitude <= INT64_MAX) {
        value->kind = GEE_VALUE_INT;
        value->integer = (int64_t)(number.negative ? 0 - magnitude : magnitude);
    } else {
        value->kind = GEE_VALUE_UINT;
        value->unsigned_integer = magnitude;
    }
    return 0;
}

static int read_list(gee_json_reader_t *reader, gee_value_t *value) {
    size_t capacity = 0, count = 0;
    void *items = NULL;
    int more;
    if (gee_json_enter(reader) < 0)
        return -1;
    for (; (more = gee_json_next(reader, count == 0, ']')) > 0; count++) {
        if (gee_json_grow(reader, &items, count, &capacity, sizeof(gee_value_t)) < 0)
            return -1;
        if (read_value(reader, (gee_value_t *)items + count) < 0) {
            gee_path_index(&reader->path, count);
            return -1;
        }
    }
    value->kind = GEE_VALUE_LIST;
    value->list.items = items;
    value->list.count = count;
    return more;
}

static int read_pair(gee_json_reader_t *reader, gee_pair_t *pair) {
    pair->value = gee_pool_alloc(reader->pool, sizeof(gee_value_t));
    if (!pair->value)
        return gee_json_no_memory(reader);
    if (gee_json_read_key(reader, true, &pair->key) < 0)
        return -1;
    if (read_value(reader, pair->value) < 0) {
        gee_path_field(&reader->path, pair->key);
        return -1;
    }
    return 0;
}

static int read_object(gee_json_reader_t *reader, gee_value_t *value) {
    size_t capacity = 0, count = 0;
    void *items = NULL;
    int more;
    if (gee_json_enter(reader) < 0)
        return -1;
    for (; (more = gee_json_next(reader, count == 0, '}')) > 0; count++) {
        if (gee_json_grow(reader, &items, count, &capacity, sizeof(gee_pair_t)) < 0 ||
            read_pair(reader, (gee_pair_t *)items + count) < 0)
            return -1;
    }
    value->kind = GEE_VALUE_STRUCT;
    value->pairs.items = items;
    value->pairs.count = count;
    return more;
}

static int read_value(gee_json_reader_t *reader, gee_value_t *value) {
    memset(value, 0, sizeof(*value));
    switch (gee_json_peek(reader)) {
    case 'n':
        return gee_json_read_literal(reader, "null");
    case 't':
    case 'f':
        value->kind = GEE_VALUE_BOOL;
        value->boolean = gee_json_peek(reader) == 't';
        return gee_json_read_literal(reader, value->boolean ? "true" : "false");
    case '"':
        value->kind = GEE_VALUE_STRING;
        return gee_json_read_string(reader, true, &value->string);
    case '[':
        return read_list(reader, value);
    case '{':
        return read_object(reader, value);
    case '-':
    case '0' ... '9':
        return read_number(reader, value);
    default:
        return gee_json_expected(reader, "a value");
    }
}

int gee_json_decode_value(void *state, const uint8_t *bytes, size_t length, const gee_codec_limits_t *limits,
                          gee_pool_t *pool, gee_value_t *value, gee_error_t *error) {
    gee_json_reader_t reader;
    (void)state;
    gee_json_reader_init(&reader, bytes, length, limits, pool, error);
    return gee_json_reader_finish(&reader, read_value(&reader, value));
}
