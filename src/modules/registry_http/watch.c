/* watch.c: follows a registry: a request waits for a change where the registry can hold it, else the list is asked for
 * every `refresh`.
 *
 *   GET -> list --versioned--> GET ?version=N&wait=30s -> list, at the latest when the wait is over -> ...
 *            '---unversioned-> a pause of `refresh` -> GET -> ...
 *   failed -> a pause that grows up to `refresh` -> GET */
#include "http.h"

#include <string.h>

#define WAIT         (30 * GEE_SECOND) /* for a change, in one request */
#define WAIT_TEXT    "30s"
#define APART        (100 * GEE_MILLISECOND) /* least time between two requests: changes come in bursts */
#define CHUNK        4096
#define MEMORY_LIMIT (32 * GEE_MIB)

static int out_of_memory(const gee_http_watch_t *watch, gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%.*s: out of memory", GEE_QUOTED(watch->source.url));
}

/* ---- answers ---- */

static void ask_in(gee_http_watch_t *watch, int64_t delay_ns) {
    (void)gee_timer_start(gee_engine_loop(watch->source.engine), &watch->timer, delay_ns);
}

static int64_t pause_after_failure(gee_http_watch_t *watch) {
    return gee_back_off_next(&watch->back_off, GEE_HTTP_REGISTRY_RETRY, watch->refresh_ns, &watch->source.random);
}

/* The callback comes last: it may end the watch. */
static void watch_fail(gee_http_watch_t *watch, const gee_error_t *error) {
    watch->versioned = false;
    ask_in(watch, pause_after_failure(watch));
    watch->failed(watch->data, error);
}

static int64_t pause_after(gee_http_watch_t *watch, const gee_http_list_t *list) {
    int64_t now = gee_loop_now(gee_engine_loop(watch->source.engine));
    /* The registry did not wait, though nothing has changed. */
    bool hasty = watch->versioned && list->snapshot.version == watch->version && now - watch->asked_ns < WAIT / 2;
    if (list->versioned && hasty)
        return pause_after_failure(watch);
    watch->back_off.last_ns = 0;
    return list->versioned ? watch->asked_ns + APART - now : gee_jitter(watch->refresh_ns, &watch->source.random);
}

static void on_answer(void *data, const gee_http_message_t *response, const gee_error_t *failure) {
    gee_http_watch_t *watch = data;
    gee_http_list_t list;
    gee_error_t error;
    watch->call = NULL;
    if (gee_http_source_accepted(&watch->source, response, failure, &error) != 0) {
        watch_fail(watch, &error);
        return;
    }
    if (gee_http_list_read(watch->source.engine, response, watch->service, watch->pool, &list, &error) != 0) {
        gee_error_prefix(&error, "%.*s: ", GEE_QUOTED(watch->source.url));
        watch_fail(watch, &error);
        return;
    }
    ask_in(watch, pause_after(watch, &list));
    watch->versioned = list.versioned;
    watch->version = list.snapshot.version;
    watch->changed(watch->data, &list.snapshot);
}

/* ---- asking ---- */

static char *percent_encode(gee_pool_t *pool, const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char hex[] = "0123456789ABCDEF";
    char *target = gee_pool_alloc(pool, 3 * strlen(text) + 1), *at = target;
    if (target == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL) {
            *at++ = *text;
            continue;
        }
        *at++ = '%';
        *at++ = hex[(unsigned char)*text >> 4];
        *at++ = hex[(unsigned char)*text & 15];
    }
    *at = '\0';
    return target;
}

static const char *make_target(gee_http_watch_t *watch) {
    const char *target = watch->source.target, *separator = strchr(target, '?') != NULL ? "&" : "?";
    if (watch->service != NULL) {
        target = gee_pool_printf(watch->pool, "%s%sservice=%s", target, separator, watch->escaped_service);
        separator = "&";
    }
    if (watch->versioned && target != NULL)
        target = gee_pool_printf(watch->pool, "%s%sversion=%llu&wait=" WAIT_TEXT, target, separator,
                                 (unsigned long long)watch->version);
    return target;
}

static int ask(gee_http_watch_t *watch, gee_error_t *error) {
    const gee_http_header_t accept = { .name = GEE_STR("Accept"), .value = GEE_STR("application/json") };
    gee_pool_reset(watch->pool);
    gee_http_ask_t ask = { .method = "GET",
                           .target = make_target(watch),
                           .headers = &accept,
                           .header_count = gee_http_list_reads_json(watch->source.engine) ? 1 : 0,
                           .limits = gee_http_list_limits,
                           .timeout_ns = GEE_HTTP_REGISTRY_PATIENCE + (watch->versioned ? WAIT : 0) };
    watch->asked_ns = gee_loop_now(gee_engine_loop(watch->source.engine));
    if (ask.target == NULL)
        return out_of_memory(watch, error);
    watch->call = gee_http_source_ask(&watch->source, &ask, on_answer, watch, error);
    return watch->call != NULL ? 0 : -1;
}

static void watch_on_timer(gee_timer_t *timer) {
    gee_http_watch_t *watch = GEE_CONTAINER(timer, gee_http_watch_t, timer);
    gee_error_t error;
    if (ask(watch, &error) != 0)
        watch_fail(watch, &error);
}

/* ---- beginning and end ---- */

void gee_http_unwatch(void *state) {
    gee_http_watch_t *watch = state;
    gee_http_cancel(&watch->call);
    gee_timer_stop(gee_engine_loop(watch->source.engine), &watch->timer);
    gee_http_source_close(&watch->source);
    gee_pool_destroy(&watch->pool);
    gee_pool_destroy(&watch->fixed);
}

static int copy_options(gee_http_watch_t *watch, const gee_watch_options_t *options, gee_error_t *error) {
    watch->refresh_ns = options->refresh_ns;
    watch->pool = gee_pool_create(CHUNK);
    watch->fixed = gee_pool_create(CHUNK);
    if (watch->pool == NULL || watch->fixed == NULL)
        return out_of_memory(watch, error);
    gee_pool_limit(watch->pool, MEMORY_LIMIT);
    if (options->service == NULL)
        return 0;
    watch->service = gee_pool_strdup(watch->fixed, options->service);
    watch->escaped_service = percent_encode(watch->fixed, options->service);
    if (watch->service == NULL || watch->escaped_service == NULL)
        return out_of_memory(watch, error);
    return 0;
}

int gee_http_watch(void *state, gee_engine_t *engine, const char *source, const gee_watch_options_t *options,
                   void (*changed)(void *data, const gee_snapshot_t *snapshot),
                   void (*failed)(void *data, const gee_error_t *error), void *data, gee_error_t *error) {
    gee_http_watch_t *watch = state;
    watch->changed = changed;
    watch->failed = failed;
    watch->data = data;
    watch->timer.fire = watch_on_timer;
    if (gee_http_source_open(&watch->source, engine, source, error) != 0 || copy_options(watch, options, error) != 0)
        goto fail;
    if (gee_timer_start(gee_engine_loop(engine), &watch->timer, 0) == 0)
        return 0;
    out_of_memory(watch, error);
fail:
    gee_http_unwatch(watch);
    return -1;
}
