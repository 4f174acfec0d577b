/* memory.c: sessions that wait because all together hold too much memory.
 *
 *   rest of a message is missing, its inbox must grow -> enough? -> grown now, read on
 *                                                          '-> starved: in the line, not read
 *   tick: enough again -> grown, read on
 *         else the first session of the line is favoured: its inbox grows past the limit, until its message is whole; a
 *         favoured session that is too slow, while others wait, loses its connection
 *
 * So one session always makes progress. A starved session still has timeouts.read to finish its message. An inbox grows
 * here, where the limit is checked, and not in the stream, where many would grow within one pass. */
#include "core/rpc/memory.h"

#include "core/base/clock.h"
#include "core/rpc/call_private.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

#define LARGE       (64 * GEE_KIB) /* an inbox that grows beyond it is looked at */
#define ROOM        (16 * GEE_KIB) /* what a stream reads at once */
#define TICK        (10 * GEE_MILLISECOND)
#define PATIENCE    (500 * GEE_MILLISECOND) /* in which a favoured session has to send LARGE bytes */
#define EPISODE_END (10 * GEE_SECOND)       /* without shortage: the next shortage is logged again */

/* Quarters of limits.memory. */
enum {
    LARGE_QUARTERS = 3, /* for large messages that are not whole: the rest is for others */
    CALLS_QUARTERS = 4, /* then new calls are refused */
    ANY_QUARTERS = 5    /* then no message is read on that is not whole */
};

size_t gee_memory_held(const gee_engine_t *engine) {
    return gee_buf_cache_bytes(engine->buffers) + gee_meter_read(&engine->arenas);
}

/* Would `more` bytes be over so many quarters of the limit? */
static bool is_over(const gee_engine_t *engine, unsigned quarters, size_t more) {
    size_t limit = engine->memory.limit;
    return limit > 0 && gee_memory_held(engine) + more > limit / 4 * quarters;
}

GEE_APART static void say_short(gee_engine_t *engine) {
    int64_t now = gee_loop_now(engine->loop), before = engine->memory.short_ns;
    engine->memory.short_ns = now;
    if (before != 0 && now - before < EPISODE_END)
        return;
    gee_log(engine->log, GEE_LOG_WARN,
            "connections hold %zu KiB: requests wait or are refused until it is less (limits.memory)",
            gee_memory_held(engine) / GEE_KIB);
}

static size_t inbox_capacity(const gee_session_t *session) {
    const gee_inbox_t *inbox = gee_stream_inbox(session->stream);
    return inbox->buf ? inbox->buf->capacity : 0;
}

/* The favoured inbox grows past the limit by design, and no call is refused for that. */
GEE_APART static bool is_short(gee_engine_t *engine) {
    const gee_session_t *favoured = engine->memory.favoured;
    size_t beyond = favoured && !gee_session_is_ending(favoured) ? inbox_capacity(favoured) : 0;
    if (gee_memory_held(engine) <= engine->memory.limit + beyond)
        return false;
    say_short(engine);
    return true;
}

bool gee_memory_exhausted(gee_engine_t *engine) {
    return is_over(engine, CALLS_QUARTERS, 0) && is_short(engine);
}

/* ---- sessions that wait ---- */

/* Gives the session the inbox that it needs to read on. */
static bool grow_inbox(gee_session_t *session) {
    gee_inbox_t *inbox = gee_stream_inbox(session->stream);
    size_t length = gee_inbox_length(inbox), capacity = inbox_capacity(session), space;
    if (length < LARGE)
        return !is_over(session->engine, ANY_QUARTERS, 0);
    if (capacity - inbox->end >= ROOM)
        return true;
    size_t grown = gee_buf_room(2 * length + ROOM); /* as inbox.c has it */
    if (is_over(session->engine, LARGE_QUARTERS, grown > capacity ? grown - capacity : 0))
        return false;
    return gee_inbox_space(inbox, ROOM, &space) != NULL;
}

