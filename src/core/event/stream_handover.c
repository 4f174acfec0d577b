/* stream_handover.c: a stream on its way to another process.
 *
 *   freeze -> export -> (the descriptor goes along) -> destroy           create -> import -> owner
 *                                                  '-> thaw: the other process has refused
 *
 * No output waits, so the record has the inboxes and the layers' states. */
#include <stdlib.h>

#include "core/event/stream_private.h"

bool gee_stream_may_leave(const gee_stream_t *stream) {
    for (size_t i = 0; i < stream->layer_count; i++)
        if (!stream->layers[i]->layer->export_state)
            return false;
    return true;
}

bool gee_stream_can_leave(const gee_stream_t *stream) {
    return gee_stream_usable(stream) && !gee_stream_closing(stream) && !stream->ended &&
           gee_stream_queued(stream) == 0 && stream->fresh_layer == stream->layer_count &&
           gee_stream_established(stream) && gee_stream_may_leave(stream);
}

void gee_stream_freeze(gee_stream_t *stream) {
    GEE_ASSERT(gee_stream_can_leave(stream));
    stream->frozen = true;
    gee_loop_undefer(&stream->work);
    gee_loop_unwatch(stream->loop, &stream->watch);
}

void gee_stream_thaw(gee_stream_t *stream) {
    GEE_ASSERT(stream->frozen);
    stream->frozen = false;
    gee_stream_set_interest(stream);
    gee_stream_reread(stream);
}

int gee_stream_descriptor(const gee_stream_t *stream) {
    return stream->watch.descriptor;
}

void gee_stream_export(const gee_stream_t *stream, gee_record_t *out) {
    GEE_ASSERT(stream->frozen);
    gee_record_put_u64(out, stream->bytes_received);
    gee_record_put_u64(out, stream->bytes_sent);
    gee_record_put_u8(out, (uint8_t)stream->layer_count);
    for (size_t i = 0; i < stream->layer_count; i++) {
        const gee_stream_layer_t *layer = stream->layers[i];
        gee_record_put_str(out, layer->layer->name);
        size_t part = gee_record_begin(out);
        layer->layer->export_state(layer->state, out);
        gee_record_end(out, part);
    }
    for (size_t i = 0; i <= stream->layer_count; i++) {
        const gee_inbox_t *inbox = &gee_stream_see_level(stream, i)->inbox;
        gee_record_put_bytes(out, gee_inbox_bytes(inbox), gee_inbox_length(inbox));
    }
}

static int import_layer(gee_stream_t *stream, gee_record_reader_t *in,
                        const gee_layer_t *(*find)(gee_str_t name, const void **setup, void *data), void *data,
                        gee_error_t *error) {
    const void *setup = NULL;
    gee_str_t name = gee_record_take_str(in);
    gee_record_reader_t part = gee_record_take_part(in);
    const gee_layer_t *layer = find(name, &setup, data);
    if (!layer || !layer->import_state)
        return gee_error_set(error, GEE_UNIMPLEMENTED, "the layer \"%.*s\" is not taken here",
                             name.length < 40 ? (int)name.length : 40, name.data ? name.data : "");
    gee_stream_layer_t *imported = gee_stream_layer_create(stream, layer, error);
    if (!imported)
        return -1;
    if (layer->import_state(imported->state, setup, &part, error) != 0) {
        if (layer->stop)
            layer->stop(imported->state);
        free(imported);
        return -1;
    }
    stream->layers[stream->layer_count++] = imported;
    stream->fresh_layer = stream->layer_count; /* the imported layer has seen all bytes below */
    return 0;
}

int gee_stream_import(gee_stream_t *stream, gee_record_reader_t *in,
                      const gee_layer_t *(*layer)(gee_str_t name, const void **setup, void *data), void *data,
                      gee_error_t *error) {
    GEE_ASSERT(stream->events == NULL && stream->layer_count == 0);
    stream->bytes_received = gee_record_take_u64(in);
    stream->bytes_sent = gee_record_take_u64(in);
    size_t layers = gee_record_take_u8(in);
    if (layers > GEE_STREAM_LAYERS)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "a record of a stream with %zu layers", layers);
    while (stream->layer_count < layers)
        if (import_layer(stream, in, layer, data, error) != 0)
            return -1;
    for (size_t i = 0; i <= stream->layer_count; i++) {
        gee_str_t bytes = gee_record_take_str(in);
        if (bytes.length > 0 && gee_inbox_append(gee_stream_inbox_of(stream, i), bytes.data, bytes.length) != 0)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    return in->failed ? gee_error_set(error, GEE_INVALID_ARGUMENT, "a record that is cut off") : 0;
}
