/* geerpc_registry.h: looking into a registry, a name or a file of servers, and putting servers into a registry: for tools. What
 * calls servers that it finds there is a gee_xclient_t. Sources: docs/registry.md.
 *
 * Everything here waits, on the calling thread. */
#ifndef GEERPC_REGISTRY_H
#define GEERPC_REGISTRY_H

#include "geerpc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gee_registry_look {
    const char *service; /* only servers that name it; null: all */
    int64_t refresh_ns;  /* between two looks, where the source cannot tell of changes; 0: 10 s */
    int64_t timeout_ns;  /* until the first answer; 0: none */
    int stop;            /* a descriptor: it ends when that is readable; -1: none */
    /* False: enough. The list is valid during the call; its `version` is another one when it has changed. */
    bool (*listed)(void *data, const gee_server_t *servers, size_t count, uint64_t version);
    /* It could not be looked at; it is tried again. False: enough. */
    bool (*failed)(void *data, const gee_error_t *error);
    void *data;
} gee_registry_look_t;

/* Looks until a callback or `stop` ends it: 0. -1: the source is wrong, or the time is over. */
GEE_EXPORT int gee_registry_look(const char *source, const gee_registry_look_t *look, gee_error_t *error);

typedef struct gee_registry_server {
    const char *address;
    const char *service; /* null: not said */
    uint32_t weight;     /* 0: not said */
    int64_t ttl_ns;      /* put: how long it stays; 0: as the registry has it */
} gee_registry_server_t;

/* Once: it stays until its time is over. */
GEE_EXPORT int gee_registry_put(const char *source, const gee_registry_server_t *server, int64_t timeout_ns,
                                gee_error_t *error);
/* Whoever has put it there. GEE_NOT_FOUND: the registry says that it was not there (not every registry does). */
GEE_EXPORT int gee_registry_remove(const char *source, const gee_registry_server_t *server, int64_t timeout_ns,
                                   gee_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
