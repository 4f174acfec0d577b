/* settings.h: the core's settings in geerpc.conf, and the sections of a whole file: of the core and of every module. */
#ifndef GEE_PROC_SETTINGS_H
#define GEE_PROC_SETTINGS_H

#include "core/conf/conf.h"
#include "core/conf/module.h"
#include "core/proc/settings_seal.h"
#include "core/rpc/engine.h"
#include "core/gateway/upstream.h"

#define GEE_DEFAULT_CONF    "conf/geerpc.conf"
#define GEE_DEFAULT_CONTROL "run/geerpc.control"

typedef struct gee_listen_settings {
    const char *address;
    int64_t mode; /* 0: the umask decides */
    int64_t backlog;
    gee_strings_t protocols; /* empty: all */
    int64_t pages;           /* gee_pages_t */
    gee_listen_seal_settings_t seal;
} gee_listen_settings_t;

typedef enum gee_pages { GEE_PAGES_AUTO, GEE_PAGES_ON, GEE_PAGES_HEALTH, GEE_PAGES_OFF } gee_pages_t;

typedef struct gee_service_settings {
    const char *name;
    int64_t timeout;
    const char *upstream;      /* null: the calls are handled here */
    gee_strings_t idempotent;  /* with an upstream */
    bool undeclared;           /* with an upstream */
    gee_strings_t descriptors; /* with an upstream: files */
} gee_service_settings_t;

typedef struct gee_server_settings {
    const char *address;
    int64_t weight;
    gee_dial_seal_settings_t seal; /* without a server_key: the upstream's seal counts */
} gee_server_settings_t;

typedef struct gee_upstream_registry_settings {
    const char *url; /* null: `servers` lists them */
    int64_t refresh;
    const char *service; /* null: any service */
    int64_t min_servers;
} gee_upstream_registry_settings_t;

typedef struct gee_upstream_settings {
    const char *name;
    const char *balance;
    const char *key; /* null: the client */
    const char *protocol;
    const char *codec; /* null: as gee_upstream_settings_codec() says */
    bool reads_bodies;
    gee_groups_t servers; /* gee_server_settings_t */
    gee_upstream_registry_settings_t registry;
    gee_dial_seal_settings_t seal; /* of the servers without a seal of their own */
    gee_upstream_limits_t limits;
} gee_upstream_settings_t;

typedef struct gee_announce_settings {
    const char *registry;
    const char *address; /* null: the listeners' addresses */
    const char *service; /* null: no service is named */
    int64_t weight;
    int64_t ttl;
} gee_announce_settings_t;

typedef struct gee_error_log_settings {
    const char *path;
    int64_t level; /* gee_log_level_t */
} gee_error_log_settings_t;

typedef struct gee_connection_settings { /* of the group "limits", beside gee_limits_t */
    int64_t connections;
    int64_t total_connections;
    int64_t connections_per_address;
    int64_t unauthenticated;
    int64_t unauthenticated_per_address;
    int64_t handshakes_per_address;
} gee_connection_settings_t;

typedef struct gee_thread_pool_settings {
    int64_t threads;
    int64_t queue;
} gee_thread_pool_settings_t;

typedef enum gee_core_dumps { GEE_CORE_DUMPS_AUTO, GEE_CORE_DUMPS_ON, GEE_CORE_DUMPS_OFF } gee_core_dumps_t;

typedef struct gee_settings {
    int64_t workers; /* 0: one a processor */
    const char *user;
    const char *pid;
    const char *control;
    gee_error_log_settings_t error_log;
    gee_groups_t listen;       /* gee_listen_settings_t */
    gee_groups_t services;     /* gee_service_settings_t */
    gee_groups_t upstreams;    /* gee_upstream_settings_t */
    gee_groups_t announce;     /* gee_announce_settings_t */
    gee_strings_t descriptors; /* files, for forwarded services without descriptors of their own */
    bool describe;
    int64_t shutdown_timeout;
    int64_t drain_delay;
    int64_t upgrade_timeout;
    int64_t handover_patience;
    gee_thread_pool_settings_t thread_pool;
    int64_t core_dumps; /* gee_core_dumps_t */
    gee_connection_settings_t connections;
    gee_limits_t limits;
    gee_timeouts_t timeouts;
} gee_settings_t;

extern const gee_option_t gee_settings_options[];
extern const gee_option_t gee_connection_options[];

/* All settings of one file: the core's structure, and a structure for each module with settings. */
typedef struct gee_sections {
    gee_settings_t settings;
    void **module_conf; /* by index in gee_modules; null: the module has no settings */
    size_t module_count;
    gee_conf_section_t *items;
    size_t count;
} gee_sections_t;

/* Allocates the structures in `pool`, zeroed; gee_conf_read() fills them. -1: out of memory. */
int gee_sections_create(gee_sections_t *sections, const gee_module_entry_t *modules, gee_pool_t *pool);

static inline const gee_listen_settings_t *gee_settings_listen(const gee_settings_t *settings, size_t index) {
    return (const gee_listen_settings_t *)settings->listen.items + index;
}
static inline const gee_service_settings_t *gee_settings_service(const gee_settings_t *settings, size_t index) {
    return (const gee_service_settings_t *)settings->services.items + index;
}
static inline const gee_upstream_settings_t *gee_settings_upstream(const gee_settings_t *settings, size_t index) {
    return (const gee_upstream_settings_t *)settings->upstreams.items + index;
}
static inline const gee_announce_settings_t *gee_settings_announce(const gee_settings_t *settings, size_t index) {
    return (const gee_announce_settings_t *)settings->announce.items + index;
}
/* The index of the upstream with that name; SIZE_MAX: there is none. */
size_t gee_settings_find_upstream(const gee_settings_t *settings, const char *name);
/* The name of the codec for bodies: the setting, else the protocol's only codec, else json. */
const char *gee_upstream_settings_codec(const gee_upstream_settings_t *upstream, const gee_protocol_t *protocol);
static inline const gee_server_settings_t *gee_upstream_settings_server(const gee_upstream_settings_t *upstream,
                                                                        size_t index) {
    return (const gee_server_settings_t *)upstream->servers.items + index;
}

#endif
