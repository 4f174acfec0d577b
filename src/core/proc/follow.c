/* follow.c: the helper follows the registries of upstreams and publishes their lists to the workers. The server's own
 * addresses are left out: a registry may list them, and a call forwarded to the server itself would be forwarded for
 * ever. */
#include <stdlib.h>
#include <string.h>

#include "core/proc/registries.h"
#include "core/proc/same_place.h"
#include "core/rpc/engine_private.h"

#define REPORT_INTERVAL GEE_SECOND /* the largest age of a page's report about a source */

typedef struct follower {
    gee_followers_t *followers;
    const gee_shared_list_t *list;
    gee_discovery_t *discovery;
    char *name;
    bool empty_said, own_said;
} follower_t;

struct gee_followers {
    gee_engine_t *engine;
    const gee_cycle_t *cycle;
    follower_t *items;
    size_t count;
    gee_timer_t timer;
};

static void report(const follower_t *follower) {
    gee_discovery_report_t report;
    gee_discovery_report(follower->discovery, &report);
    gee_shared_list_report(follower->list, &report);
}

/* A new helper has no list to compare with, but the workers may have one: an empty list does not replace theirs. */
static bool is_worse(follower_t *follower, size_t count) {
    size_t before = count == 0 ? gee_shared_list_count(follower->list) : 0;
    if (before > 0 && !follower->empty_said)
        gee_log(follower->followers->engine->log, GEE_LOG_WARN,
                "%s: %s: the list is empty; the list from before stays in force: %zu server%s", follower->name,
                follower->list->source, before, before == 1 ? "" : "s");
    follower->empty_said = before > 0;
    return before > 0;
}

/* Is that an address that the server listens on or announces? */
static bool is_own(const gee_cycle_t *cycle, const char *address) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    gee_addr_t addr, listen;
    if (gee_addr_parse(address, &addr, NULL) != 0)
        return false;
    for (size_t i = 0; i < cycle->listener_count; i++)
        if (gee_addr_parse(cycle->listeners[i].listener->bound, &listen, NULL) == 0 &&
            gee_is_same_place(&listen, &addr))
            return true;
    for (size_t i = 0; i < settings->announce.count; i++) {
        const char *announced = gee_settings_announce(settings, i)->address;
        if (announced && strcmp(announced, address) == 0)
            return true;
    }
    return false;
}

/* Returns the count of `others`. */
static size_t leave_out_own(follower_t *follower, const gee_server_t *servers, size_t count, gee_server_t *others) {
    const gee_server_t *own = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_own(follower->followers->cycle, servers[i].address))
            own = &servers[i];
        else
            others[kept++] = servers[i];
    }
    if (own && !follower->own_said)
        gee_log(follower->followers->engine->log, GEE_LOG_WARN, "%s: %s: %s is this server itself: it is left out",
                follower->name, follower->list->source, own->address);
    follower->own_said = own != NULL;
    return kept;
}

static void follower_on_changed(void *data, const gee_server_t *servers, size_t count) {
    follower_t *follower = data;
    gee_server_t *others = calloc(count + 1, sizeof *others);
    if (!others) {
        gee_log(follower->followers->engine->log, GEE_LOG_ERROR,
                "%s: out of memory; the list from before stays in force", follower->name);
        return;
    }
    count = leave_out_own(follower, servers, count, others);
    bool worse = is_worse(follower, count);
    if (!worse)
        gee_shared_list_write(follower->list, others, count);
    free(others);
    if (worse)
        return;
    report(follower);
    gee_engine_wake_workers(follower->followers->engine);
}

/* Refreshes the reports: workers without servers show the reason in their errors. */
static void followers_on_interval(gee_timer_t *timer) {
    gee_followers_t *followers = GEE_CONTAINER(timer, gee_followers_t, timer);
    for (size_t i = 0; i < followers->count; i++)
        report(&followers->items[i]);
    (void)gee_timer_start(followers->engine->loop, timer, REPORT_INTERVAL);
}

static int follow(gee_followers_t *followers, const gee_upstream_settings_t *upstream, const gee_shared_list_t *list,
                  gee_error_t *error) {
    const gee_upstream_registry_settings_t *registry = &upstream->registry;
    follower_t *follower = &followers->items[followers->count++];
    follower->followers = followers;
    follower->list = list;
    if (asprintf(&follower->name, "upstream %s", upstream->name) < 0) {
        follower->name = NULL;
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    gee_discovery_options_t options = { .source = registry->url,
                                        .service = registry->service,
                                        .refresh_ns = registry->refresh,
                                        .min_servers = (size_t)registry->min_servers,
                                        .name = follower->name };
    follower->discovery = gee_discovery_create(followers->engine, &options, follower_on_changed, follower, error);
    return follower->discovery ? 0 : gee_error_prefix(error, "upstream %s: ", upstream->name);
}

gee_followers_t *gee_followers_create(gee_engine_t *engine, const gee_cycle_t *cycle, gee_error_t *error) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    gee_followers_t *followers = calloc(1, sizeof *followers);
    if (followers)
        followers->items = calloc(settings->upstreams.count + 1, sizeof *followers->items);
    if (!followers || !followers->items) {
        free(followers);
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    followers->engine = engine;
    followers->cycle = cycle;
    followers->timer.fire = followers_on_interval;
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        const gee_shared_list_t *list = &cycle->registries->lists[i];
        if (list->source && follow(followers, gee_settings_upstream(settings, i), list, error) != 0) {
            gee_followers_destroy(&followers);
            return NULL;
        }
    }
    if (followers->count > 0)
        (void)gee_timer_start(engine->loop, &followers->timer, REPORT_INTERVAL);
    return followers;
}

void gee_followers_destroy(gee_followers_t **slot) {
    gee_followers_t *followers = *slot;
    *slot = NULL;
    if (!followers)
        return;
    gee_timer_stop(followers->engine->loop, &followers->timer);
    for (size_t i = 0; i < followers->count; i++) {
        gee_discovery_destroy(&followers->items[i].discovery);
        free(followers->items[i].name);
    }
    free(followers->items);
    free(followers);
}
