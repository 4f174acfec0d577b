/* scan.c: checks a JSON text (RFC 8259), and finds members and elements in it as slices of its bytes.
 *
 *   {"method":"Arith.Multiply","params":[{"A":7,"B":8}],"id":0}
 *             `--------------'          `-------------'      `
 *
 * Checking and slicing are two steps: a text is checked before it is sliced, so that a slice begins and ends where its
 * value does. The text has been measured by codec_json, which bounds its nesting. */
#include "jsonrpc.h"

#include <string.h>

typedef struct cursor {
    const char *at, *end;
} cursor_t;

static cursor_t cursor_of(gee_str_t text) {
    return (cursor_t){ .at = text.data, .end = text.data + text.length };
}

static void skip_space(cursor_t *cursor) {
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\n' || *cursor->at == '\r'))
        cursor->at++;
}

/* The next byte; at the end 0, which has no meaning in JSON. */
static char peek(const cursor_t *cursor) {
    return cursor->at < cursor->end ? *cursor->at : '\0';
}

static bool skip_byte(cursor_t *cursor, char byte) {
    if (peek(cursor) != byte)
        return false;
    cursor->at++;
    return true;
}

/* ---- checking ---- */

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool check_digits(cursor_t *cursor) {
    if (!is_digit(peek(cursor)))
        return false;
    while (is_digit(peek(cursor)))
        cursor->at++;
    return true;
}

static bool check_number(cursor_t *cursor) {
    skip_byte(cursor, '-');
    if (!skip_byte(cursor, '0') && !check_digits(cursor))
        return false;
    if (skip_byte(cursor, '.') && !check_digits(cursor))
        return false;
    if (peek(cursor) != 'e' && peek(cursor) != 'E')
        return true;
    cursor->at++;
    if (!skip_byte(cursor, '+'))
        skip_byte(cursor, '-');
    return check_digits(cursor);
}

/* Precondition: the cursor is behind the backslash. */
static bool check_escape(cursor_t *cursor) {
    GEE_ASSERT(cursor->at[-1] == '\\');
    char byte = peek(cursor);
    if (byte == '\0' || strchr("\"\\/bfnrtu", byte) == NULL)
        return false;
    cursor->at++;
    for (int digits = byte == 'u' ? 4 : 0; digits > 0; digits--, cursor->at++) {
        char digit = peek(cursor);
        if (!is_digit(digit) && !(digit >= 'a' && digit <= 'f') && !(digit >= 'A' && digit <= 'F'))
            return false;
    }
    return true;
}

/* Bytes that are not UTF-8 are for the reader of the string: they are no reason to end the conversation. */
static bool check_string(cursor_t *cursor) {
    if (!skip_byte(cursor, '"'))
        return false;
    for (;;) {
        char byte = peek(cursor);
        if ((unsigned char)byte < 0x20) /* also at the end of the text */
            return false;
        cursor->at++;
        if (byte == '"')
            return true;
        if (byte == '\\' && !check_escape(cursor))
            return false;
    }
}

