/* upgrade.c: the part of the old master: starts the new master, then ends, or gets its connections back.
 * upgrade_private.h names the other files. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/str.h"
#include "core/event/rights.h"
#include "core/proc/inherit.h"
#include "core/proc/master.h"
#include "core/proc/notify.h"
#include "core/proc/upgrade_private.h"
#include "core/proc/waiters.h"

#define EXIT_NOT_RUN        127              /* exec failed */
#define KILL_PATIENCE       (5 * GEE_SECOND) /* between TERM and KILL */
#define STRAGGLERS_PATIENCE (5 * GEE_SECOND) /* then the answer to -s upgrade says that connections are left */

/* ---- names ---- */

/* Renames pid file and control socket, both or neither. `old`: to the names of an old master. */
static int take_names(gee_master_t *master, bool old, gee_error_t *error) {
    gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->by_name == old)
        return 0;
    if (gee_pidfile_move(&master->pidfile, upgrade->pid_paths[old], error) != 0)
        return -1;
    if (gee_control_move(&master->control, upgrade->control_paths[old], error) != 0) {
        (void)gee_pidfile_move(&master->pidfile, upgrade->pid_paths[!old], NULL);
        return -1;
    }
    upgrade->by_name = old;
    return 0;
}

static int choose_names(gee_master_t *master, gee_error_t *error) {
    gee_upgrade_t *upgrade = &master->upgrade;
    gee_pool_t *pool = master->server->pool;
    if (!upgrade->pid_paths[0]) {
        upgrade->pid_paths[0] = master->pidfile.path;
        upgrade->control_paths[0] = master->control.path;
        upgrade->pid_paths[1] = gee_pool_printf(pool, "%s" GEE_OLD_NAME, master->pidfile.path);
        upgrade->control_paths[1] = gee_pool_printf(pool, "%s" GEE_OLD_NAME, master->control.path);
    }
    if (!upgrade->pid_paths[1] || !upgrade->control_paths[1])
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return take_names(master, true, error);
}

/* ---- the end of an attempt, or of the new master ---- */

static void upgrade_conclude(gee_master_t *master, bool ok, const char *text) {
    gee_upgrade_t *upgrade = &master->upgrade;
    gee_timer_stop(master->loop, &upgrade->stragglers);
    upgrade->finish = false;
    gee_waiters_answer(&master->control, GEE_WAITS_UPGRADE, ok, text);
}

/* Each error of a configuration is a line of the log. */
static void upgrade_fail(gee_master_t *master, const char *reason) {
    char *text = NULL;
    gee_str_t rest = gee_str(reason);
    while (rest.length > 0) {
        gee_str_t line = gee_str_cut(&rest, '\n');
        gee_log(master->log, GEE_LOG_ERROR, "upgrade failed: %.*s", GEE_STR_ARGUMENTS(line));
    }
    if (asprintf(&text, "upgrade failed: %s", reason) < 0)
        text = NULL;
    upgrade_conclude(master, false, text ? text : "upgrade failed");
    free(text);
}

static void forget_child(gee_upgrade_t *upgrade) {
    upgrade->state = GEE_UPGRADE_NONE;
    upgrade->pid = 0;
    free(upgrade->summary);
    free(upgrade->reason);
    upgrade->summary = upgrade->reason = NULL;
    upgrade->came_back = false;
}

/* ---- starting the new one ---- */

static const char *why_not(const gee_master_t *master) {
    static char text[200];
    const gee_upgrade_t *upgrade = &master->upgrade;
    if (master->phase != GEE_MASTER_RUNNING)
        return "the server is starting or ending";
    if (master->starting)
        return "a reload is under way; try again when it has ended";
    if (getpid() == 1)
        return "this server is process 1, as in a container: when the old one ends, the system ends the new one with "
               "it; "
               "start another container instead";
    if (upgrade->state == GEE_UPGRADE_NONE && master->server->parent_socket < 0)
        return master->server->program ? NULL : "the program that was started is not found in PATH";
    if (upgrade->state == GEE_UPGRADE_NONE)
        (void)gee_str_format(
            text, sizeof text,
            "pid %ld, which this server is to replace, is still there; a QUIT to it completes that, a QUIT to "
            "this one takes it back",
            (long)master->server->parent);
    else
        (void)gee_str_format(text, sizeof text, "one is under way already: pid %ld %s", (long)upgrade->pid,
                             upgrade->state == GEE_UPGRADE_STARTING ? "starts"
                                                                    : "serves beside this one; end one of the two");
    return text;
}

/* In the child, for good. */
static _Noreturn void become_binary(const gee_master_t *master, int liaison, const char *text) {
    const gee_server_state_t *server = master->server;
    sigset_t none;
    (void)sigemptyset(&none);
    if (gee_inherit_hand_on(server, liaison, text) == 0) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)execv(server->program, server->arguments);
    }
    (void)gee_liaison_tell(liaison, -1, "failed cannot run %s: %s", server->program, strerror(errno));
    _exit(EXIT_NOT_RUN);
}

