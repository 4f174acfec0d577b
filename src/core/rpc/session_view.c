/* session_view.c: what protocols read of a session. Link-time optimisation inlines the functions. */
#include "core/base/assert.h"
#include "core/rpc/dispatch.h"
#include "core/rpc/door.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"

gee_engine_t *gee_session_engine(const gee_session_t *session) {
    return session->engine;
}

gee_stream_t *gee_session_stream(const gee_session_t *session) {
    return session->stream;
}

gee_role_t gee_session_role(const gee_session_t *session) {
    return session->role;
}

const gee_codec_t *gee_session_codec(const gee_session_t *session) {
    return session->codec;
}

void *gee_session_receive_state(const gee_session_t *session) {
    return session->receive_state;
}

void *gee_session_send_state(const gee_session_t *session) {
    return session->send_state;
}

const gee_identity_t *gee_session_identity(const gee_session_t *session) {
    return session->peer->identity;
}

bool gee_session_is_draining(const gee_session_t *session) {
    return session->state != GEE_SESSION_OPEN;
}

bool gee_session_awaits(const gee_session_t *session, uint64_t number) {
    GEE_ASSERT(session->role == GEE_CALLING);
    return gee_waiting_find(&session->calling.waiting, number) != NULL;
}

bool gee_session_knows_method(const gee_session_t *session, gee_str_t method) {
    return gee_dispatch_knows(session->engine->dispatch, method);
}

bool gee_session_has_pages(const gee_session_t *session) {
    GEE_ASSERT(session->role == GEE_SERVING);
    return session->serving.way_back != NULL && session->serving.way_back->options.pages;
}

bool gee_session_has_health(const gee_session_t *session) {
    GEE_ASSERT(session->role == GEE_SERVING);
    return session->serving.way_back != NULL && session->serving.way_back->options.health;
}

bool gee_session_can_hand_back(const gee_session_t *session) {
    GEE_ASSERT(session->role == GEE_SERVING);
    return session->serving.way_back != NULL && session->serving.way_back->upgrades == 0;
}
