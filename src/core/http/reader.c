/* reader.c: drives llhttp: one call with the whole head, then the body as it comes. The only file that knows llhttp. */
#include "core/http/reader.h"

#include <stdlib.h>
#include <string.h>

#include <llhttp.h>

#include "core/base/assert.h"
#include "core/base/defs.h"
#include "core/http/guard.h"
#include "core/http/head.h"

/* Chunks of one byte take six bytes each; a body whose framing takes more than that, trailers included, is refused. */
#define FRAMING_FACTOR 8
#define FRAMING_SPARE  (16 * GEE_KIB)

struct gee_http_reader {
    gee_http_kind_t kind;
    gee_http_limits_t limits;
    gee_http_head_t head, trailer;
    gee_inbox_t body;
    size_t body_length; /* decoded bytes, kept or not */
    size_t raw_length;  /* bytes of the body on the wire */
    gee_http_message_t message;
    size_t header_capacity;
    bool begun, head_done, body_done;
    bool in_trailer; /* the last chunk was read */
    bool answers_head, answers_connect, discard;
    gee_http_fault_t fault; /* set by a callback */
    llhttp_t parser;
};

/* ---- callbacks of llhttp ---- */

static gee_str_t view(const char *at, size_t length) {
    return (gee_str_t){ .data = at, .length = length };
}

static int refuse_inside(gee_http_reader_t *reader, int status, const char *text) {
    reader->fault = (gee_http_fault_t){ .status = status, .text = text };
    return HPE_USER;
}

static int on_url(llhttp_t *parser, const char *at, size_t length) {
    gee_http_reader_t *reader = parser->data;
    reader->message.target = view(at, length);
    return 0;
}

static int on_status(llhttp_t *parser, const char *at, size_t length) {
    gee_http_reader_t *reader = parser->data;
    reader->message.reason = view(at, length);
    return 0;
}

static int grow_headers(gee_http_reader_t *reader) {
    size_t capacity = reader->header_capacity ? reader->header_capacity * 2 : 16;
    gee_http_header_t *headers = realloc(reader->message.headers, capacity * sizeof(*headers));
    if (headers == NULL)
        return refuse_inside(reader, 503, "out of memory");
    reader->message.headers = headers;
    reader->header_capacity = capacity;
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t length) {
    gee_http_reader_t *reader = parser->data;
    gee_http_message_t *message = &reader->message;
    if (message->header_count == reader->header_capacity && grow_headers(reader) != 0)
        return HPE_USER;
    message->headers[message->header_count++] = (gee_http_header_t){ .name = view(at, length) };
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length) {
    gee_http_reader_t *reader = parser->data;
    gee_http_message_t *message = &reader->message;
    if (message->header_count == 0)
        return 0;
    while (length > 0 && (at[length - 1] == ' ' || at[length - 1] == '\t'))
        length--;
    message->headers[message->header_count - 1].value = view(at, length);
    return 0;
}

