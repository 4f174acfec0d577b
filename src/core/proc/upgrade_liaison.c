/* upgrade_liaison.c: what a master hears from the other one and says to it; connections that move between them; and the part
 * of the new one. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/event/rights.h"
#include "core/proc/master.h"
#include "core/proc/notify.h"
#include "core/proc/pairs.h"
#include "core/proc/upgrade_private.h"

#define MOST_TAKES 1024 /* that wait for a worker */

typedef struct take {
    gee_link_t link;
    int end;
} take_t;

static gee_master_t *master_of(gee_liaison_t *liaison) {
    return GEE_CONTAINER(liaison, gee_master_t, upgrade.liaison);
}

static bool same_version(const gee_master_t *master) {
    return master->upgrade.version == GEE_LIAISON_VERSION && master->upgrade.liaison.watch.descriptor >= 0;
}

/* ---- connections that come ---- */

static void drop_takes(gee_upgrade_t *upgrade) {
    gee_link_t *link;
    while ((link = gee_list_pop(&upgrade->takes)) != NULL) {
        (void)close(GEE_CONTAINER(link, take_t, link)->end);
        free(GEE_CONTAINER(link, take_t, link));
    }
}

void gee_upgrade_joined(gee_master_t *master) {
    gee_upgrade_t *upgrade = &master->upgrade;
    GEE_LIST_EACH(&upgrade->takes, link) {
        take_t *take = GEE_CONTAINER(link, take_t, link);
        gee_worker_t *taker = master->running ? gee_crew_taker(master->running, upgrade->take_count) : NULL;
        if (!taker)
            return;
        upgrade->take_count++;
        (void)gee_worker_take(taker, take->end); /* closed here in any case: the giver notices when it failed */
        (void)close(take->end);
        gee_list_remove(link);
        free(take);
    }
}

/* A worker of the other master passes its connections on to one of ours. */
static void take_over(gee_master_t *master, int end) {
    gee_upgrade_t *upgrade = &master->upgrade;
    take_t *take = end >= 0 && master->phase == GEE_MASTER_RUNNING ? calloc(1, sizeof *take) : NULL;
    if (!take) {
        if (end >= 0)
            (void)close(end);
        return;
    }
    take->end = end;
    gee_list_append(&upgrade->takes, &take->link);
    gee_upgrade_joined(master);
}

/* ---- connections that go ---- */

static int give_once(gee_master_t *master, gee_worker_t *giver, gee_error_t *error) {
    int ends[2], result = 0;
    if (gee_rights_pair(ends, error) != 0)
        return -1;
    if (gee_liaison_tell(master->upgrade.liaison.watch.descriptor, ends[1], "take") != 0)
        result =
            gee_error_set(error, GEE_UNAVAILABLE, "the other master takes no messages: it is ending, or stands still");
    else if (gee_worker_give(giver, ends[0], giver->crew->give_set) != 0)
        result = gee_worker_deaf(giver, error);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return result;
}

/* The other master's workers take turns (pairs.h). */
static int give(gee_master_t *master, gee_worker_t *giver, gee_error_t *error) {
    int result = give_once(master, giver, error);
    for (size_t n = 1; n < master->upgrade.workers && n < GEE_PAIRS_MOST; n++)
        if (give_once(master, giver, error) == 0)
            result = 0;
    return result;
}

static void give_all(gee_master_t *master, gee_crew_t *crew) {
    crew->give_set++;
    GEE_LIST_EACH(&crew->workers, link) {
        gee_worker_t *giver = GEE_CONTAINER(link, gee_worker_t, link);
        gee_error_t error;
        if (giver->index >= crew->count || giver->state == GEE_WORKER_STARTING || giver->killed ||
            give(master, giver, &error) == 0)
            continue;
        gee_log(master->log, GEE_LOG_WARN, "worker %u (pid %d) keeps its connections until they end: %s", giver->index,
                (int)giver->pid, error.text);
    }
}

void gee_upgrade_hand_over(gee_master_t *master) {
    if (!master->server->elsewhere)
        return;
    if (!same_version(master)) {
        gee_log(master->log, GEE_LOG_NOTICE,
                "the other master's binary speaks another version: connections stay here until they end");
        return;
    }
    GEE_LIST_EACH(&master->crews, link)
        give_all(master, GEE_CONTAINER(link, gee_crew_t, link));
}

/* ---- what the other one says ---- */

/* The other one has the sockets of that listener too: what waits in them is not lost when this one goes. */
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
    if (same_version(master))
        (void)gee_liaison_tell(master->upgrade.liaison.watch.descriptor, -1, "workers %u", master->running->count);
}

static void hear_ready(gee_master_t *master, const char *rest) {
    int skipped = 0;
    if (sscanf(rest, "%u %n", &master->upgrade.version, &skipped) != 1)
        return;
    gee_upgrade_ready(master, rest + skipped);
    tell_workers(master);
}

