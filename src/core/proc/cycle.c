/* cycle.c: loading, opening, committing, closing a cycle. In the master. */
#include "core/proc/cycle.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/proc/connection_counts.h"
#include "core/proc/described.h"
#include "core/proc/inherit.h"
#include "core/proc/seals.h"
#include "core/proc/settings_check.h"
#include "core/proc/registries.h"
#include "core/proc/shm.h"
#include "core/gateway/known_down.h"

#define MOST_AUTO_WORKERS 64

static unsigned count_processors(void) {
    cpu_set_t allowed;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    int count = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : (int)online;
    if (count < 1)
        return 1;
    return count > MOST_AUTO_WORKERS ? MOST_AUTO_WORKERS : (unsigned)count;
}

gee_cycle_t *gee_cycle_load(gee_server_state_t *server, const gee_cycle_t *running) {
    gee_pool_t *pool = gee_pool_create(16 * GEE_KIB);
    gee_cycle_t *cycle = pool ? gee_pool_zalloc(pool, sizeof *cycle) : NULL;
    if (!cycle || gee_sections_create(&cycle->sections, server->modules, pool) != 0) {
        gee_pool_destroy(&pool);
        return NULL;
    }
    cycle->server = server;
    cycle->pool = pool;
    cycle->error_log = -1;
    gee_list_init(&cycle->zones);
    gee_log_files_init(&cycle->log_files, server, pool);
    gee_conf_errors_init(&cycle->errors, pool);
    (void)gee_conf_read(server->conf_path, server->overrides, server->override_count, cycle->sections.items,
                        cycle->sections.count, pool, &cycle->errors, &cycle->places);
    gee_settings_check(&cycle->sections, server->modules, server->conf_path, cycle->places, &cycle->errors);
    gee_seals_check(cycle);
    gee_described_load(cycle);
    if (running && cycle->errors.count == 0)
        (void)gee_conf_check_reload(running->sections.items, cycle->sections.items, cycle->sections.count,
                                    &cycle->errors);
    int64_t workers = cycle->sections.settings.workers;
    cycle->workers = workers > 0 ? (unsigned)workers : count_processors();
    return cycle;
}

const char *gee_cycle_errors_text(const gee_cycle_t *cycle) {
    size_t length = 1;
    for (size_t i = 0; i < cycle->errors.count; i++)
        length += strlen(cycle->errors.items[i]) + 1;
    char *text = gee_pool_alloc(cycle->pool, length), *end = text;
    if (!text)
        return "out of memory";
    for (size_t i = 0; i < cycle->errors.count; i++) {
        size_t bytes = strlen(cycle->errors.items[i]);
        if (i > 0)
            *end++ = '\n';
        memcpy(end, cycle->errors.items[i], bytes);
        end += bytes;
    }
    *end = '\0';
    return text;
}

/* ---- what modules are lent ---- */

static gee_cycle_t *cycle_of(const gee_prepare_t *prepare) {
    return GEE_CONTAINER((uintptr_t)prepare, gee_cycle_t, prepare); /* const for modules only */
}

static void *lend_shared(const gee_prepare_t *prepare, const char *name, size_t size, uint32_t version,
                         gee_error_t *error) {
    gee_cycle_t *cycle = cycle_of(prepare);
    return gee_zone_share(cycle->server, &cycle->zones, name, size, version, error);
}

static int lend_log(const gee_prepare_t *prepare, const char *path, gee_error_t *error) {
    return gee_log_files_open(&cycle_of(prepare)->log_files, path, error);
}

/* run/registry/servers: run/ may be root's, run/registry/ belongs to the user that workers run as. */
static const char *lend_file(const gee_prepare_t *prepare, const char *path, gee_error_t *error) {
    gee_cycle_t *cycle = cycle_of(prepare);
    const gee_user_t *user = &cycle->user;
    const char *full = gee_server_path(cycle->server, path, cycle->pool);
    const char *slash = full ? strrchr(full, '/') : NULL;
    const char *parent = slash ? gee_pool_strndup(cycle->pool, full, (size_t)(slash - full)) : NULL;
    if (!parent) {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", path);
        return NULL;
    }
    if (parent[0] == '\0' || access(parent, F_OK) == 0)
        return full;
    gee_server_make_parent(cycle->server, parent);
    gee_server_make_parent(cycle->server, full);
    if (access(parent, F_OK) != 0) {
        (void)gee_error_set(error, GEE_UNAVAILABLE, "%s: its directory is missing; make it, for %s to write to", full,
                            user->change ? user->name : "the user that starts the server");
        return NULL;
    }
    if (user->change && chown(parent, user->uid, user->gid) != 0) {
        (void)gee_error_set(error, GEE_UNAVAILABLE, "%s: it cannot be given to the user %s: %s", parent, user->name,
                            strerror(errno));
        return NULL;
    }
    return full;
}

/* ---- opening ---- */

