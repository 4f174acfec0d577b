/* worker.h: the worker process. */
#ifndef GEE_PROC_WORKER_H
#define GEE_PROC_WORKER_H

#include "core/proc/cycle.h"

/* Runs the worker, in the child right after fork; takes the worker's end of the channel. Returns the exit status. */
int gee_worker_main(gee_cycle_t *cycle, unsigned index, int channel);

#endif
