/* door.c: the doorway of a listener.
 *
 *   accepted stream -> first bytes -> which protocol or layer claims them? -> session
 *        ^                                        |                             |
 *        +------------- layer pushed -------------+------ given back (CONNECT) -+
 *
 * The handshake timeout runs from the accept and goes on in the session until its Option is whole. */
#include "core/rpc/door.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"

struct gee_door {
    gee_link_t link; /* in the engine's doors */
    gee_engine_t *engine;
    gee_stream_t *stream;
    gee_way_back_t way;
    gee_timer_t timer;
};

#define SHOWN_BYTES 24 /* of what was refused, in the log */

static void leave(gee_door_t *door, bool became_session) {
    gee_timer_stop(door->engine->loop, &door->timer);
    gee_list_remove(&door->link);
    gee_stream_destroy(&door->stream);
    if (door->way.options.left != NULL)
        door->way.options.left(door->way.options.owner, became_session);
    free(door);
}

/* Says who was refused and why: bytes of nobody, or a protocol that is not there. */
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
                    gee_protocol_by_name(door->engine->modules, homes[i].protocol)
                        ? "this listener does not take"
                        : "is not compiled in (modules.list, configure --with-NAME)",
                    shown);
            return;
        }
    gee_log(door->engine->log, GEE_LOG_WARN, "%s: refused: its first bytes are %s: \"%s\"%s",
            gee_stream_peer_text(door->stream), gee_opening_name(opening), shown,
            length > SHOWN_BYTES ? " (and more)" : "");
}

static bool allowed(const gee_door_t *door, const gee_protocol_t *protocol) {
    if (door->way.options.protocols == NULL)
        return true;
    for (size_t i = 0; door->way.options.protocols[i] != NULL; i++)
        if (strcmp(door->way.options.protocols[i], protocol->name) == 0)
            return true;
    return false;
}

static void become_session(gee_door_t *door, const gee_protocol_t *protocol) {
    gee_error_t error;
    char peer[GEE_ADDR_TEXT];
    snprintf(peer, sizeof(peer), "%s", gee_stream_peer_text(door->stream));
    gee_session_t *session =
        gee_session_create(door->engine, &door->stream, protocol, GEE_SERVING, NULL, door->way.started_ns,
                           door->way.options.events, door->way.options.owner, &error);
    if (session == NULL)
        gee_log(door->engine->log, GEE_LOG_WARN, "%s: connection closed: %s", peer, error.text);
    else if (protocol->upgrades && (session->way_back = malloc(sizeof(*session->way_back))) != NULL)
        *session->way_back = door->way; /* without it the stream ends where it would be given back */
    leave(door, session != NULL);
}

/* The protocol that claims the bytes. *undecided: further bytes may make one claim them. */
static const gee_protocol_t *claiming_protocol(const gee_door_t *door, const uint8_t *bytes, size_t length,
                                               bool *undecided) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(door->engine->modules, GEE_MODULE_PROTOCOL, i)) != NULL; i++) {
        const gee_protocol_t *protocol = module->interface;
        if (!allowed(door, protocol))
            continue;
        gee_claim_t claim = protocol->claims(bytes, length);
        if (claim == GEE_CLAIM_YES)
            return protocol;
        *undecided = *undecided || claim == GEE_CLAIM_MORE;
    }
    return NULL;
}

static const gee_layer_t *claiming_layer(const gee_door_t *door, const uint8_t *bytes, size_t length, bool *undecided) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(door->engine->modules, GEE_MODULE_LAYER, i)) != NULL; i++) {
        const gee_layer_t *layer = module->interface;
        gee_claim_t claim = layer->claims ? layer->claims(bytes, length) : GEE_CLAIM_NO;
        if (claim == GEE_CLAIM_YES)
            return layer;
        *undecided = *undecided || claim == GEE_CLAIM_MORE;
    }
    return NULL;
}

