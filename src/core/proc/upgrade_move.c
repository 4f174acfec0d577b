/* upgrade_move.c: connections that move between the two masters' workers, and the end of this master. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/event/rights.h"
#include "core/proc/master.h"
#include "core/proc/pairs.h"
#include "core/proc/upgrade_private.h"

typedef struct take {
    gee_link_t link;
    int end;
} take_t;

bool gee_upgrade_same_version(const gee_master_t *master) {
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
        (void)gee_worker_take(taker, take->end); /* on failure, closing the end tells the giver */
        (void)close(take->end);
        gee_list_remove(link);
        free(take);
    }
}

void gee_upgrade_take(gee_master_t *master, int end) {
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

/* Pairs the giver with several workers of the other master, which take turns (pairs.h). */
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
    if (!gee_upgrade_same_version(master)) {
        gee_log(master->log, GEE_LOG_NOTICE,
                "the other master's binary speaks another version: connections stay here until they end");
        return;
    }
    GEE_LIST_EACH(&master->crews, link)
        give_all(master, GEE_CONTAINER(link, gee_crew_t, link));
}

/* ---- this master ends ---- */

void gee_upgrade_tell_failure(gee_server_state_t *server, const char *reason) {
    if (server->parent_socket >= 0)
        (void)gee_liaison_tell(server->parent_socket, -1, "failed %s", reason);
}

void gee_upgrade_go(gee_master_t *master, bool quietly) {
    gee_upgrade_t *upgrade = &master->upgrade;
    drop_takes(upgrade);
    gee_upgrade_leave_to_new(master);
    if (!master->server->elsewhere)
        return;
    if (gee_upgrade_same_version(master))
        (void)gee_liaison_tell(upgrade->liaison.watch.descriptor, -1, "going");
    if (quietly)
        gee_upgrade_hand_over(master);
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
    master->server->parent_socket = -1;
    free(upgrade->summary);
    free(upgrade->reason);
}
