/* session_tokens.c: a call in flight, found by its caller's token, for cancels.
 *
 *   by_token: token -> the oldest call of that token -> the next one (tokens may repeat) -> ... -> the oldest
 *
 * The map is made when a peer cancels a call while many are in flight, and is there until none is. Until then a call
 * pays one comparison with null. */
#include "core/rpc/session_private.h"

#define FEW 16 /* calls: looking at each costs less than a map */

/* Tokens that are texts are compared where they are found: all of them that have the same number share a ring. */
static bool has_token(const gee_call_t *call, const gee_token_t *token) {
    return call->token.number == token->number && gee_str_equal(call->token.raw, token->raw);
}

static gee_call_t *call_of(gee_link_t *link) {
    return GEE_CONTAINER(link, gee_call_apart_t, token_link)->call;
}

void gee_session_drop_tokens(gee_session_t *session) {
    gee_number_map_destroy(&session->serving.by_token);
}

/* Without memory there is no map: a cancel looks at each call then. */
void gee_session_add_token(gee_session_t *session, gee_call_t *call) {
    GEE_ASSERT(session->serving.by_token != NULL);
    if (call->flow != NULL)
        return; /* which a cancel finds by its flow */
    gee_number_map_t *map = session->serving.by_token;
    gee_call_t *oldest = gee_number_map_get(map, call->token.number);
    gee_link_t *link = &call->apart->token_link;
    if (oldest != NULL) { /* in front of the oldest is the end of the ring */
        link->next = &oldest->apart->token_link;
        link->previous = oldest->apart->token_link.previous;
        link->previous->next = link->next->previous = link;
        return;
    }
    link->next = link->previous = link;
    if (gee_number_map_put(map, call->token.number, call) != 0)
        gee_session_drop_tokens(session);
}

void gee_session_remove_token(gee_session_t *session, gee_call_t *call) {
    GEE_ASSERT(session->serving.by_token != NULL);
    gee_number_map_t *map = session->serving.by_token;
    if (session->call_count == 0)
        gee_session_drop_tokens(session);
    if (session->call_count == 0 || call->flow != NULL)
        return;
    gee_link_t *link = &call->apart->token_link;
    if (link->next == link)
        (void)gee_number_map_remove(map, call->token.number);
    else if (gee_number_map_get(map, call->token.number) == call)
        (void)gee_number_map_put(map, call->token.number, call_of(link->next)); /* takes its place: needs no memory */
    link->next->previous = link->previous;
    link->previous->next = link->next;
}

static void add_all(gee_session_t *session) {
    session->serving.by_token = gee_number_map_create();
    GEE_LIST_EACH(&session->calls, link)
        if (session->serving.by_token != NULL)
            gee_session_add_token(session, GEE_CONTAINER(link, gee_call_t, session_link));
}

static gee_call_t *look_at_each(const gee_session_t *session, const gee_token_t *token) {
    GEE_LIST_EACH(&session->calls, link) {
        gee_call_t *call = GEE_CONTAINER(link, gee_call_t, session_link);
        if (has_token(call, token))
            return call;
    }
    return NULL;
}

gee_call_t *gee_session_find_token(gee_session_t *session, const gee_token_t *token) {
    if (session->serving.by_token == NULL && session->call_count > FEW)
        add_all(session);
    if (session->serving.by_token == NULL)
        return look_at_each(session, token);
    gee_call_t *oldest = gee_number_map_get(session->serving.by_token, token->number), *call = oldest;
    while (call != NULL && !has_token(call, token)) {
        call = call_of(call->apart->token_link.next);
        if (call == oldest)
            return NULL;
    }
    return call;
}
