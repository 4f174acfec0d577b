/* upstream_peer.c: one server of an upstream: its connections, and whether it lives.
 *
 *            fails failures in a row                    dialled, and answered a ping
 *   up ---------------------------------> down --probe--------------------------------> up
 *                                          ^  '--- failed: after twice the time ---.
 *                                          '---------------------------------------'
 *
 * A peer that came up by a probe goes down again with its first failure, and the time goes on growing, until it has answered a
 * call. With GEE_CHECK_CALL a probe is a call, for there are servers whose system accepts connections while they stand still. */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/gateway/upstream_private.h"
#include "core/rpc/modules.h"

#define FIRST_BACK_OFF (100 * GEE_MILLISECOND)
#define PING_TIMEOUT   (5 * GEE_SECOND)        /* where connecting has no limit */
#define PATIENCE       (100 * GEE_MILLISECOND) /* with a dial, while another peer has a connection */
#define REDIAL         (500 * GEE_MILLISECOND) /* a dial that has hung for so long gets another one beside it: the system */
#define DIALS          4                       /* repeats its question less and less often; so many at most */

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
    if (link->check.session != NULL)
        gee_session_forget(link->check.session, &link->check);
    gee_list_remove(&link->link);
    if (link->peer->recent == link)
        link->peer->recent = NULL;
    if (link->peer->upstream->pinged == link) {
        gee_error_t error;
        gee_error_set(&error, GEE_UNAVAILABLE, "the connection was closed");
        error.phase = GEE_PHASE_WAIT;
        end_ping(link, &error);
    }
    gee_timer_stop(link->peer->upstream->engine->loop, &link->late_timer);
    gee_connection_destroy(&link->connection);
    free(link->known.keys);
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
    gee_timer_stop(loop, &peer->patience_timer);
    gee_timer_stop(loop, &peer->suspect_timer);
    gee_loop_undefer(&peer->waiting_task);
    free(peer->verified.keys);
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
}

static void tell(const gee_upstream_peer_t *peer, const gee_error_t *reason) {
    if (peer->upstream->tell != NULL)
        peer->upstream->tell(peer->upstream->owner, peer->addr.text, reason);
}

/* Longer than the last time. */
static int64_t next_delay(gee_upstream_peer_t *peer) {
    int64_t longest = peer->upstream->limits.fail_timeout;
    int64_t next = peer->back_off_ns ? peer->back_off_ns * 2 : FIRST_BACK_OFF;
    peer->back_off_ns = next < longest ? next : longest;
    /* Spread, so that those who lost the same server do not all come back at once. */
    return (int64_t)((double)peer->back_off_ns * (0.75 + 0.25 * gee_upstream_random(peer->upstream)));
}

/* Who waits for a reply there would wait for long: the calls end, and those that may be repeated go elsewhere. */
static void give_up_silent(gee_upstream_peer_t *peer) {
    GEE_LIST_EACH(&peer->links, entry) {
        gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        gee_error_t error;
        if (link->session == NULL || link->calls == 0 || !gee_upstream_link_is_silent(link))
            continue;
        gee_error_set(&error, GEE_UNAVAILABLE, "the server says nothing any more, and is down");
        link->given_up = true;
        gee_session_close(link->session, &error);
    }
}

static void go_down(gee_upstream_peer_t *peer, const gee_error_t *reason, bool silent) {
    bool was_down = peer->down;
    peer->down = true;
    gee_upstream_peer_refresh(peer);
    if (!gee_timer_started(&peer->retry_timer)) { /* else that attempt is still to come, this was another one */
        int64_t delay = next_delay(peer);
        (void)gee_timer_start(peer->upstream->engine->loop, &peer->retry_timer, delay);
        if (!was_down)
            say(peer, reason, delay);
        tell(peer, reason);
    }
    if (silent)
        give_up_silent(peer);
}

static void come_up(gee_upstream_peer_t *peer) {
    if (!peer->down)
        return;
    peer->down = false;
    gee_timer_stop(peer->upstream->engine->loop, &peer->retry_timer);
    gee_upstream_peer_refresh(peer);
    say(peer, NULL, 0);
    tell(peer, NULL);
}

/* Somebody else has seen that it is down. */
static void begin_down(gee_upstream_peer_t *peer) {
    peer->last_error = malloc(sizeof(*peer->last_error));
    if (peer->last_error == NULL)
        return;
    gee_error_set(peer->last_error, GEE_UNAVAILABLE, "it was down before, and has not been seen to be up since");
    peer->last_error->phase = GEE_PHASE_CONNECT;
    peer->failures = 1;
    peer->down = true;
    (void)gee_timer_start(peer->upstream->engine->loop, &peer->retry_timer, next_delay(peer));
}

