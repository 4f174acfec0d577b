/* upstream_peer.c: one server of an upstream: its connections, and whether it lives.
 *
 *            fails failures in a row                    dialled, and answered a ping
 *   up ---------------------------------> down --probe--------------------------------> up
 *                                          ^  '--- failed: after twice the time ---.
 *                                          '---------------------------------------'
 *
 * A peer that came up by a probe goes down again with its first failure, and the time goes on growing, until it has answered a
 * call. */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/rpc/upstream_private.h"

#define FIRST_BACK_OFF (100 * GEE_MILLISECOND)
#define PING_TIMEOUT   (5 * GEE_SECOND) /* where connecting has no limit */

/* ---- its end ---- */

void gee_upstream_peer_gone(gee_upstream_peer_t *peer) {
    if (gee_list_empty(&peer->links) && gee_list_empty(&peer->waiting)) {
        gee_list_remove(&peer->leaving_link);
        gee_upstream_peer_destroy(&peer);
    }
}

/* For whoever called gee_upstream_ping(). */
static void end_ping(gee_upstream_link_t *link, const gee_error_t *error) {
    gee_upstream_t *upstream = link->peer->upstream;
    gee_error_t located;
    if (error != NULL)
        gee_upstream_locate(&located, link->peer->addr.text, error->phase, error->code, gee_str(error->text));
    upstream->pinged = NULL;
    upstream->ponged(upstream->ponged_data, error ? &located : NULL);
}

static void link_destroy(gee_upstream_link_t *link) {
    link->peer->candidate.in_flight -= link->late;
    gee_list_remove(&link->link);
    if (link->peer->recent == link)
        link->peer->recent = NULL;
    if (link->peer->upstream->pinged == link) {
        gee_error_t error;
        gee_error_set(&error, GEE_UNAVAILABLE, "the connection was closed");
        error.phase = GEE_PHASE_WAIT;
        end_ping(link, &error);
    }
    gee_connection_destroy(&link->connection);
    free(link);
}

void gee_upstream_peer_destroy(gee_upstream_peer_t **handle) {
    gee_upstream_peer_t *peer = *handle;
    *handle = NULL;
    if (peer == NULL)
        return;
    gee_loop_t *loop = peer->upstream->engine->loop;
    GEE_LIST_EACH(&peer->links, link) {
        link_destroy(GEE_CONTAINER(link, gee_upstream_link_t, link));
    }
    gee_timer_stop(loop, &peer->retry_timer);
    gee_timer_stop(loop, &peer->check_timer);
    free(peer->last_error);
    free(peer->candidate.state);
    free(peer);
}

/* ---- up and down ---- */

static void say(const gee_upstream_peer_t *peer, const gee_error_t *reason, int64_t delay_ns) {
    gee_upstream_t *upstream = peer->upstream;
    char text[GEE_DURATION_TEXT];
    if (reason != NULL)
        gee_log(upstream->engine->log, GEE_LOG_WARN, "upstream %s: %s is down: %s; it is tried again in %s",
                upstream->name, peer->addr.text, reason->text,
                gee_format_duration(text, delay_ns / GEE_MILLISECOND * GEE_MILLISECOND));
    else
        gee_log(upstream->engine->log, GEE_LOG_NOTICE, "upstream %s: %s is up again", upstream->name, peer->addr.text);
    if (upstream->peer_changed != NULL)
        upstream->peer_changed(upstream->owner, peer, reason);
}

static void go_down(gee_upstream_peer_t *peer, const gee_error_t *reason) {
    gee_upstream_t *upstream = peer->upstream;
    int64_t longest = upstream->limits.fail_timeout, next = peer->back_off_ns ? peer->back_off_ns * 2 : FIRST_BACK_OFF;
    peer->back_off_ns = next < longest ? next : longest;
    /* Spread, so that those who lost the same server do not all come back at once. */
    int64_t delay = (int64_t)((double)peer->back_off_ns * (0.75 + 0.25 * gee_upstream_random(upstream)));
    bool was_down = peer->down;
    peer->down = true;
    gee_upstream_peer_refresh(peer);
    (void)gee_timer_start(upstream->engine->loop, &peer->retry_timer, delay);
    if (!was_down)
        say(peer, reason, delay);
}

