/* number.c: decimal digits to floating point and back, rounded correctly whatever the process's locale.
 *
 * strtod() and printf() know the locale's decimal point. So strtod() gets digits and an exponent, never a point; and
 * from the output of printf("%e") only digits and exponent are used, and laid out here. */
#include "core/json/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/assert.h"

#define DIGITS_MAX   800    /* 767 digits decide any double; one more digit says "and something more" */
#define EXPONENT_MAX 100000 /* beyond this every number is zero or too big */

static void skip_zeros(const uint8_t **digits, size_t *count) {
    while (*count > 0 && **digits == '0') {
        (*digits)++;
        (*count)--;
    }
}

/* True when one of the digits is not zero. */
static bool any_digit(const uint8_t *digits, size_t count) {
    skip_zeros(&digits, &count);
    return count > 0;
}

/* Writes decimal digits and a power of ten as text without a point, which strtod() reads alike in every locale. */
static void normalize(char text[DIGITS_MAX + 32], const uint8_t *digits, size_t count, int64_t exponent) {
    size_t used = count < DIGITS_MAX ? count : DIGITS_MAX;
    memcpy(text, digits, used);
    int64_t power = exponent + (int64_t)(count - used);
    if (any_digit(digits + used, count - used)) {
        text[used++] = '1';
        power--;
    }
    if (power > EXPONENT_MAX)
        power = EXPONENT_MAX;
    if (power < -EXPONENT_MAX)
        power = -EXPONENT_MAX;
    snprintf(text + used, 16, "e%d", (int)power);
}

/* The differences between double and float. Values of floats are kept in doubles, too. */
typedef struct precision {
    size_t exact_digits;            /* so many digits are exact, whatever they are */
    int64_t exact_powers;           /* the powers of ten up to this one are exact */
    int fewest_digits, most_digits; /* of the shortest decimal of a normal number */
    double least_normal;
    bool single;
} precision_t;

static const precision_t double_precision = {
    .exact_digits = 15, .exact_powers = 22, .fewest_digits = 15, .most_digits = 17, .least_normal = DBL_MIN
};
static const precision_t float_precision = {
    .exact_digits = 7, .exact_powers = 10, .fewest_digits = 6, .most_digits = 9, .least_normal = FLT_MIN, .single = true
};

/* One operation on two exact numbers rounds once. An operation in double whose result becomes a float also rounds
 * correctly: the rounding to 53 bits, more than twice 24, never changes the second rounding. False on machines that
 * compute with more bits than they store. */
static bool is_exact(const precision_t *precision, size_t count, int64_t exponent) {
#if FLT_EVAL_METHOD == 0
    int64_t powers = precision->exact_powers;
#else
    int64_t powers = 0;
#endif
    return count <= precision->exact_digits && exponent >= -powers && exponent <= powers;
}

static double exact(const uint8_t *digits, size_t count, int64_t exponent) {
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value * 10 + (uint64_t)(digits[i] - '0');
    return exponent < 0 ? (double)value / powers[-exponent] : (double)value * powers[exponent];
}

/* False: too big. */
static bool to_binary(const precision_t *precision, const uint8_t *digits, size_t count, int64_t exponent,
                      double *number) {
    char text[DIGITS_MAX + 32];
    skip_zeros(&digits, &count);
    *number = 0;
    if (count == 0)
        return true;
    if (is_exact(precision, count, exponent)) {
        double value = exact(digits, count, exponent);
        *number = precision->single ? (double)(float)value : value;
        return true;
    }
    normalize(text, digits, count, exponent);
    *number = precision->single ? (double)strtof(text, NULL) : strtod(text, NULL);
    return !isinf(*number);
}

/* The digits of whole part and fraction in one run: in place when all digits before the fraction are zero, else joined
 * in `room`. When there are more digits than fit, the last digit says whether the rest is zero. */
static const uint8_t *join(const gee_json_number_t *number, uint8_t room[DIGITS_MAX + 1], size_t *count,
                           int64_t *exponent) {
    const uint8_t *whole = number->digits, *fraction = number->digits + number->whole + 1;
    size_t whole_count = number->whole, fraction_count = number->fraction;
    *exponent = number->exponent - (int64_t)fraction_count;
    skip_zeros(&whole, &whole_count);
    *count = whole_count;
    if (fraction_count == 0)
        return whole;
    *count = fraction_count;
    if (whole_count == 0)
        return fraction;
    size_t head = whole_count < DIGITS_MAX ? whole_count : DIGITS_MAX;
    size_t tail = fraction_count < DIGITS_MAX - head ? fraction_count : DIGITS_MAX - head;
    memcpy(room, whole, head);
    memcpy(room + head, fraction, tail);
    *count = head + tail;
    *exponent += (int64_t)(whole_count - head + fraction_count - tail);
    if (any_digit(whole + head, whole_count - head) || any_digit(fraction + tail, fraction_count - tail)) {
        room[(*count)++] = '1';
        (*exponent)--;
    }
    return room;
}

static bool read(const gee_json_number_t *number, const precision_t *precision, double *value) {
    uint8_t room[DIGITS_MAX + 1];
    size_t count;
    int64_t exponent;
    const uint8_t *digits = join(number, room, &count, &exponent);
    bool fits = to_binary(precision, digits, count, exponent, value);
    if (number->negative)
        *value = -*value;
    return fits;
}

