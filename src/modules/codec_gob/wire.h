/* wire.h: gob's numbers.
 *
 *   unsigned  below 128: one byte      else: a byte with the count of bytes, negated; then those, the high ones first
 *   signed    bits 1 and up the value; bit 0: they are complemented
 *   float     the bits of a double, bytes in reverse, as an unsigned number */
#ifndef GEE_CODEC_GOB_WIRE_H
#define GEE_CODEC_GOB_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef struct gee_gob_input {
    const uint8_t *at, *end;
} gee_gob_input_t;

#define GEE_GOB_UINT_LONGEST 9

static inline size_t gee_gob_left(const gee_gob_input_t *input) {
    return (size_t)(input->end - input->at);
}

/* Bytes of the number that begins with that one; 0: none does. */
static inline unsigned gee_gob_uint_length(uint8_t first) {
    return first < 0x80 ? 1 : first < 0xf8 ? 0 : 257u - first;
}

/* False: cut off, or more than 64 bits. Leading zero bytes are let pass, as Go does. */
static inline bool gee_gob_read_uint(gee_gob_input_t *input, uint64_t *number) {
    if (input->at == input->end)
        return false;
    if (*input->at < 0x80) {
        *number = *input->at++;
        return true;
    }
    unsigned length = gee_gob_uint_length(*input->at);
    if (length == 0 || length > gee_gob_left(input))
        return false;
    uint64_t result = 0;
    for (unsigned i = 1; i < length; i++)
        result = result << 8 | input->at[i];
    input->at += length;
    *number = result;
    return true;
}

static inline int64_t gee_gob_to_int(uint64_t number) {
    return (int64_t)(number >> 1 ^ (0 - (number & 1)));
}
static inline uint64_t gee_gob_from_int(int64_t number) {
    return (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0);
}
static inline bool gee_gob_read_int(gee_gob_input_t *input, int64_t *number) {
    uint64_t bits;
    if (!gee_gob_read_uint(input, &bits))
        return false;
    *number = gee_gob_to_int(bits);
    return true;
}

static inline double gee_gob_to_double(uint64_t number) {
    uint64_t bits = __builtin_bswap64(number);
    double result;
    memcpy(&result, &bits, sizeof result);
    return result;
}
static inline uint64_t gee_gob_from_double(double number) {
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return __builtin_bswap64(bits);
}

#endif
