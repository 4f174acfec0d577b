/* door.c: the doorway of a listener.
 *
 *   accepted stream -> first bytes -> which protocol or layer claims them? -> session
 *        ^                                        |                             |
 *        +------------- layer pushed -------------+------ given back (CONNECT) -+
 *
 * The handshake timeout runs from the accept and goes on in the session until its Option is whole. A layer's handshake
 * has a shorter timeout of its own: from the accept, too, where a layer is required, else from its first byte. */
#include "core/rpc/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"
#include "core/rpc/seal.h"

struct gee_door {
    gee_link_t link; /* in the engine's doors */
    gee_engine_t *engine;
    gee_stream_t *stream;
    gee_way_back_t way;
    gee_timer_t timer;
    gee_timer_t layer_timer;
    int64_t layer_limit_ns; /* of that timer */
    bool frozen;            /* on its way to another process */
};

#define SHOWN_BYTES 24               /* of what was refused, in the log */
#define LINGER      (5 * GEE_SECOND) /* for the last bytes of one that is closed in good order */

/* In the handshake of a layer. */
static bool in_handshake(const gee_door_t *door) {
    return door->way.layer != NULL && door->way.sealed_ns == 0;
}

static void door_leave(gee_door_t *door, bool became_session) {
    gee_timer_stop(door->engine->loop, &door->timer);
    gee_timer_stop(door->engine->loop, &door->layer_timer);
    gee_list_remove(&door->link);
    gee_stream_destroy(&door->stream);
    if (door->way.options.left != NULL)
        door->way.options.left(door->way.options.owner, became_session);
    free(door);
}

/* Logs which peer was refused and why: bytes of no protocol, or a protocol that is not there. */
static void log_refusal(const gee_door_t *door, const uint8_t *bytes, size_t length) {
    static const struct {
        gee_opening_t opening;
        const char *protocol;
    } homes[] = { { GEE_OPENING_NETRPC, "netrpc" },
                  { GEE_OPENING_GEERPC, "geerpc" },
                  { GEE_OPENING_JSONRPC, "jsonrpc" },
                  { GEE_OPENING_HTTP, "http" } };
    gee_opening_t opening = gee_opening_read(bytes, length);
    char shown[4 * SHOWN_BYTES + 4];
    gee_str_escape(shown, sizeof(shown), bytes, length < SHOWN_BYTES ? length : SHOWN_BYTES);
    for (size_t i = 0; i < GEE_LENGTH(homes); i++)
        if (homes[i].opening == opening) {
            gee_log(door->engine->log, GEE_LOG_WARN, "%s: refused: it speaks %s, which %s (\"%s\")",
                    gee_stream_peer_text(door->stream), gee_opening_name(opening),
                    gee_module_find(door->engine->modules, GEE_MODULE_PROTOCOL, gee_str(homes[i].protocol))
                        ? "this listener does not take"
                        : "is not compiled in (modules.list, configure --with-NAME)",
                    shown);
            return;
        }
    const char *why = opening != GEE_OPENING_SEAL                          ? ""
                      : door->way.sealed_ns != 0                           ? ", inside another one"
                      : gee_seal_find(door->engine->modules, NULL) != NULL ? ", which this listener has no key for"
                                                                           : ", which is not compiled in";
    gee_log(door->engine->log, GEE_LOG_WARN, "%s: refused: its first bytes are %s%s: \"%s\"%s",
            gee_stream_peer_text(door->stream), gee_opening_name(opening), why, shown,
            length > SHOWN_BYTES ? " (and more)" : "");
}

bool gee_door_allows(const gee_door_options_t *options, const gee_protocol_t *protocol) {
    if (options->protocols == NULL)
        return true;
    for (size_t i = 0; options->protocols[i] != NULL; i++)
        if (strcmp(options->protocols[i], protocol->name) == 0)
            return true;
    return false;
}

static void become_session(gee_door_t *door, const gee_protocol_t *protocol) {
    gee_error_t error;
    char peer[GEE_ADDR_TEXT];
    (void)gee_str_format(peer, sizeof(peer), "%s", gee_stream_peer_text(door->stream));
    gee_session_t *session =
        gee_session_create(door->engine, &door->stream, protocol, GEE_SERVING, NULL, door->way.started_ns,
                           door->way.options.events, door->way.options.owner, &error);
    if (session == NULL)
        gee_log(door->engine->log, GEE_LOG_WARN, "%s: connection closed: %s", peer, error.text);
    else if (protocol->upgrades && (session->serving.way_back = malloc(sizeof(*session->serving.way_back))) != NULL)
        *session->serving.way_back = door->way; /* without it the stream ends where it would be given back */
    if (session != NULL && door->way.sealed_ns != 0 && door->way.layer->max_age_ns > 0)
        gee_session_drain_at(session, gee_time_add(door->way.sealed_ns, door->way.layer->max_age_ns));
    door_leave(door, session != NULL);
}

