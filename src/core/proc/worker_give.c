/* worker_give.c: a worker that leaves passes its connections on.
 *
 *   end of pass: each session or door that can leave -> freeze -> record -> OFFER --TAKEN----> left: closed here only
 *                                                                               '-REFUSED--> thaw, stays here
 *                                                                               '-no answer-> thaw, offered to the next
 *
 * A connection is offered at the end of a pass in which its calls were answered and written; worker_leave.c makes
 * busy connections quiet. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/proc/handover_packet.h"
#include "core/proc/worker_private.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

/* A connection that waits for its answer: a session, or else a door. */
typedef struct offer {
    gee_link_t link;
    uint32_t id;
    gee_session_t *session;
    gee_door_t *door;
} offer_t;

typedef struct giver {
    gee_link_t link;
    gee_worker_process_t *process;
    gee_watch_t watch;
    uint32_t set;
    gee_list_t offers; /* the oldest first, as the answers come */
    size_t offer_count;
    gee_record_t record; /* of the last offer; empty: sent */
    size_t sent;
} giver_t;

static bool may_offer(const giver_t *giver) {
    return giver->set == giver->process->last_set && giver->record.length == 0 &&
           giver->offer_count < GEE_HANDOVER_WINDOW;
}

/* The giver whose turn it is; null: every giver's window is full. */
static giver_t *next_giver(gee_worker_process_t *process) {
    GEE_LIST_EACH(&process->givers, link) {
        giver_t *giver = GEE_CONTAINER(link, giver_t, link);
        if (!may_offer(giver))
            continue;
        gee_list_remove(&giver->link);
        gee_list_append(&process->givers, &giver->link);
        return giver;
    }
    return NULL;
}

bool gee_worker_can_offer(const gee_worker_process_t *process) {
    return !gee_list_empty(&process->givers);
}

static gee_worker_connection_t *connection_of(const offer_t *offer) {
    return offer->session ? offer->session->owner : gee_door_owner(offer->door);
}

static const char *peer_of(const offer_t *offer) {
    return offer->session ? gee_session_peer_text(offer->session) : gee_stream_peer_text(gee_door_stream(offer->door));
}

static void offer_forget(giver_t *giver, offer_t *offer) {
    gee_list_remove(&offer->link);
    giver->offer_count--;
    free(offer);
}

/* ---- outcomes ---- */

static void offer_leave(offer_t *offer) {
    gee_worker_conversation_ended(connection_of(offer));
    if (offer->session)
        gee_session_leave(&offer->session);
    else
        gee_door_leave(&offer->door);
}

static void offer_take_back(offer_t *offer) {
    if (offer->session)
        gee_session_thaw(offer->session);
    else
        gee_door_thaw(offer->door);
}

static void on_refused(giver_t *giver, offer_t *offer, const char *reason) {
    gee_log(giver->process->log, GEE_LOG_NOTICE, "%s: stays until it ends: not taken over: %s", peer_of(offer), reason);
    connection_of(offer)->refused = true;
    offer_take_back(offer);
}

static void end_giver(giver_t *giver, bool take_all_back) {
    gee_worker_process_t *process = giver->process;
    GEE_LIST_EACH(&giver->offers, link) {
        offer_t *offer = GEE_CONTAINER(link, offer_t, link);
        if (take_all_back)
            offer_take_back(offer);
        else
            offer_leave(offer);
        offer_forget(giver, offer);
    }
    gee_loop_unwatch(process->loop, &giver->watch);
    (void)close(giver->watch.descriptor);
    gee_record_clear(&giver->record);
    gee_list_remove(&giver->link);
    free(giver);
    if (gee_list_empty(&process->givers))
        process->alone_ns = gee_loop_now(process->loop);
    else
        gee_worker_offer_later(process);
}

/* A giver of an earlier set stays until its last offer is answered. */
static void end_superseded(gee_worker_process_t *process) {
    GEE_LIST_EACH(&process->givers, link) {
        giver_t *giver = GEE_CONTAINER(link, giver_t, link);
        if (giver->set != process->last_set && giver->offer_count == 0)
            end_giver(giver, true);
    }
}

