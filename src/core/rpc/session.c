/* session.c: one conversation as a whole: reading, ending, timers. The parts of one role are in session_serving.c
 * and session_calls.c.
 *
 *   stream received -> parse loop -> protocol.receive -> gee_session_event -> dispatch | waiting call
 *                        |  ^ stalls while too many calls are in flight or too much output waits
 *                        v  |
 *                   timers: peer_timer bounds what the peer has begun, idle_timer what it does not begin */

#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/rpc/door.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/memory.h"
#include "core/rpc/session_flows.h"
#include "core/rpc/session_private.h"

/* How long a closing connection may take to fetch its last bytes. */
#define LINGER (5 * GEE_SECOND)

/* A session that is too old is drained when nothing has come for a while, since a call that is on its way would be
 * lost; a session that is never quiet is drained some time later all the same. */
#define AGE_QUIET  GEE_SECOND
#define AGE_CHECKS 10 /* of AGE_QUIET */

/* ---- closing ---- */

static void end_with_pass(gee_session_t *session, gee_session_state_t state, const gee_error_t *reason) {
    gee_session_enter(session, state);
    if (reason != NULL) {
        session->failed = true;
        session->close_reason = strdup(reason->text); /* null is read as "out of memory" */
    }
    gee_stream_pause(session->stream);
    gee_loop_defer(session->engine->loop, &session->close_task);
}

void gee_session_close(gee_session_t *session, const gee_error_t *reason) {
    if (!gee_session_is_ending(session))
        end_with_pass(session, GEE_SESSION_CLOSING, reason);
}

static int make_codec_states(gee_session_t *session, gee_error_t *error) {
    const gee_codec_t *codec = session->codec;
    if (codec == NULL)
        return 0;
    if (gee_codec_state_create(session->engine, codec, &session->receive_state, error) != 0)
        return -1;
    if (!codec->one_state)
        return gee_codec_state_create(session->engine, codec, &session->send_state, error);
    session->send_state = session->receive_state;
    return 0;
}

static void free_states(gee_session_t *session) {
    if (session->send_state == session->receive_state)
        session->send_state = NULL;
    gee_codec_state_destroy(session->codec, &session->receive_state);
    gee_codec_state_destroy(session->codec, &session->send_state);
    if (session->protocol->stop != NULL)
        session->protocol->stop(session, session->protocol_state);
}

static void end_calls(gee_session_t *session, const gee_error_t *reason) {
    gee_link_t *link;
    if (session->role == GEE_CALLING)
        gee_session_fail_calls(session, reason);
    else
        gee_session_drop_tokens(session);
    while ((link = gee_list_first(&session->calls)) != NULL)
        session->engine->server->cancel(GEE_CONTAINER(link, gee_call_t, session_link), false);
}

static void free_part_of_role(gee_session_t *session) {
    if (session->role == GEE_CALLING) {
        gee_waiting_free(&session->calling.waiting);
        return;
    }
    gee_timer_stop(session->engine->loop, &session->serving.idle_timer);
    gee_timer_stop(session->engine->loop, &session->serving.age_timer);
    free(session->serving.way_back);
}

void gee_session_dismantle(gee_session_t *session, const gee_error_t *reason) {
    gee_engine_t *engine = session->engine;
    if (session->state != GEE_SESSION_CLOSING)
        gee_session_enter(session, GEE_SESSION_CLOSING);
    gee_timer_stop(engine->loop, &session->peer_timer);
    gee_loop_undefer(&session->close_task);
    end_calls(session, reason);
    if (session->events != NULL && session->events->closed != NULL)
        session->events->closed(session, session->owner, session->failed ? reason : NULL);
    free_states(session);
    gee_session_free_flows(session);
    gee_list_remove(&session->link);
    gee_memory_forget(session);
    engine->session_count--;
    free_part_of_role(session);
    gee_peer_record_release(&session->peer);
    free(session->close_reason);
}

