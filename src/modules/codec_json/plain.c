/* plain.c: the usual form of a header, as Go and this project write it:
 *
 *   {"ServiceMethod":"Arith.Multiply","Seq":1}      or with further strings that are empty:  ... "Seq":1,"Error":""}
 *
 * The names are those of the type's fields, in their order, without white space or escapes. Every other form goes the
 * general way, which takes five times the instructions. */
#include "json.h"

#define MOST_DIGITS 19  /* of a number that cannot overflow 64 bits */
#define LONGEST     192 /* bytes of the text, and of the three names together */

/* The bytes around names, text and number: {"":"","":} and ,"":"" and the line feed. */
#define PUNCTUATION (12 + 6 + 1)

#define STANDS(at, literal) (memcmp(at, literal, sizeof(literal) - 1) == 0)
#define PUT(at, literal)    ((uint8_t *)memcpy(at, literal, sizeof(literal) - 1) + (sizeof(literal) - 1))

/* Null: no number that is well-formed and fits. */
static const uint8_t *read_number(const uint8_t *at, const uint8_t *end, uint64_t *number) {
    const uint8_t *first = at;
    uint64_t value = 0;
    if (end - at > MOST_DIGITS)
        end = at + MOST_DIGITS;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    *number = value;
    return at == first || (*first == '0' && at > first + 1) ? NULL : at;
}

/* Reads from behind the number to the end; the third field may be there as an empty string. Null: another form. */
static const uint8_t *read_rest(const uint8_t *at, const uint8_t *end, const gee_type_t *header) {
    if (at < end && *at == '}')
        return at + 1;
    if (header->field_count < 3 || header->fields[2].type->kind != GEE_KIND_STRING)
        return NULL;
    gee_str_t name = gee_field_name(&header->fields[2]);
    if ((size_t)(end - at) < name.length + 7 || !STANDS(at, ",\"") ||
        !gee_equal_short(at + 2, name.data, name.length) || !STANDS(at + 2 + name.length, "\":\"\"}"))
        return NULL;
    return at + name.length + 7;
}

/* Reads up to the end of the number. Null: another form. */
static inline const uint8_t *read_first_two(const gee_type_t *header, const uint8_t *bytes, size_t length,
                                            gee_str_t *text, uint64_t *number) {
    gee_str_t first = gee_field_name(&header->fields[0]), second = gee_field_name(&header->fields[1]);
    const uint8_t *at = bytes, *end = bytes + length;
    bool foreign = false;
    if (length < first.length + 5 || !STANDS(at, "{\"") || !gee_equal_short(at + 2, first.data, first.length) ||
        !STANDS(at + 2 + first.length, "\":\""))
        return NULL;
    const uint8_t *start = at + first.length + 5;
    at = gee_json_plain_end(start, end, &foreign);
    *text = (gee_str_t){ .data = (const char *)start, .length = (size_t)(at - start) };
    if (foreign || (size_t)(end - at) < second.length + 5 || !STANDS(at, "\",\"") ||
        !gee_equal_short(at + 3, second.data, second.length) || !STANDS(at + 3 + second.length, "\":"))
        return NULL;
    return read_number(at + second.length + 5, end, number);
}

size_t gee_json_read_plain(void *state GEE_UNUSED, const gee_type_t *header, const uint8_t *bytes, size_t length,
                           gee_str_t *text, uint64_t *number) {
    const uint8_t *at = read_first_two(header, bytes, length, text, number);
    if (at != NULL)
        at = read_rest(at, bytes + length, header);
    return at != NULL ? (size_t)(at - bytes) : 0;
}

gee_measured_t gee_json_read_beginning(void *state GEE_UNUSED, const gee_measure_t *progress GEE_UNUSED,
                                       const gee_type_t *header, const uint8_t *bytes, size_t length, gee_str_t *text,
                                       uint64_t *number) {
    const uint8_t *at = read_first_two(header, bytes, length, text, number);
    bool whole = at != NULL && at < bytes + length && (*at == ',' || *at == '}');
    return whole ? GEE_MEASURE_DONE : GEE_MEASURE_ERROR;
}

static uint8_t *put(uint8_t *at, gee_str_t text) {
    gee_copy_short(at, text.data, text.length);
    return at + text.length;
}

/* Is the third field written although empty? */
static bool has_third(const gee_type_t *header) {
    return header->field_count > 2 && (header->fields[2].flags & GEE_FIELD_OMIT_EMPTY) == 0;
}

/* Names need no escapes: gee_type_check(). */
int gee_json_write_plain(void *state GEE_UNUSED, const gee_type_t *header, gee_str_t text, uint64_t number,
                         gee_chain_t *out) {
    gee_str_t first = gee_field_name(&header->fields[0]), second = gee_field_name(&header->fields[1]);
    gee_str_t third = has_third(header) ? gee_field_name(&header->fields[2]) : GEE_STR("");
    if (text.length > LONGEST || first.length + second.length + third.length > LONGEST || !gee_json_is_clean(text))
        return 0;
    uint8_t *start = gee_chain_reserve(out, 2 * LONGEST + PUNCTUATION + GEE_JSON_DIGITS), *at = start;
    if (start == NULL)
        return 0;
    at = put(PUT(at, "{\""), first);
    at = put(PUT(at, "\":\""), text);
    at = put(PUT(at, "\",\""), second);
    at = PUT(at, "\":");
    at += gee_json_format_unsigned((char *)at, number);
    if (third.length > 0)
        at = PUT(put(PUT(at, ",\""), third), "\":\"\"");
    at = PUT(at, "}\n");
    gee_chain_commit(out, (size_t)(at - start));
    return 1;
}
