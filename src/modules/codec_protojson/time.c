/* time.c: google.protobuf.Timestamp as RFC 3339 has it, "1972-01-01T10:00:20.021Z", and Duration, "1.000340012s".
 *
 * Days are counted from 1970-01-01 in the Gregorian calendar, also before it was in use. */
#include <inttypes.h>
#include <stdio.h>

#include "protojson.h"

#define DAY              86400
#define FIRST_SECOND     INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define LAST_SECOND      INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define NANOS            1000000000
#define DURATION_SECONDS INT64_C(315576000000)

typedef struct date {
    int year, month, day;
} date_t;

/* Years are taken to begin in March, so that the day of a leap year is the last of its year. */
static int64_t days_of(date_t date) {
    int64_t year = date.year - (date.month <= 2), month = date.month > 2 ? date.month - 3 : date.month + 9;
    return year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date.day - 1 - 719468;
}

static int days_in(int year, int month) {
    static const int8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

static date_t date_of(int64_t days) {
    date_t date = { .year = (int)((days + 719468) * 400 / 146097), .month = 12 };
    while (days_of((date_t){ date.year, 1, 1 }) > days)
        date.year--;
    while (days_of((date_t){ date.year + 1, 1, 1 }) <= days)
        date.year++;
    while (days_of((date_t){ date.year, date.month, 1 }) > days)
        date.month--;
    date.day = (int)(days - days_of((date_t){ date.year, date.month, 1 })) + 1;
    return date;
}

/* Writes the fraction of a second with 0, 3, 6 or 9 digits. */
static size_t format_fraction(char *target, size_t room, int32_t nanos) {
    if (nanos == 0)
        return 0;
    if (nanos % 1000000 == 0)
        return (size_t)snprintf(target, room, ".%03d", (int)(nanos / 1000000));
    if (nanos % 1000 == 0)
        return (size_t)snprintf(target, room, ".%06d", (int)(nanos / 1000));
    return (size_t)snprintf(target, room, ".%09d", (int)nanos);
}

size_t gee_protojson_format_timestamp(char target[GEE_PROTOJSON_TIME_TEXT], int64_t seconds, int32_t nanos) {
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos >= NANOS)
        return 0;
    int second = (int)((seconds % DAY + DAY) % DAY);
    date_t date = date_of((seconds - second) / DAY);
    size_t length = (size_t)snprintf(target, GEE_PROTOJSON_TIME_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", date.year,
                                     date.month, date.day, second / 3600, second / 60 % 60, second % 60);
    length += format_fraction(target + length, GEE_PROTOJSON_TIME_TEXT - length, nanos);
    target[length] = 'Z';
    return length + 1;
}

static bool is_duration(int64_t seconds, int32_t nanos) {
    return seconds >= -DURATION_SECONDS && seconds <= DURATION_SECONDS && nanos > -NANOS && nanos < NANOS &&
           !(seconds > 0 && nanos < 0) && !(seconds < 0 && nanos > 0);
}

size_t gee_protojson_format_duration(char target[GEE_PROTOJSON_TIME_TEXT], int64_t seconds, int32_t nanos) {
    if (!is_duration(seconds, nanos))
        return 0;
    bool negative = seconds < 0 || nanos < 0;
    size_t length = (size_t)snprintf(target, GEE_PROTOJSON_TIME_TEXT, "%s%" PRId64, negative ? "-" : "",
                                     negative ? -seconds : seconds);
    length += format_fraction(target + length, GEE_PROTOJSON_TIME_TEXT - length, negative ? -nanos : nanos);
    target[length] = 's';
    return length + 1;
}

/* ---- back ---- */

static bool take(gee_str_t *text, char c) {
    if (text->length == 0 || *text->data != c)
        return false;
    text->data++;
    text->length--;
    return true;
}

/* From `least` to `most` digits, up to the first byte that is none. */
static bool take_digits(gee_str_t *text, size_t least, size_t most, int64_t *number) {
    size_t count = 0;
    *number = 0;
    for (; count < text->length && count < most && text->data[count] >= '0' && text->data[count] <= '9'; count++)
        *number = *number * 10 + (text->data[count] - '0');
    text->data += count;
    text->length -= count;
    return count >= least;
}

static bool take_two(gee_str_t *text, int64_t most, int64_t *number) {
    return take_digits(text, 2, 2, number) && *number <= most;
}

/* No fraction is zero. */
static bool take_fraction(gee_str_t *text, int64_t *nanos) {
    *nanos = 0;
    if (!take(text, '.'))
        return true;
    size_t before = text->length;
    if (!take_digits(text, 1, 9, nanos))
        return false;
    for (size_t digits = before - text->length; digits < 9; digits++)
        *nanos *= 10;
    return true;
}

static bool take_date(gee_str_t *text, int64_t *days) {
    int64_t year, month, day;
    if (!take_digits(text, 4, 4, &year) || !take(text, '-') || !take_two(text, 12, &month) || !take(text, '-') ||
        !take_two(text, 31, &day) || year == 0 || month == 0 || day == 0 || day > days_in((int)year, (int)month))
        return false;
    *days = days_of((date_t){ (int)year, (int)month, (int)day });
    return true;
}

static bool take_offset(gee_str_t *text, int64_t *offset) {
    int64_t hours, minutes;
    *offset = 0;
    if (take(text, 'Z'))
        return true;
    bool west = take(text, '-');
    if ((!west && !take(text, '+')) || !take_two(text, 23, &hours) || !take(text, ':') || !take_two(text, 59, &minutes))
        return false;
    *offset = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

bool gee_protojson_parse_timestamp(gee_str_t text, int64_t *seconds, int32_t *nanos) {
    int64_t days, hour, minute, second, fraction, offset;
    if (!take_date(&text, &days) || !take(&text, 'T') || !take_two(&text, 23, &hour) || !take(&text, ':') ||
        !take_two(&text, 59, &minute) || !take(&text, ':') || !take_two(&text, 59, &second) ||
        !take_fraction(&text, &fraction) || !take_offset(&text, &offset) || text.length > 0)
        return false;
    *seconds = days * DAY + hour * 3600 + minute * 60 + second - offset;
    *nanos = (int32_t)fraction;
    return *seconds >= FIRST_SECOND && *seconds <= LAST_SECOND;
}

bool gee_protojson_parse_duration(gee_str_t text, int64_t *seconds, int32_t *nanos) {
    int64_t whole, fraction;
    bool negative = take(&text, '-');
    if (!take_digits(&text, 1, 12, &whole) || !take_fraction(&text, &fraction) || !take(&text, 's') || text.length > 0)
        return false;
    *seconds = negative ? -whole : whole;
    *nanos = (int32_t)(negative ? -fraction : fraction);
    return is_duration(*seconds, *nanos);
}
