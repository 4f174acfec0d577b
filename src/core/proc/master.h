/* master.h: the master process: one loop, no waiting; it handles signals and commands, loads configurations, owns the
 * listening sockets, starts and replaces workers.
 *
 *   STARTING --all workers ready--> RUNNING --QUIT--> QUITTING --TERM--> STOPPING --no worker left--> end
 *                                    | ^
 *                                    v |  HUP, geerpc -s reload: a second crew beside the first, then in its place
 */
#ifndef GEE_PROC_MASTER_H
#define GEE_PROC_MASTER_H

#include "core/proc/control.h"
#include "core/proc/crew.h"
#include "core/proc/daemon.h"
#include "core/proc/pidfile.h"
#include "core/proc/upgrade.h"

typedef enum gee_master_phase {
    GEE_MASTER_STARTING,
    GEE_MASTER_RUNNING,
    GEE_MASTER_QUITTING,
    GEE_MASTER_STOPPING
} gee_master_phase_t;

struct gee_master {
    gee_server_state_t *server;
    gee_log_t *log;
    gee_loop_t *loop;
    gee_starter_t *starter;
    gee_pidfile_t pidfile;
    gee_control_t control;
    gee_master_phase_t phase;
    int exit_status;
    int64_t started_ns;
    gee_list_t crews; /* all crews with workers: running, starting, leaving */
    const gee_crew_events_t *crew_events;
    gee_crew_t *running;  /* null until the first crew is ready */
    gee_crew_t *starting; /* the first crew, or the crew of a reload; null: none */
    bool drained;         /* by WINCH: the running crew's workers have left; a reload starts new ones */

    /* reload.c */
    bool reload_again;   /* a reload was asked for during a reload */
    char *reload_reason; /* why the reload under way fails; null: no failure */

    /* status.c */
    gee_timer_t status_timer;

    /* master_end.c: drain_delay */
    gee_timer_t drain_timer;
    int64_t drained_ns; /* the end of drain_delay */

    gee_upgrade_t upgrade;
};

/* Takes the cycle, which was loaded without errors and is not opened. Returns the exit status when the server ends. */
int gee_master_run(gee_server_state_t *server, gee_cycle_t **cycle, gee_starter_t *starter);

/* ---- master_end.c ---- */
/* The first start fails: tells the reason to the starter, to systemd, to the master before and to the log. */
void gee_master_fail_start(gee_master_t *master, const char *reason);
void gee_master_quit(
    gee_master_t *master); /* calls in flight are finished first; a second time: no drain_delay any more */
void gee_master_stop(gee_master_t *master); /* at once */
bool gee_master_is_ending(const gee_master_t *master);

/* ---- reload.c ---- */
void gee_reload_ask(gee_master_t *master, gee_control_client_t *asker); /* null: a signal */
void gee_reload_begin_again(gee_master_t *master);                      /* if another reload was asked for meanwhile */
void gee_reload_ready(gee_master_t *master);                            /* master->starting is ready */
void gee_reload_failed(gee_master_t *master, const char *reason);       /* ... cannot start */
void gee_reload_rolled_back(gee_master_t *master);                      /* ... and its workers are gone */

/* ---- commands.c ---- */
void gee_command(gee_control_client_t *client, const char *command, void *master);

#endif