static void reason_of(const gee_session_t *session, gee_error_t *reason) {
    gee_error_set(reason, GEE_UNAVAILABLE, "%s",
                  !session->failed        ? "the connection was closed"
                  : session->close_reason ? session->close_reason
                                          : "out of memory");
    reason->phase = session->established ? GEE_PHASE_WAIT : GEE_PHASE_HANDSHAKE;
}

/* The owner keeps what the owner has of the connection: the next session tells of the connection's end. */
static void run_hand_back(gee_session_t *session) {
    gee_engine_t *engine = session->engine;
    gee_stream_t *stream = session->stream;
    gee_way_back_t way = *session->serving.way_back;
    gee_error_t error;
    session->events = NULL;
    gee_session_dismantle(session, NULL);
    free(session);
    gee_stream_resume(stream);
    if (way.next_layer != NULL && gee_stream_push(stream, way.next_layer, GEE_SERVING, NULL, &error) != 0) {
        gee_log(engine->log, GEE_LOG_WARN, "%s: %s: %s", gee_stream_peer_text(stream), way.next_layer->name,
                error.text);
        gee_stream_destroy(&stream);
        if (way.options.left != NULL)
            way.options.left(way.options.owner, false);
        return;
    }
    way.reopen(engine, &stream, &way);
}

static void run_close(gee_task_t *task) {
    gee_session_t *session = GEE_CONTAINER(task, gee_session_t, close_task);
    gee_stream_t *stream = session->stream;
    gee_error_t reason;
    if (session->state == GEE_SESSION_HANDING_BACK) {
        run_hand_back(session);
        return;
    }
    reason_of(session, &reason);
    gee_session_dismantle(session, &reason);
    gee_stream_close(&stream, LINGER);
    free(session);
}

void gee_sessions_destroy(gee_engine_t *engine) {
    GEE_LIST_EACH(&engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        gee_error_t reason;
        reason_of(session, &reason);
        gee_session_dismantle(session, &reason);
        gee_stream_destroy(&session->stream);
        free(session);
    }
}

/* The peer did what it must not: said in the log, then closed. */
void gee_session_refuse(gee_session_t *session, const gee_error_t *error) {
    const char *upstream = session->role == GEE_CALLING ? session->calling.upstream : NULL;
    gee_log(session->engine->log, GEE_LOG_WARN, "%s%s%s%s: %s: connection closed", upstream ? "upstream " : "",
            upstream ? upstream : "", upstream ? ": " : "", gee_session_peer_text(session), error->text);
    gee_session_close(session, error);
}

/* ---- timers ---- */

/* Reasons that come and go by themselves. */
GEE_ALWAYS_INLINE unsigned current_reasons(const gee_session_t *session) {
    unsigned calls = session->call_count > 0 && session->role == GEE_SERVING && gee_session_is_full(session) &&
                             !gee_session_may_hold(session)
                         ? GEE_PAUSE_CALLS
                         : 0;
    return calls | (gee_stream_congested(session->stream) ? GEE_PAUSE_OUTPUT : 0);
}

/* For what is rare. */
GEE_APART static unsigned current_reasons_apart(const gee_session_t *session) {
    return current_reasons(session);
}

static void on_peer_timeout(gee_timer_t *timer) {
    gee_session_t *session = GEE_CONTAINER(timer, gee_session_t, peer_timer);
    gee_error_t error;
    char text[GEE_DURATION_TEXT];
    if (session->established && ((session->pauses & ~GEE_PAUSE_MEMORY) != 0 || current_reasons_apart(session) != 0 ||
                                 gee_stream_queued(session->stream) > 0)) {
        /* The peer does not fetch its replies, which may be why it cannot send on: timeouts.write judges that. */
        (void)gee_timer_start(session->engine->loop, timer, session->engine->timeouts.read);
        return;
    }
    if (session->established)
        gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "a message was begun and not completed within %s (%s)",
                      gee_format_duration(text, session->engine->timeouts.read), session->engine->names.read);
    else
        gee_error_set(&error, GEE_DEADLINE_EXCEEDED, "no complete Option or request within %s (timeouts.handshake)",
                      gee_format_duration(text, session->engine->timeouts.handshake));
    gee_session_refuse(session, &error);
}

