/* bench.c: geectl bench: puts a load on a server and prints the measurement. */
#include <stdlib.h>
#include <unistd.h>

#include "tools/json.h"
#include "tools/load.h"

#define SHARES 4
static const struct {
    double share;
    const char *name, *key;
} shares[SHARES] = {
    { 0.5, "p50", "p50" }, { 0.9, "p90", "p90" }, { 0.99, "p99", "p99" }, { 0.999, "p99.9", "p99_9" }
};

/* ---- progress ---- */

/* What is counted. */
static const char *unit_of(const arguments_t *arguments) {
    return arguments->stream ? "messages" : "calls";
}

static void show_progress(const arguments_t *arguments, load_t *load, int64_t started, uint64_t *before) {
    uint64_t answered, failed;
    gee_load_progress(load, &answered, &failed);
    fprintf(stderr, "\r%lld s  %llu %s/s", (long long)((gee_now() - started) / NANOSECONDS),
            (unsigned long long)(answered - *before), unit_of(arguments));
    if (failed > 0)
        fprintf(stderr, "  %llu errors", (unsigned long long)failed);
    fputs("\033[K", stderr);
    *before = answered;
}

/* Waits until the load has ended by itself or was interrupted. */
static void watch(const arguments_t *arguments, load_t *load, int interrupt) {
    bool terminal = isatty(STDERR_FILENO) == 1;
    int64_t started = gee_now(), next = started;
    uint64_t before = 0;
    waited_t waited;
    do {
        next += NANOSECONDS;
        waited = gee_interrupt_wait(interrupt, next, gee_load_descriptor(load));
        if (terminal && waited == WAITED_TIME)
            show_progress(arguments, load, started, &before);
    } while (waited == WAITED_TIME);
    gee_load_stop(load);
    if (terminal)
        fputs("\r\033[K", stderr);
}

/* ---- for a person ---- */

static double rate_of(const load_result_t *result) {
    uint64_t answered = result->replies + result->error_replies;
    return result->seconds > 0 ? (double)answered / result->seconds : 0;
}

static void print_head(const arguments_t *arguments, const load_t *load, const who_streams_t *streams) {
    char wire[WIRE_TEXT];
    gee_print_text(stdout, STYLE_PLAIN, arguments->items[1]);
    printf(" of ");
    gee_print_text(stdout, STYLE_PLAIN, arguments->items[0]);
    printf(" (%s)\n", gee_wire_text(wire, arguments));
    if (streams != NULL && streams->client && streams->server)
        printf("streams both ways: ");
    else if (streams != NULL)
        printf("streams from the %s: ", streams->client ? "client" : "server");
    else if (arguments->rate > 0)
        printf("open loop: %llu calls/s, %s; ", (unsigned long long)arguments->rate, arguments->arrivals);
    else
        printf("closed loop: ");
    printf("%llu connections, ", (unsigned long long)arguments->connections);
    if (streams == NULL || (streams->client && streams->server))
        printf("%s%zu in flight on each, ", arguments->rate > 0 ? "at most " : "", gee_load_depth(load));
    printf("%zu thread%s\n", gee_load_threads(load), gee_load_threads(load) == 1 ? "" : "s");
}

static void print_times(const load_result_t *result) {
    const histogram_t *times = &result->times;
    char first[TIME_TEXT], second[TIME_TEXT], third[TIME_TEXT];
    printf("  latency   min %s  mean %s  max %s\n", gee_time_text(first, (double)times->least),
           gee_time_text(second, gee_histogram_mean(times)), gee_time_text(third, (double)times->most));
    printf("           ");
    for (size_t i = 0; i < SHARES; i++)
        printf(" %s %s%s", shares[i].name, gee_time_text(first, (double)gee_histogram_quantile(times, shares[i].share)),
               i + 1 < SHARES ? " " : "\n");
}

