/* chain.c: the bytes to be written, in segments.
 *
 *   first -> [start..end) of a buffer -> [start..end) of another -> ... -> last [start..end)| room, unless held
 *
 * A reservation that was not (or not wholly) committed may leave an empty segment; walks of the chain skip such
 * segments. */
#include "core/base/buf.h"

#include <string.h>

#include "core/base/defs.h"
#include "core/base/segment.h"
#include "core/base/short_bytes.h"

void gee_chain_init(gee_chain_t *chain, gee_buf_cache_t *cache) {
    *chain = (gee_chain_t){ .cache = cache };
}

static void release_from(gee_chain_t *chain, gee_segment_t *segment) {
    while (segment) {
        gee_segment_t *next = segment->next;
        gee_segment_release(chain->cache, segment);
        segment = next;
    }
}

void gee_chain_clear(gee_chain_t *chain) {
    gee_segment_t *segments = chain->first;
    chain->first = chain->last = NULL;
    chain->length = 0;
    release_from(chain, segments);
}

static size_t segment_length(const gee_segment_t *segment) {
    return (size_t)(segment->end - segment->start);
}

static size_t room(const gee_chain_t *chain) {
    return chain->last ? gee_segment_room(chain->last) : 0;
}

/* A new last segment; takes the caller's reference to `buf`, also when this fails. */
static int add_segment(gee_chain_t *chain, gee_buf_t *buf, uint8_t *start, size_t count) {
    gee_segment_t *segment = gee_segment_take(chain->cache);
    if (segment == NULL) {
        gee_buf_release(&buf);
        return -1;
    }
    *segment = (gee_segment_t){ .buf = buf, .start = start, .end = start + count };
    if (chain->last)
        chain->last->next = segment;
    else
        chain->first = segment;
    chain->last = segment;
    chain->length += count;
    return 0;
}

/* A long chain gets bigger buffers, so that the number of segments of one write stays small. */
static size_t usual_capacity(const gee_chain_t *chain) {
    size_t bytes = GEE_BUF_SMALL;
    if (chain->length >= 64 * GEE_KIB)
        bytes = 64 * GEE_KIB;
    else if (chain->length >= GEE_BUF_SMALL / 2)
        bytes = 16 * GEE_KIB;
    return bytes - sizeof(gee_buf_t);
}

static int add_buffer(gee_chain_t *chain, size_t capacity) {
    size_t usual = usual_capacity(chain);
    gee_buf_t *buf = gee_buf_take(chain->cache, capacity > usual ? capacity : usual);
    return buf ? add_segment(chain, buf, buf->data, 0) : -1;
}

uint8_t *gee_chain_reserve_elsewhere(gee_chain_t *chain, size_t count) {
    return add_buffer(chain, count) == 0 ? chain->last->end : NULL;
}

GEE_APART static int append_in_pieces(gee_chain_t *chain, const void *bytes, size_t count) {
    const uint8_t *from = bytes;
    gee_mark_t before = gee_chain_mark(chain);
    while (count > 0) {
        size_t part = room(chain);
        if (part == 0) {
            size_t piece = 64 * GEE_KIB - sizeof(gee_buf_t);
            if (add_buffer(chain, count < piece ? count : piece) != 0) {
                gee_chain_rewind(chain, before);
                return -1;
            }
            part = room(chain);
        }
        if (part > count)
            part = count;
        memcpy(chain->last->end, from, part);
        gee_chain_commit(chain, part);
        from += part;
        count -= part;
    }
    return 0;
}

int gee_chain_append(gee_chain_t *chain, const void *bytes, size_t count) {
    if (room(chain) < count)
        return append_in_pieces(chain, bytes, count);
    if (count == 0)
        return 0;
    gee_copy_short(chain->last->end, bytes, count);
    chain->last->end += count;
    chain->length += count;
    return 0;
}

int gee_chain_append_buf(gee_chain_t *chain, gee_buf_t *buf, const uint8_t *bytes, size_t count) {
    if (count == 0)
        return 0;
    size_t offset = (size_t)(bytes - buf->data);
    GEE_ASSERT(offset <= buf->capacity && count <= buf->capacity - offset);
    gee_segment_t *last = chain->last;
    if (last && last->buf == buf && last->end == bytes) {
        last->end += count;
        chain->length += count;
        return 0;
    }
    return add_segment(chain, gee_buf_hold(buf), buf->data + offset, count);
}

void gee_chain_move(gee_chain_t *to, gee_chain_t *from) {
    GEE_ASSERT(to->cache == from->cache);
    if (to == from)
        return;
    if (from->length == 0) {
        gee_chain_clear(from);
        return;
    }
    if (to->last)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    to->length += from->length;
    from->first = from->last = NULL;
    from->length = 0;
}

void gee_chain_consume(gee_chain_t *chain, size_t count) {
    GEE_ASSERT(count <= chain->length);
    if (count >= chain->length) {
        gee_chain_clear(chain);
        return;
    }
    chain->length -= count;
    while (segment_length(chain->first) <= count) {
        gee_segment_t *done = chain->first;
        count -= segment_length(done);
        chain->first = done->next;
        gee_segment_release(chain->cache, done);
    }
    chain->first->start += count;
}

int gee_chain_iov(const gee_chain_t *chain, struct iovec *vector, int capacity) {
    int filled = 0;
    for (const gee_segment_t *segment = chain->first; segment && filled < capacity; segment = segment->next)
        if (segment_length(segment) > 0)
            vector[filled++] = (struct iovec){ .iov_base = segment->start, .iov_len = segment_length(segment) };
    return filled;
}

size_t gee_chain_copy(const gee_chain_t *chain, void *target, size_t capacity) {
    uint8_t *to = target;
    size_t copied = 0;
    for (const gee_segment_t *segment = chain->first; segment && copied < capacity; segment = segment->next) {
        size_t part = segment_length(segment);
        if (part > capacity - copied)
            part = capacity - copied;
        if (part > 0)
            memcpy(to + copied, segment->start, part);
        copied += part;
    }
    return copied;
}

gee_mark_t gee_chain_mark(const gee_chain_t *chain) {
    if (chain->length == 0)
        return (gee_mark_t){ 0 };
    return (gee_mark_t){ .last = chain->last, .end = chain->last->end, .length = chain->length };
}

void gee_chain_rewind(gee_chain_t *chain, gee_mark_t mark) {
    if (mark.length == 0) {
        gee_chain_clear(chain);
        return;
    }
    GEE_ASSERT(mark.length <= chain->length);
    gee_segment_t *behind = mark.last->next;
    mark.last->next = NULL;
    mark.last->end = mark.end;
    chain->last = mark.last;
    chain->length = mark.length;
    release_from(chain, behind);
}
