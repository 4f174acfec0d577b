/* fuzz_http.c: HTTP messages, one behind the other, as a server or as a client reads them: what is read does not depend
 * on how it is cut; a request that is written again in the plainest way is read as the same one.
 *
 * First byte: bits 0 to 1 what is read, bit 2 bodies are not kept, the rest how it is cut. */
#include "fuzz.h"

#define ROLE    0x03 /* 0 requests, 1 responses, 2 a response to HEAD, 3 one to CONNECT */
#define DISCARD 0x04

#define LIMITS   ((gee_http_limits_t){ .line = 1024, .head = 2048, .headers = 20, .body = 1024 })
#define MESSAGES 32

static gee_buf_cache_t *cache;

/* The message that was read, as text to be compared. */
typedef struct record {
    char text[1 << 16];
    size_t length;
} record_t;
static record_t whole, cut;

static void note(record_t *record, const char *what, const void *bytes, size_t length) {
    int count =
        snprintf(record->text + record->length, sizeof(record->text) - record->length, "%s %zu: ", what, length);
    FUZZ_CHECK(count > 0 && record->length + (size_t)count + length < sizeof(record->text), "there is more than came");
    record->length += (size_t)count;
    if (length > 0)
        memcpy(record->text + record->length, bytes, length);
    record->length += length;
}
#define NOTE(record, what, view) note(record, what, (view).data, (view).length)

static void note_head(record_t *record, const gee_http_message_t *message) {
    char text[100];
    snprintf(text, sizeof(text), "1.%u keep %d continue %d unknown %d status %d", message->minor, message->keep_alive,
             message->wants_continue, message->unknown_expectation, message->status);
    note(record, "head", text, strlen(text));
    NOTE(record, "method", message->method);
    NOTE(record, "path", message->path);
    NOTE(record, "query", message->query);
    NOTE(record, "reason", message->reason);
    for (size_t i = 0; i < message->header_count; i++) {
        NOTE(record, "name", message->headers[i].name);
        NOTE(record, "value", message->headers[i].value);
    }
}

/* ---- a request, written again ---- */

static void append(gee_chain_t *chain, gee_str_t text) {
    FUZZ_CHECK(gee_chain_append(chain, text.data, text.length) == 0, "out of memory");
}
#define APPEND(chain, literal) append(chain, GEE_STR(literal))

static bool is_framing(gee_str_t name) {
    return gee_str_equal_ignoring_case(name, GEE_STR("Content-Length")) ||
           gee_str_equal_ignoring_case(name, GEE_STR("Transfer-Encoding"));
}

static uint8_t *write_plainly(const gee_http_message_t *message, size_t *length) {
    gee_chain_t chain;
    char size[64];
    gee_chain_init(&chain, cache);
    append(&chain, message->method);
    APPEND(&chain, " ");
    append(&chain, message->target);
    append(&chain, message->minor ? GEE_STR(" HTTP/1.1\r\n") : GEE_STR(" HTTP/1.0\r\n"));
    for (size_t i = 0; i < message->header_count; i++) {
        if (is_framing(message->headers[i].name))
            continue;
        append(&chain, message->headers[i].name);
        APPEND(&chain, ": ");
        append(&chain, message->headers[i].value);
        APPEND(&chain, "\r\n");
    }
    snprintf(size, sizeof(size), "Content-Length: %zu\r\n\r\n", message->body.length);
    append(&chain, message->body.length > 0 ? gee_str(size) : GEE_STR("\r\n"));
    append(&chain, (gee_str_t){ (const char *)message->body.data, message->body.length });
    return fuzz_take_chain(&chain, length);
}

static void compare(const gee_http_message_t *a, const gee_http_message_t *b) {
    size_t other = 0;
    FUZZ_CHECK(gee_str_equal(a->method, b->method) && gee_str_equal(a->target, b->target), "another first line");
    FUZZ_CHECK(a->minor == b->minor && a->keep_alive == b->keep_alive, "another version or connection");
    FUZZ_CHECK(a->body.length == b->body.length &&
                   (a->body.length == 0 || memcmp(a->body.data, b->body.data, a->body.length) == 0),
               "another body");
    for (size_t i = 0; i < a->header_count; i++) {
        if (is_framing(a->headers[i].name))
            continue;
        FUZZ_CHECK(other < b->header_count && gee_str_equal(a->headers[i].name, b->headers[other].name) &&
                       gee_str_equal(a->headers[i].value, b->headers[other].value),
                   "another header %zu", i);
        other++;
    }
    FUZZ_CHECK(b->header_count == other + (b->body.length > 0), "%zu headers of %zu", b->header_count, other);
}

static void check_plain(const gee_http_message_t *message) {
    static const gee_http_limits_t wide = { .line = 4096, .head = 8192, .headers = 40, .body = 2048 };
    gee_http_reader_t *reader = gee_http_reader_create(GEE_HTTP_REQUEST, &wide, cache);
    gee_http_fault_t fault = { 0 };
    size_t length, used, rest;
    uint8_t *text = write_plainly(message, &length);
    gee_http_progress_t progress = gee_http_reader_take(reader, text, length, &used, &fault);
    FUZZ_CHECK(progress == GEE_HTTP_HEAD, "%d: %s", progress, fault.text ? fault.text : "");
    progress = gee_http_reader_take(reader, text + used, length - used, &rest, &fault);
    FUZZ_CHECK(progress == GEE_HTTP_DONE && used + rest == length, "%d, %zu and %zu of %zu: %s", progress, used, rest,
               length, fault.text ? fault.text : "");
    compare(message, gee_http_reader_message(reader));
    gee_http_reader_destroy(&reader);
    free(text);
}

