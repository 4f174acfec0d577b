/* control_ask.c: geerpc -s: asks the running master through its control socket and waits for the outcome. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/proc/control.h"

#define UPGRADE_STEP_MS     50
#define UPGRADE_PATIENCE_MS 10000 /* for a new binary to open its control socket */

/* The connection; -1 with errno. */
static int try_to_connect(const char *path) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || connect(descriptor, (const struct sockaddr *)&address, sizeof address) == 0)
        return descriptor;
    int reason = errno;
    (void)close(descriptor);
    errno = reason;
    return -1;
}

/* A master that starts another binary renames its socket to NAME.oldbin, and the new master opens NAME. */
static bool is_upgrading(const char *path) {
    char old[sizeof(((struct sockaddr_un *)NULL)->sun_path) + sizeof GEE_OLD_NAME];
    (void)snprintf(old, sizeof old, "%s%s", path, GEE_OLD_NAME);
    int descriptor = try_to_connect(old);
    if (descriptor >= 0)
        (void)close(descriptor);
    return descriptor >= 0;
}

static int connect_to(const char *path, FILE *trouble) {
    bool upgrading = false, looked = false;
    for (int waited_ms = 0;; waited_ms += UPGRADE_STEP_MS) {
        int descriptor = try_to_connect(path);
        if (descriptor >= 0)
            return descriptor;
        bool absent = errno == ENOENT || errno == ECONNREFUSED;
        if (!absent || waited_ms >= UPGRADE_PATIENCE_MS || (looked && !upgrading)) {
            (void)fprintf(trouble, "geerpc: %s (%s: %s)\n",
                          upgrading ? "another binary starts, and does not listen to commands yet"
                          : absent  ? "no server is running"
                                    : "cannot ask the server",
                          path, strerror(errno));
            return -1;
        }
        /* Without NAME.oldbin either the old master has its first name again or the new master listens: the next try
         * connects. */
        looked = true;
        upgrading = is_upgrading(path);
        if (upgrading)
            (void)poll(NULL, 0, UPGRADE_STEP_MS);
    }
}

static bool send_command(int descriptor, const char *command, FILE *trouble) {
    char line[128];
    int length = snprintf(line, sizeof line, "%s\n", command);
    if (send(descriptor, line, (size_t)length, MSG_NOSIGNAL) == length)
        return true;
    (void)fprintf(trouble, "geerpc: cannot ask the server: %s\n", strerror(errno));
    return false;
}

/* Returns when there is input. A person at a terminal sees dots and the reason for the wait. */
static void wait_for_bytes(int descriptor, const char *what, FILE *trouble) {
    struct pollfd socket = { .fd = descriptor, .events = POLLIN };
    bool shown = false;
    if (!what || !isatty(fileno(trouble)))
        return;
    for (int seconds = 0; poll(&socket, 1, seconds == 0 ? 100 : 1000) == 0; seconds++) {
        (void)fprintf(trouble, "\rgeerpc: waiting for %s ... %d s ", what, seconds);
        (void)fflush(trouble);
        shown = true;
    }
    if (shown)
        (void)fputs("\r\033[K", trouble);
}

/* All input until the server closes the connection; the caller frees the text. Null: failed. */
static char *read_all(int descriptor, const char *what, FILE *trouble) {
    char *text = NULL, bytes[4096];
    size_t size = 0;
    FILE *memory = open_memstream(&text, &size);
    ssize_t length = -1;
    while (memory) {
        wait_for_bytes(descriptor, what, trouble);
        length = recv(descriptor, bytes, sizeof bytes, 0);
        if (length == 0)
            break;
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0)
            break;
        (void)fwrite(bytes, 1, (size_t)length, memory);
    }
    int reason = errno;
    /* A server that ends before reading all of our bytes resets the connection: that is an end, too. */
    bool ended = memory && (length == 0 || reason == ECONNRESET);
    if (memory && fclose(memory) != 0)
        ended = false;
    if (ended)
        return text;
    (void)fprintf(trouble, "geerpc: the server does not answer: %s\n", strerror(reason));
    free(text);
    return NULL;
}

/* Splits the last line off. False: there is no whole line. */
static bool split(char *text, const char **body, const char **outcome) {
    size_t length = strlen(text);
    if (length == 0 || text[length - 1] != '\n')
        return false;
    text[length - 1] = '\0';
    char *newline = strrchr(text, '\n');
    if (newline)
        *newline = '\0';
    *body = newline ? text : "";
    *outcome = newline ? newline + 1 : text;
    return true;
}

static int report(char *text, bool ends_server, FILE *out, FILE *trouble) {
    const char *body = "", *outcome = "";
    if (ends_server && *text == '\0')
        return EXIT_SUCCESS;
    (void)split(text, &body, &outcome);
    bool ok = strcmp(outcome, "ok") == 0;
    if (!ok && strcmp(outcome, "failed") != 0) {
        (void)fprintf(trouble, "geerpc: the server ended before it had answered\n");
        return EXIT_FAILURE;
    }
    if (*body)
        (void)fprintf(ok ? out : trouble, "%s\n", body);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const char *what_it_waits_for(const char *command, bool ends_server) {
    if (ends_server)
        return "the server to end";
    return strcmp(command, "upgrade") == 0 ? "the new binary to be ready and the old one to end" : NULL;
}

int gee_control_ask(const char *path, const char *command, FILE *out, FILE *trouble) {
    bool ends_server = strcmp(command, "stop") == 0 || strcmp(command, "quit") == 0;
    int status = EXIT_FAILURE, descriptor = connect_to(path, trouble);
    if (descriptor < 0)
        return EXIT_FAILURE;
    if (send_command(descriptor, command, trouble)) {
        char *text = read_all(descriptor, what_it_waits_for(command, ends_server), trouble);
        if (text)
            status = report(text, ends_server, out, trouble);
        free(text);
    }
    (void)close(descriptor);
    return status;
}
