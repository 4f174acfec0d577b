/* units.c: the small languages of numbers, sizes ("64k") and durations ("1h30m"), read and written. No locale. */
#include <string.h>

#include "core/base/defs.h"
#include "core/base/str.h"

typedef unsigned __int128 wide_t; /* a fraction of 18 digits times a day */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Takes the digits at the front. Returns their count; 0 without a digit, or when the number is too big. */
static size_t take_digits(gee_str_t *text, uint64_t *number) {
    uint64_t value = 0;
    size_t count = 0;
    for (; count < text->length && is_digit(text->data[count]); count++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text->data[count] - '0'), &value))
            return 0;
    *number = value;
    if (count > 0) { /* an empty text may be a null pointer, to which nothing may be added */
        text->data += count;
        text->length -= count;
    }
    return count;
}

int gee_parse_uint64(gee_str_t text, uint64_t *number) {
    uint64_t value;
    if (take_digits(&text, &value) == 0 || text.length > 0)
        return -1;
    *number = value;
    return 0;
}

int gee_parse_int64(gee_str_t text, int64_t *number) {
    bool negative = text.length > 0 && text.data[0] == '-';
    if (text.length > 0 && (negative || text.data[0] == '+')) {
        text.data++;
        text.length--;
    }
    uint64_t value;
    if (gee_parse_uint64(text, &value) != 0 || value > (uint64_t)INT64_MAX + negative)
        return -1;
    *number = (int64_t)(negative ? 0 - value : value);
    return 0;
}

/* ---- sizes ---- */

int gee_parse_size(gee_str_t text, uint64_t *bytes) {
    uint64_t value;
    if (take_digits(&text, &value) == 0 || text.length > 1)
        return -1;
    if (text.length == 1) {
        static const char units[] = "kmg";
        const char *unit = memchr(units, text.data[0] | 0x20, sizeof units - 1);
        if (unit == NULL || __builtin_mul_overflow(value, (uint64_t)1 << (10 * (unit - units + 1)), &value))
            return -1;
    }
    *bytes = value;
    return 0;
}

