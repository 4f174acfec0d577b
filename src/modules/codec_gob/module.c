/* module.c: Go's encoding/gob as a codec: the table that the core sees, and the life of a connection's state. */
#include "gob.h"

#include <stdlib.h>

static void *create_shared(gee_error_t *error) {
    return gee_gob_shared_create(error);
}

static void destroy_shared(void *data) {
    gee_gob_shared_t *shared = data;
    gee_gob_shared_destroy(&shared);
}

static void attach(void *data, void *shared) {
    gee_gob_state_t *state = data;
    state->shared = shared;
}

static int gob_start(void *data, gee_error_t *error) {
    gee_gob_state_t *state = data;
    if (state->shared == NULL) {
        state->shared = gee_gob_shared_create(error);
        state->own = true;
    }
    return state->shared ? 0 : -1;
}

static void gob_stop(void *data) {
    gee_gob_state_t *state = data;
    gee_gob_received_clear(state);
    gee_gob_sent_clear(state);
    gee_gob_walk_end(state);
    if (state->own)
        gee_gob_shared_destroy(&state->shared);
}

static const gee_codec_t codec = {
    .name = "gob",
    .content_type = "application/gob",
    .separator = "",
    .self_delimiting = true,
    .types_on_wire = true,
    .state_size = sizeof(gee_gob_state_t),
    .one_state = true,
    .shared_create = create_shared,
    .shared_destroy = destroy_shared,
    .attach = attach,
    .start = gob_start,
    .stop = gob_stop,
    .padding = gee_gob_padding,
    .measure = gee_gob_measure,
    .decode = gee_gob_decode,
    .encode = gee_gob_encode,
    .decode_value = gee_gob_decode_tree,
    .encode_value = gee_gob_encode_tree,
    .read_plain = gee_gob_read_plain,
    .write_plain = gee_gob_write_plain,
    .check = gee_gob_check,
    .skip_value = gee_gob_skip_value,
    .read_beginning = gee_gob_read_beginning,
    .carry = gee_gob_carry,
    .mark = gee_gob_mark,
    .rewind = gee_gob_rewind,
    .export_state = gee_gob_export,
    .import_state = gee_gob_import,
};

extern const gee_module_t gee_codec_gob_module;
const gee_module_t gee_codec_gob_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_CODEC,
    .name = "codec_gob",
    .interface = &codec,
};
