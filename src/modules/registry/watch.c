/* watch.c: GET in a worker: answered at once, or when the list has another version than the client knows.
 *
 *   GET ?version=N&wait=30s --version is N--> watcher -> another version, end of the wait, end of the worker -> answer
 */
#include "registry.h"

#include <stdlib.h>

#define LONGEST_WAIT (60 * GEE_SECOND)
#define FIRST_WAIT   (5 * GEE_SECOND) /* for the helper, while there is no list at all */

typedef struct watcher {
    gee_link_t link;
    gee_exchange_t *exchange;
    gee_timer_t timer;
    uint64_t version; /* the version that the client knows; 0: none, and there is no list */
    bool json;
    size_t service_length;
    char service[REGISTRY_TEXT];
} watcher_t;

typedef struct registry_watchers {
    gee_engine_t *engine;
    gee_list_t list;
} watchers_t;

/* ---- waiting ---- */

static void forget(watcher_t *watcher) {
    gee_list_remove(&watcher->link);
    gee_timer_stop(gee_engine_loop(watcher->exchange->engine), &watcher->timer);
    free(watcher);
}

static void on_gone(gee_exchange_t *exchange) {
    forget(exchange->data);
}

static void answer(watcher_t *watcher) {
    gee_exchange_t *exchange = watcher->exchange;
    registry_view_write(exchange->conf, (gee_str_t){ watcher->service, watcher->service_length }, watcher->json,
                        &exchange->response);
    forget(watcher);
    gee_exchange_answer(exchange);
}

static void on_time(gee_timer_t *timer) {
    watcher_t *watcher = GEE_CONTAINER(timer, watcher_t, timer);
    (void)registry_view_version(watcher->exchange->conf);
    answer(watcher);
}

static void on_hurry(gee_exchange_t *exchange) {
    (void)registry_view_version(exchange->conf);
    answer(exchange->data);
}

void registry_watchers_wake(registry_conf_t *conf) {
    watchers_t *watchers = conf->watchers;
    uint64_t version = gee_list_empty(&watchers->list) ? 0 : registry_view_version(conf);
    if (version == 0)
        return;
    GEE_LIST_EACH(&watchers->list, link) {
        watcher_t *watcher = GEE_CONTAINER(link, watcher_t, link);
        if (watcher->version != version)
            answer(watcher);
    }
}

/* ---- asking ---- */

typedef struct question {
    uint64_t version; /* 0: none given */
    int64_t wait_ns;
    gee_str_t service; /* in `pool` */
    bool json;
    gee_pool_t *pool;
} question_t;

static int read_question(gee_exchange_t *exchange, question_t *question) {
    gee_http_response_t *response = &exchange->response;
    const gee_http_message_t *request = exchange->request;
    gee_str_t version = gee_http_query(request, "version", question->pool);
    gee_str_t wait = gee_http_query(request, "wait", question->pool);
    question->service = gee_http_query(request, "service", question->pool);
    question->json = gee_http_prefers(request, "application/json", "text/plain");
    if (!gee_http_query_valid(request))
        gee_http_fail(response, 400, "the query has a % that two hexadecimal digits do not follow");
    else if (version.data != NULL && gee_parse_uint64(version, &question->version) != 0)
        gee_http_fail(response, 400, "version is a number, that of an earlier answer");
    else if (wait.data != NULL && gee_parse_duration(wait, &question->wait_ns) != 0)
        gee_http_fail(response, 400, "wait is a duration such as 30s");
    else if (question->service.length > 0 && !registry_text_valid(question->service))
        gee_http_fail(response, 400, "no service can have that name");
    else
        return 0;
    return -1;
}

static void wait_for(gee_exchange_t *exchange, const question_t *question, int64_t wait_ns) {
    registry_conf_t *conf = exchange->conf;
    watcher_t *watcher = calloc(1, sizeof(*watcher));
    if (watcher == NULL || gee_timer_start(gee_engine_loop(exchange->engine), &watcher->timer,
                                           wait_ns < LONGEST_WAIT ? wait_ns : LONGEST_WAIT) != 0) {
        free(watcher);
        gee_http_fail(&exchange->response, 503, "out of memory");
        gee_exchange_answer(exchange);
        return;
    }
    watcher->timer.fire = on_time;
    watcher->exchange = exchange;
    watcher->version = question->version;
    watcher->json = question->json;
    watcher->service_length = question->service.length;
    if (question->service.length > 0)
        memcpy(watcher->service, question->service.data, question->service.length);
    exchange->data = watcher;
    exchange->gone = on_gone;
    exchange->hurry = on_hurry;
    gee_list_append(&conf->watchers->list, &watcher->link);
}

static void answer_question(gee_exchange_t *exchange, const question_t *question) {
    registry_conf_t *conf = exchange->conf;
    uint64_t version = registry_view_version(conf);
    if (version == 0) {
        wait_for(exchange, question, FIRST_WAIT);
    } else if (question->wait_ns > 0 && question->version == version) {
        wait_for(exchange, question, question->wait_ns);
    } else {
        registry_view_write(conf, question->service, question->json, &exchange->response);
        gee_exchange_answer(exchange);
    }
}

void registry_get(gee_exchange_t *exchange) {
    question_t question = { .pool = gee_pool_create(GEE_KIB) };
    if (question.pool == NULL) {
        gee_http_fail(&exchange->response, 503, "out of memory");
        gee_exchange_answer(exchange);
    } else if (read_question(exchange, &question) != 0) {
        gee_exchange_answer(exchange);
    } else {
        answer_question(exchange, &question);
    }
    gee_pool_destroy(&question.pool);
}

/* ---- beginning and end ---- */

int registry_watchers_start(registry_conf_t *conf, gee_engine_t *engine, gee_error_t *error) {
    conf->watchers = calloc(1, sizeof(*conf->watchers));
    if (conf->watchers == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    conf->watchers->engine = engine;
    gee_list_init(&conf->watchers->list);
    return 0;
}

void registry_watchers_stop(registry_conf_t *conf) {
    if (conf->watchers == NULL)
        return;
    GEE_LIST_EACH(&conf->watchers->list, link) {
        watcher_t *watcher = GEE_CONTAINER(link, watcher_t, link);
        watcher->exchange->gone = watcher->exchange->hurry = NULL; /* the connection ends later than this */
        forget(watcher);
    }
    free(conf->watchers);
    conf->watchers = NULL;
}
