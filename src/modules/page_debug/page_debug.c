/* page_debug.c: /debug/geerpc and /debug/rpc: the services of this server with their counts, and the upstreams, over
 * all workers.
 *
 *   shared counters + services of this worker -> debug_view_t -> HTML for a person, JSON for a program
 *   shared board of upstreams ---------------------^ */
#include "debug.h"

#include <unistd.h>

/* The greatest age of the page's data about the upstreams of other workers. */
#define BOARD_INTERVAL (250 * GEE_MILLISECOND)

typedef struct conf {
    const gee_counters_t *counters;
    board_t board;

    /* the worker's */
    const gee_engine_t *engine;
    board_slot_t *slot; /* null: no upstreams, or no free slot */
    gee_timer_t timer;
} conf_t;

static int prepare(void *data, const gee_prepare_t *prepare, gee_error_t *error) {
    conf_t *conf = data;
    conf->counters =
        prepare->shared(prepare, GEE_COUNTERS_NAME, gee_counters_size(prepare->workers), GEE_COUNTERS_VERSION, error);
    if (conf->counters == NULL)
        return -1;
    board_measure(&conf->board, prepare);
    conf->board.memory = prepare->shared(prepare, BOARD_NAME, board_size(&conf->board), BOARD_VERSION, error);
    return conf->board.memory != NULL ? 0 : -1;
}

/* ---- in a worker ---- */

static void page_on_interval(gee_timer_t *timer) {
    conf_t *conf = GEE_CONTAINER(timer, conf_t, timer);
    board_write(&conf->board, conf->slot, conf->engine);
    (void)gee_timer_start(gee_engine_loop(conf->engine), timer, BOARD_INTERVAL);
}

static int page_start(void *data, gee_engine_t *engine, gee_error_t *error) {
    conf_t *conf = data;
    if (gee_engine_gateway(engine)->count == 0)
        return 0;
    conf->engine = engine;
    conf->slot = board_claim(&conf->board, getpid());
    if (conf->slot == NULL) {
        gee_log(gee_engine_log(engine), GEE_LOG_WARN,
                "/debug/geerpc will not show this worker's upstreams: so many old workers are still busy");
        return 0;
    }
    board_write(&conf->board, conf->slot, engine);
    conf->timer.fire = page_on_interval;
    if (gee_timer_start(gee_engine_loop(engine), &conf->timer, BOARD_INTERVAL) == 0)
        return 0;
    board_yield(conf->slot);
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

static void page_stop(void *data, gee_engine_t *engine) {
    conf_t *conf = data;
    gee_timer_stop(gee_engine_loop(engine), &conf->timer);
    if (conf->slot != NULL)
        board_yield(conf->slot);
    conf->slot = NULL;
}

/* ---- the page ---- */

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
    if (conf != NULL && conf->slot != NULL)
        board_write(&conf->board, conf->slot, exchange->engine);
    if (pool == NULL || conf == NULL ||
        debug_gather(exchange->engine, conf->counters, &conf->board, pool, &view) != 0) {
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
    .worker_start = page_start,
    .worker_stop = page_stop,
};
