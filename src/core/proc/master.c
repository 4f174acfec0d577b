/* master.c: the master's life: start, signals, the end. */
#include "core/proc/master.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/proc/crews.h"
#include "core/proc/describe.h"
#include "core/proc/inherit.h"
#include "core/proc/notify.h"
#include "core/proc/shm.h"
#include "core/proc/status.h"

/* ---- the first start, and what a reload has in common with it ---- */

static void tell_ready(gee_master_t *master) {
    const gee_cycle_t *cycle = master->running->cycle;
    master->starter->kept = master->server->kept_standard;
    master->server->detached = !master->server->foreground;
    gee_starter_tell(master->starter, true, gee_describe_ready(cycle));
    if (master->server->foreground && isatty(STDOUT_FILENO) && gee_describe_try(cycle))
        gee_starter_tell(master->starter, true, gee_describe_try(cycle));
}

static void master_on_ready(gee_crew_t *crew, void *data) {
    gee_master_t *master = data;
    if (crew != master->starting)
        return;
    if (master->phase == GEE_MASTER_RUNNING) {
        gee_reload_ready(master);
        return;
    }
    master->running = crew;
    master->starting = NULL;
    master->phase = GEE_MASTER_RUNNING;
    gee_cycle_commit(crew->cycle);
    gee_crew_serve(crew);
    gee_log(master->log, GEE_LOG_NOTICE, "geerpc %s ready: %s", gee_version, gee_describe_cycle(crew->cycle));
    tell_ready(master);
    gee_notify_ready(master->server, gee_describe_cycle(crew->cycle));
    gee_upgrade_serves(master);
    gee_reload_begin_again(master);
}

static void master_on_failed(gee_crew_t *crew, const char *reason, void *data) {
    gee_master_t *master = data;
    if (master->phase == GEE_MASTER_RUNNING) {
        gee_reload_failed(master, reason);
        return;
    }
    gee_master_fail_start(master, reason);
    gee_crew_stop(crew, SIGKILL);
}

static void master_on_gone(gee_crew_t *crew, void *data) {
    gee_master_t *master = data;
    if (crew == master->starting) {
        if (master->phase == GEE_MASTER_STARTING) {
            gee_loop_stop(master->loop);
            return;
        }
        gee_reload_rolled_back(master);
    } else if (crew == master->running) {
        /* The running crew stays until the end, since its log is the server's. */
        if (!gee_master_is_ending(master))
            gee_log(master->log, GEE_LOG_NOTICE, "all workers have left; a reload (HUP) starts new ones");
    } else {
        gee_log(master->log, GEE_LOG_NOTICE, "generation %llu has left", (unsigned long long)crew->cycle->generation);
        gee_crew_destroy(&crew);
    }
    if (!gee_master_is_ending(master) || !gee_crews_gone(master))
        return;
    gee_upgrade_gone(master);
    gee_loop_stop(master->loop);
}

/* Workers that leave lost a taker with the worker that died: they get new pairs. */
static void master_on_joined(gee_crew_t *crew, void *data) {
    gee_master_t *master = data;
    if (crew != master->running)
        return;
    gee_crews_hand_over(master);
    gee_upgrade_joined(master);
}

static void master_on_status(gee_crew_t *crew GEE_UNUSED, void *data) {
    gee_status_answered(data);
}

/* In a worker just forked: closes the master's descriptors. The memory stays as it is, nothing is freed. */
static void master_on_forget(void *data) {
    gee_master_t *master = data;
    gee_crews_forget(master);
    gee_control_forget(&master->control);
    gee_upgrade_forget(master);
    gee_zones_forget(master->server);
    master->starter->kept = master->server->kept_standard;
    gee_starter_forget(master->starter);
    (void)close(master->pidfile.descriptor);
    (void)close(gee_loop_descriptor(master->loop));
}

static const gee_crew_events_t crew_events = { .ready = master_on_ready,
                                               .failed = master_on_failed,
                                               .gone = master_on_gone,
                                               .joined = master_on_joined,
                                               .status = master_on_status,
                                               .forget = master_on_forget };

/* ---- signals ---- */

static void master_reap(gee_master_t *master) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!gee_crews_reap(master, pid, status) && !gee_upgrade_reap(master, pid, status))
            gee_log(master->log, GEE_LOG_INFO, "process %d ended, which is no worker", (int)pid);
}

static void leave_workers(void *data) {
    gee_master_t *master = data;
    if (!master->drained || master->phase != GEE_MASTER_RUNNING)
        return;
    gee_upgrade_hand_over(master);
    gee_crew_leave(master->running);
}

/* A terminal sends WINCH whenever its window changes. */
static bool has_terminal(void) {
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0)
        (void)close(terminal);
    return terminal >= 0;
}

