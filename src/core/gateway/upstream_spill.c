/* upstream_spill.c: calls for which the connections that all share have no room any more: gob defines only so many types on one.
 *
 *   call --no room for its types--> spill connection, beside the others --no room there, either--> given up for a new one
 *                                                                                 '-- not yet a second old: refused
 *
 * What has a connection keeps it: callers whose types are new again and again are no matter of those whose types are known. There
 * is one spill connection at a time, beside one more that ends; so however many types a caller has, a server sees one new
 * connection a second of each worker. Calls that are choosy (upstream_alone.c) must not go where their method is not known; for these
 * the connection is given up, as seldom. */
#include "core/gateway/upstream_private.h"

#define LEAST_AGE GEE_SECOND

static int64_t now(const gee_upstream_peer_t *peer) {
    return gee_loop_now(peer->upstream->engine->loop);
}

/* Null: there is none that takes calls, or will. `ending`: of those that do not any more. */
static gee_upstream_link_t *find(const gee_upstream_peer_t *peer, bool ending) {
    GEE_LIST_EACH(&peer->links, entry) {
        gee_upstream_link_t *link = GEE_CONTAINER(entry, gee_upstream_link_t, link);
        if (link->spill && link->retiring == ending)
            return link;
    }
    return NULL;
}

gee_upstream_link_t *gee_upstream_spill_link(const gee_upstream_peer_t *peer) {
    gee_upstream_link_t *link = find(peer, false);
    const gee_session_t *session = link != NULL ? link->session : NULL;
    return session != NULL && !session->closing && !session->peer_ended ? link : NULL;
}

int gee_upstream_spill_connect(gee_upstream_peer_t *peer, gee_error_t *error) {
    if (find(peer, false) != NULL)
        return 0;
    if (gee_upstream_peer_open_link(peer, false, error) != 0)
        return -1;
    gee_upstream_link_t *link = GEE_CONTAINER(peer->links.head.previous, gee_upstream_link_t, link);
    link->spill = true;
    link->extra = false;
    return 0;
}

/* In favour of a new one. False: too soon. */
static bool give_up(gee_upstream_peer_t *peer, gee_upstream_link_t *link) {
    if ((peer->renewed_ns != 0 && now(peer) - peer->renewed_ns < LEAST_AGE) || find(peer, true) != NULL)
        return false;
    peer->renewed_ns = now(peer);
    link->retiring = true;
    gee_upstream_link_relieved(link);
    return true;
}

bool gee_upstream_spill(gee_upstream_call_t *call, gee_upstream_link_t *link) {
    gee_upstream_peer_t *peer = call->peer;
    if ((link->spill || call->choosy) && !give_up(peer, link))
        return false;
    call->spilled = !call->choosy;
    gee_upstream_link_t *other = gee_upstream_spill_link(peer);
    if (call->spilled && other != NULL)
        gee_upstream_send(call, other);
    else
        gee_upstream_wait(call);
    return true;
}
