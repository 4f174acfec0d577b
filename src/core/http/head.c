/* head.c: collects the lines before a body and checks each line as a sequence of bytes, before its meaning is read.
 * Linear, however the bytes are cut. */
#include "core/http/head.h"

#include <string.h>

#include "core/base/str.h"

void gee_http_head_init(gee_http_head_t *head, gee_buf_cache_t *cache) {
    memset(head, 0, sizeof(*head));
    gee_inbox_init(&head->text, cache);
}

void gee_http_head_reset(gee_http_head_t *head) {
    gee_inbox_clear(&head->text);
    head->line_start = head->line_count = 0;
    head->blank_seen = head->bare_lf = false;
}

void gee_http_head_expect_trailer(gee_http_head_t *head) {
    head->line_count = 1;
}

static gee_http_progress_t refuse(gee_http_fault_t *fault, int status, const char *text) {
    *fault = (gee_http_fault_t){ .status = status, .text = text };
    return GEE_HTTP_REFUSED;
}

/* RFC 9110, 5.6.2 */
static bool is_token_byte(uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           (byte != 0 && strchr("!#$%&'*+-.^_`|~", byte) != NULL);
}

/* METHOD SP TARGET SP HTTP/d.d (RFC 9112, 3), with one space each. reader.c checks whether method and version are
 * known. */
static const char *flaw_of_request_line(const uint8_t *line, size_t length) {
    size_t method = 0, target;
    while (method < length && is_token_byte(line[method]))
        method++;
    if (method == 0 || method == length || line[method] != ' ')
        return "the method is not well-formed";
    for (target = method + 1; target < length && line[target] != ' '; target++)
        if (line[target] < ' ' || line[target] >= 0x7f || line[target] == '#')
            return "the target has a control byte, a byte outside of ASCII, or a #";
    const uint8_t *version = line + target;
    if (target == method + 1 || length - target != 9 || memcmp(version, " HTTP/", 6) != 0 || version[6] < '0' ||
        version[6] > '9' || version[7] != '.' || version[8] < '0' || version[8] > '9')
        return "the first line is not: method, target, HTTP version";
    return NULL;
}

static const char *flaw_of_status_line(const uint8_t *line, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
            return "the first line has a control byte";
    return NULL;
}

/* `line` without its end. */
static const char *flaw_of_first_line(gee_http_kind_t kind, const uint8_t *line, size_t length) {
    return kind == GEE_HTTP_REQUEST ? flaw_of_request_line(line, length) : flaw_of_status_line(line, length);
}

static const char *flaw_of_header(const uint8_t *line, size_t length) {
    size_t name = 0;
    if (line[0] == ' ' || line[0] == '\t')
        return "a header line begins with white space (folded lines are not taken)";
    while (name < length && is_token_byte(line[name]))
        name++;
    if (name == 0 || name == length || line[name] != ':')
        return "a header's name is not well-formed";
    for (size_t i = name + 1; i < length; i++)
        if ((line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
            return "a header's value has a control byte";
    return NULL;
}

/* Makes the end of the last line CR LF and gives the length before it. */
static gee_http_progress_t end_line(gee_http_head_t *head, gee_http_kind_t kind, size_t *length,
                                    gee_http_fault_t *fault) {
    const uint8_t *line = gee_inbox_bytes(&head->text) + head->line_start;
    size_t whole = gee_inbox_length(&head->text) - head->line_start;
    *length = whole - 1;
    if (whole >= 2 && line[whole - 2] == '\r') {
        *length = whole - 2;
        return GEE_HTTP_MORE;
    }
    if (kind == GEE_HTTP_REQUEST && head->line_count == 0 && whole > 8 && memcmp(line, "CONNECT ", 8) == 0)
        head->bare_lf = true; /* as net/rpc's clients write */
    if (!head->bare_lf)
        return refuse(fault, 400, "a line ends with a bare line feed");
    head->text.end--; /* the line feed makes room */
    if (gee_inbox_append(&head->text, "\r\n", 2) != 0)
        return refuse(fault, 503, "out of memory");
    return GEE_HTTP_MORE;
}

/* Removes white space at the end of a header's line, which is no part of the value: llhttp may take a tab behind a
 * number otherwise. `line` without its CR LF. */
static void trim_line(gee_http_head_t *head, const uint8_t *line, size_t length) {
    size_t blank = 0;
    while (line[length - 1 - blank] == ' ' || line[length - 1 - blank] == '\t')
        blank++;
    if (blank == 0)
        return;
    head->text.end -= blank + 2;
    (void)gee_inbox_append(&head->text, "\r\n", 2); /* there is room: the line was longer */
}

/* The line that begins at line_start is whole. */
static gee_http_progress_t take_line(gee_http_head_t *head, gee_http_kind_t kind, const gee_http_limits_t *limits,
                                     gee_http_fault_t *fault) {
    size_t length;
    if (end_line(head, kind, &length, fault) == GEE_HTTP_REFUSED)
        return GEE_HTTP_REFUSED;
    const uint8_t *line = gee_inbox_bytes(&head->text) + head->line_start;
    if (length == 0 && head->line_count > 0)
        return GEE_HTTP_DONE;
    if (length == 0) { /* RFC 9112, 2.2: an empty line in front may be ignored; one is enough */
        if (head->blank_seen)
            return refuse(fault, 400, "empty lines in place of a message");
        head->blank_seen = true;
        gee_inbox_clear(&head->text);
        return GEE_HTTP_MORE;
    }
    const char *flaw = head->line_count == 0 ? flaw_of_first_line(kind, line, length) : flaw_of_header(line, length);
    if (flaw != NULL)
        return refuse(fault, 400, flaw);
    if (head->line_count > limits->headers)
        return refuse(fault, 431, "too many headers");
    if (head->line_count > 0)
        trim_line(head, line, length);
    head->line_count++;
    head->line_start = gee_inbox_length(&head->text);
    return GEE_HTTP_MORE;
}

gee_http_progress_t gee_http_head_take(gee_http_head_t *head, gee_http_kind_t kind, const gee_http_limits_t *limits,
                                       const uint8_t *bytes, size_t length, size_t *consumed, gee_http_fault_t *fault) {
    gee_http_progress_t progress = GEE_HTTP_MORE;
    *consumed = 0;
    while (*consumed < length && progress == GEE_HTTP_MORE) {
        const uint8_t *start = bytes + *consumed;
        const uint8_t *feed = memchr(start, '\n', length - *consumed);
        size_t count = feed ? (size_t)(feed - start) + 1 : length - *consumed;
        size_t before = gee_inbox_length(&head->text);
        if (before - head->line_start + count > limits->line)
            return head->line_count == 0 ? refuse(fault, 414, "the first line is too long")
                                         : refuse(fault, 431, "a header is too long");
        if (before + count > limits->head)
            return refuse(fault, 431, "the headers are too long");
        if (gee_inbox_append(&head->text, start, count) != 0)
            return refuse(fault, 503, "out of memory");
        *consumed += count;
        if (feed != NULL)
            progress = take_line(head, kind, limits, fault);
    }
    return progress;
}
