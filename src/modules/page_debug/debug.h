/* debug.h: the content of the page, gathered once a request; between the files of page_debug only. */
#ifndef PAGE_DEBUG_H
#define PAGE_DEBUG_H

#include <gee/page.h>

#include "board.h"

typedef struct debug_method {
    const char *name;
    const char *argument, *reply;  /* "Args{A int64, B int64}"; "": forwarded, and not declared here */
    unsigned flags;                /* GEE_IDEMPOTENT and so on */
    const gee_counters_sum_t *sum; /* never null */
} debug_method_t;

typedef struct debug_service {
    const char *name;
    const char *upstream; /* the upstream to which the service is forwarded, or null */
    debug_method_t *methods;
    size_t method_count;
} debug_service_t;

typedef struct debug_view {
    gee_pool_t *pool;
    bool counted; /* false: filter_counters is off, so the numbers mean nothing */
    debug_service_t *services;
    size_t service_count;
    const gee_counters_sum_t **others; /* counts of methods that are not served now */
    size_t other_count;
    gee_counters_worker_t *workers;
    size_t worker_count;
    gee_counters_worker_t total; /* of all rows; `process` means nothing */
    debug_upstreams_t upstreams;
    const char *const *listeners; /* ends with null; null: none */
} debug_view_t;

/* Gathers everything, into `pool`. -1: out of memory. */
int debug_gather(const gee_engine_t *engine, const gee_counters_t *counters, const board_t *board, gee_pool_t *pool,
                 debug_view_t *view);

void debug_write_html(const debug_view_t *view, gee_http_response_t *response);
void debug_write_json(const debug_view_t *view, gee_http_response_t *response);

#endif
