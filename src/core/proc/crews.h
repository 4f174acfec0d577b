/* crews.h: all crews of the master: the running one, one that starts, and those that leave. */
#ifndef GEE_PROC_CREWS_H
#define GEE_PROC_CREWS_H

#include "core/proc/master.h"

/* Opens the cycle, which the function takes, and starts its crew as master->starting. */
int gee_crews_start(gee_master_t *master, gee_cycle_t **cycle, gee_error_t *error);
/* The workers of all other crews, and leaving workers of the running crew, pass their connections on to the running
 * crew. */
void gee_crews_hand_over(gee_master_t *master);
/* Is no worker left? */
bool gee_crews_gone(const gee_master_t *master);
/* True: the process was a worker of a crew, and is gone. */
bool gee_crews_reap(const gee_master_t *master, pid_t pid, int status);
void gee_crews_stop(gee_master_t *master, int signal); /* as gee_crew_stop() */
/* `asker` null: a signal asks. */
void gee_crews_reopen_logs(gee_master_t *master, gee_control_client_t *asker);
void gee_crews_forget(const gee_master_t *master); /* in a child */
void gee_crews_destroy(gee_master_t *master);

#endif
