/* reader.c: the parts of a JSON value, read strictly (RFC 8259) from bytes that are complete. */
#include "core/json/json.h"

#include "core/base/assert.h"
#include "core/type/key.h"

#define SHOWN 40 /* bytes of a number in an error's text */

void gee_json_reader_init(gee_json_reader_t *reader, const uint8_t *bytes, size_t length,
                          const gee_codec_limits_t *limits, gee_pool_t *pool, gee_error_t *error) {
    reader->start = reader->at = bytes;
    reader->end = bytes + length;
    reader->levels = gee_json_nesting(limits);
    reader->copy = true;
    reader->repair = limits->repair;
    reader->pool = pool;
    reader->error = error;
    reader->indices = NULL;
    gee_path_init(&reader->path);
    gee_json_space(reader);
}

int gee_json_reader_finish(gee_json_reader_t *reader, int result) {
    if (result < 0)
        return gee_path_apply(&reader->path, reader->error);
    gee_json_space(reader);
    return reader->at < reader->end ? gee_json_expected(reader, "the end of the value") : 0;
}

/* ---- errors ---- */

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

/* Reads the power of ten behind an e. The value stops growing where further digits make no difference. */
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

int gee_json_does_not_fit(gee_json_reader_t *reader, gee_str_t number, const char *label) {
    bool cut = number.length > SHOWN;
    return gee_error_set(reader->error, GEE_OUT_OF_RANGE, "%.*s%s does not fit %s", cut ? SHOWN : (int)number.length,
                         number.data, cut ? "..." : "", label);
}

int gee_json_not_integer(gee_json_reader_t *reader, gee_str_t number, const char *label) {
    bool cut = number.length > SHOWN;
    return gee_error_set(reader->error, GEE_INVALID_ARGUMENT,
                         "%.*s%s where %s is expected: write it without fraction and exponent",
                         cut ? SHOWN : (int)number.length, number.data, cut ? "..." : "", label);
}

/* ---- strings ---- */

const uint8_t *gee_json_plain_end_of_few(const uint8_t *at, const uint8_t *end, bool *foreign) {
    uint64_t gathered = 0;
    for (; end - at >= 8; at += 8) {
        uint64_t word = gee_load_8(at), special = gee_json_special(word);
        if (special) {
            unsigned bit = (unsigned)__builtin_ctzll(special) & ~7u;
            gathered |= word & (((uint64_t)1 << bit) - 1);
            at += bit / 8;
            break;
        }
        gathered |= word;
    }
    for (; at < end && *at != '"' && *at != '\\' && *at >= 0x20; at++)
        gathered |= *at;
    if (foreign != NULL)
        *foreign |= (gathered & GEE_JSON_HIGH) != 0;
    return at;
}

