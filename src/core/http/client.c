/* client.c: dials, asks, reads the one response. */
#include "core/http/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"

struct gee_http_call {
    gee_loop_t *loop;
    gee_addr_t addr;
    gee_http_answered_t answered;
    void *data;
    int64_t started, timeout;
    gee_chain_t request; /* until the stream takes the bytes */
    gee_http_reader_t *reader;
    bool is_head;
    gee_dial_t *dial;
    gee_stream_t *stream;
    gee_timer_t timer;
};

void gee_http_cancel(gee_http_call_t **slot) {
    gee_http_call_t *call = *slot;
    *slot = NULL;
    if (call == NULL)
        return;
    gee_dial_cancel(&call->dial);
    gee_stream_destroy(&call->stream);
    gee_timer_stop(call->loop, &call->timer);
    gee_chain_clear(&call->request);
    gee_http_reader_destroy(&call->reader);
    free(call);
}

static gee_phase_t phase_of(const gee_http_call_t *call) {
    if (call->stream == NULL)
        return GEE_PHASE_CONNECT;
    return gee_stream_queued(call->stream) > 0 ? GEE_PHASE_SEND : GEE_PHASE_WAIT;
}

static void fail_call(gee_http_call_t *call, gee_error_t *error) {
    gee_http_answered_t answered = call->answered;
    void *data = call->data;
    error->elapsed_ns = gee_loop_now(call->loop) - call->started;
    gee_http_cancel(&call);
    answered(data, NULL, error);
}

static void GEE_PRINTF(3, 4) fail_with(gee_http_call_t *call, gee_code_t code, const char *format, ...) {
    gee_error_t error;
    va_list arguments;
    gee_phase_t phase = phase_of(call);
    va_start(arguments, format);
    gee_error_vset(&error, code, format, arguments);
    va_end(arguments);
    gee_error_prefix(&error, "%s: ", call->addr.text);
    error.phase = phase;
    fail_call(call, &error);
}

/* The call, which holds the response's memory, stays until answered() has returned. */
static void succeed(gee_http_call_t *call) {
    gee_stream_destroy(&call->stream);
    call->answered(call->data, gee_http_reader_message(call->reader), NULL);
    gee_http_cancel(&call);
}

/* ---- the stream ---- */

/* 1xx responses come before the response itself. */
static bool is_interim(const gee_http_call_t *call) {
    int status = gee_http_reader_message(call->reader)->status;
    return status >= 100 && status < 200;
}

static void begin_response(gee_http_call_t *call) {
    gee_http_reader_reset(call->reader);
    if (call->is_head)
        gee_http_reader_answers_head(call->reader);
}

static void on_received(gee_stream_t *stream, void *owner) {
    gee_http_call_t *call = owner;
    gee_inbox_t *inbox = gee_stream_inbox(stream);
    for (;;) {
        gee_http_fault_t fault;
        size_t consumed = 0;
        gee_http_progress_t progress =
            gee_http_reader_take(call->reader, gee_inbox_bytes(inbox), gee_inbox_length(inbox), &consumed, &fault);
        gee_inbox_consume(inbox, consumed);
        if (progress == GEE_HTTP_REFUSED) {
            fail_with(call, GEE_UNAVAILABLE, "the response cannot be read: %s", fault.text);
            return;
        }
        if (progress == GEE_HTTP_DONE && !is_interim(call)) {
            succeed(call);
            return;
        }
        if (progress == GEE_HTTP_DONE)
            begin_response(call);
        if (progress == GEE_HTTP_MORE)
            return;
    }
}

static void on_ended(gee_stream_t *stream GEE_UNUSED, void *owner) {
    gee_http_call_t *call = owner;
    gee_http_fault_t fault;
    if (!gee_http_reader_begun(call->reader))
        fail_with(call, GEE_UNAVAILABLE, "the peer closed the connection without a response");
    else if (gee_http_reader_end(call->reader, &fault) == GEE_HTTP_DONE)
        succeed(call);
    else
        fail_with(call, GEE_UNAVAILABLE, "the peer closed the connection in the middle of the response");
}

static void on_failed(gee_stream_t *stream GEE_UNUSED, void *owner, const gee_error_t *reason) {
    fail_with(owner, reason->code, "%s", reason->text);
}

static void on_call_timeout(gee_timer_t *timer) {
    gee_http_call_t *call = GEE_CONTAINER(timer, gee_http_call_t, timer);
    char text[GEE_DURATION_TEXT];
    fail_with(call, GEE_DEADLINE_EXCEEDED, "no response within %s", gee_format_duration(text, call->timeout));
}

