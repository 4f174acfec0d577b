/* call.c: geectl call: one call, with JSON in and out. And what every subcommand needs: the client. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/tools.h"

#define INPUT_LIMIT (1024UL * 1024 * 1024)

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

int gee_connect(const arguments_t *arguments, connection_t *connection, int *status) {
    gee_error_t error;
    gee_dial_options_t options = { .size = sizeof(options),
                                   .codec = arguments->codec,
                                   .protocol = arguments->protocol,
                                   .connect_timeout_ns = arguments->timeout_ns,
                                   .message_limit = arguments->message_limit };
    int64_t started = now();
    connection->deadline_ns = 0;
    if (arguments->timeout_ns > 0 && __builtin_add_overflow(started, arguments->timeout_ns, &connection->deadline_ns))
        connection->deadline_ns = 0;
    connection->client = gee_dial(arguments->items[0], &options, &error);
    if (connection->client != NULL)
        return 0;
    *status = gee_report_error(&error);
    return -1;
}

int gee_call(connection_t *connection, const arguments_t *arguments, const char *method, const char *json, char **reply,
             gee_error_t *error) {
    gee_call_options_t options = { .size = sizeof(options),
                                   .metadata = arguments->metadata,
                                   .metadata_count = arguments->metadata_count };
    if (connection->deadline_ns > 0) {
        int64_t left = connection->deadline_ns - now();
        options.timeout_ns = left > 0 ? left : 1; /* the library says then that the time is over */
    }
    return gee_client_call(connection->client, method, json, reply, &options, error);
}

/* All of standard input, terminated; null: failed, and said so. */
static char *read_input(void) {
    size_t length = 0, capacity = 4096;
    char *text = malloc(capacity + 1);
    while (text != NULL) {
        length += fread(text + length, 1, capacity - length, stdin);
        if (length < capacity)
            break;
        capacity *= 2;
        char *larger = capacity <= INPUT_LIMIT ? realloc(text, capacity + 1) : NULL;
        if (larger == NULL) {
            free(text);
            gee_complain("standard input is too long");
            return NULL;
        }
        text = larger;
    }
    if (text == NULL) {
        gee_complain("out of memory");
    } else if (ferror(stdin)) {
        gee_complain("standard input: %s", strerror(errno));
        free(text);
        text = NULL;
    } else if (memchr(text, '\0', length) != NULL) {
        gee_complain("standard input holds a zero byte: it is no JSON");
        free(text);
        text = NULL;
    } else {
        text[length] = '\0';
    }
    return text;
}

static int call_with(arguments_t *arguments, const char *json) {
    connection_t connection;
    gee_error_t error;
    char *reply;
    int status;
    if (gee_connect(arguments, &connection, &status) != 0)
        return status;
    if (gee_call(&connection, arguments, arguments->items[1], json, &reply, &error) == 0) {
        gee_compact_json(reply);
        gee_print_text(stdout, STYLE_PLAIN, reply);
        putchar('\n');
        gee_free(reply);
        status = EXIT_REPLY;
    } else {
        status = gee_report_error(&error);
    }
    gee_client_close(&connection.client);
    return status;
}

static int run(arguments_t *arguments) {
    const char *json = arguments->count > 2 ? arguments->items[2] : "{}";
    if (strcmp(json, "-") != 0)
        return call_with(arguments, json);
    char *input = read_input();
    if (input == NULL)
        return EXIT_USAGE;
    int status = call_with(arguments, input);
    free(input);
    return status;
}

const command_t gee_call_command = {
    .name = "call",
    .synopsis = "ADDRESS METHOD [JSON]",
    .summary = "call a method, print its reply",
    .text = "Calls METHOD with the JSON value as its arguments ({} when there is none, standard input when\n"
            "it is -) and prints the reply as JSON on one line. An error reply's text goes to stderr.\n"
            "\n"
            "  geectl call tcp@127.0.0.1:9999 Arith.Multiply '{\"A\":7,\"B\":8}'",
    .least = 2,
    .most = 3,
    .with_metadata = true,
    .run = run,
};