void gee_upstream_peer_answered(gee_upstream_peer_t *peer, int64_t latency_ns) {
    peer->latency_ns = peer->latency_ns ? peer->latency_ns + (latency_ns - peer->latency_ns) / 8 : latency_ns;
    peer->failures = 0;
    peer->back_off_ns = 0;
    come_up(peer);
}

void gee_upstream_peer_failed(gee_upstream_peer_t *peer, const gee_error_t *reason, bool silent) {
    const gee_upstream_t *upstream = peer->upstream;
    if (peer->last_error == NULL)
        peer->last_error = malloc(sizeof(*peer->last_error));
    if (peer->last_error != NULL)
        *peer->last_error = *reason;
    if (peer->failures < UINT32_MAX)
        peer->failures++;
    if (!upstream->once && !peer->leaving && upstream->limits.fails > 0 &&
        (peer->down || (int64_t)peer->failures >= upstream->limits.fails))
        go_down(peer, reason, silent);
}

/* ---- connections ---- */

static const gee_connection_events_t connection_events;

void gee_upstream_peer_try_waiting(gee_upstream_peer_t *peer) {
    if (!gee_list_empty(&peer->waiting))
        gee_loop_defer(peer->upstream->engine->loop, &peer->waiting_task);
}

int gee_upstream_peer_open_link(gee_upstream_peer_t *peer, bool probe, gee_error_t *error) {
    gee_upstream_t *upstream = peer->upstream;
    gee_upstream_link_t *link = calloc(1, sizeof(*link));
    if (link == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", peer->addr.text);
    link->peer = peer;
    link->probe = probe;
    link->extra = !probe && (int64_t)gee_upstream_peer_in_service(peer) >= upstream->limits.connections;
    link->opened_ns = gee_loop_now(upstream->engine->loop);
    link->connection = gee_connection_open(upstream->engine, peer->transport, &peer->addr, &upstream->manner,
                                           &connection_events, link, error);
    if (link->connection == NULL) {
        free(link);
        return -1;
    }
    gee_list_append(&peer->links, &link->link);
    return 0;
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
        count += !link->retiring && !link->spill;
        connecting |= link->session == NULL;
        if (link->calls + link->late < least && !link->alone && gee_upstream_link_usable(link)) {
            best = link;
            least = link->calls + link->late;
        }
    }
    if (best != NULL && least > 0 && !connecting && count < peer->upstream->limits.connections)
        (void)gee_upstream_peer_open_link(peer, false, NULL); /* for later calls; without it they share */
    return best;
}

/* On connections that have BUSY calls, those that come in one pass go RUN by RUN to the same one: so those of one caller,
 * who writes several at once, mostly come back together, and need one write. */
enum { BUSY = 4, RUN = 32 };

static bool goes_on(const gee_upstream_peer_t *peer, int64_t pass_ns) {
    const gee_upstream_link_t *recent = peer->recent;
    return recent != NULL && peer->recent_pass_ns == pass_ns && peer->recent_calls < RUN && recent->calls >= BUSY &&
           gee_upstream_link_open(recent);
}

static gee_upstream_link_t *note_recent(gee_upstream_peer_t *peer, gee_upstream_link_t *link, int64_t pass_ns) {
    peer->recent = link;
    peer->recent_pass_ns = pass_ns;
    peer->recent_calls = 1;
    return link;
}

/* For a call that not every connection suits. */
GEE_APART static gee_upstream_link_t *suitable_link(gee_upstream_peer_t *peer, const gee_upstream_call_t *call,
                                                    int64_t pass_ns) {
    if (call->spilled)
        return gee_upstream_spill_link(peer);
    if (!goes_on(peer, pass_ns) || !gee_upstream_link_suits(peer->recent, call))
        return note_recent(peer, gee_upstream_choosy_link(peer, call), pass_ns);
    peer->recent_calls++;
    return peer->recent;
}

gee_upstream_link_t *gee_upstream_peer_link(gee_upstream_peer_t *peer, const gee_upstream_call_t *call,
                                            int64_t now_ns) {
    if (call->choosy || call->spilled)
        return suitable_link(peer, call, now_ns);
    if (!goes_on(peer, now_ns))
        return note_recent(peer, choose_link(peer), now_ns);
    peer->recent_calls++;
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
    return gee_upstream_peer_connecting(peer) || about_to_be_lost(peer)
               ? 0
               : gee_upstream_peer_open_link(peer, false, error);
}

