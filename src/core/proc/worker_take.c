/* worker_take.c: a worker takes over the connections of a worker that leaves.
 *
 *   OFFER pieces -> record, descriptor -> which listener? -> stream -> import -> TAKEN, and only then it reads
 *                                                              '-> REFUSED, why: the old worker keeps it
 *
 * Records are checked as a stranger's bytes are. A worker that is leaving takes connections, too, and
 * passes them on. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/proc/handover_packet.h"
#include "core/proc/worker_private.h"

#define PACKETS_A_PASS 256
#define RECORD_EXTRA   (64UL * 1024 * 1024) /* beyond the largest message: definitions of types, mostly */

typedef struct taker {
    gee_link_t link;
    gee_worker_process_t *process;
    gee_watch_t watch;
    uint8_t *piece; /* of GEE_HANDOVER_PIECE bytes */
    /* the record that is being received */
    bool coming;
    uint32_t id;
    int descriptor;
    uint64_t total, received;
    gee_record_t record;
    const char *refusal; /* why the record is not imported; null: it is */
    bool waits;          /* the whole record has come, but there is no room for the answer */
    size_t taken;        /* connections taken, for the log */
} taker_t;

static void forget_record(taker_t *taker) {
    gee_record_clear(&taker->record);
    if (taker->descriptor >= 0)
        (void)close(taker->descriptor);
    taker->descriptor = -1;
    taker->coming = false;
    taker->refusal = NULL;
}

static void end_taker(taker_t *taker) {
    gee_worker_process_t *process = taker->process;
    if (taker->taken > 0)
        gee_log(process->log, GEE_LOG_INFO, "%zu connection%s taken over", taker->taken, taker->taken == 1 ? "" : "s");
    gee_loop_unwatch(process->loop, &taker->watch);
    (void)close(taker->watch.descriptor);
    forget_record(taker);
    gee_list_remove(&taker->link);
    explicit_bzero(taker->piece, GEE_HANDOVER_PIECE);
    free(taker->piece);
    free(taker);
    gee_worker_check_end(process);
}

/* ---- one connection ---- */

