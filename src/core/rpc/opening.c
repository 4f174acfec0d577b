/* opening.c: what the first bytes of a connection are. */
#include "core/rpc/opening.h"

#include <string.h>

#include "core/base/defs.h"
#include "core/base/str.h"

#define HTTP2_PREFACE "PRI * HTTP/2.0"

static bool is_space(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* ---- JSON: which key comes first ---- */

typedef struct cursor {
    const uint8_t *at, *end;
} cursor_t;

static void skip_space(cursor_t *cursor) {
    while (cursor->at < cursor->end && is_space(*cursor->at))
        cursor->at++;
}

/* At a quote: moves behind the closing quote. False: the closing quote is not there yet. */
static bool skip_string(cursor_t *cursor, gee_str_t *content) {
    const uint8_t *start = ++cursor->at;
    for (bool escaped = false; cursor->at < cursor->end; cursor->at++) {
        if (*cursor->at == '"' && !escaped) {
            *content = (gee_str_t){ .data = (const char *)start, .length = (size_t)(cursor->at - start) };
            cursor->at++;
            return true;
        }
        escaped = *cursor->at == '\\' && !escaped;
    }
    return false;
}

/* Moves to the comma or closing brace behind a value. False: the value is not whole yet. */
static bool skip_value(cursor_t *cursor) {
    unsigned depth = 0;
    gee_str_t ignored;
    while (cursor->at < cursor->end) {
        uint8_t byte = *cursor->at;
        if (byte == '"') {
            if (!skip_string(cursor, &ignored))
                return false;
            continue;
        }
        if (depth == 0 && (byte == ',' || byte == '}'))
            return true;
        if (byte == '{' || byte == '[')
            depth++;
        else if ((byte == '}' || byte == ']') && depth > 0)
            depth--;
        cursor->at++;
    }
    return false;
}

static gee_opening_t opening_of_key(gee_str_t key) {
    static const char *const option[] = { "MagicNumber", "CodecType", "ConnectTimeout", "HandleTimeout" };
    static const char *const jsonrpc[] = { "jsonrpc", "method", "params", "id" };
    for (size_t i = 0; i < GEE_LENGTH(option); i++)
        if (gee_str_equal_ignoring_case(key, gee_str(option[i])))
            return GEE_OPENING_GEERPC;
    for (size_t i = 0; i < GEE_LENGTH(jsonrpc); i++)
        if (gee_str_equal_ignoring_case(key, gee_str(jsonrpc[i])))
            return GEE_OPENING_JSONRPC;
    return GEE_OPENING_MORE;
}

/* Behind the opening brace. An object without a known key is a request that names no method, as in Go: JSON-RPC can
 * answer that, an Option cannot be answered. */
static gee_opening_t read_keys(cursor_t *cursor) {
    for (;;) {
        gee_str_t key;
        skip_space(cursor);
        if (cursor->at == cursor->end)
            return GEE_OPENING_MORE;
        if (*cursor->at != '"')
            return *cursor->at == '}' ? GEE_OPENING_JSONRPC : GEE_OPENING_UNKNOWN; /* unknown: not JSON */
        if (!skip_string(cursor, &key))
            return GEE_OPENING_MORE;
        gee_opening_t opening = opening_of_key(key);
        if (opening != GEE_OPENING_MORE)
            return opening;
        skip_space(cursor);
        if (cursor->at == cursor->end)
            return GEE_OPENING_MORE;
        if (*cursor->at++ != ':')
            return GEE_OPENING_UNKNOWN;
        if (!skip_value(cursor))
            return GEE_OPENING_MORE;
        if (*cursor->at++ == '}')
            return GEE_OPENING_JSONRPC;
    }
}

static gee_opening_t read_json(const uint8_t *bytes, size_t length) {
    size_t looked_at = length < GEE_OPENING_LIMIT ? length : GEE_OPENING_LIMIT;
    cursor_t cursor = { .at = bytes, .end = bytes + looked_at };
    gee_opening_t opening = GEE_OPENING_MORE;
    skip_space(&cursor);
    if (cursor.at < cursor.end) {
        uint8_t first = *cursor.at++;
        opening = first == '[' ? GEE_OPENING_JSONRPC : first == '{' ? read_keys(&cursor) : GEE_OPENING_UNKNOWN;
    }
    return opening == GEE_OPENING_MORE && looked_at == GEE_OPENING_LIMIT ? GEE_OPENING_UNKNOWN : opening;
}

/* ---- the rule ---- */

static gee_opening_t read_http(const uint8_t *bytes, size_t length) {
    size_t preface = sizeof(HTTP2_PREFACE) - 1;
    size_t common = length < preface ? length : preface;
    if (memcmp(bytes, HTTP2_PREFACE, common) != 0)
        return GEE_OPENING_HTTP;
    return length < preface ? GEE_OPENING_MORE : GEE_OPENING_HTTP2;
}

gee_opening_t gee_opening_read(const uint8_t *bytes, size_t length) {
    if (length == 0)
        return GEE_OPENING_MORE;
    uint8_t first = bytes[0];
    if (first == 0xc1)
        return GEE_OPENING_SEAL;
    if (first >= 0xf8)
        return GEE_OPENING_NETRPC;
    if (first == 0 || first > 0x7f)
        return GEE_OPENING_UNKNOWN;
    if (length < 2)
        return GEE_OPENING_MORE;
    uint8_t second = bytes[1];
    if (second == 0x7f || second >= 0xf8)
        return GEE_OPENING_NETRPC;
    if (first == '{' || first == '[' || is_space(first))
        return read_json(bytes, length);
    if (first >= 'A' && first <= 'Z')
        return read_http(bytes, length);
    if (first == 0x16 && second == 0x03)
        return GEE_OPENING_TLS;
    return GEE_OPENING_UNKNOWN;
}

const char *gee_opening_name(gee_opening_t opening) {
    switch (opening) {
    case GEE_OPENING_SEAL:
        return "a sealed channel";
    case GEE_OPENING_NETRPC:
        return "net/rpc (gob)";
    case GEE_OPENING_GEERPC:
        return "geerpc";
    case GEE_OPENING_JSONRPC:
        return "JSON-RPC";
    case GEE_OPENING_HTTP:
        return "HTTP";
    case GEE_OPENING_HTTP2:
        return "HTTP/2";
    case GEE_OPENING_TLS:
        return "TLS";
    case GEE_OPENING_MORE:
    case GEE_OPENING_UNKNOWN:
        break;
    }
    return "no known protocol";
}

gee_claim_t gee_opening_claim(const uint8_t *bytes, size_t length, gee_opening_t wanted) {
    gee_opening_t opening = gee_opening_read(bytes, length);
    return opening == wanted ? GEE_CLAIM_YES : opening == GEE_OPENING_MORE ? GEE_CLAIM_MORE : GEE_CLAIM_NO;
}

ptrdiff_t gee_object_scan(gee_object_scan_t *scan, const uint8_t *bytes, size_t length) {
    while (scan->scanned < length) {
        uint8_t byte = bytes[scan->scanned++];
        if (scan->escaped) {
            scan->escaped = false;
        } else if (scan->in_string) {
            scan->escaped = byte == '\\';
            scan->in_string = byte != '"';
        } else if (byte == '{' || byte == '[') {
            if (scan->depth == 0 && byte != '{')
                return -1;
            scan->depth++;
        } else if (scan->depth == 0) {
            if (!is_space(byte))
                return -1;
        } else if (byte == '"') {
            scan->in_string = true;
        } else if ((byte == '}' || byte == ']') && --scan->depth == 0) {
            return (ptrdiff_t)scan->scanned;
        }
    }
    return 0;
}