static void print_result(const arguments_t *arguments, const load_t *load, const who_streams_t *streams,
                         const load_result_t *result) {
    uint64_t errors = result->error_replies + result->unanswered;
    const char *unit = unit_of(arguments);
    print_head(arguments, load, streams);
    printf("\n  %-9s %llu in %.2f s: %.0f %s/s\n", unit, (unsigned long long)(result->replies + errors),
           result->seconds, rate_of(result), unit);
    if (result->times.count > 0)
        print_times(result);
    printf("  errors    %llu\n", (unsigned long long)errors);
    if (result->redialled > 0)
        printf("  lost      %llu connection%s, dialled anew\n", (unsigned long long)result->redialled,
               result->redialled == 1 ? "" : "s");
    for (size_t i = 0; i < result->error_count; i++) {
        printf("  %9llu ", (unsigned long long)result->errors[i].count);
        gee_print_text(stdout, STYLE_ERROR, result->errors[i].text ? result->errors[i].text : "(other errors)");
        putchar('\n');
    }
}

/* ---- for a program ---- */

static bool add(cJSON *object, const char *name, double number) {
    return cJSON_AddNumberToObject(object, name, number) != NULL;
}

static bool add_streams(cJSON *root, const who_streams_t *streams) {
    return streams == NULL || cJSON_AddStringToObject(root, "stream",
                                                      !streams->client   ? "server"
                                                      : !streams->server ? "client"
                                                                         : "both");
}

static bool add_settings(cJSON *root, const arguments_t *arguments, const load_t *load) {
    char wire[WIRE_TEXT];
    return cJSON_AddStringToObject(root, "address", arguments->items[0]) &&
           cJSON_AddStringToObject(root, "method", arguments->items[1]) &&
           cJSON_AddStringToObject(root, "wire", gee_wire_text(wire, arguments)) &&
           cJSON_AddStringToObject(root, "loop", arguments->rate > 0 ? "open" : "closed") &&
           (arguments->rate == 0 || (add(root, "rate", (double)arguments->rate) &&
                                     cJSON_AddStringToObject(root, "arrivals", arguments->arrivals))) &&
           add(root, "connections", (double)arguments->connections) &&
           add(root, "depth", (double)gee_load_depth(load)) && add(root, "threads", (double)gee_load_threads(load));
}

static bool add_times(cJSON *root, const histogram_t *times) {
    cJSON *object = cJSON_AddObjectToObject(root, "latency_us");
    bool added = object && add(object, "min", (double)times->least / 1e3) &&
                 add(object, "mean", gee_histogram_mean(times) / 1e3);
    for (size_t i = 0; i < SHARES && added; i++)
        added = add(object, shares[i].key, (double)gee_histogram_quantile(times, shares[i].share) / 1e3);
    return added && add(object, "max", (double)times->most / 1e3);
}

static bool add_errors(cJSON *root, const load_result_t *result) {
    cJSON *list = cJSON_AddArrayToObject(root, "errors");
    bool added = list != NULL;
    for (size_t i = 0; i < result->error_count && added; i++) {
        const char *text = result->errors[i].text;
        cJSON *object = cJSON_CreateObject();
        added = object && cJSON_AddItemToArray(list, object) && add(object, "count", (double)result->errors[i].count) &&
                (text ? cJSON_AddStringToObject(object, "text", text) : cJSON_AddNullToObject(object, "text"));
    }
    return added;
}

static int print_json(const arguments_t *arguments, const load_t *load, const who_streams_t *streams,
                      const load_result_t *result) {
    cJSON *root = cJSON_CreateObject();
    double count = (double)(result->replies + result->error_replies + result->unanswered);
    bool made =
        root && add_settings(root, arguments, load) && add_streams(root, streams) &&
        add(root, "seconds", result->seconds) && add(root, unit_of(arguments), count) &&
        add(root, "replies", (double)result->replies) && add(root, "error_replies", (double)result->error_replies) &&
        add(root, "unanswered", (double)result->unanswered) && add(root, "redialled", (double)result->redialled) &&
        add(root, arguments->stream ? "messages_per_second" : "calls_per_second", rate_of(result)) &&
        add_times(root, &result->times) && add_errors(root, result);
    char *text = made ? cJSON_PrintUnformatted(root) : NULL;
    if (text != NULL) {
        gee_print_text(stdout, STYLE_PLAIN, text);
        putchar('\n');
    } else {
        gee_complain("out of memory");
    }
    cJSON_free(text);
    cJSON_Delete(root);
    return text ? 0 : -1;
}

