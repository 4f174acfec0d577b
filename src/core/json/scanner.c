/* scanner.c: finds the end of one JSON value in bytes that come in pieces.
 *
 *   START --"--> STRING --\--> ESCAPE      at the closing quote: done, or back to INSIDE
 *     | --{ [--> INSIDE                    at the closing bracket of the first: done
 *     | --t f n--> LITERAL                 at its last letter: done
 *     ' --0-9 --> NUMBER                   at the first byte behind the number: done
 *
 * The scanner keeps no bytes: a value that is refused is passed over in the same way, and the caller drops the scanned
 * bytes. The scanner looks at each byte once, and refuses at once a text that no further byte can make right: a value
 * with a wrong first byte, a byte that JSON has only within strings, a control character in a string, the wrong closing
 * bracket. The reader checks the order of commas, colons and values. */
#include "core/json/json.h"

#include <limits.h>

enum mode { START, INSIDE, STRING, ESCAPE, NUMBER, LITERAL };

/* How gee_measure_t.private_state is used: [0] mode, depth and literal; [1] to [3] one bit a level, set for '['.
 * Brackets on levels without a bit are counted but not matched. */
#define MATCHED_LEVELS 192u

typedef struct scan {
    enum mode mode;
    unsigned depth;
    unsigned word, letter; /* literal: its index, and the count of its letters so far */
} scan_t;

/* PART: a byte of punctuation or of a literal. Between brackets, bytes of the classes from PART on need no action. */
enum byte_class { BAD, QUOTE, OPEN, CLOSE, PART, SPACE, DIGIT };

static const uint8_t classes[256] = {
    ['\t'] = SPACE, ['\n'] = SPACE, ['\r'] = SPACE, [' '] = SPACE, ['"'] = QUOTE, ['{'] = OPEN,  ['['] = OPEN,
    ['}'] = CLOSE,  [']'] = CLOSE,  [','] = PART,   [':'] = PART,  ['-'] = DIGIT, ['+'] = DIGIT, ['.'] = DIGIT,
    ['0'] = DIGIT,  ['1'] = DIGIT,  ['2'] = DIGIT,  ['3'] = DIGIT, ['4'] = DIGIT, ['5'] = DIGIT, ['6'] = DIGIT,
    ['7'] = DIGIT,  ['8'] = DIGIT,  ['9'] = DIGIT,  ['e'] = DIGIT, ['E'] = DIGIT, ['t'] = PART,  ['r'] = PART,
    ['u'] = PART,   ['f'] = PART,   ['a'] = PART,   ['l'] = PART,  ['s'] = PART,  ['n'] = PART,
};

static const char *const words[] = { "true", "false", "null" };

size_t gee_json_padding(const uint8_t *bytes, size_t length) {
    size_t count = 0;
    while (count < length && classes[bytes[count]] == SPACE)
        count++;
    return count;
}

static void load(scan_t *scan, const gee_measure_t *progress) {
    uint64_t packed = progress->private_state[0];
    scan->mode = (enum mode)(packed & 0xff);
    scan->word = (unsigned)(packed >> 8 & 0xff);
    scan->letter = (unsigned)(packed >> 16 & 0xff);
    scan->depth = (unsigned)(packed >> 32);
}

static void save(const scan_t *scan, gee_measure_t *progress, size_t scanned) {
    progress->private_state[0] =
        (uint64_t)scan->mode | (uint64_t)scan->word << 8 | (uint64_t)scan->letter << 16 | (uint64_t)scan->depth << 32;
    progress->scanned = scanned;
}

static gee_measured_t refuse(gee_error_t *error, const uint8_t *at, const uint8_t *bytes, const char *why) {
    char shown[8];
    gee_error_set(error, GEE_INVALID_ARGUMENT, "not JSON: '%s' at byte %zu %s",
                  gee_str_escape(shown, sizeof(shown), at, 1), (size_t)(at - bytes), why);
    return GEE_MEASURE_ERROR;
}

static bool open_level(scan_t *scan, gee_measure_t *progress, uint8_t bracket, const gee_codec_limits_t *limits,
                       gee_error_t *error) {
    unsigned level = scan->depth;
    if (level >= limits->nesting) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the JSON value nests deeper than %u levels (limits.nesting)",
                      limits->nesting);
        return false;
    }
    scan->depth++;
    if (level < MATCHED_LEVELS) {
        uint64_t bit = (uint64_t)1 << level % 64;
        if (bracket == '[')
            progress->private_state[1 + level / 64] |= bit;
        else
            progress->private_state[1 + level / 64] &= ~bit;
    }
    return true;
}

/* Gives a level back; false when the closing bracket does not match the opening bracket. */
static bool close_level(scan_t *scan, const gee_measure_t *progress, uint8_t bracket) {
    unsigned level = --scan->depth;
    if (level >= MATCHED_LEVELS)
        return true;
    bool list = progress->private_state[1 + level / 64] >> level % 64 & 1;
    return list == (bracket == ']');
}

