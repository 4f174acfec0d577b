/* upstream_private.h: between upstream.c (calls, queue, retries), upstream_list.c (the list), upstream_peer.c (a server's
 * connections and health) and upstream_alone.c (calls that have a connection for themselves).
 *
 *   upstream -- peers --> peer -- links --> link -- connection --> session
 *      |                   |                                          |
 *    queue               waiting                                   waiting
 *
 * A call is in one of the three: in the first two lists by its `link`, in the session's by its `outgoing`. */
#ifndef GEE_GATEWAY_UPSTREAM_PRIVATE_H
#define GEE_GATEWAY_UPSTREAM_PRIVATE_H

#include "core/gateway/upstream.h"

#define GEE_SILENCE GEE_SECOND /* of a server that was asked something: from then on it counts as a failure */

/* Names of methods, by what stands for them (gee_upstream_call_t.name_key). Bounded: forgets all when full. */
typedef struct gee_name_set {
    uint64_t *keys; /* 0: free; null: nothing was added yet */
    size_t mask;    /* places - 1 */
    size_t count;
} gee_name_set_t;

static inline bool gee_name_set_has(const gee_name_set_t *set, uint64_t key) {
    for (size_t at = key & set->mask; set->keys != NULL && set->keys[at] != 0; at = (at + 1) & set->mask)
        if (set->keys[at] == key)
            return true;
    return false;
}
void gee_name_set_add(gee_name_set_t *set, uint64_t key);

/* One connection of a peer. */
typedef struct gee_upstream_link {
    gee_link_t link; /* in the peer's links */
    gee_upstream_peer_t *peer;
    gee_connection_t *connection;
    gee_session_t *session; /* the connection's; null until it is ready */
    size_t calls, late;     /* sent and not answered; given up and not answered */
    size_t lost;            /* calls that its end has failed */
    bool retiring;          /* no new calls: the peer asked for it, or the list has changed */
    bool probe;             /* made to see whether the peer lives, whatever happens to calls */
    bool alone;             /* it has one call, which is to be alone, and is not answered */
    bool suspect;           /* as that call is one */
    bool extra;             /* opened beyond limits.connections */
    bool spill;             /* for calls that no other has room for: upstream_spill.c */
    bool silent;            /* a call on it got no answer in time, and nothing at all has come for a second */
    bool given_up;          /* closed because the peer is down: its end is no failure of its own */
    int64_t opened_ns;      /* when dialling began */
    gee_outgoing_t check;   /* the call that shows whether the peer lives: GEE_CHECK_CALL */
    uint64_t received;      /* bytes that had come on it */
    int64_t asked_ns;       /* when the first call was sent after those; 0: none yet */
    gee_name_set_t known;   /* with may_leave_unread: methods of which a call was answered here */
    uint64_t alone_key;     /* what stands for the method of the call that is, or was last, alone */
    gee_timer_t late_timer; /* alone, and given up: until when the late reply is waited for */
} gee_upstream_link_t;

struct gee_upstream_peer {
    gee_candidate_t candidate;
    gee_upstream_t *upstream;
    gee_addr_t addr;
    const gee_transport_t *transport;
    bool down;
    bool leaving; /* not in the list any more */
    gee_link_t leaving_link;
    unsigned holds;                   /* who still needs the memory, though it has left */
    bool lost;                        /* with `once`: the connection is gone for good */
    const gee_upstream_call_t *trial; /* the call that tries it while all are down; null: none does */
    int64_t trial_ns;                 /* when the last one began to */
    unsigned failures;                /* in a row */
    int64_t back_off_ns;              /* of the last time that it went down; 0: it has answered since */
    gee_timer_t retry_timer;
    gee_timer_t check_timer;
    gee_timer_t patience_timer; /* while calls wait for a connection */
    bool slow_to_connect;       /* it has run out, and the dial goes on */
    gee_list_t links;
    gee_upstream_link_t *recent; /* the one that was chosen last; null: it is gone */
    int64_t recent_pass_ns;      /* in which pass of the loop */
    unsigned recent_calls;       /* how often since then */
    gee_list_t waiting;          /* calls that wait for a connection */
    gee_task_t waiting_task;     /* one of those may find a connection now */
    int64_t renewed_ns;          /* when a connection was given up last because it was used up */
    gee_timer_t suspect_timer;   /* when a further suspect may go */
    int64_t suspect_ns;          /* when the last one went */
    gee_name_set_t verified;     /* with may_leave_unread: methods that it has answered on whatever connection */
    gee_error_t *last_error;     /* null: none yet */
    uint64_t calls, failed_calls;
    int64_t latency_ns;
};

