/* json.h: JSON's parts (RFC 8259), of which codecs are made.
 *
 *   scanner.c        where does a value end? (bytes in pieces, nothing kept but a few words)
 *   reader.c         one whole value: white space, strings, numbers, skipping   used by codecs, and by
 *     read_value.c     ... into a tree
 *   number.c         decimal digits <-> floating point, independent of the locale
 *   writer.c         strings, numbers, punctuation into a chain                 used by codecs, and by
 *     write_value.c    ... a tree */
#ifndef GEE_JSON_JSON_H
#define GEE_JSON_JSON_H

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/base/buf.h"
#include "core/base/defs.h"
#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/base/short_bytes.h"
#include "core/base/str.h"
#include "core/type/field_index.h"
#include "core/type/limits.h"
#include "core/type/measure.h"
#include "core/type/path.h"
#include "core/type/value.h"

/* Nesting is bounded even where the limit is 0 or huge: reading and writing recurse. */
#define GEE_JSON_NESTING_MAX 1000u

static inline unsigned gee_json_nesting(const gee_codec_limits_t *limits) {
    return limits->nesting == 0 || limits->nesting > GEE_JSON_NESTING_MAX ? GEE_JSON_NESTING_MAX : limits->nesting;
}

/* ---- eight bytes at a time ---- */
#define GEE_JSON_ONES 0x0101010101010101u
#define GEE_JSON_HIGH 0x8080808080808080u

/* Sets the high bit of each byte that is a quote, a backslash or a control character. Correct up to the first such
 * byte, which suffices: a borrow can only set bits behind it. */
static inline uint64_t gee_json_special(uint64_t word) {
    uint64_t quote = word ^ GEE_JSON_ONES * '"', backslash = word ^ GEE_JSON_ONES * '\\';
    return (((quote - GEE_JSON_ONES) & ~quote) | ((backslash - GEE_JSON_ONES) & ~backslash) |
            ((word - GEE_JSON_ONES * 0x20) & ~word)) &
           GEE_JSON_HIGH;
}

#ifdef __SSE2__
/* The same for sixteen bytes: exact, with one bit for each byte. */
static inline unsigned gee_json_special_of_16(__m128i block) {
    __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"')), backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
}
#endif

/* The first byte in a string that does not stand for itself, or `end`. Sets *foreign, unless `foreign` is null, when
 * one of the bytes before it is outside ASCII; else *foreign stays as it is. */
const uint8_t *gee_json_plain_end_of_few(const uint8_t *at, const uint8_t *end, bool *foreign);
static inline const uint8_t *gee_json_plain_end(const uint8_t *at, const uint8_t *end, bool *foreign) {
#ifdef __SSE2__
    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned special = gee_json_special_of_16(block),
                 passed = special ^ (special - 1); /* `passed`: all bytes, when none is special */
        if (foreign != NULL)
            *foreign |=
                ((unsigned)_mm_movemask_epi8(block) & passed) != 0; /* the byte that ends the run is never foreign */
        if (special)
            return at + __builtin_ctz(special);
    }
#endif
    return gee_json_plain_end_of_few(at, end, foreign);
}

/* ---- short texts, in place ---- */

/* True when these two blocks of eight bytes are ASCII characters that each stand for themselves in a string. */
static inline bool gee_json_clean_16(const uint8_t *first, const uint8_t *last) {
#ifdef __SSE2__
    __m128i block = _mm_unpacklo_epi64(_mm_loadl_epi64((const __m128i *)(const void *)first),
                                       _mm_loadl_epi64((const __m128i *)(const void *)last));
    return (gee_json_special_of_16(block) | (unsigned)_mm_movemask_epi8(block)) == 0;
#else
    uint64_t a = gee_load_8(first), b = gee_load_8(last);
    return ((gee_json_special(a) | gee_json_special(b) | a | b) & GEE_JSON_HIGH) == 0;
#endif
}

static inline bool gee_json_is_clean(gee_str_t text) {
    const uint8_t *data = (const uint8_t *)text.data;
    size_t length = text.length, at = 0;
    if (length >= 8) {
        for (; length - at > 16; at += 16)
            if (!gee_json_clean_16(data + at, data + at + 8))
                return false;
        return gee_json_clean_16(data + (length - at >= 8 ? at : length - 8), data + length - 8);
    }
    for (; at < length; at++)
        if (data[at] == '"' || data[at] == '\\' || data[at] < 0x20 || data[at] >= 0x80)
            return false;
    return true;
}

