/* http.h: what the parts of registry_http share.
 *
 *   source.c   where the registry is; one request to it; errors of an answer                used by
 *     list.c      an answer -> a snapshot                                                 used by
 *       watch.c     asks again and again
 *     publish.c   posts again and again, deletes in the end
 *   module.c   the table of these, for the core */
#ifndef GEE_REGISTRY_HTTP_H
#define GEE_REGISTRY_HTTP_H

#include <gee/http.h>
#include <gee/registry.h>

#define GEE_HTTP_REGISTRY_PATIENCE (10 * GEE_SECOND)       /* for an answer */
#define GEE_HTTP_REGISTRY_RETRY    (250 * GEE_MILLISECOND) /* the first pause */

/* ---- source.c ---- */
typedef struct gee_http_source {
    gee_engine_t *engine;
    const gee_transport_t *transport;
    char *url;
    gee_addr_t addr;
    const char *target; /* points into url */
    uint64_t random;    /* base/random.h */
} gee_http_source_t;

int gee_http_source_check(const char *url, gee_error_t *error);
int gee_http_source_open(gee_http_source_t *source, gee_engine_t *engine, const char *url, gee_error_t *error);
void gee_http_source_close(gee_http_source_t *source);
/* Completes and starts `ask`. When `ask` has no target, the source's is used. */
gee_http_call_t *gee_http_source_ask(gee_http_source_t *source, gee_http_ask_t *ask, gee_http_answered_t answered,
                                     void *data, gee_error_t *error);
/* 0: the request was answered with a status of 200 to 299. Else -1, and `error` says why, with the URL. */
int gee_http_source_accepted(const gee_http_source_t *source, const gee_http_message_t *response,
                             const gee_error_t *failure, gee_error_t *error);

/* ---- list.c ---- */
typedef struct gee_http_list {
    gee_snapshot_t snapshot; /* in the pool */
    bool versioned;          /* the registry has given the version: a request can wait for the next version */
} gee_http_list_t;

/* `service` null: all. */
int gee_http_list_read(const gee_engine_t *engine, const gee_http_message_t *response, const char *service,
                       gee_pool_t *pool, gee_http_list_t *list, gee_error_t *error);
/* Is the JSON codec compiled in? Else the list is asked for as a header. */
bool gee_http_list_reads_json(const gee_engine_t *engine);
extern const gee_http_limits_t gee_http_list_limits; /* limits of such an answer */

/* ---- watch.c ---- */
typedef struct gee_http_watch {
    gee_http_source_t source;
    char *service, *escaped_service; /* null: all */
    int64_t refresh_ns;
    void (*changed)(void *data, const gee_snapshot_t *snapshot);
    void (*failed)(void *data, const gee_error_t *error);
    void *data;

    gee_pool_t *fixed; /* strings */
    gee_pool_t *pool;  /* for one request and its answer */
    gee_http_call_t *call;
    gee_timer_t timer;
    gee_back_off_t back_off;
    bool versioned; /* the request waits for a version other than this: */
    uint64_t version;
    int64_t asked_ns;
} gee_http_watch_t;

int gee_http_watch(void *state, gee_engine_t *engine, const char *source, const gee_watch_options_t *options,
                   void (*changed)(void *data, const gee_snapshot_t *snapshot),
                   void (*failed)(void *data, const gee_error_t *error), void *data, gee_error_t *error);
void gee_http_unwatch(void *state);

/* ---- publish.c ---- */
#define GEE_HTTP_PUBLISH_HEADERS 4

typedef struct gee_http_publish {
    gee_http_source_t source;
    gee_pool_t *pool; /* strings */
    gee_http_header_t headers[GEE_HTTP_PUBLISH_HEADERS];
    size_t header_count;
    int64_t ttl_ns;      /* as configured; 0: the registry's default */
    int64_t interval_ns; /* between two requests while all is well */
    void (*told)(void *data, const gee_error_t *error);
    void *data;

    gee_http_call_t *call;
    gee_timer_t timer; /* until the next request; when leaving, until patience ends */
    gee_back_off_t back_off;
    enum { GEE_HTTP_UNKNOWN, GEE_HTTP_PUBLISHED, GEE_HTTP_MISSING } standing;

    bool leaving;
    gee_task_t leave_task;
    int64_t leave_deadline_ns;
    void (*done)(void *data, const gee_error_t *error);
    void *done_data;
} gee_http_publish_t;

int gee_http_publish(void *state, gee_engine_t *engine, const char *source, const gee_entry_t *entry,
                     void (*told)(void *data, const gee_error_t *error), void *data, gee_error_t *error);
void gee_http_withdraw(void *state, int64_t patience_ns, void (*done)(void *data, const gee_error_t *error),
                       void *data);
void gee_http_abandon(void *state);

#endif