static void on_idle(gee_timer_t *timer) {
    gee_session_t *session = GEE_CONTAINER(timer, gee_session_t, serving.idle_timer);
    gee_loop_t *loop = session->engine->loop;
    int64_t due = gee_time_add(session->active_ns, session->engine->timeouts.idle);
    if (due > gee_loop_now(loop) || !gee_session_quiet(session)) {
        if (due <= gee_loop_now(loop))
            due = gee_time_add(gee_loop_now(loop), session->engine->timeouts.idle);
        (void)gee_timer_start_at(loop, timer, due);
        return;
    }
    gee_log(session->engine->log, GEE_LOG_INFO, "%s: idle: connection closed (timeouts.idle)",
            gee_session_peer_text(session));
    gee_session_close(session, NULL);
}

static void on_age(gee_timer_t *timer) {
    gee_session_t *session = GEE_CONTAINER(timer, gee_session_t, serving.age_timer);
    int64_t silence = gee_loop_now(session->engine->loop) - session->active_ns;
    bool quiet = gee_session_quiet(session) && silence >= AGE_QUIET;
    if (!quiet && session->age_checks++ < AGE_CHECKS && gee_timer_start(session->engine->loop, timer, AGE_QUIET) == 0)
        return;
    gee_log(session->engine->log, GEE_LOG_INFO, "%s: drained: the session is old enough (seal.max_age)",
            gee_session_peer_text(session));
    gee_session_drain(session);
}

void gee_session_drain_at(gee_session_t *session, int64_t deadline_ns) {
    if (gee_timer_start_at(session->engine->loop, &session->serving.age_timer, deadline_ns) != 0)
        gee_session_drain(session); /* rather now than never */
}

static void on_memory(gee_session_t *session) {
    gee_session_unpause(session, GEE_PAUSE_MEMORY);
}
static const gee_memory_events_t memory_events = { .close = gee_session_close, .read_on = on_memory };

/* Bounds the message that has been begun; no restart while bytes of the same message trickle in. */
static void watch_partial(gee_session_t *session) {
    if (!gee_memory_ration(session, &memory_events)) {
        session->unparsed = false; /* a part of a message, of which nothing more comes before there is memory */
        gee_session_pause(session, GEE_PAUSE_MEMORY);
    }
    if (!session->established || gee_timer_started(&session->peer_timer) || session->engine->timeouts.read == 0)
        return;
    if (gee_timer_start(session->engine->loop, &session->peer_timer, session->engine->timeouts.read) != 0) {
        gee_error_t error;
        gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_session_refuse(session, &error);
    }
}

/* ---- reading ---- */

/* Reading stops for a first reason. A message whose rest waits for memory has its clock running: its peer may be slow.
 */
GEE_APART static void stop_reading(gee_session_t *session, gee_pause_t reason) {
    session->unparsed = gee_inbox_length(gee_stream_inbox(session->stream)) > 0;
    if (session->established && reason != GEE_PAUSE_MEMORY)
        gee_timer_stop(session->engine->loop, &session->peer_timer); /* that the message takes long is our doing now */
    gee_stream_pause(session->stream);
}

static bool is_skipping(const gee_session_t *session) {
    return session->to_skip > 0 || session->skipping;
}

void gee_session_pause(gee_session_t *session, gee_pause_t reason) {
    bool reads = session->pauses == 0;
    session->pauses |= (uint8_t)reason;
    if (reads && !gee_session_is_ending(session))
        stop_reading(session, reason);
}

static void read_on(gee_session_t *session) {
    if (session->pauses == 0 || gee_session_is_ending(session))
        return;
    session->pauses &= (uint8_t) ~(GEE_PAUSE_CALLS | GEE_PAUSE_OUTPUT);
    session->pauses |= (uint8_t)current_reasons_apart(session);
    if (session->pauses != 0)
        return;
    if (is_skipping(session)) /* maybe nothing comes any more */
        watch_partial(session);
    gee_stream_resume(session->stream);
    gee_stream_reread(session->stream);
}

