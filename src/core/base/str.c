/* str.c: counted strings: comparing, searching, escaping for a log line, "did you mean". */
#include "core/base/str.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

gee_str_t gee_str(const char *terminated) {
    return (gee_str_t){ .data = terminated, .length = terminated ? strlen(terminated) : 0 };
}

/* Not tolower(), which depends on the locale. */
static unsigned char lower(char c) {
    unsigned char byte = (unsigned char)c;
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

bool gee_str_equal(gee_str_t a, gee_str_t b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

bool gee_str_equal_ignoring_case(gee_str_t a, gee_str_t b) {
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool gee_str_starts_with(gee_str_t string, gee_str_t prefix) {
    return prefix.length <= string.length &&
           (prefix.length == 0 || memcmp(string.data, prefix.data, prefix.length) == 0);
}

int gee_str_compare(gee_str_t a, gee_str_t b) {
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order;
    return (a.length > b.length) - (a.length < b.length);
}

ptrdiff_t gee_str_find(gee_str_t string, char c) {
    const char *found = string.length > 0 ? memchr(string.data, c, string.length) : NULL;
    return found ? found - string.data : -1;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

gee_str_t gee_str_trim(gee_str_t string) {
    while (string.length > 0 && is_blank(string.data[0])) {
        string.data++;
        string.length--;
    }
    while (string.length > 0 && is_blank(string.data[string.length - 1]))
        string.length--;
    return string;
}

gee_str_t gee_str_cut(gee_str_t *rest, char separator) {
    ptrdiff_t at = gee_str_find(*rest, separator);
    gee_str_t piece = *rest;
    if (at < 0) {
        *rest = (gee_str_t){ 0 };
    } else {
        piece.length = (size_t)at;
        *rest = (gee_str_t){ .data = rest->data + at + 1, .length = rest->length - (size_t)at - 1 };
    }
    return piece;
}

ptrdiff_t gee_str_find_last(gee_str_t string, char c) {
    const char *found = string.length > 0 ? memrchr(string.data, c, string.length) : NULL;
    return found ? found - string.data : -1;
}

/* ---- escaping ---- */

/* One byte as it is to be shown. Returns how many characters of `token` it takes: 1, 2 or 4. */
static size_t escape_byte(char token[4], uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    char letter = '\0';
    switch (byte) {
    case '\n':
        letter = 'n';
        break;
    case '\r':
        letter = 'r';
        break;
    case '\t':
        letter = 't';
        break;
    case '"':
    case '\\':
        letter = (char)byte;
        break;
    default:
        break;
    }
    if (letter != '\0') {
        token[0] = '\\';
        token[1] = letter;
        return 2;
    }
    if (byte >= 0x20 && byte < 0x7f) {
        token[0] = (char)byte;
        return 1;
    }
    token[0] = '\\';
    token[1] = 'x';
    token[2] = digits[byte >> 4];
    token[3] = digits[byte & 15];
    return 4;
}

char *gee_str_escape(char *target, size_t capacity, const void *bytes, size_t length) {
    if (capacity == 0)
        return target;
    const uint8_t *from = bytes;
    size_t used = 0, last_fit = 0; /* last_fit: up to here "..." has room */
    for (size_t i = 0; i < length; i++) {
        char token[4];
        size_t size = escape_byte(token, from[i]);
        if (used + 4 <= capacity)
            last_fit = used;
        if (used + size >= capacity) {
            size_t dots = capacity - 1 - last_fit < 3 ? capacity - 1 - last_fit : 3;
            memcpy(target + last_fit, "...", dots);
            used = last_fit + dots;
            break;
        }
        memcpy(target + used, token, size);
        used += size;
    }
    target[used] = '\0';
    return target;
}

/* ---- did you mean ---- */

enum { DISTANCE_LONGEST = 63 };

static unsigned smaller(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* Optimal string alignment: three rows of the usual table are enough, as a swap looks two rows back. */
unsigned gee_str_distance(gee_str_t a, gee_str_t b) {
    if (a.length > DISTANCE_LONGEST || b.length > DISTANCE_LONGEST)
        return UINT_MAX;
    unsigned rows[3][DISTANCE_LONGEST + 1];
    unsigned *above_above = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.length; j++)
        above[j] = (unsigned)j;
    for (size_t i = 1; i <= a.length; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b.length; j++) {
            unsigned replaced = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            row[j] = smaller(replaced, smaller(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1])
                row[j] = smaller(row[j], above_above[j - 2] + 1);
        }
        unsigned *free_row = above_above;
        above_above = above;
        above = row;
        row = free_row;
    }
    return above[b.length];
}

static gee_str_t lowered(char target[DISTANCE_LONGEST], gee_str_t string) {
    for (size_t i = 0; i < string.length; i++)
        target[i] = (char)lower(string.data[i]);
    return (gee_str_t){ .data = target, .length = string.length };
}

/* Near enough: at most a third of the longer word's letters wrong (one in a short word), and some letter in common. */
const char *gee_str_nearest(gee_str_t word, const char *const *candidates, size_t count) {
    char low_word[DISTANCE_LONGEST], low_candidate[DISTANCE_LONGEST];
    if (word.length == 0 || word.length > DISTANCE_LONGEST)
        return NULL;
    word = lowered(low_word, word);
    const char *nearest = NULL;
    unsigned nearest_distance = UINT_MAX;
    for (size_t i = 0; i < count; i++) {
        gee_str_t candidate = gee_str(candidates[i]);
        if (candidate.length == 0 || candidate.length > DISTANCE_LONGEST)
            continue;
        unsigned distance = gee_str_distance(word, lowered(low_candidate, candidate));
        size_t longer = word.length > candidate.length ? word.length : candidate.length;
        size_t allowed = longer < 6 ? 1 : longer / 3;
        if (distance <= allowed && distance < longer - 1 + (distance == 0) && distance < nearest_distance) {
            nearest = candidates[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}
