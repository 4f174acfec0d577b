/* upstream_alone.c: calls that go alone: nothing else is in flight on their connection, and nothing follows before the
 * reply.
 *
 *   first calls   Calls of a method on a connection that has not answered that method yet, with may_leave_unread. A
 *                 stock GeeRPC server that does not know a method says so, leaves the body of the call unread, and then
 *                 takes the body for the next header. So nothing may be behind such a body, and after a refusal the
 *                 connection is closed. Each connection knows its own methods: an address may have several servers.
 *   suspects      A connection has ended under these calls: one of them may have ended it, and shall not do so to the
 *                 connection of others once more.
 *
 *        knows the method?           nothing in flight there?              reply
 *   call -------yes-------> shared   -------yes-------> alone there -----> known there | refused: closed
 *      '--no, or suspect--> a connection ---no--> dialled, or the call waits
 *
 * First calls must not be in the way of calls that are known:
 * - a method that its server has never answered goes on a connection that knows nothing yet, one that is dialled for it
 *   if need be: so callers who think up names close no connection that others use;
 * - at most FIRST_CALLS of a backend's connections have a first call at a time. A method whose only connection has
 *   one now may go beside them. */
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/gateway/upstream_private.h"

enum {
    FIRST_CALLS = 2,  /* at a time, of one backend */
    KEPT_EXTRA = 2,   /* connections beyond limits.connections that are kept while nothing is in flight there */
    MOST_EXTRA = 16,  /* that there may be */
    SUSPECTS = 16,    /* at a time, of one backend */
    MOST_KNOWN = 512, /* names in a set */
    REFUSALS = 128,   /* a power of two */
    REFUSAL_TEXT = 128
};

#define LATE_REPLY  GEE_SECOND /* waited for when a call that goes alone was given up */
#define REFUSED_FOR GEE_SECOND
#define SUSPECT_PAUSE                                                                                                  \
    (100 * GEE_MILLISECOND) /* after which a further suspect does not wait for the answer to the one before */

/* ---- names ---- */

uint64_t gee_upstream_name_key(gee_upstream_call_t *call) {
    uint64_t key = call->kept_name_key != NULL ? *call->kept_name_key : 0;
    if (key != 0)
        return key;
    key = gee_siphash(call->upstream->name_secret, call->method.data, call->method.length);
    if (key == 0)
        key = 1;
    if (call->kept_name_key != NULL)
        *call->kept_name_key = key;
    return key;
}

static void put(gee_name_set_t *set, uint64_t key) {
    size_t at = key & set->mask;
    while (set->keys[at] != 0)
        at = (at + 1) & set->mask;
    set->keys[at] = key;
}

/* Makes the set twice as large. -1: out of memory, nothing has changed. */
static int grow(gee_name_set_t *set) {
    size_t before = set->keys != NULL ? set->mask + 1 : 0, places = before > 0 ? before * 2 : 16;
    gee_name_set_t grown = { .keys = calloc(places, sizeof(*grown.keys)), .mask = places - 1, .count = set->count };
    if (grown.keys == NULL)
        return -1;
    for (size_t i = 0; i < before; i++)
        if (set->keys[i] != 0)
            put(&grown, set->keys[i]);
    free(set->keys);
    *set = grown;
    return 0;
}

/* A method that was forgotten is tried anew. Servers have fewer methods than MOST_KNOWN, but for servers that answer
 * any name. */
void gee_name_set_add(gee_name_set_t *set, uint64_t key) {
    if (gee_name_set_has(set, key))
        return;
    if (set->count == MOST_KNOWN) {
        memset(set->keys, 0, (set->mask + 1) * sizeof(*set->keys));
        set->count = 0;
    }
    if ((set->keys == NULL || set->count > set->mask / 2) && grow(set) != 0)
        return;
    put(set, key);
    set->count++;
}

/* ---- what was refused ---- */

typedef struct gee_upstream_refusal {
    uint64_t key; /* of method and backend; 0: none */
    int64_t until_ns;
    gee_code_t code;
    char text[REFUSAL_TEXT];
} refusal_t;

static bool is_refusal(const gee_status_t *status) {
    return status->code != GEE_OK && (gee_str_starts_with(status->text, GEE_STR("rpc server: can't find")) ||
                                      gee_str_starts_with(status->text, GEE_STR("rpc server: service/method")));
}

static uint64_t refusal_key(const gee_backend_t *backend, const gee_upstream_call_t *call) {
    return gee_random_mix(call->name_key ^ backend->candidate.identity) | 1;
}

static void remember_refusal(const gee_upstream_call_t *call, const gee_status_t *status) {
    gee_upstream_t *upstream = call->upstream;
    if (upstream->refusals == NULL && (upstream->refusals = calloc(REFUSALS, sizeof(refusal_t))) == NULL)
        return;
    uint64_t key = refusal_key(call->backend, call);
    refusal_t *refusal = &upstream->refusals[key / 2 % REFUSALS];
    size_t length =
        status->text.length < REFUSAL_TEXT ? status->text.length : gee_utf8_cut(status->text.data, REFUSAL_TEXT - 1);
    *refusal =
        (refusal_t){ .key = key, .until_ns = gee_loop_now(upstream->engine->loop) + REFUSED_FOR, .code = status->code };
    memcpy(refusal->text, status->text.data, length);
}