void gee_session_unpause(gee_session_t *session, gee_pause_t reason) {
    unsigned left = session->pauses & ~(unsigned)reason;
    if (session->pauses == left)
        return;
    session->pauses = (uint8_t)(left | GEE_PAUSE_OUTPUT); /* which read_on() looks at again */
    read_on(session);
}

void gee_session_hand_back(gee_session_t *session, const gee_layer_t *layer, int64_t started_ns) {
    if (gee_session_is_ending(session))
        return;
    GEE_ASSERT(session->role == GEE_SERVING && session->protocol->upgrades && session->call_count == 0);
    if (session->serving.way_back == NULL || gee_stream_has_ended(session->stream)) {
        gee_session_close(session, NULL);
        return;
    }
    session->serving.way_back->next_layer = layer;
    session->serving.way_back->next_started_ns = started_ns != 0 ? started_ns : session->serving.way_back->started_ns;
    end_with_pass(session, GEE_SESSION_HANDING_BACK, NULL);
}

static bool at_boundary(gee_session_t *session) {
    return gee_inbox_length(gee_stream_inbox(session->stream)) == 0 && !is_skipping(session) &&
           session->protocol->quiet(session, session->protocol_state);
}

static bool has_calls(const gee_session_t *session) {
    return session->call_count > 0 || gee_session_has_held(session);
}

bool gee_session_quiet(gee_session_t *session) {
    return !has_calls(session) && at_boundary(session) && gee_stream_queued(session->stream) == 0;
}

static gee_call_t *first_streaming_call(const gee_session_t *session) {
    GEE_LIST_EACH(&session->calls, link) {
        gee_call_t *call = GEE_CONTAINER(link, gee_call_t, session_link);
        if (call->flow != NULL)
            return call;
    }
    return NULL;
}

/* The peer, which has ended, can neither give credit nor close its half of a call any more. (`parsing`: an answer does
 * not come back here for each of them.) */
GEE_APART static void end_streaming_calls(gee_session_t *session) {
    gee_call_t *call;
    session->parsing = true;
    while (!gee_session_is_ending(session) && (call = first_streaming_call(session)) != NULL)
        session->engine->server->cancel(call, true);
    session->parsing = false;
    gee_stream_flush(session->stream);
}

/* Ends the session when all is done that was begun before the peer's end, or before the drain. */
GEE_APART static void close_if_through(gee_session_t *session) {
    if (gee_session_is_ending(session) || session->parsing || session->unparsed)
        return;
    if (session->role == GEE_CALLING) {
        if (session->peer_ended) {
            gee_error_t error;
            gee_error_set(&error, GEE_UNAVAILABLE, "the peer closed the connection");
            gee_session_close(session, &error);
        }
        return;
    }
    if (session->peer_ended && session->flows != NULL && session->call_count > 0)
        end_streaming_calls(session);
    bool boundary = at_boundary(session);
    if (session->state == GEE_SESSION_DRAINING && boundary && gee_session_open_streams(session) == 0)
        gee_stream_pause(session->stream); /* the next request would be a new call */
    if (has_calls(session))
        return;
    if (session->peer_ended && !boundary)
        gee_log(session->engine->log, session->established ? GEE_LOG_INFO : GEE_LOG_WARN,
                "%s: closed by the peer in the middle of %s", gee_session_peer_text(session),
                session->established ? "a message" : "its handshake");
    if (session->peer_ended || (session->state == GEE_SESSION_DRAINING && boundary))
        gee_session_close(session, NULL);
}

static inline void close_when_through(gee_session_t *session) {
    if (session->peer_ended || session->state == GEE_SESSION_DRAINING)
        close_if_through(session);
}

