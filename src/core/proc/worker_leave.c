/* worker_leave.c: how a worker ends.
 *
 *   GIVE, QUIT:                  no more accepting; each connection is passed on when no call is in flight;
 *                                a busy one takes no requests for a moment, time and again
 *   QUIT, or the master is gone: no more accepting; each session is drained when quiet, or after a second
 *   both:                        at shutdown_timeout the connections left are cut
 *   TERM:                        everything is cut
 *   the last connection is gone, the last handler has returned: the loop stops
 *
 * A session is drained, not closed: requests under way are still answered. */
#include <stdio.h>

#include "core/proc/worker_private.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

#define SWEEP_INTERVAL (50 * GEE_MILLISECOND)
#define GIVE_INTERVAL  (10 * GEE_MILLISECOND)
#define QUIET_SWEEPS   2                       /* without a byte and without a call in flight */
#define BUSY_PATIENCE  GEE_SECOND              /* then a busy session is drained, too */
#define CUT_PATIENCE   (250 * GEE_MILLISECOND) /* for last bytes, and for handlers to notice */
#define ALONE_PATIENCE (5 * GEE_SECOND)        /* for the master to name another taker */

/* How long a busy session takes no requests, so that the calls in flight end: longer each time, but short enough that
 * a call with a deadline of a second is not lost. */
#define FIRST_SUSPENSION_MS   100
#define LONGEST_SUSPENSION_MS 500

#define METHODS_NAMED 8  /* calls of a cut connection, in the log */
#define METHOD_SHOWN  64 /* bytes of a method's name, in the log */

/* ---- in good order ---- */

static bool is_quiet(gee_worker_connection_t *connection, const gee_session_t *session) {
    uint32_t bytes = (uint32_t)gee_stream_bytes_received(session->stream);
    if (session->call_count > 0 || bytes != connection->bytes_seen)
        connection->quiet_sweeps = 0;
    else if (connection->quiet_sweeps < QUIET_SWEEPS)
        connection->quiet_sweeps++;
    connection->bytes_seen = bytes;
    return connection->quiet_sweeps >= QUIET_SWEEPS;
}

/* Would the calls in flight soon be over without new ones? No, if the oldest has run longer than the longest
 * suspension. */
static bool is_short_lived(const gee_session_t *session, int64_t now) {
    gee_link_t *oldest = gee_list_first(&session->calls);
    return oldest == NULL ||
           now - GEE_CONTAINER(oldest, gee_call_t, session_link)->started_ns < LONGEST_SUSPENSION_MS * GEE_MILLISECOND;
}

static void suspend_session(gee_session_t *session, gee_worker_connection_t *connection, int64_t now) {
    unsigned next = connection->suspended_ms == 0 ? FIRST_SUSPENSION_MS : 2U * connection->suspended_ms;
    connection->suspended_ms = (uint16_t)(next < LONGEST_SUSPENSION_MS ? next : LONGEST_SUSPENSION_MS);
    connection->busy_ns = now;
    gee_session_pause(session, GEE_PAUSE_OWNER);
}

/* The session has calls in flight. If the calls are short but many, the session takes no requests for a moment, then
 * takes requests again. In the second half of shutdown_timeout the session takes none until quiet: waiting is better
 * than being cut. */
static void hurry(gee_worker_process_t *process, gee_session_t *session, gee_worker_connection_t *connection) {
    const gee_settings_t *settings = gee_cycle_settings(process->cycle);
    int64_t now = gee_loop_now(process->loop);
    if (connection->busy_ns == 0)
        connection->busy_ns = now;
    bool late = now - process->left_ns >= settings->shutdown_timeout / 2;
    int64_t since = now - connection->busy_ns;
    if (gee_session_open_streams(session) > 0) {
        /* Streaming calls need to hear their callers; in the second half other calls are sent elsewhere. */
        gee_session_unpause(session, GEE_PAUSE_OWNER);
        if (late)
            gee_session_drain(session);
        return;
    }
    if (!gee_session_is_paused(session, GEE_PAUSE_OWNER) &&
        (late || (since >= settings->handover_patience && is_short_lived(session, now)))) {
        suspend_session(session, connection, now);
    } else if (gee_session_is_paused(session, GEE_PAUSE_OWNER) && !late &&
               since >= connection->suspended_ms * GEE_MILLISECOND) {
        connection->busy_ns = now;
        gee_session_unpause(session, GEE_PAUSE_OWNER);
    }
}

static bool is_passed_on(const gee_worker_process_t *process) {
    return process->handing_over &&
           (process->alone_ns == 0 || gee_loop_now(process->loop) - process->alone_ns < ALONE_PATIENCE);
}

/* A connection that no worker takes over has the first half of shutdown_timeout: its client may be in the middle of
 * its calls. */
static bool may_stay(const gee_worker_process_t *process, const gee_worker_connection_t *connection, int64_t now) {
    return connection->refused && now - process->left_ns < gee_cycle_settings(process->cycle)->shutdown_timeout / 2;
}

static void drain_sessions(gee_worker_process_t *process) {
    int64_t now = gee_loop_now(process->loop);
    bool passed_on = is_passed_on(process);
    GEE_LIST_EACH(&process->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (session->role != GEE_SERVING)
            continue; /* a session to a backend, for calls in flight */
        gee_worker_connection_t *connection = session->owner;
        if (!session->established || session->state != GEE_SESSION_OPEN ||
            gee_session_is_paused(session, GEE_PAUSE_MOVING))
            continue;
        if (passed_on && !connection->refused && gee_session_may_leave(session)) {
            hurry(process, session, connection);
            continue;
        }
        if (gee_session_is_paused(session, GEE_PAUSE_OWNER))
            gee_session_unpause(session, GEE_PAUSE_OWNER);
        if (may_stay(process, connection, now))
            continue;
        /* A connection accepted from an emptied queue has its time from its accept. */
        int64_t since = connection->accepted_ns > process->left_ns ? connection->accepted_ns : process->left_ns;
        if (is_quiet(connection, session) || now - since >= BUSY_PATIENCE)
            gee_session_drain(session);
    }
}