/* The protocol that claims the bytes. *undecided: further bytes may make one claim them. */
static const gee_protocol_t *claiming_protocol(const gee_door_t *door, const uint8_t *bytes, size_t length,
                                               bool *undecided) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(door->engine->modules, GEE_MODULE_PROTOCOL, i)) != NULL; i++) {
        const gee_protocol_t *protocol = module->interface;
        if (!gee_door_allows(&door->way.options, protocol))
            continue;
        gee_claim_t claim = protocol->claims(bytes, length);
        if (claim == GEE_CLAIM_YES)
            return protocol;
        *undecided = *undecided || claim == GEE_CLAIM_MORE;
    }
    return NULL;
}

/* ---- layers ---- */

const gee_door_layer_t *gee_door_required_layer(const gee_door_layer_t *layers) {
    for (; layers != NULL && layers->layer != NULL; layers++)
        if (layers->required)
            return layers;
    return NULL;
}

static void door_on_layer_timeout(gee_timer_t *timer) {
    gee_door_t *door = GEE_CONTAINER(timer, gee_door_t, layer_timer);
    char text[GEE_DURATION_TEXT];
    gee_log(door->engine->log, GEE_LOG_WARN,
            "%s: refused: the handshake of the seal was not over within %s (seal.timeout)",
            gee_stream_peer_text(door->stream), gee_format_duration(text, door->layer_limit_ns));
    door_leave(door, false);
}

static int start_layer_timer(gee_door_t *door, const gee_door_layer_t *layer, int64_t started_ns) {
    if (layer->handshake_ns <= 0 || gee_timer_started(&door->layer_timer))
        return 0;
    door->layer_limit_ns = layer->handshake_ns;
    return gee_timer_start_at(door->engine->loop, &door->layer_timer, gee_time_add(started_ns, layer->handshake_ns));
}

/* A peer that says nothing has not shown who it is, either. */
static int start_required_timer(gee_door_t *door) {
    const gee_door_layer_t *required = gee_door_required_layer(door->way.options.layers);
    if (required == NULL || door->way.layer != NULL)
        return 0;
    return start_layer_timer(door, required, door->way.started_ns);
}

