/* follow.c: the helper follows the registries of upstreams and writes down for the workers what it finds. */
#include <stdlib.h>

#include "core/proc/registries.h"

#define REPORT_INTERVAL GEE_SECOND /* how old a page's words about a source are, at most */

typedef struct follower {
    gee_followers_t *followers;
    const gee_shared_list_t *list;
    gee_discovery_t *discovery;
    char *name;
    bool empty_said;
} follower_t;

struct gee_followers {
    gee_engine_t *engine;
    follower_t *items;
    size_t count;
    gee_timer_t timer;
};

static void report(const follower_t *follower) {
    gee_discovery_report_t report;
    gee_discovery_report(follower->discovery, &report);
    gee_shared_list_report(follower->list, &report);
}

/* This helper may be a new one, to whom an empty list is as good as any: not so to the workers. */
static bool is_worse(follower_t *follower, size_t count) {
    size_t before = count == 0 ? gee_shared_list_count(follower->list) : 0;
    if (before > 0 && !follower->empty_said)
        gee_log(follower->followers->engine->log, GEE_LOG_WARN,
                "%s: %s: the list is empty; the list from before stays in force: %zu server%s", follower->name,
                follower->list->source, before, before == 1 ? "" : "s");
    follower->empty_said = before > 0;
    return before > 0;
}

static void on_changed(void *data, const gee_server_t *servers, size_t count) {
    follower_t *follower = data;
    if (is_worse(follower, count))
        return;
    gee_shared_list_write(follower->list, servers, count);
    report(follower);
    gee_engine_wake_workers(follower->followers->engine);
}

/* Workers are woken while they have nothing: why, stands in the texts of errors. */
static void on_interval(gee_timer_t *timer) {
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
    follower->discovery = gee_discovery_create(followers->engine, &options, on_changed, follower, error);
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
    followers->timer.fire = on_interval;
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