static int fork_binary(gee_master_t *master, int ends[2], gee_error_t *error) {
    char *text = gee_inherit_describe(master->server, ends[1]);
    if (!text)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    (void)fflush(NULL); /* else parent and child would both write what is buffered */
    pid_t pid = fork();
    if (pid == 0)
        become_binary(master, ends[1], text);
    free(text);
    if (pid < 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "fork: %s", strerror(errno));
    master->upgrade.pid = pid;
    return 0;
}

static void on_impatience(gee_timer_t *timer) {
    gee_master_t *master = GEE_CONTAINER(timer, gee_master_t, upgrade.patience);
    gee_upgrade_t *upgrade = &master->upgrade;
    char patience[GEE_DURATION_TEXT];
    if (upgrade->state != GEE_UPGRADE_STARTING)
        return;
    bool again = upgrade->reason != NULL;
    (void)gee_format_duration(patience, gee_cycle_settings(master->running->cycle)->upgrade_timeout);
    if (!again && asprintf(&upgrade->reason, "the new binary was not ready within %s (upgrade_timeout)", patience) < 0)
        upgrade->reason = NULL;
    (void)kill(upgrade->pid, again ? SIGKILL : SIGTERM);
    (void)gee_timer_start(master->loop, timer, KILL_PATIENCE);
}

static int upgrade_start(gee_master_t *master, gee_error_t *error) {
    gee_upgrade_t *upgrade = &master->upgrade;
    int64_t patience_ns = gee_cycle_settings(master->running->cycle)->upgrade_timeout;
    int ends[2];
    if (gee_rights_pair(ends, error) != 0)
        return -1;
    int result = choose_names(master, error) == 0 ? fork_binary(master, ends, error) : -1;
    (void)close(ends[1]);
    if (result != 0) {
        (void)close(ends[0]);
        (void)take_names(master, false, NULL);
        return -1;
    }
    GEE_ASSERT(upgrade->state == GEE_UPGRADE_NONE);
    upgrade->state = GEE_UPGRADE_STARTING;
    upgrade->patience.fire = on_impatience;
    if (gee_liaison_open(&upgrade->liaison, master->loop, ends[0], error) == 0 &&
        gee_timer_start(master->loop, &upgrade->patience, patience_ns) == 0)
        return 0;
    /* gee_upgrade_reap() reports the end. */
    upgrade->reason = strdup("out of memory");
    (void)kill(upgrade->pid, SIGKILL);
    return 0;
}

void gee_upgrade_ask(gee_master_t *master, gee_control_client_t *asker) {
    const char *reason = why_not(master);
    gee_error_t error;
    if (asker && master->upgrade.parent_goes) {
        asker->waiting = GEE_WAITS_NEXT_UPGRADE; /* the master before ends soon */
        return;
    }
    if (reason) {
        char text[300];
        (void)gee_str_format(text, sizeof text, "upgrade refused: %s", reason);
        if (asker)
            gee_control_answer(asker, false, text);
        else
            gee_log(master->log, GEE_LOG_ERROR, "%s", text);
        return;
    }
    gee_log(master->log, GEE_LOG_NOTICE, "upgrading to %s", master->server->program);
    if (asker)
        asker->waiting = GEE_WAITS_UPGRADE;
    master->upgrade.finish = asker != NULL;
    if (upgrade_start(master, &error) != 0)
        upgrade_fail(master, error.text);
}

void gee_upgrade_ask_again(gee_master_t *master) {
    GEE_LIST_EACH(&master->control.clients, link) {
        gee_control_client_t *client = GEE_CONTAINER(link, gee_control_client_t, link);
        if (client->waiting == GEE_WAITS_NEXT_UPGRADE)
            gee_upgrade_ask(master, client);
    }
}

/* ---- its end ---- */

static void report_failed_start(gee_master_t *master, int status) {
    const gee_upgrade_t *upgrade = &master->upgrade;
    char end[100], *text = NULL;
    gee_describe_end(status, end, sizeof end);
    if (asprintf(&text, "the new binary (pid %ld) %s before it was ready; %s -t, or its error log, may say why",
                 (long)upgrade->pid, end, master->server->program) < 0)
        text = NULL;
    upgrade_fail(master, upgrade->reason ? upgrade->reason : text ? text : end);
    free(text);
}

static void report_end(gee_master_t *master, int status) {
    const gee_upgrade_t *upgrade = &master->upgrade;
    bool in_order = upgrade->came_back && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    char end[100];
    gee_describe_end(status, end, sizeof end);
    if (master->phase == GEE_MASTER_RUNNING)
        gee_log(master->log, in_order ? GEE_LOG_NOTICE : GEE_LOG_ALERT,
                "the new master (pid %ld) %s: this one goes on alone", (long)upgrade->pid, end);
    else
        gee_log(master->log, in_order ? GEE_LOG_NOTICE : GEE_LOG_ALERT,
                "the new master (pid %ld) %s, and this one is ending too", (long)upgrade->pid, end);
}

