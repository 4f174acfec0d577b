/* load.c: a load generator that knows no protocol: bytes out, counted bytes back, one thread.
 *
 *   load NAME=VALUE... <CONVERSATION
 *
 *   address, port      where the server is
 *   connections        64; opened one group after another, each with an opening and a first batch of calls
 *   depth              1; calls in flight on each: a batch goes out in one write when the one before is answered whole
 *   seconds, warm      1, 0; how long is measured, and how long the same is done before
 *   patience           10; seconds without a byte from any connection, after which something is wrong
 *   compare            1: the first batch on each connection must be answered with the very bytes; 0: only counted
 *   pids               PID,PID...: whose CPU time is counted, by the kernel's clock of a process, all its threads
 *   allocations        a file with a 64-bit counter (malloc_count.c), of which the growth is told
 *   seal               HEX: the server's public key; all is said through sealed channels, by a client without a key
 *   hold               1: measures nothing, says "holding" after the first batches, and waits for the end of its input
 *
 * CONVERSATION: the opening, the answer to it, a request and its reply, each as a length of four bytes (big endian) and
 * those bytes. Prints one JSON object. An answer that is too long, too short or not the expected one ends it with
 * status 1.
 *
 *      opening --answer--> first batch, compared --> idle --> warm --> measured
 *                                                     '-----> held */
#include "load.h"
#include "tools/histogram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { GROUP = 64, EVENTS = 256, MOST_PIDS = 64 };

typedef struct part {
    uint8_t *bytes;
    size_t length;
} part_t;

typedef struct connection {
    int descriptor;
    size_t due;     /* bytes still to come back */
    size_t unsent;  /* bytes of the batch that did not go out yet */
    size_t checked; /* of what is expected first */
    int64_t sent_ns;
    bool opening, checking, watched; /* the answer to the opening is due; bytes are compared; EPOLLOUT is asked for */
    load_seal_t *seal;
} connection_t;

typedef struct load {
    const char *address;
    int port;
    size_t connections, depth;
    double seconds, warm, patience;
    bool compare, hold;
    clockid_t clocks[MOST_PIDS];
    size_t clock_count;
    const uint64_t *allocations; /* null: not counted */
    uint8_t *server_key;         /* null: in clear */
    part_t opening, answer, request, reply;
    part_t batch, expected; /* depth requests; the answer and depth replies */
    connection_t *all;
    int epoll;
    size_t in_flight, finished; /* connections that wait for bytes; calls answered */
    int64_t deadline_ns;        /* after it no batch is sent any more */
    histogram_t times;          /* of batches */
} load_t;

void load_die(const char *what) {
    fprintf(stderr, errno != 0 ? "load: %s: %s\n" : "load: %s\n", what, strerror(errno));
    exit(1);
}

static void wrong(const char *what) {
    errno = 0;
    load_die(what);
}

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t clock_ns(clockid_t clock) {
    struct timespec spent;
    if (clock_gettime(clock, &spent) != 0)
        load_die("the CPU clock of a server's process");
    return (int64_t)spent.tv_sec * 1000000000 + spent.tv_nsec;
}

static int64_t servers_cpu_ns(const load_t *load) {
    int64_t sum = 0;
    for (size_t i = 0; i < load->clock_count; i++)
        sum += clock_ns(load->clocks[i]);
    return sum;
}

/* ---- what to say ---- */

static void *reserve(size_t size) {
    void *memory = malloc(size > 0 ? size : 1);
    if (memory == NULL)
        load_die("memory");
    return memory;
}

static part_t read_part(void) {
    uint8_t length[4];
    part_t part;
    if (fread(length, 1, sizeof length, stdin) != sizeof length)
        wrong("the conversation on standard input ends too early");
    part.length = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
    part.bytes = reserve(part.length);
    if (fread(part.bytes, 1, part.length, stdin) != part.length)
        wrong("the conversation on standard input ends too early");
    return part;
}

