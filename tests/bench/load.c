/* load.c: a load generator that knows no protocol.
 *
 *   load ADDRESS PORT CONNECTIONS DEPTH CALLS REPLY_BYTES OPENING_HEX REQUEST_HEX PID...
 *
 * Opens CONNECTIONS, sends the opening on each, then keeps DEPTH copies of the request in flight on each and counts the
 * bytes that come back: REPLY_BYTES of them are a reply. After CALLS replies it prints
 *
 *   calls, calls/s, microseconds of CPU a call of the processes PID..., p50 and p99 of the time of a batch in microseconds
 *
 * CPU time is the kernel's own account (/proc/PID/schedstat, nanoseconds on a processor).
 *
 * With LOAD_SEAL=HEX in the environment, a server's public key, it does all that through sealed channels, as a client
 * without a key: a batch is one record. What comes back is counted without being opened. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void write_all(int descriptor, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (n <= 0)
            die("send");
        bytes += n;
        length -= (size_t)n;
    }
}

#include "load_seal.h" /* write_sealed(), what a sealed connection has */

typedef struct connection {
    int descriptor;
    size_t awaited; /* bytes of the replies in flight */
    int64_t sent_ns;
    sealed_t sealed;
} connection_t;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t cpu_ns(char *const *pids, int count) {
    int64_t sum = 0;
    for (int i = 0; i < count; i++) {
        char path[64];
        long long spent = 0;
        snprintf(path, sizeof path, "/proc/%s/schedstat", pids[i]);
        FILE *file = fopen(path, "r");
        if (file == NULL || fscanf(file, "%lld", &spent) != 1)
            die(path);
        fclose(file);
        sum += spent;
    }
    return sum;
}

static uint8_t *from_hex(const char *hex, size_t *length) {
    *length = strlen(hex) / 2;
    uint8_t *bytes = malloc(*length + 1);
    if (bytes == NULL)
        die("memory");
    for (size_t i = 0; i < *length; i++) {
        const char digits[] = { hex[2 * i], hex[2 * i + 1], '\0' };
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return bytes;
}

static int dial(const char *address, int port) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int on = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        connect(descriptor, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
}

static void say(connection_t *connection, const uint8_t *bytes, size_t length) {
    if (server_key != NULL)
        write_sealed(connection->descriptor, &connection->sealed, bytes, length);
    else
        write_all(connection->descriptor, bytes, length);
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc < 10) {
        fprintf(stderr,
                "usage: load ADDRESS PORT CONNECTIONS DEPTH CALLS REPLY_BYTES OPENING_HEX REQUEST_HEX PID...\n");
        return 2;
    }
    size_t key_length;
    if (getenv("LOAD_SEAL") != NULL)
        server_key = from_hex(getenv("LOAD_SEAL"), &key_length);
    size_t connections = strtoul(argv[3], NULL, 10), depth = strtoul(argv[4], NULL, 10);
    size_t calls = strtoul(argv[5], NULL, 10), reply = strtoul(argv[6], NULL, 10), opening_length, request_length;
    uint8_t *opening = from_hex(argv[7], &opening_length), *request = from_hex(argv[8], &request_length);
    uint8_t *batch = malloc(request_length * depth);
    connection_t *all = calloc(connections, sizeof *all);
    int64_t *times = calloc(calls / depth + connections + 1, sizeof *times);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (batch == NULL || all == NULL || times == NULL || epoll < 0)
        die("start");
    for (size_t i = 0; i < depth; i++)
        memcpy(batch + i * request_length, request, request_length);
    for (size_t i = 0; i < connections; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &all[i] };
        all[i].descriptor = dial(argv[1], atoi(argv[2]));
        if (server_key != NULL)
            shake_hands(all[i].descriptor, &all[i].sealed);
        if (opening_length > 0)
            say(&all[i], opening, opening_length);
        epoll_ctl(epoll, EPOLL_CTL_ADD, all[i].descriptor, &event);
    }
    int64_t cpu = cpu_ns(argv + 9, argc - 9), began = now_ns();
    size_t started = 0, finished = 0, samples = 0;
    for (size_t i = 0; i < connections; i++, started += depth) {
        all[i].sent_ns = now_ns();
        all[i].awaited = depth * reply;
        say(&all[i], batch, depth * request_length);
    }
    while (finished < started) {
        struct epoll_event events[256];
        uint8_t bytes[65536];
        int count = epoll_wait(epoll, events, 256, 10000);
        if (count <= 0)
            die("no reply for ten seconds");
        for (int i = 0; i < count; i++) {
            connection_t *connection = events[i].data.ptr;
            ssize_t n = recv(connection->descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
            if (n <= 0)
                die("recv");
            connection->awaited -= server_key ? heard(&connection->sealed, bytes, (size_t)n) : (size_t)n;
            if (connection->awaited > depth * reply + SEALED_EXTRA)
                die("more bytes than were asked for");
            if (connection->awaited > 0)
                continue;
            int64_t now = now_ns();
            times[samples++] = now - connection->sent_ns;
            finished += depth;
            if (started >= calls)
                continue;
            started += depth;
            connection->sent_ns = now;
            connection->awaited = depth * reply;
            say(connection, batch, depth * request_length);
        }
    }
    double seconds = (double)(now_ns() - began) / 1e9;
    double spent = (double)(cpu_ns(argv + 9, argc - 9) - cpu) / 1e3 / (double)finished;
    qsort(times, samples, sizeof *times, compare);
    printf("%zu calls  %.0f calls/s  %.3f us CPU/call  p50 %.1f us  p99 %.1f us\n", finished,
           (double)finished / seconds, spent, (double)times[samples / 2] / 1e3,
           (double)times[samples * 99 / 100] / 1e3);
    return 0;
}
