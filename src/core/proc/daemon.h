/* daemon.h: going into the background, and telling whoever started the server how that went.
 *
 *   parent: waits on a pipe, prints what comes, exits 0 or 1          child: starts; says ready, or why not; goes on
 */
#ifndef GEE_PROC_DAEMON_H
#define GEE_PROC_DAEMON_H

#include <stdbool.h>

#include "core/base/error.h"

typedef struct gee_starter {
    int pipe;      /* -1: in the foreground, texts are printed by this process */
    unsigned kept; /* bits 0 to 2: standard descriptors that stay when it goes into the background */
} gee_starter_t;

/* Forks. True in the child, with `starter` to report to; false in the parent, when the outcome is known and printed,
 * with its exit status. Also false when the fork failed. */
bool gee_daemonize(gee_starter_t *starter, int *exit_status);
/* The lines for standard output, or (not ok) for standard error; in the background once. In the child the standard descriptors
 * then lead to /dev/null. In the foreground, what is not read at once is lost: the server does not wait for its reader. */
void gee_starter_tell(gee_starter_t *starter, bool ok, const char *text);
/* In a worker. */
void gee_starter_forget(const gee_starter_t *starter);

#endif