static int push_layer(gee_door_t *door, const gee_door_layer_t *layer, gee_error_t *error) {
    if (door->way.options.sealing != NULL && !door->way.options.sealing(door->way.options.owner))
        return gee_error_set(
            error, GEE_RESOURCE_EXHAUSTED,
            "too many have not shown who they are yet, or too many handshakes of this address a second "
            "(limits.unauthenticated, limits.handshakes_per_address)");
    if (start_layer_timer(door, layer, gee_loop_now(door->engine->loop)) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    door->way.layer = layer;
    return gee_stream_push(door->stream, layer->layer, GEE_SERVING, layer->setup, error);
}

/* The layer of the list that claims the bytes. *undecided: further bytes may make one claim them. */
static const gee_door_layer_t *claiming_layer(const gee_door_layer_t *layers, const uint8_t *bytes, size_t length,
                                              bool *undecided) {
    for (; layers != NULL && layers->layer != NULL; layers++) {
        gee_claim_t claim = layers->layer->claims(bytes, length);
        if (claim == GEE_CLAIM_YES)
            return layers;
        *undecided = *undecided || claim == GEE_CLAIM_MORE;
    }
    return NULL;
}

/* True: the bytes were for a layer, or the door is gone. */
static bool take_layer(gee_door_t *door, const uint8_t *bytes, size_t length, bool *undecided) {
    gee_error_t error;
    if (door->way.layer != NULL)
        return false;
    const gee_door_layer_t *layer = claiming_layer(door->way.options.layers, bytes, length, undecided);
    if (layer != NULL) {
        if (push_layer(door, layer, &error) == 0)
            return true;
        gee_log(door->engine->log, GEE_LOG_WARN, "%s: refused: %s: %s", gee_stream_peer_text(door->stream),
                layer->layer->name, error.text);
    } else if (!*undecided && gee_door_required_layer(door->way.options.layers) != NULL) {
        gee_log(door->engine->log, GEE_LOG_WARN, "%s: refused: this listener takes sealed channels only (seal.mode)",
                gee_stream_peer_text(door->stream));
    } else {
        return false;
    }
    door_leave(door, false);
    return true;
}

static void door_on_established(gee_stream_t *stream, void *owner) {
    gee_door_t *door = owner;
    const gee_identity_t *identity = gee_stream_identity(stream);
    gee_timer_stop(door->engine->loop, &door->layer_timer);
    door->way.sealed_ns = gee_loop_now(door->engine->loop);
    gee_log(door->engine->log, GEE_LOG_INFO, "%s: sealed, client %s", gee_stream_peer_text(stream),
            gee_identity_name(identity));
    if (door->way.options.sealed != NULL)
        door->way.options.sealed(door->way.options.owner);
}

/* ---- what the stream says ---- */

static void door_on_received(gee_stream_t *stream, void *owner) {
    gee_door_t *door = owner;
    gee_inbox_t *inbox = gee_stream_inbox(stream);
    const uint8_t *bytes = gee_inbox_bytes(inbox);
    size_t length = gee_inbox_length(inbox);
    bool undecided = false;
    if (length == 0 || take_layer(door, bytes, length, &undecided))
        return;
    const gee_protocol_t *protocol = claiming_protocol(door, bytes, length, &undecided);
    if (protocol != NULL) {
        become_session(door, protocol);
    } else if (!undecided || length >= GEE_OPENING_LIMIT) {
        log_refusal(door, bytes, length);
        door_leave(door, false);
    }
}

static void door_on_ended(gee_stream_t *stream, void *owner) {
    gee_door_t *door = owner;
    if (gee_inbox_length(gee_stream_inbox(stream)) > 0)
        log_refusal(door, gee_inbox_bytes(gee_stream_inbox(stream)), gee_inbox_length(gee_stream_inbox(stream)));
    else
        gee_log(door->engine->log, GEE_LOG_DEBUG, "%s: left without a word", gee_stream_peer_text(stream));
    door_leave(door, false);
}

static void door_on_failed(gee_stream_t *stream, void *owner, const gee_error_t *reason) {
    gee_door_t *door = owner;
    bool refused = in_handshake(door);
    gee_log(door->engine->log, refused ? GEE_LOG_WARN : GEE_LOG_INFO, "%s: %s%s", gee_stream_peer_text(stream),
            refused ? "refused: " : "", reason->text);
    door_leave(door, false);
}

static void door_on_timeout(gee_timer_t *timer) {
    gee_door_t *door = GEE_CONTAINER(timer, gee_door_t, timer);
    char text[GEE_DURATION_TEXT];
    gee_log(door->engine->log, GEE_LOG_WARN,
            "%s: refused: it has not said what it speaks within %s (timeouts.handshake)",
            gee_stream_peer_text(door->stream), gee_format_duration(text, door->engine->timeouts.handshake));
    door_leave(door, false);
}

static const gee_stream_events_t stream_events = {
    .established = door_on_established, .received = door_on_received, .ended = door_on_ended, .failed = door_on_failed
};

static void reopen(gee_engine_t *engine, gee_stream_t **stream, const gee_way_back_t *way);

static int open_door(gee_engine_t *engine, gee_stream_t **stream, const gee_way_back_t *way, int64_t started_ns,
                     gee_error_t *error) {
    gee_door_t *door = calloc(1, sizeof(*door));
    if (door == NULL)
        goto no_memory;
    door->engine = engine;
    door->way = *way;
    door->way.reopen = reopen;
    door->way.started_ns = started_ns;
    door->timer.fire = door_on_timeout;
    door->layer_timer.fire = door_on_layer_timeout;
    if (engine->timeouts.handshake > 0 &&
        gee_timer_start_at(engine->loop, &door->timer, gee_time_add(started_ns, engine->timeouts.handshake)) != 0)
        goto no_memory;
    if (start_required_timer(door) != 0)
        goto no_timer;
    door->stream = *stream;
    *stream = NULL;
    gee_engine_at_close(engine, GEE_CLOSE_CONNECTIONS, &engine->doors_closer, gee_door_close_all);
    gee_list_append(&engine->doors, &door->link);
    gee_stream_set_owner(door->stream, &stream_events, door);
    gee_stream_reread(door->stream);
    return 0;
no_timer:
    gee_timer_stop(engine->loop, &door->timer);
no_memory:
    free(door);
    gee_stream_destroy(stream);
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "door: out of memory");
}

