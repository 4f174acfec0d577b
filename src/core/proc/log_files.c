/* log_files.c: opening, reopening and closing a cycle's log files. In the master. */
#include "core/proc/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_MODE 0644
#define FLAGS    (O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

void gee_log_files_init(gee_log_files_t *files, gee_server_state_t *server, gee_pool_t *pool) {
    files->server = server;
    files->pool = pool;
    gee_list_init(&files->files);
}

/* ---- the standard descriptors ---- */

/* -1: the path is no such word. */
static int find_standard(const char *path) {
    static const struct {
        const char *path;
        int descriptor;
    } names[] = { { "stdout", STDOUT_FILENO },          { "stderr", STDERR_FILENO },
                  { "/dev/stdout", STDOUT_FILENO },     { "/dev/stderr", STDERR_FILENO },
                  { "/dev/fd/1", STDOUT_FILENO },       { "/dev/fd/2", STDERR_FILENO },
                  { "/proc/self/fd/1", STDOUT_FILENO }, { "/proc/self/fd/2", STDERR_FILENO } };
    for (size_t i = 0; i < GEE_LENGTH(names); i++)
        if (strcmp(path, names[i].path) == 0)
            return names[i].descriptor;
    return -1;
}

bool gee_log_is_word(const char *path) {
    return find_standard(path) >= 0 || strcmp(path, GEE_LOG_OFF) == 0;
}

/* Opening a pipe or terminal again makes an open file description of the server's own, so that O_NONBLOCK affects no
 * other process. A socket cannot be opened again, nor may the pipe of another user: base/lines.h handles both. A
 * regular file is not opened again, so that all writers share one position. */
int gee_log_own_standard(int descriptor) {
    struct stat status;
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int own = fstat(descriptor, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode))
                  ? open(path, O_WRONLY | FLAGS)
                  : -1;
    return own >= 0 ? own : fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
}

static bool leads_nowhere(int descriptor) {
    struct stat status, null;
    return fstat(descriptor, &status) == 0 && stat("/dev/null", &null) == 0 && S_ISCHR(status.st_mode) &&
           status.st_rdev == null.st_rdev;
}

/* A server in the background has closed the standard descriptors that no log needed at the start. */
static int open_standard(gee_server_state_t *server, int descriptor, const char *path, gee_error_t *error) {
    bool given_up = server->detached || (server->parent != 0 && !server->foreground);
    if (given_up && !(server->kept_standard & 1U << descriptor) && leads_nowhere(descriptor))
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "cannot log to %s: this server has left its terminal, and standard %s with it; start it "
                             "anew with this setting, or with -F",
                             path, descriptor == STDOUT_FILENO ? "output" : "error");
    int own = gee_log_own_standard(descriptor);
    if (own < 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "cannot log to %s: %s", path, strerror(errno));
    server->kept_standard |= 1U << descriptor;
    return own;
}

/* ---- files ---- */

static int open_file(const char *path, gee_error_t *error) {
    int descriptor = open(path, O_WRONLY | O_CREAT | FLAGS, LOG_MODE);
    if (descriptor < 0 && errno == ENXIO) /* a named pipe without a reader; open() for reading and writing succeeds */
        descriptor = open(path, O_RDWR | FLAGS);
    if (descriptor < 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "cannot open the log file %s: %s", path, strerror(errno));
    return descriptor;
}

static int open_path(gee_log_files_t *files, gee_log_file_t *file, const char *path, gee_error_t *error) {
    file->path = gee_server_path(files->server, strcmp(path, GEE_LOG_OFF) == 0 ? "/dev/null" : path, files->pool);
    if (!file->path)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "log file %s: out of memory", path);
    gee_server_make_parent(files->server, file->path);
    file->created = files->server->trying && access(file->path, F_OK) != 0;
    return open_file(file->path, error);
}

int gee_log_files_open(gee_log_files_t *files, const char *path, gee_error_t *error) {
    gee_log_file_t *file = gee_pool_zalloc(files->pool, sizeof *file);
    int standard = find_standard(path);
    if (!file)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "log file %s: out of memory", path);
    file->descriptor =
        standard >= 0 ? open_standard(files->server, standard, path, error) : open_path(files, file, path, error);
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
        if (!file->path)
            continue;
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
    while ((link = gee_list_pop(&files->files)) != NULL) {
        const gee_log_file_t *file = GEE_CONTAINER(link, gee_log_file_t, link);
        (void)close(file->descriptor);
        if (file->created)
            (void)unlink(file->path);
    }
}
