/* pidfile.h: the file with the master's process id, locked as long as the master lives. */
#ifndef GEE_PROC_PIDFILE_H
#define GEE_PROC_PIDFILE_H

#include "core/base/error.h"

typedef struct gee_pidfile {
    int descriptor; /* -1: none */
    const char *path;
} gee_pidfile_t;

/* Creates or takes over the file at an absolute path (kept, not copied). Refused while another process has it locked:
 * "already running, pid N". The lock belongs to the calling process; fork() does not pass the lock on. */
int gee_pidfile_take(gee_pidfile_t *pidfile, const char *path, gee_error_t *error);
/* Renames the file to another path (kept, not copied) and replaces a file there. -1: the file keeps its path. */
int gee_pidfile_move(gee_pidfile_t *pidfile, const char *path, gee_error_t *error);
/* Removes the file and releases the lock. Does nothing if no file was taken. */
void gee_pidfile_release(gee_pidfile_t *pidfile);

#endif
