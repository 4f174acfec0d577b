/* upgrade.h: another binary takes the place of this one, without a moment in which nobody serves.
 *
 *   old master                                                    new master
 *   USR2, geerpc -s upgrade: names become NAME.oldbin
 *   fork, exec --sockets, shared memory, liaison (inherit.h)----> reads its configuration, starts workers
 *   both serve <------------------keep, ready-------------------- serves
 *   QUIT: going, connections (take) ----------------------------> has them
 *   ends                                                          is alone: as any other master
 *
 *   or back: WINCH, HUP to the old one, or nothing; then QUIT to the new one: going, connections --> old master; ends
 *
 * Whatever becomes of the new one before it is ready, the old one has gone on serving and says why. */
#ifndef GEE_PROC_UPGRADE_H
#define GEE_PROC_UPGRADE_H

#include "core/proc/control.h"
#include "core/proc/liaison.h"
#include "core/proc/server.h"

typedef struct gee_master gee_master_t;

typedef enum gee_upgrade_state {
    GEE_UPGRADE_NONE,
    GEE_UPGRADE_STARTING, /* the new master is not ready */
    GEE_UPGRADE_READY     /* it serves */
} gee_upgrade_state_t;

typedef struct gee_upgrade {
    /* of the new master that this one has started */
    gee_upgrade_state_t state;
    pid_t pid;
    char *summary;  /* what it says it is; null: nothing yet */
    char *reason;   /* why it does not start; null: not known */
    bool finish;    /* -s upgrade: this one ends when the new one is ready */
    bool by_name;   /* pid file and control socket have their other names */
    bool came_back; /* the new one goes: its connections come here */
    gee_timer_t patience, stragglers;

    /* of the master before this one */
    bool parent_goes; /* it has said so: soon another upgrade can begin */

    /* of the other master, whether new or old */
    gee_liaison_t liaison;
    unsigned version;  /* of what it says; connections move between equal ones */
    unsigned workers;  /* that it has; 0: it has not said */
    gee_list_t takes;  /* sockets of its workers, for workers of ours that do not serve yet */
    size_t take_count; /* so far: they go round */

    const char *pid_paths[2], *control_paths[2]; /* the usual one, that of an old master */
} gee_upgrade_t;

/* ---- the old master ---- */
void gee_upgrade_ask(gee_master_t *master, gee_control_client_t *asker); /* null: a signal */
/* True: it was the new master, and is gone. */
bool gee_upgrade_reap(gee_master_t *master, pid_t pid, int status);
/* While there are two masters a reload of the old one is refused; or its workers come back. True: so it was. */
bool gee_upgrade_instead_of_reload(gee_master_t *master, gee_control_client_t *asker);

/* ---- the new one ---- */
/* Listens to the master that it was started by, if it was. */
int gee_upgrade_open(gee_master_t *master, gee_error_t *error);
void gee_upgrade_serves(gee_master_t *master);                                 /* it is ready */
void gee_upgrade_tell_failure(gee_server_state_t *server, const char *reason); /* it will not be */

/* ---- both ---- */
/* This master begins to end: `quietly`, with time for its connections to move. */
void gee_upgrade_go(gee_master_t *master, bool quietly);
void gee_upgrade_gone(gee_master_t *master); /* its last worker has left */
/* Its workers are about to leave: their connections move to the other master's, if there is one that can have them. */
void gee_upgrade_hand_over(gee_master_t *master);
void gee_upgrade_joined(gee_master_t *master); /* a worker serves */
/* "pid 4711 is there to replace this one"; null: there is no other. In static memory. */
const char *gee_upgrade_describe(const gee_master_t *master);
void gee_upgrade_forget(const gee_master_t *master); /* in a worker */
void gee_upgrade_close(gee_master_t *master);

#endif
