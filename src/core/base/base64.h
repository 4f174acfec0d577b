/* base64.h: RFC 4648: bytes as text and back: the standard alphabet with padding, and all that readers take. */
#ifndef GEE_BASE_BASE64_H
#define GEE_BASE_BASE64_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

/* Bytes of text for `length` bytes (which is below SIZE_MAX / 2), and bytes at most out of `length` bytes of text. */
#define GEE_BASE64_ENCODED(length) (((length) + 2) / 3 * 4)
#define GEE_BASE64_DECODED(length) (((length) + 3) / 4 * 3)

/* Writes GEE_BASE64_ENCODED(length) bytes, not terminated; returns how many. */
size_t gee_base64_encode(char *target, const uint8_t *bytes, size_t length);
/* Skips line ends in the text, as Go's decoder does; padding is needed. Returns the number of bytes written, or -1 for
 * any other text. */
ptrdiff_t gee_base64_decode(uint8_t *target, gee_str_t text);
/* The standard alphabet or that for URLs (RFC 4648 section 5), padded or not; no line ends. */
ptrdiff_t gee_base64_decode_any(uint8_t *target, gee_str_t text);

#endif