/* `first` and then `count` times `second`. */
static part_t repeat(part_t first, part_t second, size_t count) {
    part_t whole = { .bytes = reserve(first.length + second.length * count), .length = first.length };
    if (first.length > 0)
        memcpy(whole.bytes, first.bytes, first.length);
    for (size_t i = 0; i < count; i++, whole.length += second.length)
        memcpy(whole.bytes + whole.length, second.bytes, second.length);
    return whole;
}

static void read_conversation(load_t *load) {
    setvbuf(stdin, NULL, _IONBF, 0); /* what follows is waited for on the descriptor */
    load->opening = read_part();
    load->answer = read_part();
    load->request = read_part();
    load->reply = read_part();
    if (load->request.length == 0 || load->reply.length == 0)
        wrong("a request or a reply without bytes");
    load->batch = repeat((part_t){ 0 }, load->request, load->depth);
    load->expected = repeat(load->answer, load->reply, load->depth);
}

/* ---- connections ---- */

void load_write_all(int descriptor, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t n = send(descriptor, bytes, length, MSG_NOSIGNAL);
        if (n <= 0)
            load_die("send");
        bytes += n;
        length -= (size_t)n;
    }
}

/* Asks for EPOLLOUT, or no more. */
static void watch_output(load_t *load, connection_t *connection, bool wanted) {
    struct epoll_event event = { .events = wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = connection };
    if (connection->watched == wanted)
        return;
    connection->watched = wanted;
    if (epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->descriptor, &event) != 0)
        load_die("epoll_ctl");
}

static void send_rest(load_t *load, connection_t *connection) {
    const uint8_t *bytes = load->batch.bytes + load->batch.length - connection->unsent;
    ssize_t n = send(connection->descriptor, bytes, connection->unsent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN)
        load_die("send");
    if (n > 0)
        connection->unsent -= (size_t)n;
    watch_output(load, connection, connection->unsent > 0);
}

static void send_batch(load_t *load, connection_t *connection, int64_t now) {
    connection->sent_ns = now;
    connection->due += load->depth * load->reply.length;
    if (connection->seal != NULL) {
        load_seal_write(connection->seal, connection->descriptor, load->batch.bytes, load->batch.length);
        return;
    }
    connection->unsent = load->batch.length;
    send_rest(load, connection);
}

/* A loopback address for each ten thousand connections: an address has too few ports for all. */
static void choose_source(int descriptor, size_t index) {
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index / 10000)) };
    int on = 1;
    setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(descriptor, (struct sockaddr *)&from, sizeof from) != 0)
        load_die("bind");
}

static void dial(load_t *load, connection_t *connection) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)load->port) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
    int on = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0 || inet_pton(AF_INET, load->address, &to.sin_addr) != 1)
        load_die("socket");
    choose_source(descriptor, (size_t)(connection - load->all));
    if (connect(descriptor, (struct sockaddr *)&to, sizeof to) != 0)
        load_die("connect");
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->descriptor = descriptor;
    connection->checking = load->compare;
    if (load->server_key != NULL)
        connection->seal = load_seal_start(descriptor, load->server_key);
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0)
        load_die("epoll_ctl");
}

/* Sends the opening; the first batch goes out when it is answered, or at once where it has no answer. */
static void open_conversation(load_t *load, connection_t *connection) {
    dial(load, connection);
    load->in_flight++;
    if (load->opening.length > 0 && connection->seal != NULL)
        load_seal_write(connection->seal, connection->descriptor, load->opening.bytes, load->opening.length);
    else if (load->opening.length > 0)
        load_write_all(connection->descriptor, load->opening.bytes, load->opening.length);
    connection->due = load->answer.length;
    connection->opening = connection->due > 0;
    if (!connection->opening)
        send_batch(load, connection, now_ns());
}

/* ---- what comes back ---- */