/* ---- reading ---- */

static void ask_of(const gee_http_message_t *message) {
    gee_pool_t *pool = fuzz_pool();
    gee_http_query(message, "format", pool);
    gee_http_query(message, "a", pool);
    gee_http_prefers(message, "application/json", "text/html");
    gee_pool_destroy(&pool);
}

typedef struct reading {
    gee_http_reader_t *reader;
    record_t *record;
    unsigned role;
    bool over;
    unsigned messages;
} reading_t;

static void begin(reading_t *reading) {
    if ((reading->role & ROLE) == 2)
        gee_http_reader_answers_head(reading->reader);
    if ((reading->role & ROLE) == 3)
        gee_http_reader_answers_connect(reading->reader);
}

static void take_progress(reading_t *reading, gee_http_progress_t progress, const gee_http_fault_t *fault) {
    const gee_http_message_t *message = gee_http_reader_message(reading->reader);
    if (progress == GEE_HTTP_REFUSED) {
        FUZZ_CHECK(fault->status >= 400 && fault->status < 600 && fault->text != NULL, "%d", fault->status);
        note(reading->record, "refused", fault->text, strlen(fault->text));
        reading->over = true;
    } else if (progress == GEE_HTTP_HEAD) {
        note_head(reading->record, message);
        if (reading->role & DISCARD)
            gee_http_reader_discard_body(reading->reader);
    } else if (progress == GEE_HTTP_DONE) {
        NOTE(reading->record, "body", message->body);
        ask_of(message);
        if ((reading->role & (ROLE | DISCARD)) == 0)
            check_plain(message);
        gee_http_reader_reset(reading->reader);
        begin(reading);
        reading->over = ++reading->messages == MESSAGES;
    }
}

static void take_piece(reading_t *reading, const uint8_t *bytes, size_t length) {
    uint8_t *piece = fuzz_copy(bytes, length);
    gee_http_progress_t progress = GEE_HTTP_HEAD;
    for (size_t at = 0, used; !reading->over && (at < length || progress == GEE_HTTP_HEAD); at += used) {
        gee_http_fault_t fault = { 0 };
        progress = gee_http_reader_take(reading->reader, piece + at, length - at, &used, &fault);
        FUZZ_CHECK(used <= length - at, "%zu of %zu", used, length - at);
        FUZZ_CHECK(progress != GEE_HTTP_MORE || used == length - at, "wants more, but left %zu", length - at - used);
        take_progress(reading, progress, &fault);
    }
    free(piece);
}

static void read_all(const uint8_t *bytes, size_t length, unsigned role, unsigned seed, record_t *record) {
    static const gee_http_limits_t limits = LIMITS;
    fuzz_cuts_t cuts = fuzz_cuts(seed);
    reading_t reading = { .record = record, .role = role };
    reading.reader = gee_http_reader_create((role & ROLE) ? GEE_HTTP_RESPONSE : GEE_HTTP_REQUEST, &limits, cache);
    FUZZ_CHECK(reading.reader != NULL, "out of memory");
    record->length = 0;
    begin(&reading);
    for (size_t at = 0, piece; at < length && !reading.over; at += piece) {
        piece = fuzz_next_cut(&cuts, length - at);
        take_piece(&reading, bytes + at, piece);
    }
    if (!reading.over) {
        gee_http_fault_t fault = { 0 };
        gee_http_progress_t progress = gee_http_reader_end(reading.reader, &fault);
        FUZZ_CHECK(progress == GEE_HTTP_DONE || progress == GEE_HTTP_REFUSED, "%d", progress);
        take_progress(&reading, progress, &fault);
    }
    gee_http_reader_destroy(&reading.reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gee_error_t error;
    gee_addr_t addr;
    const char *target;
    if (size < 1)
        return 0;
    cache = gee_buf_cache_create(1 << 20);
    unsigned role = data[0] & (ROLE | DISCARD), seed = data[0] >> 3;
    read_all(data + 1, size - 1, role, 0, &whole);
    for (unsigned i = 0; i < 2; i++) {
        read_all(data + 1, size - 1, role, i == 0 ? 1 : 2 + seed, &cut);
        bool equal = cut.length == whole.length && memcmp(cut.text, whole.text, whole.length) == 0;
        if (!equal) {
            fuzz_show("in pieces", cut.text, cut.length);
            fuzz_show("whole", whole.text, whole.length);
        }
        FUZZ_CHECK(equal, "read otherwise when it came in pieces");
    }
    char *text = (char *)fuzz_copy(data, size);
    text[size - 1] = '\0';
    if (gee_http_parse_url(text, &addr, &target, &error) == 0)
        FUZZ_CHECK(target[0] == '/', "%s", target);
    free(text);
    FUZZ_CHECK(gee_buf_cache_live(cache) == 0, "%zu buffers", gee_buf_cache_live(cache));
    gee_buf_cache_destroy(&cache);
    return 0;
}
