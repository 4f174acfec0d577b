/* log_files.c: opening, reopening and closing a cycle's log files. In the master. */
#include "core/proc/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define LOG_MODE 0644

void gee_log_files_init(gee_log_files_t *files, const gee_server_state_t *server, gee_pool_t *pool) {
    files->server = server;
    files->pool = pool;
    gee_list_init(&files->files);
}

static int open_file(const char *path, gee_error_t *error) {
    int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, LOG_MODE);
    if (descriptor < 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "cannot open the log file %s: %s", path, strerror(errno));
    return descriptor;
}

int gee_log_files_open(gee_log_files_t *files, const char *path, gee_error_t *error) {
    gee_log_file_t *file = gee_pool_zalloc(files->pool, sizeof *file);
    if (!file || !(file->path = gee_server_path(files->server, path, files->pool)))
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "log file %s: out of memory", path);
    gee_server_make_parent(files->server, file->path);
    file->descriptor = open_file(file->path, error);
    if (file->descriptor < 0)
        return -1;
    gee_list_append(&files->files, &file->link);
    return file->descriptor;
}

static int reopen(gee_log_file_t *file, gee_error_t *error) {
    int fresh = open_file(file->path, error);
    if (fresh < 0)
        return -1;
    int result = 0;
    if (dup3(fresh, file->descriptor, O_CLOEXEC) < 0)
        result =
            gee_error_set(error, GEE_UNAVAILABLE, "cannot reopen the log file %s: %s", file->path, strerror(errno));
    (void)close(fresh);
    return result;
}

int gee_log_files_reopen(gee_log_files_t *files, void (*reopened)(int descriptor, void *data), void *data,
                         gee_error_t *error) {
    int result = 0;
    GEE_LIST_EACH(&files->files, link) {
        gee_log_file_t *file = GEE_CONTAINER(link, gee_log_file_t, link);
        gee_error_t reason;
        if (reopen(file, &reason) == 0) {
            reopened(file->descriptor, data);
        } else {
            if (result == 0)
                *error = reason;
            result = -1;
        }
    }
    return result;
}

void gee_log_files_close(gee_log_files_t *files) {
    gee_link_t *link;
    while ((link = gee_list_pop(&files->files)) != NULL)
        (void)close(GEE_CONTAINER(link, gee_log_file_t, link)->descriptor);
}
