/* upgrade_liaison.c: what the other master says, and the part of the new master. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/proc/describe.h"
#include "core/proc/master.h"
#include "core/proc/notify.h"
#include "core/proc/upgrade_private.h"

static gee_master_t *master_of(gee_liaison_t *liaison) {
    return GEE_CONTAINER(liaison, gee_master_t, upgrade.liaison);
}

/* ---- what the other one says ---- */

/* "keep": the other master has the sockets of that listener, too, so connections that wait there are not lost when
 * this master ends. */
static void lend(gee_master_t *master, const char *rest) {
    unsigned slots;
    int skipped = 0;
    if (sscanf(rest, "%u %n", &slots, &skipped) != 1 || skipped == 0)
        return;
    GEE_LIST_EACH(&master->server->listeners, link) {
        gee_listener_t *listener = GEE_CONTAINER(link, gee_listener_t, link);
        if (!listener->retired && strcmp(listener->bound, rest + skipped) == 0)
            listener->lent = slots < listener->slots ? slots : listener->slots;
    }
}

static void tell_workers(gee_master_t *master) {
    if (gee_upgrade_same_version(master))
        (void)gee_liaison_tell(master->upgrade.liaison.watch.descriptor, -1, "workers %u", master->running->count);
}

static void on_new_master_ready(gee_master_t *master, const char *summary) {
    gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->state != GEE_UPGRADE_STARTING || upgrade->reason)
        return;
    gee_timer_stop(master->loop, &upgrade->patience);
    upgrade->state = GEE_UPGRADE_READY;
    upgrade->summary = strdup(summary);
    master->server->elsewhere = true;
    gee_log(master->log, GEE_LOG_NOTICE, "the new master serves beside this one: %s", summary);
    if (upgrade->finish)
        gee_master_quit(master);
    else
        gee_log(master->log, GEE_LOG_NOTICE,
                "QUIT to this master (pid %ld) completes the upgrade, QUIT to the new one (pid %ld) takes it back",
                (long)getpid(), (long)upgrade->pid);
}

static void hear_ready(gee_master_t *master, const char *rest) {
    int skipped = 0;
    if (sscanf(rest, "%u %n", &master->upgrade.version, &skipped) != 1)
        return;
    on_new_master_ready(master, rest + skipped);
    tell_workers(master);
}

static void hear_failed(gee_master_t *master, const char *reason) {
    gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->state == GEE_UPGRADE_STARTING && !upgrade->reason)
        upgrade->reason = strdup(reason);
}

static void hear_going(gee_master_t *master) {
    gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->state == GEE_UPGRADE_STARTING)
        return; /* the new master never served; waitpid() reports the end */
    gee_listeners_take_back(master->server);
    if (upgrade->state != GEE_UPGRADE_READY) {
        upgrade->parent_goes = true;
        gee_log(master->log, GEE_LOG_NOTICE, "the master before (pid %ld) goes", (long)master->server->parent);
        return;
    }
    gee_log(master->log, GEE_LOG_NOTICE, "the new master (pid %ld) goes: its connections come back",
            (long)upgrade->pid);
    upgrade->came_back = true;
    if (master->drained && master->phase == GEE_MASTER_RUNNING)
        gee_upgrade_come_back(master);
}

static void upgrade_on_said(gee_liaison_t *liaison, const char *word, const char *rest, int descriptor) {
    gee_master_t *master = master_of(liaison);
    if (strcmp(word, "take") == 0) {
        gee_upgrade_take(master, descriptor);
        return;
    }
    if (descriptor >= 0)
        (void)close(descriptor);
    if (strcmp(word, "keep") == 0)
        lend(master, rest);
    else if (strcmp(word, "workers") == 0)
        (void)sscanf(rest, "%u", &master->upgrade.workers);
    else if (strcmp(word, "ready") == 0)
        hear_ready(master, rest);
    else if (strcmp(word, "failed") == 0)
        hear_failed(master, rest);
    else if (strcmp(word, "going") == 0)
        hear_going(master);
}

/* The new master learns of the old one's end here; the old master learns of the new one's end by waitpid(). */
static void upgrade_on_ended(gee_liaison_t *liaison) {
    gee_master_t *master = master_of(liaison);
    if (master->server->parent_socket < 0)
        return;
    master->server->parent_socket = -1;
    master->upgrade.parent_goes = false;
    gee_listeners_take_back(master->server);
    gee_log(master->log, GEE_LOG_NOTICE, "the master before (pid %ld) is gone: this one is alone",
            (long)master->server->parent);
    master->server->parent = 0;
    if (master->phase == GEE_MASTER_RUNNING && master->running)
        gee_notify_ready(master->server, gee_describe_cycle(master->running->cycle));
    gee_upgrade_ask_again(master);
}

/* ---- the new master ---- */

int gee_upgrade_open(gee_master_t *master, gee_error_t *error) {
    gee_upgrade_t *upgrade = &master->upgrade;
    upgrade->liaison = (gee_liaison_t){ .watch.descriptor = -1, .said = upgrade_on_said, .ended = upgrade_on_ended };
    if (master->server->parent_socket < 0)
        return 0;
    upgrade->version = master->server->parent_version;
    upgrade->workers = 0;
    int descriptor = master->server->parent_socket;
    master->server->parent_socket = -1;
    if (gee_liaison_open(&upgrade->liaison, master->loop, descriptor, error) != 0)
        return -1;
    master->server->parent_socket = descriptor;
    return 0;
}

void gee_upgrade_serves(gee_master_t *master) {
    const gee_server_state_t *server = master->server;
    if (server->parent_socket < 0)
        return;
    GEE_LIST_EACH(&server->listeners, link) {
        const gee_listener_t *listener = GEE_CONTAINER(link, gee_listener_t, link);
        if (listener->lent > 0)
            (void)gee_liaison_tell(server->parent_socket, -1, "keep %zu %s", listener->lent, listener->bound);
    }
    tell_workers(master);
    if (gee_liaison_tell(server->parent_socket, -1, "ready %u geerpc %s, pid %ld: %s", GEE_LIAISON_VERSION, gee_version,
                         (long)getpid(), gee_describe_cycle(master->running->cycle)) != 0)
        gee_log(master->log, GEE_LOG_ERROR, "the master before (pid %ld) cannot be told that this one is ready",
                (long)server->parent);
}
