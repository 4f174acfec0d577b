/* key.c: keys of maps. */
#include "core/type/key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"

bool gee_key_is_allowed(const gee_type_t *key) {
    switch (key->kind) {
    case GEE_KIND_BOOL:
    case GEE_KIND_INT32:
    case GEE_KIND_INT64:
    case GEE_KIND_UINT32:
    case GEE_KIND_UINT64:
    case GEE_KIND_STRING:
        return true;
    default:
        return false;
    }
}

/* A number of any key's kind, so that signed numbers are in order as signed numbers. */
static int64_t signed_number(const gee_type_t *key, const void *value) {
    switch (key->kind) {
    case GEE_KIND_BOOL:
        return *(const bool *)value;
    case GEE_KIND_INT32:
        return *(const int32_t *)value;
    case GEE_KIND_UINT32:
        return *(const uint32_t *)value;
    default:
        return *(const int64_t *)value;
    }
}

int gee_key_compare(const gee_type_t *key, const void *a, const void *b) {
    if (key->kind == GEE_KIND_STRING)
        return gee_str_compare(*(const gee_str_t *)a, *(const gee_str_t *)b);
    if (key->kind == GEE_KIND_UINT64) {
        uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
        return left < right ? -1 : left > right;
    }
    int64_t left = signed_number(key, a), right = signed_number(key, b);
    return left < right ? -1 : left > right;
}

gee_bytes_t gee_key_bytes(const gee_type_t *key, const void *value) {
    return key->kind == GEE_KIND_STRING ? *(const gee_bytes_t *)value /* gee_str_t has the same shape */
                                        : (gee_bytes_t){ .data = value, .length = key->size };
}

gee_str_t gee_key_to_text(const gee_type_t *key, const void *value, char room[GEE_MAP_KEY_TEXT]) {
    GEE_ASSERT(gee_key_is_allowed(key));
    int length;
    if (key->kind == GEE_KIND_STRING)
        return *(const gee_str_t *)value;
    if (key->kind == GEE_KIND_BOOL)
        return gee_str(*(const bool *)value ? "true" : "false");
    if (key->kind == GEE_KIND_UINT64)
        length = snprintf(room, GEE_MAP_KEY_TEXT, "%" PRIu64, *(const uint64_t *)value);
    else
        length = snprintf(room, GEE_MAP_KEY_TEXT, "%" PRId64, signed_number(key, value));
    return (gee_str_t){ .data = room, .length = (size_t)length };
}

/* Decimal digits only, without a leading zero, up to `most`. */
static bool read_digits(gee_str_t digits, uint64_t most, uint64_t *number) {
    *number = 0;
    if (digits.length == 0 || (digits.data[0] == '0' && digits.length > 1))
        return false;
    for (size_t i = 0; i < digits.length; i++) {
        unsigned digit = (unsigned)(digits.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(*number, 10u, number) || __builtin_add_overflow(*number, digit, number))
            return false;
    }
    return *number <= most;
}

static bool read_signed(gee_str_t text, uint64_t most, int64_t *number) {
    uint64_t magnitude;
    bool negative = text.length > 0 && text.data[0] == '-';
    if (negative)
        text = (gee_str_t){ .data = text.data + 1, .length = text.length - 1 };
    if (!read_digits(text, most + negative, &magnitude))
        return false;
    *number = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

static bool read_bool(gee_str_t text, bool *value) {
    *value = gee_str_equal(text, GEE_STR("true"));
    return *value || gee_str_equal(text, GEE_STR("false"));
}

bool gee_key_from_text(const gee_type_t *key, gee_str_t text, void *value) {
    GEE_ASSERT(gee_key_is_allowed(key));
    int64_t number = 0;
    uint64_t natural = 0;
    bool taken;
    switch (key->kind) {
    case GEE_KIND_STRING:
        *(gee_str_t *)value = text;
        return true;
    case GEE_KIND_BOOL:
        return read_bool(text, value);
    case GEE_KIND_INT32:
        taken = read_signed(text, INT32_MAX, &number);
        *(int32_t *)value = (int32_t)number;
        return taken;
    case GEE_KIND_UINT32:
        taken = read_digits(text, UINT32_MAX, &natural);
        *(uint32_t *)value = (uint32_t)natural;
        return taken;
    case GEE_KIND_INT64:
        return read_signed(text, INT64_MAX, value);
    default:
        return read_digits(text, UINT64_MAX, value);
    }
}
