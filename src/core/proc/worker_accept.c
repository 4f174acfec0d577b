/* worker_accept.c: the listening sockets that this worker serves, and the connections accepted there.
 *
 *   ADOPT -> acceptor --accept--> limits -> stream -> door -> session ... -> gone
 *
 * While no connection can be accepted, the sockets are not watched: new connections wait in the kernel's queue. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/proc/worker_private.h"
#include "core/rpc/session_private.h"

#define ACCEPTS_A_PASS  16
#define ACCEPTS_AT_ONCE 100000 /* from a queue that is emptied */
#define RETRY_DELAY     (500 * GEE_MILLISECOND)
#define TOTAL_DELAY     (20 * GEE_MILLISECOND) /* between two checks for room in all workers together */
#define INBOX_EXTRA     (64 * GEE_KIB)         /* beyond one message */

typedef struct acceptor {
    gee_link_t link;
    gee_watch_t watch;
    gee_worker_process_t *process;
    const gee_cycle_listener_t *entry;
    uint32_t slot;
} acceptor_t;

/* ---- pausing ---- */

static void watch_acceptor(acceptor_t *acceptor) {
    gee_worker_process_t *process = acceptor->process;
    gee_error_t error;
    if (process->full || process->waiting || acceptor->watch.events != 0)
        return;
    /* All workers have one Unix socket: without EPOLLEXCLUSIVE each connection would wake them all. */
    uint32_t shared = acceptor->entry->listener->socket_per_worker ? 0 : (uint32_t)EPOLLEXCLUSIVE;
    if (gee_loop_watch(process->loop, &acceptor->watch, EPOLLIN | shared, &error) != 0)
        gee_log(process->log, GEE_LOG_CRIT, "%s is not served: %s", acceptor->entry->listener->bound, error.text);
}

static void watch_all(gee_worker_process_t *process) {
    GEE_LIST_EACH(&process->acceptors, link)
        watch_acceptor(GEE_CONTAINER(link, acceptor_t, link));
}

static void unwatch_all(gee_worker_process_t *process) {
    GEE_LIST_EACH(&process->acceptors, link)
        gee_loop_unwatch(process->loop, &GEE_CONTAINER(link, acceptor_t, link)->watch);
}

static void stop_waiting(gee_worker_process_t *process) {
    if (!process->waiting)
        return;
    gee_timer_stop(process->loop, &process->retry);
    process->waiting = false;
    watch_all(process);
}

/* Other files than connections may have freed descriptors. */
static void acceptors_on_retry(gee_timer_t *timer) {
    stop_waiting(GEE_CONTAINER(timer, gee_worker_process_t, retry));
}

static void log_starved(gee_worker_process_t *process, int reason) {
    if (gee_worker_is_news(process, &process->starved_ns))
        gee_log(process->log, GEE_LOG_ERROR, "connections wait, none can be accepted until another one ends: %s%s",
                strerror(reason),
                reason == EMFILE ? " (raise the limit of open files, or lower limits.connections)" : "");
}

static void wait_for_resources(gee_worker_process_t *process, int reason) {
    if (process->waiting)
        return;
    log_starved(process, reason);
    process->retry.fire = acceptors_on_retry;
    if (gee_timer_start(process->loop, &process->retry, RETRY_DELAY) != 0)
        return; /* level-triggered: the next pass tries again */
    process->waiting = true;
    unwatch_all(process);
}

static void on_total_timer(gee_timer_t *timer) {
    gee_worker_process_t *process = GEE_CONTAINER(timer, gee_worker_process_t, total_timer);
    process->yielding = false;
    gee_worker_check_full(process);
}

static void update_full(gee_worker_process_t *process, bool total_full) {
    int64_t limit = gee_cycle_settings(process->cycle)->connections.connections;
    bool full = total_full || process->descriptors >= (size_t)limit;
    process->total_timer.fire = on_total_timer;
    if (total_full && gee_timer_start(process->loop, &process->total_timer, TOTAL_DELAY) != 0)
        full = process->descriptors >= (size_t)limit; /* no timer: rather above the total than never again */
    if (full == process->full)
        return;
    process->full = full;
    if (full) {
        if (gee_worker_is_news(process, &process->full_ns))
            gee_log(process->log, GEE_LOG_WARN, "%zu connections%s: further ones wait (limits.%s)",
                    total_full ? (size_t)gee_cycle_settings(process->cycle)->connections.total_connections
                               : process->descriptors,
                    total_full ? " of all workers" : "", total_full ? "total_connections" : "connections");
        unwatch_all(process);
    } else {
        watch_all(process);
    }
}