static void come_up(gee_upstream_peer_t *peer) {
    if (!peer->down)
        return;
    peer->down = false;
    gee_timer_stop(peer->upstream->engine->loop, &peer->retry_timer);
    gee_upstream_peer_refresh(peer);
    say(peer, NULL, 0);
}

void gee_upstream_peer_answered(gee_upstream_peer_t *peer, int64_t latency_ns) {
    peer->latency_ns = peer->latency_ns ? peer->latency_ns + (latency_ns - peer->latency_ns) / 8 : latency_ns;
    peer->failures = 0;
    peer->back_off_ns = 0;
    come_up(peer);
}

void gee_upstream_peer_failed(gee_upstream_peer_t *peer, const gee_error_t *reason) {
    const gee_upstream_t *upstream = peer->upstream;
    if (peer->last_error == NULL)
        peer->last_error = malloc(sizeof(*peer->last_error));
    if (peer->last_error != NULL)
        *peer->last_error = *reason;
    if (peer->failures < UINT32_MAX)
        peer->failures++;
    if (!upstream->once && !peer->leaving && upstream->limits.fails > 0 &&
        (int64_t)peer->failures >= upstream->limits.fails)
        go_down(peer, reason);
}

/* ---- connections ---- */

static const gee_connection_events_t connection_events;

static int open_link(gee_upstream_peer_t *peer, bool probe, gee_error_t *error) {
    gee_upstream_t *upstream = peer->upstream;
    gee_upstream_link_t *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", peer->addr.text);
    link->peer = peer;
    link->probe = probe;
    link->connection = gee_connection_open(upstream->engine, peer->transport, &peer->addr, &upstream->manner,
                                           &connection_events, link, error);
    if (link->connection == NULL) {
        free(link);
        return -1;
    }
    gee_list_append(&peer->links, &link->link);
    return 0;
}

static bool usable(const gee_upstream_link_t *link) {
    const gee_session_t *session = link->session;
    return session != NULL && !link->retiring && !link->probe && !session->closing && !session->peer_ended;
}

bool gee_upstream_peer_connecting(const gee_upstream_peer_t *peer) {
    GEE_LIST_EACH(&peer->links, link) {
        if (GEE_CONTAINER(link, gee_upstream_link_t, link)->session == NULL)
            return true;
    }
    return false;
}

/* The one with the fewest calls; opens a further one when there is none without. */
GEE_APART static gee_upstream_link_t *choose_link(gee_upstream_peer_t *peer) {
    gee_upstream_link_t *best = NULL;
    int64_t count = 0;
    bool connecting = false;
    size_t least = SIZE_MAX; /* of calls on one */
    for (gee_link_t *entry = peer->links.head.next; entry != &peer->links.head; entry = entry->next) {
        gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        count += !link->retiring;
        connecting |= link->session == NULL;
        if (link->calls + link->late < least && usable(link)) {
            best = link;
            least = link->calls + link->late;
        }
    }
    if (best != NULL && least > 0 && !connecting && count < peer->upstream->limits.connections)
        (void)open_link(peer, false, NULL); /* for later calls; without it they share */
    return best;
}

/* On connections that have BUSY calls, those that come in one pass go RUN by RUN to the same one: so those of one caller,
 * who writes several at once, mostly come back together, and need one write. */
enum { BUSY = 4, RUN = 32 };

static bool goes_on(const gee_upstream_peer_t *peer, int64_t pass_ns) {
    const gee_upstream_link_t *recent = peer->recent;
    return recent != NULL && peer->recent_pass_ns == pass_ns && peer->recent_calls < RUN && recent->calls >= BUSY &&
           usable(recent);
}

gee_upstream_link_t *gee_upstream_peer_link(gee_upstream_peer_t *peer) {
    int64_t pass_ns = gee_loop_now(peer->upstream->engine->loop);
    if (goes_on(peer, pass_ns)) {
        peer->recent_calls++;
        return peer->recent;
    }
    peer->recent = choose_link(peer);
    peer->recent_pass_ns = pass_ns;
    peer->recent_calls = 1;
    return peer->recent;
}