/* ---- scanner.c: as gee_codec_t has them; `state` is not looked at ---- */
size_t gee_json_padding(const uint8_t *bytes, size_t length);
gee_measured_t gee_json_skip_value(void *state, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                   size_t *passed, const gee_codec_limits_t *limits, gee_error_t *error);
gee_measured_t gee_json_measure(void *state, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                const gee_codec_limits_t *limits, gee_error_t *error);

/* ---- number.c ---- */

/* The parts of a number, as slices of the bytes. */
typedef struct gee_json_number {
    gee_str_t text;
    bool negative, integral; /* integral: the number has neither fraction nor exponent */
    const uint8_t *digits;   /* of the whole part, without sign */
    size_t whole, fraction;  /* counts of digits; one '.' stands between them */
    int64_t exponent;
} gee_json_number_t;

/* Rounds correctly; false: too big. */
bool gee_json_number_double(const gee_json_number_t *number, double *value);
bool gee_json_number_float(const gee_json_number_t *number, float *value);

/* Has the number no fraction, however it is written (1e5, 1.0)? Its magnitude; false: a fraction, or over 64 bits. */
bool gee_json_number_is_whole(const gee_json_number_t *number);
bool gee_json_number_whole(const gee_json_number_t *number, uint64_t *magnitude);

#define GEE_JSON_NUMBER_TEXT 32
/* Writes the shortest decimal that reads back as the same number, in Go's form. Returns the length; the text is not
 * terminated. Precondition: the number is finite. */
size_t gee_json_format_double(char *target, double number);
size_t gee_json_format_float(char *target, float number);

/* ---- reader.c ---- */
typedef struct gee_json_reader {
    const uint8_t *start, *at, *end;
    unsigned levels; /* of nesting that are left */
    bool copy;       /* strings must not point into the bytes */
    bool repair;     /* limits->repair */
    gee_pool_t *pool;
    gee_error_t *error;
    gee_path_t path; /* to the place of a failure */
    gee_field_index_t *indices;
} gee_json_reader_t;

void gee_json_reader_init(gee_json_reader_t *reader, const uint8_t *bytes, size_t length,
                          const gee_codec_limits_t *limits, gee_pool_t *pool, gee_error_t *error);
/* Checks that only white space follows the value. Puts the path into the error when `result` is -1. */
int gee_json_reader_finish(gee_json_reader_t *reader, int result);

/* Each fails the reader with a text and returns -1. */
int gee_json_no_memory(gee_json_reader_t *reader);
int gee_json_expected(gee_json_reader_t *reader, const char *what);
int gee_json_mismatch(gee_json_reader_t *reader, const char *label);
int gee_json_no_enum_value(gee_json_reader_t *reader, const gee_type_t *type, gee_str_t name);

static inline void gee_json_space(gee_json_reader_t *reader) {
    const uint8_t *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}
/* The next byte; at the end 0, with which nothing begins. */
static inline uint8_t gee_json_peek(const gee_json_reader_t *reader) {
    return reader->at < reader->end ? *reader->at : 0;
}

int gee_json_read_literal(gee_json_reader_t *reader, const char *word);
int gee_json_read_number(gee_json_reader_t *reader, gee_json_number_t *number);
/* The magnitude of an integral number, without the sign. False: more than 64 bits. */
bool gee_json_number_magnitude(const gee_json_number_t *number, uint64_t *magnitude);
int gee_json_not_integer(gee_json_reader_t *reader, gee_str_t number, const char *label);
int gee_json_does_not_fit(gee_json_reader_t *reader, gee_str_t number, const char *label);
/* Reads the string that begins here. A string with escapes is put into the pool, and with `copy` every string; other
 * strings point into the bytes. */
int gee_json_read_string(gee_json_reader_t *reader, bool copy, gee_str_t *string);
/* Precondition: the reader is at '{' or '['. The loop ends behind the closing bracket. Usage:
 *   if (enter() < 0) fail; for (first = true; (more = next(first, ']')) > 0; first = false) read one; */