struct gee_upstream {
    gee_engine_t *engine;
    char *name;
    const gee_balancer_t *balancer; /* null: the first of the list */
    void *balancer_state;
    gee_manner_t manner;
    gee_upstream_limits_t limits;
    bool once;
    bool may_leave_unread;
    uint64_t name_secret[2];
    struct gee_upstream_refusal *refusals; /* null: none yet */
    bool (*is_known_down)(void *owner, const char *address);
    void (*tell)(void *owner, const char *address, const gee_error_t *reason);
    void *owner;
    gee_upstream_peer_t **peers;
    gee_candidate_t **candidates; /* the same, as the balancer sees them */
    size_t peer_count;
    char *explanation;  /* why there are no peers; null: not known */
    gee_list_t leaving; /* peers that are not in the list any more, by their leaving_link */
    gee_list_t queue;   /* calls that wait for a peer */
    size_t waiting;     /* in the queue and in the peers' waiting */
    gee_task_t queue_task;
    gee_task_t connect_task;
    uint64_t random;
    int64_t retry_tokens; /* a hundredth of a retry each */
    void (*connected)(void *data, const gee_error_t *error);
    void *connected_data;
    gee_upstream_link_t *pinged; /* where the ping of gee_upstream_ping() is on its way */
    void (*ponged)(void *data, const gee_error_t *error);
    void *ponged_data;
};

/* ---- upstream.c ---- */
/* The peer's availability may have changed. */
void gee_upstream_peer_refresh(gee_upstream_peer_t *peer);
/* It has one call more, or one less: what refresh() would make of that. */
static inline void gee_upstream_peer_took(gee_upstream_peer_t *peer) {
    int64_t most = peer->upstream->limits.in_flight;
    if ((int64_t)++peer->candidate.in_flight >= most && most != 0)
        peer->candidate.available = false;
}
static inline void gee_upstream_peer_freed(gee_upstream_peer_t *peer) {
    peer->candidate.in_flight--;
    if (!peer->candidate.available || !gee_list_empty(&peer->upstream->queue))
        gee_upstream_peer_refresh(peer);
}
/* The call waits for a connection of its peer, which is dialled where that helps; or it ends. It is in no list. */
void gee_upstream_wait(gee_upstream_call_t *call);
/* Sends it; or fails it, or finds it another way. It is in no list. */
void gee_upstream_send(gee_upstream_call_t *call, gee_upstream_link_t *link);
/* Something was asked on it, and since then nothing at all has come, for longer than a network takes. How long a call waits is
 * for its caller to say, who must not bring a server down by being impatient. */
bool gee_upstream_link_is_silent(const gee_upstream_link_t *link);
/* This attempt has failed; the call is in no list. `unsent`: the server cannot have seen any of it. */
void gee_upstream_attempt_failed(gee_upstream_call_t *call, const gee_error_t *reason, bool unsent);
/* It waited for a connection of a peer that has left: another one is found, unless it is for that one only. It is in no list. */
void gee_upstream_reroute(gee_upstream_call_t *call);
/* The text with address and phase in front, unless it has them or they do not matter. */
void gee_upstream_locate(gee_error_t *error, const char *address, gee_phase_t phase, gee_code_t code, gee_str_t text);
/* [0, 1) */
double gee_upstream_random(gee_upstream_t *upstream);

/* ---- upstream_list.c ---- */
/* gee_upstream_connect() has got an answer from that peer, should it wait for one. */
void gee_upstream_connect_ended(gee_upstream_t *upstream, const gee_upstream_peer_t *peer, const gee_error_t *error);