/* With `once`: its only connection is about to end, which on_closed() will hear of. */
static bool about_to_be_lost(const gee_upstream_peer_t *peer) {
    GEE_LIST_EACH(&peer->links, entry) {
        const gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        if (peer->upstream->once && link->session != NULL && !link->retiring)
            return true;
    }
    return false;
}

int gee_upstream_peer_connect(gee_upstream_peer_t *peer, gee_error_t *error) {
    return gee_upstream_peer_connecting(peer) || about_to_be_lost(peer) ? 0 : open_link(peer, false, error);
}

static void send_waiting(gee_upstream_peer_t *peer) {
    gee_upstream_link_t *link;
    while (!gee_list_empty(&peer->waiting) && (link = gee_upstream_peer_link(peer)) != NULL) {
        gee_upstream_call_t *call = GEE_CONTAINER(gee_list_pop(&peer->waiting), gee_upstream_call_t, link);
        peer->upstream->waiting--;
        gee_upstream_send(call, link);
    }
}

/* What is waiting now, and not what comes to wait meanwhile. */
static void fail_waiting(gee_upstream_peer_t *peer, const gee_error_t *reason) {
    gee_list_t failed;
    gee_link_t *link;
    gee_list_init(&failed);
    while ((link = gee_list_pop(&peer->waiting)) != NULL)
        gee_list_append(&failed, link);
    while ((link = gee_list_pop(&failed)) != NULL) {
        peer->upstream->waiting--;
        gee_upstream_attempt_failed(GEE_CONTAINER(link, gee_upstream_call_t, link), reason, true);
    }
}

static size_t in_service(const gee_upstream_peer_t *peer) {
    size_t count = 0;
    GEE_LIST_EACH(&peer->links, link) {
        count += !GEE_CONTAINER(link, gee_upstream_link_t, link)->retiring;
    }
    return count;
}

/* The peer lives; so those on which it did not answer are dead, and nobody has said so (a firewall forgot them). */
static void retire_silent(gee_upstream_peer_t *peer) {
    GEE_LIST_EACH(&peer->links, entry) {
        gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        if (!link->silent)
            continue;
        link->retiring = true;
        gee_upstream_link_relieved(link);
    }
}

/* The peer lives; the connection carries calls from now on, unless there are enough. */
static void take_into_service(gee_upstream_link_t *link) {
    gee_upstream_peer_t *peer = link->peer;
    gee_upstream_peer_hold(peer);
    retire_silent(peer);
    if (link->probe && link->calls == 0 && (int64_t)in_service(peer) > peer->upstream->limits.connections)
        link_destroy(link);
    else
        link->probe = false;
    come_up(peer);
    gee_upstream_connect_ended(peer->upstream, peer, NULL);
    send_waiting(peer);
    gee_upstream_peer_let_go(peer);
}

static void on_probe_answer(gee_connection_t *connection, void *owner, const gee_error_t *error) {
    gee_upstream_link_t *link = owner;
    gee_session_t *session = gee_connection_session(connection);
    if (error == NULL) {
        take_into_service(link);
    } else if (session != NULL) {
        link->lost++; /* so that its end counts as a failure */
        gee_session_close(session, error);
    } /* else on_closed() comes */
}

static int ping(gee_upstream_link_t *link, gee_error_t *error) {
    int64_t timeout = link->peer->upstream->limits.connect_timeout;
    return gee_connection_ping(link->connection, timeout ? timeout : PING_TIMEOUT, on_probe_answer, error);
}

static void on_ready(gee_connection_t *connection, void *owner) {
    gee_upstream_link_t *link = owner;
    gee_error_t error;
    link->session = gee_connection_session(connection);
    if (link->peer->leaving)
        link_destroy(link);
    else if (!link->probe || ping(link, &error) != 0)
        take_into_service(link);
}

static void on_draining(gee_connection_t *connection GEE_UNUSED, void *owner) {
    gee_upstream_link_t *link = owner;
    link->retiring = true;
    gee_upstream_link_relieved(link);
}

static void on_slot_freed(gee_connection_t *connection GEE_UNUSED, void *owner) {
    gee_upstream_link_t *link = owner;
    link->late--;
    gee_upstream_peer_freed(link->peer);
}

