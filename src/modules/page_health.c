/* page_health.c: /healthz and /readyz, for programs that watch over the server: is the server there, and may callers be
 * sent to it?
 *
 *   /healthz   200 while a worker answers at all: a server without an answer should be started again
 *   /readyz    200; 503 from the moment that the server is told to quit: a load balancer then sends no further callers,
 *              and drain_delay gives the balancer the time to notice. A reload and an upgrade leave the server ready */
#include <gee/page.h>

static void answer(gee_exchange_t *exchange, int status, const char *text) {
    exchange->response.status = status;
    gee_http_set_type(&exchange->response, "text/plain; charset=utf-8");
    gee_http_set_header(&exchange->response, "Cache-Control", GEE_STR("no-store"));
    gee_http_print(&exchange->response, "%s\n", text);
    gee_exchange_answer(exchange);
}

static void show_health(gee_exchange_t *exchange) {
    answer(exchange, 200, "ok");
}

static void show_readiness(gee_exchange_t *exchange) {
    if (gee_engine_quitting(exchange->engine))
        answer(exchange, 503, "not ready: the server is quitting");
    else
        answer(exchange, 200, "ready");
}

static const gee_route_t routes[] = {
    { .path = "/healthz", .methods = "GET", .flags = GEE_ROUTE_HEALTH, .handle = show_health },
    { .path = "/readyz", .methods = "GET", .flags = GEE_ROUTE_HEALTH, .handle = show_readiness },
    { .path = NULL },
};

extern const gee_module_t gee_page_health_module;
const gee_module_t gee_page_health_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_PAGE, .name = "page_health", .interface = routes
};
