/* backend_health.c: whether a backend is down, from what calls and probes have found out.
 *
 *            fails failures in a row                    dialled, and answered a ping
 *   up ---------------------------------> down --probe--------------------------------> up
 *                                          ^  '--- failed: after twice the time ---.
 *                                          '---------------------------------------'
 *
 * A backend that came up by a probe goes down again with its first failure, and the time goes on growing, until a
 * call has been answered. Probes are in backend_probe.c. */
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/gateway/upstream_private.h"

#define FIRST_BACK_OFF (100 * GEE_MILLISECOND)
#define PATIENCE       (100 * GEE_MILLISECOND) /* with a dial, while another backend has a connection */

static void log_change(const gee_backend_t *backend, const gee_error_t *reason, int64_t delay_ns) {
    gee_upstream_t *upstream = backend->upstream;
    char text[GEE_DURATION_TEXT];
    if (reason != NULL)
        gee_log(upstream->engine->log, GEE_LOG_WARN, "upstream %s: %s is down: %s; it is tried again in %s",
                upstream->name, backend->addr.text, reason->text,
                gee_format_duration(text, delay_ns / GEE_MILLISECOND * GEE_MILLISECOND));
    else
        gee_log(upstream->engine->log, GEE_LOG_NOTICE, "upstream %s: %s is up again", upstream->name,
                backend->addr.text);
}

static void tell_owner(const gee_backend_t *backend, const gee_error_t *reason) {
    if (backend->upstream->tell != NULL)
        backend->upstream->tell(backend->upstream->owner, backend->addr.text, reason);
}

/* Longer than the delay before. */
static int64_t next_delay(gee_backend_t *backend) {
    int64_t longest = backend->upstream->limits.fail_timeout;
    int64_t next = backend->back_off_ns ? backend->back_off_ns * 2 : FIRST_BACK_OFF;
    backend->back_off_ns = next < longest ? next : longest;
    /* Spread, so that processes that lost the same server do not all come back at once. */
    return (int64_t)((double)backend->back_off_ns * (0.75 + 0.25 * gee_upstream_random(backend->upstream)));
}

/* Calls that wait for a reply there would wait for long: they end, or go elsewhere when they may be repeated. */
static void give_up_silent(gee_backend_t *backend) {
    GEE_LIST_EACH(&backend->connections, entry) {
        gee_backend_connection_t *connection = GEE_CONTAINER(entry, gee_backend_connection_t, link);
        gee_error_t error;
        if (connection->session == NULL || connection->calls == 0 || !gee_backend_connection_is_silent(connection))
            continue;
        gee_error_set(&error, GEE_UNAVAILABLE, "the server says nothing any more, and is down");
        connection->given_up = true;
        gee_session_close(connection->session, &error);
    }
}

static void go_down(gee_backend_t *backend, const gee_error_t *reason, bool silent) {
    bool was_down = backend->down;
    backend->down = true;
    gee_backend_refresh(backend);
    if (!gee_timer_started(
            &backend->retry_timer)) { /* else the next attempt is still to come: another one has failed */
        int64_t delay = next_delay(backend);
        (void)gee_timer_start(backend->upstream->engine->loop, &backend->retry_timer, delay);
        if (!was_down)
            log_change(backend, reason, delay);
        tell_owner(backend, reason);
    }
    if (silent)
        give_up_silent(backend);
}

void gee_backend_come_up(gee_backend_t *backend) {
    if (!backend->down)
        return;
    backend->down = false;
    gee_timer_stop(backend->upstream->engine->loop, &backend->retry_timer);
    gee_backend_refresh(backend);
    log_change(backend, NULL, 0);
    tell_owner(backend, NULL);
}

void gee_backend_begin(gee_backend_t *backend) {
    const gee_upstream_t *upstream = backend->upstream;
    if (upstream->is_known_down == NULL || !upstream->is_known_down(upstream->owner, backend->addr.text))
        return;
    backend->last_error = malloc(sizeof(*backend->last_error));
    if (backend->last_error == NULL)
        return;
    gee_error_set(backend->last_error, GEE_UNAVAILABLE, "it was down before, and has not been seen to be up since");
    backend->last_error->phase = GEE_PHASE_CONNECT;
    backend->failures = 1;
    backend->down = true;
    (void)gee_timer_start(upstream->engine->loop, &backend->retry_timer, next_delay(backend));
}

void gee_backend_lives(gee_backend_t *backend) {
    backend->failures = 0;
    backend->back_off_ns = 0;
    gee_backend_come_up(backend);
}

void gee_backend_answered(gee_backend_t *backend, int64_t latency_ns) {
    backend->latency_ns =
        backend->latency_ns ? backend->latency_ns + (latency_ns - backend->latency_ns) / 8 : latency_ns;
    gee_backend_lives(backend);
}

void gee_backend_failed(gee_backend_t *backend, const gee_error_t *reason, bool silent) {
    const gee_upstream_t *upstream = backend->upstream;
    if (backend->last_error == NULL)
        backend->last_error = malloc(sizeof(*backend->last_error));
    if (backend->last_error != NULL)
        *backend->last_error = *reason;
    if (backend->failures < UINT32_MAX)
        backend->failures++;
    if (!upstream->once && !backend->leaving && upstream->limits.fails > 0 &&
        (backend->down || (int64_t)backend->failures >= upstream->limits.fails))
        go_down(backend, reason, silent);
}

void gee_backend_retry_soon(gee_backend_t *backend) {
    gee_loop_t *loop = backend->upstream->engine->loop;
    if (!gee_timer_started(&backend->retry_timer) || backend->retry_timer.deadline > gee_loop_now(loop) + GEE_REDIAL)
        (void)gee_timer_start(loop, &backend->retry_timer, GEE_REDIAL);
}

void gee_backend_is_waited_for(gee_backend_t *backend) {
    const gee_upstream_t *upstream = backend->upstream;
    if (upstream->backend_count > 1 && !gee_timer_started(&backend->patience_timer))
        (void)gee_timer_start(upstream->engine->loop, &backend->patience_timer, PATIENCE);
    if (backend->down)
        gee_backend_retry_soon(backend);
}
