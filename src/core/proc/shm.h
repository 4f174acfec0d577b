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
    int descriptor; /* of the memory, for the next binary's master */
} gee_zone_t;

typedef struct gee_zone_reference {
    gee_link_t link;
    gee_zone_t *zone;
} gee_zone_reference_t;

/* The memory of the zone with that name, size and version, or inherited from another master (inherit.h); else of a
 * new zone, zeroed. Adds a reference to `references`, a cycle's list, unless the list has the zone already. Null:
 * failed. */
void *gee_zone_share(gee_server_state_t *server, gee_list_t *references, const char *name, size_t size,
                     uint32_t version, gee_error_t *error);
/* Releases all references of a cycle. */
void gee_zones_release(gee_list_t *references);
/* In a worker: closes the descriptors; the memory stays. */
void gee_zones_forget(const gee_server_state_t *server);

#endif
