/* seals.c: opening the seals of listeners, and what becomes of them in a reload. */
#include "core/proc/seals.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* A list of clients says which services each client may call; only the filter enforces the list. */
static bool has_filter(const gee_module_entry_t *modules) {
    const gee_module_t *filter;
    for (size_t i = 0; (filter = gee_module_next(modules, GEE_MODULE_FILTER, i)) != NULL; i++)
        if (strcmp(filter->name, "filter_seal") == 0)
            return true;
    return false;
}

static gee_seal_setup_t *open_setup(const gee_cycle_t *cycle, const gee_seal_t *seal,
                                    const gee_listen_seal_settings_t *settings, gee_error_t *error) {
    const char *texts[] = { settings->key, settings->old_key, settings->clients }, *paths[GEE_LENGTH(texts)] = { NULL };
    for (size_t i = 0; i < GEE_LENGTH(texts); i++)
        if (texts[i] != NULL && (paths[i] = gee_server_path(cycle->server, texts[i], cycle->pool)) == NULL) {
            gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
            return NULL;
        }
    if (settings->clients == NULL && !settings->anonymous) {
        gee_error_set(error, GEE_INVALID_ARGUMENT,
                      "nobody could call: set clients to a list of their keys, or anonymous = true");
        return NULL;
    }
    if (settings->clients != NULL && !has_filter(cycle->server->modules)) {
        gee_error_set(error, GEE_UNIMPLEMENTED,
                      "clients: nothing would hold them to what they may call: ./configure --with-filter_seal adds "
                      "what does");
        return NULL;
    }
    gee_seal_listen_t options = {
        .key = paths[0], .old_key = paths[1], .clients = paths[2], .anonymous = settings->anonymous
    };
    return seal->listen(&options, error);
}

int gee_seals_open(gee_cycle_t *cycle, gee_cycle_listener_t *entry, gee_error_t *error) {
    const gee_listen_seal_settings_t *settings = &entry->settings->seal;
    if (settings->key == NULL)
        return 0;
    const gee_seal_t *seal = gee_seal_find(cycle->server->modules, error);
    entry->seal_setup = seal ? open_setup(cycle, seal, settings, error) : NULL;
    if (entry->seal_setup == NULL)
        return gee_error_prefix(error, "%s: seal: ", entry->settings->address);
    entry->layers[0] = (gee_door_layer_t){ .layer = seal->layer,
                                           .setup = entry->seal_setup,
                                           .required = settings->mode == GEE_SEAL_REQUIRED,
                                           .handshake_ns = settings->timeout,
                                           .max_age_ns = settings->max_age };
    return 0;
}

void gee_seals_close(gee_cycle_listener_t *entry) {
    if (entry->seal_setup != NULL)
        entry->layers[0].layer->seal->close(&entry->seal_setup);
}

static const gee_seal_setup_t *setup_of(const gee_cycle_t *cycle, const gee_listener_t *listener) {
    for (size_t i = 0; i < cycle->listener_count; i++)
        if (cycle->listeners[i].listener == listener)
            return cycle->listeners[i].seal_setup;
    return NULL;
}

void gee_seals_replace(gee_cycle_t *old, const gee_cycle_t *next) {
    for (size_t i = 0; i < old->listener_count; i++) {
        const gee_cycle_listener_t *entry = &old->listeners[i];
        if (entry->seal_setup != NULL)
            entry->layers[0].layer->seal->replace(entry->seal_setup, setup_of(next, entry->listener));
    }
}

/* ---- upstreams ---- */

/* *setup stays null without a failure if the settings have no server_key. */
static int open_dial(const gee_cycle_t *cycle, const gee_dial_seal_settings_t *settings, gee_seal_setup_t **setup,
                     gee_error_t *error) {
    *setup = NULL;
    if (settings->server_key == NULL)
        return 0;
    const gee_seal_t *seal = gee_seal_find(cycle->server->modules, error);
    const char *key = settings->key ? gee_server_path(cycle->server, settings->key, cycle->pool) : NULL;
    if (seal == NULL)
        return -1;
    if (settings->key != NULL && key == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_seal_dial_t options = { .server_key = settings->server_key, .key = key };
    *setup = seal->dial(&options, error);
    return *setup ? 0 : -1;
}

static void check_dial(gee_cycle_t *cycle, const gee_dial_seal_settings_t *settings, const char *setting) {
    gee_seal_setup_t *setup;
    gee_error_t error;
    if (open_dial(cycle, settings, &setup, &error) != 0)
        gee_conf_errors_add(&cycle->errors, "%s: %s.seal: %s", gee_conf_place(cycle->places, &settings->server_key),
                            setting, error.text);
    else if (setup != NULL)
        gee_seal_find(cycle->server->modules, NULL)->close(&setup);
}

static void check_upstreams(gee_cycle_t *cycle) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        const gee_upstream_settings_t *upstream = gee_settings_upstream(settings, i);
        char setting[80];
        (void)snprintf(setting, sizeof setting, "upstreams[%zu]", i);
        check_dial(cycle, &upstream->seal, setting);
        for (size_t j = 0; j < upstream->servers.count; j++) {
            (void)snprintf(setting, sizeof setting, "upstreams[%zu].servers[%zu]", i, j);
            check_dial(cycle, &gee_upstream_settings_server(upstream, j)->seal, setting);
        }
    }
}