/* ---- upstream_peer.c ---- */
gee_upstream_peer_t *gee_upstream_peer_create(gee_upstream_t *upstream, const gee_addr_t *addr, gee_error_t *error);
void gee_upstream_peer_destroy(gee_upstream_peer_t **peer);
/* The one to send that call on, or null; opens a further one where that helps. */
gee_upstream_link_t *gee_upstream_peer_link(gee_upstream_peer_t *peer, const gee_upstream_call_t *call, int64_t now_ns);
/* Calls wait, and one of them may find a connection now: they are looked through at the end of this pass. */
void gee_upstream_peer_try_waiting(gee_upstream_peer_t *peer);
int gee_upstream_peer_open_link(gee_upstream_peer_t *peer, bool probe, gee_error_t *error);
/* Of its connections, those that are to be kept, with those that are being made. */
size_t gee_upstream_peer_in_service(const gee_upstream_peer_t *peer);
static inline bool gee_upstream_link_open(const gee_upstream_link_t *link) {
    const gee_session_t *session = link->session;
    return session != NULL && !link->retiring && !link->probe && !session->closing && !session->peer_ended;
}
static inline bool gee_upstream_link_usable(const gee_upstream_link_t *link) {
    return gee_upstream_link_open(link) && !link->spill;
}
/* Sees to it that a connection is there or being made. -1: it cannot even begin. */
int gee_upstream_peer_connect(gee_upstream_peer_t *peer, gee_error_t *error);
bool gee_upstream_peer_connecting(const gee_upstream_peer_t *peer);
/* Has it a connection that takes calls? */
bool gee_upstream_peer_connected(const gee_upstream_peer_t *peer);
/* A call waits for a connection of it: not for long while another peer has one; and one that is down is dialled anew soon,
 * should the dial that is under way hang. */
void gee_upstream_peer_is_waited_for(gee_upstream_peer_t *peer);
/* It answered a call / failed in a way that counts. `silent`: by saying nothing, and not by a refusal: when it goes down, calls
 * on connections that are silent, too, wait no longer. */
void gee_upstream_peer_answered(gee_upstream_peer_t *peer, int64_t latency_ns);
void gee_upstream_peer_failed(gee_upstream_peer_t *peer, const gee_error_t *reason, bool silent);
/* A call is off the link; closes it if it was waiting for that. */
void gee_upstream_link_relieved(gee_upstream_link_t *link);
/* It is not in the list any more. It is destroyed when its last call has ended. */
void gee_upstream_peer_leave(gee_upstream_peer_t *peer);
static inline void gee_upstream_peer_hold(gee_upstream_peer_t *peer) {
    peer->holds++;
}
/* Nobody holds it, and it is not in the list any more; of the next. */
void gee_upstream_peer_gone(gee_upstream_peer_t *peer);
static inline void gee_upstream_peer_let_go(gee_upstream_peer_t *peer) {
    if (--peer->holds == 0 && peer->leaving)
        gee_upstream_peer_gone(peer);
}

/* ---- upstream_spill.c ---- */
/* The connection cannot take the call, as others have used it up: gob defines only so many types on one. True: the call has
 * another way, on which it waits or is sent. */
bool gee_upstream_spill(gee_upstream_call_t *call, gee_upstream_link_t *link);
/* For calls with `spilled`: the connection that takes them, or null. */
gee_upstream_link_t *gee_upstream_spill_link(const gee_upstream_peer_t *peer);
int gee_upstream_spill_connect(gee_upstream_peer_t *peer, gee_error_t *error);

/* ---- upstream_alone.c: for calls that are choosy ---- */
/* What stands for its method's name. */
uint64_t gee_upstream_name_key(gee_upstream_call_t *call);
/* The connection for it, which goes alone where it must; null: it has to wait. */
gee_upstream_link_t *gee_upstream_choosy_link(gee_upstream_peer_t *peer, const gee_upstream_call_t *call);
/* May it go where others are in flight? */
static inline bool gee_upstream_link_suits(const gee_upstream_link_t *link, const gee_upstream_call_t *call) {
    return !call->suspect && gee_name_set_has(&link->known, call->name_key);
}
/* The call waits: sees to it that its time comes, be it by dialling. -1: that cannot even begin. */
int gee_upstream_choosy_connect(gee_upstream_peer_t *peer, const gee_upstream_call_t *call, gee_error_t *error);
/* The call was sent there. */
void gee_upstream_choosy_sent(const gee_upstream_call_t *call, gee_upstream_link_t *link);
/* The call that has the link for itself was answered. */
void gee_upstream_alone_answered(const gee_upstream_call_t *call, gee_upstream_link_t *link,
                                 const gee_status_t *status);
/* A call is off the link, on which the peer may still be at work (`kept`). May destroy the link. */
void gee_upstream_link_released(gee_upstream_link_t *link, bool kept);
/* Closes a connection that was opened for calls that go alone, and is one too many. */
void gee_upstream_peer_trim(gee_upstream_peer_t *peer);
/* The late reply to a call that was given up has come. May destroy the link. */
void gee_upstream_link_answered_late(gee_upstream_link_t *link);
/* Has the peer refused that method a moment ago? Then with these words. */
bool gee_upstream_refused(const gee_upstream_peer_t *peer, const gee_upstream_call_t *call, gee_error_t *error);

#endif
