/* trial.h: geerpc -t --open: would a start be refused for what the configuration names?
 *
 *   pid file, control socket, logs, addresses, what modules open: opened as a start does -> closed, removed where it was not there
 *
 * A server of this configuration that runs keeps what it has: it is known by its answer at the control socket, and says there where
 * it listens. No address is listened on, so that no connection comes here. */
#ifndef GEE_PROC_TRIAL_H
#define GEE_PROC_TRIAL_H

#include "core/proc/cycle.h"

/* Each reason, with its line of the file, goes into cycle->errors. True: a server runs. */
bool gee_trial(gee_cycle_t *cycle);

#endif
