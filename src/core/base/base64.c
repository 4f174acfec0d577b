/* base64.c: RFC 4648 section 4: bytes as text and back. */
#include "core/base/base64.h"

#include <stdbool.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t gee_base64_encode(char *target, const uint8_t *bytes, size_t length) {
    char *at = target;
    size_t i = 0;
    for (; length - i >= 3; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        *at++ = alphabet[group >> 18];
        *at++ = alphabet[group >> 12 & 63];
        *at++ = alphabet[group >> 6 & 63];
        *at++ = alphabet[group & 63];
    }
    if (i < length) {
        bool two = length - i == 2;
        uint32_t group = (uint32_t)bytes[i] << 16 | (two ? (uint32_t)bytes[i + 1] << 8 : 0);
        *at++ = alphabet[group >> 18];
        *at++ = alphabet[group >> 12 & 63];
        *at++ = two ? alphabet[group >> 6 & 63] : '=';
        *at++ = '=';
    }
    return (size_t)(at - target);
}

/* The value of a digit; -1 for any other byte. */
static int digit(uint8_t c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

ptrdiff_t gee_base64_decode(uint8_t *target, gee_str_t text) {
    uint8_t *at = target;
    uint32_t group = 0;
    unsigned digits = 0, padding = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t c = (uint8_t)text.data[i];
        if (c == '\n' || c == '\r')
            continue;
        int value = digit(c);
        if (c == '=' && digits >= 2 && digits + padding < 4) {
            padding++;
            continue;
        }
        if (value < 0 || padding > 0)
            return -1;
        group = group << 6 | (uint32_t)value;
        if (++digits < 4)
            continue;
        *at++ = (uint8_t)(group >> 16);
        *at++ = (uint8_t)(group >> 8);
        *at++ = (uint8_t)group;
        group = 0;
        digits = 0;
    }
    if (digits == 0 && padding == 0)
        return at - target;
    if (digits + padding != 4)
        return -1;
    if (digits == 3) {
        *at++ = (uint8_t)(group >> 10);
        *at++ = (uint8_t)(group >> 2);
    } else {
        *at++ = (uint8_t)(group >> 4);
    }
    return at - target;
}

static int digit_of_any(uint8_t c) {
    return c == '-' ? 62 : c == '_' ? 63 : digit(c);
}

ptrdiff_t gee_base64_decode_any(uint8_t *target, gee_str_t text) {
    uint8_t *at = target;
    uint32_t bits = 0;
    unsigned count = 0; /* of bits that are not written yet */
    size_t length = text.length;
    while (length > 0 && text.data[length - 1] == '=' && text.length - length < 2)
        length--;
    if (length % 4 == 1 || (length < text.length && text.length % 4 != 0))
        return -1;
    for (size_t i = 0; i < length; i++) {
        int value = digit_of_any((uint8_t)text.data[i]);
        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            *at++ = (uint8_t)(bits >> count);
        }
    }
    return at - target;
}
