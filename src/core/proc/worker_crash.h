/* worker_crash.h: the last words of a process that dies of a fault. */
#ifndef GEE_PROC_WORKER_CRASH_H
#define GEE_PROC_WORKER_CRASH_H

#include "core/base/error.h"
#include "core/base/log.h"

/* From now on SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT leave lines in the log before they end this process. `name`
 * ("worker 0") is copied; the log outlives the process. On the main thread, which is the loop's. A sanitizer keeps the
 * signals that it has taken. */
int gee_worker_crash_arm(const char *name, gee_log_t *log, gee_error_t *error);

/* On each further thread that runs handlers: its first words and its last. Without them a stack overflow there ends the
 * process without a line. */
void gee_worker_crash_enter_thread(void);
void gee_worker_crash_leave_thread(void);

#endif
