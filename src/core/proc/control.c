/* control.c: the master's side of the control socket. This file never blocks: a slow client has its own buffer and
 * timer. */
#include "core/proc/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/assert.h"

#define MOST_CLIENTS    64
#define CLIENT_PATIENCE (5 * GEE_SECOND)
#define RETRY_DELAY     (500 * GEE_MILLISECOND)

static void drop_client(gee_control_client_t *client) {
    gee_loop_unwatch(client->control->loop, &client->watch);
    gee_timer_stop(client->control->loop, &client->timer);
    (void)close(client->watch.descriptor);
    gee_list_remove(&client->link);
    client->control->client_count--;
    free(client->answer);
    free(client);
}

static void on_patience_over(gee_timer_t *timer) {
    drop_client(GEE_CONTAINER(timer, gee_control_client_t, timer));
}

static void start_patience(gee_control_client_t *client) {
    (void)gee_timer_start(client->control->loop, &client->timer, CLIENT_PATIENCE);
}

/* ---- answering ---- */

static void send_answer(gee_control_client_t *client) {
    while (client->answer_sent < client->answer_length) {
        ssize_t sent = send(client->watch.descriptor, client->answer + client->answer_sent,
                            client->answer_length - client->answer_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            gee_loop_rewatch(client->control->loop, &client->watch, EPOLLOUT);
            return;
        }
        if (sent < 0)
            break;
        client->answer_sent += (size_t)sent;
    }
    drop_client(client);
}

static int format_answer(gee_control_client_t *client, bool ok, const char *text) {
    GEE_ASSERT(!client->answer);
    const char *outcome = ok ? "ok" : "failed";
    int length = text && *text ? asprintf(&client->answer, "%s\n%s\n", text, outcome)
                               : asprintf(&client->answer, "%s\n", outcome);
    if (length >= 0) {
        client->answer_length = (size_t)length;
        return 0;
    }
    client->answer = NULL;
    drop_client(client);
    return -1;
}

void gee_control_answer(gee_control_client_t *client, bool ok, const char *text) {
    if (format_answer(client, ok, text) != 0)
        return;
    client->waiting = 0;
    start_patience(client);
    send_answer(client);
}

void gee_control_answer_last(gee_control_client_t *client, bool ok, const char *text) {
    if (format_answer(client, ok, text) != 0)
        return;
    client->waiting = 0;
    /* The answer is short and the first output of this socket, so the socket's buffer has room. */
    (void)!send(client->watch.descriptor, client->answer, client->answer_length, MSG_NOSIGNAL | MSG_DONTWAIT);
    client->answer_sent = client->answer_length;
}

/* ---- listening to a client ---- */

static void hand_on(gee_control_client_t *client) {
    char command[sizeof client->line];
    char *end = memchr(client->line, '\n', client->line_length);
    if (!end)
        return;
    size_t length = (size_t)(end - client->line);
    memcpy(command, client->line, length);
    command[length] = '\0';
    client->asked = true;
    gee_timer_stop(client->control->loop, &client->timer);
    client->control->asked(client, command, client->control->data);
}

static void on_client_ready(gee_watch_t *watch, uint32_t events) {
    gee_control_client_t *client = GEE_CONTAINER(watch, gee_control_client_t, watch);
    if (client->answer) {
        if (events & EPOLLOUT)
            send_answer(client);
        else
            drop_client(client);
        return;
    }
    size_t room = sizeof client->line - client->line_length;
    ssize_t length = recv(watch->descriptor, client->line + client->line_length, room, MSG_DONTWAIT);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (length <= 0 || client->asked) { /* the client is gone, or sent a second line */
        drop_client(client);
        return;
    }
    client->line_length += (size_t)length;
    if (memchr(client->line, '\n', client->line_length))
        hand_on(client);
    else if (client->line_length == sizeof client->line)
        drop_client(client);
}

static void control_on_retry(gee_timer_t *timer) {
    gee_control_t *control = GEE_CONTAINER(timer, gee_control_t, retry);
    gee_loop_rewatch(control->loop, &control->watch, EPOLLIN);
}

