/* log_files.h: the log files of one cycle, opened by the master and inherited by its workers under the same numbers.
 *
 *   reopen: master opens the path again -> puts it under the same number -> sends it to each worker, which does so too
 *
 * A path may also be a word: "stderr" and "stdout" (or /dev/stderr, /dev/stdout) for the descriptors that the server
 * was started with, "off" for no log. Pipes and terminals are opened so that a write never waits (base/lines.h); a
 * named pipe without a reader keeps lines up to its size. */
#ifndef GEE_PROC_LOG_FILES_H
#define GEE_PROC_LOG_FILES_H

#include "core/proc/server.h"

typedef struct gee_log_file {
    gee_link_t link;
    int descriptor;
    bool created;     /* by a trial, which removes the file again */
    const char *path; /* absolute; null: a standard descriptor, which cannot be opened again */
} gee_log_file_t;

typedef struct gee_log_files {
    gee_server_state_t *server;
    gee_pool_t *pool;
    gee_list_t files;
} gee_log_files_t;

void gee_log_files_init(gee_log_files_t *files, gee_server_state_t *server, gee_pool_t *pool);
bool gee_log_is_word(const char *path);
/* A descriptor for standard output or error to which writes do not wait, if that is possible. -1: no descriptor is
 * left. */
int gee_log_own_standard(int descriptor);
/* The descriptor, or -1. */
int gee_log_files_open(gee_log_files_t *files, const char *path, gee_error_t *error);
/* Calls `reopened` for each file that could be opened again; the other files stay open as they were. -1: a file could
 * not be opened; `error` has the first reason. */
int gee_log_files_reopen(gee_log_files_t *files, void (*reopened)(int descriptor, void *data), void *data,
                         gee_error_t *error);
void gee_log_files_close(gee_log_files_t *files);

#endif
