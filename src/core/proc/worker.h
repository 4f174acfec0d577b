/* worker.h: the worker process. */
#ifndef GEE_PROC_WORKER_H
#define GEE_PROC_WORKER_H

#include "core/proc/cycle.h"

/* Runs in the child, from just after fork to its end; takes its end of the channel. Returns the exit status. */
int gee_worker_main(gee_cycle_t *cycle, unsigned index, int channel);

#endif
