/* received.c: copies of the metadata and the status details of a reply, each copy in one piece of memory.
 *
 *   gee_received_t | pairs, initial | pairs, trailing | strings, each with a zero behind */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

static size_t text_size(gee_str_t text) {
    return text.length + 1;
}

static size_t pairs_size(const gee_metadata_t *metadata) {
    size_t size = metadata->count * sizeof(gee_received_pair_t);
    for (size_t i = 0; i < metadata->count; i++)
        size += text_size(metadata->items[i].key) + text_size(metadata->items[i].value);
    return size;
}

static gee_str_t place_text(char **at, gee_str_t text) {
    gee_str_t placed = { .data = *at, .length = text.length };
    if (text.length > 0)
        memcpy(*at, text.data, text.length);
    (*at)[text.length] = '\0';
    *at += text.length + 1;
    return placed;
}

static void place_pairs(gee_received_pair_t *pairs, const gee_metadata_t *metadata, char **at) {
    for (size_t i = 0; i < metadata->count; i++) {
        pairs[i].key = place_text(at, metadata->items[i].key);
        pairs[i].value = place_text(at, metadata->items[i].value);
    }
}

gee_received_t *gee_received_create(const gee_metadata_t *initial, const gee_metadata_t *trailing, gee_str_t details) {
    /* All this came in one message, so the sum of the sizes is far from an overflow. */
    gee_received_t *received =
        malloc(sizeof(*received) + pairs_size(initial) + pairs_size(trailing) + text_size(details));
    if (received == NULL)
        return NULL;
    gee_received_pair_t *pairs = (gee_received_pair_t *)(received + 1);
    char *at = (char *)(pairs + initial->count + trailing->count);
    *received = (gee_received_t){ .initial = pairs,
                                  .initial_count = initial->count,
                                  .trailing = pairs + initial->count,
                                  .trailing_count = trailing->count };
    place_pairs(pairs, initial, &at);
    place_pairs(pairs + initial->count, trailing, &at);
    received->details = place_text(&at, details);
    return received;
}

gee_received_t *gee_received_of(const gee_event_t *reply) {
    static const gee_event_more_t nothing;
    const gee_event_more_t *more = reply->more ? reply->more : &nothing;
    return gee_received_create(&reply->metadata, &more->trailing, more->details);
}
