/* stream_options.c: the options of streams, shared by all streams of a loop with equal options: there are many
 * streams and very few different options. */
#include <stdlib.h>

#include "core/event/stream_private.h"

#define DEFAULT_HIGH_WATER (256 * GEE_KIB)
#define DEFAULT_READ_SIZE  (16 * GEE_KIB)

static void choose_options(gee_stream_options_t *options, const gee_stream_options_t *wanted) {
    if (wanted)
        *options = *wanted;
    if (options->high_water == 0)
        options->high_water = DEFAULT_HIGH_WATER;
    if (options->low_water == 0)
        options->low_water = options->high_water / 4;
    if (options->low_water > options->high_water)
        options->low_water = options->high_water;
    if (options->low_water == 0)
        options->low_water = 1; /* reached when no output waits */
    if (options->read_size == 0)
        options->read_size = DEFAULT_READ_SIZE;
}

static bool same(const gee_stream_options_t *one, const gee_stream_options_t *other) {
    return one->high_water == other->high_water && one->low_water == other->low_water &&
           one->read_size == other->read_size && one->inbox_limit == other->inbox_limit &&
           one->write_timeout_ns == other->write_timeout_ns && one->read_while_congested == other->read_while_congested;
}

gee_shared_stream_options_t *gee_stream_options_share(gee_loop_t *loop, const gee_stream_options_t *wanted) {
    gee_stream_options_t values = { 0 };
    choose_options(&values, wanted);
    GEE_LIST_EACH(&loop->stream_options, link) {
        gee_shared_stream_options_t *options = GEE_CONTAINER(link, gee_shared_stream_options_t, link);
        if (same(&options->values, &values)) {
            options->references++;
            return options;
        }
    }
    gee_shared_stream_options_t *options = calloc(1, sizeof(*options));
    if (!options)
        return NULL;
    options->values = values;
    options->references = 1;
    gee_list_append(&loop->stream_options, &options->link);
    return options;
}

void gee_stream_options_release(gee_shared_stream_options_t **slot) {
    gee_shared_stream_options_t *options = *slot;
    *slot = NULL;
    if (!options || --options->references > 0)
        return;
    gee_list_remove(&options->link);
    free(options);
}
