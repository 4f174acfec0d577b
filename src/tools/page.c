/* page.c: fetches a server's page and prints the tables. */
#include "tools/page.h"

#include <stdlib.h>
#include <string.h>

#include "client/geerpc_http.h"

#define PAGE_PATH "/debug/geerpc?format=json"

/* ---- fetching ---- */

static int judge(const char *where, const gee_http_page_t *answer, page_t *page, int *status, gee_error_t *error) {
    *status = EXIT_ERROR_REPLY;
    if (answer->status == 404)
        return gee_error_set(error, GEE_NOT_FOUND,
                             "%s: no status page (404 %s): a server shows it on loopback addresses and Unix sockets, "
                             "elsewhere where the listener says pages = \"on\"",
                             where, answer->reason);
    if (answer->status == 421)
        return gee_error_set(
            error, GEE_FAILED_PRECONDITION,
            "%s: the server does not answer to that name (421): ask by IP address, or list the name in "
            "its http.hosts",
            where);
    if (answer->status != 200)
        return gee_error_set(error, GEE_UNKNOWN, "%s: no status page: %d %s", where, answer->status, answer->reason);
    *status = EXIT_CONNECTION;
    page->tree = cJSON_Parse(answer->body);
    if (cJSON_IsObject(page->tree) && gee_json_list(page->tree, "services") != NULL)
        return 0;
    return gee_error_set(error, GEE_UNKNOWN, "%s: what it shows there is no status page", where);
}

int gee_page_fetch(const arguments_t *arguments, page_t *page, int *status, gee_error_t *error) {
    gee_http_page_t answer;
    const char *where = arguments->items[0];
    page->tree = NULL;
    page->text = NULL;
    if (gee_http_get(where, PAGE_PATH, "application/json", arguments->timeout, &answer, error) != 0) {
        *status = error->phase == GEE_PHASE_NONE ? EXIT_USAGE : EXIT_CONNECTION;
        return -1;
    }
    page->fetched = gee_now();
    page->text = answer.body;
    int result = judge(where, &answer, page, status, error);
    if (result != 0)
        gee_page_clear(page);
    return result;
}

void gee_page_clear(page_t *page) {
    cJSON_Delete(page->tree);
    gee_free(page->text);
    page->tree = NULL;
    page->text = NULL;
}

/* ---- now and before ---- */

/* The page that is printed; `before` is null for the first page. */
typedef struct view {
    const page_t *now, *before;
    double seconds; /* between the two */
} view_t;

/* The difference to the page before, a second; without a page before the number itself. */
static void add_count(table_t *table, const view_t *view, const cJSON *now, const cJSON *before, const char *name) {
    double number = gee_json_number(now, name);
    if (view->before == NULL) {
        gee_table_add(table, "%.0f", number);
        return;
    }
    double more = number - gee_json_number(before, name); /* less: the server was started anew */
    double rate = (more < 0 ? number : more) / view->seconds;
    gee_table_add(table, rate > 0 && rate < 10 ? "%.1f" : "%.0f", rate);
}

static void add_plain(table_t *table, const cJSON *object, const char *name) {
    gee_table_add(table, "%.0f", gee_json_number(object, name));
}

static void add_time(table_t *table, const cJSON *object, const char *name) {
    char text[TIME_TEXT];
    double microseconds = gee_json_number(object, name);
    gee_table_add(table, "%s", microseconds > 0 ? gee_time_text(text, microseconds * 1e3) : "-");
}

static bool is_same(const cJSON *a, const cJSON *b, const char *key) {
    const cJSON *one = cJSON_GetObjectItem(a, key), *other = cJSON_GetObjectItem(b, key);
    return one != NULL && other != NULL && cJSON_Compare(one, other, true);
}

/* The object of `list` with the same value under `key`; null: none. *next is null at first, then the object after the
 * last one found: two pages mostly have the same order, so that thousands of servers do not need a search each. */
static const cJSON *counterpart(const cJSON *list, const cJSON *object, const char *key, const cJSON **next) {
    const cJSON *item;
    if (*next != NULL && is_same(*next, object, key)) {
        item = *next;
        *next = item->next;
        return item;
    }
    cJSON_ArrayForEach(item, list) if (is_same(item, object, key)) {
        *next = item->next;
        return item;
    }
    return NULL;
}

