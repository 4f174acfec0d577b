/* lines.c: see lines.h. */
#include "core/base/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A blocking pipe that belongs to another program: poll() first is not enough, as another process may take the room
 * meanwhile. SPLICE_F_NONBLOCK holds for one call of splice() only and leaves the open file as it is; so the bytes go
 * through an empty pipe of our own. */
static ssize_t write_to_pipe(int descriptor, const char *bytes, size_t length) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return -1;
    ssize_t moved = write(ends[1], bytes, length);
    if (moved > 0)
        moved = splice(ends[0], NULL, descriptor, NULL, (size_t)moved, SPLICE_F_NONBLOCK);
    int reason = errno;
    (void)close(ends[0]);
    (void)close(ends[1]);
    errno = reason;
    return moved;
}

/* A terminal that somebody has stopped (Ctrl-S) is not writable. */
static ssize_t write_to_terminal(int descriptor, const char *bytes, size_t length) {
    struct pollfd terminal = { .fd = descriptor, .events = POLLOUT };
    if (poll(&terminal, 1, 0) == 1)
        return write(descriptor, bytes, length);
    errno = EAGAIN;
    return -1;
}

static ssize_t write_some(int descriptor, mode_t kind, const char *bytes, size_t length) {
    if (S_ISSOCK(kind))
        return send(descriptor, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (S_ISREG(kind) || fcntl(descriptor, F_GETFL) & O_NONBLOCK)
        return write(descriptor, bytes, length);
    return S_ISFIFO(kind) ? write_to_pipe(descriptor, bytes, length) : write_to_terminal(descriptor, bytes, length);
}

/* A pipe takes up to PIPE_BUF bytes as a whole or not at all, with no other writer's bytes between. */
static size_t measure_piece(const char *bytes, size_t length) {
    if (length <= PIPE_BUF)
        return length;
    const char *newline = memrchr(bytes, '\n', PIPE_BUF);
    return newline ? (size_t)(newline - bytes) + 1 : PIPE_BUF;
}

size_t gee_write_lines(int descriptor, const char *bytes, size_t length) {
    struct stat status;
    if (fstat(descriptor, &status) != 0)
        return length;
    while (length > 0) {
        bool whole = S_ISREG(status.st_mode) || S_ISSOCK(status.st_mode);
        size_t piece = whole ? length : measure_piece(bytes, length);
        ssize_t written = write_some(descriptor, status.st_mode, bytes, piece);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        bytes += written;
        length -= (size_t)written;
    }
    return length;
}

static uint64_t count_lines(const char *bytes, size_t length) {
    uint64_t lines = 0;
    for (size_t i = 0; i < length; i++)
        lines += bytes[i] == '\n';
    return lines;
}

bool gee_lines_write(gee_lines_t *lines, int descriptor, const char *bytes, size_t length) {
    if (lines->torn && gee_write_lines(descriptor, "\n", 1) == 0)
        lines->torn = false;
    size_t rest = lines->torn ? length : gee_write_lines(descriptor, bytes, length);
    if (rest == 0)
        return true;
    lines->reason = errno;
    lines->torn = lines->torn || (rest < length && bytes[length - rest - 1] != '\n');
    lines->dropped += count_lines(bytes + length - rest, rest);
    return false;
}

const char *gee_lines_reason(const gee_lines_t *lines) {
    return lines->reason == EAGAIN || lines->reason == EPIPE ? "nobody reads them" : strerror(lines->reason);
}