/* Reads the first byte of a value, behind white space. */
static gee_measured_t start(scan_t *scan, gee_measure_t *progress, const uint8_t **position, const uint8_t *bytes,
                            const gee_codec_limits_t *limits, gee_error_t *error) {
    const uint8_t *at = *position;
    uint8_t c = *at;
    switch (classes[c]) {
    case SPACE:
        break;
    case QUOTE:
        scan->mode = STRING;
        break;
    case OPEN:
        scan->mode = INSIDE;
        if (!open_level(scan, progress, c, limits, error))
            return GEE_MEASURE_REFUSED;
        break;
    default:
        if (c == '-' || (c >= '0' && c <= '9')) {
            scan->mode = NUMBER;
        } else if (c == 't' || c == 'f' || c == 'n') {
            scan->mode = LITERAL;
            scan->word = c == 't' ? 0 : c == 'f' ? 1 : 2;
            scan->letter = 1;
        } else {
            return refuse(error, at, bytes, "does not begin a value");
        }
    }
    *position = at + 1;
    return GEE_MEASURE_MORE;
}

/* Scans between the brackets of the outermost list or object. */
static gee_measured_t inside(scan_t *scan, gee_measure_t *progress, const uint8_t **position, const uint8_t *end,
                             const uint8_t *bytes, const gee_codec_limits_t *limits, gee_error_t *error) {
    const uint8_t *at = *position;
    for (;; at++) {
        while (at < end && classes[*at] >= PART)
            at++;
        if (at == end)
            break;
        switch (classes[*at]) {
        case QUOTE: /* a string that ends in this piece stays in this loop */
            at = gee_json_plain_end(at + 1, end, NULL);
            if (at < end && *at == '"')
                break;
            scan->mode = STRING;
            *position = at;
            return GEE_MEASURE_MORE;
        case OPEN:
            if (!open_level(scan, progress, *at, limits, error))
                return GEE_MEASURE_REFUSED;
            break;
        case CLOSE:
            if (!close_level(scan, progress, *at))
                return refuse(error, at, bytes, "closes what another bracket has opened");
            if (scan->depth == 0) {
                *position = at + 1;
                return GEE_MEASURE_DONE;
            }
            break;
        default:
            return refuse(error, at, bytes, "stands outside a string");
        }
    }
    *position = at;
    return GEE_MEASURE_MORE;
}

static gee_measured_t string(scan_t *scan, const uint8_t **position, const uint8_t *end, const uint8_t *bytes,
                             gee_error_t *error) {
    const uint8_t *at = gee_json_plain_end(*position, end, NULL);
    *position = at;
    if (at == end)
        return GEE_MEASURE_MORE;
    if (*at < 0x20)
        return refuse(error, at, bytes, "is a control character in a string");
    *position = at + 1;
    scan->mode = *at == '\\' ? ESCAPE : INSIDE;
    return *at == '"' && scan->depth == 0 ? GEE_MEASURE_DONE : GEE_MEASURE_MORE;
}

static gee_measured_t escape(scan_t *scan, const uint8_t **position, const uint8_t *bytes, gee_error_t *error) {
    const uint8_t *at = *position;
    if (*at == '\0' || !strchr("\"\\/bfnrtu", *at))
        return refuse(error, at, bytes, "follows a backslash");
    scan->mode = STRING;
    *position = at + 1;
    return GEE_MEASURE_MORE;
}

static gee_measured_t number(const uint8_t **position, const uint8_t *end) {
    const uint8_t *at = *position;
    while (at < end && classes[*at] == DIGIT)
        at++;
    *position = at;
    return at < end ? GEE_MEASURE_DONE : GEE_MEASURE_MORE;
}

static gee_measured_t literal(scan_t *scan, const uint8_t **position, const uint8_t *bytes, gee_error_t *error) {
    const uint8_t *at = *position;
    const char *word = words[scan->word];
    if (*at != (uint8_t)word[scan->letter])
        return refuse(error, at, bytes, "does not belong to true, false or null");
    scan->letter++;
    *position = at + 1;
    return word[scan->letter] == '\0' ? GEE_MEASURE_DONE : GEE_MEASURE_MORE;
}

static gee_measured_t too_long(const gee_codec_limits_t *limits, gee_error_t *error) {
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the JSON value is longer than %zu bytes (%s)", limits->message,
                  gee_message_limit_name(limits));
    return GEE_MEASURE_LONG;
}

