/* writer.c: the parts of a JSON value into a chain.
 *
 *   chain: ... committed | start ... at ... end      room is reserved a piece at a time; written bytes are
 *                          written  free             committed when the piece is full, and at the end */
#include "core/json/json.h"

#include <math.h>

#include "core/base/base64.h"

#define PIECE    256 /* bytes reserved at a time */
#define LONG_RUN 192 /* a run of plain characters of this length goes to the chain directly */

void gee_json_writer_init(gee_json_writer_t *writer, gee_chain_t *out, gee_error_t *error) {
    writer->out = out;
    writer->start = writer->at = writer->end = NULL;
    writer->levels = GEE_JSON_NESTING_MAX;
    writer->error = error;
    gee_path_init(&writer->path);
}

static void commit(gee_json_writer_t *writer) {
    if (writer->at > writer->start)
        gee_chain_commit(writer->out, (size_t)(writer->at - writer->start));
    writer->start = writer->at = writer->end = NULL;
}

int gee_json_writer_finish(gee_json_writer_t *writer, int result) {
    commit(writer);
    return result < 0 ? gee_path_apply(&writer->path, writer->error) : 0;
}

static int no_memory(gee_json_writer_t *writer) {
    return gee_error_set(writer->error, GEE_RESOURCE_EXHAUSTED, "no memory to write the JSON value");
}

int gee_json_make_room(gee_json_writer_t *writer, size_t count) {
    size_t size = count > PIECE ? count : PIECE;
    commit(writer);
    writer->start = writer->at = gee_chain_reserve(writer->out, size);
    if (!writer->start)
        return no_memory(writer);
    writer->end = writer->start + size;
    return 0;
}

int gee_json_put_text(gee_json_writer_t *writer, const char *text, size_t length) {
    if (gee_json_room(writer, length) < 0)
        return -1;
    memcpy(writer->at, text, length);
    writer->at += length;
    return 0;
}

/* ---- numbers ---- */

static size_t count_digits(uint64_t number) {
    size_t count = 1;
    for (uint64_t limit = 10; number >= limit && count < GEE_JSON_DIGITS - 1; limit *= 10)
        count++;
    return count + (number >= UINT64_C(10000000000000000000));
}

size_t gee_json_format_unsigned(char *target, uint64_t number) {
    static const char pairs[] =
        "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243"
        "4445464748495051525354555657585960616263646566676869707172737475767778798081828384858687"
        "888990919293949596979899";
    size_t length = count_digits(number);
    char *at = target + length;
    for (; number >= 100; number /= 100) {
        at -= 2;
        memcpy(at, pairs + number % 100 * 2, 2);
    }
    if (number >= 10)
        memcpy(at - 2, pairs + number * 2, 2);
    else
        at[-1] = (char)('0' + number);
    return length;
}

int gee_json_put_unsigned(gee_json_writer_t *writer, uint64_t number) {
    if (gee_json_room(writer, 20) < 0)
        return -1;
    writer->at += gee_json_format_unsigned((char *)writer->at, number);
    return 0;
}

int gee_json_put_signed(gee_json_writer_t *writer, int64_t number) {
    if (number >= 0)
        return gee_json_put_unsigned(writer, (uint64_t)number);
    if (gee_json_put(writer, '-') < 0)
        return -1;
    return gee_json_put_unsigned(writer, 0 - (uint64_t)number);
}

static int not_finite(gee_json_writer_t *writer, double number) {
    return gee_error_set(writer->error, GEE_INTERNAL, "JSON cannot express %s",
                         isnan(number) ? "NaN" : "an infinite number");
}

int gee_json_put_double(gee_json_writer_t *writer, double number) {
    if (!isfinite(number))
        return not_finite(writer, number);
    if (gee_json_room(writer, GEE_JSON_NUMBER_TEXT) < 0)
        return -1;
    writer->at += gee_json_format_double((char *)writer->at, number);
    return 0;
}

int gee_json_put_float(gee_json_writer_t *writer, float number) {
    if (!isfinite(number))
        return not_finite(writer, (double)number);
    if (gee_json_room(writer, GEE_JSON_NUMBER_TEXT) < 0)
        return -1;
    writer->at += gee_json_format_float((char *)writer->at, number);
    return 0;
}