static void control_on_connection(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    gee_control_t *control = GEE_CONTAINER(watch, gee_control_t, watch);
    int descriptor = accept4(watch->descriptor, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) {
        /* No descriptor is free, for example: the socket stays readable, so the loop must not watch the socket
         * meanwhile. */
        if (errno != EAGAIN && errno != EINTR && gee_timer_start(control->loop, &control->retry, RETRY_DELAY) == 0)
            gee_loop_unwatch(control->loop, watch);
        return;
    }
    gee_control_client_t *client = control->client_count < MOST_CLIENTS ? calloc(1, sizeof *client) : NULL;
    if (!client) {
        (void)close(descriptor);
        return;
    }
    client->control = control;
    client->watch = (gee_watch_t){ .descriptor = descriptor, .ready = on_client_ready };
    client->timer.fire = on_patience_over;
    gee_list_append(&control->clients, &client->link);
    control->client_count++;
    start_patience(client);
    if (gee_loop_watch(control->loop, &client->watch, EPOLLIN, NULL) != 0)
        drop_client(client);
}

/* ---- opening ---- */

static int fill_address(const char *path, struct sockaddr_un *address, gee_error_t *error) {
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address->sun_path)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "control socket %s: the path has more than %zu bytes", path,
                             sizeof address->sun_path - 1);
    strcpy(address->sun_path, path);
    return 0;
}

/* 0: there is no socket file at the address. */
static int remove_stale(const struct sockaddr_un *address, gee_error_t *error) {
    struct stat status;
    if (lstat(address->sun_path, &status) != 0)
        return 0;
    if (!S_ISSOCK(status.st_mode))
        return gee_error_set(error, GEE_ALREADY_EXISTS, "control socket %s: there is a file that is no socket",
                             address->sun_path);
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "control socket: %s", strerror(errno));
    int outcome = connect(probe, (const struct sockaddr *)address, sizeof *address);
    bool stale = outcome != 0 && errno == ECONNREFUSED;
    (void)close(probe);
    if (!stale)
        return gee_error_set(error, GEE_ALREADY_EXISTS, "control socket %s: another server uses it", address->sun_path);
    (void)unlink(address->sun_path);
    return 0;
}

static int bind_private(int descriptor, const struct sockaddr_un *address) {
    mode_t before = umask(0177);
    int outcome = bind(descriptor, (const struct sockaddr *)address, sizeof *address);
    int reason = errno;
    (void)umask(before);
    errno = reason;
    return outcome;
}

int gee_control_open(gee_control_t *control, gee_loop_t *loop, gee_log_t *log, const char *path, gee_error_t *error) {
    struct sockaddr_un address;
    control->loop = loop;
    control->log = log;
    control->path = path;
    gee_list_init(&control->clients);
    control->watch = (gee_watch_t){ .descriptor = -1, .ready = control_on_connection };
    control->retry.fire = control_on_retry;
    if (fill_address(path, &address, error) != 0 || remove_stale(&address, error) != 0)
        return -1;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0 || bind_private(descriptor, &address) != 0) {
        (void)gee_error_set(error, GEE_UNAVAILABLE, "cannot open the control socket %s: %s", path, strerror(errno));
        if (descriptor >= 0)
            (void)close(descriptor);
        return -1;
    }
    control->watch.descriptor = descriptor;
    if (listen(descriptor, MOST_CLIENTS) != 0)
        (void)gee_error_set(error, GEE_UNAVAILABLE, "control socket %s: %s", path, strerror(errno));
    else if (gee_loop_watch(loop, &control->watch, EPOLLIN, error) == 0)
        return 0;
    gee_control_close(control);
    return -1;
}

int gee_control_move(gee_control_t *control, const char *path, gee_error_t *error) {
    GEE_ASSERT(path[0] == '/');
    if (rename(control->path, path) != 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "cannot rename the control socket %s to %s: %s", control->path,
                             path, strerror(errno));
    control->path = path;
    return 0;
}

void gee_control_close(gee_control_t *control) {
    if (control->watch.descriptor < 0)
        return;
    GEE_LIST_EACH(&control->clients, link) {
        gee_control_client_t *client = GEE_CONTAINER(link, gee_control_client_t, link);
        gee_loop_unwatch(control->loop, &client->watch);
        gee_timer_stop(control->loop, &client->timer);
        gee_list_remove(link);
        free(client->answer);
        free(client);
    }
    control->client_count = 0;
    gee_timer_stop(control->loop, &control->retry);
    gee_loop_unwatch(control->loop, &control->watch);
    (void)unlink(control->path);
    (void)close(control->watch.descriptor);
    control->watch.descriptor = -1;
}

void gee_control_forget(const gee_control_t *control) {
    if (control->watch.descriptor < 0)
        return;
    (void)close(control->watch.descriptor);
    GEE_LIST_EACH(&control->clients, link)
        (void)close(GEE_CONTAINER(link, gee_control_client_t, link)->watch.descriptor);
}