static void drain_workers(gee_master_t *master) {
    if ((master->server->foreground && has_terminal()) || master->phase != GEE_MASTER_RUNNING || master->drained ||
        master->starting)
        return;
    if (master->upgrade.state == GEE_UPGRADE_STARTING) {
        gee_log(master->log, GEE_LOG_WARN,
                "the workers stay: the new binary does not serve yet; send WINCH again when it does");
        return;
    }
    gee_log(master->log, GEE_LOG_NOTICE, "the workers leave; %s",
            master->server->elsewhere ? "the other master serves on"
                                      : "connections wait until a reload starts new ones");
    master->drained = true;
    gee_crew_withdraw(master->running, leave_workers, master);
}

static void master_on_signal(int number, void *data) {
    gee_master_t *master = data;
    switch (number) {
    case SIGCHLD:
        master_reap(master);
        return;
    case SIGTERM:
    case SIGINT:
        gee_master_stop(master);
        return;
    case SIGQUIT:
        gee_master_quit(master);
        return;
    case SIGHUP:
        gee_reload_ask(master, NULL);
        return;
    case SIGUSR1:
        gee_crews_reopen_logs(master, NULL);
        return;
    case SIGUSR2:
        gee_upgrade_ask(master, NULL);
        return;
    case SIGWINCH:
        drain_workers(master);
        return;
    default:
        return;
    }
}

static int master_take_signals(gee_master_t *master, gee_error_t *error) {
    static const int signals[] = { SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH };
    /* The parent may ignore some of these signals (nohup does): ignored signals are not delivered, and ended children
     * not kept for waitpid(). */
    for (size_t i = 0; i < GEE_LENGTH(signals); i++)
        (void)signal(signals[i], SIG_DFL);
    return gee_loop_signals(master->loop, signals, GEE_LENGTH(signals), master_on_signal, master, error);
}

/* ---- running ---- */

static int open_control(gee_master_t *master, const gee_cycle_t *cycle, gee_error_t *error) {
    const char *path = gee_server_path(master->server, gee_cycle_settings(cycle)->control, master->server->pool);
    if (!path)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_server_make_parent(master->server, path);
    master->control.asked = gee_command;
    master->control.data = master;
    return gee_control_open(&master->control, master->loop, master->log, path, error);
}

static int take_pidfile(gee_master_t *master, const gee_cycle_t *cycle, gee_error_t *error) {
    const char *path = gee_server_path(master->server, gee_cycle_settings(cycle)->pid, master->server->pool);
    if (!path)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    gee_server_make_parent(master->server, path);
    return gee_pidfile_take(&master->pidfile, path, error);
}

static int master_start(gee_master_t *master, gee_cycle_t **cycle, gee_error_t *error) {
    if (take_pidfile(master, *cycle, error) != 0)
        return -1;
    master->loop = gee_loop_create(master->log, error);
    if (!master->loop || master_take_signals(master, error) != 0 || gee_upgrade_open(master, error) != 0 ||
        open_control(master, *cycle, error) != 0 || gee_crews_start(master, cycle, error) != 0)
        return -1;
    gee_inherit_finish(master->server);
    return 0;
}

static void master_finish(gee_master_t *master) {
    gee_crews_destroy(master);
    gee_control_close(&master->control);
    if (master->loop) {
        gee_timer_stop(master->loop, &master->status_timer);
        gee_timer_stop(master->loop, &master->drain_timer);
        gee_upgrade_close(master);
    }
    gee_loop_destroy(&master->loop);
    free(master->reload_reason);
    gee_pidfile_release(&master->pidfile);
}

int gee_master_run(gee_server_state_t *server, gee_cycle_t **cycle, gee_starter_t *starter) {
    static gee_master_t master; /* also found by leak checkers in workers, which inherit what it holds */
    gee_error_t error;
    master = (gee_master_t){ .server = server,
                             .log = server->log,
                             .starter = starter,
                             .pidfile.descriptor = -1,
                             .control.watch.descriptor = -1,
                             .crew_events = &crew_events,
                             .upgrade.liaison.watch.descriptor = -1,
                             .started_ns = gee_clock_monotonic() };
    GEE_ASSERT((*cycle)->errors.count == 0);
    gee_list_init(&master.crews);
    gee_list_init(&master.upgrade.takes);
    if (gee_server_share(server, &error) != 0 || master_start(&master, cycle, &error) != 0)
        gee_master_fail_start(&master, error.text);
    else if (gee_loop_run(master.loop) != 0)
        master.exit_status = EXIT_FAILURE;
    gee_cycle_close(cycle);
    if (master.phase != GEE_MASTER_STARTING)
        gee_log(server->log, GEE_LOG_NOTICE, "ended");
    master_finish(&master);
    return master.exit_status;
}