void gee_worker_check_full(gee_worker_process_t *process) {
    if (process->loop != NULL) /* null while the worker ends */
        update_full(process, gee_worker_count_full(process));
}

/* A connection has ended here. The other workers look for room only every TOTAL_DELAY, and would find none while this
 * worker's queue lasts, if each place were taken again at once: above its share the worker looks when they have. */
static void on_room(gee_worker_process_t *process) {
    if (process->loop == NULL || !process->full || !gee_timer_started(&process->total_timer) ||
        !gee_worker_count_exceeds_share(process))
        gee_worker_check_full(process);
    else if (!process->yielding)
        process->yielding = gee_timer_start(process->loop, &process->total_timer, TOTAL_DELAY) == 0;
}

/* ---- connections ---- */

static void connection_release(gee_worker_connection_t *connection) {
    if (!connection->served && !connection->open)
        free(connection);
}

/* The descriptor is closed, so there is room for another connection. A peer that does not close its side keeps a
 * closed connection's descriptor open for seconds. */
static void connection_on_gone(void *data) {
    gee_worker_connection_t *connection = data;
    GEE_ASSERT(connection->open);
    connection->open = false;
    gee_worker_silent_remove(connection);
    connection->process->descriptors--;
    gee_worker_count_changed(connection->process);
    gee_worker_uncount(connection);
    on_room(connection->process);
    stop_waiting(connection->process);
    connection_release(connection);
}

void gee_worker_conversation_ended(gee_worker_connection_t *connection) {
    gee_worker_process_t *process = connection->process;
    GEE_ASSERT(connection->served);
    connection->served = false;
    gee_worker_silent_remove(connection);
    process->connections--;
    connection_release(connection);
    gee_worker_check_end(process);
}

static bool connection_on_sealing(void *owner) {
    const gee_worker_connection_t *connection = owner;
    return gee_worker_count_unproven(owner) &&
           gee_worker_count_handshake(connection, gee_loop_now(connection->process->loop));
}

static void connection_on_sealed(void *owner) {
    gee_worker_count_proven(owner);
}

static void connection_on_left(void *owner, bool became_session) {
    if (!became_session)
        gee_worker_conversation_ended(owner);
}

static void connection_on_closed(gee_session_t *session, void *owner, const gee_error_t *reason) {
    gee_worker_connection_t *connection = owner;
    gee_log(connection->process->log, GEE_LOG_INFO, "%s: closed%s%s, calls %llu", gee_session_peer_text(session),
            reason ? ": " : "", reason ? reason->text : "", (unsigned long long)session->calls_total);
    connection->process->finished_calls += session->calls_total;
    gee_worker_conversation_ended(connection);
}

static void connection_on_established(gee_session_t *session GEE_UNUSED, void *owner) {
    gee_worker_silent_remove(owner);
}

static const gee_session_events_t session_events = { .established = connection_on_established,
                                                     .closed = connection_on_closed };

static bool serves_pages(const gee_cycle_listener_t *entry) {
    if (entry->settings->pages == GEE_PAGES_AUTO)
        return gee_sockaddr_loopback(&entry->listener->sockaddr);
    return entry->settings->pages == GEE_PAGES_ON;
}

static bool serves_health(const gee_cycle_listener_t *entry) {
    return entry->settings->pages == GEE_PAGES_HEALTH || serves_pages(entry);
}