bool gee_upstream_refused(const gee_backend_t *backend, const gee_upstream_call_t *call, gee_error_t *error) {
    const gee_upstream_t *upstream = call->upstream;
    if (!upstream->may_leave_unread || upstream->refusals == NULL)
        return false;
    uint64_t key = refusal_key(backend, call);
    const refusal_t *refusal = &upstream->refusals[key / 2 % REFUSALS];
    if (refusal->key != key || refusal->until_ns <= gee_loop_now(upstream->engine->loop))
        return false;
    gee_error_set(error, refusal->code, "%s", refusal->text);
    error->phase = GEE_PHASE_NONE;
    return true;
}

/* ---- which connection ---- */

/* What the connections of a backend offer to one call. */
typedef struct offer {
    gee_backend_connection_t *shared;       /* knows its method; the one with the fewest calls */
    gee_backend_connection_t *blank, *idle; /* nothing in flight, and no method known; some known, the most of them */
    size_t firsts, suspects;                /* calls that go alone now */
    size_t connecting;
    size_t in_service;
    bool known_elsewhere; /* on one that another call has for itself now */
    bool on_trial;        /* a call of that method goes alone now */
} offer_t;

static size_t load_of(const gee_backend_connection_t *connection) {
    return connection->calls + connection->late;
}

static void look_at_alone(offer_t *offer, const gee_backend_connection_t *connection, uint64_t key, bool knows) {
    offer->firsts += !connection->suspect;
    offer->suspects += connection->suspect;
    offer->known_elsewhere |= knows;
    offer->on_trial |= connection->alone_key == key;
}

static void look_at(offer_t *offer, gee_backend_connection_t *connection, const gee_upstream_call_t *call) {
    bool knows = gee_name_set_has(&connection->known, call->name_key);
    offer->in_service += !connection->retiring;
    offer->connecting += connection->session == NULL;
    if (!gee_backend_connection_is_usable(connection))
        return;
    if (connection->alone)
        look_at_alone(offer, connection, call->name_key, knows);
    else if (knows && (offer->shared == NULL || load_of(connection) < load_of(offer->shared)))
        offer->shared = connection;
    if (connection->alone || load_of(connection) > 0)
        return;
    if (connection->known.count == 0)
        offer->blank = offer->blank ? offer->blank : connection;
    else if (offer->idle == NULL || connection->known.count > offer->idle->known.count)
        offer->idle = connection;
}

static void survey(const gee_backend_t *backend, const gee_upstream_call_t *call, offer_t *offer) {
    *offer = (offer_t){ 0 };
    for (gee_link_t *entry = backend->connections.head.next; entry != &backend->connections.head; entry = entry->next)
        look_at(offer, GEE_CONTAINER(entry, gee_backend_connection_t, link), call);
}

/* One of the suspects may be to blame: so the next suspect of this backend waits for the answer to the one before,
 * but not for long, as mostly none is to blame. */
static bool may_go(const gee_backend_t *backend, const gee_upstream_call_t *call, const offer_t *offer) {
    if (call->suspect)
        return offer->suspects == 0 || (offer->suspects < SUSPECTS &&
                                        gee_upstream_now(backend->upstream) - backend->suspect_ns >= SUSPECT_PAUSE);
    return offer->firsts < FIRST_CALLS || (offer->known_elsewhere && !offer->on_trial);
}

/* Null: no connection is free. */
static gee_backend_connection_t *for_itself(const gee_backend_t *backend, const gee_upstream_call_t *call,
                                            const offer_t *offer) {
    return offer->idle != NULL && gee_name_set_has(&backend->verified, call->name_key) ? offer->idle : offer->blank;
}

/* The connection that the call may share has other calls. So that a further connection gets to know the method, too,
 * the call goes alone on a connection within limits.connections where nothing is in flight; while there is no such
 * connection, one is opened for later calls. */
GEE_APART static gee_backend_connection_t *beside_busy(gee_backend_t *backend, const offer_t *offer) {
    if (offer->firsts > 0)
        return offer->shared;
    if (offer->blank != NULL && !offer->blank->extra)
        return offer->blank;
    if (offer->idle != NULL && !offer->idle->extra)
        return offer->idle;
    if (offer->connecting == 0 && (int64_t)offer->in_service < backend->upstream->limits.connections)
        (void)gee_backend_dial(backend, false, NULL);
    return offer->shared;
}

gee_backend_connection_t *gee_upstream_choosy_connection(gee_backend_t *backend, const gee_upstream_call_t *call) {
    offer_t offer;
    gee_error_t refused;
    survey(backend, call, &offer);
    if (offer.shared != NULL && !call->suspect)
        return load_of(offer.shared) == 0 ? offer.shared : beside_busy(backend, &offer);
    if (gee_upstream_refused(backend, call, &refused) || !may_go(backend, call, &offer))
        return NULL;
    return for_itself(backend, call, &offer);
}

