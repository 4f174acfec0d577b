/* grant.h: what a peer may do whose identity a layer has authenticated. */
#ifndef GEE_EVENT_GRANT_H
#define GEE_EVENT_GRANT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "core/base/str.h"

/* Lives as long as the setup of the layer that knows the peer. */
typedef struct gee_grant {
    const char *name; /* null: the peer has no name */
    /* What the peer may call or read: "Arith", "Foo.Sum", "/debug/geerpc"; ends with null. Null: everything. */
    const char *const *services;
    const atomic_bool *revoked; /* in memory that processes share: the peer may do nothing any more. Null: never */
} gee_grant_t;

/* A null grant is never revoked. */
static inline bool gee_grant_revoked(const gee_grant_t *grant) {
    return grant != NULL && grant->revoked != NULL && atomic_load(grant->revoked);
}

/* Does the grant list exactly that name? A null grant: yes. */
bool gee_grant_lists(const gee_grant_t *grant, gee_str_t name);

#endif
