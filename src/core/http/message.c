/* message.c: looking things up in a message: headers, the query, what a client prefers, the names of statuses. */
#include "core/http/message.h"

#include <string.h>

#include "core/base/defs.h"

gee_str_t gee_http_header(const gee_http_message_t *message, const char *name) {
    for (size_t i = 0; i < message->header_count; i++)
        if (gee_str_equal_ignoring_case(message->headers[i].name, gee_str(name)))
            return message->headers[i].value.data ? message->headers[i].value : GEE_STR("");
    return (gee_str_t){ 0 };
}

size_t gee_http_header_count(const gee_http_message_t *message, const char *name) {
    size_t count = 0;
    for (size_t i = 0; i < message->header_count; i++)
        count += gee_str_equal_ignoring_case(message->headers[i].name, gee_str(name));
    return count;
}

/* ---- the query ---- */

static int hex(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Does a %XX begin there? */
static bool is_escape(gee_str_t text, size_t at) {
    return text.length - at >= 3 && hex(text.data[at + 1]) >= 0 && hex(text.data[at + 2]) >= 0;
}

static gee_str_t decode(gee_str_t text, gee_pool_t *pool) {
    char *target = gee_pool_alloc(pool, text.length + 1);
    size_t length = 0;
    if (target == NULL)
        return (gee_str_t){ 0 };
    for (size_t i = 0; i < text.length; i++) {
        char byte = text.data[i] == '+' ? ' ' : text.data[i];
        if (byte == '%') {
            if (!is_escape(text, i))
                return (gee_str_t){ 0 };
            byte = (char)(hex(text.data[i + 1]) << 4 | hex(text.data[i + 2]));
            i += 2;
        }
        target[length++] = byte;
    }
    target[length] = '\0';
    return (gee_str_t){ .data = target, .length = length };
}

bool gee_http_query_valid(const gee_http_message_t *message) {
    for (size_t i = 0; i < message->query.length; i++)
        if (message->query.data[i] == '%' && !is_escape(message->query, i))
            return false;
    return true;
}

gee_str_t gee_http_query(const gee_http_message_t *message, const char *name, gee_pool_t *pool) {
    gee_str_t rest = message->query;
    while (rest.length > 0) {
        gee_str_t value = gee_str_cut(&rest, '&');
        gee_str_t key = gee_str_cut(&value, '=');
        gee_str_t plain = decode(key, pool);
        if (plain.data != NULL && gee_str_equal(plain, gee_str(name)))
            return decode(value, pool);
    }
    return (gee_str_t){ 0 };
}

/* ---- preferences ---- */

/* Of ";q=0.8" in thousandths; 1000 without one. */
static int quality(gee_str_t parameters) {
    while (parameters.length > 0) {
        gee_str_t parameter = gee_str_trim(gee_str_cut(&parameters, ';'));
        if (parameter.length < 3 || (parameter.data[0] | 0x20) != 'q' || parameter.data[1] != '=')
            continue;
        int thousandths = parameter.data[2] == '1' ? 1000 : 0, weight = 100;
        for (size_t i = 4; i < parameter.length && weight > 0 && thousandths < 1000; i++, weight /= 10)
            if (parameter.data[i] >= '0' && parameter.data[i] <= '9')
                thousandths += (parameter.data[i] - '0') * weight;
        return thousandths;
    }
    return 1000;
}

/* The quality that the header gives to exactly this type (ranges of types do not count), and where in the list. */
static int gladness(gee_str_t accept, const char *type, size_t *place) {
    size_t at = 0;
    while (accept.length > 0) {
        gee_str_t parameters = gee_str_cut(&accept, ',');
        gee_str_t range = gee_str_trim(gee_str_cut(&parameters, ';'));
        *place = at++;
        if (gee_str_equal_ignoring_case(range, gee_str(type)))
            return quality(parameters);
    }
    *place = at;
    return 0;
}

bool gee_http_prefers(const gee_http_message_t *message, const char *type, const char *instead) {
    size_t place, other_place;
    gee_str_t accept = gee_http_header(message, "Accept");
    int wanted = gladness(accept, type, &place), other = gladness(accept, instead, &other_place);
    return wanted > 0 && (wanted > other || (wanted == other && place < other_place));
}

/* ---- statuses ---- */

const char *gee_http_reason(int status) {
    static const struct {
        int status;
        const char *reason;
    } reasons[] = { { 100, "Continue" },
                    { 200, "OK" },
                    { 201, "Created" },
                    { 202, "Accepted" },
                    { 204, "No Content" },
                    { 301, "Moved Permanently" },
                    { 302, "Found" },
                    { 303, "See Other" },
                    { 304, "Not Modified" },
                    { 400, "Bad Request" },
                    { 401, "Unauthorized" },
                    { 403, "Forbidden" },
                    { 404, "Not Found" },
                    { 405, "Method Not Allowed" },
                    { 406, "Not Acceptable" },
                    { 408, "Request Timeout" },
                    { 409, "Conflict" },
                    { 410, "Gone" },
                    { 411, "Length Required" },
                    { 412, "Precondition Failed" },
                    { 413, "Content Too Large" },
                    { 414, "URI Too Long" },
                    { 415, "Unsupported Media Type" },
                    { 417, "Expectation Failed" },
                    { 421, "Misdirected Request" },
                    { 422, "Unprocessable Content" },
                    { 429, "Too Many Requests" },
                    { 431, "Request Header Fields Too Large" },
                    { 500, "Internal Server Error" },
                    { 501, "Not Implemented" },
                    { 502, "Bad Gateway" },
                    { 503, "Service Unavailable" },
                    { 504, "Gateway Timeout" },
                    { 505, "HTTP Version Not Supported" } };
    for (size_t i = 0; i < GEE_LENGTH(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}