static int start_suspect_timer(gee_backend_t *backend, gee_error_t *error) {
    if (!gee_timer_started(&backend->suspect_timer) &&
        gee_timer_start_at(backend->upstream->engine->loop, &backend->suspect_timer,
                           backend->suspect_ns + SUSPECT_PAUSE) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return 0;
}

/* How many connections are made at a time: one for each call in backend->waiting, within bounds. */
static size_t wanted(const gee_backend_t *backend, const gee_upstream_call_t *call, const offer_t *offer) {
    bool only = backend->waiting.head.next == backend->waiting.head.previous;
    if (call->suspect || only || offer->firsts >= FIRST_CALLS)
        return 1;
    return FIRST_CALLS - offer->firsts;
}

int gee_upstream_choosy_connect(gee_backend_t *backend, const gee_upstream_call_t *call, gee_error_t *error) {
    offer_t offer;
    survey(backend, call, &offer);
    if (!may_go(backend, call, &offer))
        return call->suspect && offer.suspects < SUSPECTS ? start_suspect_timer(backend, error) : 0;
    if (offer.connecting >= wanted(backend, call, &offer) ||
        (int64_t)offer.in_service >= backend->upstream->limits.connections + MOST_EXTRA)
        return 0;
    return gee_backend_dial(backend, false, error);
}

/* ---- there and back ---- */

void gee_upstream_choosy_sent(const gee_upstream_call_t *call, gee_backend_connection_t *connection) {
    gee_backend_t *backend = connection->backend;
    if (gee_backend_connection_suits(connection, call))
        return;
    connection->alone = true;
    connection->suspect = call->suspect;
    connection->alone_key = call->name_key;
    if (call->suspect)
        backend->suspect_ns = gee_upstream_now(backend->upstream);
}

void gee_upstream_alone_answered(const gee_upstream_call_t *call, gee_backend_connection_t *connection,
                                 const gee_status_t *status) {
    connection->alone = connection->suspect = false;
    if (!call->upstream->may_leave_unread || gee_name_set_has(&connection->known, call->name_key))
        return;
    if (is_refusal(status)) {
        remember_refusal(call, status);
        connection->retiring = true;
        return;
    }
    gee_name_set_add(&connection->known, call->name_key);
    gee_name_set_add(&connection->backend->verified, call->name_key);
}

static void late_over(gee_timer_t *timer) {
    gee_backend_connection_t *connection = GEE_CONTAINER(timer, gee_backend_connection_t, late_timer);
    gee_backend_t *backend = connection->backend;
    gee_backend_hold(backend);
    gee_backend_connection_retire(connection);
    gee_backend_try_waiting(backend);
    gee_backend_release(backend);
}

/* The call that was alone here was given up. Where the backend goes on working on the call, the connection is not
 * used any more, and stays for a while: so impatient callers do not make connections as fast as they can. */
static void wait_for_late_reply(gee_backend_connection_t *connection, bool kept) {
    connection->late_timer.fire = late_over;
    if (kept && gee_timer_start(connection->backend->upstream->engine->loop, &connection->late_timer, LATE_REPLY) == 0)
        return;
    if (kept || connection->backend->upstream->may_leave_unread)
        connection->retiring = true;
    else
        connection->alone = connection->suspect = false; /* the backend was told */
}

/* The connection has nothing to do, and was opened for calls that go alone. */
static bool is_spare(const gee_backend_connection_t *connection) {
    return connection->extra && !connection->alone && load_of(connection) == 0 &&
           gee_backend_connection_is_usable(connection);
}

void gee_backend_trim(gee_backend_t *backend) {
    size_t kept =
        (size_t)backend->upstream->limits.connections + (backend->upstream->may_leave_unread ? KEPT_EXTRA : 0);
    size_t count = 0;
    gee_backend_connection_t *least = NULL; /* of the spare ones, by what it knows */
    GEE_LIST_EACH(&backend->connections, entry) {
        gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        count += gee_backend_connection_is_usable(connection) && !connection->alone;
        if (is_spare(connection) && (least == NULL || connection->known.count <= least->known.count))
            least = connection;
    }
    if (count > kept && least != NULL)
        gee_backend_connection_retire(least);
}

void gee_backend_connection_left(gee_backend_connection_t *connection, bool kept) {
    gee_backend_t *backend = connection->backend;
    bool emptied = connection->calls == 0;
    if (connection->alone && !gee_session_is_ending(connection->session))
        wait_for_late_reply(connection, kept);
    gee_backend_connection_close_retired(connection);
    if (!emptied)
        return;
    gee_backend_trim(backend);
    gee_backend_try_waiting(backend);
}

void gee_backend_connection_answered_late(gee_backend_connection_t *connection) {
    gee_backend_t *backend = connection->backend;
    gee_backend_hold(backend);
    if (connection->alone && connection->calls == 0)
        gee_backend_connection_retire(connection);
    gee_backend_trim(backend);
    gee_backend_try_waiting(backend);
    gee_backend_release(backend);
}