int gee_json_enter(gee_json_reader_t *reader);
static inline int gee_json_leave(gee_json_reader_t *reader) {
    reader->at++;
    reader->levels++;
    return 0;
}
/* 1: the reader is at the first byte of a further item; 0: the list or object has ended, and is closed; -1:
 * malformed. */
int gee_json_next(gee_json_reader_t *reader, bool first, char close);
/* Reads a key and its colon; afterwards the reader is at the first byte of the value. */
int gee_json_read_key(gee_json_reader_t *reader, bool copy, gee_str_t *key);
int gee_json_read_colon(gee_json_reader_t *reader);
/* The same for a map with keys of `type`, which is what gee_key_is_allowed() allows. `text` is the key as it came. */
int gee_json_read_key_as(gee_json_reader_t *reader, const gee_type_t *type, gee_str_t *text, void *key);
/* Fails the reader when a list of a fixed length has another one. */
int gee_json_check_count(gee_json_reader_t *reader, const gee_type_t *list, size_t count);
/* Checks any value without keeping it. */
int gee_json_skip(gee_json_reader_t *reader);
/* Checks that the bytes are one value, with nothing but white space around. */
int gee_json_check_value(const uint8_t *bytes, size_t length, const gee_codec_limits_t *limits, gee_error_t *error);

/* Makes `items` larger by doubling, but never larger than the bytes that are left can fill. -1: out of memory. */
int gee_json_grow(gee_json_reader_t *reader, void **items, size_t count, size_t *capacity, size_t size);

/* ---- read_value.c; `state` is not looked at ---- */
int gee_json_decode_value(void *state, const uint8_t *bytes, size_t length, const gee_codec_limits_t *limits,
                          gee_pool_t *pool, gee_value_t *value, gee_error_t *error);

/* ---- writer.c ---- */
typedef struct gee_json_writer {
    gee_chain_t *out;
    uint8_t *start, *at, *end; /* of the reserved room; [start, at) is written and not yet committed */
    unsigned levels;
    gee_error_t *error;
    gee_path_t path;
} gee_json_writer_t;

void gee_json_writer_init(gee_json_writer_t *writer, gee_chain_t *out, gee_error_t *error);
/* Commits the written bytes; with `result` -1 puts the path into the error. */
int gee_json_writer_finish(gee_json_writer_t *writer, int result);
/* Makes room for `count` bytes at writer->at. Precondition: count is at most a few hundred. */
int gee_json_make_room(gee_json_writer_t *writer, size_t count);
static inline int gee_json_room(gee_json_writer_t *writer, size_t count) {
    return (size_t)(writer->end - writer->at) >= count ? 0 : gee_json_make_room(writer, count);
}
static inline int gee_json_put(gee_json_writer_t *writer, char c) {
    if (gee_json_room(writer, 1) < 0)
        return -1;
    *writer->at++ = (uint8_t)c;
    return 0;
}
int gee_json_put_text(gee_json_writer_t *writer, const char *text, size_t length); /* short */
#define GEE_JSON_DIGITS 20                                      /* upper bound of the digits of an unsigned number */
size_t gee_json_format_unsigned(char *target, uint64_t number); /* returns the count of digits */
int gee_json_put_unsigned(gee_json_writer_t *writer, uint64_t number);
int gee_json_put_signed(gee_json_writer_t *writer, int64_t number);
int gee_json_put_double(gee_json_writer_t *writer, double number);
int gee_json_put_float(gee_json_writer_t *writer, float number);
int gee_json_put_string(gee_json_writer_t *writer, gee_str_t string);
int gee_json_put_bytes(gee_json_writer_t *writer, gee_bytes_t bytes);
/* Writes '{' or '[' and takes one level; gee_json_close() gives the level back. */
int gee_json_open(gee_json_writer_t *writer, char bracket);
int gee_json_close(gee_json_writer_t *writer, char bracket);
/* Writes the comma (except before the first item), then the key and its colon. */
int gee_json_put_key(gee_json_writer_t *writer, bool first, gee_str_t key);

/* ---- write_value.c; `state` is not looked at ---- */
int gee_json_encode_value(void *state, const gee_value_t *value, gee_chain_t *out, gee_error_t *error);

#endif