/* ---- the command ---- */

static int report(const arguments_t *arguments, load_t *load, const who_streams_t *streams) {
    int status = EXIT_REPLY;
    load_result_t *result = gee_load_finish(load, &status);
    if (result == NULL)
        return status;
    if (result->error_replies + result->unanswered > 0)
        status = result->replies + result->error_replies > 0 ? EXIT_ERROR_REPLY : EXIT_CONNECTION;
    if (!arguments->json)
        print_result(arguments, load, streams, result);
    else if (print_json(arguments, load, streams, result) != 0)
        status = EXIT_USAGE;
    gee_load_result_free(&result);
    return status;
}

static int run_with(const arguments_t *arguments, const char *json, const who_streams_t *streams) {
    int status;
    load_t *load = gee_load_open(arguments, json, streams, &status);
    if (load == NULL)
        return status;
    int interrupt = gee_interrupt_open();
    status = EXIT_USAGE;
    if (interrupt >= 0 && gee_load_start(load) == 0) {
        watch(arguments, load, interrupt);
        status = report(arguments, load, streams);
    }
    gee_load_close(&load);
    if (interrupt >= 0)
        close(interrupt);
    return status;
}

static int run_streams(const arguments_t *given, const char *json) {
    arguments_t arguments = *given;
    who_streams_t who;
    int status;
    if (arguments.rate > 0)
        return gee_complain("--stream and --rate: messages of a stream begin when there is room, not at fixed times");
    if (arguments.codec == NULL && arguments.protocol == NULL)
        arguments.codec = "bin";
    if (gee_description_ask_who_streams(&arguments, &who, &status) != 0)
        return status;
    if (!who.client && !who.server)
        return gee_complain("%s does not stream", arguments.items[1]);
    return run_with(&arguments, json, &who);
}

static int run_bench(const arguments_t *arguments) {
    char *input;
    const char *json = gee_json_argument(arguments, 2, &input);
    int status = EXIT_USAGE;
    if (json != NULL)
        status = arguments->stream ? run_streams(arguments, json) : run_with(arguments, json, NULL);
    free(input);
    return status;
}

const command_t gee_bench_command = {
    .bit = ON_BENCH,
    .name = "bench",
    .synopsis = "ADDRESS METHOD [JSON|@FILE|-]",
    .summary = "put a load on a server, measure it",
    .text = "Calls METHOD again and again and prints calls a second, latencies and errors. In a closed loop, the\n"
            "default, a call begins when one has ended. With --rate, an open loop, calls begin at times that\n"
            "are fixed beforehand, and are measured from those: what had to wait for a server that stalled\n"
            "is seen. A call without an answer counts with the time that it was waited for. A connection that\n"
            "is lost is dialled anew, and counted; without any for 3 s the bench ends. Ctrl-C ends the bench\n"
            "early, with the result so far.\n"
            "\n"
            "With --stream each connection has a stream of a streaming method, in bin without --codec: messages a\n"
            "second from the client or from the server; or both ways, at most --depth without their replies,\n"
            "with latencies (one reply a message, in their order): --depth 1, the default, is ping-pong.\n"
            "\n"
            "Exit status: 0 a reply to every call, 1 errors among them, 3 no connection, or no answer at all.\n"
            "\n"
            "  geectl bench --connections 64 --depth 16 tcp@127.0.0.1:9999 Arith.Multiply '{\"A\":7,\"B\":8}'\n"
            "  geectl bench --rate 20000 --duration 30s --json tcp@127.0.0.1:9999 Arith.Multiply '{\"A\":7,\"B\":8}'",
    .least = 2,
    .most = 3,
    .run = run_bench,
};