bool gee_json_number_double(const gee_json_number_t *number, double *value) {
    return read(number, &double_precision, value);
}

bool gee_json_number_float(const gee_json_number_t *number, float *value) {
    double wide;
    bool fits = read(number, &float_precision, &wide);
    *value = (float)wide;
    return fits;
}

/* ---- integers in any form: 1e5, 1.0 ---- */

/* The digits without zeros at either end, and the power of ten that they are times. */
static const uint8_t *significant(const gee_json_number_t *number, uint8_t room[DIGITS_MAX + 1], size_t *count,
                                  int64_t *exponent) {
    const uint8_t *digits = join(number, room, count, exponent);
    skip_zeros(&digits, count);
    for (; *count > 0 && digits[*count - 1] == '0'; (*count)--)
        (*exponent)++;
    return digits;
}

bool gee_json_number_is_whole(const gee_json_number_t *number) {
    uint8_t room[DIGITS_MAX + 1];
    size_t count;
    int64_t exponent;
    significant(number, room, &count, &exponent);
    return count == 0 || exponent >= 0;
}

bool gee_json_number_whole(const gee_json_number_t *number, uint64_t *magnitude) {
    uint8_t room[DIGITS_MAX + 1];
    size_t count;
    int64_t exponent;
    const uint8_t *digits = significant(number, room, &count, &exponent);
    *magnitude = 0;
    if (count == 0)
        return true;
    if (exponent < 0 || exponent > 20 || count > 20)
        return false;
    for (size_t i = 0; i < count + (size_t)exponent; i++) {
        unsigned digit = i < count ? (unsigned)(digits[i] - '0') : 0;
        if (__builtin_mul_overflow(*magnitude, 10u, magnitude) || __builtin_add_overflow(*magnitude, digit, magnitude))
            return false;
    }
    return true;
}

/* ---- back ---- */

typedef struct decimal { /* d.ddd times ten to the exponent */
    uint8_t digits[24];
    size_t count;
    int exponent;
} decimal_t;

/* Takes `precision` rounded digits of a positive number, without zeros at the end. */
static void take_digits(decimal_t *decimal, double number, int precision) {
    char text[48];
    snprintf(text, sizeof(text), "%.*e", precision - 1, number);
    const char *at = text;
    decimal->count = 0;
    for (; *at && *at != 'e'; at++) { /* between the digits is the locale's point, of one byte or more */
        if (*at >= '0' && *at <= '9' && decimal->count < sizeof(decimal->digits))
            decimal->digits[decimal->count++] = (uint8_t)*at;
    }
    decimal->exponent = *at ? (int)strtol(at + 1, NULL, 10) : 0;
    while (decimal->count > 1 && decimal->digits[decimal->count - 1] == '0')
        decimal->count--;
}

static char *put_digits(char *at, const uint8_t *digits, size_t count) {
    memcpy(at, digits, count);
    return at + count;
}

static char *put_zeros(char *at, int count) {
    for (int i = 0; i < count; i++)
        *at++ = '0';
    return at;
}

/* Writes numbers from 0.000001 up to 21 digits without an exponent, others with an exponent, as Go and JavaScript
 * do. */
static size_t lay_out(char *target, const decimal_t *decimal, bool negative) {
    char *at = target;
    const uint8_t *digits = decimal->digits;
    int count = (int)decimal->count, exponent = decimal->exponent;
    if (negative)
        *at++ = '-';
    if (exponent < -6 || exponent >= 21) {
        *at++ = (char)digits[0];
        if (count > 1) {
            *at++ = '.';
            at = put_digits(at, digits + 1, decimal->count - 1);
        }
        at += snprintf(at, 8, "e%+d", exponent);
    } else if (exponent < 0) {
        *at++ = '0';
        *at++ = '.';
        at = put_zeros(at, -exponent - 1);
        at = put_digits(at, digits, decimal->count);
    } else if (count <= exponent + 1) {
        at = put_digits(at, digits, decimal->count);
        at = put_zeros(at, exponent + 1 - count);
    } else {
        at = put_digits(at, digits, (size_t)exponent + 1);
        *at++ = '.';
        at = put_digits(at, digits + exponent + 1, decimal->count - (size_t)exponent - 1);
    }
    return (size_t)(at - target);
}

static size_t format_zero(char *target, bool negative) {
    memcpy(target, "-0", 2);
    if (!negative)
        target[0] = '0';
    return negative ? 2 : 1;
}

static size_t format(char *target, double number, const precision_t *precision) {
    GEE_ASSERT(isfinite(number));
    bool negative = signbit(number);
    double positive = fabs(number), back = 0;
    decimal_t decimal;
    if (positive == 0)
        return format_zero(target, negative);
    int digits = positive < precision->least_normal ? 1 : precision->fewest_digits; /* subnormals have fewer */
    for (; digits <= precision->most_digits; digits++) {
        take_digits(&decimal, positive, digits);
        to_binary(precision, decimal.digits, decimal.count, decimal.exponent - (int64_t)decimal.count + 1, &back);
        if (back == positive)
            break;
    }
    return lay_out(target, &decimal, negative);
}

size_t gee_json_format_double(char *target, double number) {
    return format(target, number, &double_precision);
}

size_t gee_json_format_float(char *target, float number) {
    return format(target, (double)number, &float_precision);
}
