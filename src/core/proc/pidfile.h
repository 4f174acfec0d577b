/* pidfile.h: the file with the master's process id, locked as long as the master lives. */
#ifndef GEE_PROC_PIDFILE_H
#define GEE_PROC_PIDFILE_H

#include "core/base/error.h"

typedef struct gee_pidfile {
    int descriptor; /* -1: none */
    const char *path;
} gee_pidfile_t;

/* Creates or takes over the file at an absolute path (kept, not copied). Refused while another process has it locked:
 * "already running, pid N". The lock belongs to the calling process; it is not inherited by fork. */
int gee_pidfile_take(gee_pidfile_t *pidfile, const char *path, gee_error_t *error);
/* Gives it another path (kept, not copied), in place of whatever is there. -1: it stays where it was. */
int gee_pidfile_move(gee_pidfile_t *pidfile, const char *path, gee_error_t *error);
/* Removes the file and lets the lock go. Allowed when nothing was taken. */
void gee_pidfile_release(gee_pidfile_t *pidfile);

#endif
