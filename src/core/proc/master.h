/* master.h: the master process: one loop, no waiting; it handles signals and commands, loads configurations, owns the
 * listening sockets, starts and replaces workers.
 *
 *   STARTING --all workers ready--> RUNNING --QUIT--> QUITTING --TERM--> STOPPING --no worker left--> end
 *                                    | ^
 *                                    v |  HUP, geerpc -s reload: a second crew beside the running one, then instead of it
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

/* What clients of the control socket wait for. */
enum {
    GEE_WAITS_RELOAD = 1,
    GEE_WAITS_NEXT_RELOAD,
    GEE_WAITS_END,
    GEE_WAITS_STATUS,
    GEE_WAITS_UPGRADE,
    GEE_WAITS_NEXT_UPGRADE
};

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
    gee_list_t crews;     /* all that have workers: running, starting, leaving */
    gee_crew_t *running;  /* null until the first is ready */
    gee_crew_t *starting; /* the first one, or that of a reload; null when there is none */
    bool drained;         /* by WINCH: the running crew's workers have left; a reload starts new ones */

    /* reload.c */
    bool reload_again;   /* asked for while one was under way */
    char *reload_reason; /* why the one under way fails; null: it does not */

    /* commands.c */
    gee_timer_t status_timer;

    /* the end: drain_delay */
    gee_timer_t drain_timer;
    int64_t drained_ns; /* when it is over */

    gee_upgrade_t upgrade;
};

/* Takes the cycle, which was loaded without errors and is not opened. Returns the exit status when the server ends. */
int gee_master_run(gee_server_state_t *server, gee_cycle_t **cycle, gee_starter_t *starter);

/* master.c, for the other two files. */
/* Opens the cycle, which it takes, and starts its crew as master->starting. */
int gee_master_start_crew(gee_master_t *master, gee_cycle_t **cycle, gee_error_t *error);
/* The workers of all other crews, and those of the running one that leave, pass their connections on to it. */
void gee_master_hand_over(gee_master_t *master);
void gee_master_quit(gee_master_t *master);
void gee_master_stop(gee_master_t *master);
void gee_master_reopen_logs(gee_master_t *master, gee_control_client_t *asker);

/* reload.c */
void gee_reload_ask(gee_master_t *master, gee_control_client_t *asker); /* null: a signal */
void gee_reload_begin_again(gee_master_t *master);                      /* if one was asked for meanwhile */
void gee_reload_ready(gee_master_t *master);                            /* master->starting is ready */
void gee_reload_failed(gee_master_t *master, const char *reason);       /* ... cannot start */
void gee_reload_rolled_back(gee_master_t *master);                      /* ... and its workers are gone */
void gee_reload_forget(gee_master_t *master, const char *reason);       /* the server ends */

/* commands.c */
void gee_command(gee_control_client_t *client, const char *command, void *master);
void gee_command_status_answered(gee_master_t *master);
void gee_answer_waiting(gee_master_t *master, unsigned waiting, bool ok, const char *text);
/* "tcp@127.0.0.1:9999 unix@/run/geerpc.sock, 2 workers", in the cycle's pool. */
const char *gee_describe_cycle(const gee_cycle_t *cycle);
/* The same with "ready". */
const char *gee_describe_ready(const gee_cycle_t *cycle);
/* "try: geectl call ...", for a person at a terminal; null: nothing is served that everybody knows how to call. */
const char *gee_describe_try(const gee_cycle_t *cycle);

#endif
