/* trial.h: geerpc -t --open: would a start be refused for what the configuration names?
 *
 *   pid file, control socket, logs, addresses, what modules open: opened as a start does -> closed, new files removed
 *
 * A running server of this configuration keeps its files and addresses: the control socket's answer shows that the
 * server runs, and lists its addresses. The trial listens on no port, so that no connection comes here. */
#ifndef GEE_PROC_TRIAL_H
#define GEE_PROC_TRIAL_H

#include "core/proc/cycle.h"

/* Adds each reason, with its line of the file, to cycle->errors. True: a server of this configuration runs. */
bool gee_trial(gee_cycle_t *cycle);

#endif
