/* shared_list.h: the servers of an upstream, found out by one process and used by others, through memory that they
 * share.
 *
 *   helper: discovery -> gee_shared_list_write() ----> memory ----> gee_shared_list_read() -> workers' upstreams
 *                    '-> gee_shared_list_report() ---'         '--> gee_shared_list_reported() -> pages, errors
 *
 * The memory begins zeroed and outlives all processes: a list in it was good once, and stays until there is another. */
#ifndef GEE_GATEWAY_SHARED_LIST_H
#define GEE_GATEWAY_SHARED_LIST_H

#include "core/base/double_buffer.h"
#include "core/base/pool.h"
#include "core/gateway/discovery.h"

/* A process's view. */
typedef struct gee_shared_list {
    const char *source; /* "http://10.0.0.9:9999/_geerpc_/registry"; null: there is no such list */
    gee_double_buffer_t servers, report;
} gee_shared_list_t;

typedef struct gee_shared_report {
    uint64_t version;     /* counts the lists; 0: none yet */
    uint64_t count;       /* servers in it */
    int64_t confirmed_ns; /* gee_clock_wall() when the source last said that this is the list; 0: not since the start */
    char trouble[GEE_ERROR_TEXT]; /* why the list is old, or is not there; "": no trouble */
} gee_shared_report_t;

#define GEE_SHARED_LIST_VERSION 1u
size_t gee_shared_list_size(void);
/* `source` is not copied. */
void gee_shared_list_attach(gee_shared_list_t *list, const char *source, void *memory);

/* ---- the one writer ---- */
/* At most GEE_SNAPSHOT_SERVERS; servers whose address is longer than addresses can be are left out. */
void gee_shared_list_write(const gee_shared_list_t *list, const gee_server_t *servers, size_t count);
void gee_shared_list_report(const gee_shared_list_t *list, const gee_discovery_report_t *report);
/* How many servers the written list has. */
size_t gee_shared_list_count(const gee_shared_list_t *list);

/* ---- readers ---- */
uint64_t gee_shared_list_version(const gee_shared_list_t *list); /* counts the lists; 0: none yet */
/* The servers lie in `pool`. *version: of the list that was read. -1: out of memory, or the list changes too fast to
 * be read. */
int gee_shared_list_read(const gee_shared_list_t *list, gee_pool_t *pool, gee_server_t **servers, size_t *count,
                         uint64_t *version);
/* -1: as above. */
int gee_shared_list_reported(const gee_shared_list_t *list, gee_shared_report_t *report);

#endif
