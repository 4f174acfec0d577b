/* call.c: geectl call and geectl broadcast: one call, to one server or to all of them, with JSON in and out.
 *
 *   the arguments are in the command line:  call -> the server says "streaming method" -> Gee.Describe -> stream
 *   a file, a pipe, several values:         Gee.Describe -> call, or stream
 *
 * A streaming call needs the codec bin or proto: without --codec, geectl dials anew with bin. */
#include <stdlib.h>
#include <string.h>

#include "core/protobuf/descriptor.h"
#include "tools/tools.h"
#include "tools/values.h"

/* One server, or several. */
typedef struct target {
    const arguments_t *arguments;
    connection_t connection;
    gee_xclient_t *xclient; /* null: one server */
} target_t;

static bool has_several(const arguments_t *arguments) {
    return gee_several_servers(arguments) || arguments->registry != NULL || arguments->balance != NULL ||
           arguments->key != NULL;
}

static int open_target(target_t *target, const arguments_t *arguments, int *status) {
    *target = (target_t){ .arguments = arguments };
    if (!has_several(arguments))
        return gee_connect(arguments, &target->connection, status);
    target->xclient = gee_connect_all(arguments, status);
    return target->xclient ? 0 : -1;
}

static void close_target(target_t *target) {
    gee_client_close(&target->connection.client);
    gee_xclient_close(&target->xclient);
}

static int call_target(target_t *target, const char *method, const char *json, char **reply, gee_received_t **received,
                       gee_error_t *error) {
    gee_call_options_t options = gee_call_options(target->arguments, target->connection.deadline);
    options.received = received;
    return target->xclient ? gee_xclient_call(target->xclient, method, json, reply, &options, error)
                           : gee_client_call(target->connection.client, method, json, reply, &options, error);
}

/* Prints the outcome of a call; returns the exit status. */
static int finish(int result, char *reply, const gee_error_t *error) {
    if (result != 0)
        return gee_report_error(error);
    gee_print_json(reply);
    gee_free(reply);
    return EXIT_REPLY;
}

/* ---- streaming ---- */

/* True: the descriptors have the method. */
static bool read_who_streams(const char *path, const char *name, who_streams_t *who) {
    gee_descriptors_t *set = gee_descriptors_load(path, false, NULL);
    const gee_described_method_t *method =
        set != NULL ? gee_descriptors_method(set, (gee_str_t){ .data = name, .length = strlen(name) }, NULL) : NULL;
    if (method != NULL)
        *who = (who_streams_t){ .client = method->client_streaming, .server = method->server_streaming };
    gee_descriptors_release(&set);
    return method != NULL;
}

/* True: the descriptors have the method; or the server knows, and has said so. */
static bool ask_who_streams(target_t *target, who_streams_t *who) {
    const char *method = target->arguments->items[1];
    if (target->arguments->descriptors != NULL)
        return read_who_streams(target->arguments->descriptors, method, who);
    char *request = gee_description_request(method), *reply = NULL;
    bool known = request != NULL && call_target(target, "Gee.Describe", request, &reply, NULL, NULL) == 0 &&
                 gee_description_who_streams(reply, method, who) == 0;
    gee_description_request_free(request);
    gee_free(reply);
    return known;
}

/* `who` null: not known. */
static int stream_on(target_t *target, const who_streams_t *who) {
    const arguments_t *arguments = target->arguments;
    const gee_call_options_t call = gee_call_options(arguments, target->connection.deadline);
    const gee_client_stream_options_t options = { .size = sizeof(options), .call = &call };
    bool one = who != NULL && !who->client;
    const char *argument = arguments->count > 2 ? arguments->items[2] : one ? "{}" : "-";
    gee_error_t error;
    gee_client_stream_t *stream =
        target->xclient ? gee_xclient_stream_open(target->xclient, arguments->items[1], &options, &error)
                        : gee_client_stream_open(target->connection.client, arguments->items[1], &options, &error);
    if (stream == NULL)
        return gee_report_error(&error);
    int status = gee_stream_run(stream, argument, one, arguments->verbose);
    gee_client_stream_release(&stream);
    return status;
}

static int stream(target_t *target, const who_streams_t *who) {
    arguments_t bin = *target->arguments;
    int status;
    if (bin.codec != NULL || bin.protocol != NULL)
        return stream_on(target, who); /* a wire without streaming calls is refused there */
    bin.codec = "bin";
    close_target(target);
    return open_target(target, &bin, &status) == 0 ? stream_on(target, who) : status;
}

/* ---- geectl call ---- */

/* The words of servers that stream, on every wire, and of the library, which has asked the server for types. */
static bool says_streaming(const gee_error_t *error) {
    return strstr(error->text, " is a streaming method: ") != NULL;
}

static int call_once(target_t *target, const char *json) {
    const arguments_t *arguments = target->arguments;
    gee_received_t *received = NULL;
    gee_error_t error;
    char *reply = NULL;
    int result = call_target(target, arguments->items[1], json, &reply, arguments->verbose ? &received : NULL, &error);
    if (result != 0 && says_streaming(&error)) {
        who_streams_t who;
        gee_free(received);
        return stream(target, ask_who_streams(target, &who) ? &who : NULL);
    }
    if (received != NULL)
        gee_print_received(received, true);
    gee_free(received);
    return finish(result, reply, &error);
}

