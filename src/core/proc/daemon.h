/* daemon.h: going into the background, and reporting the outcome of the start to the process that started the server.
 *
 *   parent: waits on a pipe, prints the text, exits 0 or 1     child: starts; reports ready or the reason; goes on
 */
#ifndef GEE_PROC_DAEMON_H
#define GEE_PROC_DAEMON_H

#include <stdbool.h>

#include "core/base/error.h"

typedef struct gee_starter {
    int pipe;      /* -1: in the foreground; this process prints the texts */
    unsigned kept; /* bits 0 to 2: standard descriptors that stay open in the background */
} gee_starter_t;

/* Forks. True in the child, which reports to `starter`. False in the parent, with the exit status, when the outcome
 * is known and printed; also when the fork failed. */
bool gee_daemonize(gee_starter_t *starter, int *exit_status);
/* Prints lines on standard output, or on standard error if not `ok`. In the background only the first call reports;
 * after success the child's standard descriptors lead to /dev/null. In the foreground, output that the reader does
 * not take at once is lost: the server does not wait. */
void gee_starter_tell(gee_starter_t *starter, bool ok, const char *text);
/* In a worker: closes the pipe. */
void gee_starter_forget(const gee_starter_t *starter);

#endif
