/* str.h: counted strings (views of bytes with another owner), and the small languages of durations and sizes.
 *
 * A gee_str_t is a view: pointer and length, never terminated, may hold zero bytes. Public: geerpc.h includes it. */
#ifndef GEE_BASE_STR_H
#define GEE_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gee_str {
    const char *data; /* may be null when length is 0 */
    size_t length;
} gee_str_t;

typedef struct gee_bytes {
    const uint8_t *data;
    size_t length;
} gee_bytes_t;

/* A view of a string literal. */
#ifdef __cplusplus
#define GEE_STR(literal) (gee_str_t{ "" literal, sizeof(literal) - 1 })
#else
#define GEE_STR(literal) ((gee_str_t){ .data = "" literal, .length = sizeof(literal) - 1 })
#endif
/* The two arguments of a "%.*s". A length past INT_MAX becomes INT_MAX: a negative length would mean "until a zero
 * byte". */
#define GEE_STR_ARGUMENTS(string)                                                                                      \
    (int)((string).length > 0x7fffffff ? 0x7fffffff : (string).length), ((string).data ? (string).data : "")

#pragma GCC visibility push(default) /* libgeerpc exports what follows */

gee_str_t gee_str(const char *terminated); /* null gives the empty string */
bool gee_str_equal(gee_str_t a, gee_str_t b);
bool gee_str_equal_ignoring_case(gee_str_t a, gee_str_t b); /* ASCII letters only */
bool gee_str_starts_with(gee_str_t string, gee_str_t prefix);
int gee_str_compare(gee_str_t a, gee_str_t b); /* as memcmp, the shorter first */
/* Offset of the last `c`, or -1. */
ptrdiff_t gee_str_find_last(gee_str_t string, char c);
ptrdiff_t gee_str_find(gee_str_t string, char c);
/* Without the spaces and tabs at both ends. */
gee_str_t gee_str_trim(gee_str_t string);
/* Cuts the text before the first `separator`, and the separator, off the front of *rest. Without a separator all of
 * *rest is cut off, and *rest is then empty, without data. */
gee_str_t gee_str_cut(gee_str_t *rest, char separator);

/* True when the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
bool gee_utf8_valid(const void *bytes, size_t length);
bool gee_is_ascii(const void *bytes, size_t length); /* quicker for short texts */
/* Bytes of the well-formed sequence (one code point) at the start: 1 to 4; 0 when there is none. */
size_t gee_utf8_sequence(const void *bytes, size_t length);
/* `length`, or up to 3 less, so that a text cut there does not end inside a sequence. */
size_t gee_utf8_cut(const void *bytes, size_t length);
/* Writes the text with U+FFFD for each byte that is in no sequence, as Go reads such a text. Returns the length, at
 * most three times `length`. `target` null: the length is counted only. gee_pool_utf8() makes room itself. */
size_t gee_utf8_repair(char *target, const void *bytes, size_t length);
/* The beginning of a peer's text, for quoting in a text of ours: at most 200 bytes, cut between characters. */
gee_str_t gee_str_quoted(gee_str_t text);
/* The two arguments of a "%.*s", of a terminated string. */
#define GEE_QUOTED(terminated) GEE_STR_ARGUMENTS(gee_str_quoted(gee_str(terminated)))
/* As vsnprintf, but a text that does not fit is cut between characters. Returns the length of the text written. */
size_t gee_str_vformat(char *target, size_t capacity, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
size_t gee_str_format(char *target, size_t capacity, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writes bytes as printable ASCII for a log line: backslash escapes for control bytes, ", backslash and bytes from
 * 0x7f on (\x7f). Always terminates; ends in "..." when `capacity` is too small. Returns `target`. */
char *gee_str_escape(char *target, size_t capacity, const void *bytes, size_t length);

/* "250ms", "10s", "1.5h", "1h30m", "0"; units ns us ms s m h d. Nanoseconds in *result, never negative. 0, or -1 when
 * the text is no duration (no unit, overflow, rubbish behind); *result is then left alone. */
int gee_parse_duration(gee_str_t text, int64_t *nanoseconds);
/* "64k", "4m", "1g", "512": powers of 1024, case ignored. 0 or -1 as above. */
int gee_parse_size(gee_str_t text, uint64_t *bytes);
/* A whole decimal number, sign allowed for the signed one. -1 on rubbish or overflow. */
int gee_parse_int64(gee_str_t text, int64_t *number);
int gee_parse_uint64(gee_str_t text, uint64_t *number);

#define GEE_DURATION_TEXT 32
/* As Go's time.Duration prints itself: "1s", "100ms", "1m30s", "1.5s", "2h0m0s", "0s". Returns `target`, which has room
 * for GEE_DURATION_TEXT bytes. GeeRPC's timeout error carries this form. */
char *gee_format_duration_go(char *target, int64_t nanoseconds);
/* For texts: whole milliseconds, as people set them, stay as they are; other times, mostly remainders, are rounded to
 * three digits. */
int64_t gee_round_duration(int64_t nanoseconds);
/* The shortest text that gee_parse_duration reads back to the same value: "250ms", "90s", "5m", "0". */
char *gee_format_duration(char *target, int64_t nanoseconds);
/* The same for sizes: "4m", "64k", "1000". */
char *gee_format_size(char *target, uint64_t bytes);

/* Edit distance (insert, delete, replace, swap of neighbours), for "did you mean". Strings over 63 bytes are far
 * apart. */
unsigned gee_str_distance(gee_str_t a, gee_str_t b);
/* The nearest of `count` candidates to `word`, or null when no candidate is near enough to be meant. */
const char *gee_str_nearest(gee_str_t word, const char *const *candidates, size_t count);

#pragma GCC visibility pop

#endif
