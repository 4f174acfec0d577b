/* master_end.c: how the master ends: a first start that fails, QUIT and TERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/proc/crews.h"
#include "core/proc/notify.h"
#include "core/proc/waiters.h"

/* The log's descriptor may be standard error, on which the starter prints the same reason. */
void gee_master_fail_start(gee_master_t *master, const char *reason) {
    char *text = NULL;
    if (gee_log_descriptor(master->log) != master->server->standard_error)
        gee_log(master->log, GEE_LOG_EMERG, "the server does not start: %s", reason);
    if (asprintf(&text, "geerpc: %s", reason) >= 0)
        gee_starter_tell(master->starter, false, text);
    free(text);
    gee_notify(master->server, "STATUS=does not start: %s", reason);
    gee_upgrade_tell_failure(master->server, reason);
    master->exit_status = EXIT_FAILURE;
}

bool gee_master_is_ending(const gee_master_t *master) {
    return master->phase == GEE_MASTER_QUITTING || master->phase == GEE_MASTER_STOPPING;
}

/* The helper has taken the server out of registries, and drain_delay is over. */
static void quit_workers(void *data) {
    gee_master_t *master = data;
    if (master->phase != GEE_MASTER_QUITTING)
        return; /* TERM came meanwhile */
    gee_crew_quit(master->running, NULL, NULL);
    for (size_t i = 0; i < master->running->cycle->listener_count; i++)
        gee_listener_retire(master->running->cycle->listeners[i].listener);
}

static void on_drained(gee_timer_t *timer) {
    quit_workers(GEE_CONTAINER(timer, gee_master_t, drain_timer));
}

/* Waits for the rest of drain_delay. */
static void master_drain(void *data) {
    gee_master_t *master = data;
    int64_t left_ns = master->drained_ns - gee_clock_monotonic();
    if (left_ns <= 0 || gee_timer_start(master->loop, &master->drain_timer, left_ns) != 0)
        quit_workers(master);
}

/* From here on the server's health page says "not ready", and calls are served as before until drain_delay is over. A
 * server that goes on in another master stays ready. */
static void master_start_drain(gee_master_t *master) {
    char text[GEE_DURATION_TEXT];
    int64_t delay_ns = gee_cycle_settings(master->running->cycle)->drain_delay;
    master->drain_timer.fire = on_drained;
    master->drained_ns = 0;
    if (master->server->elsewhere)
        return;
    atomic_store(master->server->quitting, true);
    if (delay_ns == 0)
        return;
    gee_log(master->log, GEE_LOG_NOTICE, "not ready any more; what comes is served for %s (drain_delay)",
            gee_format_duration(text, delay_ns));
    master->drained_ns = gee_time_add(gee_clock_monotonic(), delay_ns);
}

/* A server that goes on in another master does not stop. */
static void say_stopping(const gee_master_t *master) {
    if (!master->server->elsewhere)
        gee_notify(master->server, "STOPPING=1\nSTATUS=stopping");
}

static void refuse_reloads(gee_master_t *master) {
    gee_waiters_answer(&master->control, GEE_WAITS_RELOAD, false, "the server ends");
    gee_waiters_answer(&master->control, GEE_WAITS_NEXT_RELOAD, false, "the server ends");
    master->reload_again = false;
}

void gee_master_quit(gee_master_t *master) {
    if (master->phase == GEE_MASTER_QUITTING && gee_timer_started(&master->drain_timer)) {
        gee_timer_stop(master->loop, &master->drain_timer);
        quit_workers(master); /* the second QUIT ends drain_delay */
    }
    if (gee_master_is_ending(master))
        return;
    if (master->phase == GEE_MASTER_STARTING) {
        gee_master_stop(master);
        return;
    }
    gee_log(master->log, GEE_LOG_NOTICE, "quitting: calls in flight are finished first");
    master->phase = GEE_MASTER_QUITTING;
    say_stopping(master);
    refuse_reloads(master);
    if (master->starting)
        gee_crew_stop(master->starting, SIGKILL);
    master_start_drain(master);
    gee_upgrade_go(master, true);
    gee_crew_withdraw(master->running, master_drain, master);
}

void gee_master_stop(gee_master_t *master) {
    if (master->phase == GEE_MASTER_STOPPING)
        return;
    gee_log(master->log, GEE_LOG_NOTICE, "stopping");
    gee_timer_stop(master->loop, &master->drain_timer);
    say_stopping(master);
    gee_upgrade_go(master, false);
    if (master->phase == GEE_MASTER_STARTING)
        gee_master_fail_start(master, "stopped before it was ready");
    else
        refuse_reloads(master);
    master->phase = GEE_MASTER_STOPPING;
    gee_crews_stop(master, SIGTERM);
}