void gee_seals_check(gee_cycle_t *cycle) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    gee_error_t error;
    for (size_t i = 0; i < settings->listen.count; i++) {
        const gee_listen_seal_settings_t *listen = &gee_settings_listen(settings, i)->seal;
        if (listen->key == NULL)
            continue;
        const gee_seal_t *seal = gee_seal_find(cycle->server->modules, &error);
        gee_seal_setup_t *setup = seal ? open_setup(cycle, seal, listen, &error) : NULL;
        if (setup == NULL)
            gee_conf_errors_add(&cycle->errors, "%s: listen[%zu].seal: %s", gee_conf_place(cycle->places, &listen->key),
                                i, error.text);
        else
            seal->close(&setup);
    }
    check_upstreams(cycle);
}

static int open_upstream(gee_cycle_t *cycle, gee_upstream_seals_t *seals, gee_error_t *error) {
    const gee_upstream_settings_t *upstream = seals->settings;
    if (open_dial(cycle, &upstream->seal, &seals->all, error) != 0)
        return gee_error_prefix(error, "upstream %s: seal: ", upstream->name);
    seals->servers = gee_pool_array(cycle->pool, upstream->servers.count, sizeof(gee_seal_setup_t *));
    if (!seals->servers)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < upstream->servers.count; i++) {
        const gee_server_settings_t *server = gee_upstream_settings_server(upstream, i);
        if (open_dial(cycle, &server->seal, &seals->servers[i], error) != 0)
            return gee_error_prefix(error, "upstream %s: %s: seal: ", upstream->name, server->address);
    }
    return 0;
}

int gee_seals_open_upstreams(gee_cycle_t *cycle, gee_error_t *error) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    cycle->upstream_seals = gee_pool_array(cycle->pool, settings->upstreams.count, sizeof(gee_upstream_seals_t));
    if (!cycle->upstream_seals)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        cycle->upstream_seals[i].settings = gee_settings_upstream(settings, i);
        if (open_upstream(cycle, &cycle->upstream_seals[i], error) != 0)
            return -1;
    }
    return 0;
}

void gee_seals_close_upstreams(gee_cycle_t *cycle) {
    const gee_seal_t *seal = gee_seal_find(cycle->server->modules, NULL);
    for (size_t i = 0; cycle->upstream_seals && seal && i < gee_cycle_settings(cycle)->upstreams.count; i++) {
        gee_upstream_seals_t *seals = &cycle->upstream_seals[i];
        seal->close(&seals->all);
        for (size_t j = 0; seals->servers && j < seals->settings->servers.count; j++)
            seal->close(&seals->servers[j]);
    }
    cycle->upstream_seals = NULL;
}

const gee_seal_setup_t *gee_seals_of_server(void *data, const char *address) {
    const gee_upstream_seals_t *seals = data;
    for (size_t i = 0; i < seals->settings->servers.count; i++)
        if (seals->servers[i] && strcmp(gee_upstream_settings_server(seals->settings, i)->address, address) == 0)
            return seals->servers[i];
    return seals->all;
}

/* ---- the memory of workers ---- */

static bool holds_keys(const gee_cycle_t *cycle) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    for (size_t i = 0; i < cycle->listener_count; i++)
        if (cycle->listeners[i].seal_setup != NULL)
            return true;
    for (size_t i = 0; cycle->upstream_seals && i < settings->upstreams.count; i++) {
        const gee_upstream_seals_t *seals = &cycle->upstream_seals[i];
        if (seals->all)
            return true;
        for (size_t j = 0; j < seals->settings->servers.count; j++)
            if (seals->servers[j])
                return true;
    }
    return false;
}

/* The kernel dumps core only of a process whose memory other processes of the same user may read, so core dumps and
 * hidden memory exclude each other. */
void gee_seals_hide(const gee_cycle_t *cycle) {
    static const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };
    int64_t wish = gee_cycle_settings(cycle)->core_dumps;
    bool keys = holds_keys(cycle);
    if (wish == GEE_CORE_DUMPS_ON || (wish == GEE_CORE_DUMPS_AUTO && !keys))
        return;
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        gee_log(cycle->server->log, GEE_LOG_WARN, "core dumps cannot be switched off: %s", strerror(errno));
    if (keys && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        gee_log(cycle->server->log, GEE_LOG_WARN, "other processes of this user can read the keys of seals: %s",
                strerror(errno));
}
