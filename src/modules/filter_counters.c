/* filter_counters: counts calls, errors, what is in flight and how long calls take, by method; readers use
 * core/rpc/counters.h. */
#include <gee/filter.h>

#include <stdlib.h>
#include <unistd.h>

typedef struct conf {
    bool enabled;
    gee_counters_t *counters; /* null: not counted */
    size_t size;
} conf_t;

static const gee_option_t options[] = {
    { .name = "enabled",
      .type = GEE_OPTION_BOOL,
      .offset = offsetof(conf_t, enabled),
      .fallback = "true",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Count calls, errors and times by method" },
    { .name = NULL },
};

typedef struct state {
    const gee_dispatch_t *dispatch;
    gee_counters_slot_t *slot; /* null: not counted */
    gee_counters_row_t **rows; /* by the number of the method; the last row is for unknown methods */
    size_t methods;
    const gee_loop_t *loop;
    int64_t pass_ns, now_ns; /* the loop's time in this pass; the clock when last read in this pass */
    unsigned asked;          /* how often since then */
} state_t;

/* In one pass of the loop the clock is read for the first call that ends, and then for each eighth call: the calls of a
 * pass end within microseconds of each other, and reading the clock costs a tenth of a small call. */
#define CLOCK_EVERY 8

static int prepare(void *data, const gee_prepare_t *prepare, gee_error_t *error) {
    conf_t *conf = data;
    if (!conf->enabled)
        return 0;
    conf->size = gee_counters_size(prepare->workers);
    conf->counters = prepare->shared(prepare, GEE_COUNTERS_NAME, conf->size, GEE_COUNTERS_VERSION, error);
    return conf->counters != NULL ? 0 : -1;
}

static int start(void *data, const void *settings, gee_engine_t *engine, gee_error_t *error) {
    state_t *state = data;
    const conf_t *conf = settings;
    if (conf == NULL || conf->counters == NULL)
        return 0;
    state->dispatch = gee_engine_dispatch(engine);
    state->loop = gee_engine_loop(engine);
    state->methods = gee_dispatch_method_count(gee_engine_dispatch(engine));
    state->rows = calloc(state->methods + 1, sizeof(*state->rows));
    if (state->rows == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for one pointer a method");
    state->slot = gee_counters_claim(conf->counters, conf->size, getpid());
    if (state->slot == NULL)
        gee_log(gee_engine_log(engine), GEE_LOG_WARN,
                "this worker's calls are not counted: so many old workers are still busy");
    return 0;
}

static void stop(void *data) {
    state_t *state = data;
    if (state->slot != NULL)
        gee_counters_yield(state->slot);
    free(state->rows);
    state->rows = NULL;
}

/* Rows are looked for by name once a method and worker. */
GEE_APART static gee_counters_row_t *look_for_row(state_t *state, const gee_call_t *call) {
    bool known = gee_call_method_number(call) < state->methods;
    return gee_counters_row(state->slot,
                            known ? gee_dispatch_method_name(state->dispatch, call) : GEE_STR(GEE_COUNTERS_UNKNOWN));
}

static inline gee_counters_row_t *row_of(state_t *state, const gee_call_t *call) {
    size_t number = gee_call_method_number(call);
    gee_counters_row_t **row = &state->rows[number < state->methods ? number : state->methods];
    return *row != NULL ? *row : (*row = look_for_row(state, call));
}

static gee_verdict_t on_call(void *data, gee_call_t *call, gee_status_t *status) {
    state_t *state = data;
    (void)status;
    gee_counters_begin(row_of(state, call));
    return GEE_FILTER_PASS;
}

GEE_APART static int64_t read_clock(state_t *state, int64_t pass_ns) {
    state->pass_ns = pass_ns;
    state->asked = 0;
    return state->now_ns = gee_clock_monotonic();
}

static inline int64_t now(state_t *state) {
    int64_t pass_ns = gee_loop_now(state->loop);
    if (pass_ns != state->pass_ns || ++state->asked == CLOCK_EVERY)
        return read_clock(state, pass_ns);
    return state->now_ns;
}

/* How long a streaming call is open says nothing about the server: such calls are left out of the times. */
GEE_APART static void count_stream(gee_counters_row_t *row, const gee_call_t *call) {
    if (gee_call_status(call)->code != GEE_OK)
        gee_counters_add(&row->errors, 1);
}

static void on_end(void *data, gee_call_t *call) {
    state_t *state = data;
    if (gee_call_flow(call) != NULL) {
        gee_counters_add(&row_of(state, call)->late, 1);
        count_stream(row_of(state, call), call);
        return;
    }
    gee_counters_end(row_of(state, call), gee_call_status(call)->code != GEE_OK,
                     now(state) - gee_call_started_ns(call));
}

static void on_release(void *data, gee_call_t *call) {
    state_t *state = data;
    gee_counters_release(row_of(state, call));
}

static void on_done(void *data, gee_call_t *call) {
    state_t *state = data;
    if (gee_call_flow(call) != NULL) {
        count_stream(row_of(state, call), call);
        gee_counters_add(&row_of(state, call)->in_flight, (uint64_t)-1);
        return;
    }
    gee_counters_done(row_of(state, call), gee_call_status(call)->code != GEE_OK,
                      now(state) - gee_call_started_ns(call));
}

static bool idle(const void *data) {
    const state_t *state = data;
    return state->slot == NULL;
}

static const gee_filter_t filter = {
    .state_size = sizeof(state_t),
    .start = start,
    .stop = stop,
    .idle = idle,
    .on_call = on_call,
    .on_end = on_end,
    .on_release = on_release,
    .on_done = on_done,
};

extern const gee_module_t gee_filter_counters_module;
const gee_module_t gee_filter_counters_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_FILTER,
    .name = "filter_counters",
    .interface = &filter,
    .block = "counters",
    .options = options,
    .conf_size = sizeof(conf_t),
    .prepare = prepare,
};