/* ---- answers ---- */

static offer_t *find_offer(const giver_t *giver, uint32_t id) {
    GEE_LIST_EACH(&giver->offers, link) {
        offer_t *offer = GEE_CONTAINER(link, offer_t, link);
        if (offer->id == id)
            return offer;
    }
    return NULL;
}

static bool take_answer(giver_t *giver, const gee_packet_t *packet, char *text, size_t length) {
    offer_t *offer = find_offer(giver, packet->id);
    if (!offer || (packet->type != GEE_PACKET_TAKEN && packet->type != GEE_PACKET_REFUSED))
        return false;
    if (giver->record.length > 0 && &offer->link == giver->offers.head.previous)
        return false; /* an answer before the whole record was sent */
    text[length < GEE_HANDOVER_TEXT ? length : GEE_HANDOVER_TEXT - 1] = '\0';
    if (packet->type == GEE_PACKET_TAKEN)
        offer_leave(offer);
    else
        on_refused(giver, offer, text);
    offer_forget(giver, offer);
    return true;
}

/* False: the giver is destroyed. */
static bool read_answers(giver_t *giver) {
    char text[GEE_HANDOVER_PIECE + 1];
    gee_packet_t packet;
    size_t length;
    int descriptor, outcome;
    while ((outcome = gee_packet_receive(giver->watch.descriptor, &packet, text, &length, &descriptor)) > 0) {
        if (descriptor >= 0)
            (void)close(descriptor);
        if (!take_answer(giver, &packet, text, length)) {
            outcome = -1;
            break;
        }
    }
    if (outcome == 0)
        return true;
    end_giver(giver, true);
    return false;
}

/* ---- offering ---- */

/* What became of a record. */
typedef enum sent { SENT, SENT_WHEN_WRITABLE, SENT_LATER, SENT_NEVER } sent_t;

/* With the system's limits of memory and of descriptors in flight the socket stays writable: no event would come. */
static sent_t why_not(int reason) {
    if (reason == EAGAIN || reason == EWOULDBLOCK)
        return SENT_WHEN_WRITABLE;
    return reason == ENOBUFS || reason == ENOMEM || reason == ETOOMANYREFS ? SENT_LATER : SENT_NEVER;
}

static sent_t send_record(giver_t *giver) {
    const offer_t *offer = GEE_CONTAINER(giver->offers.head.previous, offer_t, link);
    while (giver->sent < giver->record.length) {
        size_t left = giver->record.length - giver->sent;
        size_t piece = left < GEE_HANDOVER_PIECE ? left : GEE_HANDOVER_PIECE;
        gee_packet_t packet = {
            .type = GEE_PACKET_OFFER, .id = offer->id, .total = giver->record.length, .offset = giver->sent
        };
        const gee_stream_t *stream = offer->session ? offer->session->stream : gee_door_stream(offer->door);
        int descriptor = giver->sent == 0 ? gee_stream_descriptor(stream) : -1;
        if (gee_packet_send(giver->watch.descriptor, &packet, giver->record.bytes + giver->sent, piece, descriptor) !=
            0)
            return why_not(errno);
        giver->sent += piece;
    }
    gee_record_clear(&giver->record);
    return SENT;
}

