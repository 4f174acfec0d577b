/* service_handler.c: a stranger's service that uses all that a handler may use: Handler.Ask calls the methods of a
 * list, each with { Num1: handler.first, Num2: how many calls this worker has made }, and replies with a map of their
 * sums or errors, as text. When one has not answered within handler.patience, the call fails. */
#include <gee/service.h>

typedef struct conf {
    int64_t first;
    int64_t patience;
} conf_t;
static const gee_option_t rows[] = { { .name = "first",
                                       .type = GEE_OPTION_INT,
                                       .offset = offsetof(conf_t, first),
                                       .flags = GEE_OPTION_RELOADABLE,
                                       .fallback = "1",
                                       .minimum = 0,
                                       .maximum = 1000000,
                                       .doc = "Num1 of each call" },
                                     { .name = "patience",
                                       .type = GEE_OPTION_DURATION,
                                       .offset = offsetof(conf_t, patience),
                                       .flags = GEE_OPTION_RELOADABLE,
                                       .fallback = "10s",
                                       .doc = "For all answers" },
                                     { .name = NULL } };

typedef struct state {
    int64_t calls;
} state_t;

typedef struct pair {
    int64_t num1, num2;
} pair_t;
GEE_STRUCT(pair_t, "Pair", GEE_INT64(pair_t, num1, "Num1", 1), GEE_INT64(pair_t, num2, "Num2", 2));

typedef GEE_LIST_OF(gee_str_t) methods_t;
GEE_LIST_TYPE_AS(methods_t, gee_str_t);
typedef GEE_MAP_OF(gee_str_t) answers_t;
GEE_MAP_TYPE_AS(answers_t, gee_str_t);

static void out_of_memory(gee_call_t *call) {
    gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

/* Of one method; the answers hold the names of those that have answered first. */
typedef struct asked {
    gee_str_t method;
    answers_t *answers;
    size_t all;
} asked_t;

static void note(gee_call_t *call, const asked_t *asked, gee_str_t text) {
    answers_t *answers = asked->answers;
    answers->items[answers->count].key = asked->method;
    answers->items[answers->count].value = gee_pool_str(gee_call_pool(call), text);
    if (++answers->count == asked->all)
        gee_reply(call);
}

static void answered(gee_call_t *call, const gee_status_t *status, const int64_t *sum, void *data) {
    char text[GEE_ERROR_TEXT];
    if (status->code == GEE_OK)
        (void)gee_str_format(text, sizeof(text), "%lld", (long long)*sum);
    else
        (void)gee_str_format(text, sizeof(text), "%d %.*s", (int)status->code, GEE_STR_ARGUMENTS(status->text));
    note(call, data, gee_str(text));
}

static void impatient(gee_call_t *call, void *data) {
    const answers_t *answers = data;
    gee_failf(call, GEE_ABORTED, "handler.patience is over after %zu answers", answers->count);
}

static int start_worker(void *conf GEE_UNUSED, gee_engine_t *engine, gee_error_t *error GEE_UNUSED) {
    state_t *state = gee_engine_state(engine, "service_handler");
    state->calls = 1000;
    return 0;
}

static void ask(gee_call_t *call, const methods_t *methods, answers_t *answers) {
    const conf_t *conf = gee_call_conf(call);
    state_t *state = gee_call_state(call);
    asked_t *asked = gee_call_alloc(call, (methods->count + 1) * sizeof(*asked));
    answers->items = gee_call_alloc(call, (methods->count + 1) * sizeof(*answers->items));
    if (asked == NULL || answers->items == NULL || gee_call_after(call, conf->patience, impatient, answers) != 0) {
        out_of_memory(call);
        return;
    }
    if (methods->count == 0)
        gee_reply(call);
    for (size_t i = 0; i < methods->count; i++) {
        pair_t pair = { .num1 = conf->first, .num2 = ++state->calls };
        gee_error_t error;
        asked[i] = (asked_t){ .method = methods->items[i], .answers = answers, .all = methods->count };
        if (GEE_CALL_OTHER(call, methods->items[i], pair_t, &pair, int64_t, answered, &asked[i], &error) != 0) {
            gee_fail(call, error.code, error.text);
            return;
        }
    }
}

/* ---- the same in a streaming call: Handler.Tick sends 1, 2, ... up to its argument, each by a timer, and then their
 * Foo.Sum of the last two ---- */

typedef struct ticks {
    int64_t sent, wanted;
} ticks_t;

static void last_sum(gee_call_t *call, const gee_status_t *status, const int64_t *sum, void *data GEE_UNUSED) {
    if (status->code != GEE_OK) {
        gee_failf(call, status->code, "%.*s", GEE_STR_ARGUMENTS(status->text));
        return;
    }
    (void)GEE_SEND(call, int64_t, sum);
    gee_end(call);
}

static void tick(gee_call_t *call, void *data) {
    ticks_t *ticks = data;
    if (ticks->sent < ticks->wanted) {
        ticks->sent++;
        gee_sent_t sent = GEE_SEND(call, int64_t, &ticks->sent);
        if (sent == GEE_SENT_FULL)
            gee_call_on_room(call, tick, ticks);
        else if (sent == GEE_SENT && gee_call_after(call, GEE_MICROSECOND, tick, ticks) != 0)
            out_of_memory(call);
        return;
    }
    pair_t pair = { .num1 = ticks->sent - 1, .num2 = ticks->sent };
    gee_error_t error;
    if (GEE_CALL_OTHER(call, GEE_STR("Foo.Sum"), pair_t, &pair, int64_t, last_sum, NULL, &error) != 0)
        gee_fail(call, error.code, error.text);
}

static void start_ticks(gee_call_t *call, const int64_t *wanted) {
    ticks_t *ticks = gee_call_alloc(call, sizeof(*ticks));
    if (ticks != NULL)
        *ticks = (ticks_t){ .sent = 0, .wanted = *wanted };
    if (ticks == NULL || gee_call_after(call, 0, tick, ticks) != 0)
        out_of_memory(call);
}

GEE_SERVICE_WITH(service_handler, "Handler",
                 (.abi = GEE_MODULE_ABI, .block = "handler", .options = rows, .conf_size = sizeof(conf_t),
                  .worker_state_size = sizeof(state_t), .worker_start = start_worker),
                 GEE_METHOD("Ask", ask, methods_t, answers_t, 0),
                 GEE_SERVER_STREAM("Tick", start_ticks, int64_t, int64_t, 0));