/* ---- strings ---- */

static int put_run(gee_json_writer_t *writer, const uint8_t *bytes, size_t length) {
    if (length < LONG_RUN)
        return gee_json_put_text(writer, (const char *)bytes, length);
    commit(writer);
    return gee_chain_append(writer->out, bytes, length) < 0 ? no_memory(writer) : 0;
}

/* Writes the escape of a quote, a backslash or a control character. */
static int put_escape(gee_json_writer_t *writer, uint8_t c) {
    static const char hexadecimal[] = "0123456789abcdef", plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c ? strchr(plain, c) : NULL;
    if (gee_json_room(writer, 6) < 0)
        return -1;
    if (found) {
        *writer->at++ = '\\';
        *writer->at++ = (uint8_t)letters[found - plain];
        return 0;
    }
    memcpy(writer->at, "\\u00", 4);
    writer->at[4] = (uint8_t)hexadecimal[c >> 4];
    writer->at[5] = (uint8_t)hexadecimal[c & 15];
    writer->at += 6;
    return 0;
}

static int put_any(gee_json_writer_t *writer, gee_str_t string) {
    const uint8_t *at = (const uint8_t *)string.data, *end = at;
    bool foreign = false;
    if (string.length > 0)
        end += string.length;
    if (gee_json_put(writer, '"') < 0)
        return -1;
    while (at < end) {
        const uint8_t *run = at;
        at = gee_json_plain_end(at, end, &foreign);
        if (at > run && put_run(writer, run, (size_t)(at - run)) < 0)
            return -1;
        if (at < end && put_escape(writer, *at++) < 0)
            return -1;
    }
    if (foreign && !gee_utf8_valid(string.data, string.length))
        return gee_error_set(writer->error, GEE_INTERNAL, "the string is not valid UTF-8, which JSON needs");
    return gee_json_put(writer, '"');
}

/* Writes a string in quotes when the string is short and needs no escape, as names are. Precondition: the writer has
 * room. */
static bool put_short(gee_json_writer_t *writer, gee_str_t string) {
    uint8_t *at = writer->at;
    if (string.length > GEE_SHORT_BYTES || !gee_json_is_clean(string))
        return false;
    *at++ = '"';
    gee_copy_short(at, string.data, string.length);
    at += string.length;
    *at++ = '"';
    writer->at = at;
    return true;
}

int gee_json_put_string(gee_json_writer_t *writer, gee_str_t string) {
    if (gee_json_room(writer, GEE_SHORT_BYTES + 2) < 0)
        return -1;
    return put_short(writer, string) ? 0 : put_any(writer, string);
}

int gee_json_put_bytes(gee_json_writer_t *writer, gee_bytes_t bytes) {
    if (gee_json_put(writer, '"') < 0)
        return -1;
    for (size_t done = 0; done < bytes.length;) {
        size_t count = bytes.length - done < PIECE / 4 * 3 ? bytes.length - done : PIECE / 4 * 3;
        if (gee_json_room(writer, GEE_BASE64_ENCODED(count)) < 0)
            return -1;
        writer->at += gee_base64_encode((char *)writer->at, bytes.data + done, count);
        done += count;
    }
    return gee_json_put(writer, '"');
}

/* ---- objects and lists ---- */

int gee_json_open(gee_json_writer_t *writer, char bracket) {
    if (writer->levels == 0)
        return gee_error_set(writer->error, GEE_INTERNAL, "the value nests deeper than %u levels",
                             GEE_JSON_NESTING_MAX);
    writer->levels--;
    return gee_json_put(writer, bracket);
}

int gee_json_close(gee_json_writer_t *writer, char bracket) {
    writer->levels++;
    return gee_json_put(writer, bracket);
}

int gee_json_put_key(gee_json_writer_t *writer, bool first, gee_str_t key) {
    if ((!first && gee_json_put(writer, ',') < 0) || gee_json_put_string(writer, key) < 0)
        return -1;
    return gee_json_put(writer, ':');
}