/* Closes sessions of clients whose key is not in the new configuration any more. */
static void close_revoked(gee_worker_process_t *process) {
    GEE_LIST_EACH(&process->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        const gee_identity_t *identity = session->peer->identity;
        gee_error_t error;
        if (gee_session_is_ending(session) || gee_session_is_paused(session, GEE_PAUSE_MOVING) ||
            !gee_identity_revoked(identity))
            continue;
        gee_error_set(&error, GEE_PERMISSION_DENIED, "client %s may not call any more (seal.clients)",
                      gee_identity_name(identity));
        gee_log(process->log, GEE_LOG_NOTICE, "%s: closed: %s", gee_session_peer_text(session), error.text);
        gee_session_close(session, &error);
    }
    gee_door_close_revoked(process->engine);
}

static void on_sweep(gee_timer_t *timer) {
    gee_worker_process_t *process = GEE_CONTAINER(timer, gee_worker_process_t, sweep);
    close_revoked(process);
    if (!process->cutting)
        drain_sessions(process);
    gee_worker_offer_later(process);
    gee_worker_check_end(process);
    (void)gee_timer_start(process->loop, &process->sweep, is_passed_on(process) ? GIVE_INTERVAL : SWEEP_INTERVAL);
}

/* "Foo.Sleep, Foo.Sleep and 3 more"; empty when nothing is in flight. */
static void name_methods(const gee_session_t *session, char *text, size_t capacity) {
    size_t named = 0, length = 0;
    text[0] = '\0';
    GEE_LIST_EACH(&session->calls, link) {
        const gee_call_t *call = GEE_CONTAINER(link, gee_call_t, session_link);
        if (named == METHODS_NAMED || length + 1 >= capacity)
            break;
        gee_str_t name = call->method_name;
        if (name.length > METHOD_SHOWN)
            name.length = gee_utf8_cut(name.data, METHOD_SHOWN);
        length += gee_str_format(text + length, capacity - length, "%s%.*s", named++ > 0 ? ", " : "",
                                 GEE_STR_ARGUMENTS(name));
    }
    if (named < session->call_count && length + 1 < capacity)
        (void)gee_str_format(text + length, capacity - length, " and %zu more", (size_t)session->call_count - named);
}

static void log_cut(gee_worker_process_t *process) {
    char patience[GEE_DURATION_TEXT], methods[METHODS_NAMED * (METHOD_SHOWN + 6)];
    (void)gee_format_duration(patience, gee_cycle_settings(process->cycle)->shutdown_timeout);
    GEE_LIST_EACH(&process->engine->sessions, link) {
        const gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (session->role != GEE_SERVING || gee_session_is_paused(session, GEE_PAUSE_MOVING))
            continue;
        name_methods(session, methods, sizeof methods);
        gee_log(process->log, GEE_LOG_NOTICE, "%s: cut with %u call%s in flight%s%s: shutdown_timeout (%s) is over",
                gee_session_peer_text(session), session->call_count, session->call_count == 1 ? "" : "s",
                methods[0] != '\0' ? ": " : "", methods, patience);
    }
}

static void leave_on_deadline(gee_timer_t *timer) {
    gee_worker_process_t *process = GEE_CONTAINER(timer, gee_worker_process_t, deadline);
    if (!process->cutting) {
        log_cut(process);
        gee_worker_cut(process);
        return;
    }
    if (process->engine->live_calls > 0)
        gee_log(process->log, GEE_LOG_NOTICE, "calls that are still being handled are abandoned: %zu",
                process->engine->live_calls);
    process->abandon = process->engine->live_calls > 0;
    gee_worker_end(process);
}

static void stop_accepting(gee_worker_process_t *process) {
    if (process->leaving)
        return;
    process->left_ns = gee_loop_now(process->loop);
    process->sweep.fire = on_sweep;
    process->deadline.fire = leave_on_deadline;
    gee_worker_release_all(process);
    process->leaving = true;
    if (gee_timer_start(process->loop, &process->sweep, SWEEP_INTERVAL) != 0)
        gee_worker_end(process); /* out of memory: leave at once rather than never */
}

void gee_worker_leave(gee_worker_process_t *process) {
    if (process->leaving)
        return;
    stop_accepting(process);
    if (gee_timer_start(process->loop, &process->deadline, gee_cycle_settings(process->cycle)->shutdown_timeout) != 0)
        gee_worker_end(process);
    gee_worker_offer_later(process);
    gee_worker_check_end(process);
}

/* ---- at once ---- */

void gee_worker_cut(gee_worker_process_t *process) {
    if (process->cutting)
        return;
    stop_accepting(process);
    process->cutting = true;
    gee_worker_give_finish(process);
    gee_worker_take_finish(process);
    gee_door_close_all(process->engine);
    GEE_LIST_EACH(&process->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (session->role == GEE_SERVING) /* also cancels the calls forwarded to backends */
            gee_session_close(session, NULL);
    }
    if (gee_timer_start(process->loop, &process->deadline, CUT_PATIENCE) != 0)
        gee_worker_end(process);
    gee_worker_check_end(process);
}

void gee_worker_leave_finish(gee_worker_process_t *process) {
    gee_timer_stop(process->loop, &process->sweep);
    gee_timer_stop(process->loop, &process->deadline);
}
