/* registry.c: the registry: settings, routes, and which of its parts run in which process. */
#include "registry.h"

static int check_path(const void *value, gee_error_t *error) {
    const char *const *path = value;
    if (*path != NULL && (**path != '/' || strcspn(*path, " ?#") != strlen(*path)))
        return gee_error_set(error, GEE_INVALID_ARGUMENT,
                             "a path begins with / and has no spaces, ? or #: /_geerpc_/registry is GeeRPC's");
    return 0;
}

static int check_allow(const void *value, gee_error_t *error) {
    const gee_strings_t *networks = value;
    gee_network_t network;
    for (size_t i = 0; i < networks->count; i++)
        if (gee_network_parse(networks->items[i], &network, error) != 0)
            return -1;
    return 0;
}

static const gee_option_t options[] = {
    { .name = "path",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(registry_conf_t, path),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "The path of the registry on every listener that takes HTTP; GeeRPC's is /_geerpc_/registry",
      .check = check_path },
    { .name = "timeout",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(registry_conf_t, timeout),
      .fallback = "5m",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "How long a server stays in the list after its last post, when the post names no time",
      .minimum = REGISTRY_SHORTEST_TTL,
      .maximum = REGISTRY_LONGEST_TTL },
    { .name = "entries",
      .type = GEE_OPTION_INT,
      .offset = offsetof(registry_conf_t, entries),
      .fallback = "10000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Entries of the list, at most; further entries are refused",
      .minimum = 1,
      .maximum = REGISTRY_ENTRIES },
    { .name = "allow",
      .type = GEE_OPTION_STRINGS,
      .offset = offsetof(registry_conf_t, allow),
      .fallback = "127.0.0.0/8,::1",
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "The networks from which servers may be registered and taken out, such as 10.0.0.0/8; through Unix sockets "
          "everybody may. Everybody may read the list",
      .check = check_allow },
    { .name = "file",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(registry_conf_t, file),
      .fallback = "run/registry/servers",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The file that keeps the list over restarts; \"\" for none. The workers' user must be able to write to "
             "its directory, which is made for that user when only the last directory of the path is missing" },
    { .name = NULL },
};

/* ---- in the master ---- */

static int read_networks(registry_conf_t *conf, const gee_prepare_t *prepare, gee_error_t *error) {
    conf->networks = gee_pool_array(prepare->pool, conf->allow.count, sizeof(*conf->networks));
    if (conf->networks == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < conf->allow.count; i++)
        if (gee_network_parse(conf->allow.items[i], &conf->networks[i], error) != 0)
            return -1;
    return 0;
}

static int prepare(void *data, const gee_prepare_t *prepare, gee_error_t *error) {
    registry_conf_t *conf = data;
    size_t zone = (sizeof(registry_zone_t) + 15) & ~(size_t)15;
    if (conf->path == NULL)
        return 0;
    if (read_networks(conf, prepare, error) != 0)
        return -1;
    if (conf->file[0] != '\0' && !(conf->file_path = prepare->own_file(prepare, conf->file, error)))
        return -1;
    conf->buffer.capacity = registry_list_capacity();
    conf->zone = prepare->shared(prepare, REGISTRY_ZONE, zone + gee_double_buffer_size(conf->buffer.capacity),
                                 REGISTRY_ZONE_VERSION, error);
    if (conf->zone == NULL)
        return -1;
    conf->buffer.memory = (void *)((char *)conf->zone + zone);
    return 0;
}

/* ---- in a worker ---- */

static void registry_stop(void *data, gee_engine_t *engine GEE_UNUSED) {
    registry_conf_t *conf = data;
    registry_watchers_stop(conf);
    registry_requests_stop(conf);
    registry_view_stop(conf);
}

static int registry_start(void *data, gee_engine_t *engine, gee_error_t *error) {
    registry_conf_t *conf = data;
    if (conf->path == NULL)
        return 0;
    if (registry_view_start(conf, engine, error) == 0 && registry_requests_start(conf, engine, error) == 0 &&
        registry_watchers_start(conf, engine, error) == 0)
        return 0;
    registry_stop(conf, engine);
    return -1;
}

static void wake(void *data, gee_engine_t *engine GEE_UNUSED) {
    registry_conf_t *conf = data;
    if (conf->path == NULL)
        return;
    registry_requests_wake(conf);
    registry_watchers_wake(conf);
}

/* ---- in the helper ---- */

static bool helper_wanted(const void *data) {
    const registry_conf_t *conf = data;
    return conf->path != NULL;
}

static int helper_start(void *data, gee_engine_t *engine, gee_error_t *error) {
    registry_conf_t *conf = data;
    return conf->path != NULL ? registry_writer_start(conf, engine, error) : 0;
}

static void helper_message(void *data, gee_engine_t *engine GEE_UNUSED, unsigned worker GEE_UNUSED, const void *bytes,
                           size_t length) {
    registry_writer_message(data, bytes, length);
}

static void helper_stop(void *data, gee_engine_t *engine GEE_UNUSED) {
    registry_writer_stop(data);
}

/* ---- the module ---- */

static const char *place(const void *data) {
    const registry_conf_t *conf = data;
    return conf != NULL ? conf->path : NULL; /* without settings there is no registry */
}

static const gee_route_t routes[] = {
    { .path = "registry.path", .place = place, .methods = "GET", .handle = registry_get },
    { .path = "registry.path", .place = place, .methods = "POST", .handle = registry_post },
    { .path = "registry.path", .place = place, .methods = "DELETE", .handle = registry_delete },
    { .path = NULL },
};

extern const gee_module_t gee_registry_module;
const gee_module_t gee_registry_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_PAGE,
    .name = REGISTRY_MODULE,
    .interface = routes,
    .block = "registry",
    .options = options,
    .conf_size = sizeof(registry_conf_t),
    .prepare = prepare,
    .worker_start = registry_start,
    .worker_stop = registry_stop,
    .worker_wake = wake,
    .helper_wanted = helper_wanted,
    .helper_start = helper_start,
    .helper_message = helper_message,
    .helper_stop = helper_stop,
};
