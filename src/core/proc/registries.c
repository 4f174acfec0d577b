/* registries.c: opens what the helper shares with workers and with its successor. In the master. */
#include "core/proc/registries.h"

#include "core/base/assert.h"
#include "core/proc/shm.h"

#define ANNOUNCED_VERSION 1u

/* The zone's name has the upstream and the service, but not the registry's URL: when the URL changes, the list from
 * before is better than none. */
static int open_list(gee_cycle_t *cycle, const gee_upstream_settings_t *upstream, gee_shared_list_t *list,
                     gee_error_t *error) {
    const gee_upstream_registry_settings_t *registry = &upstream->registry;
    const char *name =
        gee_pool_printf(cycle->pool, "servers of %s %s", upstream->name, registry->service ? registry->service : "");
    if (!name)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "upstreams: out of memory");
    void *memory =
        gee_zone_share(cycle->server, &cycle->zones, name, gee_shared_list_size(), GEE_SHARED_LIST_VERSION, error);
    if (!memory)
        return -1;
    gee_shared_list_attach(list, registry->url, memory);
    return 0;
}

int gee_registries_open(gee_cycle_t *cycle, gee_error_t *error) {
    GEE_ASSERT(cycle->listeners);
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    gee_registries_t *registries = gee_pool_zalloc(cycle->pool, sizeof *registries);
    if (registries)
        registries->lists = gee_pool_array(cycle->pool, settings->upstreams.count, sizeof *registries->lists);
    if (!registries || !registries->lists)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "upstreams: out of memory");
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        const gee_upstream_settings_t *upstream = gee_settings_upstream(settings, i);
        if (upstream->registry.url && open_list(cycle, upstream, &registries->lists[i], error) != 0)
            return -1;
    }
    registries->announced = gee_zone_share(cycle->server, &cycle->zones, "announced",
                                           GEE_ANNOUNCED * sizeof *registries->announced, ANNOUNCED_VERSION, error);
    cycle->registries = registries;
    return registries->announced ? 0 : -1;
}

bool gee_registries_wanted(const gee_cycle_t *cycle) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    bool wanted = settings->announce.count > 0;
    for (size_t i = 0; i < settings->upstreams.count; i++)
        wanted |= gee_settings_upstream(settings, i)->registry.url != NULL;
    for (size_t i = 0; i < GEE_ANNOUNCED; i++) /* entries of the cycle before, which the helper takes out */
        wanted |= atomic_load(&cycle->registries->announced[i].used) != 0;
    return wanted;
}