static void compare(const load_t *load, connection_t *connection, const uint8_t *bytes, size_t length) {
    if (length > load->expected.length - connection->checked)
        wrong("more bytes came back than were asked for");
    if (memcmp(load->expected.bytes + connection->checked, bytes, length) != 0)
        wrong("a reply is not the expected one");
    connection->checked += length;
}

/* Takes what is there. */
static void hear(load_t *load, connection_t *connection) {
    static uint8_t bytes[1 << 18], opened[LOAD_SEAL_OPENED];
    const uint8_t *heard = bytes;
    ssize_t n = recv(connection->descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n < 0)
        load_die("recv");
    if (n == 0)
        wrong("the server closed a connection");
    size_t length = (size_t)n;
    if (connection->seal != NULL) {
        heard = opened;
        length = load_seal_hear(connection->seal, bytes, length, connection->checking ? opened : NULL);
    }
    if (connection->checking)
        compare(load, connection, heard, length);
    if (length > connection->due)
        wrong("more bytes came back than were asked for");
    connection->due -= length;
}

/* All that was due on it is there. */
static void end_batch(load_t *load, connection_t *connection) {
    if (connection->opening) {
        connection->opening = false;
        send_batch(load, connection, now_ns());
        return;
    }
    int64_t now = now_ns();
    gee_histogram_add(&load->times, now - connection->sent_ns);
    connection->checking = false;
    load->finished += load->depth;
    if (now < load->deadline_ns)
        send_batch(load, connection, now);
    else
        load->in_flight--;
}

/* Until nothing is in flight. */
static void pump(load_t *load) {
    struct epoll_event events[EVENTS];
    while (load->in_flight > 0) {
        int count = epoll_wait(load->epoll, events, EVENTS, (int)(load->patience * 1000));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            load_die("epoll_wait");
        if (count == 0)
            wrong("no reply, or less of one than was expected, and no more bytes come");
        for (int i = 0; i < count; i++) {
            connection_t *connection = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                send_rest(load, connection);
            if (!(events[i].events & ~(uint32_t)EPOLLOUT))
                continue;
            hear(load, connection);
            if (connection->due == 0 && connection->unsent == 0)
                end_batch(load, connection);
        }
    }
}

/* ---- the run ---- */

static void open_all(load_t *load) {
    for (size_t i = 0; i < load->connections; i++) {
        open_conversation(load, &load->all[i]);
        if ((i + 1) % GROUP == 0 || i + 1 == load->connections)
            pump(load);
    }
}

static void run_for(load_t *load, double seconds) {
    int64_t now = now_ns();
    load->deadline_ns = now + (int64_t)(seconds * 1e9);
    load->finished = 0;
    load->times = (histogram_t){ 0 };
    for (size_t i = 0; i < load->connections; i++) {
        load->in_flight++;
        send_batch(load, &load->all[i], now_ns());
    }
    pump(load);
}

static void measure(load_t *load) {
    if (load->warm > 0)
        run_for(load, load->warm);
    uint64_t allocations = load->allocations ? __atomic_load_n(load->allocations, __ATOMIC_SEQ_CST) : 0;
    int64_t cpu = servers_cpu_ns(load), own = clock_ns(CLOCK_PROCESS_CPUTIME_ID), began = now_ns();
    run_for(load, load->seconds);
    int64_t elapsed = now_ns() - began;
    cpu = servers_cpu_ns(load) - cpu;
    own = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own;
    double calls = (double)load->finished;
    printf("{\"calls\": %zu, \"seconds\": %.6f, \"rate\": %.1f, \"cpu_us\": %.6f, \"p50_us\": %.3f, \"p99_us\": %.3f, "
           "\"generator_busy\": %.3f",
           load->finished, (double)elapsed / 1e9, calls * 1e9 / (double)elapsed, (double)cpu / 1e3 / calls,
           (double)gee_histogram_quantile(&load->times, 0.50) / 1e3,
           (double)gee_histogram_quantile(&load->times, 0.99) / 1e3, (double)own / (double)elapsed);
    if (load->allocations != NULL)
        printf(", \"allocations\": %llu",
               (unsigned long long)(__atomic_load_n(load->allocations, __ATOMIC_SEQ_CST) - allocations));
    printf("}\n");
}

