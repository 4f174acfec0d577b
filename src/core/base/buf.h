/* buf.h: the bytes of connections: reference-counted buffers, the inbox that reading fills, the chain that writing
 * drains.
 *
 *   kernel --read--> inbox (one buffer, contiguous, grows) --consume--> protocol
 *   protocol --reserve/commit--> chain (segments of buffers) --writev--> kernel
 *
 * Everything here belongs to one thread, that of the loop that owns the cache. Buffers come from the cache's free
 * lists and go back there: an empty inbox or chain holds no buffer. */
#ifndef GEE_BASE_BUF_H
#define GEE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/base/assert.h"

typedef struct gee_buf_cache gee_buf_cache_t;

/* `keep`: bytes of free buffers that the cache keeps at most; buffers that come back beyond that go to the system. */
gee_buf_cache_t *gee_buf_cache_create(size_t keep);
/* Precondition: every buffer has come back. A live buffer is a leak of its holder. */
void gee_buf_cache_destroy(gee_buf_cache_t **cache);
size_t gee_buf_cache_live(const gee_buf_cache_t *cache);  /* buffers that somebody holds */
size_t gee_buf_cache_bytes(const gee_buf_cache_t *cache); /* the bytes of those buffers */

typedef struct gee_buf {
    gee_buf_cache_t *cache;
    struct gee_buf *next_free;
    uint32_t references;
    uint32_t size_class;
    size_t capacity;
    uint8_t data[];
} gee_buf_t;

#define GEE_BUF_SMALL 4096 /* capacity of the smallest buffer, header included: one page */

size_t gee_buf_room(size_t capacity); /* the capacity of a buffer that is taken with that `capacity` */
/* Capacity at least `capacity`, one reference. Null when out of memory. */
gee_buf_t *gee_buf_take(gee_buf_cache_t *cache, size_t capacity);
gee_buf_t *gee_buf_hold(gee_buf_t *buf); /* one more reference; returns buf */
void gee_buf_release(gee_buf_t **buf);   /* one fewer; leaves null; a null *buf is allowed */

/* ---- inbox: bytes that were read and not yet consumed, always contiguous ---- */
typedef struct gee_inbox {
    gee_buf_cache_t *cache;
    gee_buf_t *buf; /* null when empty */
    size_t start, end;
} gee_inbox_t;

void gee_inbox_init(gee_inbox_t *inbox, gee_buf_cache_t *cache);
void gee_inbox_clear(gee_inbox_t *inbox);
/* Room for at least `wanted` more bytes behind those in the inbox; *space says how much room there is. The bytes may
 * move, unless somebody holds the buffer: then they are copied and the holder keeps the old bytes. Growth doubles, so
 * that filling is linear. Null when out of memory. */
uint8_t *gee_inbox_space(gee_inbox_t *inbox, size_t wanted, size_t *space);
/* `count` bytes of that room were written. Must be called with 0, too: an empty inbox then lets its buffer go. */
void gee_inbox_filled(gee_inbox_t *inbox, size_t count);
int gee_inbox_append(gee_inbox_t *inbox, const void *bytes, size_t count); /* -1: out of memory, nothing is added */
static inline const uint8_t *gee_inbox_bytes(const gee_inbox_t *inbox) {
    return inbox->buf ? inbox->buf->data + inbox->start : NULL;
}
static inline size_t gee_inbox_length(const gee_inbox_t *inbox) {
    return inbox->end - inbox->start;
}
/* Drops bytes at the front; an inbox that becomes empty lets its buffer go. */
void gee_inbox_consume(gee_inbox_t *inbox, size_t count);

/* ---- chain: bytes to be written, in segments ---- */
typedef struct gee_segment {
    struct gee_segment *next;
    gee_buf_t *buf;
    uint8_t *start, *end;
} gee_segment_t;

/* The bytes that can be written behind the segment. None when the buffer has another holder, whose bytes, or next
 * bytes, may lie behind our end. */
static inline size_t gee_segment_room(const gee_segment_t *segment) {
    const gee_buf_t *buf = segment->buf;
    return buf->references > 1 ? 0 : (size_t)(buf->data + buf->capacity - segment->end);
}

typedef struct gee_chain {
    gee_buf_cache_t *cache;
    gee_segment_t *first, *last;
    size_t length; /* bytes in all segments */
} gee_chain_t;

/* A place in a chain, to which the chain can be cut back when a value turns out to have no form in the codec. */
typedef struct gee_mark {
    gee_segment_t *last;
    uint8_t *end;
    size_t length;
} gee_mark_t;

void gee_chain_init(gee_chain_t *chain, gee_buf_cache_t *cache);
void gee_chain_clear(gee_chain_t *chain);
uint8_t *gee_chain_reserve_elsewhere(gee_chain_t *chain, size_t count); /* the slow way of gee_chain_reserve() */
/* A contiguous place for `count` bytes at the end, to be written and then committed in whole or in part. The pointer
 * stays valid until those bytes are consumed (lengths are patched through the pointer later). Null when out of
 * memory. */
static inline uint8_t *gee_chain_reserve(gee_chain_t *chain, size_t count) {
    const gee_segment_t *last = chain->last;
    if (last != NULL && gee_segment_room(last) >= count)
        return last->end;
    return gee_chain_reserve_elsewhere(chain, count);
}
static inline void gee_chain_commit(gee_chain_t *chain, size_t count) {
    if (count == 0 && chain->length == 0) {
        gee_chain_clear(chain); /* an empty chain holds no buffer */
        return;
    }
    GEE_ASSERT(count == 0 || count <= gee_segment_room(chain->last));
    if (count > 0) {
        chain->last->end += count;
        chain->length += count;
    }
}
int gee_chain_append(gee_chain_t *chain, const void *bytes, size_t count); /* copies; -1: no memory, nothing is added */
/* Adds bytes of a buffer without copying; the chain takes a reference. */
int gee_chain_append_buf(gee_chain_t *chain, gee_buf_t *buf, const uint8_t *bytes, size_t count);
void gee_chain_move(gee_chain_t *to, gee_chain_t *from); /* all of `from` behind `to`; both of the same cache */
void gee_chain_consume(gee_chain_t *chain, size_t count);
int gee_chain_iov(const gee_chain_t *chain, struct iovec *vector, int capacity); /* entries filled */
size_t gee_chain_copy(const gee_chain_t *chain, void *target, size_t capacity);  /* bytes copied, from the front */
gee_mark_t gee_chain_mark(const gee_chain_t *chain);
/* Cuts back to the mark. Precondition: no byte has been consumed since the mark was made. */
void gee_chain_rewind(gee_chain_t *chain, gee_mark_t mark);

#endif
