/* soak.c: clients of libgeerpc that go on and on, while somebody reloads, upgrades and kills the server.
 *
 *   soak [-p PROTOCOL] [-c CODEC] [-k SERVER-KEY] [-f KEY-FILE] [-n CONNECTIONS] [-d DEPTH] ADDRESS
 *
 * Every answer is checked; what goes wrong is counted and told: a line on standard input asks for a report, one line of
 * JSON; its end ends the program, after a last report. The reports are those of tests/interop/go/soak.go. The library
 * may dial anew without a word: so connect() itself is counted.
 *
 *   main thread: dial -> first call -> start lanes ... all ended? -> close -> dial anew
 *   runtime's thread: done -> check the answer -> next call, until the connection is broken */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "client/geerpc.h"

#define MOST_EVENTS      1000
#define MOST_CONNECTIONS 1000
#define MOST_DEPTH       64
#define TICK_MS          20

typedef struct pair {
    int64_t a, b;
} pair_t;
GEE_STRUCT(pair_t, "Args", GEE_INT64(pair_t, a, "A", 1), GEE_INT64(pair_t, b, "B", 2));

typedef struct numbers {
    int64_t num1, num2;
} numbers_t;
GEE_STRUCT(numbers_t, "Args", GEE_INT64(numbers_t, num1, "Num1", 1), GEE_INT64(numbers_t, num2, "Num2", 2));

typedef struct quotient {
    int64_t quo, rem;
} quotient_t;
GEE_STRUCT(quotient_t, "Quotient", GEE_INT64(quotient_t, quo, "Quo", 1), GEE_INT64(quotient_t, rem, "Rem", 2));

typedef struct wait {
    int64_t token, milliseconds;
} wait_t;
GEE_STRUCT(wait_t, "Wait", GEE_INT64(wait_t, token, "Token", 1), GEE_INT64(wait_t, milliseconds, "Milliseconds", 2));

typedef struct served {
    int64_t token, pid;
} served_t;
GEE_STRUCT(served_t, "Served", GEE_INT64(served_t, token, "Token", 1), GEE_INT64(served_t, pid, "Pid", 2));

typedef struct event {
    const char *what;
    int64_t pid;
    char reason[GEE_ERROR_TEXT];
} event_t;

typedef struct lane lane_t;

typedef struct connection {
    gee_client_t *client; /* null: to be dialled */
    lane_t *lanes;
    int64_t pid, next;
    unsigned running; /* lanes */
    bool broken;
} connection_t;

struct lane {
    connection_t *connection;
    int64_t number; /* of its call in flight */
    int64_t began_ns;
    bool running, starting, ended_at_once;
};

static struct {
    const char *address;
    gee_dial_options_t dial;
    unsigned count, depth;
    connection_t connections[MOST_CONNECTIONS];
    pthread_mutex_t lock; /* guards what follows, and the members of connections and lanes */
    bool stopping;
    uint64_t connects, calls, failed, wrong, lost, closed, refused;
    event_t events[MOST_EVENTS];
    unsigned event_count;
} soak = { .count = 4, .depth = 8, .lock = PTHREAD_MUTEX_INITIALIZER };

/* The library's too. */
int connect(int descriptor, const struct sockaddr *address, socklen_t length) {
    __atomic_add_fetch(&soak.connects, 1, __ATOMIC_RELAXED);
    return (int)syscall(SYS_connect, descriptor, address, length);
}

static int64_t now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* Locked. */
static void tell(uint64_t *counter, const char *what, int64_t pid, const char *reason) {
    ++*counter;
    if (soak.event_count == MOST_EVENTS)
        return;
    event_t *event = &soak.events[soak.event_count++];
    event->what = what;
    event->pid = pid;
    (void)snprintf(event->reason, sizeof event->reason, "%s", reason);
}

/* ---- calls: the kinds of soak.go ---- */

typedef enum kind { ID, SLEEP, BLOCK, DIVIDE, DIVIDE_BY_ZERO, SUM, MULTIPLY } kind_t;