/* Not inlined: `make instructions` counts from one connection's door to the next. */
__attribute__((noinline)) int gee_door_open(gee_engine_t *engine, gee_stream_t **stream,
                                            const gee_door_options_t *options, gee_error_t *error) {
    gee_way_back_t way = { .options = *options };
    return open_door(engine, stream, &way, gee_loop_now(engine->loop), error);
}

static void reopen(gee_engine_t *engine, gee_stream_t **stream, const gee_way_back_t *way) {
    gee_error_t error;
    gee_way_back_t again = *way;
    char peer[GEE_ADDR_TEXT];
    (void)gee_str_format(peer, sizeof(peer), "%s", gee_stream_peer_text(*stream));
    again.upgrades++;
    if (open_door(engine, stream, &again, way->next_started_ns, &error) == 0)
        return;
    gee_log(engine->log, GEE_LOG_ERROR, "%s: connection closed: %s", peer, error.text);
    if (way->options.left != NULL)
        way->options.left(way->options.owner, false);
}

/* ---- handover ---- */

bool gee_door_can_leave(const gee_door_t *door) {
    return !in_handshake(door) && !door->frozen && gee_stream_can_leave(door->stream);
}

/* The timers need no state of their own: both run from the time of the accept, here and in another process. */
void gee_door_freeze(gee_door_t *door) {
    GEE_ASSERT(gee_door_can_leave(door));
    door->frozen = true;
    gee_timer_stop(door->engine->loop, &door->timer);
    gee_timer_stop(door->engine->loop, &door->layer_timer);
    gee_stream_freeze(door->stream);
}

void gee_door_thaw(gee_door_t *door) {
    GEE_ASSERT(door->frozen);
    gee_engine_t *engine = door->engine;
    door->frozen = false;
    gee_stream_thaw(door->stream);
    if ((engine->timeouts.handshake > 0 &&
         gee_timer_start_at(engine->loop, &door->timer,
                            gee_time_add(door->way.started_ns, engine->timeouts.handshake)) != 0) ||
        start_required_timer(door) != 0) {
        gee_log(engine->log, GEE_LOG_ERROR, "%s: connection closed: out of memory", gee_stream_peer_text(door->stream));
        door_leave(door, false);
    }
}

void gee_door_export(const gee_door_t *door, gee_record_t *out) {
    GEE_ASSERT(door->frozen);
    gee_record_put_u64(out, (uint64_t)door->way.started_ns);
    gee_record_put_u64(out, (uint64_t)door->way.sealed_ns);
    gee_record_put_u8(out, door->way.upgrades > 0); /* a stream is given back at most once */
}

int gee_door_import(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options,
                    const gee_door_layer_t *layer, gee_record_reader_t *in, gee_error_t *error) {
    gee_way_back_t way = { .options = *options, .layer = layer };
    int64_t started_ns = gee_record_take_time(in, gee_loop_now(engine->loop));
    way.sealed_ns = gee_record_take_time(in, gee_loop_now(engine->loop));
    way.upgrades = gee_record_take_u8(in);
    if (in->failed || gee_record_left(in) > 0 ||
        (layer != NULL) != (way.sealed_ns != 0)) { /* only the stream's own layer proves that there is one */
        gee_stream_destroy(stream);
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "a record of a connection that does not make sense");
    }
    return open_door(engine, stream, &way, started_ns, error);
}

void gee_door_leave(gee_door_t **door_pointer) {
    gee_door_t *door = *door_pointer;
    *door_pointer = NULL;
    door->way.options.left = NULL;
    door_leave(door, false);
}

gee_stream_t *gee_door_stream(const gee_door_t *door) {
    return door->stream;
}

void *gee_door_owner(const gee_door_t *door) {
    return door->way.options.owner;
}

gee_door_t *gee_door_of_link(gee_link_t *link) {
    return GEE_CONTAINER(link, gee_door_t, link);
}

void gee_door_close_revoked(gee_engine_t *engine) {
    GEE_LIST_EACH(&engine->doors, link) {
        gee_door_t *door = GEE_CONTAINER(link, gee_door_t, link);
        const gee_identity_t *identity = gee_stream_identity(door->stream);
        if (door->frozen || !gee_identity_revoked(identity))
            continue;
        gee_log(engine->log, GEE_LOG_NOTICE, "%s: closed: client %s may not call any more (seal.clients)",
                gee_stream_peer_text(door->stream), gee_identity_name(identity));
        gee_stream_close(&door->stream, LINGER);
        door_leave(door, false);
    }
}

void gee_door_close_all(gee_engine_t *engine) {
    GEE_LIST_EACH(&engine->doors, link)
        door_leave(GEE_CONTAINER(link, gee_door_t, link), false);
}