bool gee_upgrade_reap(gee_master_t *master, pid_t pid, int status) {
    gee_upgrade_t *upgrade = &master->upgrade;
    gee_upgrade_state_t state = upgrade->state;
    gee_error_t error;
    if (pid != upgrade->pid || state == GEE_UPGRADE_NONE)
        return false;
    gee_liaison_read(&upgrade->liaison); /* the last lines */
    gee_liaison_close(&upgrade->liaison);
    gee_timer_stop(master->loop, &upgrade->patience);
    if (take_names(master, false, &error) != 0)
        gee_log(master->log, GEE_LOG_ERROR, "%s", error.text);
    gee_listeners_take_back(master->server);
    if (state == GEE_UPGRADE_STARTING)
        report_failed_start(master, status);
    else
        report_end(master, status);
    forget_child(upgrade);
    if (state == GEE_UPGRADE_READY && master->drained && master->phase == GEE_MASTER_RUNNING)
        gee_upgrade_come_back(master);
    return true;
}

/* ---- two masters, and this one is the old one ---- */

void gee_upgrade_come_back(gee_master_t *master) {
    gee_log(master->log, GEE_LOG_NOTICE, "the workers come back");
    master->drained = false;
    gee_crew_return(master->running);
}

bool gee_upgrade_instead_of_reload(gee_master_t *master, gee_control_client_t *asker) {
    const gee_upgrade_t *upgrade = &master->upgrade;
    static char text[200];
    if (upgrade->state == GEE_UPGRADE_NONE)
        return false;
    if (upgrade->state == GEE_UPGRADE_READY && master->drained) {
        gee_upgrade_come_back(master);
        if (asker)
            gee_control_answer(asker, true, "the workers come back, with the configuration that was in force");
        return true;
    }
    (void)gee_str_format(text, sizeof text, "another binary, pid %ld, is there to replace this one: reload that one",
                         (long)upgrade->pid);
    if (asker)
        gee_control_answer(asker, false, text);
    gee_log(master->log, GEE_LOG_ERROR, "reload refused: %s", text);
    return true;
}

/* ---- this one ends ---- */

static void on_stragglers(gee_timer_t *timer) {
    gee_master_t *master = GEE_CONTAINER(timer, gee_master_t, upgrade.stragglers);
    char text[GEE_LIAISON_TEXT], patience[GEE_DURATION_TEXT];
    (void)gee_format_duration(patience, gee_cycle_settings(master->running->cycle)->shutdown_timeout);
    (void)gee_str_format(text, sizeof text,
                         "upgraded: %s; its last connections stay with the old one, pid %ld, for %s at most "
                         "(shutdown_timeout)",
                         master->upgrade.summary ? master->upgrade.summary : "", (long)getpid(), patience);
    upgrade_conclude(master, true, text);
}

void gee_upgrade_leave_to_new(gee_master_t *master) {
    gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->state == GEE_UPGRADE_STARTING) {
        if (!upgrade->reason)
            upgrade->reason = strdup("the server ends");
        (void)kill(upgrade->pid, SIGTERM);
    }
    if (upgrade->state != GEE_UPGRADE_READY)
        return;
    gee_notify(master->server, "MAINPID=%ld\nSTATUS=upgraded: %s", (long)upgrade->pid,
               upgrade->summary ? upgrade->summary : "");
    upgrade->stragglers.fire = on_stragglers;
    if (upgrade->finish)
        (void)gee_timer_start(master->loop, &upgrade->stragglers, STRAGGLERS_PATIENCE);
}

void gee_upgrade_gone(gee_master_t *master) {
    gee_upgrade_t *upgrade = &master->upgrade;
    char text[GEE_LIAISON_TEXT];
    if (!upgrade->finish || upgrade->state != GEE_UPGRADE_READY)
        return;
    (void)gee_str_format(text, sizeof text, "upgraded: %s; the old one, pid %ld, has ended",
                         upgrade->summary ? upgrade->summary : "", (long)getpid());
    gee_timer_stop(master->loop, &upgrade->stragglers);
    gee_waiters_answer_last(&master->control, GEE_WAITS_UPGRADE, true, text);
}

/* ---- for people ---- */

const char *gee_upgrade_describe(const gee_master_t *master) {
    static char text[120];
    const gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->state != GEE_UPGRADE_NONE)
        (void)gee_str_format(text, sizeof text, "pid %ld, which %s to replace this one", (long)upgrade->pid,
                             upgrade->state == GEE_UPGRADE_STARTING ? "starts" : "serves");
    else if (master->server->parent_socket >= 0)
        (void)gee_str_format(text, sizeof text, "pid %ld, which this one is to replace", (long)master->server->parent);
    else
        return NULL;
    return text;
}