static bool check_word(cursor_t *cursor, const char *word) {
    size_t length = strlen(word);
    if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

static bool check_value(cursor_t *cursor);

/* Precondition: the cursor is at '{' or '['. */
static bool check_items(cursor_t *cursor) {
    GEE_ASSERT(peek(cursor) == '{' || peek(cursor) == '[');
    char close = *cursor->at++ == '{' ? '}' : ']';
    skip_space(cursor);
    if (skip_byte(cursor, close))
        return true;
    for (;;) {
        skip_space(cursor);
        if (close == '}') {
            if (!check_string(cursor))
                return false;
            skip_space(cursor);
            if (!skip_byte(cursor, ':'))
                return false;
            skip_space(cursor);
        }
        if (!check_value(cursor))
            return false;
        skip_space(cursor);
        if (skip_byte(cursor, close))
            return true;
        if (!skip_byte(cursor, ','))
            return false;
    }
}

static bool check_value(cursor_t *cursor) {
    switch (peek(cursor)) {
    case '{':
    case '[':
        return check_items(cursor);
    case '"':
        return check_string(cursor);
    case 't':
        return check_word(cursor, "true");
    case 'f':
        return check_word(cursor, "false");
    case 'n':
        return check_word(cursor, "null");
    default:
        return check_number(cursor);
    }
}

bool jsonrpc_check(gee_str_t text) {
    cursor_t cursor = cursor_of(text);
    if (!check_value(&cursor))
        return false;
    skip_space(&cursor);
    return cursor.at == cursor.end;
}

/* ---- slicing a checked text ---- */

/* Precondition: a string begins here. Moves behind its closing quote. */
static void skip_string(cursor_t *cursor) {
    GEE_ASSERT(peek(cursor) == '"');
    for (cursor->at++; peek(cursor) != '"' && cursor->at < cursor->end; cursor->at++)
        if (*cursor->at == '\\')
            cursor->at++;
    if (cursor->at < cursor->end)
        cursor->at++;
}

/* Precondition: a list or object begins here. Moves behind its closing bracket. */
static void skip_items(cursor_t *cursor) {
    GEE_ASSERT(peek(cursor) == '{' || peek(cursor) == '[');
    unsigned depth = 0;
    do {
        char byte = *cursor->at;
        if (byte == '"') {
            skip_string(cursor);
            continue;
        }
        if (byte == '{' || byte == '[')
            depth++;
        else if (byte == '}' || byte == ']')
            depth--;
        cursor->at++;
    } while (depth > 0 && cursor->at < cursor->end);
}

static bool ends_word(char byte) {
    return byte == ',' || byte == '}' || byte == ']' || byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static gee_str_t slice_value(cursor_t *cursor) {
    const char *start = cursor->at;
    char first = peek(cursor);
    if (first == '"')
        skip_string(cursor);
    else if (first == '{' || first == '[')
        skip_items(cursor);
    else
        while (cursor->at < cursor->end && !ends_word(*cursor->at))
            cursor->at++;
    return (gee_str_t){ .data = start, .length = (size_t)(cursor->at - start) };
}

/* The bytes between the quotes. */
static gee_str_t inside_of(gee_str_t string) {
    return (gee_str_t){ .data = string.data + 1, .length = string.length - 2 };
}

/* Decodes a string with escapes, or with bytes that are not ASCII. */
GEE_APART static int decode_text(gee_str_t value, const gee_codec_t *json, gee_pool_t *pool, gee_str_t *text) {
    gee_codec_limits_t limits = { .message = value.length, .nesting = 1, .repair = true };
    return json->decode(NULL, GEE_TYPE_OF(gee_str_t), (const uint8_t *)value.data, value.length, &limits, false, pool,
                        text, NULL);
}

int jsonrpc_text(gee_str_t value, const gee_codec_t *json, gee_pool_t *pool, gee_str_t *text) {
    *text = (gee_str_t){ 0 };
    if (jsonrpc_first(value) != '"')
        return -1;
    gee_str_t inside = inside_of(value);
    if (!gee_is_short_ascii(inside.data, inside.length) || memchr(inside.data, '\\', inside.length) != NULL)
        return decode_text(value, json, pool, text);
    *text = inside;
    return 0;
}

/* Looks at a member whose name equals no slot's name byte for byte, but may do so in another case or with escapes. */
GEE_APART static void note_in_any_case(gee_str_t string, gee_str_t value, const gee_codec_t *json, gee_pool_t *pool,
                                       jsonrpc_slot_t *slots, size_t count) {
    gee_str_t name;
    if (jsonrpc_text(string, json, pool, &name) != 0)
        return;
    for (jsonrpc_slot_t *slot = slots; slot < slots + count; slot++) {
        if (gee_str_equal_ignoring_case(name, slot->name))
            slot->in_any_case = value;
        if (gee_str_equal(name, slot->name))
            slot->value = value;
    }
}

static jsonrpc_slot_t *find_slot(gee_str_t name, jsonrpc_slot_t *slots, size_t count) {
    for (jsonrpc_slot_t *slot = slots; slot < slots + count; slot++)
        if (slot->name.length == name.length && gee_equal_short(slot->name.data, name.data, name.length))
            return slot;
    return NULL;
}

unsigned jsonrpc_version(gee_str_t member, const gee_codec_t *json, gee_pool_t *pool) {
    gee_str_t text;
    if (member.data == NULL)
        return 1;
    if (jsonrpc_text(member, json, pool, &text) != 0)
        return 0;
    return gee_str_equal(text, GEE_STR("2.0")) ? 2 : gee_str_equal(text, GEE_STR("1.0")) ? 1 : 0;
}

void jsonrpc_members(gee_str_t object, const gee_codec_t *json, gee_pool_t *pool, jsonrpc_slot_t *slots, size_t count) {
    cursor_t cursor = cursor_of(object);
    cursor.at++;
    for (;;) {
        skip_space(&cursor);
        if (peek(&cursor) != '"')
            return;
        gee_str_t name = slice_value(&cursor);
        skip_space(&cursor);
        skip_byte(&cursor, ':');
        skip_space(&cursor);
        gee_str_t value = slice_value(&cursor);
        jsonrpc_slot_t *slot = find_slot(inside_of(name), slots, count);
        if (slot != NULL)
            slot->value = slot->in_any_case = value;
        else
            note_in_any_case(name, value, json, pool, slots, count);
        skip_space(&cursor);
        skip_byte(&cursor, ',');
    }
}

bool jsonrpc_next_element(gee_str_t *list, gee_str_t *element) {
    cursor_t cursor = cursor_of(*list);
    if (jsonrpc_first(*list) == '[' || jsonrpc_first(*list) == ',')
        cursor.at++;
    skip_space(&cursor);
    if (cursor.at == cursor.end || *cursor.at == ']')
        return false;
    *element = slice_value(&cursor);
    skip_space(&cursor);
    *list = (gee_str_t){ .data = cursor.at, .length = (size_t)(cursor.end - cursor.at) };
    return true;
}
