/* shm.c: shared mappings of anonymous memory, with references. The master makes a mapping before it forks, so every
 * worker has the mapping at the same address. */
#include "core/proc/shm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/proc/inherit.h"

static gee_zone_t *zone_find(const gee_server_state_t *server, const char *name, size_t size, uint32_t version) {
    GEE_LIST_EACH(&server->zones, link) {
        gee_zone_t *zone = GEE_CONTAINER(link, gee_zone_t, link);
        if (zone->size == (size ? size : 1) && zone->version == version && strcmp(zone->name, name) == 0)
            return zone;
    }
    return NULL;
}

/* The descriptor of the memory, or -1 with errno. */
static int open_memory(gee_server_state_t *server, const char *name, size_t size, uint32_t version) {
    int descriptor = gee_inherit_take_zone(server, name, size, version);
    if (descriptor >= 0)
        return descriptor;
    descriptor = memfd_create("geerpc-zone", MFD_CLOEXEC);
    if (descriptor < 0 || ftruncate(descriptor, (off_t)size) == 0)
        return descriptor;
    int reason = errno;
    (void)close(descriptor);
    errno = reason;
    return -1;
}

static int zone_map(gee_zone_t *zone, int descriptor) {
    if (descriptor < 0)
        return -1;
    zone->memory = mmap(NULL, zone->size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    zone->descriptor = descriptor;
    if (zone->memory != MAP_FAILED)
        return 0;
    int reason = errno;
    (void)close(descriptor);
    errno = reason;
    return -1;
}

static gee_zone_t *zone_create(gee_server_state_t *server, const char *name, size_t size, uint32_t version,
                               gee_error_t *error) {
    size_t name_size = strlen(name) + 1;
    gee_zone_t *zone = calloc(1, sizeof *zone + name_size);
    if (!zone) {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "shared memory \"%s\": out of memory", name);
        return NULL;
    }
    zone->size = size ? size : 1;
    if (zone_map(zone, open_memory(server, name, zone->size, version)) != 0) {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "shared memory \"%s\" of %zu bytes: %s", name, size,
                            strerror(errno));
        free(zone);
        return NULL;
    }
    zone->name = memcpy(zone + 1, name, name_size);
    zone->version = version;
    gee_list_append(&server->zones, &zone->link);
    return zone;
}

static void unreference(gee_zone_t *zone) {
    GEE_ASSERT(zone->references > 0);
    if (--zone->references > 0)
        return;
    gee_list_remove(&zone->link);
    (void)munmap(zone->memory, zone->size);
    if (zone->descriptor >= 0)
        (void)close(zone->descriptor);
    free(zone);
}

void *gee_zone_share(gee_server_state_t *server, gee_list_t *references, const char *name, size_t size,
                     uint32_t version, gee_error_t *error) {
    gee_zone_t *zone = zone_find(server, name, size, version);
    GEE_LIST_EACH(references, link) {
        if (zone && GEE_CONTAINER(link, gee_zone_reference_t, link)->zone == zone)
            return zone->memory;
    }
    gee_zone_reference_t *reference = calloc(1, sizeof *reference);
    if (!reference) {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "shared memory \"%s\": out of memory", name);
        return NULL;
    }
    if (!zone && !(zone = zone_create(server, name, size, version, error))) {
        free(reference);
        return NULL;
    }
    zone->references++;
    reference->zone = zone;
    gee_list_append(references, &reference->link);
    return zone->memory;
}

void gee_zones_release(gee_list_t *references) {
    gee_link_t *link;
    while ((link = gee_list_pop(references)) != NULL) {
        gee_zone_reference_t *reference = GEE_CONTAINER(link, gee_zone_reference_t, link);
        unreference(reference->zone);
        free(reference);
    }
}

void gee_zones_forget(const gee_server_state_t *server) {
    GEE_LIST_EACH(&server->zones, link) {
        gee_zone_t *zone = GEE_CONTAINER(link, gee_zone_t, link);
        (void)close(zone->descriptor);
        zone->descriptor = -1;
    }
}