static void on_received(gee_stream_t *stream, void *owner) {
    gee_door_t *door = owner;
    gee_inbox_t *inbox = gee_stream_inbox(stream);
    const uint8_t *bytes = gee_inbox_bytes(inbox);
    size_t length = gee_inbox_length(inbox);
    bool undecided = false;
    gee_error_t error;
    if (length == 0)
        return;
    const gee_layer_t *layer = claiming_layer(door, bytes, length, &undecided);
    if (layer != NULL) {
        if (gee_stream_push(stream, layer, GEE_SERVING, NULL, &error) != 0) {
            gee_log(door->engine->log, GEE_LOG_WARN, "%s: refused: %s: %s", gee_stream_peer_text(stream), layer->name,
                    error.text);
            leave(door, false);
        }
        return;
    }
    const gee_protocol_t *protocol = claiming_protocol(door, bytes, length, &undecided);
    if (protocol != NULL) {
        become_session(door, protocol);
    } else if (!undecided || length >= GEE_OPENING_LIMIT) {
        log_refusal(door, bytes, length);
        leave(door, false);
    }
}

static void on_ended(gee_stream_t *stream, void *owner) {
    gee_door_t *door = owner;
    if (gee_inbox_length(gee_stream_inbox(stream)) > 0)
        log_refusal(door, gee_inbox_bytes(gee_stream_inbox(stream)), gee_inbox_length(gee_stream_inbox(stream)));
    else
        gee_log(door->engine->log, GEE_LOG_DEBUG, "%s: left without a word", gee_stream_peer_text(stream));
    leave(door, false);
}

static void on_failed(gee_stream_t *stream, void *owner, const gee_error_t *reason) {
    gee_door_t *door = owner;
    gee_log(door->engine->log, GEE_LOG_INFO, "%s: %s", gee_stream_peer_text(stream), reason->text);
    leave(door, false);
}

static void on_timeout(gee_timer_t *timer) {
    gee_door_t *door = GEE_CONTAINER(timer, gee_door_t, timer);
    char text[GEE_DURATION_TEXT];
    gee_log(door->engine->log, GEE_LOG_WARN,
            "%s: refused: it has not said what it speaks within %s (timeouts.handshake)",
            gee_stream_peer_text(door->stream), gee_format_duration(text, door->engine->timeouts.handshake));
    leave(door, false);
}

static const gee_stream_events_t stream_events = { .received = on_received, .ended = on_ended, .failed = on_failed };

static int open_door(gee_engine_t *engine, gee_stream_t **stream, const gee_way_back_t *way, int64_t started_ns,
                     gee_error_t *error) {
    gee_door_t *door = calloc(1, sizeof(*door));
    if (door == NULL)
        goto no_memory;
    door->engine = engine;
    door->way = *way;
    door->way.started_ns = started_ns;
    door->timer.fire = on_timeout;
    if (engine->timeouts.handshake > 0 &&
        gee_timer_start_at(engine->loop, &door->timer, gee_time_add(started_ns, engine->timeouts.handshake)) != 0)
        goto no_memory;
    door->stream = *stream;
    *stream = NULL;
    gee_list_append(&engine->doors, &door->link);
    gee_stream_set_owner(door->stream, &stream_events, door);
    gee_stream_reread(door->stream);
    return 0;
no_memory:
    free(door);
    gee_stream_destroy(stream);
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "door: out of memory");
}

int gee_door_open(gee_engine_t *engine, gee_stream_t **stream, const gee_door_options_t *options, gee_error_t *error) {
    gee_way_back_t way = { .options = *options };
    return open_door(engine, stream, &way, gee_loop_now(engine->loop), error);
}

void gee_door_reopen(gee_engine_t *engine, gee_stream_t **stream, const gee_way_back_t *way, int64_t started_ns) {
    gee_error_t error;
    gee_way_back_t again = *way;
    char peer[GEE_ADDR_TEXT];
    snprintf(peer, sizeof(peer), "%s", gee_stream_peer_text(*stream));
    again.upgrades++;
    if (open_door(engine, stream, &again, started_ns, &error) == 0)
        return;
    gee_log(engine->log, GEE_LOG_ERROR, "%s: connection closed: %s", peer, error.text);
    if (way->options.left != NULL)
        way->options.left(way->options.owner, false);
}

void gee_door_close_all(gee_engine_t *engine) {
    GEE_LIST_EACH(&engine->doors, link)
    leave(GEE_CONTAINER(link, gee_door_t, link), false);
}