/* Such arguments are for a streaming method; or they are wrong, or one value, for another method. */
static bool may_be_several(const arguments_t *arguments) {
    return gee_json_from_input(arguments, 2) || (arguments->count > 2 && !gee_values_is_one(arguments->items[2]));
}

/* A gateway without a declaration of the service does not know who streams; several values can be nothing else. */
static int stream_text(target_t *target, const char *values) {
    arguments_t arguments = *target->arguments;
    arguments.items[2] = values;
    arguments.count = 3;
    target->arguments = &arguments;
    return stream(target, NULL);
}

static int call(target_t *target) {
    const arguments_t *arguments = target->arguments;
    who_streams_t who = { .client = false };
    bool several = may_be_several(arguments), known = several && ask_who_streams(target, &who);
    char *input;
    if (known && (who.client || who.server))
        return stream(target, &who);
    const char *json = gee_json_argument(arguments, 2, &input);
    bool stream_it = several && !known && json != NULL && arguments->codec == NULL && arguments->protocol == NULL &&
                     !gee_values_is_one(json);
    int status = json == NULL ? EXIT_USAGE : stream_it ? stream_text(target, json) : call_once(target, json);
    free(input);
    return status;
}

static int run_call(const arguments_t *arguments) {
    target_t target;
    int status;
    if (open_target(&target, arguments, &status) != 0)
        return status;
    status = call(&target);
    close_target(&target);
    return status;
}

/* ---- geectl broadcast ---- */

static int broadcast(const arguments_t *arguments, const char *json) {
    const gee_call_options_t options = gee_call_options(arguments, 0);
    gee_error_t error;
    char *reply = NULL;
    int status;
    gee_xclient_t *xclient = gee_connect_all(arguments, &status);
    if (xclient == NULL)
        return status;
    int result = gee_xclient_broadcast(xclient, arguments->items[1], json, &reply, &options, &error);
    status = finish(result, reply, &error);
    gee_xclient_close(&xclient);
    return status;
}

static int run_broadcast(const arguments_t *arguments) {
    char *input;
    const char *json = gee_json_argument(arguments, 2, &input);
    int status = json ? broadcast(arguments, json) : EXIT_USAGE;
    free(input);
    return status;
}

const command_t gee_call_command = {
    .bit = ON_CALL,
    .name = "call",
    .synopsis = "ADDRESS[,ADDRESS]... METHOD [JSON|@FILE|-]",
    .summary = "call a method, print its reply",
    .text = "Calls METHOD with the JSON value as its arguments ({} when there is none, standard input when\n"
            "it is -) and prints the reply as JSON on one line. An error reply's text goes to stderr. Of\n"
            "several servers, with commas between them, the call goes to one; to another when that\n"
            "cannot be reached. With --registry, which stands for ADDRESS, to one of those that it has.\n"
            "\n"
            "A method that streams from the client takes JSON values one after another, each sent as soon as it\n"
            "is there: from JSON, FILE or, without either, standard input. Each reply of a method that streams\n"
            "from the server is a line, printed at once. Streaming calls need --codec bin or proto; without\n"
            "--codec geectl takes bin.\n"
            "\n"
            "With --descriptors FILE, of protoc, JSON becomes bin, proto or gob by the method's types in FILE, where\n"
            "METHOD is package.Service.Method, or Service.Method of any package; enums are written by name. A\n"
            "server that speaks JSON gets their numbers, as Go knows no names.\n"
            "\n"
            "  geectl call tcp@127.0.0.1:9999 Arith.Multiply '{\"A\":7,\"B\":8}'\n"
            "  geectl call --balance hash --balance-key ann tcp@a:9999,tcp@b:9999 Foo.Sum '{\"Num1\":1}'\n"
            "  geectl call --protocol netrpc --descriptors users.binpb tcp@127.0.0.1:9999 Users.Get '{\"id\":1}'\n"
            "  geectl call --registry http://10.0.0.9:9999/_geerpc_/registry Foo.Sum '{\"Num1\":1}'\n"
            "  seq 10 | geectl call tcp@127.0.0.1:9999 Number.Sum",
    .least = 2,
    .most = 3,
    .run = run_call,
};

const command_t gee_broadcast_command = {
    .bit = ON_BROADCAST,
    .name = "broadcast",
    .synopsis = "ADDRESS[,ADDRESS]... METHOD [JSON|@FILE|-]",
    .summary = "call a method of every server",
    .text = "Calls METHOD of every server at once, as geectl call does, and prints the reply that came\n"
            "first when all have replied. The first failure ends it: the other calls are cancelled.\n"
            "\n"
            "  geectl broadcast tcp@10.0.0.1:9999,tcp@10.0.0.2:9999 Cache.Clear",
    .least = 2,
    .most = 3,
    .run = run_broadcast,
};
