/* registry.c: geectl registry: lists the servers of a registry, watches changes, puts servers in and takes servers out.
 *
 * Lists come through the library, from any source. A geerpc registry also has a page in JSON with more than the list
 * (services, when an entry expires): `ls` asks for that page first. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/geerpc_http.h"
#include "client/geerpc_registry.h"
#include "tools/json.h"
#include "tools/tools.h"

static int64_t time_of(const arguments_t *arguments) {
    return arguments->timeout > 0 ? arguments->timeout : 10 * NANOSECONDS;
}

/* ---- ls ---- */

static void print_server(const char *address, double weight) {
    gee_print_text(stdout, STYLE_PLAIN, address);
    if (weight > 0)
        printf("  weight %.0f", weight);
}

static void print_details(const cJSON *server) {
    char text[TIME_TEXT];
    const char *service = gee_json_text(server, "service");
    double left = gee_json_number(server, "expires_in_ms");
    print_server(gee_json_text(server, "address"), gee_json_number(server, "weight"));
    if (service[0] != '\0') {
        fputs("  service ", stdout);
        gee_print_text(stdout, STYLE_PLAIN, service);
    }
    if (left > 0)
        printf("  expires in %s", gee_time_text(text, left * 1e6));
    putchar('\n');
}

/* Prints the JSON page of a geerpc registry. False: the source is no such registry, or does not answer. */
static bool list_details(const arguments_t *arguments) {
    gee_http_page_t page;
    const char *source = arguments->items[1];
    if (strncmp(source, "http://", 7) != 0 ||
        gee_http_get(source, "/", "application/json", time_of(arguments), &page, NULL) != 0)
        return false;
    cJSON *tree = page.status == 200 ? cJSON_Parse(page.body) : NULL;
    const cJSON *servers = gee_json_list(tree, "servers"), *server;
    cJSON_ArrayForEach(server, servers) if (arguments->service == NULL ||
                                            strcmp(gee_json_text(server, "service"), arguments->service) == 0)
        print_details(server);
    bool printed = servers != NULL;
    cJSON_Delete(tree);
    gee_free(page.body);
    return printed;
}

typedef struct look {
    gee_error_t error; /* why there is no list */
    bool failed;
} look_t;

static bool print_list(void *data, const gee_server_t *servers, size_t count, uint64_t version) {
    (void)data, (void)version;
    for (size_t i = 0; i < count; i++) {
        print_server(servers[i].address, servers[i].weight);
        putchar('\n');
    }
    return false;
}

static bool give_up(void *data, const gee_error_t *error) {
    look_t *look = data;
    look->error = *error;
    look->failed = true;
    return false;
}

static int report(bool succeeded, const gee_error_t *error) {
    return succeeded ? EXIT_REPLY : gee_report_error(error);
}

static int list(const arguments_t *arguments) {
    look_t look = { .failed = false };
    gee_registry_look_t options = { .service = arguments->service,
                                    .timeout_ns = time_of(arguments),
                                    .stop = -1,
                                    .listed = print_list,
                                    .failed = give_up,
                                    .data = &look };
    int64_t started = gee_now();
    if (list_details(arguments))
        return EXIT_REPLY;
    options.timeout_ns -= gee_now() - started;
    if (options.timeout_ns < 1)
        options.timeout_ns = 1; /* the library says then that the time is over */
    int result = gee_registry_look(arguments->items[1], &options, &look.error);
    return report(result == 0 && !look.failed, &look.error);
}

/* ---- watch: what has changed since the list before ---- */

typedef struct known {
    char *address;
    uint32_t weight;
} known_t;

typedef struct watch {
    known_t *known; /* sorted */
    size_t count;
    bool listed; /* a list has come before */
    char failure[GEE_ERROR_TEXT];
} watch_t;

static int compare(const void *a, const void *b) {
    return strcmp(((const known_t *)a)->address, ((const known_t *)b)->address);
}

static void forget(known_t *known, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(known[i].address);
    free(known);
}

static known_t *copy(const gee_server_t *servers, size_t count) {
    known_t *known = calloc(count + 1, sizeof(*known));
    for (size_t i = 0; known != NULL && i < count; i++) {
        known[i] = (known_t){ strdup(servers[i].address), servers[i].weight };
        if (known[i].address == NULL) {
            forget(known, i);
            known = NULL;
        }
    }
    if (known != NULL)
        qsort(known, count, sizeof(*known), compare);
    return known;
}

static void print_change(char sign, const known_t *server) {
    struct timespec now;
    struct tm parts;
    char text[32];
    clock_gettime(CLOCK_REALTIME, &now);
    strftime(text, sizeof(text), "%H:%M:%S", localtime_r(&now.tv_sec, &parts));
    printf("%s.%03ld %c ", text, now.tv_nsec / 1000000, sign);
    print_server(server->address, server->weight);
    putchar('\n');
}