bool gee_session_reads_on(const gee_session_t *session) {
    return !gee_session_is_ending(session) && session->pauses == 0 && !gee_stream_congested(session->stream) &&
           !(session->call_count > 0 && session->role == GEE_SERVING && gee_session_is_full(session));
}

void gee_session_set_skipping(gee_session_t *session, bool skipping) {
    session->skipping = skipping;
}

/* Of what lies in the inbox, or is still to come. */
static void consume(gee_session_t *session, gee_inbox_t *inbox, size_t count) {
    size_t length = gee_inbox_length(inbox);
    session->to_skip = count > length ? count - length : 0;
    gee_inbox_consume(inbox, count > length ? length : count);
    if (gee_timer_started(&session->peer_timer) && session->established && !is_skipping(session))
        gee_timer_stop(session->engine->loop, &session->peer_timer);
}

/* Calls receive() once. False: no further message is whole, or the session is not read on. */
GEE_ALWAYS_INLINE bool parse_once(gee_session_t *session, gee_inbox_t *inbox) {
    gee_error_t error;
    size_t consumed = session->to_skip;
    session->holding = session->call_count > 0 && session->role == GEE_SERVING && gee_session_must_hold(session) &&
                       gee_session_get_flows(session) != NULL;
    if (consumed == 0 && session->protocol->receive(session, session->protocol_state, gee_inbox_bytes(inbox),
                                                    gee_inbox_length(inbox), &consumed, &error) != 0) {
        gee_session_refuse(session, &error);
        return false;
    }
    if (consumed == 0) {
        if (session->pauses == 0)
            watch_partial(session);
        return false;
    }
    if (session->holding)
        gee_session_hold_message(session, gee_inbox_bytes(inbox), consumed);
    consume(session, inbox, consumed);
    unsigned reasons = current_reasons(session);
    if (reasons != 0)
        gee_session_pause(session, reasons);
    else if (is_skipping(session))
        watch_partial(session);
    return true;
}

/* A call may have ended meanwhile. */
GEE_APART static void stop_holding(gee_session_t *session) {
    session->holding = false;
    gee_session_start_held(session);
    session->parsing = false;
    read_on(session);
}

static void parse(gee_session_t *session) {
    gee_inbox_t *inbox = gee_stream_inbox(session->stream);
    session->parsing = true;
    session->unparsed = false;
    while (!gee_session_is_ending(session) && session->pauses == 0 && gee_inbox_length(inbox) > 0)
        if (!parse_once(session, inbox))
            break;
    if (session->holding)
        stop_holding(session);
    session->parsing = false;
    if (gee_session_out(session)->length > 0)
        gee_stream_flush(session->stream);
    close_when_through(session);
}

static void on_received(gee_stream_t *stream GEE_UNUSED, void *owner) {
    gee_session_t *session = owner;
    session->active_ns = gee_loop_now(session->engine->loop);
    if (!gee_session_is_ending(session) && session->pauses == 0)
        parse(session);
}

static void on_partial(gee_stream_t *stream GEE_UNUSED, void *owner) {
    gee_session_t *session = owner;
    session->active_ns = gee_loop_now(session->engine->loop);
    if (!gee_session_is_ending(session) && session->pauses == 0)
        watch_partial(session);
}

static void on_ended(gee_stream_t *stream GEE_UNUSED, void *owner) {
    gee_session_t *session = owner;
    session->peer_ended = true;
    close_when_through(session);
}

static void on_drained(gee_stream_t *stream GEE_UNUSED, void *owner) {
    gee_session_t *session = owner;
    if (session->flows != NULL)
        gee_session_start_held(session); /* first, as streaming calls may fill the stream again */
    read_on(session);
    gee_session_flows_drained(session);
    close_when_through(session);
}

