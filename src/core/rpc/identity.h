/* identity.h: who the peer of a session is, and what that allows.
 *
 *   layer's handshake --identity()--> stream --at the session's beginning--> peer record <-- session, its calls
 *
 * An identity belongs to the layer's setup (a line of seal.clients); a peer record says which peer has shown which
 * identity. */
#ifndef GEE_RPC_IDENTITY_H
#define GEE_RPC_IDENTITY_H

#include <stdatomic.h>

#include "core/rpc/service.h"

typedef enum gee_identity_kind {
    GEE_IDENTITY_ANONYMOUS, /* admitted without a proof */
    GEE_IDENTITY_KEY,
    GEE_IDENTITY_CERTIFICATE,
    GEE_IDENTITY_TOKEN
} gee_identity_kind_t;

/* Lives as long as the setup of the layer that knows the identity. */
typedef struct gee_identity {
    gee_identity_kind_t kind; /* by what the peer has proven the name */
    const char *name;         /* null: the peer is nobody in particular */
    /* What the peer may call or read: "Arith", "Foo.Sum", "/debug/geerpc"; ends with null. Null: everything. */
    const char *const *services;
    const atomic_bool *revoked; /* in memory that processes share: the peer may do nothing any more. Null: never */
} gee_identity_t;

/* A null identity is never revoked. */
static inline bool gee_identity_revoked(const gee_identity_t *identity) {
    return identity != NULL && identity->revoked != NULL && atomic_load(identity->revoked);
}

/* Is exactly that name among what the peer may do? A null identity: yes. */
bool gee_identity_lists(const gee_identity_t *identity, gee_str_t name);

/* For texts. */
static inline const char *gee_identity_name(const gee_identity_t *identity) {
    return identity != NULL && identity->name != NULL ? identity->name : "without a name";
}

/* The peer of a session; outlives the session while calls refer to the record. Counted on the loop's thread, read on
 * any thread. */
typedef struct gee_peer_record {
    unsigned references;
    gee_peer_t peer;                /* address points behind the structure */
    const gee_identity_t *identity; /* null: the peer was not asked */
} gee_peer_record_t;
gee_peer_record_t *gee_peer_record_create(const char *address);
/* `identity` may be null, and outlives the record. */
void gee_peer_record_set_identity(gee_peer_record_t *record, const gee_identity_t *identity);
void gee_peer_record_release(gee_peer_record_t **record);

#endif
