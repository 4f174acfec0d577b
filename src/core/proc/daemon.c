/* daemon.c: see daemon.h. The first byte through the pipe is + or -, the rest is text. */
#include "core/proc/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/lines.h"

/* Prints the child's text until the child closes the pipe. */
static int wait_for_child(int reader, pid_t child) {
    char bytes[4096];
    bool first = true, ok = false;
    for (;;) {
        ssize_t length = read(reader, bytes, sizeof bytes);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            break;
        size_t skipped = first ? 1 : 0;
        if (first)
            ok = bytes[0] == '+';
        first = false;
        (void)fwrite(bytes + skipped, 1, (size_t)length - skipped, ok ? stdout : stderr);
    }
    if (first) {
        int status = 0;
        (void)waitpid(child, &status, 0);
        (void)fprintf(stderr, "geerpc: the server ended while it started (%s %d); see its error log\n",
                      WIFSIGNALED(status) ? "signal" : "status",
                      WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool gee_daemonize(gee_starter_t *starter, int *exit_status) {
    int ends[2];
    *exit_status = EXIT_FAILURE;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        (void)fprintf(stderr, "geerpc: pipe: %s\n", strerror(errno));
        return false;
    }
    (void)fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        (void)setsid();
        starter->pipe = ends[1];
        return true;
    }
    (void)close(ends[1]);
    if (child < 0)
        (void)fprintf(stderr, "geerpc: fork: %s\n", strerror(errno));
    else
        *exit_status = wait_for_child(ends[0], child);
    (void)close(ends[0]);
    return false;
}

static void leave_terminal(unsigned kept) {
    int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* above 2, since 0 to 2 are open */
    if (null < 0)
        return;
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
        if (!(kept & 1U << descriptor))
            (void)dup2(null, descriptor);
    (void)close(null);
}

static void write_all(int descriptor, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return; /* the parent is gone */
        bytes += written;
        length -= (size_t)written;
    }
}

void gee_starter_tell(gee_starter_t *starter, bool ok, const char *text) {
    if (starter->pipe < 0) {
        char *line = NULL;
        int length = asprintf(&line, "%s\n", text);
        if (length > 0)
            (void)gee_write_lines(ok ? STDOUT_FILENO : STDERR_FILENO, line, (size_t)length);
        free(length < 0 ? NULL : line);
        return;
    }
    write_all(starter->pipe, ok ? "+" : "-", 1);
    write_all(starter->pipe, text, strlen(text));
    write_all(starter->pipe, "\n", 1);
    if (ok)
        leave_terminal(starter->kept);
    (void)close(starter->pipe);
    starter->pipe = -1;
}

void gee_starter_forget(const gee_starter_t *starter) {
    if (starter->pipe < 0)
        return;
    leave_terminal(
        starter->kept); /* as the master does: a reader of the output waits for every process with the descriptor */
    (void)close(starter->pipe);
}
