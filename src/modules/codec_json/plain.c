/* plain.c: headers as nearly all are, written as Go and we write them:
 *
 *   {"ServiceMethod":"Arith.Multiply","Seq":1}      or with further strings that are empty:  ... "Seq":1,"Error":""}
 *
 * Names are those of the type's fields, in their order, without white space or escapes. Whatever looks otherwise goes the
 * long way, which takes five times the instructions. */
#include "json.h"

#define MOST_DIGITS 19 /* of a number that cannot overflow 64 bits */
#define LONGEST     320

/* Does `text` stand at *at? Then *at is behind it. */
static bool take(const uint8_t **at, const uint8_t *end, const char *text, size_t length) {
    if ((size_t)(end - *at) < length || memcmp(*at, text, length) != 0)
        return false;
    *at += length;
    return true;
}

#define TAKE(at, end, literal) take(at, end, literal, sizeof(literal) - 1)

static bool take_name(const uint8_t **at, const uint8_t *end, const gee_field_t *field) {
    return take(at, end, field->name, strlen(field->name));
}

static bool take_number(const uint8_t **at, const uint8_t *end, uint64_t *number) {
    const uint8_t *first = *at;
    uint64_t value = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++) {
        if (*at - first == MOST_DIGITS)
            return false;
        value = value * 10 + (uint64_t)(**at - '0');
    }
    *number = value;
    return *at > first && (*first != '0' || *at == first + 1);
}

/* A third field that is a string and empty may be written. */
static bool take_rest(const uint8_t **at, const uint8_t *end, const gee_type_t *header) {
    const gee_field_t *third = &header->fields[2];
    if (*at < end && **at == ',' && header->field_count > 2 && third->type->kind == GEE_KIND_STRING &&
        !(TAKE(at, end, ",\"") && take_name(at, end, third) && TAKE(at, end, "\":\"\"")))
        return false;
    return TAKE(at, end, "}");
}

size_t gee_json_read_plain(void *state GEE_UNUSED, const gee_type_t *header, const uint8_t *bytes, size_t length,
                           gee_str_t *text, uint64_t *number) {
    const uint8_t *at = bytes, *end = bytes + length;
    uint64_t seen = 0;
    if (!TAKE(&at, end, "{\"") || !take_name(&at, end, &header->fields[0]) || !TAKE(&at, end, "\":\""))
        return 0;
    const uint8_t *start = at;
    at = gee_json_plain_end(at, end, &seen);
    *text = (gee_str_t){ .data = (const char *)start, .length = (size_t)(at - start) };
    if ((seen & GEE_JSON_HIGH) != 0 || !TAKE(&at, end, "\",\"") || !take_name(&at, end, &header->fields[1]) ||
        !TAKE(&at, end, "\":") || !take_number(&at, end, number) || !take_rest(&at, end, header))
        return 0;
    return (size_t)(at - bytes);
}

static uint8_t *put(uint8_t *at, const char *text, size_t length) {
    memcpy(at, text, length);
    return at + length;
}

#define PUT(at, literal) put(at, literal, sizeof(literal) - 1)

static uint8_t *put_name(uint8_t *at, const gee_field_t *field) {
    return put(at, field->name, strlen(field->name));
}

/* Would every character of it stand for itself? */
static bool is_clean(gee_str_t text) {
    uint64_t seen = 0;
    const uint8_t *start = (const uint8_t *)text.data, *end = start + text.length;
    return gee_json_plain_end(start, end, &seen) == end && (seen & GEE_JSON_HIGH) == 0;
}

/* What encode() writes though it is empty: of the others only that string which the header has as its third field. */
static bool has_third(const gee_type_t *header) {
    return header->field_count > 2 && (header->fields[2].flags & GEE_FIELD_OMIT_EMPTY) == 0;
}

static bool is_known(const gee_type_t *header) {
    if (has_third(header) && header->fields[2].type->kind != GEE_KIND_STRING)
        return false;
    for (size_t i = 3; i < header->field_count; i++)
        if ((header->fields[i].flags & GEE_FIELD_OMIT_EMPTY) == 0)
            return false;
    return true;
}

int gee_json_write_plain(void *state GEE_UNUSED, const gee_type_t *header, gee_str_t text, uint64_t number,
                         gee_chain_t *out) {
    enum { NAMES_MOST = 3 * 32 };
    size_t names = strlen(header->fields[0].name) + strlen(header->fields[1].name);
    if (header->field_count > 2)
        names += strlen(header->fields[2].name);
    if (names > NAMES_MOST || text.length > LONGEST - NAMES_MOST - 64 || !is_known(header) || !is_clean(text))
        return 0;
    uint8_t *start = gee_chain_reserve(out, LONGEST), *at = start;
    if (start == NULL)
        return 0;
    at = put_name(PUT(at, "{\""), &header->fields[0]);
    at = put(PUT(at, "\":\""), text.data, text.length);
    at = PUT(put_name(PUT(at, "\",\""), &header->fields[1]), "\":");
    at += gee_json_format_unsigned((char *)at, number);
    if (has_third(header))
        at = PUT(put_name(PUT(at, ",\""), &header->fields[2]), "\":\"\"");
    *at++ = '}';
    gee_chain_commit(out, (size_t)(at - start));
    return 1;
}
