/* floor.c: what no server on epoll can undercut: reads what comes, writes as many reply bytes as those requests are due.
 *
 *   floor PORT OPENING_BYTES REQUEST_BYTES REPLY_BYTES
 *
 * It looks at nothing: the cost of a call here is the kernel's, for these byte counts. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct connection {
    int descriptor;
    size_t opening, received; /* bytes of the opening still to come; bytes of requests not answered */
} connection_t;

static char replies[1 << 20];

static void serve(connection_t *connection, size_t request, size_t reply) {
    char bytes[16384];
    ssize_t n = recv(connection->descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0) {
        close(connection->descriptor);
        free(connection);
        return;
    }
    size_t skipped = (size_t)n < connection->opening ? (size_t)n : connection->opening;
    connection->opening -= skipped;
    connection->received += (size_t)n - skipped;
    size_t due = connection->received / request;
    connection->received %= request;
    if (due > 0 && send(connection->descriptor, replies, due * reply, MSG_NOSIGNAL) < 0)
        perror("floor: send");
}

int main(int argc, char **argv) {
    if (argc != 5)
        return 2;
    size_t opening = strtoul(argv[2], NULL, 10), request = strtoul(argv[3], NULL, 10),
           reply = strtoul(argv[4], NULL, 10);
    struct sockaddr_in here = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)atoi(argv[1])),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof here;
    int on = 1, epoll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM, 0);
    struct epoll_event event = { .events = EPOLLIN };
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&here, &length) != 0) {
        perror("floor");
        return 1;
    }
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[256];
        int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            connection_t *connection = events[i].data.ptr;
            if (connection != NULL) {
                serve(connection, request, reply);
                continue;
            }
            connection = calloc(1, sizeof *connection);
            connection->descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            connection->opening = opening;
            setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            event = (struct epoll_event){ .events = EPOLLIN, .data.ptr = connection };
            epoll_ctl(epoll, EPOLL_CTL_ADD, connection->descriptor, &event);
        }
    }
}