static void on_closed(gee_connection_t *connection GEE_UNUSED, void *owner, const gee_error_t *reason) {
    gee_upstream_link_t *link = owner;
    gee_upstream_peer_t *peer = link->peer;
    gee_upstream_t *upstream = peer->upstream;
    bool was_ready = link->session != NULL, counts = !was_ready || link->lost > 0 || link->late > 0 || link->probe;
    bool for_good = upstream->once && !link->retiring;
    gee_upstream_peer_hold(peer);
    link_destroy(link);
    if (for_good)
        peer->lost = true;
    if (counts || for_good)
        gee_upstream_peer_failed(peer, reason);
    gee_upstream_peer_refresh(peer);
    gee_upstream_connect_ended(upstream, peer, reason);
    gee_error_t error = *reason;
    if (was_ready)
        error.phase = GEE_PHASE_SEND; /* of those that wait for the next one */
    if (!gee_list_empty(&peer->waiting) && !gee_upstream_peer_connecting(peer) &&
        (!was_ready || peer->lost || gee_upstream_peer_connect(peer, &error) != 0))
        fail_waiting(peer, &error);
    gee_upstream_peer_let_go(peer);
}

static const gee_connection_events_t connection_events = {
    .ready = on_ready, .draining = on_draining, .slot_freed = on_slot_freed, .closed = on_closed
};

void gee_upstream_link_relieved(gee_upstream_link_t *link) {
    gee_upstream_peer_t *peer = link->peer;
    if (!link->retiring || link->calls > 0)
        return;
    gee_upstream_peer_hold(peer);
    link_destroy(link);
    gee_upstream_peer_refresh(peer);
    gee_upstream_peer_let_go(peer);
}

/* ---- looking after it ---- */

static void probe(gee_upstream_peer_t *peer) {
    gee_error_t error;
    if (!gee_upstream_peer_connecting(peer) && open_link(peer, true, &error) != 0)
        gee_upstream_peer_failed(peer, &error);
}

static void retry_due(gee_timer_t *timer) {
    probe(GEE_CONTAINER(timer, gee_upstream_peer_t, retry_timer));
}

static gee_upstream_link_t *any_usable(const gee_upstream_peer_t *peer) {
    GEE_LIST_EACH(&peer->links, entry) {
        gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        if (usable(link))
            return link;
    }
    return NULL;
}

static void on_pong(gee_connection_t *connection GEE_UNUSED, void *owner, const gee_error_t *error) {
    gee_upstream_link_t *link = owner;
    if (link->peer->upstream->pinged == link)
        end_ping(link, error);
}

static int no_connection(const gee_upstream_t *upstream, gee_error_t *error) {
    const gee_upstream_peer_t *peer = upstream->peer_count > 0 ? upstream->peers[0] : NULL;
    if (peer == NULL || peer->last_error == NULL)
        return gee_error_set(error, GEE_UNAVAILABLE, "there is no connection");
    gee_upstream_locate(error, peer->addr.text, GEE_PHASE_SEND, GEE_UNAVAILABLE, gee_str(peer->last_error->text));
    return -1;
}

int gee_upstream_ping(gee_upstream_t *upstream, int64_t timeout_ns, void (*done)(void *data, const gee_error_t *error),
                      void *data, gee_error_t *error) {
    gee_upstream_link_t *link = NULL;
    for (size_t i = 0; i < upstream->peer_count && link == NULL; i++)
        link = any_usable(upstream->peers[i]);
    if (link == NULL)
        return no_connection(upstream, error);
    if (upstream->pinged != NULL)
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "a ping is on its way already");
    if (gee_connection_ping(link->connection, timeout_ns, on_pong, error) != 0)
        return -1;
    upstream->pinged = link;
    upstream->ponged = done;
    upstream->ponged_data = data;
    return 0;
}

void gee_upstream_cancel_ping(gee_upstream_t *upstream) {
    upstream->pinged = NULL;
}

