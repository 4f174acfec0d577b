/* helper.c: the life of the helper, the one process that writes what the workers share.
 *
 *   forked -> user -> loop, threads, engine -> READY -> the one before is gone -> helper_start -> messages, timers
 *          -> LEAVE: helper_leave of every module -> LEFT        -> QUIT: helper_stop -> exit
 *
 * The helper is started and replaced as a worker is (worker.c, crew.c), and serves no socket. */
#include <stdlib.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/proc/registries.h"
#include "core/proc/worker_private.h"

#define TAKE_INTERVAL (10 * GEE_MILLISECOND) /* between two looks whether the helper before is gone */
#define READ_AT_ONCE  100                    /* messages in one pass, so that timers fire */
#define END_PATIENCE  GEE_SECOND             /* for registries to answer when the server stops */

static void helper_fail(gee_worker_process_t *process, const char *what, const gee_error_t *error) {
    gee_log(process->log, GEE_LOG_CRIT, "the helper cannot go on: %s%s", what, error->text);
    process->failed = true;
    gee_loop_stop(process->loop);
}

/* ---- messages ---- */

static void on_requests(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    gee_worker_process_t *process = GEE_CONTAINER(watch, gee_worker_process_t, helper_watch);
    static gee_helper_message_t message; /* static, since the message is large */
    for (int i = 0; i < READ_AT_ONCE && gee_helper_line_read(process->cycle->helper, &message) == 0; i++)
        if (message.module != NULL && message.module->helper_message != NULL)
            message.module->helper_message(process->cycle->sections.module_conf[message.module_index], process->engine,
                                           message.worker, message.bytes, message.length);
}

/* ---- starting ---- */

static int helper_start_modules(gee_worker_process_t *process, gee_error_t *error) {
    const gee_sections_t *sections = &process->cycle->sections;
    for (size_t i = 0; i < sections->module_count; i++) {
        const gee_module_t *module = process->cycle->server->modules[i].module;
        if (module->helper_start && module->helper_start(sections->module_conf[i], process->engine, error) != 0)
            return gee_error_prefix(error, "%s: ", module->name);
        process->started++;
    }
    return 0;
}

static int start_registries(gee_worker_process_t *process, gee_error_t *error) {
    process->announcer = gee_announcer_create(process->engine, process->cycle, error);
    process->followers = process->announcer ? gee_followers_create(process->engine, process->cycle, error) : NULL;
    return process->followers ? 0 : -1;
}

static void helper_take_over(gee_timer_t *timer) {
    gee_worker_process_t *process = GEE_CONTAINER(timer, gee_worker_process_t, sweep);
    gee_error_t error;
    if (!gee_helper_line_take(process->cycle->helper)) {
        (void)gee_timer_start(process->loop, timer, TAKE_INTERVAL);
        return;
    }
    if (helper_start_modules(process, &error) != 0 || start_registries(process, &error) != 0) {
        helper_fail(process, "", &error);
        return;
    }
    process->helper_watch.descriptor = process->cycle->server->helper_requests[0];
    process->helper_watch.ready = on_requests;
    if (gee_loop_watch(process->loop, &process->helper_watch, EPOLLIN, &error) != 0)
        helper_fail(process, "", &error);
    gee_engine_wake_workers(process->engine);
    if (process->leave_wanted)
        gee_helper_leave(process);
}

int gee_helper_start(gee_worker_process_t *process, gee_error_t *error) {
    process->sweep.fire = helper_take_over;
    return gee_timer_start(process->loop, &process->sweep, 0) == 0
               ? 0
               : gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

/* ---- leaving ---- */

static void helper_on_left(void *data) {
    gee_worker_process_t *process = data;
    gee_message_t message = { .type = GEE_MESSAGE_LEFT };
    GEE_ASSERT(process->leaving_modules > 0); /* else a module has called left() twice */
    if (--process->leaving_modules > 0)
        return;
    (void)gee_channel_send(&process->channel, &message, -1);
    if (process->ending)
        gee_loop_stop(process->loop);
}

void gee_helper_leave(gee_worker_process_t *process) {
    const gee_sections_t *sections = &process->cycle->sections;
    if (process->leaving)
        return;
    process->leave_wanted = true;
    if (gee_timer_started(&process->sweep))
        return; /* the helper before still runs: its entries are taken out after take_over() */
    process->leaving = true;
    process->leaving_modules = 1; /* this function's own, so that modules that finish at once do not end the process */
    for (size_t i = 0; i < process->started; i++) {
        const gee_module_t *module = process->cycle->server->modules[i].module;
        if (module->helper_leave == NULL)
            continue;
        process->leaving_modules++;
        module->helper_leave(sections->module_conf[i], process->engine, helper_on_left, process);
    }
    if (process->announcer) {
        process->leaving_modules++;
        gee_announcer_leave(process->announcer, helper_on_left, process);
    }
    helper_on_left(process);
}

static void on_end_patience_over(gee_timer_t *timer) {
    gee_loop_stop(GEE_CONTAINER(timer, gee_worker_process_t, deadline)->loop);
}

void gee_helper_end(gee_worker_process_t *process) {
    process->deadline.fire = on_end_patience_over;
    if (process->leaving && process->leaving_modules == 0) {
        gee_loop_stop(process->loop);
        return;
    }
    process->ending = true;
    if (gee_timer_start(process->loop, &process->deadline, END_PATIENCE) != 0)
        gee_loop_stop(process->loop);
    gee_helper_leave(process);
}

void gee_helper_finish(gee_worker_process_t *process) {
    gee_timer_stop(process->loop, &process->sweep);
    gee_loop_unwatch(process->loop, &process->helper_watch);
    gee_timer_stop(process->loop, &process->deadline);
    gee_followers_destroy(&process->followers);
    gee_announcer_destroy(&process->announcer);
    while (process->started > 0) {
        size_t i = --process->started;
        const gee_module_t *module = process->cycle->server->modules[i].module;
        if (module->helper_stop)
            module->helper_stop(process->cycle->sections.module_conf[i], process->engine);
    }
}
