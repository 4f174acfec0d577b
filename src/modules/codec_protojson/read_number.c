/* read_number.c: numbers of ProtoJSON: as JSON has them, or in a string; integers in any form that has no fraction
 * (1.0, 1e5). */
#include <float.h>
#include <math.h>

#include "protojson.h"

#define SHOWN 40 /* bytes of a number in an error's text */

static int no_number(gee_json_reader_t *reader, gee_str_t text, const gee_type_t *type) {
    return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "\"%.*s\" where %s is expected",
                         (int)(text.length < SHOWN ? text.length : SHOWN), text.data, gee_type_label(type));
}

/* Reads the number that a string consists of. */
static int read_text(gee_json_reader_t *reader, gee_str_t text, const gee_type_t *type, gee_json_number_t *number) {
    const uint8_t *at = reader->at, *end = reader->end;
    reader->at = (const uint8_t *)text.data;
    reader->end = reader->at + text.length;
    bool taken = gee_json_read_number(reader, number) == 0 && reader->at == reader->end;
    reader->at = at;
    reader->end = end;
    return taken ? 0 : no_number(reader, text, type);
}

/* `text`: what the number is when it stands in a string; else null. */
static int read_number(gee_json_reader_t *reader, const gee_type_t *type, gee_json_number_t *number, gee_str_t *text) {
    uint8_t c = gee_json_peek(reader);
    *text = (gee_str_t){ .data = NULL, .length = 0 };
    if (c == '"')
        return gee_json_read_string(reader, false, text);
    return c == '-' || (c >= '0' && c <= '9') ? gee_json_read_number(reader, number)
                                              : gee_json_mismatch(reader, gee_type_label(type));
}

static bool store_integer(const gee_type_t *type, bool negative, uint64_t magnitude, void *value) {
    bool is_signed = type->kind == GEE_KIND_INT64 || type->kind == GEE_KIND_INT32 || type->kind == GEE_KIND_ENUM;
    bool wide = type->size == sizeof(uint64_t);
    uint64_t most = is_signed ? (wide ? INT64_MAX : INT32_MAX) : (wide ? UINT64_MAX : UINT32_MAX);
    if (is_signed ? magnitude > most + negative : magnitude > most || (negative && magnitude > 0))
        return false;
    uint64_t bits = negative ? 0 - magnitude : magnitude;
    if (wide)
        *(uint64_t *)value = bits;
    else
        *(uint32_t *)value = (uint32_t)bits;
    return true;
}

int gee_protojson_read_integer(gee_json_reader_t *reader, const gee_type_t *type, void *value) {
    gee_json_number_t number;
    gee_str_t text;
    uint64_t magnitude;
    if (read_number(reader, type, &number, &text) < 0 ||
        (text.data != NULL && read_text(reader, text, type, &number) < 0))
        return -1;
    if (!gee_json_number_is_whole(&number))
        return gee_error_set(reader->error, GEE_INVALID_ARGUMENT, "%.*s where %s is expected",
                             (int)(number.text.length < SHOWN ? number.text.length : SHOWN), number.text.data,
                             gee_type_label(type));
    return gee_json_number_whole(&number, &magnitude) && store_integer(type, number.negative, magnitude, value)
               ? 0
               : gee_json_does_not_fit(reader, number.text, gee_type_label(type));
}

/* The numbers that JSON has no form for. */
static bool read_word(gee_str_t text, double *value) {
    bool negative = gee_str_equal(text, GEE_STR("-Infinity"));
    bool infinite = negative || gee_str_equal(text, GEE_STR("Infinity"));
    *value = infinite ? (negative ? -INFINITY : INFINITY) : NAN;
    return infinite || gee_str_equal(text, GEE_STR("NaN"));
}

int gee_protojson_read_floating(gee_json_reader_t *reader, const gee_type_t *type, void *value) {
    gee_json_number_t number;
    gee_str_t text;
    double word;
    if (read_number(reader, type, &number, &text) < 0)
        return -1;
    if (text.data != NULL && read_word(text, &word)) {
        if (type->kind == GEE_KIND_DOUBLE)
            *(double *)value = word;
        else
            *(float *)value = (float)word;
        return 0;
    }
    if (text.data != NULL && read_text(reader, text, type, &number) < 0)
        return -1;
    bool fits =
        type->kind == GEE_KIND_DOUBLE ? gee_json_number_double(&number, value) : gee_json_number_float(&number, value);
    return fits ? 0 : gee_json_does_not_fit(reader, number.text, gee_type_label(type));
}