/* The server's looks, apart from what calls find out. */
static void check_due(gee_timer_t *timer) {
    gee_upstream_peer_t *peer = GEE_CONTAINER(timer, gee_upstream_peer_t, check_timer);
    const gee_upstream_limits_t *limits = &peer->upstream->limits;
    gee_upstream_link_t *link = limits->check == GEE_CHECK_PING ? any_usable(peer) : NULL;
    gee_error_t error;
    (void)gee_timer_start(peer->upstream->engine->loop, timer, limits->check_interval);
    if (peer->down)
        return; /* the retry timer sees to it */
    if (link == NULL || (ping(link, &error) != 0 && error.code == GEE_UNIMPLEMENTED))
        probe(peer);
}

/* The same in every process and every run. */
static uint64_t identity_of(const char *address) {
    static const uint64_t no_secret[2] = { 0, 0 };
    return gee_siphash(no_secret, address, strlen(address));
}

gee_upstream_peer_t *gee_upstream_peer_create(gee_upstream_t *upstream, const gee_addr_t *addr, gee_error_t *error) {
    const gee_transport_t *transport = gee_transport_for(upstream->engine->modules, addr, error);
    if (transport == NULL || transport->check(addr, error) != 0)
        return NULL;
    gee_upstream_peer_t *peer = calloc(1, sizeof(*peer));
    size_t state_size = upstream->balancer ? upstream->balancer->candidate_state_size : 0;
    if (peer == NULL || (peer->candidate.state = calloc(1, state_size ? state_size : 1)) == NULL) {
        free(peer);
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        return NULL;
    }
    peer->upstream = upstream;
    peer->addr = *addr;
    peer->transport = transport;
    gee_protocol_complete_address(upstream->manner.protocol, &peer->addr);
    peer->candidate.identity = identity_of(addr->text);
    peer->retry_timer.fire = retry_due;
    peer->check_timer.fire = check_due;
    gee_list_init(&peer->links);
    gee_list_init(&peer->waiting);
    if (upstream->limits.check_interval > 0) /* not all at once */
        (void)gee_timer_start(upstream->engine->loop, &peer->check_timer,
                              (int64_t)((double)upstream->limits.check_interval * gee_upstream_random(upstream)));
    return peer;
}

void gee_upstream_peer_leave(gee_upstream_peer_t *peer) {
    gee_upstream_t *upstream = peer->upstream;
    gee_link_t *first;
    gee_upstream_peer_hold(peer);
    peer->leaving = true;
    gee_list_append(&upstream->leaving, &peer->leaving_link);
    gee_timer_stop(upstream->engine->loop, &peer->retry_timer);
    gee_timer_stop(upstream->engine->loop, &peer->check_timer);
    gee_upstream_peer_refresh(peer);
    while ((first = gee_list_pop(&peer->waiting)) != NULL) {
        upstream->waiting--;
        gee_upstream_reroute(GEE_CONTAINER(first, gee_upstream_call_t, link));
    }
    GEE_LIST_EACH(&peer->links, entry) {
        gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        link->retiring = true;
        if (link->calls == 0)
            link_destroy(link);
    }
    gee_upstream_peer_let_go(peer);
}

/* ---- for pages ---- */

static gee_peer_state_t state_of(const gee_upstream_peer_t *peer) {
    if (peer->leaving)
        return GEE_PEER_LEAVING;
    if (peer->down || peer->lost)
        return GEE_PEER_DOWN;
    if (any_usable(peer) != NULL)
        return GEE_PEER_UP;
    return gee_upstream_peer_connecting(peer) ? GEE_PEER_CONNECTING : GEE_PEER_IDLE;
}

void gee_upstream_peer_report(const gee_upstream_peer_t *peer, gee_peer_report_t *report) {
    *report = (gee_peer_report_t){ .address = peer->addr.text,
                                   .weight = peer->candidate.weight,
                                   .state = state_of(peer),
                                   .in_flight = peer->candidate.in_flight,
                                   .calls = peer->calls,
                                   .failures = peer->failed_calls,
                                   .latency_ns = peer->latency_ns };
    GEE_LIST_EACH(&peer->links, link) {
        report->connections += GEE_CONTAINER(link, gee_upstream_link_t, link)->session != NULL;
    }
}

const char *gee_peer_state_name(gee_peer_state_t state) {
    static const char *const names[] = { "idle", "connecting", "up", "down", "leaving" };
    return names[state];
}
