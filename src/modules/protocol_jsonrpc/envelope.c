/* envelope.c: finds the call of a message that is over a limit. Each byte is seen once, as it comes; only the short
 * members of the outermost object are kept:
 *
 *   {"method":"Foo.Sum","params":[{"x":"xxxxxx…"}],"id":7}   -->   {"method":"Foo.Sum","params":null,"id":7}
 *
 * So the id is found where Go puts the id, behind all other members, and the reader of whole messages can read the
 * short text. codec_json has checked strings and brackets; the reader checks whether the rest is JSON, as for any
 * message. */
#include "jsonrpc.h"

#include <stdlib.h>

#define PART 1100 /* bytes of one name or value: enough for a method or an id */
#define ROOM 8192 /* bytes of the text that is kept; later members are left out */

struct jsonrpc_envelope {
    gee_error_t reason;
    unsigned depth;
    bool in_string, escaped;
    bool too_long;       /* the part that is being read is too long, and becomes null */
    size_t length;       /* bytes of text */
    size_t part, member; /* where the current part and member begin in the text */
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

/* A byte for which there is no room is dropped: only a text that is not JSON, such as a member of a hundred colons,
 * gets there. */
static void envelope_put(jsonrpc_envelope_t *envelope, char byte) {
    if (envelope->length < sizeof(envelope->text))
        envelope->text[envelope->length++] = byte;
}

static void envelope_keep(jsonrpc_envelope_t *envelope, char byte) {
    if (envelope->too_long)
        return;
    if (envelope->length - envelope->part >= PART) {
        envelope->too_long = true;
        envelope->length = envelope->part;
        return;
    }
    envelope_put(envelope, byte);
}

/* Puts something short in the place of a part that is too long. */
static void end_part(jsonrpc_envelope_t *envelope, bool is_name) {
    for (const char *at = is_name ? "\"\"" : "null"; envelope->too_long && *at != '\0'; at++)
        envelope_put(envelope, *at);
    envelope->too_long = false;
}

static void begin_part(jsonrpc_envelope_t *envelope, char separator) {
    end_part(envelope, separator == ':');
    envelope_put(envelope, separator);
    envelope->part = envelope->length;
}

/* The member stays if there is room for another one behind it; the first member always stays. */
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
    envelope_put(envelope, bracket);
}

static void envelope_scan(jsonrpc_envelope_t *envelope, char byte) {
    bool outermost = envelope->depth == 1;
    if (envelope->in_string) {
        envelope->in_string = byte != '"' || envelope->escaped;
        envelope->escaped = byte == '\\' && !envelope->escaped;
        if (outermost)
            envelope_keep(envelope, byte);
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
            envelope_keep(envelope, byte);
    }
}

void jsonrpc_envelope_add(jsonrpc_envelope_t *envelope, const uint8_t *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        envelope_scan(envelope, (char)bytes[i]);
}

const gee_error_t *jsonrpc_envelope_reason(const jsonrpc_envelope_t *envelope) {
    return &envelope->reason;
}

gee_str_t jsonrpc_envelope_text(const jsonrpc_envelope_t *envelope) {
    return (gee_str_t){ .data = envelope->text, .length = envelope->length };
}
