/* response.c: collects a response and writes it. */
#include "core/http/response.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/http/message.h"

void gee_http_response_init(gee_http_response_t *response, gee_buf_cache_t *cache) {
    memset(response, 0, sizeof(*response));
    response->status = 200;
    gee_inbox_init(&response->headers, cache);
    gee_inbox_init(&response->body, cache);
}

void gee_http_response_clear(gee_http_response_t *response) {
    gee_inbox_clear(&response->headers);
    gee_inbox_clear(&response->body);
    gee_buf_release(&response->shared_headers);
    gee_buf_release(&response->shared_body);
    response->shared_headers_length = response->shared_body_length = 0;
    response->status = 200;
    response->close = response->failed = response->has_type = false;
}

/* ---- headers ---- */

static bool has_control(gee_str_t text) {
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return true;
    return false;
}

static int append(gee_inbox_t *inbox, gee_str_t text) {
    return gee_inbox_append(inbox, text.data, text.length);
}

void gee_http_set_header(gee_http_response_t *response, const char *name, gee_str_t value) {
    if (has_control(gee_str(name)) || has_control(value) || append(&response->headers, gee_str(name)) != 0 ||
        append(&response->headers, GEE_STR(": ")) != 0 || append(&response->headers, value) != 0 ||
        append(&response->headers, GEE_STR("\r\n")) != 0)
        response->failed = true;
}

void gee_http_set_type(gee_http_response_t *response, const char *content_type) {
    response->has_type = true;
    gee_http_set_header(response, "Content-Type", gee_str(content_type));
}

/* ---- the body ---- */

void gee_http_write(gee_http_response_t *response, const void *bytes, size_t length) {
    if (gee_inbox_append(&response->body, bytes, length) != 0)
        response->failed = true;
}

void gee_http_print(gee_http_response_t *response, const char *format, ...) {
    va_list arguments, again;
    size_t space = 0;
    uint8_t *place = gee_inbox_space(&response->body, 256, &space);
    if (place == NULL) {
        response->failed = true;
        return;
    }
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf((char *)place, space, format, arguments);
    if (length >= 0 && (size_t)length >= space) {
        place = gee_inbox_space(&response->body, (size_t)length + 1, &space);
        length = place ? vsnprintf((char *)place, space, format, again) : -1;
    }
    va_end(again);
    va_end(arguments);
    gee_inbox_filled(&response->body, length > 0 ? (size_t)length : 0);
    response->failed = response->failed || length < 0;
}

static void share(gee_buf_t **place, size_t *place_length, gee_buf_t *bytes, size_t length) {
    gee_buf_release(place);
    *place = gee_buf_hold(bytes);
    *place_length = length;
}

void gee_http_share_headers(gee_http_response_t *response, gee_buf_t *lines, size_t length) {
    share(&response->shared_headers, &response->shared_headers_length, lines, length);
}

void gee_http_share_body(gee_http_response_t *response, gee_buf_t *bytes, size_t length) {
    share(&response->shared_body, &response->shared_body_length, bytes, length);
}

static gee_str_t entity_of(char byte) {
    switch (byte) {
    case '&':
        return GEE_STR("&amp;");
    case '<':
        return GEE_STR("&lt;");
    case '>':
        return GEE_STR("&gt;");
    case '"':
        return GEE_STR("&quot;");
    case '\'':
        return GEE_STR("&#39;");
    default:
        return GEE_STR("\xef\xbf\xbd");
    }
}

static bool is_plain(char byte) {
    return (unsigned char)byte >= ' ' && byte != 0x7f && strchr("&<>\"'", byte) == NULL;
}

void gee_http_escape(gee_http_response_t *response, gee_str_t text) {
    size_t at = 0;
    while (at < text.length) {
        size_t plain = at, sequence;
        while (plain < text.length && is_plain(text.data[plain]) &&
               (sequence = gee_utf8_sequence(text.data + plain, text.length - plain)) > 0)
            plain += sequence;
        if (plain > at) {
            gee_http_write(response, text.data + at, plain - at);
        } else {
            gee_str_t entity = text.data[at] == '\n' || text.data[at] == '\t' ? (gee_str_t){ text.data + at, 1 }
                                                                              : entity_of(text.data[at]);
            gee_http_write(response, entity.data, entity.length);
            plain++;
        }
        at = plain;
    }
}

void gee_http_fail(gee_http_response_t *response, int status, const char *detail) {
    bool close = response->close;
    gee_http_response_clear(response);
    response->close = close;
    response->status = status;
    gee_http_set_type(response, "text/plain; charset=utf-8");
    gee_http_print(response, "%d %s%s%s\n", status, gee_http_reason(status), detail ? ": " : "", detail ? detail : "");
}

/* ---- writing ---- */

/* RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". */
static void format_date(char *target, size_t capacity) {
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = (time_t)(gee_clock_wall() / GEE_SECOND);
    struct tm parts;
    memset(&parts, 0, sizeof(parts));
    gmtime_r(&now, &parts);
    snprintf(target, capacity, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * parts.tm_wday, parts.tm_mday,
             months + 3 * parts.tm_mon, parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

static bool has_content(int status) {
    return status >= 200 && status != 204 && status != 304;
}

static int write_head(const gee_http_response_t *response, unsigned minor, gee_chain_t *out) {
    char text[256], date[64];
    format_date(date, sizeof(date));
    int length = snprintf(text, sizeof(text), "HTTP/1.1 %d %s\r\nDate: %s\r\n", response->status,
                          gee_http_reason(response->status), date);
    if (has_content(response->status))
        length += snprintf(text + length, sizeof(text) - (size_t)length, "Content-Length: %zu\r\n",
                           gee_inbox_length(&response->body) + response->shared_body_length);
    if (response->close || minor == 0)
        length += snprintf(text + length, sizeof(text) - (size_t)length, "Connection: %s\r\n",
                           response->close ? "close" : "keep-alive");
    return gee_chain_append(out, text, (size_t)length);
}

static int append_inbox(gee_chain_t *out, const gee_inbox_t *inbox) {
    return gee_chain_append(out, gee_inbox_bytes(inbox), gee_inbox_length(inbox));
}

static int append_shared(gee_chain_t *out, gee_buf_t *shared, size_t length) {
    return length > 0 ? gee_chain_append_buf(out, shared, shared->data, length) : 0;
}

int gee_http_response_send(gee_http_response_t *response, unsigned minor, bool head, gee_chain_t *out) {
    gee_mark_t mark = gee_chain_mark(out);
    if (response->failed)
        gee_http_fail(response, 500, NULL);
    bool with_body = has_content(response->status) && !head;
    if (write_head(response, minor, out) == 0 && append_inbox(out, &response->headers) == 0 &&
        append_shared(out, response->shared_headers, response->shared_headers_length) == 0 &&
        gee_chain_append(out, "\r\n", 2) == 0 &&
        (!with_body || (append_inbox(out, &response->body) == 0 &&
                        append_shared(out, response->shared_body, response->shared_body_length) == 0)))
        return 0;
    gee_chain_rewind(out, mark);
    return -1;
}