/* On failure the other side may have taken earlier offers, so its answers are read until it closes the socket. */
static void go_on_sending(giver_t *giver) {
    sent_t outcome = giver->record.length > 0 ? send_record(giver) : SENT;
    if (outcome == SENT_NEVER)
        (void)shutdown(giver->watch.descriptor, SHUT_WR);
    gee_loop_rewatch(giver->process->loop, &giver->watch, outcome == SENT_WHEN_WRITABLE ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static void write_record(const offer_t *offer, gee_record_t *record) {
    const gee_worker_connection_t *connection = connection_of(offer);
    gee_record_put_str(record, connection->entry->listener->bound);
    gee_record_put_u64(record, (uint64_t)connection->accepted_ns);
    gee_record_put_u8(record, connection->unproven);
    if (offer->session)
        gee_handover_export_session(offer->session, record);
    else
        gee_handover_export_door(offer->door, record);
}

/* False: the connection stays, because no giver is free or memory is out; earlier offers and givers may be gone. */
static bool offer(gee_worker_process_t *process, gee_session_t *session, gee_door_t *door) {
    giver_t *giver = next_giver(process);
    offer_t *offer = giver ? malloc(sizeof *offer) : NULL;
    if (!offer)
        return false;
    *offer = (offer_t){ .id = ++process->last_offer, .session = session, .door = door };
    if (session)
        gee_session_freeze(session);
    else
        gee_door_freeze(door);
    gee_list_append(&giver->offers, &offer->link);
    giver->offer_count++;
    giver->sent = 0;
    write_record(offer, &giver->record);
    if (!giver->record.failed) {
        go_on_sending(giver);
        return true;
    }
    gee_log(process->log, GEE_LOG_ERROR, "%s: not passed on: out of memory", peer_of(offer));
    gee_record_clear(&giver->record);
    offer_take_back(offer);
    offer_forget(giver, offer);
    return false;
}

static void on_offer(gee_task_t *task) {
    gee_worker_process_t *process = GEE_CONTAINER(task, gee_worker_process_t, offer);
    if (!process->leaving || process->cutting)
        return;
    GEE_LIST_EACH(&process->givers, link)
        go_on_sending(GEE_CONTAINER(link, giver_t, link)); /* records that could not be sent whole */
    GEE_LIST_EACH(&process->engine->doors, link) {
        gee_door_t *door = gee_door_of_link(link);
        const gee_worker_connection_t *connection = gee_door_owner(door);
        if (!connection->refused && gee_door_can_leave(door) && !offer(process, NULL, door))
            return;
    }
    GEE_LIST_EACH(&process->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (!gee_session_can_leave(session))
            continue;
        const gee_worker_connection_t *connection = session->owner;
        if (!connection->refused && !offer(process, session, NULL))
            return;
    }
}

void gee_worker_offer_later(gee_worker_process_t *process) {
    process->offer.run = on_offer;
    if (process->leaving && !process->cutting && gee_worker_can_offer(process))
        gee_loop_defer(process->loop, &process->offer);
}

static void giver_on_ready(gee_watch_t *watch, uint32_t events) {
    giver_t *giver = GEE_CONTAINER(watch, giver_t, watch);
    gee_worker_process_t *process = giver->process;
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP) && !read_answers(giver))
        return;
    if (events & EPOLLOUT)
        go_on_sending(giver);
    end_superseded(process);
    gee_worker_offer_later(process);
    gee_worker_check_end(process);
}

/* ---- the giver's life ---- */

void gee_worker_give_over(gee_worker_process_t *process, uint32_t set, int descriptor) {
    gee_error_t error = { .text = "out of memory" };
    giver_t *giver = descriptor >= 0 ? calloc(1, sizeof *giver) : NULL;
    if (giver)
        giver->watch = (gee_watch_t){ .descriptor = descriptor, .ready = giver_on_ready };
    if (!giver || gee_loop_watch(process->loop, &giver->watch, EPOLLIN, &error) != 0) {
        gee_log(process->log, GEE_LOG_ERROR, "connections are not passed on: %s",
                descriptor >= 0 ? error.text : GEE_HANDOVER_NO_DESCRIPTOR);
        if (descriptor >= 0)
            (void)close(descriptor);
        free(giver);
        return;
    }
    giver->process = process;
    giver->set = set;
    gee_list_init(&giver->offers);
    gee_list_append(&process->givers, &giver->link);
    if (set > process->last_set)
        process->last_set = set;
    process->handing_over = true;
    process->alone_ns = 0;
    end_superseded(process);
    gee_worker_offer_later(process);
}

void gee_worker_give_finish(gee_worker_process_t *process) {
    gee_link_t *link;
    gee_loop_undefer(&process->offer);
    while ((link = gee_list_first(&process->givers)) != NULL)
        end_giver(GEE_CONTAINER(link, giver_t, link), false);
    gee_loop_undefer(&process->offer);
}
