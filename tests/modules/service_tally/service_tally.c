#include <gee/service.h>

typedef struct {
    int64_t most;
} conf_t;
static const gee_option_t rows[] = {
    { .name = "most",
      .type = GEE_OPTION_INT,
      .offset = offsetof(conf_t, most),
      .flags = GEE_OPTION_RELOADABLE,
      .fallback = "100",
      .minimum = 1,
      .maximum = 10000,
      .doc = "Words of one call" },
    { .name = NULL },
};

typedef struct {
    int64_t words;
} state_t; /* zeroed when the worker starts */

typedef GEE_LIST_OF(gee_str_t) words_t;
GEE_LIST_TYPE_AS(words_t, gee_str_t);
typedef GEE_MAP_OF(int64_t) counts_t;
GEE_MAP_TYPE_AS(counts_t, int64_t);

static void add(gee_call_t *call, const words_t *words, counts_t *counts) {
    const conf_t *conf = gee_call_conf(call);
    state_t *state = gee_call_state(call);
    if (words->count > (size_t)conf->most) {
        gee_failf(call, GEE_RESOURCE_EXHAUSTED, "%zu words, over tally.most", words->count);
        return;
    }
    counts->items = gee_call_alloc(call, 2 * sizeof(*counts->items));
    if (counts->items == NULL) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    state->words += (int64_t)words->count;
    counts->items[0].key = GEE_STR("these");
    counts->items[0].value = (int64_t)words->count;
    counts->items[1].key = GEE_STR("all");
    counts->items[1].value = state->words;
    counts->count = 2;
    gee_reply(call);
}
GEE_SERVICE_WITH(service_tally, "Tally",
                 (.abi = GEE_MODULE_ABI, .block = "tally", .options = rows, .conf_size = sizeof(conf_t),
                  .worker_state_size = sizeof(state_t)),
                 GEE_METHOD("Add", add, words_t, counts_t, 0));