/* Walks over both lists at once, since both are sorted. */
static void print_changes(const known_t *old, size_t old_count, const known_t *new, size_t new_count) {
    size_t i = 0, j = 0;
    while (i < old_count || j < new_count) {
        int order = i == old_count ? 1 : j == new_count ? -1 : compare(&old[i], &new[j]);
        if (order < 0)
            print_change('-', &old[i]);
        else if (order > 0)
            print_change('+', &new[j]);
        else if (old[i].weight != new[j].weight)
            print_change('~', &new[j]);
        i += order <= 0;
        j += order >= 0;
    }
    fflush(stdout);
}

static bool note_list(void *data, const gee_server_t *servers, size_t count, uint64_t version) {
    watch_t *watch = data;
    (void)version;
    known_t *known = copy(servers, count);
    if (known == NULL) {
        gee_complain("out of memory");
        return false;
    }
    if (!watch->listed && count == 0) {
        puts("the list is empty");
        fflush(stdout);
    }
    print_changes(watch->known, watch->count, known, count);
    forget(watch->known, watch->count);
    *watch = (watch_t){ .known = known, .count = count, .listed = true };
    return true;
}

static bool note_failure(void *data, const gee_error_t *error) {
    watch_t *watch = data;
    if (strcmp(watch->failure, error->text) != 0)
        gee_complain("%s; trying again", error->text);
    memcpy(watch->failure, error->text, sizeof(watch->failure));
    return true;
}

static int watch_list(const arguments_t *arguments) {
    watch_t watch = { .known = NULL };
    gee_error_t error = { .code = GEE_OK };
    gee_registry_look_t options = { .service = arguments->service,
                                    .refresh_ns = arguments->refresh,
                                    .timeout_ns = arguments->timeout,
                                    .stop = gee_interrupt_open(),
                                    .listed = note_list,
                                    .failed = note_failure,
                                    .data = &watch };
    if (options.stop < 0)
        return EXIT_USAGE;
    int result = gee_registry_look(arguments->items[1], &options, &error);
    forget(watch.known, watch.count);
    return report(result == 0, &error);
}

/* ---- put and rm ---- */

static int change(const arguments_t *arguments, int (*function)(const char *source, const gee_registry_server_t *server,
                                                                int64_t timeout_ns, gee_error_t *error)) {
    gee_registry_server_t server = { .address = arguments->items[2],
                                     .service = arguments->service,
                                     .weight = (uint32_t)arguments->weight,
                                     .ttl_ns = arguments->ttl };
    gee_error_t error = { .code = GEE_OK };
    int result = function(arguments->items[1], &server, time_of(arguments), &error);
    if (result == 0 || error.code != GEE_NOT_FOUND)
        return report(result == 0, &error);
    gee_complain("%s; ls shows what is there, --service names an entry's service", error.text);
    return EXIT_ERROR_REPLY;
}

static int put(const arguments_t *arguments) {
    return change(arguments, gee_registry_put);
}

static int take_out(const arguments_t *arguments) {
    return change(arguments, gee_registry_remove);
}

/* ---- the command ---- */

static int run_registry(const arguments_t *arguments) {
    static const struct {
        const char *name;
        size_t count; /* of arguments, with the action */
        int (*run)(const arguments_t *arguments);
    } actions[] = { { "ls", 2, list }, { "watch", 2, watch_list }, { "put", 3, put }, { "rm", 3, take_out } };
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        if (strcmp(actions[i].name, arguments->items[0]) != 0)
            continue;
        if (arguments->count == actions[i].count)
            return actions[i].run(arguments);
        return gee_complain("usage: geectl registry %s SOURCE%s", actions[i].name,
                            actions[i].count == 3 ? " ADDRESS" : "");
    }
    return gee_complain("registry: unknown action \"%s\"; it is one of ls, watch, put, rm", arguments->items[0]);
}

const command_t gee_registry_command = {
    .bit = ON_REGISTRY,
    .name = "registry",
    .synopsis = "ls|watch|put|rm SOURCE [ADDRESS]",
    .summary = "who is in a registry",
    .text = "Lists the servers that a registry has, one a line, or prints who comes (+), goes (-) and changes\n"
            "its weight (~) until Ctrl-C; puts a server in, until its time is over, or takes one out. SOURCE is\n"
            "a registry's URL, dns@NAME:PORT or file@PATH; the latter two can only be looked at. An entry has one\n"
            "address and one service, or none: rm needs the --service that ls shows with it.\n"
            "\n"
            "  geectl registry ls http://10.0.0.9:9999/_geerpc_/registry\n"
            "  geectl registry put --ttl 1h http://10.0.0.9:9999/_geerpc_/registry tcp@10.0.0.1:9999",
    .least = 2,
    .most = 3,
    .run = run_registry,
};
