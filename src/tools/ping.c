/* ping.c: geectl ping: measures how long a server takes to answer, once an interval, and counts lost answers. */
#include <string.h>
#include <unistd.h>

#include "tools/tools.h"

#define PING_METHOD "Gee.Ping" /* no server has this method: every answer is an error reply */

typedef struct pinger {
    const arguments_t *arguments;
    connection_t connection; /* client null: the connection is lost, to be dialled anew */
    bool by_call;            /* the wire has no pings */
    bool introduced;
    uint64_t sent, received;
    int64_t least, most, sum;
} pinger_t;

static int ping_by_call(pinger_t *pinger, int64_t *elapsed, gee_error_t *error) {
    gee_call_options_t options = { .size = sizeof(options), .timeout_ns = pinger->arguments->timeout };
    int64_t started = gee_now();
    if (gee_client_call(pinger->connection.client, PING_METHOD, "{}", NULL, &options, error) != 0 && !error->from_peer)
        return -1;
    *elapsed = gee_now() - started;
    return 0;
}

/* One round trip. -1: no answer. */
static int ping(pinger_t *pinger, int64_t *elapsed, gee_error_t *error) {
    if (!pinger->by_call) {
        if (gee_client_ping(pinger->connection.client, pinger->arguments->timeout, elapsed, error) == 0)
            return 0;
        if (error->code != GEE_UNIMPLEMENTED)
            return -1;
        pinger->by_call = true;
    }
    return ping_by_call(pinger, elapsed, error);
}

static void introduce(pinger_t *pinger) {
    char wire[WIRE_TEXT];
    if (pinger->introduced)
        return;
    pinger->introduced = true;
    printf("PING ");
    gee_print_text(stdout, STYLE_PLAIN, pinger->arguments->items[0]);
    printf(" (%s, %s)\n", gee_wire_text(wire, pinger->arguments),
           pinger->by_call ? "by calls of " PING_METHOD : "by its pings");
}

static void count(pinger_t *pinger, int64_t elapsed) {
    if (pinger->received == 0 || elapsed < pinger->least)
        pinger->least = elapsed;
    if (elapsed > pinger->most)
        pinger->most = elapsed;
    pinger->sum += elapsed;
    pinger->received++;
}

static int redial(pinger_t *pinger, gee_error_t *error) {
    gee_dial_options_t options = gee_dial_options(pinger->arguments);
    if (pinger->connection.client == NULL)
        pinger->connection.client = gee_dial(pinger->arguments->items[0], &options, error);
    return pinger->connection.client ? 0 : -1;
}

static void round_trip(pinger_t *pinger) {
    gee_error_t error;
    int64_t elapsed;
    unsigned long long number = ++pinger->sent;
    if (redial(pinger, &error) == 0 && ping(pinger, &elapsed, &error) == 0) {
        count(pinger, elapsed);
        introduce(pinger);
        printf("answer from ");
        gee_print_text(stdout, STYLE_PLAIN, pinger->arguments->items[0]);
        printf(": seq=%llu time=%.3f ms\n", number, (double)elapsed / 1e6);
    } else {
        introduce(pinger);
        printf("no answer: seq=%llu ", number);
        gee_print_text(stdout, STYLE_ERROR, error.text);
        putchar('\n');
        if (error.code != GEE_DEADLINE_EXCEEDED) /* the connection is lost */
            gee_client_close(&pinger->connection.client);
    }
    fflush(stdout);
}

static void summarize(const pinger_t *pinger) {
    double lost = pinger->sent ? 100.0 * (double)(pinger->sent - pinger->received) / (double)pinger->sent : 0;
    printf("\n%llu sent, %llu answered, %.*f%% lost\n", (unsigned long long)pinger->sent,
           (unsigned long long)pinger->received, lost > 0 && lost < 1 ? 3 : 0, lost);
    if (pinger->received > 0)
        printf("round trip min/avg/max = %.3f/%.3f/%.3f ms\n", (double)pinger->least / 1e6,
               (double)pinger->sum / (double)pinger->received / 1e6, (double)pinger->most / 1e6);
}

static int run_ping(const arguments_t *arguments) {
    pinger_t pinger = { .arguments = arguments };
    int status;
    if (gee_connect(arguments, &pinger.connection, &status) != 0)
        return status;
    int interrupt = gee_interrupt_open();
    if (interrupt < 0) {
        gee_client_close(&pinger.connection.client);
        return EXIT_USAGE;
    }
    int64_t next = gee_now();
    do {
        round_trip(&pinger);
        next = gee_later(next, arguments->interval);
        if (next < gee_now()) /* after the long wait for a lost answer: no burst */
            next = gee_now();
    } while (pinger.sent != arguments->calls && gee_interrupt_wait(interrupt, next, -1) == WAITED_TIME);
    summarize(&pinger);
    gee_client_close(&pinger.connection.client);
    close(interrupt);
    return pinger.received == pinger.sent ? EXIT_REPLY : EXIT_ERROR_REPLY;
}

const command_t gee_ping_command = {
    .bit = ON_PING,
    .name = "ping",
    .synopsis = "ADDRESS",
    .summary = "how long a server takes to answer",
    .text = "Asks the server for a sign of life again and again over one connection, and prints the time of each\n"
            "answer: by the wire's own pings where it has them (--codec bin), else by calling " PING_METHOD ",\n"
            "where any answer counts. A lost connection is dialled anew. Ctrl-C ends it when the answer that\n"
            "is being waited for has come or is lost.\n"
            "\n"
            "Exit status: 0 every answer came, 1 some were lost, 3 no connection.\n"
            "\n"
            "  geectl ping --count 10 --interval 200ms tcp@127.0.0.1:9999",
    .least = 1,
    .most = 1,
    .run = run_ping,
};