static void hold(void) {
    char ignored[64];
    printf("holding\n");
    fflush(stdout);
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0)
        ;
}

/* ---- arguments ---- */

static void read_pids(load_t *load, const char *list) {
    while (*list != '\0') {
        char *end;
        long pid = strtol(list, &end, 10);
        if (end == list || load->clock_count == MOST_PIDS ||
            clock_getcpuclockid((pid_t)pid, &load->clocks[load->clock_count++]) != 0)
            wrong("pids=: no list of running processes");
        list = *end == ',' ? end + 1 : end;
    }
}

static const uint64_t *map_counter(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    void *counter = descriptor < 0 ? MAP_FAILED : mmap(NULL, sizeof(uint64_t), PROT_READ, MAP_SHARED, descriptor, 0);
    if (counter == MAP_FAILED)
        load_die(path);
    close(descriptor);
    return counter;
}

static uint8_t *from_hex(const char *hex) {
    uint8_t *bytes = reserve(32);
    if (strlen(hex) != 64)
        wrong("seal=: not 32 bytes in hexadecimal");
    for (size_t i = 0; i < 32; i++) {
        const char digits[] = { hex[2 * i], hex[2 * i + 1], '\0' };
        bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return bytes;
}

static void read_argument(load_t *load, const char *argument) {
    const char *value = strchr(argument, '=');
    if (value == NULL)
        wrong("arguments are NAME=VALUE; the head of load.c says which");
    size_t length = (size_t)(value++ - argument);
#define IS(NAME) (length == sizeof NAME - 1 && memcmp(argument, NAME, length) == 0)
    if (IS("address"))
        load->address = value;
    else if (IS("port"))
        load->port = atoi(value);
    else if (IS("connections"))
        load->connections = strtoul(value, NULL, 10);
    else if (IS("depth"))
        load->depth = strtoul(value, NULL, 10);
    else if (IS("seconds"))
        load->seconds = strtod(value, NULL);
    else if (IS("warm"))
        load->warm = strtod(value, NULL);
    else if (IS("patience"))
        load->patience = strtod(value, NULL);
    else if (IS("compare"))
        load->compare = atoi(value) != 0;
    else if (IS("hold"))
        load->hold = atoi(value) != 0;
    else if (IS("pids"))
        read_pids(load, value);
    else if (IS("allocations"))
        load->allocations = map_counter(value);
    else if (IS("seal"))
        load->server_key = from_hex(value);
    else
        wrong("an argument that there is not; the head of load.c says which there are");
#undef IS
}

static void allow_descriptors(size_t connections) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        load_die("getrlimit");
    if (limit.rlim_cur >= connections + 64)
        return;
    limit.rlim_cur = connections + 64;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_max = limit.rlim_cur;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        load_die("as many descriptors as connections= asks for (ulimit -n)");
}

int main(int argc, char **argv) {
    static load_t load = {
        .address = "127.0.0.1", .connections = 64, .depth = 1, .seconds = 1, .patience = 10, .compare = true
    };
    for (int i = 1; i < argc; i++)
        read_argument(&load, argv[i]);
    if (load.port == 0 || load.connections == 0 || load.depth == 0)
        wrong("port=, connections= and depth= must be numbers above 0");
    read_conversation(&load);
    allow_descriptors(load.connections);
    load.all = calloc(load.connections, sizeof *load.all);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.all == NULL || load.epoll < 0)
        load_die("start");
    open_all(&load);
    if (load.hold)
        hold();
    else
        measure(&load);
    return 0;
}
