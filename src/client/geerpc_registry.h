/* geerpc_registry.h: looking into a registry, a DNS name or a file of servers, and changing the entries of a registry.
 * For tools: a program that calls the servers of a registry uses a gee_xclient_t. docs/registry.md lists the sources.
 *
 * Every function here may block, and works on the calling thread. Times are in nanoseconds. */
#ifndef GEERPC_REGISTRY_H
#define GEERPC_REGISTRY_H

#include "geerpc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gee_registry_look {
    const char *service; /* only servers with this service; null: all */
    int64_t refresh_ns;  /* between two looks, where the source does not tell of changes; 0: 10 s */
    int64_t timeout_ns;  /* for the first list; 0: no limit */
    int stop;            /* a descriptor: when readable, the look ends; -1: none */
    /* A list has come. The list is valid during the call only; `version` differs from the version before when the list
     * has changed. False ends the look. */
    bool (*listed)(void *data, const gee_server_t *servers, size_t count, uint64_t version);
    /* The source did not answer, and will be asked again. False ends the look. */
    bool (*failed)(void *data, const gee_error_t *error);
    void *data; /* for the callbacks, which run on the calling thread */
} gee_registry_look_t;

/* Follows the source until a callback or `stop` ends the look. 0: ended so. -1: the source is not valid, or the time is
 * over. */
GEE_EXPORT int gee_registry_look(const char *source, const gee_registry_look_t *look, gee_error_t *error);

typedef struct gee_registry_server {
    const char *address;
    const char *service; /* null: none */
    uint32_t weight;     /* 0: none */
    int64_t ttl_ns;      /* for gee_registry_put(): the life of the entry; 0: the registry's default */
} gee_registry_server_t;

/* Puts one entry into the registry, for the time of its life; the entry is not renewed. `timeout_ns` 0: no limit. -1:
 * GEE_UNIMPLEMENTED for a source that can only be looked at. */
GEE_EXPORT int gee_registry_put(const char *source, const gee_registry_server_t *server, int64_t timeout_ns,
                                gee_error_t *error);
/* Takes an entry out, no matter which process has put the entry there. `timeout_ns` 0: no limit. -1: GEE_NOT_FOUND when
 * the registry says that there is no such entry (not every registry does). */
GEE_EXPORT int gee_registry_remove(const char *source, const gee_registry_server_t *server, int64_t timeout_ns,
                                   gee_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
