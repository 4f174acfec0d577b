/* log_files.h: the log files of one cycle, opened by the master and inherited by its workers under the same numbers.
 *
 *   reopen: master opens the path again -> puts it under the same number -> sends it to each worker, which does so too
 *
 * A path may also be a word: "stderr" and "stdout" (or /dev/stderr, /dev/stdout) for what the server was started with, "off" for
 * no log. Pipes and terminals are opened so that a write never waits (base/lines.h); a named pipe without a reader keeps what
 * fits until there is one. */
#ifndef GEE_PROC_LOG_FILES_H
#define GEE_PROC_LOG_FILES_H

#include "core/proc/server.h"

typedef struct gee_log_file {
    gee_link_t link;
    int descriptor;
    bool created;     /* by a trial: it is removed again */
    const char *path; /* absolute; null: a standard descriptor, which cannot be opened again */
} gee_log_file_t;

typedef struct gee_log_files {
    gee_server_state_t *server;
    gee_pool_t *pool;
    gee_list_t files;
} gee_log_files_t;

void gee_log_files_init(gee_log_files_t *files, gee_server_state_t *server, gee_pool_t *pool);
bool gee_log_is_word(const char *path);
/* Standard output or error in a form to which writes do not wait, where it can be had. -1: no descriptor is left. */
int gee_log_own_standard(int descriptor);
/* The descriptor, or -1. */
int gee_log_files_open(gee_log_files_t *files, const char *path, gee_error_t *error);
/* `reopened` is called for each file that could be opened again; the others stay as they are. -1: one or more could not,
 * the first one's reason is in `error`. */
int gee_log_files_reopen(gee_log_files_t *files, void (*reopened)(int descriptor, void *data), void *data,
                         gee_error_t *error);
void gee_log_files_close(gee_log_files_t *files);

#endif