static char *put_number(char *at, uint64_t number) {
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

char *gee_format_size(char *target, uint64_t bytes) {
    static const char units[] = "kmg";
    size_t unit = 0; /* 0: none, else units[unit - 1] */
    for (; unit < sizeof units - 1 && bytes > 0 && bytes % 1024 == 0; unit++)
        bytes /= 1024;
    char *at = put_number(target, bytes);
    if (unit > 0)
        *at++ = units[unit - 1];
    *at = '\0';
    return target;
}

/* ---- durations ---- */

static const struct duration_unit {
    char name[3];
    uint64_t ns;
} duration_units[] = {
    { "d", 86400ULL * 1000000000 },
    { "h", 3600ULL * 1000000000 },
    { "m", 60ULL * 1000000000 },
    { "s", 1000000000 },
    { "ms", 1000000 },
    { "us", 1000 },
    { "ns", 1 },
};

/* The longest name that the text starts with: "ms" before "m". */
static uint64_t take_unit(gee_str_t *text) {
    const struct duration_unit *found = NULL;
    for (size_t i = 0; i < GEE_LENGTH(duration_units); i++) {
        gee_str_t name = gee_str(duration_units[i].name);
        if (gee_str_starts_with(*text, name) && (found == NULL || name.length > strlen(found->name)))
            found = &duration_units[i];
    }
    if (found == NULL)
        return 0;
    text->data += strlen(found->name);
    text->length -= strlen(found->name);
    return found->ns;
}

/* A component such as "1.5h". A value that is no whole number of nanoseconds is refused: cut to 0 it could mean "no
 * limit". */
static int take_component(gee_str_t *text, uint64_t *nanoseconds) {
    uint64_t whole, fraction = 0, scale = 1;
    if (take_digits(text, &whole) == 0)
        return -1;
    if (text->length > 0 && text->data[0] == '.') {
        text->data++;
        text->length--;
        size_t digits = take_digits(text, &fraction);
        if (digits == 0 || digits > 18)
            return -1;
        while (digits-- > 0)
            scale *= 10;
    }
    uint64_t unit = take_unit(text);
    wide_t part = (wide_t)fraction * unit;
    if (unit == 0 || part % scale != 0)
        return -1;
    if (__builtin_mul_overflow(whole, unit, nanoseconds) ||
        __builtin_add_overflow(*nanoseconds, (uint64_t)(part / scale), nanoseconds))
        return -1;
    return 0;
}

int gee_parse_duration(gee_str_t text, int64_t *nanoseconds) {
    uint64_t total = 0;
    if (gee_str_equal(text, GEE_STR("0"))) {
        *nanoseconds = 0;
        return 0;
    }
    if (text.length == 0)
        return -1;
    while (text.length > 0) {
        uint64_t component;
        if (take_component(&text, &component) != 0 || __builtin_add_overflow(total, component, &total) ||
            total > INT64_MAX)
            return -1;
    }
    *nanoseconds = (int64_t)total;
    return 0;
}

/* "12.034": `number` with a point before its last `places` digits, zeros at the end left out. */
static char *put_decimal(char *at, uint64_t number, unsigned places) {
    uint64_t scale = 1;
    for (unsigned i = 0; i < places; i++)
        scale *= 10;
    at = put_number(at, number / scale);
    uint64_t fraction = number % scale;
    if (fraction == 0)
        return at;
    *at++ = '.';
    while (fraction > 0) {
        scale /= 10;
        *at++ = (char)('0' + fraction / scale);
        fraction %= scale;
    }
    return at;
}

static char *put_text(char *at, const char *text) {
    size_t length = strlen(text);
    memcpy(at, text, length + 1);
    return at + length;
}

char *gee_format_duration_go(char *target, int64_t nanoseconds) {
    char *at = target;
    uint64_t value = (uint64_t)nanoseconds;
    if (nanoseconds < 0) {
        *at++ = '-';
        value = 0 - value;
    }
    if (value > 0 && value < 1000) {
        put_text(put_number(at, value), "ns");
    } else if (value > 0 && value < 1000000) {
        put_text(put_decimal(at, value, 3), "\xc2\xb5s");
    } else if (value > 0 && value < 1000000000) {
        put_text(put_decimal(at, value, 6), "ms");
    } else {
        const uint64_t minute = 60ULL * 1000000000;
        uint64_t minutes = value / minute;
        if (minutes >= 60)
            at = put_text(put_number(at, minutes / 60), "h");
        if (minutes > 0)
            at = put_text(put_number(at, minutes % 60), "m");
        put_text(put_decimal(at, value % minute, 9), "s");
    }
    return target;
}

/* The value in one unit, when that is a finite decimal of at most 9 places; else an empty text. */
static char *put_in_unit(char *at, uint64_t value, const struct duration_unit *unit) {
    wide_t scaled = value;
    uint64_t places = 0;
    *at = '\0';
    while (scaled % unit->ns != 0) {
        if (++places > 9)
            return at;
        scaled *= 10;
    }
    if (scaled / unit->ns > UINT64_MAX)
        return at;
    return put_text(put_decimal(at, (uint64_t)(scaled / unit->ns), (unsigned)places), unit->name);
}

/* The shortest text among all units; among equally short texts one without a point, then the biggest unit. */
static char *put_shortest(char *at, uint64_t value) {
    char best[GEE_DURATION_TEXT] = "", candidate[GEE_DURATION_TEXT];
    for (int fractions = 0; fractions <= 1; fractions++)
        for (size_t i = 0; i < GEE_LENGTH(duration_units); i++) {
            if ((value % duration_units[i].ns != 0) != fractions)
                continue;
            put_in_unit(candidate, value, &duration_units[i]);
            if (candidate[0] != '\0' && (best[0] == '\0' || strlen(candidate) < strlen(best)))
                put_text(best, candidate);
        }
    return put_text(at, best);
}

int64_t gee_round_duration(int64_t nanoseconds) {
    int64_t scale = 1;
    if (nanoseconds % GEE_MILLISECOND == 0)
        return nanoseconds;
    while (nanoseconds / scale >= 1000)
        scale *= 10;
    return (nanoseconds / scale + (nanoseconds % scale >= (scale + 1) / 2 && scale > 1)) * scale;
}

char *gee_format_duration(char *target, int64_t nanoseconds) {
    if (nanoseconds <= 0) {
        put_text(target, "0");
        return target;
    }
    put_shortest(target, (uint64_t)nanoseconds);

    char compound[2 * GEE_DURATION_TEXT], *at = compound; /* "1h1s" is shorter than "3601s" */
    uint64_t rest = (uint64_t)nanoseconds;
    for (size_t i = 0; i < 3; i++) {
        const struct duration_unit *unit = &duration_units[i];
        if (rest >= unit->ns)
            at = put_text(put_number(at, rest / unit->ns), unit->name);
        rest %= unit->ns;
    }
    if (rest > 0)
        at = put_shortest(at, rest);
    if ((size_t)(at - compound) < strlen(target))
        put_text(target, compound);
    return target;
}
