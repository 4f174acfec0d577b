/* worker_crash.h: the log lines of a process that ends by a fault. */
#ifndef GEE_PROC_WORKER_CRASH_H
#define GEE_PROC_WORKER_CRASH_H

#include "core/base/error.h"
#include "core/base/log.h"

/* From now on SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT write lines to the log before they end this process. `name`
 * ("worker 0") is copied; the log must stay until the process ends. Precondition: on the main thread, which is the
 * loop's thread. Signals that a sanitizer has taken are left alone. */
int gee_worker_crash_arm(const char *name, gee_log_t *log, gee_error_t *error);

/* Called first and last on every other thread that runs handlers. Without these calls a stack overflow on that thread
 * ends the process without a line. */
void gee_worker_crash_enter_thread(void);
void gee_worker_crash_leave_thread(void);

#endif
