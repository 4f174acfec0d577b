/* envelope.c: what a message that is not taken says of its call. Its bytes are seen once, as they come, and of them
 * only the members of the outermost object are kept, and of these only what is short:
 *
 *   {"method":"Foo.Sum","params":[{"x":"xxxxxx…"}],"id":7}   -->   {"method":"Foo.Sum","params":null,"id":7}
 *
 * So the id is found where Go puts it, behind all else, and what reads whole messages reads the rest. Strings and
 * brackets have been checked by codec_json; whether the rest is JSON is checked as of any message. */
#include "jsonrpc.h"

#include <stdlib.h>

#define PART 1100 /* bytes of one name or value: those of a method, or of an id */
#define ROOM 8192 /* of what is kept; later members are left out */

struct jsonrpc_envelope {
    gee_error_t reason;
    unsigned depth;
    bool in_string, escaped;
    bool too_long;       /* the part that is being read, which is null then */
    size_t length;       /* of text */
    size_t part, member; /* where they begin in it */
    char text[ROOM];
};

jsonrpc_envelope_t *jsonrpc_envelope_create(const gee_error_t *reason) {
    jsonrpc_envelope_t *envelope = calloc(1, sizeof(*envelope));
    if (envelope != NULL)
        envelope->reason = *reason;
    return envelope;
}

void jsonrpc_envelope_destroy(jsonrpc_envelope_t **envelope) {
    free(*envelope);
    *envelope = NULL;
}

/* What finds no room is not JSON: a member of a hundred colons. */
static void put(jsonrpc_envelope_t *envelope, char byte) {
    if (envelope->length < sizeof(envelope->text))
        envelope->text[envelope->length++] = byte;
}

static void keep(jsonrpc_envelope_t *envelope, char byte) {
    if (envelope->too_long)
        return;
    if (envelope->length - envelope->part >= PART) {
        envelope->too_long = true;
        envelope->length = envelope->part;
        return;
    }
    put(envelope, byte);
}

/* What is too long is something short. */
static void end_part(jsonrpc_envelope_t *envelope, bool is_name) {
    for (const char *at = is_name ? "\"\"" : "null"; envelope->too_long && *at != '\0'; at++)
        put(envelope, *at);
    envelope->too_long = false;
}

static void begin_part(jsonrpc_envelope_t *envelope, char separator) {
    end_part(envelope, separator == ':');
    put(envelope, separator);
    envelope->part = envelope->length;
}

/* The member stays if it leaves room for another; the first member does. */
static void end_member(jsonrpc_envelope_t *envelope) {
    end_part(envelope, false);
    if (envelope->length > ROOM - 3 * PART)
        envelope->length = envelope->member;
    else
        envelope->member = envelope->length;
}

static void open_bracket(jsonrpc_envelope_t *envelope, char bracket) {
    envelope->depth++;
    if (envelope->depth == 1) {
        begin_part(envelope, bracket);
        envelope->member = envelope->length;
    } else if (envelope->depth == 2) {
        envelope->too_long = true;
        envelope->length = envelope->part;
    }
}

static void close_bracket(jsonrpc_envelope_t *envelope, char bracket) {
    if (--envelope->depth > 0)
        return;
    end_member(envelope);
    put(envelope, bracket);
}

static void add(jsonrpc_envelope_t *envelope, char byte) {
    bool outermost = envelope->depth == 1;
    if (envelope->in_string) {
        envelope->in_string = byte != '"' || envelope->escaped;
        envelope->escaped = byte == '\\' && !envelope->escaped;
        if (outermost)
            keep(envelope, byte);
    } else if (byte == '{' || byte == '[') {
        open_bracket(envelope, byte);
    } else if (byte == '}' || byte == ']') {
        close_bracket(envelope, byte);
    } else {
        envelope->in_string = byte == '"';
        if (outermost && byte == ',')
            end_member(envelope);
        if (outermost && (byte == ',' || byte == ':'))
            begin_part(envelope, byte);
        else if (outermost)
            keep(envelope, byte);
    }
}

void jsonrpc_envelope_add(jsonrpc_envelope_t *envelope, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        add(envelope, (char)bytes[i]);
}

const gee_error_t *jsonrpc_envelope_reason(const jsonrpc_envelope_t *envelope) {
    return &envelope->reason;
}

gee_str_t jsonrpc_envelope_text(const jsonrpc_envelope_t *envelope) {
    return (gee_str_t){ .data = envelope->text, .length = envelope->length };
}
