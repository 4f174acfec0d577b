/* short_bytes.h: copying, comparing and looking at a few bytes, names mostly, without calling a function: what memcpy and memcmp
 * take to be called and to choose their way is three times as much. */
#ifndef GEE_BASE_SHORT_BYTES_H
#define GEE_BASE_SHORT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/str.h"

#define GEE_SHORT_BYTES 32 /* longer ones go to the C library */

/* The last step overlaps the one before, so that no byte is taken alone. The areas must not overlap. */
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

static inline uint64_t gee_load_word(const char *at) {
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

static inline bool gee_equal_short(const void *a, const void *b, size_t length) {
    const char *left = a, *right = b;
    if (length > GEE_SHORT_BYTES || length < 8)
        return memcmp(left, right, length) == 0;
    uint64_t differences = gee_load_word(left + length - 8) ^ gee_load_word(right + length - 8);
    for (size_t at = 0; at + 8 < length; at += 8)
        differences |= gee_load_word(left + at) ^ gee_load_word(right + at);
    return differences == 0;
}

/* Names mostly have 8 to 16 bytes. */
static inline bool gee_is_short_ascii(const void *bytes, size_t length) {
    const char *at = bytes;
    if (length - 8 > 8)
        return gee_is_ascii(bytes, length);
    return ((gee_load_word(at) | gee_load_word(at + length - 8)) & 0x8080808080808080u) == 0;
}

#endif
