/* worker_end.c: when a worker that leaves has nothing left to do, and its loop stops. */
#include "core/base/assert.h"
#include "core/proc/worker_private.h"
#include "core/rpc/engine_private.h"

#define LAST_PATIENCE (500 * GEE_MILLISECOND) /* with peers that do not close their side */

void gee_worker_end(gee_worker_process_t *process) {
    GEE_ASSERT(process->leaving);
    process->stopped = true;
    gee_loop_stop(process->loop);
}

void gee_worker_check_end(gee_worker_process_t *process) {
    int64_t now = gee_loop_now(process->loop);
    if (!process->leaving || process->stopped)
        return;
    if (process->connections > 0 || process->engine->live_calls > 0) {
        process->idle_ns = 0;
        return;
    }
    if (process->idle_ns == 0)
        process->idle_ns = now;
    if (!gee_loop_lingering(process->loop) || now - process->idle_ns >= LAST_PATIENCE)
        gee_worker_end(process);
}
