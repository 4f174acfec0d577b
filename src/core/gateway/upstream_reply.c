/* upstream_reply.c: what becomes of a call that was sent: an answer, no answer, or none within limits.try_timeout. */
#include "core/base/clock.h"
#include "core/gateway/upstream_private.h"

/* The call may be what ended the connection. So it gets one further connection, which has no other calls. */
static void accuse(gee_upstream_call_t *call, gee_error_t *error) {
    if (call->suspect)
        gee_error_prefix(error, "for the second time a connection has ended under this call: ");
    call->condemned = call->suspect;
    call->suspect = call->choosy = true;
}

static void end_lost(gee_upstream_call_t *call, const gee_status_t *status, bool unsent) {
    gee_error_t error;
    gee_error_set(&error, status->code, "%.*s", GEE_STR_ARGUMENTS(status->text));
    error.phase = gee_upstream_phase_of(call);
    call->at->lost++;
    if (!unsent)
        accuse(call, &error);
    gee_upstream_attempt_failed(call, &error, unsent);
}

static bool is_unsent(const gee_upstream_call_t *call) {
    return gee_backend_connection_bytes_sent(call->at) <= call->request_begin;
}

/* The time is over, or the connection was lost. */
static void end_unanswered(gee_upstream_call_t *call, const gee_status_t *status) {
    gee_backend_connection_t *connection = call->at;
    gee_backend_t *backend = call->backend;
    gee_error_t error;
    if (status->code != GEE_DEADLINE_EXCEEDED) {
        end_lost(call, status, is_unsent(call));
        return;
    }
    gee_phase_t phase = gee_upstream_phase_of(call);
    bool silent = connection->silent = gee_backend_connection_is_silent(connection);
    gee_upstream_time_error(call, phase == GEE_PHASE_WAIT, phase, &error);
    gee_upstream_log_time_over(call, backend->addr.text, &error);
    gee_backend_hold(backend);
    gee_upstream_release_slot(call, GEE_OUTCOME_FAILED, call->outgoing.slot_kept);
    if (silent) /* the server is slow, and not this call */
        gee_backend_failed(backend, &error, true);
    gee_upstream_fail(call, &error, backend->addr.text);
    gee_backend_release(backend);
}

/* The call has a better place to go; its backend may go on working on the call. */
static void leave_attempt(gee_upstream_call_t *call) {
    gee_session_forget(call->outgoing.session, &call->outgoing);
    gee_upstream_release_slot(call, GEE_OUTCOME_FAILED, call->outgoing.slot_kept);
}

void gee_upstream_try_over(gee_timer_t *timer) {
    gee_upstream_call_t *call = GEE_CONTAINER(timer, gee_upstream_call_t, try_timer);
    gee_backend_t *backend = call->backend, *next = gee_upstream_another(call);
    bool silent = gee_backend_connection_is_silent(call->at);
    char text[GEE_DURATION_TEXT];
    gee_error_t error;
    gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "no reply within %s (try_timeout)",
                  gee_format_duration(text, call->upstream->limits.try_timeout));
    error.phase = GEE_PHASE_WAIT;
    gee_upstream_log_time_over(call, backend->addr.text, &error);
    call->at->silent |= silent;
    gee_backend_hold(backend);
    if (next != NULL)
        leave_attempt(call);
    else
        gee_upstream_start_trying(call); /* a late reply is better than none */
    if (silent)
        gee_backend_failed(backend, &error, true);
    if (next != NULL)
        gee_upstream_go_to(call, next);
    gee_backend_release(backend);
}

void gee_upstream_on_done(gee_outgoing_t *outgoing, const gee_event_t *reply) {
    gee_upstream_call_t *call = GEE_CONTAINER(outgoing, gee_upstream_call_t, outgoing);
    if (outgoing->answered)
        gee_upstream_answered(call, reply);
    else
        end_unanswered(call, &reply->status);
}

/* A backend that has said something to the call is not to blame for the call's length. */
static void end_stream_late(gee_upstream_call_t *call) {
    gee_backend_t *backend = call->backend;
    gee_error_t error;
    gee_upstream_time_error(call, gee_upstream_phase_of(call) == GEE_PHASE_WAIT, gee_upstream_phase_of(call), &error);
    if (!call->stream->heard)
        gee_upstream_log_time_over(call, backend->addr.text, &error);
    gee_backend_hold(backend);
    gee_upstream_release_slot(call, call->stream->heard ? GEE_OUTCOME_ABANDONED : GEE_OUTCOME_FAILED, false);
    gee_upstream_fail(call, &error, backend->addr.text);
    gee_backend_release(backend);
}

GEE_APART void gee_upstream_stream_unanswered(gee_upstream_call_t *call, const gee_status_t *status) {
    if (gee_session_is_ending(call->at->session)) { /* what was kept back until the peer's answer has not been sent */
        end_lost(call, status, !call->stream->flow.opened || is_unsent(call));
    } else if (status->code == GEE_DEADLINE_EXCEEDED) {
        end_stream_late(call);
    } else {
        gee_error_t error;
        gee_error_set(&error, status->code, "%.*s", GEE_STR_ARGUMENTS(status->text));
        error.phase = GEE_PHASE_WAIT;
        gee_upstream_fail_at_backend(call, &error);
    }
}
