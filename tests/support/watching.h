/* watching.h: a loop with an engine in the library's manner, what a registry module reports to a watch on it, and a
 * directory for files. */
#ifndef TEST_WATCHING_H
#define TEST_WATCHING_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

#include "unit/event_support.h"
#include "core/rpc/engine_private.h"

#define SHOWN_SERVERS 32
#define LONG_REFRESH  (3600 * GEE_SECOND) /* nothing is noticed by that */

typedef struct watching {
    gee_loop_t *loop;
    gee_log_t *log;
    gee_thread_pool_t *threads;
    gee_engine_t *engine;
    const gee_registry_t *registry;
    void *state;
    bool inside;            /* a function of the module */
    bool unwatch_in_change; /* and in a failure */

    /* The reports. */
    int changes, failures;
    int changes_seen, failures_seen; /* by await_change(), await_failure() */
    size_t count;
    char addresses[SHOWN_SERVERS][GEE_ADDR_TEXT]; /* the first ones */
    uint32_t weights[SHOWN_SERVERS];
    uint64_t version;
    gee_error_t error; /* of the last failure */
    char log_text[8192];
} watching_t;

static inline void keep_log_line(void *data, gee_log_level_t level, const char *text) {
    watching_t *watching = data;
    size_t used = strlen(watching->log_text);
    snprintf(watching->log_text + used, sizeof(watching->log_text) - used, "[%s] %s\n", gee_log_level_names[level],
             text);
}

static inline void watching_open(watching_t *watching, const gee_module_entry_t *modules) {
    gee_error_t error = { 0 };
    memset(watching, 0, sizeof(*watching));
    watching->log = gee_log_to_sink(keep_log_line, watching, GEE_LOG_INFO);
    watching->loop = gee_loop_create(watching->log, &error);
    watching->threads = gee_thread_pool_create(2, 10, &error);
    gee_engine_options_t options = { .loop = watching->loop,
                                     .log = watching->log,
                                     .modules = modules,
                                     .limits = { .message = GEE_MIB, .call_memory = GEE_MIB, .nesting = 100 },
                                     .threads = watching->threads };
    watching->engine = gee_engine_create(&options, &error);
    if (watching->engine == NULL)
        fail_msg("%s", error.text);
}

static inline void unwatch(watching_t *watching) {
    if (watching->state == NULL)
        return;
    watching->inside = true;
    watching->registry->unwatch(watching->state);
    watching->inside = false;
    free(watching->state);
    watching->state = NULL;
}

/* No buffer, timer or descriptor is left. */
static inline void watching_close(watching_t *watching) {
    unwatch(watching);
    gee_thread_pool_destroy(&watching->threads);
    run_passes(watching->loop, 3);
    gee_engine_destroy(&watching->engine);
    assert_int_equal(gee_buf_cache_live(gee_loop_buffers(watching->loop)), 0);
    assert_int_equal(gee_loop_next_timer(watching->loop), -1);
    gee_loop_destroy(&watching->loop);
    gee_log_destroy(&watching->log);
}

static inline void on_snapshot(void *data, const gee_snapshot_t *snapshot) {
    watching_t *watching = data;
    assert_false(watching->inside);
    assert_non_null(watching->state);
    assert_true(snapshot->count <= GEE_SNAPSHOT_SERVERS);
    watching->changes++;
    watching->count = snapshot->count;
    watching->version = snapshot->version;
    for (size_t i = 0; i < snapshot->count && i < SHOWN_SERVERS; i++) {
        snprintf(watching->addresses[i], GEE_ADDR_TEXT, "%s", snapshot->servers[i].address);
        watching->weights[i] = snapshot->servers[i].weight;
    }
    if (watching->unwatch_in_change)
        unwatch(watching);
}

static inline void on_failure(void *data, const gee_error_t *error) {
    watching_t *watching = data;
    assert_false(watching->inside);
    assert_non_null(watching->state);
    assert_true(error->code != GEE_OK);
    watching->failures++;
    watching->error = *error;
    if (watching->unwatch_in_change)
        unwatch(watching);
}

/* -1: refused. */
static inline int try_watch(watching_t *watching, const char *source, const char *service, int64_t refresh_ns,
                            gee_error_t *error) {
    gee_watch_options_t options = { .service = service, .refresh_ns = refresh_ns };
    watching->registry = gee_registry_for(watching->engine->modules, source, error);
    if (watching->registry == NULL)
        return -1;
    watching->state = calloc(1, watching->registry->watch_size);
    assert_non_null(watching->state);
    watching->inside = true;
    int result = watching->registry->watch(watching->state, watching->engine, source, &options, on_snapshot, on_failure,
                                           watching, error);
    watching->inside = false;
    if (result != 0) {
        free(watching->state);
        watching->state = NULL;
    }
    return result;
}

static inline void watch(watching_t *watching, const char *source, const char *service, int64_t refresh_ns) {
    gee_error_t error;
    if (try_watch(watching, source, service, refresh_ns, &error) != 0)
        fail_msg("%s", error.text);
}

#define AWAIT(watching, condition) RUN_UNTIL((watching)->loop, condition)

/* Until there is one that was not awaited yet. */
static inline void await_change(watching_t *watching) {
    AWAIT(watching, watching->changes > watching->changes_seen);
    watching->changes_seen = watching->changes;
}

static inline void await_failure(watching_t *watching) {
    AWAIT(watching, watching->failures > watching->failures_seen);
    watching->failures_seen = watching->failures;
}

/* "tcp@a:1 3, tcp@b:2 0": the list that was reported last. Static memory. */
static inline const char *listed(const watching_t *watching) {
    static char text[SHOWN_SERVERS * (GEE_ADDR_TEXT + 12)];
    text[0] = '\0';
    for (size_t i = 0; i < watching->count && i < SHOWN_SERVERS; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof(text) - used, "%s%s %u", i ? ", " : "", watching->addresses[i],
                 watching->weights[i]);
    }
    return text;
}

/* ---- files ---- */

static inline void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* As one should: written beside, and renamed over. */
static inline void replace_file(const char *path, const char *text) {
    char beside[GEE_ADDR_TEXT];
    snprintf(beside, sizeof(beside), "%s.new", path);
    write_file(beside, text);
    assert_int_equal(rename(beside, path), 0);
}

#endif
