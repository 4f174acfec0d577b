/* process.c: owners of places in shared memory, by process id. */
#include "core/base/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/types.h>

bool gee_process_alive(int64_t process) {
    return process != 0 && (kill((pid_t)process, 0) == 0 || errno == EPERM);
}

bool gee_process_claim(_Atomic int64_t *owner, int64_t process) {
    int64_t before = atomic_load_explicit(owner, memory_order_acquire);
    if (before != process && gee_process_alive(before))
        return false;
    return atomic_compare_exchange_strong(owner, &before, process);
}
