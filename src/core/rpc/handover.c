/* handover.c: sessions and doors to records and back. */
#include "core/rpc/handover.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

enum { KIND_DOOR = 1, KIND_SESSION = 2 };

#define NAME_MOST 32 /* of a protocol or codec */

/* ---- may it leave ---- */

static bool codec_can(const gee_session_t *session) {
    return session->codec == NULL || session->codec->state_size == 0 || session->codec->export_state != NULL;
}

bool gee_session_may_leave(const gee_session_t *session) {
    return session->role == GEE_SERVING && session->protocol->export_state != NULL && codec_can(session) &&
           gee_stream_may_leave(session->stream) && session->state == GEE_SESSION_OPEN && !session->peer_ended &&
           !gee_session_is_paused(session, GEE_PAUSE_PROTOCOL);
}

bool gee_session_can_leave(const gee_session_t *session) {
    return gee_session_may_leave(session) && !gee_session_is_paused(session, GEE_PAUSE_MOVING) && !session->parsing &&
           session->call_count == 0 && session->to_skip == 0 && !session->skipping &&
           gee_stream_can_leave(session->stream);
}

/* ---- freezing ---- */

static bool stop_timer(gee_session_t *session, gee_timer_t *timer) {
    bool started = gee_timer_started(timer);
    gee_timer_stop(session->engine->loop, timer);
    return started;
}

void gee_session_freeze(gee_session_t *session) {
    GEE_ASSERT(gee_session_can_leave(session));
    session->pauses |= GEE_PAUSE_MOVING;
    session->frozen_peer_timer = stop_timer(session, &session->peer_timer);
    session->frozen_idle_timer = stop_timer(session, &session->serving.idle_timer);
    session->frozen_age_timer = stop_timer(session, &session->serving.age_timer);
    gee_stream_freeze(session->stream);
}

static int start_timer(gee_session_t *session, gee_timer_t *timer, bool wanted) {
    return wanted ? gee_timer_start_at(session->engine->loop, timer, timer->deadline) : 0;
}

void gee_session_thaw(gee_session_t *session) {
    GEE_ASSERT(gee_session_is_paused(session, GEE_PAUSE_MOVING));
    gee_stream_thaw(session->stream);
    if (start_timer(session, &session->peer_timer, session->frozen_peer_timer) != 0 ||
        start_timer(session, &session->serving.idle_timer, session->frozen_idle_timer) != 0 ||
        start_timer(session, &session->serving.age_timer, session->frozen_age_timer) != 0)
        gee_session_drain(session); /* no memory for what bounds it */
    gee_session_unpause(session, GEE_PAUSE_MOVING | GEE_PAUSE_OWNER);
}

void gee_session_leave(gee_session_t **session_pointer) {
    gee_session_t *session = *session_pointer;
    *session_pointer = NULL;
    session->events = NULL;
    gee_session_dismantle(session, NULL);
    gee_stream_destroy(&session->stream);
    free(session);
}

/* ---- export ---- */

static void begin(gee_record_t *out, uint8_t kind, const gee_stream_t *stream) {
    gee_record_put_u64(out, GEE_HANDOVER_VERSION);
    gee_record_put_u8(out, kind);
    gee_stream_export(stream, out);
}

void gee_handover_export_door(const gee_door_t *door, gee_record_t *out) {
    begin(out, KIND_DOOR, gee_door_stream(door));
    gee_door_export(door, out);
}

/* The handshake timeout runs on from the time when it began. */
static void export_as_door(const gee_session_t *session, gee_record_t *out) {
    int64_t now = gee_loop_now(session->engine->loop), started = now;
    if (session->frozen_peer_timer)
        started = session->peer_timer.deadline - session->engine->timeouts.handshake;
    begin(out, KIND_DOOR, session->stream);
    gee_record_put_u64(out, (uint64_t)started);
    gee_record_put_u64(out, (uint64_t)(gee_stream_identity(session->stream) != NULL ? now : 0)); /* sealed since */
    gee_record_put_u8(out, 1); /* the peer has chosen its protocol, and chooses no other */
}

static uint64_t deadline(const gee_timer_t *timer, bool started) {
    return started ? (uint64_t)timer->deadline : 0;
}

/* Null: there is no state, or the receiving state is the same and was exported. */
static void *own_send_state(const gee_session_t *session) {
    return session->send_state == session->receive_state ? NULL : session->send_state;
}

static void export_codec_state(const gee_session_t *session, const void *state, gee_record_t *out) {
    size_t part = gee_record_begin(out);
    if (state != NULL)
        session->codec->export_state(state, out);
    gee_record_end(out, part);
}

