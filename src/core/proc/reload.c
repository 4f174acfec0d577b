/* reload.c: a reload as a transaction.
 *
 *   ask -> load, check -> open, start workers -> all ready -> commit: the new crew serves, the old one leaves
 *              '-> refused    '-> refused         '-> one failed -> all stopped -> rolled back: the old crew goes on
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/proc/crews.h"
#include "core/proc/describe.h"
#include "core/proc/master.h"
#include "core/proc/notify.h"
#include "core/proc/seals.h"
#include "core/proc/waiters.h"

static void reload_begin(gee_master_t *master);

/* Ends what gee_notify_reloading() began, after success and failure. */
static void say_ready(const gee_master_t *master) {
    if (master->phase == GEE_MASTER_RUNNING)
        gee_notify_ready(master->server, gee_describe_cycle(master->running->cycle));
}

static void reload_finish(gee_master_t *master, bool ok, const char *text) {
    gee_log(master->log, ok ? GEE_LOG_NOTICE : GEE_LOG_ERROR, ok ? "%s" : "reload refused: %s", text);
    gee_waiters_answer(&master->control, GEE_WAITS_RELOAD, ok, text);
    say_ready(master);
    gee_reload_begin_again(master);
}

/* Each error of the file is a line of the log. */
static void refuse_cycle(gee_master_t *master, gee_cycle_t **cycle) {
    for (size_t i = 0; i < (*cycle)->errors.count; i++)
        gee_log(master->log, GEE_LOG_ERROR, "reload refused: %s", (*cycle)->errors.items[i]);
    gee_waiters_answer(&master->control, GEE_WAITS_RELOAD, false, gee_cycle_errors_text(*cycle));
    say_ready(master);
    gee_cycle_close(cycle);
}

/* Even when the start fails, listeners that stay may have more slots, which the running crew serves from now on. */
static void start_crew(gee_master_t *master, gee_cycle_t **cycle) {
    gee_error_t error;
    int result = gee_crews_start(master, cycle, &error);
    gee_crew_assign(master->running);
    if (result != 0)
        reload_finish(master, false, error.text);
}

static void reload_begin(gee_master_t *master) {
    gee_log(master->log, GEE_LOG_NOTICE, "reloading %s", master->server->conf_path);
    gee_notify_reloading(master->server);
    gee_cycle_t *cycle = gee_cycle_load(master->server, master->running->cycle);
    if (!cycle)
        reload_finish(master, false, "out of memory");
    else if (cycle->errors.count > 0)
        refuse_cycle(master, &cycle);
    else
        start_crew(master, &cycle);
}

void gee_reload_begin_again(gee_master_t *master) {
    if (!master->reload_again || master->phase != GEE_MASTER_RUNNING)
        return;
    master->reload_again = false;
    gee_waiters_move(&master->control, GEE_WAITS_NEXT_RELOAD, GEE_WAITS_RELOAD);
    reload_begin(master);
}

void gee_reload_ask(gee_master_t *master, gee_control_client_t *asker) {
    if (master->phase == GEE_MASTER_STARTING) {
        master->reload_again = true;
        if (asker)
            asker->waiting = GEE_WAITS_NEXT_RELOAD;
        return;
    }
    if (master->phase != GEE_MASTER_RUNNING) {
        if (asker)
            gee_control_answer(asker, false, "the server is ending");
        return;
    }
    if (gee_upgrade_instead_of_reload(master, asker))
        return;
    if (asker)
        asker->waiting = master->starting ? GEE_WAITS_NEXT_RELOAD : GEE_WAITS_RELOAD;
    if (master->starting)
        master->reload_again = true;
    else
        reload_begin(master);
}

/* ---- commit ---- */

static bool is_removed(const gee_listener_t *listener, void *data) {
    const gee_cycle_t *next = data;
    for (size_t i = 0; i < next->listener_count; i++)
        if (next->listeners[i].listener == listener)
            return false;
    return true;
}

/* Old workers still hold the sockets of removed listeners, and close them when the queues are empty. */
static void retire_removed(const gee_cycle_t *old, gee_cycle_t *next) {
    for (size_t i = 0; i < old->listener_count; i++)
        if (is_removed(old->listeners[i].listener, next))
            gee_listener_retire(old->listeners[i].listener);
}

void gee_reload_ready(gee_master_t *master) {
    gee_crew_t *old = master->running;
    GEE_ASSERT(old && master->starting);
    master->running = master->starting;
    master->starting = NULL;
    master->drained = false;
    gee_cycle_t *next = master->running->cycle;
    gee_cycle_commit(next);
    gee_crew_serve(master->running);
    GEE_LIST_EACH(&master->crews, link) {
        const gee_crew_t *crew = GEE_CONTAINER(link, gee_crew_t, link);
        if (crew != master->running)
            gee_seals_replace(crew->cycle, next);
    }
    gee_crews_hand_over(master);
    gee_crew_quit(old, is_removed, next);
    retire_removed(old->cycle, next);
    const char *text = gee_describe_cycle(next);
    char *line = NULL;
    if (asprintf(&line, "reloaded, generation %llu: %s", (unsigned long long)next->generation, text) < 0)
        line = NULL;
    reload_finish(master, true, line ? line : "reloaded");
    free(line);
}

/* ---- rollback ---- */

void gee_reload_failed(gee_master_t *master, const char *reason) {
    GEE_ASSERT(master->starting && !master->reload_reason);
    master->reload_reason = strdup(reason);
    gee_crew_stop(master->starting, SIGKILL);
}

void gee_reload_rolled_back(gee_master_t *master) {
    char *reason = master->reload_reason;
    gee_crew_destroy(&master->starting);
    master->reload_reason = NULL;
    if (master->phase == GEE_MASTER_RUNNING)
        reload_finish(master, false, reason ? reason : "out of memory");
    free(reason);
}
