/* pidfile.c: an fcntl lock, which dies with its process and says who holds it; the text in the file is for people and
 * scripts. */
#include "core/proc/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"

#define PID_MODE 0644

static int lock(int descriptor, const char *path, gee_error_t *error) {
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(descriptor, F_SETLK, &whole) == 0)
        return 0;
    if (errno != EACCES && errno != EAGAIN)
        return gee_error_set(error, GEE_UNAVAILABLE, "cannot lock the pid file %s: %s", path, strerror(errno));
    if (fcntl(descriptor, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
        return gee_error_set(error, GEE_ALREADY_EXISTS, "already running, pid %ld (it holds %s)", (long)whole.l_pid,
                             path);
    return gee_error_set(error, GEE_ALREADY_EXISTS, "already running: somebody holds %s", path);
}

static int write_pid(int descriptor, const char *path, gee_error_t *error) {
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, (size_t)length, 0) != length)
        return gee_error_set(error, GEE_UNAVAILABLE, "cannot write the pid file %s: %s", path, strerror(errno));
    return 0;
}

/* Does the path still name the locked file? A server that stops removes its file. */
static bool still_there(int descriptor, const char *path) {
    struct stat opened, named;
    return fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}

int gee_pidfile_take(gee_pidfile_t *pidfile, const char *path, gee_error_t *error) {
    GEE_ASSERT(path[0] == '/');
    *pidfile = (gee_pidfile_t){ .descriptor = -1, .path = path };
    for (;;) {
        int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, PID_MODE);
        if (descriptor < 0)
            return gee_error_set(error, GEE_UNAVAILABLE, "cannot open the pid file %s: %s", path, strerror(errno));
        if (lock(descriptor, path, error) != 0) {
            (void)close(descriptor);
            return -1;
        }
        if (!still_there(descriptor, path)) {
            (void)close(descriptor);
            continue;
        }
        if (write_pid(descriptor, path, error) != 0) {
            (void)close(descriptor);
            return -1;
        }
        pidfile->descriptor = descriptor;
        return 0;
    }
}

int gee_pidfile_move(gee_pidfile_t *pidfile, const char *path, gee_error_t *error) {
    GEE_ASSERT(pidfile->descriptor >= 0 && path[0] == '/');
    if (rename(pidfile->path, path) != 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "cannot rename the pid file %s to %s: %s", pidfile->path, path,
                             strerror(errno));
    pidfile->path = path;
    return 0;
}

void gee_pidfile_release(gee_pidfile_t *pidfile) {
    if (pidfile->descriptor < 0)
        return;
    (void)unlink(pidfile->path);
    (void)close(pidfile->descriptor);
    pidfile->descriptor = -1;
}