void gee_handover_export_session(const gee_session_t *session, gee_record_t *out) {
    GEE_ASSERT(gee_session_is_paused(session, GEE_PAUSE_MOVING));
    if (!session->established) {
        export_as_door(session, out);
        return;
    }
    begin(out, KIND_SESSION, session->stream);
    gee_record_put_str(out, session->protocol->name);
    gee_record_put_str(out, session->codec != NULL ? session->codec->name : NULL);
    gee_record_put_u64(out, 0); /* ConnectTimeout, of which a session that stands has no use */
    gee_record_put_u64(out, (uint64_t)session->handle_timeout_ns);
    gee_record_put_u64(out, session->calls_total);
    gee_record_put_u64(out, (uint64_t)session->active_ns);
    gee_record_put_u64(out, deadline(&session->peer_timer, session->frozen_peer_timer));
    gee_record_put_u64(out, deadline(&session->serving.age_timer, session->frozen_age_timer));
    size_t part = gee_record_begin(out);
    session->protocol->export_state(session, session->protocol_state, out);
    gee_record_end(out, part);
    export_codec_state(session, session->receive_state, out);
    export_codec_state(session, own_send_state(session), out);
}

/* ---- import ---- */

static int broken(gee_error_t *error) {
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "a record of a session that does not make sense");
}

/* The list that gee_stream_import() searches, and the entry that was found. */
typedef struct layer_search {
    const gee_door_layer_t *layers, *found;
} layer_search_t;

static const gee_layer_t *find_layer(gee_str_t name, const void **setup, void *data) {
    layer_search_t *search = data;
    for (const gee_door_layer_t *entry = search->layers; entry != NULL && entry->layer != NULL; entry++)
        if (gee_str_equal(name, gee_str(entry->layer->name))) {
            search->found = entry;
            *setup = entry->setup;
            return entry->layer;
        }
    return NULL;
}

/* A terminated copy; empty where the text cannot be a name. */
static void take_name(gee_record_reader_t *in, char name[NAME_MOST]) {
    gee_str_t text = gee_record_take_str(in);
    size_t length = text.length < NAME_MOST ? text.length : 0;
    if (length > 0)
        memcpy(name, text.data, length);
    name[length] = '\0';
}

/* Reads the choices of the handshake; a session's record begins with the protocol's name. */
static int take_choice(gee_engine_t *engine, const gee_door_options_t *options, gee_record_reader_t *in,
                       const gee_protocol_t **protocol, gee_session_setup_t *setup, gee_error_t *error) {
    char protocol_name[NAME_MOST], codec_name[NAME_MOST];
    take_name(in, protocol_name);
    take_name(in, codec_name);
    *protocol = gee_module_find(engine->modules, GEE_MODULE_PROTOCOL, gee_str(protocol_name));
    if (*protocol == NULL || (*protocol)->import_state == NULL || !gee_door_allows(options, *protocol))
        return gee_error_set(error, GEE_UNIMPLEMENTED, "the protocol \"%s\" is not taken here", protocol_name);
    if (codec_name[0] != '\0' &&
        ((setup->codec = gee_module_find(engine->modules, GEE_MODULE_CODEC, gee_str(codec_name))) == NULL ||
         (setup->codec->state_size > 0 && setup->codec->import_state == NULL)))
        return gee_error_set(error, GEE_UNIMPLEMENTED, "the codec \"%s\" is not taken here", codec_name);
    (void)gee_record_take_u64(in); /* ConnectTimeout */
    setup->handle_timeout_ns = (int64_t)gee_record_take_u64(in);
    if (in->failed || setup->handle_timeout_ns < 0)
        return broken(error);
    return 0;
}

/* Sessions whose protocol has no handshake are established by now. */
static int establish(gee_session_t *session, const gee_session_setup_t *setup, gee_error_t *error) {
    if (!session->established)
        return gee_session_establish(session, setup, error);
    if (session->codec != setup->codec)
        return broken(error);
    gee_session_take_setup(session, setup);
    return 0;
}

static int import_codec_state(const gee_session_t *session, void *state, gee_record_reader_t *in, gee_error_t *error) {
    gee_record_reader_t part = gee_record_take_part(in);
    if (state == NULL)
        return part.failed || gee_record_left(&part) > 0 ? broken(error) : 0;
    return session->codec->import_state(state, &part, error);
}

