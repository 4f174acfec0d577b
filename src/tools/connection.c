/* connection.c: from the arguments to a client, or to an xclient of several servers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/tools.h"

#define INPUT_LIMIT (1024UL * 1024 * 1024)

int64_t gee_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

int64_t gee_later(int64_t time, int64_t by) {
    int64_t sum;
    return __builtin_add_overflow(time, by, &sum) ? INT64_MAX : sum;
}

/* ---- one server ---- */

gee_dial_options_t gee_dial_options(const arguments_t *arguments) {
    return (gee_dial_options_t){ .size = sizeof(gee_dial_options_t),
                                 .codec = arguments->codec,
                                 .protocol = arguments->protocol,
                                 .connect_timeout_ns = arguments->timeout,
                                 .message_limit = arguments->message_limit,
                                 .server_key = arguments->server_key,
                                 .key_file = arguments->key_file,
                                 .descriptors = arguments->descriptors };
}

char *gee_wire_text(char *target, const arguments_t *arguments) {
    const char *protocol = arguments->protocol ? arguments->protocol : "geerpc";
    const char *usual = strcmp(protocol, "netrpc") == 0 ? "gob" : "json";
    snprintf(target, WIRE_TEXT, "%.20s, %.20s", protocol, arguments->codec ? arguments->codec : usual);
    return target;
}

int gee_connect(const arguments_t *arguments, connection_t *connection, int *status) {
    gee_error_t error;
    gee_dial_options_t options = gee_dial_options(arguments);
    connection->deadline = 0;
    if (arguments->timeout > 0 && __builtin_add_overflow(gee_now(), arguments->timeout, &connection->deadline))
        connection->deadline = 0;
    connection->client = gee_dial(arguments->items[0], &options, &error);
    if (connection->client != NULL)
        return 0;
    *status = gee_report_error(&error);
    return -1;
}

gee_call_options_t gee_call_options(const arguments_t *arguments, int64_t deadline) {
    gee_call_options_t options = { .size = sizeof(options),
                                   .timeout_ns = arguments->timeout,
                                   .metadata = arguments->metadata,
                                   .metadata_count = arguments->metadata_count,
                                   .key = arguments->key,
                                   .strict = arguments->strict };
    if (deadline > 0) {
        int64_t left = deadline - gee_now();
        options.timeout_ns = left > 0 ? left : 1; /* the library then reports that the time is over */
    }
    return options;
}

int gee_call(connection_t *connection, const arguments_t *arguments, const char *method, const char *json, char **reply,
             gee_error_t *error) {
    const gee_call_options_t options = gee_call_options(arguments, connection->deadline);
    return gee_client_call(connection->client, method, json, reply, &options, error);
}

/* ---- several servers ---- */

/* The comma that ends the first address, or null. A path may have commas; after an address's comma comes a scheme. */
static const char *end_of_address(const char *text) {
    for (const char *comma = strchr(text, ','); comma != NULL; comma = strchr(comma + 1, ',')) {
        size_t scheme = strspn(comma + 1, "abcdefghijklmnopqrstuvwxyz");
        if (scheme > 0 && comma[1 + scheme] == '@')
            return comma;
    }
    return NULL;
}

bool gee_several_servers(const arguments_t *arguments) {
    return end_of_address(arguments->items[0]) != NULL;
}

static size_t count_addresses(const char *text) {
    size_t count = 1;
    while ((text = end_of_address(text)) != NULL) {
        text++;
        count++;
    }
    return count;
}

/* Cuts `text` into addresses. */
static void split(char *text, gee_server_t *servers) {
    for (const char *comma; (comma = end_of_address(text)) != NULL; servers++) {
        size_t length = (size_t)(comma - text);
        text[length] = '\0';
        servers->address = text;
        text += length + 1;
    }
    servers->address = text;
}

static gee_xclient_t *connect_to(const arguments_t *arguments, const gee_server_t *servers, size_t count, int *status) {
    gee_error_t error;
    gee_dial_options_t dial = gee_dial_options(arguments);
    gee_xclient_options_t options = { .size = sizeof(options),
                                      .balance = arguments->balance,
                                      .dial = &dial,
                                      .registry = arguments->registry,
                                      .service = arguments->service };
    gee_xclient_t *xclient = gee_xclient_create(servers, count, &options, &error);
    if (xclient == NULL)
        *status = gee_report_error(&error);
    return xclient;
}

gee_xclient_t *gee_connect_all(const arguments_t *arguments, int *status) {
    if (arguments->registry != NULL)
        return connect_to(arguments, NULL, 0, status);
    size_t count = count_addresses(arguments->items[0]);
    gee_server_t *servers = calloc(count, sizeof(*servers));
    char *text = strdup(arguments->items[0]);
    gee_xclient_t *xclient = NULL;
    *status = EXIT_USAGE;
    if (servers == NULL || text == NULL) {
        gee_complain("out of memory");
    } else {
        split(text, servers);
        xclient = connect_to(arguments, servers, count, status);
    }
    free(servers);
    free(text);
    return xclient;
}

/* ---- the JSON argument ---- */

/* All of the file, with a zero at the end; null: failed, after a complaint. */
static char *read_all(FILE *file, const char *name) {
    size_t length = 0, capacity = 4096;
    char *text = malloc(capacity + 1);
    while (text != NULL) {
        length += fread(text + length, 1, capacity - length, file);
        if (length < capacity)
            break;
        capacity *= 2;
        char *larger = capacity <= INPUT_LIMIT ? realloc(text, capacity + 1) : NULL;
        if (larger == NULL) {
            free(text);
            gee_complain("%s is too long", name);
            return NULL;
        }
        text = larger;
    }
    if (text == NULL) {
        gee_complain("out of memory");
        return NULL;
    }
    text[length] = '\0';
    if (!ferror(file) && memchr(text, '\0', length) == NULL)
        return text;
    if (ferror(file))
        gee_complain("%s: %s", name, strerror(errno));
    else
        gee_complain("%s holds a zero byte: it is no JSON", name);
    free(text);
    return NULL;
}

static char *read_file(const char *name) {
    FILE *file = fopen(name, "re");
    if (file == NULL) {
        gee_complain("%s: %s", name, strerror(errno));
        return NULL;
    }
    char *text = read_all(file, name);
    fclose(file);
    return text;
}

bool gee_json_from_input(const arguments_t *arguments, size_t index) {
    const char *json = arguments->count > index ? arguments->items[index] : "";
    return json[0] == '@' || strcmp(json, "-") == 0;
}

const char *gee_json_argument(const arguments_t *arguments, size_t index, char **input) {
    const char *json = arguments->count > index ? arguments->items[index] : "{}";
    *input = NULL;
    if (!gee_json_from_input(arguments, index))
        return json;
    return *input = json[0] == '@' ? read_file(json + 1) : read_all(stdin, "standard input");
}
