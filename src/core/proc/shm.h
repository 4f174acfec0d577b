/* shm.h: zones of memory that master and workers share, by name. A zone lives as long as any cycle refers to it. */
#ifndef GEE_PROC_SHM_H
#define GEE_PROC_SHM_H

#include "core/proc/server.h"

typedef struct gee_zone {
    gee_link_t link; /* in the server's zones */
    const char *name;
    size_t size;
    uint32_t version;
    unsigned references;
    void *memory;
    int descriptor; /* of the memory: for the master of the next binary */
} gee_zone_t;

typedef struct gee_zone_reference {
    gee_link_t link;
    gee_zone_t *zone;
} gee_zone_reference_t;

/* The zone of that name, size and version, also when it is another master's (inherit.h); else a new one, zeroed. Adds a
 * reference to `references`, a cycle's list, unless the zone is there already. Null: failed. */
void *gee_zone_share(gee_server_state_t *server, gee_list_t *references, const char *name, size_t size,
                     uint32_t version, gee_error_t *error);
/* Gives back all of a cycle's references. */
void gee_zones_release(gee_list_t *references);
/* In a worker: closes the descriptors; the memory stays. */
void gee_zones_forget(const gee_server_state_t *server);

#endif
