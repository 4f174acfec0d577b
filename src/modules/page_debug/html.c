/* html.c: the page for a person: plain tables, readable without style and without scripts. */
#include "debug.h"

#include <inttypes.h>

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>geerpc</title>\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n"
    ":root { color-scheme: light dark; }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "table { border-collapse: collapse; width: 100%; }\n"
    "th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; "
    "}\n"
    ".n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }\n"
    "code { font-size: .875em; }\n"
    "td code { display: block; opacity: .75; }\n"
    "</style>\n</head>\n<body>\n";

static void escape(gee_http_response_t *response, const char *text) {
    gee_http_escape(response, gee_str(text));
}

static void number(gee_http_response_t *response, uint64_t value) {
    gee_http_print(response, "<td class=\"n\">%" PRIu64 "</td>", value);
}

/* Writes "850 µs", "1.2 ms" or "3.5 s"; a dash without a measurement. */
static void duration(gee_http_response_t *response, bool measured, double value) {
    if (!measured)
        gee_http_print(response, "<td class=\"n\">–</td>");
    else if (value < 1000)
        gee_http_print(response, "<td class=\"n\">%.0f µs</td>", value);
    else if (value < 1000000)
        gee_http_print(response, "<td class=\"n\">%.1f ms</td>", value / 1000);
    else
        gee_http_print(response, "<td class=\"n\">%.1f s</td>", value / 1000000);
}

static void latency(gee_http_response_t *response, const gee_counters_sum_t *sum, double share) {
    uint64_t answered = 0;
    for (size_t i = 0; i < GEE_COUNTERS_BUCKETS; i++)
        answered += sum->histogram[i];
    duration(response, answered > 0, (double)gee_counters_quantile(sum, share));
}

static void counts(gee_http_response_t *response, const gee_counters_sum_t *sum) {
    number(response, sum->calls);
    number(response, sum->errors);
    number(response, sum->in_flight);
    number(response, sum->late);
    latency(response, sum, 0.5);
    latency(response, sum, 0.99);
    gee_http_print(response, "</tr>\n");
}

static void table_head(gee_http_response_t *response, const char *first) {
    gee_http_print(response,
                   "<table>\n<tr><th scope=\"col\">%s</th><th scope=\"col\" class=\"n\">Calls</th>"
                   "<th scope=\"col\" class=\"n\">Errors</th><th scope=\"col\" class=\"n\">In flight</th>"
                   "<th scope=\"col\" class=\"n\">Late</th><th scope=\"col\" class=\"n\">p50</th>"
                   "<th scope=\"col\" class=\"n\">p99</th></tr>\n",
                   first);
}

static void write_types(const debug_method_t *method, gee_http_response_t *response) {
    if (method->flags & GEE_BLOCKING)
        gee_http_print(response, " (on a thread)");
    if (*method->argument == '\0')
        return;
    gee_http_print(response, "<code>");
    escape(response, method->argument);
    gee_http_print(response, " → ");
    escape(response, method->reply);
    gee_http_print(response, "</code>");
}

static void write_service(const debug_service_t *service, gee_http_response_t *response) {
    gee_http_print(response, "<h2>");
    escape(response, service->name);
    if (service->upstream != NULL) {
        gee_http_print(response, " → upstream ");
        escape(response, service->upstream);
    }
    gee_http_print(response, "</h2>\n");
    table_head(response, "Method");
    for (size_t i = 0; i < service->method_count; i++) {
        const debug_method_t *method = &service->methods[i];
        gee_http_print(response, "<tr><td>");
        escape(response, method->name);
        write_types(method, response);
        gee_http_print(response, "</td>");
        counts(response, method->sum);
    }
    gee_http_print(response, "</table>\n");
}

static void write_others(const debug_view_t *view, gee_http_response_t *response) {
    if (view->other_count == 0)
        return;
    gee_http_print(response, "<h2>Not served now</h2>\n");
    table_head(response, "Method");
    for (size_t i = 0; i < view->other_count; i++) {
        gee_http_print(response, "<tr><td>");
        gee_http_escape(response, view->others[i]->method);
        gee_http_print(response, "</td>");
        counts(response, view->others[i]);
    }
    gee_http_print(response, "</table>\n");
}

static void write_source(const debug_upstream_t *upstream, gee_http_response_t *response) {
    const gee_shared_report_t *found = &upstream->found;
    int64_t age_ns = gee_clock_wall() - found->confirmed_ns;
    char age[GEE_DURATION_TEXT];
    gee_http_print(response, "<p>From ");
    escape(response, upstream->source);
    gee_http_print(response, ": list %" PRIu64 ", %" PRIu64 " server%s", found->version, found->count,
                   found->count == 1 ? "" : "s");
    if (found->confirmed_ns > 0)
        gee_http_print(response, ", confirmed %s ago",
                       gee_format_duration_go(age, age_ns > 0 ? age_ns - age_ns % GEE_SECOND : 0));
    gee_http_print(response, ".");
    if (found->trouble[0] != '\0') {
        gee_http_print(response, " <strong>");
        escape(response, found->trouble);
        gee_http_print(response, "</strong>");
    }
    gee_http_print(response, "</p>\n");
}