static void dialled(void *data, gee_stream_t *stream, const gee_error_t *reason) {
    static const gee_stream_events_t events = { .received = on_received, .ended = on_ended, .failed = on_failed };
    gee_http_call_t *call = data;
    call->dial = NULL;
    if (stream == NULL) {
        gee_error_t error = *reason;
        fail_call(call, &error);
        return;
    }
    call->stream = stream;
    if (call->timeout > 0 &&
        gee_timer_start_at(call->loop, &call->timer, gee_time_add(call->started, call->timeout)) != 0) {
        fail_with(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    gee_chain_move(gee_stream_out(stream), &call->request);
    gee_stream_set_owner(stream, &events, call);
    gee_stream_flush(stream);
}

/* ---- the request ---- */

static bool is_clean(gee_str_t text) {
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.data[i] < ' ' || text.data[i] == 0x7f)
            return false;
    return true;
}

static int check_ask(const gee_http_ask_t *ask, gee_error_t *error) {
    bool clean = is_clean(gee_str(ask->method)) && is_clean(gee_str(ask->target)) && is_clean(gee_str(ask->host)) &&
                 strchr(ask->target, ' ') == NULL;
    for (size_t i = 0; i < ask->header_count; i++)
        clean = clean && is_clean(ask->headers[i].name) && is_clean(ask->headers[i].value);
    return clean ? 0 : gee_error_set(error, GEE_INVALID_ARGUMENT, "an HTTP request has no control bytes in its lines");
}

static int append(gee_chain_t *out, gee_str_t text) {
    return text.length == 0 ? 0 : gee_chain_append(out, text.data, text.length);
}

static int append_all(gee_chain_t *out, const gee_str_t *texts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (append(out, texts[i]) != 0)
            return -1;
    return 0;
}

static int write_request(gee_http_call_t *call, const gee_http_ask_t *ask, gee_error_t *error) {
    gee_chain_t *out = &call->request;
    char length[64] = "";
    const gee_str_t first[] = { gee_str(ask->method),
                                GEE_STR(" "),
                                gee_str(ask->target),
                                GEE_STR(" HTTP/1.1\r\nHost: "),
                                gee_str(ask->host ? ask->host : call->addr.place),
                                GEE_STR("\r\nConnection: close\r\n") };
    int failed = append_all(out, first, GEE_LENGTH(first));
    for (size_t i = 0; i < ask->header_count; i++) {
        const gee_str_t line[] = { ask->headers[i].name, GEE_STR(": "), ask->headers[i].value, GEE_STR("\r\n") };
        failed |= append_all(out, line, GEE_LENGTH(line));
    }
    if (ask->body.length > 0 || strcmp(ask->method, "POST") == 0 || strcmp(ask->method, "PUT") == 0)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", ask->body.length);
    const gee_str_t last[] = { gee_str(length), GEE_STR("\r\n"),
                               (gee_str_t){ (const char *)ask->body.data, ask->body.length } };
    failed |= append_all(out, last, GEE_LENGTH(last));
    return failed ? gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", call->addr.text) : 0;
}

gee_http_call_t *gee_http_start(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_transport_t *transport,
                                const gee_addr_t *addr, const gee_http_ask_t *ask, gee_http_answered_t answered,
                                void *data, gee_error_t *error) {
    gee_http_limits_t limits = ask->limits.head ? ask->limits : GEE_HTTP_LIMITS;
    if (check_ask(ask, error) != 0)
        return NULL;
    gee_http_call_t *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        return NULL;
    }
    call->loop = loop;
    call->addr = *addr;
    call->answered = answered;
    call->data = data;
    call->started = gee_loop_now(loop);
    call->timeout = ask->timeout_ns;
    call->timer.fire = on_call_timeout;
    call->is_head = strcmp(ask->method, "HEAD") == 0;
    gee_chain_init(&call->request, gee_loop_buffers(loop));
    call->reader = gee_http_reader_create(GEE_HTTP_RESPONSE, &limits, gee_loop_buffers(loop));
    if (call->reader == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        goto failed;
    }
    begin_response(call);
    if (write_request(call, ask, error) != 0)
        goto failed;
    call->dial = gee_dial_start(loop, threads, transport, addr, NULL, ask->timeout_ns, dialled, call, error);
    if (call->dial == NULL)
        goto failed;
    return call;
failed:
    gee_http_cancel(&call);
    return NULL;
}

int gee_http_parse_url(const char *url, gee_addr_t *addr, const char **target, gee_error_t *error) {
    static const char scheme[] = "http://";
    char text[GEE_ADDR_TEXT];
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "\"%.*s\": a URL begins with http:// (https is not taken)",
                             GEE_QUOTED(url));
    const char *host = url + sizeof(scheme) - 1;
    size_t length = strcspn(host, "/?#");
    const char *bracket = memchr(host, ']', length);
    const char *colon = memchr(bracket ? bracket : host, ':', length - (size_t)(bracket ? bracket - host : 0));
    if (length == 0 || length > 255 || memchr(host, '@', length) != NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "\"%.*s\": a URL looks like http://host:port/path",
                             GEE_QUOTED(url));
    if (host[length] != '/' && host[length] != '\0')
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "\"%.*s\": the path of a URL begins with /", GEE_QUOTED(url));
    snprintf(text, sizeof(text), "tcp@%.*s%s", (int)length, host, colon ? "" : ":80");
    *target = host[length] == '/' ? host + length : "/";
    if (gee_addr_parse(text, addr, error) != 0)
        return -1;
    char name[256];
    uint16_t port;
    return gee_addr_host_port(addr, name, &port, error);
}
