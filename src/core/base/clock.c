/* clock.c: reading the clocks, and the form of timestamps. */
#include "core/base/clock.h"

#include <time.h>

#include "core/base/defs.h"

static int64_t read_clock(clockid_t id) {
    struct timespec now;
    if (clock_gettime(id, &now) != 0) /* cannot happen with the two clocks used here */
        return 0;
    return (int64_t)now.tv_sec * GEE_SECOND + now.tv_nsec;
}

int64_t gee_clock_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t gee_clock_wall(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t gee_time_add(int64_t a, int64_t b) {
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

typedef struct date {
    unsigned year, month, day;
} date_t;

/* Proleptic Gregorian calendar. Years are counted from March, so that the leap day is the last of a year. 64-bit
 * nanoseconds reach from 1677 to 2262: nothing here is negative once the epoch is moved to the year 0. */
static date_t date_of(int64_t days_since_1970) {
    unsigned days = (unsigned)(days_since_1970 + 719468); /* since 0000-03-01 */
    unsigned era = days / 146097, in_era = days % 146097; /* 400 years each */
    unsigned year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * in_year + 2) / 153; /* 0 is March */
    date_t date = { .year = era * 400 + year, .month = month < 10 ? month + 3 : month - 9 };
    date.day = in_year - (153 * month + 2) / 5 + 1;
    date.year += date.month <= 2;
    return date;
}

static char *put_digits(char *at, unsigned number, unsigned width, char after) {
    for (unsigned i = width; i > 0; i--) {
        at[i - 1] = (char)('0' + number % 10);
        number /= 10;
    }
    at[width] = after;
    return at + width + 1;
}

/* Not gmtime_r(), which takes the lock of the time zone: a fork may leave that lock taken. */
char *gee_format_timestamp(char *target, int64_t wall_ns) {
    int64_t seconds = wall_ns / GEE_SECOND, rest = wall_ns % GEE_SECOND;
    if (rest < 0) {
        rest += GEE_SECOND;
        seconds--;
    }
    int64_t days = seconds / 86400, in_day = seconds % 86400;
    if (in_day < 0) {
        in_day += 86400;
        days--;
    }
    date_t date = date_of(days);
    unsigned second = (unsigned)in_day;
    char *at = put_digits(target, date.year, 4, '-');
    at = put_digits(at, date.month, 2, '-');
    at = put_digits(at, date.day, 2, 'T');
    at = put_digits(at, second / 3600, 2, ':');
    at = put_digits(at, second / 60 % 60, 2, ':');
    at = put_digits(at, second % 60, 2, '.');
    at = put_digits(at, (unsigned)(rest / GEE_MILLISECOND), 3, 'Z');
    *at = '\0';
    return target;
}
