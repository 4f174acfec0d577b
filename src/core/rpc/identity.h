/* identity.h: who the peer of a session is. */
#ifndef GEE_RPC_IDENTITY_H
#define GEE_RPC_IDENTITY_H

#include "core/event/grant.h"
#include "core/rpc/service.h"

/* The peer of a session; outlives the session while calls refer to the record. Counted on the loop's thread, read anywhere. */
typedef struct gee_peer_record {
    unsigned references;
    gee_peer_t peer;          /* address points behind the structure */
    const gee_grant_t *grant; /* what the peer has proven; null: nothing */
} gee_peer_record_t;
gee_peer_record_t *gee_peer_record_create(const char *address);
/* `grant` may be null, and outlives the record. */
void gee_peer_record_set_grant(gee_peer_record_t *record, const gee_grant_t *grant);
void gee_peer_record_release(gee_peer_record_t **record);

#endif