static void write_upstream(const debug_upstream_t *upstream, gee_http_response_t *response) {
    gee_http_print(response, "<h2>Upstream ");
    escape(response, upstream->name);
    gee_http_print(response, "</h2>\n<p>Balanced by ");
    escape(response, upstream->balance);
    gee_http_print(response, "; %" PRIu64 " waiting.</p>\n", upstream->waiting);
    if (upstream->source != NULL)
        write_source(upstream, response);
    gee_http_print(response,
                   "<table>\n<tr><th scope=\"col\">Server</th><th scope=\"col\">State</th>"
                   "<th scope=\"col\" class=\"n\">Weight</th><th scope=\"col\" class=\"n\">Connections</th>"
                   "<th scope=\"col\" class=\"n\">In flight</th><th scope=\"col\" class=\"n\">Calls</th>"
                   "<th scope=\"col\" class=\"n\">Failures</th><th scope=\"col\" class=\"n\">Latency</th></tr>\n");
    for (size_t i = 0; i < upstream->backend_count; i++) {
        const board_backend_t *backend = &upstream->backends[i].sums;
        gee_http_print(response, "<tr><td>");
        escape(response, upstream->backends[i].address);
        gee_http_print(response, "</td><td>%s</td>", gee_backend_state_name((gee_backend_state_t)backend->state));
        number(response, backend->weight);
        number(response, backend->connections);
        number(response, backend->in_flight);
        number(response, backend->calls);
        number(response, backend->failures);
        duration(response, backend->latency_us > 0, (double)backend->latency_us);
        gee_http_print(response, "</tr>\n");
    }
    gee_http_print(response, "</table>\n");
}

static void write_workers(const debug_view_t *view, gee_http_response_t *response) {
    gee_http_print(response,
                   "<h2>Workers</h2>\n<table>\n<tr><th scope=\"col\">Process</th>"
                   "<th scope=\"col\" class=\"n\">Calls</th><th scope=\"col\" class=\"n\">Errors</th>"
                   "<th scope=\"col\" class=\"n\">In flight</th><th scope=\"col\" class=\"n\">Late</th></tr>\n");
    for (size_t i = 0; i < view->worker_count; i++) {
        const gee_counters_worker_t *worker = &view->workers[i];
        gee_http_print(response, "<tr><td>%" PRId64 "</td>", worker->process);
        number(response, worker->calls);
        number(response, worker->errors);
        number(response, worker->in_flight);
        number(response, worker->late);
        gee_http_print(response, "</tr>\n");
    }
    gee_http_print(response, "</table>\n");
}

static void write_listeners(const debug_view_t *view, gee_http_response_t *response) {
    const char *const *address = view->listeners;
    if (address == NULL || *address == NULL)
        return;
    gee_http_print(response, "<p>Listening on");
    for (; *address != NULL; address++) {
        gee_http_print(response, " <code>");
        gee_http_escape(response, gee_str(*address));
        gee_http_print(response, "</code>");
    }
    gee_http_print(response, "</p>\n");
}

void debug_write_html(const debug_view_t *view, gee_http_response_t *response) {
    gee_http_set_type(response, "text/html; charset=utf-8");
    gee_http_set_header(response, "Content-Security-Policy", GEE_STR("default-src 'none'; style-src 'unsafe-inline'"));
    gee_http_write(response, head, sizeof(head) - 1);
    gee_http_print(response,
                   "<h1>geerpc %s</h1>\n<p>%" PRIu64 " calls, %" PRIu64 " errors, %" PRIu64 " in flight, %" PRIu64
                   " late (answered already, but the handler still runs). Sums over all workers since the start. "
                   "<a href=\"?format=json\">As JSON</a>.</p>\n",
                   gee_version, view->total.calls, view->total.errors, view->total.in_flight, view->total.late);
    write_listeners(view, response);
    if (!view->counted)
        gee_http_print(response, "<p><strong>Calls are not counted: the filter filter_counters is off.</strong></p>\n");
    for (size_t i = 0; i < view->service_count; i++)
        write_service(&view->services[i], response);
    write_others(view, response);
    for (size_t i = 0; i < view->upstreams.count; i++)
        write_upstream(&view->upstreams.items[i], response);
    if (view->upstreams.left_out > 0)
        gee_http_print(response, "<p><strong>%" PRIu64 " further servers of upstreams are not shown.</strong></p>\n",
                       view->upstreams.left_out);
    write_workers(view, response);
    gee_http_print(response, "</body>\n</html>\n");
}
