/* registries.h: the server as a client of registries: its own entries there, and the lists of servers for its
 * upstreams. The helper does both; the cycle owns the memory that the helper shares with workers and with the next
 * helper.
 *
 *   helper: announce.c  settings -> publish -> ... -> withdraw
 *           follow.c    discovery -> shared list -> worker_lists.c -> upstream
 */
#ifndef GEE_PROC_REGISTRIES_H
#define GEE_PROC_REGISTRIES_H

#include <stdatomic.h>

#include "core/proc/cycle.h"
#include "core/gateway/shared_list.h"

/* ---- the cycle: registries.c ---- */
#define GEE_ANNOUNCED         256 /* entries at a time */
#define GEE_ANNOUNCED_URL     2049
#define GEE_ANNOUNCED_SERVICE 256

/* An entry that is, or may be, in a registry: the next helper takes out the entries that its settings do not name any
 * more. */
typedef struct gee_announced {
    _Atomic uint32_t used; /* set last, cleared first */
    char registry[GEE_ANNOUNCED_URL];
    char address[GEE_ADDR_TEXT];
    char service[GEE_ANNOUNCED_SERVICE]; /* "": no service */
} gee_announced_t;

typedef struct gee_registries {
    gee_shared_list_t *lists;   /* in the order of the upstreams */
    gee_announced_t *announced; /* GEE_ANNOUNCED of them */
} gee_registries_t;

/* Allocates in the cycle's pool. Precondition: the cycle's listeners are open. */
int gee_registries_open(gee_cycle_t *cycle, gee_error_t *error);
/* Does the cycle need a helper for registries? */
bool gee_registries_wanted(const gee_cycle_t *cycle);

/* ---- the helper: announce.c ---- */
typedef struct gee_announcer gee_announcer_t;

gee_announcer_t *gee_announcer_create(gee_engine_t *engine, const gee_cycle_t *cycle, gee_error_t *error);
/* Takes every entry out of its registry; left() is called once, now or later. */
void gee_announcer_leave(gee_announcer_t *announcer, void (*left)(void *data), void *data);
/* Frees the announcer; entries stay in their registries. Leaves null. */
void gee_announcer_destroy(gee_announcer_t **announcer);

/* ---- the helper: follow.c ---- */
typedef struct gee_followers gee_followers_t;

gee_followers_t *gee_followers_create(gee_engine_t *engine, const gee_cycle_t *cycle, gee_error_t *error);
void gee_followers_destroy(gee_followers_t **followers); /* leaves null */

#endif