/* Scans any value; `nesting` is a number of levels, never "no limit". */
static gee_measured_t measure_any(gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                  const gee_codec_limits_t *limits, gee_error_t *error) {
    /* One byte beyond the limit is looked at: only this byte ends a number of exactly that length. */
    size_t visible = limits->message > 0 && limits->message < length ? limits->message + 1 : length;
    const uint8_t *at = bytes + progress->scanned, *end = bytes + visible;
    gee_measured_t result = GEE_MEASURE_MORE;
    scan_t scan;
    load(&scan, progress);
    while (at < end && result == GEE_MEASURE_MORE) {
        switch (scan.mode) {
        case START:
            result = start(&scan, progress, &at, bytes, limits, error);
            break;
        case INSIDE:
            result = inside(&scan, progress, &at, end, bytes, limits, error);
            break;
        case STRING:
            result = string(&scan, &at, end, bytes, error);
            break;
        case ESCAPE:
            result = escape(&scan, &at, bytes, error);
            break;
        case NUMBER:
            result = number(&at, end);
            break;
        case LITERAL:
            result = literal(&scan, &at, bytes, error);
            break;
        }
    }
    if (result == GEE_MEASURE_ERROR || result == GEE_MEASURE_REFUSED)
        return result;
    size_t scanned = (size_t)(at - bytes);
    if (limits->message > 0 && scanned > limits->message)
        return too_long(limits, error);
    save(&scan, progress, scanned);
    if (result == GEE_MEASURE_DONE)
        progress->length = scanned;
    return result;
}

/* ---- nearly every value: a short list or object, complete, without escapes ---- */

#define SHORT 4096u /* bytes; in a longer value so many bytes are scanned twice */
#define FLAT  62u   /* levels */

/* The same scan in two thirds of the instructions, as there is no state to keep and no error to report. Null: another
 * form, incomplete, or malformed. */
static const uint8_t *short_end(const uint8_t *at, const uint8_t *end, unsigned nesting) {
    uint64_t levels = 1, deepest = (uint64_t)1 << nesting; /* one bit a level, set for '[', below the first bit */
    while (at < end) {
        uint8_t c = *at, class = classes[c];
        if (class >= PART) {
            at++;
        } else if (class == QUOTE) {
            at = gee_json_plain_end(at + 1, end, NULL);
            if (at == end || *at++ != '"')
                return NULL;
        } else if (class == OPEN) {
            if (levels >= deepest)
                return NULL;
            levels = levels << 1 | (c == '[');
            at++;
        } else if (class == CLOSE) {
            if ((levels & 1) != (c == ']'))
                return NULL;
            levels >>= 1;
            at++;
            if (levels == 1)
                return at;
        } else {
            return NULL;
        }
    }
    return NULL;
}

static bool measure_short(gee_measure_t *progress, const uint8_t *bytes, size_t length,
                          const gee_codec_limits_t *limits) {
    unsigned nesting = limits->nesting == 0 || limits->nesting > FLAT ? FLAT : limits->nesting;
    if (progress->scanned > 0 || length == 0 || classes[*bytes] != OPEN)
        return false;
    const uint8_t *end = short_end(bytes, bytes + (length < SHORT ? length : SHORT), nesting);
    if (end == NULL || (limits->message > 0 && (size_t)(end - bytes) > limits->message))
        return false;
    progress->scanned = progress->length = (size_t)(end - bytes);
    return true;
}

GEE_APART static gee_measured_t measure_long(gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                             const gee_codec_limits_t *limits, gee_error_t *error) {
    gee_codec_limits_t exact = *limits;
    exact.nesting = gee_json_nesting(limits);
    return measure_any(progress, bytes, length, &exact, error);
}

gee_measured_t gee_json_measure(void *state GEE_UNUSED, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                const gee_codec_limits_t *limits, gee_error_t *error) {
    if (measure_short(progress, bytes, length, limits))
        return GEE_MEASURE_DONE;
    return measure_long(progress, bytes, length, limits, error);
}

/* The end of a refused value is looked for in so many times limits.message bytes. */
#define PATIENCE 16

gee_measured_t gee_json_skip_value(void *state GEE_UNUSED, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                   size_t *passed, const gee_codec_limits_t *limits, gee_error_t *error) {
    static const gee_codec_limits_t none = { .nesting = UINT_MAX };
    size_t most = limits->message > SIZE_MAX / PATIENCE ? SIZE_MAX : PATIENCE * limits->message;
    size_t before = progress->length;
    gee_measured_t result = measure_any(progress, bytes, length, &none, error);
    if (result == GEE_MEASURE_ERROR || result == GEE_MEASURE_REFUSED)
        return GEE_MEASURE_ERROR;
    *passed = progress->scanned;
    progress->length = before + progress->scanned;
    progress->scanned = 0;
    if (most == 0 || progress->length <= most)
        return result;
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "over %zu bytes, %d times %s, and not at its end", most, PATIENCE,
                  gee_message_limit_name(limits));
    return GEE_MEASURE_ERROR;
}