static bool is_letter(char byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

static bool is_connect(const gee_http_reader_t *reader) {
    return gee_str_equal(reader->message.method, GEE_STR("CONNECT"));
}

static int check_request(gee_http_reader_t *reader, bool has_body) {
    const gee_http_message_t *message = &reader->message;
    size_t hosts = gee_http_header_count(message, "Host");
    if (hosts > 1 || (hosts == 0 && message->minor >= 1))
        return refuse_inside(reader, 400, "a request must have one Host header");
    if (!gee_http_authority_valid(gee_http_header(message, "Host")) || !gee_http_authority_valid(message->authority))
        return refuse_inside(reader, 400, "the host is not well-formed: expected a name or an address, and a port");
    if (is_connect(reader) && has_body)
        return refuse_inside(reader, 400, "a CONNECT request has no body");
    return 0;
}

/* Refuses framing that llhttp allows: codings that we cannot undo, and lengths that are said twice. */
static int check_framing(gee_http_reader_t *reader) {
    const gee_http_message_t *message = &reader->message;
    size_t codings = gee_http_header_count(message, "Transfer-Encoding");
    size_t lengths = gee_http_header_count(message, "Content-Length");
    if (codings > 0 && lengths > 0)
        return refuse_inside(reader, 400, "both Content-Length and Transfer-Encoding");
    if (codings > 1 || lengths > 1)
        return refuse_inside(reader, 400, "Content-Length or Transfer-Encoding twice");
    if (codings == 0)
        return 0;
    if (reader->kind == GEE_HTTP_REQUEST && message->minor == 0)
        return refuse_inside(reader, 400, "Transfer-Encoding in HTTP/1.0");
    if (!gee_str_equal_ignoring_case(gee_http_header(message, "Transfer-Encoding"), GEE_STR("chunked")))
        return refuse_inside(reader, 501, "a Transfer-Encoding other than chunked");
    return 0;
}

static void read_expectation(gee_http_message_t *message, bool has_body) {
    gee_str_t expect = gee_http_header(message, "Expect");
    if (expect.data == NULL || message->minor == 0)
        return;
    if (gee_str_equal_ignoring_case(expect, GEE_STR("100-continue")))
        message->wants_continue = has_body;
    else
        message->unknown_expectation = true;
}

/* "/a?b" to "/a" and "b"; "http://host/a?b" likewise, with any scheme. */
static void split_target(gee_http_message_t *message) {
    gee_str_t rest = message->target;
    size_t scheme = 0;
    while (scheme < rest.length && is_letter(rest.data[scheme]))
        scheme++;
    if (scheme > 0 && gee_str_starts_with(view(rest.data + scheme, rest.length - scheme), GEE_STR("://"))) {
        rest = view(rest.data + scheme + 3, rest.length - scheme - 3);
        size_t host = 0;
        while (host < rest.length && rest.data[host] != '/' && rest.data[host] != '?')
            host++;
        message->authority = view(rest.data, host);
        rest = view(rest.data + host, rest.length - host);
    }
    ptrdiff_t mark = gee_str_find(rest, '?');
    message->path = mark < 0 ? rest : view(rest.data, (size_t)mark);
    message->query = mark < 0 ? view("", 0) : view(rest.data + mark + 1, rest.length - (size_t)mark - 1);
    if (message->path.length == 0)
        message->path = GEE_STR("/");
}

static int on_headers_complete(llhttp_t *parser) {
    gee_http_reader_t *reader = parser->data;
    gee_http_message_t *message = &reader->message;
    bool has_body = parser->content_length > 0 || (parser->flags & F_CHUNKED) != 0;
    message->minor = parser->http_minor;
    message->status = parser->status_code;
    message->keep_alive = llhttp_should_keep_alive(parser) != 0;
    if (check_framing(reader) != 0)
        return -1;
    if (reader->kind == GEE_HTTP_REQUEST) {
        split_target(message);
        if (check_request(reader, has_body) != 0)
            return -1;
        read_expectation(message, has_body);
    }
    reader->head_done = true;
    if (reader->answers_head || reader->answers_connect)
        return 1; /* no body */
    if (parser->content_length > reader->limits.body && (parser->flags & F_CONTENT_LENGTH)) {
        refuse_inside(reader, 413, "the body is too long");
        return -1;
    }
    if (!is_connect(reader))
        parser->upgrade = 0; /* a server may ignore an Upgrade header, as this server does */
    return 0;
}

static int on_chunk_header(llhttp_t *parser) {
    gee_http_reader_t *reader = parser->data;
    if (parser->content_length > reader->limits.body - reader->body_length)
        return refuse_inside(reader, 413, "the body is too long");
    if (parser->content_length > 0)
        return 0;
    reader->in_trailer = true;
    gee_http_head_expect_trailer(&reader->trailer);
    return HPE_PAUSED; /* head.c reads the trailer: llhttp takes lines that other readers split elsewhere */
}

static int on_body(llhttp_t *parser, const char *at, size_t length) {
    gee_http_reader_t *reader = parser->data;
    if (length > reader->limits.body - reader->body_length)
        return refuse_inside(reader, 413, "the body is too long");
    if (!reader->discard && gee_inbox_append(&reader->body, at, length) != 0)
        return refuse_inside(reader, 503, "out of memory");
    reader->body_length += length;
    return 0;
}

static int on_message_complete(llhttp_t *parser) {
    gee_http_reader_t *reader = parser->data;
    reader->body_done = true;
    return HPE_PAUSED; /* the bytes behind belong to the next message */
}

static const llhttp_settings_t settings = { .on_url = on_url,
                                            .on_status = on_status,
                                            .on_header_field = on_header_field,
                                            .on_header_value = on_header_value,
                                            .on_headers_complete = on_headers_complete,
                                            .on_chunk_header = on_chunk_header,
                                            .on_body = on_body,
                                            .on_message_complete = on_message_complete };

/* ---- the life of a reader ---- */

static void begin_message(gee_http_reader_t *reader) {
    llhttp_init(&reader->parser, reader->kind == GEE_HTTP_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    reader->parser.data = reader;
}

gee_http_reader_t *gee_http_reader_create(gee_http_kind_t kind, const gee_http_limits_t *limits,
                                          gee_buf_cache_t *cache) {
    gee_http_reader_t *reader = calloc(1, sizeof(*reader));
    if (reader == NULL)
        return NULL;
    reader->kind = kind;
    reader->limits = *limits;
    gee_http_head_init(&reader->head, cache);
    gee_http_head_init(&reader->trailer, cache);
    gee_inbox_init(&reader->body, cache);
    begin_message(reader);
    return reader;
}

void gee_http_reader_reset(gee_http_reader_t *reader) {
    gee_http_head_reset(&reader->head);
    gee_http_head_reset(&reader->trailer);
    gee_inbox_clear(&reader->body);
    free(reader->message.headers);
    memset(&reader->message, 0, sizeof(reader->message));
    reader->body_length = reader->raw_length = reader->header_capacity = 0;
    reader->begun = reader->head_done = reader->body_done = reader->in_trailer = false;
    reader->answers_head = reader->answers_connect = reader->discard = false;
    reader->fault = (gee_http_fault_t){ 0 };
    begin_message(reader);
}

void gee_http_reader_destroy(gee_http_reader_t **slot) {
    gee_http_reader_t *reader = *slot;
    *slot = NULL;
    if (reader == NULL)
        return;
    gee_http_reader_reset(reader);
    free(reader);
}

void gee_http_reader_answers_head(gee_http_reader_t *reader) {
    GEE_ASSERT(!reader->begun);
    reader->answers_head = true;
}

void gee_http_reader_answers_connect(gee_http_reader_t *reader) {
    reader->answers_connect = reader->head.bare_lf = true;
}

void gee_http_reader_discard_body(gee_http_reader_t *reader) {
    reader->discard = true;
}

bool gee_http_reader_begun(const gee_http_reader_t *reader) {
    return reader->begun;
}

const gee_http_message_t *gee_http_reader_message(const gee_http_reader_t *reader) {
    return &reader->message;
}

/* ---- reading ---- */

/* The status and text for an error of llhttp's. */
static gee_http_progress_t refused_by_parser(const gee_http_reader_t *reader, gee_http_fault_t *fault) {
    if (reader->fault.text != NULL) {
        *fault = reader->fault;
        return GEE_HTTP_REFUSED;
    }
    switch (llhttp_get_errno(&reader->parser)) {
    case HPE_INVALID_METHOD:
        *fault = (gee_http_fault_t){ 501, "the method is not known" };
        break;
    case HPE_INVALID_VERSION:
    case HPE_PAUSED_H2_UPGRADE:
        *fault = (gee_http_fault_t){ 505, "the version is not HTTP/1.0 or HTTP/1.1" };
        break;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
        *fault = (gee_http_fault_t){
            400, "the length of the body is not said in one well-formed way (Content-Length, Transfer-Encoding)"
        };
        break;
    case HPE_INVALID_CHUNK_SIZE:
        *fault = (gee_http_fault_t){ 400, "a chunk's size is not well-formed" };
        break;
    case HPE_INVALID_URL:
        *fault = (gee_http_fault_t){ 400, "the target is not well-formed" };
        break;
    default:
        *fault = (gee_http_fault_t){ 400, "it is not well-formed" };
        break;
    }
    return GEE_HTTP_REFUSED;
}

/* Precondition, checked by head.c: the line has two spaces, and HTTP/d.d behind the second. */
static void note_method(gee_http_reader_t *reader) {
    const char *text = (const char *)gee_inbox_bytes(&reader->head.text);
    const char *space = memchr(text, ' ', gee_inbox_length(&reader->head.text));
    reader->message.method = view(text, (size_t)(space - text));
}

static bool version_is_known(const gee_http_reader_t *reader) {
    const char *text = (const char *)gee_inbox_bytes(&reader->head.text);
    const char *end = memchr(text, '\r', gee_inbox_length(&reader->head.text));
    return memcmp(end - 3, "1.0", 3) == 0 || memcmp(end - 3, "1.1", 3) == 0;
}

static gee_http_progress_t read_head(gee_http_reader_t *reader, gee_http_fault_t *fault) {
    const char *text = (const char *)gee_inbox_bytes(&reader->head.text);
    if (reader->kind == GEE_HTTP_REQUEST) {
        note_method(reader);
        if (!version_is_known(reader)) {
            *fault = (gee_http_fault_t){ 505, "the version is not HTTP/1.0 or HTTP/1.1" };
            return GEE_HTTP_REFUSED;
        }
    }
    llhttp_errno_t outcome = llhttp_execute(&reader->parser, text, gee_inbox_length(&reader->head.text));
    if (outcome == HPE_PAUSED_UPGRADE && reader->head_done) {
        reader->body_done = true;
        outcome = HPE_OK;
    }
    if (reader->fault.text != NULL || (outcome != HPE_OK && outcome != HPE_PAUSED) || !reader->head_done)
        return refused_by_parser(reader, fault);
    return GEE_HTTP_HEAD;
}

static gee_http_progress_t finish_message(gee_http_reader_t *reader) {
    reader->message.body =
        (gee_bytes_t){ .data = gee_inbox_bytes(&reader->body), .length = gee_inbox_length(&reader->body) };
    return GEE_HTTP_DONE;
}

/* Trailers are checked and not kept: nothing here reads them. */
static gee_http_progress_t read_trailer(gee_http_reader_t *reader, const uint8_t *bytes, size_t length,
                                        size_t *consumed, gee_http_fault_t *fault) {
    gee_http_progress_t progress =
        gee_http_head_take(&reader->trailer, reader->kind, &reader->limits, bytes, length, consumed, fault);
    if (progress != GEE_HTTP_DONE)
        return progress;
    reader->body_done = true;
    return finish_message(reader);
}

static gee_http_progress_t read_body(gee_http_reader_t *reader, const uint8_t *bytes, size_t length, size_t *consumed,
                                     gee_http_fault_t *fault) {
    if (reader->body_done)
        return finish_message(reader);
    if (reader->in_trailer)
        return read_trailer(reader, bytes, length, consumed, fault);
    if (length == 0)
        return GEE_HTTP_MORE; /* a length of 0 would tell llhttp that the stream has ended */
    const char *text = (const char *)bytes;
    llhttp_errno_t outcome = llhttp_execute(&reader->parser, text, length);
    bool paused = outcome == HPE_PAUSED && (reader->body_done || reader->in_trailer);
    if (reader->fault.text != NULL || (outcome != HPE_OK && !paused))
        return refused_by_parser(reader, fault);
    *consumed = outcome == HPE_OK ? length : (size_t)(llhttp_get_error_pos(&reader->parser) - text);
    reader->raw_length += *consumed;
    if (reader->raw_length / FRAMING_FACTOR > reader->body_length + FRAMING_SPARE / FRAMING_FACTOR) {
        *fault = (gee_http_fault_t){ 400, "the chunks have more framing than content" };
        return GEE_HTTP_REFUSED;
    }
    if (reader->in_trailer && *consumed < length) {
        size_t taken;
        gee_http_progress_t progress = read_trailer(reader, bytes + *consumed, length - *consumed, &taken, fault);
        *consumed += taken;
        return progress;
    }
    return reader->body_done ? finish_message(reader) : GEE_HTTP_MORE;
}

gee_http_progress_t gee_http_reader_take(gee_http_reader_t *reader, const uint8_t *bytes, size_t length,
                                         size_t *consumed, gee_http_fault_t *fault) {
    *consumed = 0;
    if (reader->head_done)
        return read_body(reader, bytes, length, consumed, fault);
    reader->begun = reader->begun || length > 0;
    gee_http_progress_t progress =
        gee_http_head_take(&reader->head, reader->kind, &reader->limits, bytes, length, consumed, fault);
    return progress == GEE_HTTP_DONE ? read_head(reader, fault) : progress;
}

gee_http_progress_t gee_http_reader_end(gee_http_reader_t *reader, gee_http_fault_t *fault) {
    if (reader->head_done && !reader->body_done && llhttp_finish(&reader->parser) == HPE_OK)
        reader->body_done = true;
    if (reader->head_done && reader->body_done)
        return finish_message(reader);
    *fault = (gee_http_fault_t){ 400, "the stream ended in the middle of the message" };
    return GEE_HTTP_REFUSED;
}
