/* stream_layers.c: the stack of layers on a stream.
 *
 *   inbox[0] -> layer 0 -> inbox[1] -> layer 1 -> inbox[2] = the owner's
 *   out[0]   <- layer 0 <- out[1]   <- layer 1 <- out[2]   = the owner's
 *
 * A push changes no bytes: the owner's old pair is then below the new layer, and the owner gets the next pair. */
#include "core/event/stream_private.h"

#include <stdlib.h>

gee_stream_layer_t *gee_stream_layer_create(gee_stream_t *stream, const gee_layer_t *layer, gee_error_t *error) {
    gee_stream_layer_t *created = calloc(1, sizeof(*created) + layer->state_size);
    if (!created) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", layer->name);
        return NULL;
    }
    created->layer = layer;
    gee_stream_level_init(&created->above, stream->loop);
    return created;
}

int gee_stream_push(gee_stream_t *stream, const gee_layer_t *layer, gee_role_t role, const void *setup,
                    gee_error_t *error) {
    size_t level = stream->layer_count;
    if (level == GEE_STREAM_LAYERS)
        return gee_error_set(error, GEE_FAILED_PRECONDITION, "%s: a stream takes at most %d layers", layer->name,
                             GEE_STREAM_LAYERS);
    gee_stream_layer_t *pushed = gee_stream_layer_create(stream, layer, error);
    if (!pushed)
        return -1;
    gee_chain_t *out = gee_stream_out_of(stream, level);
    gee_mark_t mark = gee_chain_mark(out);
    if (layer->start(pushed->state, role, setup, out, error) != 0) {
        gee_chain_rewind(out, mark);
        if (layer->stop)
            layer->stop(pushed->state);
        free(pushed);
        return -1;
    }
    stream->layers[level] = pushed;
    if (stream->fresh_layer == level && gee_inbox_length(gee_stream_inbox_of(stream, level)) == 0)
        stream->fresh_layer++; /* no bytes to look at */
    stream->layer_count++;
    gee_stream_flush(stream);
    return 0;
}

static bool established(const gee_stream_layer_t *layer) {
    return layer->layer->established(layer->state);
}

bool gee_stream_established(const gee_stream_t *stream) {
    for (size_t i = 0; i < stream->layer_count; i++)
        if (!established(stream->layers[i]))
            return false;
    return true;
}

const struct gee_identity *gee_stream_identity(const gee_stream_t *stream) {
    for (size_t i = stream->layer_count; i-- > 0;) {
        const gee_stream_layer_t *layer = stream->layers[i];
        const struct gee_identity *identity =
            layer->layer->identity && established(layer) ? layer->layer->identity(layer->state) : NULL;
        if (identity)
            return identity;
    }
    return NULL;
}

/* Hands the new bytes in inbox[from] upwards as far as the layers let them. Handshakes may answer, and output that
 * waited for the end of a handshake may go out now. */
int gee_stream_layers_up(gee_stream_t *stream, size_t from, gee_error_t *error) {
    for (size_t i = from; i < stream->layer_count; i++) {
        gee_stream_layer_t *layer = stream->layers[i];
        gee_inbox_t *below = gee_stream_inbox_of(stream, i), *above = gee_stream_inbox_of(stream, i + 1);
        size_t before = gee_inbox_length(above);
        if (layer->layer->receive(layer->state, below, above, gee_stream_out_of(stream, i), error) != 0)
            return -1;
        if (i == stream->fresh_layer)
            stream->fresh_layer = stream->layer_count;
        if (gee_inbox_length(above) == before && i + 1 != stream->fresh_layer)
            break;
    }
    if (stream->layer_count > 0 && gee_stream_queued(stream) > 0)
        gee_stream_flush(stream);
    return 0;
}

/* A layer in the middle of its handshake holds up the output from above. When the stream is closing each layer
 * finishes its own output once all output from above has gone through. */
int gee_stream_layers_down(gee_stream_t *stream, gee_error_t *error) {
    for (size_t i = stream->layer_count; i-- > 0;) {
        gee_stream_layer_t *layer = stream->layers[i];
        gee_chain_t *above = gee_stream_out_of(stream, i + 1), *below = gee_stream_out_of(stream, i);
        if (!established(layer))
            continue;
        if (above->length > 0 && layer->layer->send(layer->state, above, below, error) != 0)
            return -1;
        if (!gee_stream_closing(stream) || layer->finished)
            continue;
        layer->finished = true;
        if (layer->layer->finish && layer->layer->finish(layer->state, below, error) != 0)
            return -1;
    }
    return 0;
}

int gee_stream_layers_ended(gee_stream_t *stream, size_t from, gee_error_t *error) {
    for (size_t i = from; i < stream->layer_count; i++) {
        gee_stream_layer_t *layer = stream->layers[i];
        if (layer->layer->ended && layer->layer->ended(layer->state, error) != 0)
            return -1;
    }
    return 0;
}

void gee_stream_layers_stop(gee_stream_t *stream) {
    while (stream->layer_count > 0) {
        gee_stream_layer_t *layer = stream->layers[--stream->layer_count];
        if (layer->layer->stop)
            layer->layer->stop(layer->state);
    }
}