static kind_t kind_of(int64_t number) {
    static const kind_t kinds[16] = { ID, DIVIDE, SUM, DIVIDE_BY_ZERO, MULTIPLY, DIVIDE, MULTIPLY, SLEEP,
                                      ID, DIVIDE, SUM, MULTIPLY,       MULTIPLY, DIVIDE, MULTIPLY, BLOCK };
    if (number % 16 == 15 && number / 16 % 8 != 0)
        return MULTIPLY; /* threads are few */
    return kinds[number % 16];
}

static void on_done(gee_pending_t *pending, void *data);

static gee_pending_t *begin_call(lane_t *lane, gee_error_t *error) {
    gee_client_t *client = lane->connection->client;
    int64_t n = lane->number;
    pair_t pair = { n, kind_of(n) == MULTIPLY ? 3 : kind_of(n) == DIVIDE ? 7 : 0 };
    numbers_t numbers = { n, -1 };
    wait_t wait = { n, kind_of(n) == SLEEP ? n / 16 % 50 : kind_of(n) == BLOCK ? n / 128 % 20 : 0 };
    switch (kind_of(n)) {
    case ID:
        return gee_client_go_typed(client, "Process.Id", GEE_ARGUMENT(wait_t, &wait), GEE_TYPE_OF(served_t), NULL,
                                   on_done, lane, error);
    case SLEEP:
        return gee_client_go_typed(client, "Process.Sleep", GEE_ARGUMENT(wait_t, &wait), GEE_TYPE_OF(served_t), NULL,
                                   on_done, lane, error);
    case BLOCK:
        return gee_client_go_typed(client, "Process.Block", GEE_ARGUMENT(wait_t, &wait), GEE_TYPE_OF(served_t), NULL,
                                   on_done, lane, error);
    case SUM:
        return gee_client_go_typed(client, "Foo.Sum", GEE_ARGUMENT(numbers_t, &numbers), GEE_TYPE_OF(int64_t), NULL,
                                   on_done, lane, error);
    case MULTIPLY:
        return gee_client_go_typed(client, "Arith.Multiply", GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(int64_t), NULL,
                                   on_done, lane, error);
    case DIVIDE:
    case DIVIDE_BY_ZERO:
        break;
    }
    return gee_client_go_typed(client, "Arith.Divide", GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(quotient_t), NULL,
                               on_done, lane, error);
}

/* Locked. Is it the answer to that call? */
static bool is_right(lane_t *lane, const void *reply) {
    int64_t n = lane->number;
    switch (kind_of(n)) {
    case ID:
    case SLEEP:
    case BLOCK: {
        const served_t *served = reply;
        if (served->token == n)
            lane->connection->pid = served->pid;
        return served->token == n;
    }
    case DIVIDE: {
        const quotient_t *quotient = reply;
        return quotient->quo == n / 7 && quotient->rem == n % 7;
    }
    case SUM:
        return *(const int64_t *)reply == n - 1;
    case MULTIPLY:
        return *(const int64_t *)reply == n * 3;
    case DIVIDE_BY_ZERO:
        break;
    }
    return false;
}

/* Locked. */
static void break_connection(connection_t *connection, const char *reason) {
    if (!connection->broken)
        tell(&soak.closed, "closed", connection->pid, reason);
    connection->broken = true;
}

/* Locked. Notes how the lane's call ended. */
static void take(lane_t *lane, const gee_pending_t *pending) {
    const gee_error_t *error = gee_pending_error(pending);
    char text[128];
    (void)snprintf(text, sizeof text, "the answer to call %" PRId64 " is another's", lane->number);
    if (error != NULL && error->from_peer) {
        if (kind_of(lane->number) == DIVIDE_BY_ZERO && strcmp(error->text, "divide by zero") == 0)
            soak.calls++;
        else
            tell(&soak.failed, "failed", lane->connection->pid, error->text);
    } else if (error != NULL) {
        break_connection(lane->connection, error->text);
        tell(&soak.lost, "lost", lane->connection->pid, error->text);
    } else if (is_right(lane, gee_pending_reply(pending))) {
        soak.calls++;
    } else {
        tell(&soak.wrong, "wrong", lane->connection->pid, text);
    }
}