/* The value of four hexadecimal digits; -1: other bytes. */
static int hexadecimal(const uint8_t *at, const uint8_t *end) {
    int value = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        uint8_t c = at[i];
        if (c >= '0' && c <= '9')
            value = value * 16 + (c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            value = value * 16 + ((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return value;
}

static uint8_t *put_utf8(uint8_t *target, uint32_t point) {
    if (point < 0x80) {
        *target++ = (uint8_t)point;
    } else if (point < 0x800) {
        *target++ = (uint8_t)(0xc0 | point >> 6);
        *target++ = (uint8_t)(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
        *target++ = (uint8_t)(0xe0 | point >> 12);
        *target++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *target++ = (uint8_t)(0x80 | (point & 0x3f));
    } else {
        *target++ = (uint8_t)(0xf0 | point >> 18);
        *target++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        *target++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
        *target++ = (uint8_t)(0x80 | (point & 0x3f));
    }
    return target;
}

/* Precondition: the reader is behind "\u". Reads four digits, or with a second escape a pair of surrogates. */
static uint8_t *read_code_point(gee_json_reader_t *reader, uint8_t *target) {
    GEE_ASSERT(reader->at[-1] == 'u');
    int unit = hexadecimal(reader->at, reader->end);
    if (unit < 0) {
        gee_json_expected(reader, "an escape of four hexadecimal digits");
        return NULL;
    }
    reader->at += 4;
    uint32_t point = (uint32_t)unit;
    if (point < 0xd800 || point > 0xdfff)
        return put_utf8(target, point);
    int low = -1;
    if (point < 0xdc00 && reader->end - reader->at >= 6 && reader->at[0] == '\\' && reader->at[1] == 'u')
        low = hexadecimal(reader->at + 2, reader->end);
    if ((low < 0xdc00 || low > 0xdfff) && reader->repair)
        return put_utf8(target, 0xfffd); /* the next escape is read for itself, as in Go */
    if (low < 0xdc00 || low > 0xdfff) {
        gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "the string has half of a surrogate pair in it (\\u%04x)",
                      (unsigned)unit);
        return NULL;
    }
    reader->at += 6;
    return put_utf8(target, 0x10000 + ((point - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
}

/* Precondition: the reader is behind a backslash. The text of an escape is never shorter than its character. */
static uint8_t *read_escape(gee_json_reader_t *reader, uint8_t *target) {
    GEE_ASSERT(reader->at[-1] == '\\');
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint8_t c = gee_json_peek(reader);
    if (c == 'u') {
        reader->at++;
        return read_code_point(reader, target);
    }
    const char *letter = c ? strchr(letters, c) : NULL;
    if (!letter) {
        gee_json_expected(reader, "an escape");
        return NULL;
    }
    reader->at++;
    *target++ = (uint8_t)meanings[letter - letters];
    return target;
}

/* The place of the string's closing quote; `end` when there is none. */
static const uint8_t *closing_quote(const uint8_t *at, const uint8_t *end) {
    while ((at = gee_json_plain_end(at, end, NULL)) < end && *at != '"')
        at += *at == '\\' && end - at > 1 ? 2 : 1;
    return at;
}

static int check_utf8(gee_json_reader_t *reader, const void *bytes, size_t length, bool foreign) {
    if (!foreign || reader->repair || gee_utf8_valid(bytes, length))
        return 0;
    return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "the string is not valid UTF-8");
}

/* Replaces the bytes that are not UTF-8. Precondition: the string is not empty. */
GEE_APART static int repair(gee_json_reader_t *reader, gee_str_t *string) {
    GEE_ASSERT(string->length > 0);
    *string = gee_pool_utf8(reader->pool, *string);
    return string->data != NULL ? 0 : gee_json_no_memory(reader);
}

/* Reads the rest of a string from its first escape on; `first` is the first byte behind the opening quote. */
static int read_escaped(gee_json_reader_t *reader, const uint8_t *first, bool foreign, gee_str_t *string) {
    size_t most = (size_t)(closing_quote(reader->at, reader->end) - first);
    size_t plain = (size_t)(reader->at - first);
    uint8_t *bytes = gee_pool_alloc(reader->pool, most), *target = bytes;
    if (!bytes)
        return gee_json_no_memory(reader);
    memcpy(target, first, plain);
    target += plain;
    while (gee_json_peek(reader) == '\\') {
        reader->at++;
        target = read_escape(reader, target);
        if (!target)
            return -1;
        const uint8_t *run = reader->at;
        reader->at = gee_json_plain_end(run, reader->end, &foreign);
        memcpy(target, run, (size_t)(reader->at - run));
        target += reader->at - run;
    }
    *string = (gee_str_t){ .data = (const char *)bytes, .length = (size_t)(target - bytes) };
    return foreign && reader->repair ? repair(reader, string) : check_utf8(reader, bytes, string->length, foreign);
}

static int close_string(gee_json_reader_t *reader) {
    if (gee_json_peek(reader) != '"')
        return gee_json_expected(reader, "a string's character or closing quote");
    reader->at++;
    return 0;
}

int gee_json_read_string(gee_json_reader_t *reader, bool copy, gee_str_t *string) {
    bool foreign = false;
    if (gee_json_peek(reader) != '"')
        return gee_json_expected(reader, "a string");
    const uint8_t *first = ++reader->at;
    reader->at = gee_json_plain_end(first, reader->end, &foreign);
    if (gee_json_peek(reader) == '\\')
        return read_escaped(reader, first, foreign, string) < 0 ? -1 : close_string(reader);
    gee_str_t plain = { .data = (const char *)first, .length = (size_t)(reader->at - first) };
    if (close_string(reader) < 0 || check_utf8(reader, first, plain.length, foreign) < 0 ||
        (foreign && reader->repair && repair(reader, &plain) < 0))
        return -1;
    if (copy) {
        plain = gee_pool_str(reader->pool, plain);
        if (!plain.data)
            return gee_json_no_memory(reader);
    }
    *string = plain;
    return 0;
}

/* ---- objects and lists ---- */

int gee_json_enter(gee_json_reader_t *reader) {
    GEE_ASSERT(gee_json_peek(reader) == '{' || gee_json_peek(reader) == '[');
    if (reader->levels == 0)
        return gee_error_set(reader->error, GEE_RESOURCE_EXHAUSTED,
                             "the JSON value nests deeper than limits.nesting allows");
    reader->levels--;
    reader->at++;
    return 0;
}

int gee_json_next(gee_json_reader_t *reader, bool first, char close) {
    gee_json_space(reader);
    uint8_t c = gee_json_peek(reader);
    if (c == (uint8_t)close)
        return gee_json_leave(reader);
    if (first)
        return 1;
    if (c != ',')
        return gee_json_expected(reader, close == ']' ? "',' or ']'" : "',' or '}'");
    reader->at++;
    gee_json_space(reader);
    if (gee_json_peek(reader) == (uint8_t)close)
        return gee_json_expected(reader, close == ']' ? "a value" : "a key");
    return 1;
}

int gee_json_read_colon(gee_json_reader_t *reader) {
    gee_json_space(reader);
    if (gee_json_peek(reader) != ':')
        return gee_json_expected(reader, "':'");
    reader->at++;
    gee_json_space(reader);
    return 0;
}

int gee_json_read_key(gee_json_reader_t *reader, bool copy, gee_str_t *key) {
    if (gee_json_peek(reader) != '"')
        return gee_json_expected(reader, "a key");
    return gee_json_read_string(reader, copy, key) < 0 ? -1 : gee_json_read_colon(reader);
}

/* Precondition: the reader is behind the opening quote. Nothing is kept: each escape is written over the one before. */
static int skip_string(gee_json_reader_t *reader) {
    GEE_ASSERT(reader->at[-1] == '"');
    uint8_t scratch[4];
    for (;;) {
        bool foreign = false;
        const uint8_t *run = reader->at;
        reader->at = gee_json_plain_end(run, reader->end, &foreign);
        if (check_utf8(reader, run, (size_t)(reader->at - run), foreign) < 0)
            return -1;
        if (gee_json_peek(reader) != '\\')
            return close_string(reader);
        reader->at++;
        if (!read_escape(reader, scratch))
            return -1;
    }
}

static int skip_list(gee_json_reader_t *reader) {
    int more;
    if (gee_json_enter(reader) < 0)
        return -1;
    for (bool first = true; (more = gee_json_next(reader, first, ']')) > 0; first = false) {
        if (gee_json_skip(reader) < 0)
            return -1;
    }
    return more;
}

static int skip_object(gee_json_reader_t *reader) {
    int more;
    if (gee_json_enter(reader) < 0)
        return -1;
    for (bool first = true; (more = gee_json_next(reader, first, '}')) > 0; first = false) {
        if (gee_json_peek(reader) != '"')
            return gee_json_expected(reader, "a key");
        reader->at++;
        if (skip_string(reader) < 0 || gee_json_read_colon(reader) < 0 || gee_json_skip(reader) < 0)
            return -1;
    }
    return more;
}

int gee_json_skip(gee_json_reader_t *reader) {
    gee_json_number_t number;
    switch (gee_json_peek(reader)) {
    case '"':
        reader->at++;
        return skip_string(reader);
    case '{':
        return skip_object(reader);
    case '[':
        return skip_list(reader);
    case 't':
        return gee_json_read_literal(reader, "true");
    case 'f':
        return gee_json_read_literal(reader, "false");
    case 'n':
        return gee_json_read_literal(reader, "null");
    case '-':
    case '0' ... '9':
        return gee_json_read_number(reader, &number);
    default:
        return gee_json_expected(reader, "a value");
    }
}

/* ---- what types ask of a value ---- */

int gee_json_no_enum_value(gee_json_reader_t *reader, const gee_type_t *type, gee_str_t name) {
    return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "%s has no value \"%.*s\"", gee_type_label(type),
                         (int)(name.length < SHOWN ? name.length : SHOWN), name.data);
}

int gee_json_check_count(gee_json_reader_t *reader, const gee_type_t *list, size_t count) {
    if (count == list->length)
        return 0;
    return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "%zu items where %u are expected", count, list->length);
}

int gee_json_read_key_as(gee_json_reader_t *reader, const gee_type_t *type, gee_str_t *text, void *key) {
    if (gee_json_read_key(reader, reader->copy && type->kind == GEE_KIND_STRING, text) < 0)
        return -1;
    if (gee_key_from_text(type, *text, key))
        return 0;
    gee_path_key(&reader->path, *text);
    return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "the key is not of type %s", gee_type_label(type));
}

int gee_json_check_value(const uint8_t *bytes, size_t length, const gee_codec_limits_t *limits, gee_error_t *error) {
    gee_json_reader_t reader;
    gee_json_reader_init(&reader, bytes, length, limits, NULL, error);
    return gee_json_reader_finish(&reader, gee_json_skip(&reader));
}

int gee_json_grow(gee_json_reader_t *reader, void **items, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity)
        return 0;
    size_t wanted = count < 4 ? 8 : count * 2, bytes;
    size_t most = count + (size_t)(reader->end - reader->at) / 2 + 1; /* an item takes at least a byte and a comma */
    if (wanted > most)
        wanted = most;
    if (__builtin_mul_overflow(wanted, size, &bytes))
        return gee_json_no_memory(reader);
    void *larger = gee_pool_alloc(reader->pool, bytes);
    if (!larger)
        return gee_json_no_memory(reader);
    if (count > 0)
        memcpy(larger, *items, count * size);
    *items = larger;
    *capacity = wanted;
    return 0;
}