static int find_user(gee_cycle_t *cycle, gee_error_t *error) {
    const char *user = gee_cycle_settings(cycle)->user;
    if (user && geteuid() != 0)
        gee_log(cycle->server->log, GEE_LOG_NOTICE, "user = \"%s\" is ignored: the server was not started by root",
                user);
    if (gee_user_find(&cycle->user, user, cycle->pool, error) == 0)
        return 0;
    return gee_error_prefix(error, "%s: ", gee_conf_place(cycle->places, &gee_cycle_settings(cycle)->user));
}

static int open_error_log(gee_cycle_t *cycle, gee_error_t *error) {
    const gee_error_log_settings_t *settings = &gee_cycle_settings(cycle)->error_log;
    const char *path = settings->path;
    if (cycle->server->foreground && !gee_log_is_word(path))
        return 0;
    cycle->error_log = gee_log_files_open(&cycle->log_files, path, error);
    if (cycle->error_log >= 0)
        return 0;
    return gee_error_prefix(error, "%s: error_log.path: ", gee_conf_place(cycle->places, &settings->path));
}

/* The names of listen[i].protocols as the door wants them. */
static int copy_protocols(gee_cycle_t *cycle, gee_cycle_listener_t *entry) {
    const gee_strings_t *names = &entry->settings->protocols;
    if (names->count == 0)
        return 0;
    entry->protocols = gee_pool_array(cycle->pool, names->count + 1, sizeof(*entry->protocols));
    if (!entry->protocols)
        return -1;
    memcpy(entry->protocols, names->items, names->count * sizeof(*entry->protocols));
    return 0;
}

static int open_listeners(gee_cycle_t *cycle, gee_error_t *error) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    cycle->listeners = gee_pool_array(cycle->pool, settings->listen.count, sizeof *cycle->listeners);
    if (!cycle->listeners)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "listen: out of memory");
    for (size_t i = 0; i < settings->listen.count; i++) {
        gee_cycle_listener_t *entry = &cycle->listeners[i];
        entry->settings = gee_settings_listen(settings, i);
        entry->listener = gee_listener_open(cycle->server, entry->settings, cycle->workers, error);
        if (!entry->listener)
            return gee_error_prefix(error,
                                    "%s: listen[%zu]: ", gee_conf_place(cycle->places, &entry->settings->address), i);
        cycle->listener_count++;
        if (copy_protocols(cycle, entry) != 0)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "listen: out of memory");
        if (gee_seals_open(cycle, entry, error) != 0)
            return -1;
    }
    return gee_inherit_check(cycle->server, error);
}

static void count_upstreams(const gee_settings_t *settings, gee_prepare_t *prepare) {
    prepare->upstreams = settings->upstreams.count;
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        const gee_upstream_settings_t *upstream = gee_settings_upstream(settings, i);
        prepare->upstream_servers += upstream->servers.count;
        prepare->upstreams_listed |= upstream->registry.url != NULL;
    }
}

/* The place of the setting with which the text begins, as "access_log.path: ..."; else the file. */
static const char *place_of_trouble(const gee_cycle_t *cycle, size_t index, const char *text) {
    const gee_module_t *module = cycle->server->modules[index].module;
    const gee_option_t *option = module->options;
    for (; option && option->name; option++) {
        const char *name = gee_pool_printf(cycle->pool, "%s.%s:", module->block ? module->block : "", option->name);
        if (name && strncmp(text, name, strlen(name)) == 0)
            return gee_conf_place(cycle->places, (const char *)cycle->sections.module_conf[index] + option->offset);
    }
    return cycle->server->conf_path;
}

static int prepare_module(gee_cycle_t *cycle, size_t index, gee_error_t *error) {
    const gee_module_t *module = cycle->server->modules[index].module;
    if (!module->prepare || module->prepare(cycle->sections.module_conf[index], &cycle->prepare, error) == 0)
        return 0;
    const char *place = place_of_trouble(cycle, index, error->text);
    return gee_error_prefix(error, "%s: %s: ", place, module->name);
}

static void lend(gee_cycle_t *cycle) {
    cycle->prepare = (gee_prepare_t){ .log = cycle->server->log,
                                      .pool = cycle->pool,
                                      .workers = cycle->workers,
                                      .shared = lend_shared,
                                      .open_log = lend_log,
                                      .own_file = lend_file };
    count_upstreams(gee_cycle_settings(cycle), &cycle->prepare);
}

static int prepare_modules(gee_cycle_t *cycle, gee_error_t *error) {
    lend(cycle);
    for (size_t i = 0; i < cycle->sections.module_count; i++) {
        if (prepare_module(cycle, i, error) != 0)
            return -1;
        cycle->prepared++;
    }
    return 0;
}

static int open_helper_line(gee_cycle_t *cycle, gee_error_t *error) {
    bool wanted = gee_registries_wanted(cycle);
    for (size_t i = 0; i < cycle->sections.module_count; i++) {
        const gee_module_t *module = cycle->server->modules[i].module;
        wanted |= module->helper_wanted && module->helper_wanted(cycle->sections.module_conf[i]);
    }
    if (wanted)
        cycle->helper = gee_helper_line_open(cycle->server, cycle->workers, cycle->pool, error);
    return wanted && !cycle->helper ? -1 : 0;
}

