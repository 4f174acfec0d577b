/* filter_limits: refuses calls when too many are in flight in this worker, in all or of one method.
 *
 * A call is in flight from when this filter sees it until its handler has finished, so a handler that outlives its
 * caller's patience still counts. */
#include <gee.h>

#include <stdlib.h>

typedef struct conf {
    int64_t in_flight;
    int64_t in_flight_per_method;
} conf_t;

static const gee_option_t options[] = {
    { .name = "in_flight",
      .type = GEE_OPTION_INT,
      .offset = offsetof(conf_t, in_flight),
      .fallback = "10000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Calls in flight in one worker, past which further ones are refused; 0 for no limit",
      .minimum = 0,
      .maximum = INT32_MAX },
    { .name = "in_flight_per_method",
      .type = GEE_OPTION_INT,
      .offset = offsetof(conf_t, in_flight_per_method),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Calls of one method in flight in one worker, past which further ones are refused; 0 for no limit",
      .minimum = 0,
      .maximum = INT32_MAX },
    { .name = NULL },
};

typedef struct state {
    conf_t conf;
    const gee_dispatch_t *dispatch;
    int64_t in_flight;
    int64_t *by_method; /* null without a limit */
} state_t;

static int start(void *data, const void *conf, gee_engine_t *engine, gee_error_t *error) {
    state_t *state = data;
    if (conf != NULL)
        state->conf = *(const conf_t *)conf;
    state->dispatch = engine->dispatch;
    if (state->conf.in_flight_per_method == 0)
        return 0;
    state->by_method = calloc(gee_dispatch_method_count(state->dispatch) + 1, sizeof(int64_t));
    if (state->by_method == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for one counter a method");
    return 0;
}

static void stop(void *data) {
    state_t *state = data;
    free(state->by_method);
    state->by_method = NULL;
}

/* Null: not counted by method, or a method that is not there. */
static int64_t *count_of(const state_t *state, const gee_call_t *call) {
    size_t number = gee_dispatch_method_number(state->dispatch, call);
    return state->by_method != NULL && number != SIZE_MAX ? &state->by_method[number] : NULL;
}

static gee_verdict_t refuse(gee_call_t *call, gee_status_t *status, const char *what, const char *setting,
                            int64_t limit) {
    const char *text = gee_pool_printf(call->pool, "rpc server: too many calls %sin flight: %s = %lld", what, setting,
                                       (long long)limit);
    status->code = GEE_RESOURCE_EXHAUSTED;
    status->text = gee_str(text ? text : "rpc server: too many calls in flight");
    return GEE_FILTER_REFUSE;
}

/* Those that are refused are counted too until they are released, for they are not told apart then; that is at once. */
static gee_verdict_t on_call(void *data, gee_call_t *call, gee_status_t *status) {
    state_t *state = data;
    int64_t *of_method = count_of(state, call);
    state->in_flight++;
    if (of_method != NULL)
        ++*of_method;
    if (state->conf.in_flight != 0 && state->in_flight > state->conf.in_flight)
        return refuse(call, status, "", "limits.in_flight", state->conf.in_flight);
    if (of_method != NULL && *of_method > state->conf.in_flight_per_method)
        return refuse(call, status, "of this method ", "limits.in_flight_per_method", state->conf.in_flight_per_method);
    return GEE_FILTER_PASS;
}

static void on_release(void *data, gee_call_t *call) {
    state_t *state = data;
    int64_t *of_method = count_of(state, call);
    state->in_flight--;
    if (of_method != NULL)
        --*of_method;
}

static const gee_filter_t filter = {
    .state_size = sizeof(state_t),
    .start = start,
    .stop = stop,
    .on_call = on_call,
    .on_release = on_release,
};

extern const gee_module_t gee_filter_limits_module;
const gee_module_t gee_filter_limits_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_FILTER,
    .name = "filter_limits",
    .interface = &filter,
    .block = "limits",
    .options = options,
    .conf_size = sizeof(conf_t),
};
