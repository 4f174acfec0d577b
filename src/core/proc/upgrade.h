/* upgrade.h: another binary takes the place of this one, and at every moment one of the two serves.
 *
 *   old master                                                    new master
 *   USR2, geerpc -s upgrade: names become NAME.oldbin
 *   fork, exec --sockets, shared memory, liaison (inherit.h)----> reads its configuration, starts workers
 *   both serve <------------------keep, ready-------------------- serves
 *   QUIT: going, connections (take) ----------------------------> has them
 *   ends                                                          is the only master
 *
 *   or back: WINCH, HUP to the old master, or nothing; then QUIT to the new one: going, connections --> old; ends
 *
 * If the new master fails before it is ready, the old master has served all the time, and reports the reason. */
#ifndef GEE_PROC_UPGRADE_H
#define GEE_PROC_UPGRADE_H

#include "core/proc/control.h"
#include "core/proc/liaison.h"
#include "core/proc/server.h"

typedef struct gee_master gee_master_t;

typedef enum gee_upgrade_state {
    GEE_UPGRADE_NONE,
    GEE_UPGRADE_STARTING, /* the new master is started, but not ready */
    GEE_UPGRADE_READY     /* the new master serves */
} gee_upgrade_state_t;

typedef struct gee_upgrade {
    /* the new master, which this master has started */
    gee_upgrade_state_t state;
    pid_t pid;
    char *summary;  /* the text of the new master's "ready"; null: not ready */
    char *reason;   /* why the new master does not start; null: not known */
    bool finish;    /* -s upgrade: this master quits when the new one is ready */
    bool by_name;   /* pid file and control socket have the names of an old master */
    bool came_back; /* the new master ends: its connections come here */
    gee_timer_t patience, stragglers;

    /* the master before this one */
    bool parent_goes; /* that master has said "going": soon another upgrade can begin */

    /* the other master, new or old */
    gee_liaison_t liaison;
    unsigned version;  /* of the other master's liaison; connections move if the versions are equal */
    unsigned workers;  /* of the other master; 0: not told */
    gee_list_t takes;  /* sockets of the other's workers that wait for a serving worker here */
    size_t take_count; /* takes so far: the workers take turns */

    const char *pid_paths[2], *control_paths[2]; /* [0] usual, [1] of an old master */
} gee_upgrade_t;

/* ---- the old master ---- */
void gee_upgrade_ask(gee_master_t *master, gee_control_client_t *asker); /* null: a signal */
/* True: the process was the new master, which is gone. */
bool gee_upgrade_reap(gee_master_t *master, pid_t pid, int status);
/* With two masters, a reload of the old one is refused, or brings drained workers back. True: one of the two
 * happened. */
bool gee_upgrade_instead_of_reload(gee_master_t *master, gee_control_client_t *asker);

/* ---- the new one ---- */
/* Opens the liaison to the master before, if there is one. */
int gee_upgrade_open(gee_master_t *master, gee_error_t *error);
void gee_upgrade_serves(gee_master_t *master);                                 /* this master is ready */
void gee_upgrade_tell_failure(gee_server_state_t *server, const char *reason); /* this master will not become ready */

/* ---- both ---- */
/* This master begins to end; `quietly`: connections move to the other master first. */
void gee_upgrade_go(gee_master_t *master, bool quietly);
void gee_upgrade_gone(gee_master_t *master); /* this master's last worker has left */
/* This master's workers are about to leave: pairs them with the other master's workers, if that master speaks this
 * version of the liaison. */
void gee_upgrade_hand_over(gee_master_t *master);
void gee_upgrade_joined(gee_master_t *master); /* a worker serves */
/* "pid 4711 is there to replace this one"; null: there is no other master. Static memory. */
const char *gee_upgrade_describe(const gee_master_t *master);
void gee_upgrade_forget(const gee_master_t *master); /* in a child */
void gee_upgrade_close(gee_master_t *master);

#endif
