/* file.c: opens and reads files that others must not be able to use, or to write. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check(const char *path, const gee_noise_file_rules_t *rules, int descriptor, size_t *length,
                 gee_error_t *error) {
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "%s: not a regular file, and nothing else is read here",
                             path);
    if (status.st_uid != geteuid() && status.st_uid != 0)
        return gee_error_set(
            error, GEE_FAILED_PRECONDITION,
            "%s: it belongs to user %u, who could %s: chown it to the user who starts this program, or "
            "to root",
            path, (unsigned)status.st_uid, rules->danger);
    if (status.st_mode & rules->forbidden)
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "%s: its mode is %04o, so others than its owner could %s: %s it", path,
                             (unsigned)(status.st_mode & 07777), rules->danger, rules->remedy);
    *length = (size_t)status.st_size;
    return 0;
}

int gee_noise_file_open(const char *path, const gee_noise_file_rules_t *rules, size_t *length, gee_error_t *error) {
    /* O_NONBLOCK: a FIFO must be refused, not waited for. */
    int links = rules->follow_links ? 0 : O_NOFOLLOW;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | links), reason = errno;
    if (descriptor < 0)
        return gee_error_set(error, reason == ENOENT ? GEE_NOT_FOUND : GEE_FAILED_PRECONDITION, "%s: %s%s", path,
                             reason == ELOOP && !rules->follow_links ? "a symbolic link, which is not followed here"
                                                                     : strerror(reason),
                             reason == ENOENT ? rules->missing : "");
    if (check(path, rules, descriptor, length, error) == 0)
        return descriptor;
    (void)close(descriptor);
    return -1;
}

ssize_t gee_noise_file_read(int descriptor, char *text, size_t capacity) {
    size_t length = 0;
    while (length < capacity) {
        ssize_t count = read(descriptor, text + length, capacity - length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        length += (size_t)count;
    }
    return (ssize_t)length;
}