/* The list of that name on the page before; null: none. */
static const cJSON *earlier(const view_t *view, const char *name) {
    return view->before ? gee_json_list(view->before->tree, name) : NULL;
}

/* ---- workers ---- */

static void fill_workers(const view_t *view, table_t *table) {
    const cJSON *worker, *old = earlier(view, "workers"), *next = NULL;
    cJSON_ArrayForEach(worker, gee_json_list(view->now->tree, "workers")) {
        const cJSON *before = counterpart(old, worker, "process", &next);
        add_plain(table, worker, "process");
        add_count(table, view, worker, before, "calls");
        add_count(table, view, worker, before, "errors");
        add_plain(table, worker, "in_flight");
    }
}

/* ---- methods ---- */

typedef struct method {
    const char *service, *name;
    const cJSON *now, *before;
    double recent; /* calls since the page before */
} method_t;

static size_t count_methods(const cJSON *tree) {
    const cJSON *service;
    size_t count = (size_t)cJSON_GetArraySize(gee_json_list(tree, "others"));
    cJSON_ArrayForEach(service, gee_json_list(tree, "services")) count +=
        (size_t)cJSON_GetArraySize(gee_json_list(service, "methods"));
    return count;
}

static method_t join_method(const char *service, const cJSON *now, const char *key, const cJSON *old,
                            const cJSON **next) {
    method_t method = { .service = service, .name = gee_json_text(now, key), .now = now };
    method.before = counterpart(old, now, key, next);
    method.recent = gee_json_number(now, "calls") - gee_json_number(method.before, "calls");
    return method;
}

/* The methods that are served, and those that were called but are not served. */
static void list_methods(const view_t *view, method_t *methods) {
    const cJSON *service, *item, *services = earlier(view, "services"), *next_service = NULL, *next_other = NULL;
    cJSON_ArrayForEach(service, gee_json_list(view->now->tree, "services")) {
        const cJSON *old = gee_json_list(counterpart(services, service, "name", &next_service), "methods");
        const cJSON *next = NULL;
        cJSON_ArrayForEach(item, gee_json_list(service, "methods")) *methods++ =
            join_method(gee_json_text(service, "name"), item, "name", old, &next);
    }
    cJSON_ArrayForEach(item, gee_json_list(view->now->tree, "others")) *methods++ =
        join_method("", item, "method", earlier(view, "others"), &next_other);
}

static int busier_first(const void *a, const void *b) {
    double one = ((const method_t *)a)->recent, other = ((const method_t *)b)->recent;
    return (one < other) - (one > other);
}

static void fill_methods(const view_t *view, table_t *table) {
    size_t count = count_methods(view->now->tree);
    method_t *methods = calloc(count + 1, sizeof(*methods));
    if (methods == NULL) {
        table->failed = true;
        return;
    }
    list_methods(view, methods);
    if (view->before != NULL)
        qsort(methods, count, sizeof(*methods), busier_first);
    for (size_t i = 0; i < count; i++) {
        const method_t *method = &methods[i];
        gee_table_add(table, "%s%s%s", method->service, method->service[0] ? "." : "", method->name);
        add_count(table, view, method->now, method->before, "calls");
        add_count(table, view, method->now, method->before, "errors");
        add_plain(table, method->now, "in_flight");
        add_plain(table, method->now, "late");
        add_time(table, method->now, "p50_us");
        add_time(table, method->now, "p99_us");
    }
    free(methods);
}

/* ---- upstreams ---- */

static void fill_peers(const cJSON *upstream, const cJSON *earlier_upstream, const view_t *view, table_t *table) {
    const cJSON *peer, *old = gee_json_list(earlier_upstream, "peers"), *next = NULL;
    cJSON_ArrayForEach(peer, gee_json_list(upstream, "peers")) {
        const cJSON *before = counterpart(old, peer, "address", &next);
        gee_table_add(table, "%s", gee_json_text(peer, "address"));
        gee_table_add(table, "%s", gee_json_text(peer, "state"));
        add_plain(table, peer, "weight");
        add_plain(table, peer, "connections");
        add_plain(table, peer, "in_flight");
        add_count(table, view, peer, before, "calls");
        add_count(table, view, peer, before, "failures");
        add_time(table, peer, "latency_us");
    }
}