static void on_failed(gee_stream_t *stream, void *owner, const gee_error_t *reason) {
    gee_session_t *session = owner;
    if (session->state == GEE_SESSION_HANDING_BACK)
        gee_session_enter(session, GEE_SESSION_CLOSING);
    /* A limit of ours, or our own trouble; all else is what connections do. */
    if (session->role == GEE_SERVING && (gee_stream_timed_out(stream) || reason->code == GEE_RESOURCE_EXHAUSTED)) {
        gee_session_refuse(session, reason);
        return;
    }
    gee_log(session->engine->log, session->role == GEE_SERVING ? GEE_LOG_INFO : GEE_LOG_DEBUG, "%s: %s",
            gee_session_peer_text(session), reason->text);
    gee_session_close(session, reason);
}

static const gee_stream_events_t stream_events = {
    .received = on_received, .partial = on_partial, .ended = on_ended, .drained = on_drained, .failed = on_failed
};

/* ---- beginning ---- */

static int start(gee_session_t *session, gee_role_t role, const gee_session_setup_t *setup, int64_t started_ns,
                 gee_error_t *error) {
    gee_engine_t *engine = session->engine;
    session->peer = gee_peer_record_create(gee_stream_peer_text(session->stream));
    if (session->peer == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "session: out of memory");
    gee_peer_record_set_identity(session->peer, gee_stream_identity(session->stream));
    if (engine->timeouts.handshake > 0 && gee_timer_start_at(engine->loop, &session->peer_timer,
                                                             gee_time_add(started_ns, engine->timeouts.handshake)) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "session: out of memory");
    gee_stream_set_owner(session->stream, &stream_events, session);
    if (session->protocol->start(session, session->protocol_state, role, setup, error) != 0)
        return -1;
    gee_stream_reread(session->stream);
    return 0;
}

gee_session_t *gee_session_create(gee_engine_t *engine, gee_stream_t **stream, const gee_protocol_t *protocol,
                                  gee_role_t role, const gee_session_setup_t *setup, int64_t handshake_started_ns,
                                  const gee_session_events_t *events, void *owner, gee_error_t *error) {
    gee_session_t *session = calloc(1, sizeof(*session) + protocol->state_size);
    if (session == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "session: out of memory");
        gee_stream_destroy(stream);
        return NULL;
    }
    session->engine = engine;
    session->stream = *stream;
    *stream = NULL;
    session->protocol = protocol;
    session->role = role;
    if (role == GEE_CALLING) {
        session->calling.next_number = 1; /* GeeRPC's clients begin with 1 */
    } else {
        session->serving.idle_timer.fire = on_idle;
        session->serving.age_timer.fire = on_age;
    }
    session->active_ns = gee_loop_now(engine->loop);
    session->close_task.run = run_close;
    session->peer_timer.fire = on_peer_timeout;
    gee_list_init(&session->calls);
    gee_engine_at_close(engine, GEE_CLOSE_CONNECTIONS, &engine->sessions_closer, gee_sessions_destroy);
    gee_list_append(&engine->sessions, &session->link);
    engine->session_count++;
    if (start(session, role, setup, handshake_started_ns, error) != 0) {
        gee_stream_t *failed_stream = session->stream;
        gee_session_dismantle(session, error);
        gee_stream_destroy(&failed_stream);
        free(session);
        return NULL;
    }
    session->events = events;
    session->owner = owner;
    if (session->established && events != NULL && events->established != NULL)
        events->established(session, owner);
    return session;
}

void gee_session_take_setup(gee_session_t *session, const gee_session_setup_t *setup) {
    session->codec = setup->codec;
    session->handle_timeout_ns = setup->handle_timeout_ns;
    if (session->role != GEE_CALLING)
        return;
    session->calling.message_limit = setup->message_limit;
    session->calling.upstream = setup->upstream;
}

int gee_session_establish(gee_session_t *session, const gee_session_setup_t *setup, gee_error_t *error) {
    GEE_ASSERT(!session->established);
    gee_session_take_setup(session, setup);
    gee_engine_t *engine = session->engine;
    if (make_codec_states(session, error) != 0)
        return -1;
    gee_timer_stop(engine->loop, &session->peer_timer);
    session->established = true;
    if (engine->timeouts.idle > 0 && session->role == GEE_SERVING &&
        gee_timer_start(engine->loop, &session->serving.idle_timer, engine->timeouts.idle) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "session: out of memory");
    if (session->events != NULL && session->events->established != NULL)
        session->events->established(session, session->owner);
    return 0;
}