gee_stream_t *gee_worker_open_stream(gee_worker_connection_t *connection, int descriptor, const gee_sockaddr_t *peer,
                                     gee_door_options_t *options, gee_error_t *error) {
    gee_worker_process_t *process = connection->process;
    const gee_cycle_listener_t *entry = connection->entry;
    const gee_settings_t *settings = gee_cycle_settings(process->cycle);
    gee_stream_options_t stream_options = { .high_water = settings->limits.output,
                                            .inbox_limit = settings->limits.message + INBOX_EXTRA,
                                            .write_timeout_ns = settings->timeouts.write };
    *options = (gee_door_options_t){ .protocols = entry->protocols,
                                     .layers = entry->layers,
                                     .pages = serves_pages(entry),
                                     .health = serves_health(entry),
                                     .events = &session_events,
                                     .owner = connection,
                                     .sealing = connection_on_sealing,
                                     .sealed = connection_on_sealed,
                                     .left = connection_on_left };
    GEE_ASSERT(!connection->served && !connection->open);
    connection->served = connection->open = true;
    process->connections++;
    process->descriptors++;
    gee_worker_count_changed(process);
    gee_stream_t *stream =
        gee_stream_create(process->loop, entry->listener->transport, descriptor, peer, &stream_options, error);
    if (!stream) {
        connection_on_gone(connection);
        return NULL;
    }
    gee_stream_set_gone(stream, connection_on_gone, connection);
    return stream;
}

static int open_door(gee_worker_connection_t *connection, int descriptor, const gee_sockaddr_t *peer,
                     gee_error_t *error) {
    gee_worker_process_t *process = connection->process;
    gee_door_options_t options;
    gee_stream_t *stream = gee_worker_open_stream(connection, descriptor, peer, &options, error);
    if (!stream)
        return -1;
    gee_worker_silent_add(connection, descriptor);
    gee_log(process->log, GEE_LOG_INFO, "%s: connected to %s", gee_stream_peer_text(stream),
            connection->entry->listener->bound);
    return gee_door_open(process->engine, &stream, &options, error);
}

/* The settings that refuse the connection; null: admitted. */
static const char *admit(const acceptor_t *acceptor, gee_worker_connection_t *connection, const gee_sockaddr_t *peer) {
    const gee_cycle_listener_t *entry = acceptor->entry;
    if (!gee_worker_count(connection, peer, entry->seal_setup != NULL))
        return "limits.connections_per_address";
    if (gee_door_required_layer(entry->layers) != NULL && !gee_worker_count_unproven(connection))
        return "limits.unauthenticated, limits.unauthenticated_per_address";
    return NULL;
}

static void welcome(acceptor_t *acceptor, int descriptor, const gee_sockaddr_t *peer) {
    gee_worker_process_t *process = acceptor->process;
    gee_worker_connection_t *connection = calloc(1, sizeof *connection);
    char text[GEE_ADDR_TEXT];
    gee_error_t error;
    if (!connection) {
        (void)close(descriptor);
        gee_log(process->log, GEE_LOG_ERROR, "%s: closed: out of memory", gee_sockaddr_text(peer, text));
        return;
    }
    connection->process = process;
    connection->entry = acceptor->entry;
    connection->accepted_ns = gee_loop_now(process->loop);
    gee_worker_silent_make_room(process, gee_worker_count_unproven_total(process));
    const char *limit = admit(acceptor, connection, peer);
    if (limit != NULL) {
        gee_log(process->log, GEE_LOG_WARN, "%s: closed: too many connections (%s)", gee_sockaddr_text(peer, text),
                limit);
        (void)close(descriptor);
        gee_worker_uncount(connection);
        free(connection);
        return;
    }
    if (open_door(connection, descriptor, peer, &error) != 0) {
        gee_log(process->log, GEE_LOG_ERROR, "%s: closed: %s", gee_sockaddr_text(peer, text), error.text);
        gee_worker_conversation_ended(connection);
        return;
    }
    gee_worker_check_full(process);
}

/* False: no connection waits, or none can be accepted now. */
static bool accept_one(acceptor_t *acceptor) {
    gee_sockaddr_t peer;
    memset(&peer, 0, sizeof peer);
    int descriptor = acceptor->entry->listener->transport->accept(acceptor->watch.descriptor, &peer);
    if (descriptor >= 0) {
        welcome(acceptor, descriptor, &peer);
        return true;
    }
    switch (errno) {
    case EAGAIN:
#if EAGAIN != EWOULDBLOCK
    case EWOULDBLOCK:
#endif
        return false;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        wait_for_resources(acceptor->process, errno);
        return false;
    default: /* this connection is gone; the next may be fine */
        gee_log(acceptor->process->log, GEE_LOG_INFO, "%s: accept: %s", acceptor->entry->listener->bound,
                strerror(errno));
        return errno == ECONNABORTED || errno == EINTR || errno == EPROTO || errno == EPERM;
    }
}

