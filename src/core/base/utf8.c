/* utf8.c: whether text is well-formed UTF-8 (RFC 3629, table 3-7 of the Unicode standard), where it may be cut, and
 * how it is repaired. */
#include <stdio.h>
#include <string.h>

#include "core/base/str.h"

static bool is_continuation(uint8_t byte) {
    return (byte & 0xc0) == 0x80;
}

/* The second byte tells overlong forms, surrogates and numbers past U+10FFFF from well-formed sequences. */
static bool second_byte_fits(uint8_t first, uint8_t second) {
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return is_continuation(second);
    }
}

/* The length that the first byte promises: 1 to 4 bytes; 0 when no sequence starts with that byte. */
static size_t promised_length(uint8_t first) {
    if (first < 0x80)
        return 1;
    if (first < 0xc2)
        return 0;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0)
        return 3;
    return first < 0xf5 ? 4 : 0;
}

size_t gee_utf8_sequence(const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    if (length == 0)
        return 0;
    size_t promised = promised_length(at[0]);
    if (promised <= 1)
        return promised;
    if (promised > length || !second_byte_fits(at[0], at[1]))
        return 0;
    for (size_t i = 2; i < promised; i++)
        if (!is_continuation(at[i]))
            return 0;
    return promised;
}

bool gee_utf8_valid(const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    while (length > 0) {
        if (*at < 0x80) {
            uint64_t word;
            while (length >= sizeof word && (memcpy(&word, at, sizeof word), (word & 0x8080808080808080U) == 0)) {
                at += sizeof word;
                length -= sizeof word;
            }
            while (length > 0 && *at < 0x80) {
                at++;
                length--;
            }
            continue;
        }
        size_t sequence = gee_utf8_sequence(at, length);
        if (sequence == 0)
            return false;
        at += sequence;
        length -= sequence;
    }
    return true;
}

size_t gee_utf8_cut(const void *bytes, size_t length) {
    const uint8_t *at = bytes;
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        uint8_t byte = at[length - back];
        if (is_continuation(byte))
            continue;
        return promised_length(byte) > back ? length - back : length;
    }
    return length;
}

size_t gee_utf8_repair(char *target, const void *bytes, size_t length) {
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    const char *from = bytes;
    size_t written = 0;
    for (size_t i = 0; i < length;) {
        size_t sequence = gee_utf8_sequence(from + i, length - i);
        const char *piece = sequence > 0 ? from + i : replacement;
        size_t size = sequence > 0 ? sequence : sizeof replacement - 1;
        if (target != NULL)
            memcpy(target + written, piece, size);
        written += size;
        i += sequence > 0 ? sequence : 1;
    }
    return written;
}

gee_str_t gee_str_quoted(gee_str_t text) {
    enum { QUOTED = 200 };
    if (text.length > QUOTED)
        text.length = gee_utf8_cut(text.data, QUOTED);
    return text;
}

size_t gee_str_vformat(char *target, size_t capacity, const char *format, va_list arguments) {
    int length = vsnprintf(target, capacity, format, arguments);
    if (length < 0)
        length = snprintf(target, capacity, "%s", "(a text that cannot be formatted)");
    if ((size_t)length < capacity)
        return (size_t)length;
    size_t cut = gee_utf8_cut(target, capacity - 1);
    target[cut] = '\0';
    return cut;
}

size_t gee_str_format(char *target, size_t capacity, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    size_t length = gee_str_vformat(target, capacity, format, arguments);
    va_end(arguments);
    return length;
}

bool gee_is_ascii(const void *text, size_t length) {
    const uint8_t *bytes = text;
    uint64_t word, high = 0;
    size_t at = 0;
    for (; at + sizeof(word) <= length; at += sizeof(word)) {
        memcpy(&word, bytes + at, sizeof(word));
        high |= word;
    }
    if (at < length && length >= sizeof(word)) { /* the rest, and once more the bytes before */
        memcpy(&word, bytes + length - sizeof(word), sizeof(word));
        high |= word;
        at = length;
    }
    for (; at < length; at++)
        high |= bytes[at];
    return (high & 0x8080808080808080u) == 0;
}