/* No later than a timer that begins now: the limit may be shorter in this process. */
static int start_by(gee_session_t *session, gee_timer_t *timer, int64_t due, int64_t limit, gee_error_t *error) {
    int64_t latest = gee_time_add(gee_loop_now(session->engine->loop), limit);
    if (gee_timer_start_at(session->engine->loop, timer, due < latest ? due : latest) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}

static int import_times(gee_session_t *session, gee_record_reader_t *in, gee_error_t *error) {
    const gee_timeouts_t *timeouts = &session->engine->timeouts;
    session->calls_total = gee_record_take_u64(in);
    session->active_ns = gee_record_take_time(in, gee_loop_now(session->engine->loop));
    int64_t message_due = (int64_t)gee_record_take_u64(in), age_due = (int64_t)gee_record_take_u64(in);
    if (in->failed || message_due < 0 || age_due < 0)
        return broken(error);
    if (message_due > 0 && timeouts->read > 0 &&
        start_by(session, &session->peer_timer, message_due, timeouts->read, error) != 0)
        return -1;
    if (timeouts->idle > 0 && start_by(session, &session->serving.idle_timer,
                                       gee_time_add(session->active_ns, timeouts->idle), timeouts->idle, error) != 0)
        return -1;
    if (age_due > 0)
        gee_session_drain_at(session, age_due);
    return 0;
}

static int import_states(gee_session_t *session, const gee_session_setup_t *setup, gee_record_reader_t *in,
                         gee_error_t *error) {
    if (establish(session, setup, error) != 0 || import_times(session, in, error) != 0)
        return -1;
    gee_record_reader_t part = gee_record_take_part(in);
    if (session->protocol->import_state(session, session->protocol_state, &part, error) != 0)
        return part.failed ? broken(error) : -1;
    if (part.failed || gee_record_left(&part) > 0)
        return broken(error);
    if (import_codec_state(session, session->receive_state, in, error) != 0 ||
        import_codec_state(session, own_send_state(session), in, error) != 0)
        return -1;
    return in->failed || gee_record_left(in) > 0 ? broken(error) : 0;
}

/* The configuration may have come to require a layer. `layer`: that the stream has; null: none. */
static int check_layer(const gee_door_options_t *options, const gee_door_layer_t *layer, gee_error_t *error) {
    if (layer != NULL || gee_door_required_layer(options->layers) == NULL)
        return 0;
    return gee_error_set(error, GEE_UNAUTHENTICATED, "this listener takes sealed channels only (seal.mode)");
}

/* The configuration may have come to want sessions within the layer to end earlier. */
static void limit_age(gee_session_t *session, const gee_door_layer_t *layer) {
    if (layer == NULL || layer->max_age_ns <= 0)
        return;
    int64_t latest = gee_time_add(gee_loop_now(session->engine->loop), layer->max_age_ns);
    if (!gee_timer_started(&session->serving.age_timer) || session->serving.age_timer.deadline > latest)
        gee_session_drain_at(session, latest);
}

static int import_session(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options,
                          const gee_door_layer_t *layer, gee_record_reader_t *in, gee_error_t *error) {
    const gee_protocol_t *protocol;
    gee_session_setup_t setup = { 0 };
    if (check_layer(options, layer, error) != 0 || take_choice(engine, options, in, &protocol, &setup, error) != 0) {
        gee_stream_destroy(stream);
        return -1;
    }
    gee_session_t *session =
        gee_session_create(engine, stream, protocol, GEE_SERVING, NULL, gee_loop_now(engine->loop), NULL, NULL, error);
    if (session == NULL)
        return -1;
    if (import_states(session, &setup, in, error) != 0) {
        gee_session_leave(&session);
        return -1;
    }
    limit_age(session, layer);
    session->events = options->events;
    session->owner = options->owner;
    return 0;
}

int gee_handover_import(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options,
                        gee_record_reader_t *in, gee_error_t *error) {
    layer_search_t search = { .layers = options->layers };
    uint64_t version = gee_record_take_u64(in);
    uint8_t kind = gee_record_take_u8(in);
    if (version != GEE_HANDOVER_VERSION)
        (void)gee_error_set(error, GEE_UNIMPLEMENTED, "a record of version %llu, this process reads version %d",
                            (unsigned long long)version, GEE_HANDOVER_VERSION);
    else if (gee_stream_import(*stream, in, find_layer, &search, error) == 0) {
        if (kind == KIND_DOOR)
            return gee_door_import(engine, stream, options, search.found, in, error);
        if (kind == KIND_SESSION)
            return import_session(engine, stream, options, search.found, in, error);
        (void)broken(error);
    }
    gee_stream_destroy(stream);
    return -1;
}