static void acceptor_on_ready(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    acceptor_t *acceptor = GEE_CONTAINER(watch, acceptor_t, watch);
    gee_worker_process_t *process = acceptor->process;
    for (int i = 0; i < ACCEPTS_A_PASS; i++) {
        gee_worker_check_full(process); /* by connections of other workers */
        if (watch->events == 0)
            return;
        if (!gee_worker_count_reserve(process)) {
            update_full(process, true);
            return;
        }
        bool accepted = accept_one(acceptor);
        gee_worker_count_changed(process); /* replaces the reservation by the real count */
        if (!accepted)
            return;
    }
}

/* ---- acceptors ---- */

const gee_cycle_listener_t *gee_worker_find_entry(const gee_worker_process_t *process, gee_str_t address) {
    for (size_t i = 0; i < process->cycle->listener_count; i++)
        if (gee_str_equal(gee_str(process->cycle->listeners[i].listener->bound), address))
            return &process->cycle->listeners[i];
    return NULL;
}

static const gee_cycle_listener_t *find_entry(const gee_worker_process_t *process, uint32_t id) {
    for (size_t i = 0; i < process->cycle->listener_count; i++)
        if (process->cycle->listeners[i].listener->id == id)
            return &process->cycle->listeners[i];
    return NULL;
}

void gee_worker_adopt(gee_worker_process_t *process, const gee_message_t *message, int descriptor) {
    const gee_cycle_listener_t *entry = find_entry(process, message->number);
    acceptor_t *acceptor = entry && descriptor >= 0 && !process->leaving ? calloc(1, sizeof *acceptor) : NULL;
    if (!acceptor) {
        if (descriptor >= 0)
            (void)close(descriptor);
        if (!process->leaving)
            gee_log(process->log, GEE_LOG_ERROR, "listening socket %u.%u cannot be served", message->number,
                    message->slot);
        return;
    }
    acceptor->process = process;
    acceptor->entry = entry;
    acceptor->slot = message->slot;
    acceptor->watch = (gee_watch_t){ .descriptor = descriptor, .ready = acceptor_on_ready };
    gee_list_append(&process->acceptors, &acceptor->link);
    watch_acceptor(acceptor);
}

static void close_acceptor(acceptor_t *acceptor) {
    gee_loop_unwatch(acceptor->process->loop, &acceptor->watch);
    (void)close(acceptor->watch.descriptor);
    gee_list_remove(&acceptor->link);
    free(acceptor);
}

/* Accepts the whole queue, which no other worker will accept. */
static void accept_all(acceptor_t *acceptor) {
    for (int i = 0; i < ACCEPTS_AT_ONCE; i++)
        if (!accept_one(acceptor))
            return;
}

void gee_worker_release(gee_worker_process_t *process, const gee_message_t *message) {
    GEE_LIST_EACH(&process->acceptors, link) {
        acceptor_t *acceptor = GEE_CONTAINER(link, acceptor_t, link);
        if (acceptor->entry->listener->id != message->number || acceptor->slot != message->slot)
            continue;
        if (message->value == 1)
            accept_all(acceptor);
        close_acceptor(acceptor);
    }
}

/* A shared socket may have woken only this worker for a connection, which must be accepted here. */
void gee_worker_release_all(gee_worker_process_t *process) {
    gee_link_t *link;
    while ((link = gee_list_first(&process->acceptors)) != NULL) {
        acceptor_t *acceptor = GEE_CONTAINER(link, acceptor_t, link);
        if (!acceptor->entry->listener->socket_per_worker)
            accept_all(acceptor);
        close_acceptor(acceptor);
    }
}

void gee_worker_accept_finish(gee_worker_process_t *process) {
    gee_timer_stop(process->loop, &process->retry);
    gee_timer_stop(process->loop, &process->total_timer);
    while (!gee_list_empty(&process->acceptors))
        close_acceptor(GEE_CONTAINER(gee_list_first(&process->acceptors), acceptor_t, link));
    gee_string_map_destroy(&process->addresses);
    gee_worker_silent_finish(process);
}
