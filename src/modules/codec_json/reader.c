/* reader.c: the parts of a JSON value, read strictly (RFC 8259) from bytes that are there as a whole. */
#include "json.h"

#define SHOWN 40 /* bytes of a number in a text */

void gee_json_reader_init(gee_json_reader_t *reader, const uint8_t *bytes, size_t length,
                          const gee_codec_limits_t *limits, gee_pool_t *pool, gee_error_t *error) {
    reader->start = reader->at = bytes;
    reader->end = bytes + length;
    reader->levels = gee_json_nesting(limits);
    reader->copy = true;
    reader->pool = pool;
    reader->error = error;
    gee_path_init(&reader->path);
    gee_json_space(reader);
}

int gee_json_reader_finish(gee_json_reader_t *reader, int result) {
    if (result < 0)
        return gee_path_apply(&reader->path, reader->error);
    gee_json_space(reader);
    return reader->at < reader->end ? gee_json_expected(reader, "the end of the value") : 0;
}

/* ---- what can be wrong ---- */

int gee_json_no_memory(gee_json_reader_t *reader) {
    return gee_error_set(reader->error, GEE_RESOURCE_EXHAUSTED,
                         "no memory for the JSON value, or over limits.call_memory");
}

int gee_json_expected(gee_json_reader_t *reader, const char *what) {
    char shown[8];
    size_t offset = (size_t)(reader->at - reader->start);
    if (reader->at == reader->end)
        return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "not JSON: it ends at byte %zu, where %s is expected",
                             offset, what);
    return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "not JSON: '%s' at byte %zu, where %s is expected",
                         gee_str_escape(shown, sizeof(shown), reader->at, 1), offset, what);
}

int gee_json_mismatch(gee_json_reader_t *reader, const char *label) {
    const char *what;
    switch (gee_json_peek(reader)) {
    case '"':
        what = "a string";
        break;
    case '{':
        what = "an object";
        break;
    case '[':
        what = "a list";
        break;
    case 't':
    case 'f':
        what = "a boolean";
        break;
    case '-':
    case '0' ... '9':
        what = "a number";
        break;
    default:
        return gee_json_expected(reader, "a value");
    }
    return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "%s where %s is expected", what, label);
}

/* ---- literals and numbers ---- */

int gee_json_read_literal(gee_json_reader_t *reader, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return gee_json_expected(reader, "true, false or null");
    reader->at += length;
    return 0;
}

static size_t count_digits(gee_json_reader_t *reader) {
    const uint8_t *first = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return (size_t)(reader->at - first);
}

/* The power of ten behind an e; held where further digits do not matter any more. */
static int read_exponent(gee_json_reader_t *reader, int64_t *exponent) {
    bool negative = gee_json_peek(reader) == '-';
    if (negative || gee_json_peek(reader) == '+')
        reader->at++;
    const uint8_t *digits = reader->at;
    size_t count = count_digits(reader);
    if (count == 0)
        return gee_json_expected(reader, "a digit");
    int64_t value = 0;
    for (size_t i = 0; i < count && value < INT64_C(1) << 50; i++)
        value = value * 10 + (digits[i] - '0');
    *exponent = negative ? -value : value;
    return 0;
}

int gee_json_read_number(gee_json_reader_t *reader, gee_json_number_t *number) {
    const uint8_t *first = reader->at;
    number->negative = gee_json_peek(reader) == '-';
    reader->at += number->negative;
    number->digits = reader->at;
    number->whole = count_digits(reader);
    number->fraction = 0;
    number->exponent = 0;
    if (number->whole == 0)
        return gee_json_expected(reader, "a digit");
    if (number->whole > 1 && *number->digits == '0') {
        reader->at = number->digits + 1;
        return gee_json_expected(reader, "no digit behind a leading zero");
    }
    number->integral = true;
    if (gee_json_peek(reader) == '.') {
        number->integral = false;
        reader->at++;
        number->fraction = count_digits(reader);
        if (number->fraction == 0)
            return gee_json_expected(reader, "a digit");
    }
    if (gee_json_peek(reader) == 'e' || gee_json_peek(reader) == 'E') {
        number->integral = false;
        reader->at++;
        if (read_exponent(reader, &number->exponent) < 0)
            return -1;
    }
    number->text = (gee_str_t){ .data = (const char *)first, .length = (size_t)(reader->at - first) };
    return 0;
}

bool gee_json_number_magnitude(const gee_json_number_t *number, uint64_t *magnitude) {
    uint64_t value = 0;
    for (size_t i = 0; i < number->whole; i++) {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(number->digits[i] - '0'), &value))
            return false;
    }
    *magnitude = value;
    return true;
}