/* ---- all of it ---- */

/* Prints the table and frees the cells; returns how many lines are left. */
static size_t print_table(table_t *table, size_t lines) {
    if (table->failed)
        gee_complain("out of memory");
    else
        lines -= gee_table_print(stdout, table, lines);
    gee_table_clear(table);
    return lines;
}

static size_t print_upstream(const view_t *view, const cJSON *upstream, const cJSON *earlier_upstream, size_t lines) {
    bool rates = view->before != NULL;
    table_t table = { .heads = { "PEER", "STATE", "WEIGHT", "CONNECTIONS", "IN FLIGHT", rates ? "CALLS/S" : "CALLS",
                                 rates ? "FAILURES/S" : "FAILURES", "LATENCY" } };
    if (lines < 4)
        return 0;
    printf("\nupstream ");
    gee_print_text(stdout, STYLE_NAME, gee_json_text(upstream, "name"));
    printf(": ");
    gee_print_text(stdout, STYLE_PLAIN, gee_json_text(upstream, "balance"));
    printf(", %.0f waiting\n", gee_json_number(upstream, "waiting"));
    fill_peers(upstream, earlier_upstream, view, &table);
    return print_table(&table, lines - 2);
}

static void print_upstreams(const view_t *view, size_t lines) {
    const cJSON *upstream, *old = earlier(view, "upstreams"), *next = NULL;
    double left_out = gee_json_number(view->now->tree, "left_out");
    cJSON_ArrayForEach(upstream, gee_json_list(view->now->tree, "upstreams")) lines =
        print_upstream(view, upstream, counterpart(old, upstream, "name", &next), lines);
    if (left_out > 0 && lines > 1)
        printf("\n%.0f further servers of upstreams are not shown.\n", left_out);
}

static void print_listeners(const cJSON *tree) {
    const cJSON *listener, *listeners = gee_json_list(tree, "listeners");
    if (cJSON_GetArraySize(listeners) == 0)
        return;
    printf("listening:");
    cJSON_ArrayForEach(listener, listeners) {
        putchar(' ');
        gee_print_text(stdout, STYLE_PLAIN, gee_json_text(listener, "address"));
    }
    putchar('\n');
}

static void print_head(const arguments_t *arguments, const view_t *view) {
    const cJSON *tree = view->now->tree;
    gee_print_text(stdout, STYLE_NAME, "geerpc ");
    gee_print_text(stdout, STYLE_NAME, gee_json_text(tree, "version"));
    printf(" at ");
    gee_print_text(stdout, STYLE_PLAIN, arguments->items[0]);
    putchar('\n');
    if (!cJSON_IsTrue(cJSON_GetObjectItem(tree, "counted")))
        printf("Calls are not counted: this server is without filter_counters.\n");
    else
        printf("%.0f calls, %.0f errors since the start; %.0f in flight, %.0f late\n", gee_json_number(tree, "calls"),
               gee_json_number(tree, "errors"), gee_json_number(tree, "in_flight"), gee_json_number(tree, "late"));
    print_listeners(tree);
}

void gee_page_print(const arguments_t *arguments, const page_t *page, const page_t *before, size_t lines) {
    view_t view = { .now = page, .before = before };
    bool rates = before != NULL;
    if (before != NULL)
        view.seconds = (double)(page->fetched - before->fetched) / (double)NANOSECONDS;
    const char *calls = rates ? "CALLS/S" : "CALLS", *errors = rates ? "ERRORS/S" : "ERRORS";
    table_t workers = { .heads = { "WORKER", calls, errors, "IN FLIGHT" } };
    table_t methods = { .heads = { "METHOD", calls, errors, "IN FLIGHT", "LATE", "P50", "P99" } };
    print_head(arguments, &view);
    fill_workers(&view, &workers);
    fill_methods(&view, &methods);
    lines = print_table(&workers, lines > 3 ? lines - 3 : 0);
    lines = print_table(&methods, lines);
    print_upstreams(&view, lines);
}
