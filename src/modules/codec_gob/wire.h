/* wire.h: gob's numbers.
 *
 *   unsigned  below 128: one byte      else: a byte with the count of bytes, negated; then the bytes, high ones first
 *   signed    bits 1 and up: the value; bit 0: the value is complemented
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

/* The count of bytes of a number with this first byte; 0: no number begins so. */
static inline unsigned gee_gob_uint_length(uint8_t first) {
    return first < 0x80 ? 1 : first < 0xf8 ? 0 : 257u - first;
}

/* Reads a number of any length. Precondition: there is a first byte. The input is passed by value, so that an input
 * that is read in a loop can stay in registers. */
typedef struct gee_gob_number {
    const uint8_t *behind; /* null: there is no number */
    uint64_t value;
} gee_gob_number_t;
gee_gob_number_t gee_gob_long_number(const uint8_t *at, const uint8_t *end);

/* False: cut off, or more than 64 bits. Leading zero bytes are accepted, as in Go. */
static inline bool gee_gob_read_uint(gee_gob_input_t *input, uint64_t *number) {
    if (input->at == input->end)
        return false;
    if (*input->at < 0x80) {
        *number = *input->at++;
        return true;
    }
    if (*input->at == 0xff && gee_gob_left(input) > 1) { /* two bytes, as for most type ids */
        *number = input->at[1];
        input->at += 2;
        return true;
    }
    gee_gob_number_t found = gee_gob_long_number(input->at, input->end);
    if (found.behind == NULL)
        return false;
    input->at = found.behind;
    *number = found.value;
    return true;
}

/* Returns the place behind the number. Precondition: there is room for GEE_GOB_UINT_LONGEST bytes, all of which may be
 * written. */
static inline uint8_t *gee_gob_store_uint(uint8_t *target, uint64_t number) {
    if (number < 0x80) {
        *target = (uint8_t)number;
        return target + 1;
    }
    unsigned count = (71 - (unsigned)__builtin_clzll(number)) / 8;
    uint64_t word = __builtin_bswap64(number << (64 - 8 * count));
    *target = (uint8_t)(256 - count);
    memcpy(target + 1, &word, sizeof word);
    return target + 1 + count;
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