static void hear_failed(gee_master_t *master, const char *reason) {
    gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->state == GEE_UPGRADE_STARTING && !upgrade->reason)
        upgrade->reason = strdup(reason);
}

void gee_upgrade_alone(gee_master_t *master) {
    master->server->elsewhere = false;
    GEE_LIST_EACH(&master->server->listeners, link)
        GEE_CONTAINER(link, gee_listener_t, link)->lent = 0;
}

static void hear_going(gee_master_t *master) {
    gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->state == GEE_UPGRADE_STARTING)
        return; /* it never served; that it ends is heard by waitpid() */
    gee_upgrade_alone(master);
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

static void on_said(gee_liaison_t *liaison, const char *word, const char *rest, int descriptor) {
    gee_master_t *master = master_of(liaison);
    if (strcmp(word, "take") == 0) {
        take_over(master, descriptor);
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

/* The old master hears of the new one's end by waitpid(); the new one only so. */
static void on_ended(gee_liaison_t *liaison) {
    gee_master_t *master = master_of(liaison);
    if (master->server->parent_link < 0)
        return;
    master->server->parent_link = -1;
    master->upgrade.parent_goes = false;
    gee_upgrade_alone(master);
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
    upgrade->liaison = (gee_liaison_t){ .watch.descriptor = -1, .said = on_said, .ended = on_ended };
    if (master->server->parent_link < 0)
        return 0;
    upgrade->version = master->server->parent_version;
    upgrade->workers = 0;
    int link = master->server->parent_link;
    master->server->parent_link = -1;
    if (gee_liaison_open(&upgrade->liaison, master->loop, link, error) != 0)
        return -1;
    master->server->parent_link = link;
    return 0;
}

void gee_upgrade_serves(gee_master_t *master) {
    const gee_server_state_t *server = master->server;
    if (server->parent_link < 0)
        return;
    GEE_LIST_EACH(&server->listeners, link) {
        const gee_listener_t *listener = GEE_CONTAINER(link, gee_listener_t, link);
        if (listener->lent > 0)
            (void)gee_liaison_tell(server->parent_link, -1, "keep %zu %s", listener->lent, listener->bound);
    }
    tell_workers(master);
    if (gee_liaison_tell(server->parent_link, -1, "ready %u geerpc %s, pid %ld: %s", GEE_LIAISON_VERSION, gee_version,
                         (long)getpid(), gee_describe_cycle(master->running->cycle)) != 0)
        gee_log(master->log, GEE_LOG_ERROR, "the master before (pid %ld) cannot be told that this one is ready",
                (long)server->parent);
}

void gee_upgrade_tell_failure(gee_server_state_t *server, const char *reason) {
    if (server->parent_link >= 0)
        (void)gee_liaison_tell(server->parent_link, -1, "failed %s", reason);
}

/* ---- either ---- */

void gee_upgrade_go(gee_master_t *master, bool quietly) {
    gee_upgrade_t *upgrade = &master->upgrade;
    drop_takes(upgrade);
    gee_upgrade_leave_to_new(master);
    if (!master->server->elsewhere)
        return;
    if (same_version(master))
        (void)gee_liaison_tell(upgrade->liaison.watch.descriptor, -1, "going");
    if (quietly)
        gee_upgrade_hand_over(master);
}

const char *gee_upgrade_describe(const gee_master_t *master) {
    static char text[120];
    const gee_upgrade_t *upgrade = &master->upgrade;
    if (upgrade->state != GEE_UPGRADE_NONE)
        (void)gee_str_format(text, sizeof text, "pid %ld, which %s to replace this one", (long)upgrade->pid,
                             upgrade->state == GEE_UPGRADE_STARTING ? "starts" : "serves");
    else if (master->server->parent_link >= 0)
        (void)gee_str_format(text, sizeof text, "pid %ld, which this one is to replace", (long)master->server->parent);
    else
        return NULL;
    return text;
}

void gee_upgrade_forget(const gee_master_t *master) {
    if (master->upgrade.liaison.watch.descriptor >= 0)
        (void)close(master->upgrade.liaison.watch.descriptor);
    GEE_LIST_EACH(&master->upgrade.takes, link)
        (void)close(GEE_CONTAINER(link, take_t, link)->end);
}

void gee_upgrade_close(gee_master_t *master) {
    gee_upgrade_t *upgrade = &master->upgrade;
    drop_takes(upgrade);
    gee_timer_stop(master->loop, &upgrade->patience);
    gee_timer_stop(master->loop, &upgrade->stragglers);
    gee_liaison_close(&upgrade->liaison);
    master->server->parent_link = -1;
    free(upgrade->summary);
    free(upgrade->reason);
}
