/* page_debug.c: /debug/geerpc and /debug/rpc: what is served here and how it does, over all workers.
 *
 *   shared counters + services of this worker -> debug_view_t -> HTML for a person, JSON for a program */
#include "debug.h"

typedef struct conf {
    const gee_counters_t *counters;
} conf_t;

static int prepare(void *data, const gee_prepare_t *prepare, gee_error_t *error) {
    conf_t *conf = data;
    conf->counters =
        prepare->shared(prepare, GEE_COUNTERS_NAME, gee_counters_size(prepare->workers), GEE_COUNTERS_VERSION, error);
    return conf->counters != NULL ? 0 : -1;
}

static bool wants_json(const gee_http_message_t *request, gee_pool_t *pool) {
    gee_str_t format = gee_http_query(request, "format", pool);
    if (format.data != NULL)
        return gee_str_equal(format, GEE_STR("json"));
    return gee_http_prefers(request, "application/json", "text/html");
}

static void show(gee_exchange_t *exchange) {
    const conf_t *conf = exchange->conf;
    gee_http_response_t *response = &exchange->response;
    gee_pool_t *pool = gee_pool_create(16 * GEE_KIB);
    debug_view_t view;
    if (pool == NULL || conf == NULL || debug_gather(exchange->engine, conf->counters, pool, &view) != 0) {
        gee_http_fail(response, 503, "out of memory");
    } else {
        gee_http_set_header(response, "Cache-Control", GEE_STR("no-store"));
        gee_http_set_header(response, "Vary", GEE_STR("Accept"));
        gee_http_set_header(response, "X-Content-Type-Options", GEE_STR("nosniff"));
        if (wants_json(exchange->request, pool))
            debug_write_json(&view, response);
        else
            debug_write_html(&view, response);
    }
    gee_pool_destroy(&pool);
    gee_exchange_answer(exchange);
}

static const gee_route_t routes[] = {
    { .path = "/debug/geerpc", .methods = "GET", .flags = GEE_ROUTE_GUARDED, .handle = show },
    { .path = "/debug/rpc", .methods = "GET", .flags = GEE_ROUTE_GUARDED, .handle = show },
    { .path = NULL },
};

extern const gee_module_t gee_page_debug_module;
const gee_module_t gee_page_debug_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_PAGE,
    .name = "page_debug",
    .interface = routes,
    .conf_size = sizeof(conf_t),
    .prepare = prepare,
};
