/* short_bytes.h: copying, comparing and looking at a few bytes, names mostly, without calling a function: calls of
 * memcpy and memcmp, which first choose their way, take three times as many instructions. */
#ifndef GEE_BASE_SHORT_BYTES_H
#define GEE_BASE_SHORT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/str.h"

#define GEE_SHORT_BYTES 32 /* more bytes go to the C library */

/* The last step overlaps the step before, so that no byte is taken alone. Precondition: the areas do not overlap. */
static inline void gee_copy_short(void *target, const void *source, size_t length) {
    char *to = target;
    const char *from = source;
    if (length > GEE_SHORT_BYTES) {
        memcpy(to, from, length);
    } else if (length >= 16) {
        char first[16], last[16];
        memcpy(first, from, 16);
        memcpy(last, from + length - 16, 16);
        memcpy(to, first, 16);
        memcpy(to + length - 16, last, 16);
    } else if (length >= 8) {
        uint64_t first, last;
        memcpy(&first, from, 8);
        memcpy(&last, from + length - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + length - 8, &last, 8);
    } else if (length >= 4) {
        uint32_t first, last;
        memcpy(&first, from, 4);
        memcpy(&last, from + length - 4, 4);
        memcpy(to, &first, 4);
        memcpy(to + length - 4, &last, 4);
    } else {
        for (size_t i = 0; i < length; i++)
            to[i] = from[i];
    }
}

static inline uint64_t gee_load_8(const void *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

static inline uint32_t gee_load_4(const void *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

static inline uint16_t gee_load_2(const void *bytes) {
    uint16_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

/* 8, 4 or 2 bytes at a time; the last step overlaps the step before. */
static inline bool gee_equal_short(const void *a, const void *b, size_t length) {
    const char *left = a, *right = b;
    if (length > GEE_SHORT_BYTES)
        return memcmp(left, right, length) == 0;
    if (length >= 8) {
        for (size_t at = 0; at < length - 8; at += 8)
            if (gee_load_8(left + at) != gee_load_8(right + at))
                return false;
        return gee_load_8(left + length - 8) == gee_load_8(right + length - 8);
    }
    if (length >= 4)
        return gee_load_4(left) == gee_load_4(right) && gee_load_4(left + length - 4) == gee_load_4(right + length - 4);
    if (length >= 2)
        return gee_load_2(left) == gee_load_2(right) && gee_load_2(left + length - 2) == gee_load_2(right + length - 2);
    return length == 0 || *left == *right;
}

/* Names mostly have 8 to 16 bytes. */
static inline bool gee_is_short_ascii(const void *bytes, size_t length) {
    const char *at = bytes;
    if (length - 8 > 8)
        return gee_is_ascii(bytes, length);
    return ((gee_load_8(at) | gee_load_8(at + length - 8)) & 0x8080808080808080u) == 0;
}

#endif
