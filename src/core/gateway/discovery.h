/* discovery.h: follows a list of servers outside this process and keeps the last good one: registry, DNS, file.
 *
 *   gee_registry_t.watch -> snapshot -> is it good? -> changed(servers)
 *                           failure, empty, collapsed -> the list before stays, said once
 *
 * One object for the server's helper process and for the client library. All on the loop's thread. */
#ifndef GEE_GATEWAY_DISCOVERY_H
#define GEE_GATEWAY_DISCOVERY_H

#include "core/gateway/registry.h"

typedef struct gee_discovery gee_discovery_t;

typedef struct gee_discovery_options {
    const char *source;  /* "http://10.0.0.9:9999/_geerpc_/registry", "dns@name:9999", "file@/etc/servers" */
    const char *service; /* null: all */
    int64_t refresh_ns;  /* 0: 10 s, as GeeRPC's */
    size_t min_servers;  /* a shorter list is not taken, nor an empty list after another one */
    const char *name;    /* for the log, "upstream foo"; null: "discovery" */
    /* Optional. The list to begin with, the last good one of an earlier process: it is in force already, so
     * changed() does not tell it. Copied. */
    const gee_server_t *servers;
    size_t count;
    int64_t confirmed_ns; /* of that list, as in the report */
    /* Optional. Called when it is logged that the source gives no list that can be taken, and why; or gives one
     * again (null). Gets `data`; may not destroy the discovery. */
    void (*troubled)(void *data, const gee_error_t *reason);
} gee_discovery_options_t;

/* The state of a discovery, for pages. */
typedef struct gee_discovery_report {
    const char *source;
    uint64_t version;           /* counts the lists that were taken; 0: none yet */
    size_t count;               /* servers in it */
    int64_t confirmed_ns;       /* gee_clock_wall() when the source last said that this is the list; 0: never */
    const gee_error_t *trouble; /* why the list is old; null: the list is not old */
} gee_discovery_report_t;

/* `changed` gets each list that is taken, another one than before: sorted by address, each address once (of several
 * weights the largest), weights from 1 to 65,535, and only what can be dialled here. It is valid until the next one,
 * or until the discovery is destroyed, which `changed` may do. Null: the source is wrong, or no module knows its
 * scheme (the text says which schemes there are). Strings are copied. */
gee_discovery_t *gee_discovery_create(gee_engine_t *engine, const gee_discovery_options_t *options,
                                      void (*changed)(void *data, const gee_server_t *servers, size_t count),
                                      void *data, gee_error_t *error);
void gee_discovery_destroy(gee_discovery_t **discovery);
void gee_discovery_report(const gee_discovery_t *discovery, gee_discovery_report_t *report);

/* The module for a source, by its scheme. Null: the source has no scheme, or no module knows the scheme (the text
 * says which schemes there are). */
const gee_registry_t *gee_registry_for(const gee_module_entry_t *modules, const char *source, gee_error_t *error);
/* For checking settings: is there a module for that source, and does it take the text? */
int gee_discovery_check(const gee_module_entry_t *modules, const char *source, gee_error_t *error);

#endif