bool gee_session_can(const gee_session_t *session, unsigned event) {
    return session->protocol->can != NULL && (session->protocol->can(session, session->protocol_state) & event) != 0;
}

gee_chain_t *gee_session_out(gee_session_t *session) {
    return gee_stream_out(session->stream);
}

const char *gee_session_peer_text(const gee_session_t *session) {
    return gee_stream_peer_text(session->stream);
}

/* ---- events ---- */

void gee_session_send_event(gee_session_t *session, const gee_event_t *event) {
    gee_error_t error;
    if (session->protocol->send(session, session->protocol_state, event, &error) == 0)
        gee_stream_flush(session->stream);
    else
        gee_session_refuse(session, &error);
}

static void on_ping(gee_session_t *session, const gee_event_t *event) {
    gee_event_t pong = { .parts = GEE_EVENT_PONG, .token = event->token };
    gee_session_send_event(session, &pong);
}

static void on_pong(gee_session_t *session, const gee_event_t *event) {
    gee_session_flows_known(session, event);
    if (session->events != NULL && session->events->pong != NULL)
        session->events->pong(session, session->owner, event->token.number);
}

static void on_drain(gee_session_t *session) {
    if (session->state == GEE_SESSION_DRAINING)
        return;
    gee_session_enter(session, GEE_SESSION_DRAINING);
    if (session->events != NULL && session->events->draining != NULL)
        session->events->draining(session, session->owner);
}

GEE_APART static void on_other_event(gee_session_t *session, const gee_event_t *event) {
    if (event->parts & (GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE | GEE_EVENT_CREDIT))
        gee_session_on_flow_event(session, event);
    else if (event->parts & GEE_EVENT_CANCEL && session->role == GEE_SERVING)
        gee_session_on_cancel(session, event);
    else if (event->parts & GEE_EVENT_PING)
        on_ping(session, event);
    else if (event->parts & GEE_EVENT_PONG)
        on_pong(session, event);
    else if (event->parts & GEE_EVENT_DRAIN && session->role == GEE_CALLING)
        on_drain(session);
}

GEE_APART static void handle_while_full(gee_session_t *session, const gee_event_t *event) {
    if (gee_session_is_ending(session) || gee_session_hold_event(session, event))
        return;
    if (event->parts & GEE_EVENT_BEGIN)
        session->engine->server->begin(session, event);
    else
        on_other_event(session, event);
}

void gee_session_event(gee_session_t *session, const gee_event_t *event) {
    if (gee_session_is_ending(session) || session->holding)
        handle_while_full(session, event);
    else if (event->parts & GEE_EVENT_BEGIN && session->role == GEE_SERVING)
        session->engine->server->begin(session, event);
    else if (event->parts & GEE_EVENT_END && session->role == GEE_CALLING)
        gee_session_on_reply(session, event);
    else
        on_other_event(session, event);
}

GEE_APART void gee_session_go_on(gee_session_t *session) {
    if (session->flows != NULL)
        gee_session_start_held(session);
    read_on(session);
    if (session->peer_ended || session->state == GEE_SESSION_DRAINING)
        close_when_through(session);
}

void gee_session_drain(gee_session_t *session) {
    if (session->state != GEE_SESSION_OPEN)
        return;
    gee_session_enter(session, GEE_SESSION_DRAINING);
    gee_event_t event = { .parts = GEE_EVENT_DRAIN };
    gee_error_t error;
    if (session->established && gee_session_can(session, GEE_EVENT_DRAIN) &&
        session->protocol->send(session, session->protocol_state, &event, &error) == 0)
        gee_stream_flush(session->stream);
    close_when_through(session);
}
