/* outgoing.h: one request of ours and the wait for its reply; and those that wait on one session, found by number.
 *
 *   gee_session_call() -> waiting [ ... 17 18 . 20 ... ] -> reply by number, time over, connection lost -> done()
 *                            |
 *                            '- overtaken, given up -> others
 *
 * Numbers are handed out one after another, so most numbers that wait lie close together: a ring finds a request by the
 * last bits of its number, in a tenth of a hash table's time. A request whose place in the ring is wanted again, while
 * there is room elsewhere, has waited long and goes to a map. So the ring has at most four times as many places as
 * requests ever waited at once, however long one of these waits. */
#ifndef GEE_RPC_OUTGOING_H
#define GEE_RPC_OUTGOING_H

#include "core/base/assert.h"
#include "core/base/hash.h"
#include "core/event/loop.h"
#include "core/rpc/protocol.h"

typedef struct gee_outgoing gee_outgoing_t;

/* In memory of its owner, which sets done; the session sets the rest. One cache line, since each of many requests in
 * flight is written on the way there and read on the way back. */
struct gee_outgoing {
    /* Exactly once, unless the request is forgotten; never from inside gee_session_call(). `reply`, with status,
     * payload, metadata and more, is valid until done() returns; the memory is the owner's again when done() is called.
     * A streaming call has a flow instead, whose events the session calls. */
    union {
        void (*done)(gee_outgoing_t *outgoing, const gee_event_t *reply);
        struct gee_flow *flow; /* with `streaming` */
    };
    gee_session_t *session; /* null: the request does not wait */
    uint64_t number;
    int64_t timeout_ns; /* 0: none */
    gee_timer_t timer;  /* the owner may use the timer while the request does not wait */
    bool answered;      /* in done(): by the peer */
    bool refused;       /* by us: its request, or the reply that was answered, is over a limit */
    bool streaming;     /* `flow` is there; set by gee_session_open() */
    bool slot_kept;     /* given up, but the peer goes on working on it: session.h, gee_session_forget() */
};
_Static_assert(sizeof(gee_outgoing_t) <= 64, "a cache line");

typedef struct gee_waiting {
    gee_outgoing_t **slots; /* null: nothing has waited yet */
    size_t mask;            /* slots - 1 */
    size_t count;           /* of those in slots */
    gee_number_map_t *others;
} gee_waiting_t;

void gee_waiting_free(gee_waiting_t *waiting);

/* By outgoing->number, which is the greatest that was ever put. -1: out of memory. */
int gee_waiting_put_elsewhere(gee_waiting_t *waiting, gee_outgoing_t *outgoing); /* of the next */
static inline int gee_waiting_put(gee_waiting_t *waiting, gee_outgoing_t *outgoing) {
    size_t at = outgoing->number & waiting->mask;
    if (waiting->slots == NULL || waiting->slots[at] != NULL)
        return gee_waiting_put_elsewhere(waiting, outgoing);
    waiting->slots[at] = outgoing;
    waiting->count++;
    return 0;
}

/* Null: no request of that number waits. The request found stays. */
gee_outgoing_t *gee_waiting_find_elsewhere(const gee_waiting_t *waiting, uint64_t number); /* of the next */
static inline gee_outgoing_t *gee_waiting_find(const gee_waiting_t *waiting, uint64_t number) {
    gee_outgoing_t *outgoing = waiting->slots != NULL ? waiting->slots[number & waiting->mask] : NULL;
    return outgoing != NULL && outgoing->number == number ? outgoing : gee_waiting_find_elsewhere(waiting, number);
}

/* Precondition: the request was put. The request waits no more. */
static inline void gee_waiting_remove(gee_waiting_t *waiting, const gee_outgoing_t *outgoing) {
    gee_outgoing_t **slot = &waiting->slots[outgoing->number & waiting->mask];
    if (*slot == outgoing) {
        *slot = NULL;
        waiting->count--;
    } else {
        GEE_ASSERT(waiting->others != NULL);
        gee_number_map_remove(waiting->others, outgoing->number);
    }
}

/* The same, but its number is remembered until gee_waiting_was_given_up(). -1: out of memory, nothing has changed. */
int gee_waiting_give_up(gee_waiting_t *waiting, const gee_outgoing_t *outgoing);
/* Was that number given up? Forgets the number. */
bool gee_waiting_was_given_up(gee_waiting_t *waiting, uint64_t number);

/* Calls end() for each request that waits, the oldest first but for overtaken ones, until none is left. end() removes
 * its request, and may remove others, but puts none. `next`: a number that is greater than all. */
void gee_waiting_end(gee_waiting_t *waiting, uint64_t next, void (*end)(gee_outgoing_t *outgoing, void *data),
                     void *data);

#endif