/* Locked. False: there is no next one. */
static bool next(lane_t *lane) {
    connection_t *connection = lane->connection;
    lane->running = !soak.stopping && !connection->broken;
    if (!lane->running) {
        connection->running--;
        return false;
    }
    lane->number = connection->next++;
    lane->began_ns = now_ns();
    return true;
}

/* Unlocked. Makes calls until one is on its way. A call that ends before gee_client_go_typed() has returned does not
 * begin the next one from inside it. */
static void go_on(lane_t *lane) {
    gee_error_t error;
    for (;;) {
        lane->starting = true;
        lane->ended_at_once = false;
        gee_pending_t *pending = begin_call(lane, &error);
        pthread_mutex_lock(&soak.lock);
        lane->starting = false;
        bool again = pending == NULL || lane->ended_at_once;
        if (pending == NULL)
            break_connection(lane->connection, error.text);
        again = again && next(lane);
        pthread_mutex_unlock(&soak.lock);
        gee_pending_release(&pending);
        if (!again)
            return;
    }
}

static void on_done(gee_pending_t *pending, void *data) {
    lane_t *lane = data;
    pthread_mutex_lock(&soak.lock);
    take(lane, pending);
    lane->ended_at_once = lane->starting;
    bool again = !lane->starting && next(lane);
    pthread_mutex_unlock(&soak.lock);
    if (again)
        go_on(lane);
}

/* ---- connections ---- */

/* Its first call, by which it is known who serves it. */
static void greet(connection_t *connection) {
    gee_error_t error;
    wait_t wait = { connection->next++, 0 };
    served_t served;
    int result = gee_client_call_typed(connection->client, "Process.Id", GEE_ARGUMENT(wait_t, &wait),
                                       GEE_REPLY(served_t, &served), NULL, &error);
    pthread_mutex_lock(&soak.lock);
    if (result != 0)
        break_connection(connection, error.text);
    else if (served.token != wait.token)
        tell(&soak.wrong, "wrong", 0, "the answer to a first call is another's");
    else
        soak.calls++, connection->pid = served.pid;
    pthread_mutex_unlock(&soak.lock);
}

static void dial(connection_t *connection) {
    gee_error_t error;
    connection->client = gee_dial(soak.address, &soak.dial, &error);
    if (connection->client == NULL) {
        pthread_mutex_lock(&soak.lock);
        tell(&soak.refused, "refused", 0, error.text);
        pthread_mutex_unlock(&soak.lock);
        return;
    }
    connection->broken = false;
    greet(connection);
    connection->running = connection->broken ? 0 : soak.depth;
    for (unsigned i = 0; i < connection->running; i++) {
        lane_t *lane = &connection->lanes[i];
        pthread_mutex_lock(&soak.lock);
        bool first = next(lane);
        pthread_mutex_unlock(&soak.lock);
        if (first)
            go_on(lane);
    }
}

/* Dials what is not connected; those whose last call has ended because they broke are closed first. */
static void look_after(connection_t *connection) {
    pthread_mutex_lock(&soak.lock);
    bool ended = connection->broken && connection->running == 0;
    if (ended)
        connection->pid = 0;
    pthread_mutex_unlock(&soak.lock);
    if (ended)
        gee_client_close(&connection->client);
    if (connection->client == NULL)
        dial(connection);
}

/* ---- reports ---- */

static void print_text(const char *text) {
    (void)putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            (void)putchar('\\');
        (void)putchar((unsigned char)*text < ' ' ? ' ' : *text);
    }
    (void)putchar('"');
}

static double oldest_call(void) {
    int64_t now = now_ns(), oldest = now;
    for (unsigned i = 0; i < soak.count * soak.depth; i++) {
        const lane_t *lane = &soak.connections[i / soak.depth].lanes[i % soak.depth];
        if (lane->running && lane->began_ns < oldest)
            oldest = lane->began_ns;
    }
    return (double)(now - oldest) / 1e9;
}