static void read_on(gee_session_t *session) {
    gee_list_remove(&session->starved_link);
    session->engine->memory.events->read_on(session);
}

static void favour(gee_session_t *session) {
    gee_engine_t *engine = session->engine;
    engine->memory.favoured = session;
    engine->memory.favoured_ns = gee_loop_now(engine->loop);
    engine->memory.favoured_bytes = gee_stream_bytes_received(session->stream);
    read_on(session);
}

static void end_slow(gee_session_t *session) {
    gee_error_t error;
    gee_error_set(&error, GEE_RESOURCE_EXHAUSTED,
                  "memory was short, others waited, and its message of more than %zu KiB came too slowly "
                  "(limits.memory)",
                  gee_inbox_length(gee_stream_inbox(session->stream)) / GEE_KIB);
    gee_log(session->engine->log, GEE_LOG_WARN, "%s: %s: connection closed", gee_stream_peer_text(session->stream),
            error.text);
    session->engine->memory.events->close(session, &error);
}

static void look_at_favoured(gee_engine_t *engine) {
    gee_session_t *session = engine->memory.favoured;
    if (session == NULL)
        return;
    uint64_t bytes = gee_stream_bytes_received(session->stream);
    int64_t now = gee_loop_now(engine->loop);
    if (gee_session_is_ending(session) || gee_inbox_length(gee_stream_inbox(session->stream)) < LARGE) {
        engine->memory.favoured = NULL; /* the message is whole */
    } else if (now - engine->memory.favoured_ns >= PATIENCE) {
        bool our_doing =
            (session->pauses & ~GEE_PAUSE_MEMORY) != 0; /* then the peer is not to blame that nothing comes */
        if (bytes - engine->memory.favoured_bytes < LARGE && !our_doing && !gee_list_empty(&engine->memory.starved)) {
            engine->memory.favoured = NULL;
            end_slow(session);
        }
        engine->memory.favoured_ns = now;
        engine->memory.favoured_bytes = bytes;
    }
}

static void on_tick(gee_timer_t *timer) {
    gee_engine_t *engine = GEE_CONTAINER(timer, gee_engine_t, memory.timer);
    look_at_favoured(engine);
    GEE_LIST_EACH(&engine->memory.starved, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, starved_link);
        if (grow_inbox(session))
            read_on(session);
        else if (engine->memory.favoured == NULL && !gee_session_is_ending(session))
            favour(session);
    }
    if (gee_list_empty(&engine->memory.starved) && engine->memory.favoured == NULL)
        return;
    say_short(engine);
    (void)gee_timer_start(engine->loop, timer,
                          TICK); /* cannot fail: the timer's place in the heap has just become free */
}

static void stop_ticks(gee_engine_t *engine) {
    gee_timer_stop(engine->loop, &engine->memory.timer);
}

/* False: out of memory. */
static bool start_ticks(gee_engine_t *engine) {
    gee_timer_t *timer = &engine->memory.timer;
    timer->fire = on_tick;
    gee_engine_at_close(engine, GEE_CLOSE_STORES, &engine->memory.closer, stop_ticks);
    return gee_timer_started(timer) || gee_timer_start(engine->loop, timer, TICK) == 0;
}

bool gee_memory_ration(gee_session_t *session, const gee_memory_events_t *events) {
    gee_engine_t *engine = session->engine;
    if (engine->memory.limit == 0 || session->role != GEE_SERVING || session == engine->memory.favoured)
        return true;
    if (gee_link_in_list(&session->starved_link))
        return false;
    if (grow_inbox(session))
        return true;
    engine->memory.events = events;
    if (!start_ticks(engine))
        return true; /* nobody would wake the session */
    say_short(engine);
    gee_list_append(&engine->memory.starved, &session->starved_link);
    return false;
}

void gee_memory_forget(gee_session_t *session) {
    gee_list_remove(&session->starved_link);
    if (session->engine->memory.favoured == session)
        session->engine->memory.favoured = NULL;
}
