/* floor.c: what no server on epoll can undercut: reads what comes, writes as many reply bytes as are due for it.
 *
 *   floor              prints the port of 127.0.0.1 that it took
 *
 * A connection begins with eight bytes: the lengths of a request and of a reply, big endian. After them it looks at
 * nothing: the cost of a call here is the kernel's, for these byte counts. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct connection {
    int descriptor;
    uint32_t lengths[2]; /* of a request and a reply, as they came */
    size_t lengths_come;
    size_t request, reply;
    size_t received, due; /* bytes of requests not answered; bytes of replies not written */
    bool waiting;         /* for room to write */
} connection_t;

static uint8_t bytes[1 << 17]; /* what is read and what is written: neither is looked at */
static int epoll;

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void end(connection_t *connection) {
    close(connection->descriptor);
    free(connection);
}

static void wait_for_room(connection_t *connection, bool wanted) {
    struct epoll_event event = { .events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = connection };
    if (connection->waiting == wanted)
        return;
    connection->waiting = wanted;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, connection->descriptor, &event) != 0)
        fail("epoll_ctl");
}

/* False when the connection is lost. */
static bool answer(connection_t *connection) {
    while (connection->due > 0) {
        size_t part = connection->due < sizeof bytes ? connection->due : sizeof bytes;
        ssize_t n = send(connection->descriptor, bytes, part, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return false;
        if (n < 0)
            break;
        connection->due -= (size_t)n;
    }
    wait_for_room(connection, connection->due > 0);
    return true;
}

/* The first bytes of a connection; -1 when the lengths make no sense. */
static ssize_t begin(connection_t *connection) {
    uint8_t *lengths = (uint8_t *)connection->lengths;
    ssize_t n = recv(connection->descriptor, lengths + connection->lengths_come,
                     sizeof connection->lengths - connection->lengths_come, MSG_DONTWAIT);
    if (n > 0)
        connection->lengths_come += (size_t)n;
    if (connection->lengths_come == sizeof connection->lengths) {
        connection->request = ntohl(connection->lengths[0]);
        connection->reply = ntohl(connection->lengths[1]);
        if (connection->request == 0)
            return -1;
    }
    return n;
}

static void serve(connection_t *connection) {
    if (connection->request == 0) {
        if (begin(connection) <= 0)
            end(connection);
        return;
    }
    ssize_t n = recv(connection->descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        n = 0;
    else if (n <= 0) {
        end(connection);
        return;
    }
    connection->received += (size_t)n;
    if (connection->received >= connection->request) {
        connection->due += connection->received / connection->request * connection->reply;
        connection->received %= connection->request;
    }
    if (!answer(connection))
        end(connection);
}

static void take(int listener) {
    connection_t *connection = calloc(1, sizeof *connection);
    int on = 1;
    if (connection == NULL)
        fail("memory");
    connection->descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
    if (connection->descriptor < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, connection->descriptor, &event) != 0)
        fail("accept");
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int main(void) {
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof here;
    struct epoll_event event = { .events = EPOLLIN };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (listener < 0 || epoll < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) != 0 ||
        listen(listener, 1024) != 0 || getsockname(listener, (struct sockaddr *)&here, &length) != 0 ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) != 0)
        fail("start");
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                take(listener);
            else
                serve(events[i].data.ptr);
        }
    }
}