static gee_worker_connection_t *make_connection(gee_worker_process_t *process, gee_record_reader_t *in,
                                                const gee_sockaddr_t *peer, gee_error_t *error) {
    gee_str_t address = gee_record_take_str(in);
    int64_t accepted_ns = (int64_t)gee_record_take_u64(in), now = gee_loop_now(process->loop);
    bool unproven = gee_record_take_u8(in) != 0;
    const gee_cycle_listener_t *entry = gee_worker_find_entry(process, address);
    gee_worker_connection_t *connection = entry && !in->failed ? calloc(1, sizeof *connection) : NULL;
    if (connection) {
        connection->process = process;
        connection->entry = entry;
        connection->accepted_ns = accepted_ns < now ? accepted_ns : now;
        bool sealed = entry->seal_setup != NULL;
        gee_worker_count_admitted(connection, peer, sealed, unproven && gee_door_required_layer(entry->layers) != NULL);
    } else if (in->failed) {
        (void)gee_error_set(error, GEE_INVALID_ARGUMENT, "a record that is cut off");
    } else if (!entry) {
        (void)gee_error_set(error, GEE_NOT_FOUND, "the configuration has no listener %.*s any more",
                            address.length < 100 ? (int)address.length : 100, address.data ? address.data : "");
    } else {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    return connection;
}

static int taker_take(taker_t *taker, gee_error_t *error) {
    gee_worker_process_t *process = taker->process;
    gee_record_reader_t in = gee_record_reader(taker->record.bytes, taker->record.length);
    gee_sockaddr_t peer;
    socklen_t length = sizeof peer;
    gee_door_options_t options;
    int descriptor = taker->descriptor;
    memset(&peer, 0, sizeof peer);
    if (getpeername(descriptor, &peer.any, &length) != 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "%s", strerror(errno));
    gee_worker_connection_t *connection = make_connection(process, &in, &peer, error);
    if (!connection)
        return -1;
    taker->descriptor = -1;
    gee_stream_t *stream = gee_worker_open_stream(connection, descriptor, &peer, &options, error);
    if (!stream || gee_handover_import(process->engine, &stream, &options, &in, error) != 0) {
        gee_worker_conversation_ended(connection);
        return -1;
    }
    taker->taken++;
    gee_worker_check_full(process);
    return 0;
}

/* ---- packets ---- */

static int taker_answer(const taker_t *taker, gee_packet_type_t type, const char *text) {
    gee_packet_t packet = { .type = (uint32_t)type, .id = taker->id };
    size_t length = strlen(text);
    if (length >= GEE_HANDOVER_TEXT)
        length = GEE_HANDOVER_TEXT - 1;
    return gee_packet_send(taker->watch.descriptor, &packet, text, length, -1);
}

/* Without the answer "taken" both workers would have the connection: so a connection is taken only when the answer
 * can be sent. */
static bool can_answer(const taker_t *taker) {
    struct pollfd socket = { .fd = taker->watch.descriptor, .events = POLLOUT };
    return poll(&socket, 1, 0) == 1 && (socket.revents & (POLLOUT | POLLERR | POLLHUP)) != 0;
}

static int taker_complete(taker_t *taker) {
    gee_error_t error;
    taker->waits = !can_answer(taker);
    gee_loop_rewatch(taker->process->loop, &taker->watch, taker->waits ? EPOLLOUT : EPOLLIN);
    if (taker->waits)
        return 0;
    int outcome = taker->refusal ? gee_error_set(&error, GEE_RESOURCE_EXHAUSTED, "%s", taker->refusal)
                                 : taker_take(taker, &error);
    forget_record(taker);
    /* If the answer cannot be sent, the old worker has died, and this worker alone has the connection. */
    return taker_answer(taker, outcome == 0 ? GEE_PACKET_TAKEN : GEE_PACKET_REFUSED, outcome == 0 ? "" : error.text);
}

/* Takes the descriptor (-1: none came). */
static bool taker_begin(taker_t *taker, const gee_packet_t *packet, int descriptor) {
    uint64_t most = gee_cycle_settings(taker->process->cycle)->limits.message + RECORD_EXTRA;
    if (taker->coming || packet->total == 0) {
        if (descriptor >= 0)
            (void)close(descriptor);
        return false;
    }
    taker->coming = true;
    taker->id = packet->id;
    taker->total = packet->total;
    taker->received = 0;
    taker->descriptor = descriptor;
    taker->refusal = descriptor < 0         ? GEE_HANDOVER_NO_DESCRIPTOR
                     : packet->total > most ? "a message that was begun is longer than this worker takes "
                                              "(limits.message)"
                                            : NULL;
    return true;
}

static void keep_piece(taker_t *taker, size_t length) {
    taker->received += length;
    if (!taker->refusal)
        gee_record_put(&taker->record, taker->piece, length);
    if (taker->record.failed) {
        gee_record_clear(&taker->record);
        taker->refusal = "out of memory";
    }
}

/* 0, or -1: the conversation with the other worker cannot go on. */
static int take_piece(taker_t *taker, const gee_packet_t *packet, size_t length, int descriptor) {
    bool first = packet->type == GEE_PACKET_OFFER && packet->offset == 0;
    if (first && !taker_begin(taker, packet, descriptor))
        return -1;
    if (!first && descriptor >= 0) {
        (void)close(descriptor);
        return -1;
    }
    if (packet->type != GEE_PACKET_OFFER || length == 0 || !taker->coming || packet->id != taker->id ||
        packet->offset != taker->received || packet->total != taker->total || length > taker->total - taker->received)
        return -1;
    keep_piece(taker, length);
    return taker->received < taker->total ? 0 : taker_complete(taker);
}

static void taker_on_ready(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    taker_t *taker = GEE_CONTAINER(watch, taker_t, watch);
    if (taker->process->stopped)
        return; /* an unread offer stays with its giver */
    if (taker->waits && taker_complete(taker) != 0) {
        end_taker(taker);
        return;
    }
    for (int i = 0; i < PACKETS_A_PASS && !taker->waits && !taker->process->stopped; i++) {
        gee_packet_t packet;
        size_t length = 0;
        int descriptor;
        int outcome = gee_packet_receive(watch->descriptor, &packet, taker->piece, &length, &descriptor);
        if (outcome == 0)
            return;
        if (outcome > 0)
            outcome = take_piece(taker, &packet, length, descriptor);
        explicit_bzero(taker->piece, length);
        if (outcome < 0) {
            end_taker(taker);
            return;
        }
    }
}

void gee_worker_take_over(gee_worker_process_t *process, int descriptor) {
    gee_error_t error = { .text = "out of memory" };
    taker_t *taker = descriptor >= 0 && !process->cutting ? calloc(1, sizeof *taker) : NULL;
    if (taker)
        taker->piece = malloc(GEE_HANDOVER_PIECE);
    if (taker && taker->piece) {
        taker->process = process;
        taker->descriptor = -1;
        taker->watch = (gee_watch_t){ .descriptor = descriptor, .ready = taker_on_ready };
        if (gee_loop_watch(process->loop, &taker->watch, EPOLLIN, &error) == 0) {
            gee_list_append(&process->takers, &taker->link);
            return;
        }
    }
    if (!process->cutting)
        gee_log(process->log, GEE_LOG_ERROR, "connections cannot be taken over: %s",
                descriptor >= 0 ? error.text : GEE_HANDOVER_NO_DESCRIPTOR);
    if (taker)
        free(taker->piece);
    free(taker);
    if (descriptor >= 0)
        (void)close(descriptor);
}

void gee_worker_take_finish(gee_worker_process_t *process) {
    gee_link_t *link;
    while ((link = gee_list_first(&process->takers)) != NULL)
        end_taker(GEE_CONTAINER(link, taker_t, link));
}
