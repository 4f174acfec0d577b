/* upstream_error.c: the texts of what fails in an upstream, and where a call is. */
#include "core/base/clock.h"
#include "core/gateway/upstream_private.h"

void gee_upstream_locate(gee_error_t *error, const char *address, gee_phase_t phase, gee_code_t code, gee_str_t text) {
    if (address == NULL || phase == GEE_PHASE_NONE || gee_str_starts_with(text, gee_str(address)))
        gee_error_set(error, code, "%.*s", GEE_STR_ARGUMENTS(text));
    else
        gee_error_set(error, code, "%s: %s: %.*s", address, gee_phase_name(phase), GEE_STR_ARGUMENTS(text));
    if (error != NULL)
        error->phase = phase;
}

void gee_upstream_error(const gee_upstream_result_t *result, gee_error_t *error) {
    gee_upstream_locate(error, result->from_peer ? NULL : result->address, result->phase, result->status.code,
                        result->status.text);
    if (error != NULL)
        error->from_peer = result->from_peer;
}

void gee_upstream_where(const gee_upstream_call_t *call, gee_upstream_result_t *result) {
    *result = (gee_upstream_result_t){ 0 };
    if (call->upstream == NULL)
        return;
    result->tries = call->tried_count;
    const gee_backend_t *backend = call->backend;
    if (backend == NULL && call->stream != NULL)
        backend = call->stream->answered_by;
    result->address = backend ? backend->addr.text : NULL;
    result->phase = call->at != NULL           ? gee_upstream_phase_of(call)
                    : backend != call->backend ? GEE_PHASE_WAIT
                                               : GEE_PHASE_CONNECT;
}

void gee_upstream_time_error(const gee_upstream_call_t *call, bool sent, gee_phase_t phase, gee_error_t *error) {
    char text[GEE_DURATION_TEXT];
    bool heard = call->stream != NULL && call->stream->heard;
    gee_error_set(error, GEE_DEADLINE_EXCEEDED,
                  heard  ? "not over within %s"
                  : sent ? "no reply within %s"
                         : "not sent within %s",
                  gee_format_duration(text, gee_round_duration(call->timeout_ns)));
    error->phase = phase;
}

/* Always logged: calls without a reply are what an operator looks for when a server is slow. */
GEE_APART void gee_upstream_log_time_over(const gee_upstream_call_t *call, const char *address,
                                          const gee_error_t *error) {
    const gee_upstream_t *upstream = call->upstream;
    gee_log(upstream->engine->log, GEE_LOG_WARN, "upstream %s: %s%s%.*s: %s", upstream->name, address ? address : "",
            address ? ": " : "", GEE_STR_ARGUMENTS(call->method), error->text);
}