static void report(void) {
    pthread_mutex_lock(&soak.lock);
    printf("{\"connects\":%" PRIu64 ",\"calls\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"wrong\":%" PRIu64
           ",\"lost\":%" PRIu64 ",\"closed\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"oldest\":%.3f,\"pids\":[",
           soak.connects, soak.calls, soak.failed, soak.wrong, soak.lost, soak.closed, soak.refused, oldest_call());
    for (unsigned i = 0; i < soak.count; i++)
        printf("%s%" PRId64, i > 0 ? "," : "", soak.connections[i].pid);
    printf("],\"events\":[");
    for (unsigned i = 0; i < soak.event_count; i++) {
        printf("%s{\"what\":\"%s\",\"pid\":%" PRId64 ",\"reason\":", i > 0 ? "," : "", soak.events[i].what,
               soak.events[i].pid);
        print_text(soak.events[i].reason);
        (void)putchar('}');
    }
    printf("]}\n");
    (void)fflush(stdout);
    soak.event_count = 0;
    pthread_mutex_unlock(&soak.lock);
}

/* False: standard input has ended. */
static bool asked(void) {
    char bytes[64];
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    if (poll(&input, 1, TICK_MS) <= 0)
        return true;
    ssize_t length = read(STDIN_FILENO, bytes, sizeof bytes);
    for (ssize_t i = 0; i < length; i++)
        if (bytes[i] == '\n')
            report();
    return length > 0;
}

/* ---- the whole ---- */

static bool read_options(int count, char **words) {
    int option;
    soak.dial.size = sizeof soak.dial;
    while ((option = getopt(count, words, "p:c:k:f:n:d:")) != -1) {
        switch (option) {
        case 'p':
            soak.dial.protocol = optarg;
            break;
        case 'c':
            soak.dial.codec = optarg;
            break;
        case 'k':
            soak.dial.server_key = optarg;
            break;
        case 'f':
            soak.dial.key_file = optarg;
            break;
        case 'n':
            soak.count = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'd':
            soak.depth = (unsigned)strtoul(optarg, NULL, 10);
            break;
        default:
            return false;
        }
    }
    soak.address = words[optind];
    return optind + 1 == count && soak.count > 0 && soak.count <= MOST_CONNECTIONS && soak.depth > 0 &&
           soak.depth <= MOST_DEPTH;
}

static int prepare(void) {
    gee_error_t error;
    soak.dial.runtime = gee_runtime_create(GEE_RUNTIME_BACKGROUND, &error);
    if (soak.dial.runtime == NULL) {
        (void)fprintf(stderr, "soak: %s\n", error.text);
        return -1;
    }
    for (unsigned i = 0; i < soak.count; i++) {
        connection_t *connection = &soak.connections[i];
        connection->next = (int64_t)i << 40;
        connection->lanes = calloc(soak.depth, sizeof *connection->lanes);
        if (connection->lanes == NULL) {
            (void)fprintf(stderr, "soak: out of memory\n");
            return -1;
        }
        for (unsigned k = 0; k < soak.depth; k++)
            connection->lanes[k].connection = connection;
    }
    return 0;
}

/* Waits for the calls in flight. */
static void finish(void) {
    unsigned running;
    pthread_mutex_lock(&soak.lock);
    soak.stopping = true;
    pthread_mutex_unlock(&soak.lock);
    do {
        running = 0;
        pthread_mutex_lock(&soak.lock);
        for (unsigned i = 0; i < soak.count; i++)
            running += soak.connections[i].running;
        pthread_mutex_unlock(&soak.lock);
        (void)poll(NULL, 0, TICK_MS);
    } while (running > 0);
    report();
    for (unsigned i = 0; i < soak.count; i++) {
        gee_client_close(&soak.connections[i].client);
        free(soak.connections[i].lanes);
    }
    gee_runtime_destroy(&soak.dial.runtime, NULL);
}

int main(int count, char **words) {
    if (!read_options(count, words)) {
        (void)fprintf(stderr, "usage: soak [-p PROTOCOL] [-c CODEC] [-k SERVER-KEY] [-f KEY-FILE] [-n CONNECTIONS] "
                              "[-d DEPTH] ADDRESS\n");
        return 2;
    }
    if (prepare() != 0)
        return 1;
    do {
        for (unsigned i = 0; i < soak.count; i++)
            look_after(&soak.connections[i]);
    } while (asked());
    finish();
    return 0;
}
