/* call.c: geectl call and geectl broadcast: one call, to one server or to all of them, with JSON in and out. */
#include <stdlib.h>

#include "tools/tools.h"

/* Prints the outcome of a call; returns the exit status. */
static int finish(int result, char *reply, const gee_error_t *error) {
    if (result != 0)
        return gee_report_error(error);
    gee_print_json(reply);
    gee_free(reply);
    return EXIT_REPLY;
}

static int call_one(const arguments_t *arguments, const char *json) {
    connection_t connection;
    gee_error_t error;
    char *reply = NULL;
    int status;
    if (gee_connect(arguments, &connection, &status) != 0)
        return status;
    int result = gee_call(&connection, arguments, arguments->items[1], json, &reply, &error);
    status = finish(result, reply, &error);
    gee_client_close(&connection.client);
    return status;
}

typedef int (*xclient_call_t)(gee_xclient_t *xclient, const char *method, const char *arguments_json, char **reply_json,
                              const gee_call_options_t *options, gee_error_t *error);

static int call_several(const arguments_t *arguments, const char *json, xclient_call_t call) {
    gee_call_options_t options = { .size = sizeof(options),
                                   .timeout_ns = arguments->timeout,
                                   .metadata = arguments->metadata,
                                   .metadata_count = arguments->metadata_count,
                                   .key = arguments->key,
                                   .strict = arguments->strict };
    gee_error_t error;
    char *reply = NULL;
    int status;
    gee_xclient_t *xclient = gee_connect_all(arguments, &status);
    if (xclient == NULL)
        return status;
    int result = call(xclient, arguments->items[1], json, &reply, &options, &error);
    status = finish(result, reply, &error);
    gee_xclient_close(&xclient);
    return status;
}

static int run_call(const arguments_t *arguments) {
    char *input;
    bool several = gee_several_servers(arguments) || arguments->registry != NULL || arguments->balance != NULL ||
                   arguments->key != NULL;
    const char *json = gee_json_argument(arguments, 2, &input);
    if (json == NULL)
        return EXIT_USAGE;
    int status = several ? call_several(arguments, json, gee_xclient_call) : call_one(arguments, json);
    free(input);
    return status;
}

static int run_broadcast(const arguments_t *arguments) {
    char *input;
    const char *json = gee_json_argument(arguments, 2, &input);
    int status = json ? call_several(arguments, json, gee_xclient_broadcast) : EXIT_USAGE;
    free(input);
    return status;
}

const command_t gee_call_command = {
    .bit = ON_CALL,
    .name = "call",
    .synopsis = "ADDRESS[,ADDRESS]... METHOD [JSON]",
    .summary = "call a method, print its reply",
    .text = "Calls METHOD with the JSON value as its arguments ({} when there is none, standard input when\n"
            "it is -) and prints the reply as JSON on one line. An error reply's text goes to stderr. Of\n"
            "several servers, with commas between them, the call goes to one; to another when that\n"
            "cannot be reached. With --registry, which stands for ADDRESS, to one of those that it has.\n"
            "\n"
            "  geectl call tcp@127.0.0.1:9999 Arith.Multiply '{\"A\":7,\"B\":8}'\n"
            "  geectl call --balance hash --balance-key ann tcp@a:9999,tcp@b:9999 Foo.Sum '{\"Num1\":1}'\n"
            "  geectl call --registry http://10.0.0.9:9999/_geerpc_/registry Foo.Sum '{\"Num1\":1}'",
    .least = 2,
    .most = 3,
    .run = run_call,
};

const command_t gee_broadcast_command = {
    .bit = ON_BROADCAST,
    .name = "broadcast",
    .synopsis = "ADDRESS[,ADDRESS]... METHOD [JSON]",
    .summary = "call a method of every server",
    .text = "Calls METHOD of every server at once, as geectl call does, and prints the reply that came\n"
            "first when all have replied. The first failure ends it: the other calls are cancelled.\n"
            "\n"
            "  geectl broadcast tcp@10.0.0.1:9999,tcp@10.0.0.2:9999 Cache.Clear",
    .least = 2,
    .most = 3,
    .run = run_broadcast,
};