/* Sends the waiting calls that have a connection: of choosy calls that need not be the first. */
static void send_waiting(gee_upstream_peer_t *peer) {
    gee_list_t waiting;
    gee_link_t *entry;
    int64_t now_ns = gee_loop_now(peer->upstream->engine->loop);
    gee_list_init(&waiting);
    while ((entry = gee_list_pop(&peer->waiting)) != NULL)
        gee_list_append(&waiting, entry);
    gee_upstream_peer_hold(peer);
    while ((entry = gee_list_pop(&waiting)) != NULL) {
        gee_upstream_call_t *call = GEE_CONTAINER(entry, gee_upstream_call_t, link);
        gee_upstream_link_t *link = gee_upstream_peer_link(peer, call, now_ns);
        peer->upstream->waiting--;
        if (link != NULL)
            gee_upstream_send(call, link);
        else
            gee_upstream_wait(call);
    }
    gee_upstream_peer_let_go(peer);
}

static void run_waiting(gee_task_t *task) {
    send_waiting(GEE_CONTAINER(task, gee_upstream_peer_t, waiting_task));
}

static void suspect_due(gee_timer_t *timer) {
    send_waiting(GEE_CONTAINER(timer, gee_upstream_peer_t, suspect_timer));
}

/* What has been waiting since then, and not what comes to wait meanwhile. */
static void fail_waiting(gee_upstream_peer_t *peer, const gee_error_t *reason, int64_t since_ns) {
    gee_list_t failed;
    gee_link_t *link;
    gee_list_init(&failed);
    GEE_LIST_EACH(&peer->waiting, entry) {
        if (GEE_CONTAINER(entry, gee_upstream_call_t, link)->picked_ns > since_ns)
            continue;
        gee_list_remove(entry);
        gee_list_append(&failed, entry);
    }
    while ((link = gee_list_pop(&failed)) != NULL) {
        peer->upstream->waiting--;
        gee_upstream_attempt_failed(GEE_CONTAINER(link, gee_upstream_call_t, link), reason, true);
    }
}

/* Waiting calls go to other peers; calls for this peer alone stay, or end when the peer leaves. */
static void reroute_waiting(gee_upstream_peer_t *peer) {
    gee_list_t waiting;
    gee_link_t *link;
    gee_list_init(&waiting);
    GEE_LIST_EACH(&peer->waiting, entry) {
        if (GEE_CONTAINER(entry, gee_upstream_call_t, link)->fixed && !peer->leaving)
            continue;
        gee_list_remove(entry);
        gee_list_append(&waiting, entry);
    }
    while ((link = gee_list_pop(&waiting)) != NULL) {
        peer->upstream->waiting--;
        gee_upstream_reroute(GEE_CONTAINER(link, gee_upstream_call_t, link));
    }
}

size_t gee_upstream_peer_in_service(const gee_upstream_peer_t *peer) {
    size_t count = 0;
    GEE_LIST_EACH(&peer->links, link) {
        const gee_upstream_link_t *each = GEE_CONTAINER(link, gee_upstream_link_t, link);
        count += !each->retiring && !each->spill;
    }
    return count;
}