static void unprepare_modules(gee_cycle_t *cycle) {
    while (cycle->prepared > 0) {
        size_t i = --cycle->prepared;
        const gee_module_t *module = cycle->server->modules[i].module;
        void (*hook)(void *conf) = cycle->committed ? module->release : module->rollback;
        if (hook)
            hook(cycle->sections.module_conf[i]);
    }
}

static void close_opened(gee_cycle_t *cycle) {
    gee_helper_line_close(&cycle->helper);
    unprepare_modules(cycle);
    gee_seals_close_upstreams(cycle);
    while (cycle->listener_count > 0) {
        gee_cycle_listener_t *entry = &cycle->listeners[--cycle->listener_count];
        gee_seals_close(entry);
        gee_listener_release(&entry->listener);
        free(entry->owners);
        entry->owners = NULL;
    }
    gee_zones_release(&cycle->zones);
    /* The server's log must not write to a descriptor number that is reused for another file. */
    if (cycle->error_log >= 0 && gee_log_descriptor(cycle->server->log) == cycle->error_log)
        (void)gee_log_set_descriptor(cycle->server->log, cycle->server->standard_error);
    gee_log_files_close(&cycle->log_files);
    cycle->error_log = -1;
}

static int open_known_down(gee_cycle_t *cycle, gee_error_t *error) {
    if (gee_cycle_settings(cycle)->upstreams.count == 0)
        return 0;
    cycle->known_down = gee_zone_share(cycle->server, &cycle->zones, "servers that are down", gee_known_down_size(),
                                       GEE_KNOWN_DOWN_VERSION, error);
    return cycle->known_down ? 0 : -1;
}

int gee_cycle_open(gee_cycle_t *cycle, gee_error_t *error) {
    GEE_ASSERT(cycle->errors.count == 0 && cycle->generation == 0);
    cycle->generation = ++cycle->server->last_generation;
    if (find_user(cycle, error) == 0 && open_error_log(cycle, error) == 0 && open_listeners(cycle, error) == 0 &&
        gee_connection_counts_open(cycle, error) == 0 && open_known_down(cycle, error) == 0 &&
        gee_seals_open_upstreams(cycle, error) == 0 && prepare_modules(cycle, error) == 0 &&
        gee_registries_open(cycle, error) == 0 && open_helper_line(cycle, error) == 0)
        return 0;
    close_opened(cycle);
    return -1;
}

/* Each module is tried by itself: a failure does not hide the next one. */
static void try_modules(gee_cycle_t *cycle) {
    gee_error_t error;
    lend(cycle);
    for (size_t i = 0; i < cycle->sections.module_count; i++) {
        const gee_module_t *module = cycle->server->modules[i].module;
        if (prepare_module(cycle, i, &error) != 0)
            gee_conf_errors_add(&cycle->errors, "%s", error.text);
        else if (module->rollback)
            module->rollback(cycle->sections.module_conf[i]);
    }
}

void gee_cycle_try(gee_cycle_t *cycle) {
    static int (*const steps[])(gee_cycle_t * cycle, gee_error_t * error) = { find_user, open_error_log,
                                                                              gee_seals_open_upstreams };
    gee_error_t error;
    for (size_t i = 0; i < GEE_LENGTH(steps); i++)
        if (steps[i](cycle, &error) != 0)
            gee_conf_errors_add(&cycle->errors, "%s", error.text);
    try_modules(cycle);
    close_opened(cycle);
}

/* Right for a registry; a notice for a user who forgot `services`. */
static void tell_of_examples(const gee_cycle_t *cycle) {
    if (gee_cycle_settings(cycle)->services.count == 0 && gee_service_usual(cycle->server->modules, 0) == NULL)
        gee_log(cycle->server->log, GEE_LOG_NOTICE,
                "no service is served: `services` names none, and what is compiled in is examples at most");
}

void gee_cycle_commit(gee_cycle_t *cycle) {
    GEE_ASSERT(cycle->generation > 0 && !cycle->committed);
    gee_log_t *log = cycle->server->log;
    cycle->committed = true;
    if (cycle->error_log >= 0)
        (void)gee_log_set_descriptor(log, cycle->error_log);
    gee_log_set_level(log, (gee_log_level_t)gee_cycle_settings(cycle)->error_log.level);
    for (size_t i = 0; i < cycle->sections.module_count; i++) {
        const gee_module_t *module = cycle->server->modules[i].module;
        if (module->commit)
            module->commit(cycle->sections.module_conf[i]);
    }
    for (size_t i = 0; i < cycle->listener_count; i++)
        gee_listener_adjust(cycle->server, cycle->listeners[i].listener, cycle->listeners[i].settings);
    tell_of_examples(cycle);
}

void gee_cycle_close(gee_cycle_t **cycle_pointer) {
    gee_cycle_t *cycle = *cycle_pointer;
    *cycle_pointer = NULL;
    if (!cycle)
        return;
    close_opened(cycle);
    gee_described_close(cycle);
    gee_pool_t *pool = cycle->pool; /* the pool holds the cycle, too */
    gee_pool_destroy(&pool);
}