static bool is_surplus(const gee_upstream_link_t *link) {
    const gee_upstream_peer_t *peer = link->peer;
    int64_t others = 0;
    GEE_LIST_EACH(&peer->links, entry) {
        const gee_upstream_link_t *other = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        others += other != link && gee_upstream_link_usable(other);
    }
    return link->calls == 0 && !link->extra && !link->spill && others >= peer->upstream->limits.connections;
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

/* Dials from when the peer was down: their failures say nothing about what it is now. */
static void end_dials(gee_upstream_peer_t *peer) {
    GEE_LIST_EACH(&peer->links, entry) {
        gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        if (link->session == NULL)
            link_destroy(link);
    }
}

/* The peer lives; the connection carries calls from now on, unless there are enough. */
static void take_into_service(gee_upstream_link_t *link) {
    gee_upstream_peer_t *peer = link->peer;
    gee_upstream_peer_hold(peer);
    retire_silent(peer);
    if (is_surplus(link))
        link_destroy(link);
    else
        link->probe = false;
    if (peer->down)
        end_dials(peer);
    come_up(peer);
    gee_upstream_connect_ended(peer->upstream, peer, NULL);
    send_waiting(peer);
    gee_upstream_peer_trim(peer);
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

static int64_t probe_timeout(const gee_upstream_t *upstream) {
    return upstream->limits.connect_timeout ? upstream->limits.connect_timeout : PING_TIMEOUT;
}

static int ping(gee_upstream_link_t *link, gee_error_t *error) {
    return gee_connection_ping(link->connection, probe_timeout(link->peer->upstream), on_probe_answer, error);
}

/* Any answer shows that it lives. The connection is of no further use: a server that does not know the method may leave its
 * arguments unread. */
static void on_check_answer(gee_outgoing_t *outgoing, const gee_status_t *status,
                            const gee_payload_t *payload GEE_UNUSED) {
    gee_upstream_link_t *link = GEE_CONTAINER(outgoing, gee_upstream_link_t, check);
    gee_upstream_peer_t *peer = link->peer;
    gee_error_t error;
    if (!outgoing->answered) {
        gee_error_set(&error, GEE_UNAVAILABLE, "%s: %.*s (check)", peer->upstream->limits.check_method,
                      GEE_STR_ARGUMENTS(status->text));
        gee_session_close(link->session, &error); /* which counts, as this is a probe */
        return;
    }
    gee_upstream_peer_hold(peer);
    link_destroy(link);
    retire_silent(peer);
    if (peer->down)
        end_dials(peer);
    come_up(peer);
    gee_upstream_peer_try_waiting(peer);
    gee_upstream_peer_let_go(peer);
}

static void check(gee_upstream_link_t *link) {
    const gee_upstream_t *upstream = link->peer->upstream;
    gee_event_t request = { .method = gee_str(upstream->limits.check_method),
                            .codec = upstream->manner.setup.codec,
                            .timeout_ns = probe_timeout(upstream),
                            .payload = { .kind = GEE_PAYLOAD_EMPTY } };
    gee_error_t error;
    link->check.done = on_check_answer;
    if (gee_session_call_apart(link->session, &link->check, &request, &error) != 0)
        gee_session_close(link->session, &error);
}

/* Of a peer that is down, or may be. Calls wait for it when everything is down: theirs is an answer that counts, too. */
static void prove(gee_upstream_link_t *link) {
    bool calls = link->peer->upstream->limits.check == GEE_CHECK_CALL;
    gee_error_t error;
    if (calls && link->probe)
        check(link);
    else if (!calls && ping(link, &error) != 0)
        take_into_service(link);
    else if (!link->probe)
        send_waiting(link->peer);
}

/* A dial has ended, this way or that. */
static void end_patience(gee_upstream_peer_t *peer) {
    peer->slow_to_connect = false;
    gee_timer_stop(peer->upstream->engine->loop, &peer->patience_timer);
}

static void on_ready(gee_connection_t *connection, void *owner) {
    gee_upstream_link_t *link = owner;
    end_patience(link->peer);
    link->session = gee_connection_session(connection);
    if (link->peer->leaving)
        link_destroy(link);
    else if (link->probe || link->peer->down)
        prove(link);
    else
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
    come_up(link->peer);
    if (link->alone || link->extra || !gee_list_empty(&link->peer->waiting))
        gee_upstream_link_answered_late(link);
}

/* Did it end for want of an answer? */
static bool ended_by_silence(const gee_upstream_link_t *link) {
    const gee_upstream_t *upstream = link->peer->upstream;
    int64_t limit = upstream->limits.connect_timeout, taken = gee_loop_now(upstream->engine->loop) - link->opened_ns;
    return (link->session == NULL || link->probe) && taken >= (limit > 0 && limit < GEE_SILENCE ? limit : GEE_SILENCE);
}

static void on_closed(gee_connection_t *connection GEE_UNUSED, void *owner, const gee_error_t *reason) {
    gee_upstream_link_t *link = owner;
    gee_upstream_peer_t *peer = link->peer;
    gee_upstream_t *upstream = peer->upstream;
    bool was_ready = link->session != NULL, silent = ended_by_silence(link);
    bool counts = (!was_ready || link->lost > 0 || link->late > 0 || link->probe) && !link->given_up;
    bool for_good = upstream->once && !link->retiring && !link->spill;
    int64_t opened_ns = link->opened_ns;
    gee_upstream_peer_hold(peer);
    link_destroy(link);
    if (!was_ready)
        end_patience(peer);
    if (for_good)
        peer->lost = true;
    if (counts || for_good)
        gee_upstream_peer_failed(peer, reason, silent);
    gee_upstream_peer_refresh(peer);
    gee_upstream_connect_ended(upstream, peer, reason);
    gee_error_t error = *reason;
    if (was_ready)
        error.phase = GEE_PHASE_SEND; /* of those that wait for the next one */
    if (was_ready && !peer->lost)
        gee_upstream_peer_try_waiting(peer);
    else /* those that have waited for all of that */
        fail_waiting(peer, &error, gee_upstream_peer_connecting(peer) ? opened_ns : INT64_MAX);
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

/* None is under way that may still be answered soon. */
static bool worth_dialling(const gee_upstream_peer_t *peer) {
    int64_t recently = gee_loop_now(peer->upstream->engine->loop) - REDIAL;
    unsigned under_way = 0;
    GEE_LIST_EACH(&peer->links, entry) {
        const gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        if (link->session != NULL && !link->probe)
            continue;
        if (++under_way == DIALS || link->opened_ns > recently)
            return false;
    }
    return true;
}

static void probe(gee_upstream_peer_t *peer) {
    gee_error_t error;
    if (worth_dialling(peer) && gee_upstream_peer_open_link(peer, true, &error) != 0)
        gee_upstream_peer_failed(peer, &error, false);
}

static void hurry(gee_upstream_peer_t *peer) {
    gee_loop_t *loop = peer->upstream->engine->loop;
    if (!gee_timer_started(&peer->retry_timer) || peer->retry_timer.deadline > gee_loop_now(loop) + REDIAL)
        (void)gee_timer_start(loop, &peer->retry_timer, REDIAL);
}

static void retry_due(gee_timer_t *timer) {
    gee_upstream_peer_t *peer = GEE_CONTAINER(timer, gee_upstream_peer_t, retry_timer);
    probe(peer);
    if (peer->down && !gee_list_empty(&peer->waiting))
        hurry(peer);
}

void gee_upstream_peer_is_waited_for(gee_upstream_peer_t *peer) {
    const gee_upstream_t *upstream = peer->upstream;
    if (upstream->peer_count > 1 && !gee_timer_started(&peer->patience_timer))
        (void)gee_timer_start(upstream->engine->loop, &peer->patience_timer, PATIENCE);
    if (peer->down)
        hurry(peer);
}

static bool another_has_a_connection(const gee_upstream_peer_t *peer) {
    const gee_upstream_t *upstream = peer->upstream;
    for (size_t i = 0; i < upstream->peer_count; i++) {
        const gee_upstream_peer_t *other = upstream->peers[i];
        if (other != peer && other->candidate.available && gee_upstream_peer_connected(other))
            return true;
    }
    return false;
}

/* Waiting calls that may go elsewhere do. */
static void patience_over(gee_timer_t *timer) {
    gee_upstream_peer_t *peer = GEE_CONTAINER(timer, gee_upstream_peer_t, patience_timer);
    if (gee_list_empty(&peer->waiting))
        return;
    if (!another_has_a_connection(peer)) {
        gee_upstream_peer_is_waited_for(peer);
        return;
    }
    peer->slow_to_connect = true;
    gee_upstream_peer_hold(peer);
    reroute_waiting(peer);
    gee_upstream_peer_let_go(peer);
}

static gee_upstream_link_t *any_usable(const gee_upstream_peer_t *peer) {
    GEE_LIST_EACH(&peer->links, entry) {
        gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        if (gee_upstream_link_usable(link))
            return link;
    }
    return NULL;
}

bool gee_upstream_peer_connected(const gee_upstream_peer_t *peer) {
    return any_usable(peer) != NULL;
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
    peer->waiting_task.run = run_waiting;
    peer->suspect_timer.fire = suspect_due;
    peer->retry_timer.fire = retry_due;
    peer->check_timer.fire = check_due;
    peer->patience_timer.fire = patience_over;
    gee_list_init(&peer->links);
    gee_list_init(&peer->waiting);
    if (upstream->limits.check_interval > 0) /* not all at once */
        (void)gee_timer_start(upstream->engine->loop, &peer->check_timer,
                              (int64_t)((double)upstream->limits.check_interval * gee_upstream_random(upstream)));
    if (upstream->is_known_down != NULL && upstream->is_known_down(upstream->owner, peer->addr.text))
        begin_down(peer);
    return peer;
}

void gee_upstream_peer_leave(gee_upstream_peer_t *peer) {
    gee_upstream_t *upstream = peer->upstream;
    gee_upstream_peer_hold(peer);
    peer->leaving = true;
    gee_list_append(&upstream->leaving, &peer->leaving_link);
    gee_timer_stop(upstream->engine->loop, &peer->retry_timer);
    gee_timer_stop(upstream->engine->loop, &peer->check_timer);
    gee_timer_stop(upstream->engine->loop, &peer->patience_timer);
    gee_upstream_peer_refresh(peer);
    reroute_waiting(peer);
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
