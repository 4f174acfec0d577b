/* buf.c: buffers and the cache that they come from.
 *
 *   take --> free list of the size class, else malloc --> holders --> last release --> free list, else free
 *
 * A size class is a power of two, header included: 4 KiB, 8 KiB ... 1 MiB. Bigger buffers are never kept. Under
 * AddressSanitizer nothing is kept at all, so that every use after a release is seen. */
#include "core/base/buf.h"

#include <stdlib.h>

#include "core/base/defs.h"
#include "core/base/segment.h"

enum {
    CLASSES = 9,         /* GEE_BUF_SMALL << 0 ... GEE_BUF_SMALL << 8 */
    NO_CLASS = CLASSES,  /* made to measure */
    SEGMENTS_KEPT = 2048 /* 64 KiB of nodes */
};

struct gee_buf_cache {
    gee_buf_t *free[CLASSES];
    gee_segment_t *free_segments;
    size_t kept, keep; /* bytes in the free lists; the most that may be there */
    size_t segments_kept;
    size_t live, live_bytes;
    bool closed; /* destroyed while buffers were out: the last buffer to come back frees the cache */
};

gee_buf_cache_t *gee_buf_cache_create(size_t keep) {
    gee_buf_cache_t *cache = calloc(1, sizeof *cache);
    if (cache)
        cache->keep = GEE_ASAN ? 0 : keep;
    return cache;
}

static size_t class_bytes(uint32_t size_class) {
    return (size_t)GEE_BUF_SMALL << size_class;
}

static void free_one_of(gee_buf_cache_t *cache, uint32_t size_class) {
    gee_buf_t *buf = cache->free[size_class];
    cache->free[size_class] = buf->next_free;
    cache->kept -= class_bytes(size_class);
    free(buf);
}

void gee_buf_cache_destroy(gee_buf_cache_t **pointer) {
    gee_buf_cache_t *cache = *pointer;
    if (cache == NULL)
        return;
    *pointer = NULL;
    GEE_ASSERT(cache->live == 0);
    for (uint32_t i = 0; i < CLASSES; i++)
        while (cache->free[i])
            free_one_of(cache, i);
    while (cache->free_segments) {
        gee_segment_t *segment = cache->free_segments;
        cache->free_segments = segment->next;
        free(segment);
    }
    cache->keep = 0;
    cache->segments_kept = SEGMENTS_KEPT;
    cache->closed = true;
    if (cache->live == 0)
        free(cache);
}

size_t gee_buf_cache_live(const gee_buf_cache_t *cache) {
    return cache->live;
}

size_t gee_buf_cache_bytes(const gee_buf_cache_t *cache) {
    return cache->live_bytes;
}

static size_t bytes_of(const gee_buf_t *buf) {
    return buf->capacity + sizeof *buf;
}

static gee_buf_t *make(gee_buf_cache_t *cache, uint32_t size_class, size_t bytes) {
    gee_buf_t *buf = malloc(bytes);
    if (buf == NULL)
        return NULL;
    buf->cache = cache;
    buf->size_class = size_class;
    buf->capacity = bytes - sizeof *buf;
    return buf;
}

static uint32_t class_of(size_t bytes) {
    uint32_t size_class = 0;
    while (size_class < NO_CLASS && class_bytes(size_class) < bytes)
        size_class++;
    return size_class;
}

size_t gee_buf_room(size_t capacity) {
    uint32_t size_class = class_of(capacity + sizeof(gee_buf_t));
    return size_class < CLASSES ? class_bytes(size_class) - sizeof(gee_buf_t) : capacity;
}

gee_buf_t *gee_buf_take(gee_buf_cache_t *cache, size_t capacity) {
    if (capacity > PTRDIFF_MAX - sizeof(gee_buf_t))
        return NULL;
    size_t bytes = capacity + sizeof(gee_buf_t);
    uint32_t size_class = class_of(bytes);
    gee_buf_t *buf = size_class < CLASSES ? cache->free[size_class] : NULL;
    if (buf) {
        cache->free[size_class] = buf->next_free;
        cache->kept -= class_bytes(size_class);
    } else {
        buf = make(cache, size_class, size_class < CLASSES ? class_bytes(size_class) : bytes);
        if (buf == NULL)
            return NULL;
    }
    buf->next_free = NULL;
    buf->references = 1;
    cache->live++;
    cache->live_bytes += bytes_of(buf);
    return buf;
}

gee_buf_t *gee_buf_hold(gee_buf_t *buf) {
    GEE_ASSERT(buf->references > 0);
    buf->references++;
    return buf;
}

/* Connections need small buffers all the time: bigger free buffers make way for small ones. */
static bool make_way(gee_buf_cache_t *cache, uint32_t size_class) {
    size_t bytes = class_bytes(size_class);
    for (uint32_t i = CLASSES - 1; i > size_class && cache->kept + bytes > cache->keep; i--)
        while (cache->free[i] && cache->kept + bytes > cache->keep)
            free_one_of(cache, i);
    return cache->kept + bytes <= cache->keep;
}

void gee_buf_release(gee_buf_t **pointer) {
    gee_buf_t *buf = *pointer;
    if (buf == NULL)
        return;
    *pointer = NULL;
    GEE_ASSERT(buf->references > 0);
    if (--buf->references > 0)
        return;
    gee_buf_cache_t *cache = buf->cache;
    cache->live--;
    cache->live_bytes -= bytes_of(buf);
    if (buf->size_class < CLASSES && make_way(cache, buf->size_class)) {
        buf->next_free = cache->free[buf->size_class];
        cache->free[buf->size_class] = buf;
        cache->kept += class_bytes(buf->size_class);
    } else {
        free(buf);
    }
    if (cache->closed && cache->live == 0)
        free(cache);
}

gee_segment_t *gee_segment_take(gee_buf_cache_t *cache) {
    gee_segment_t *segment = cache->free_segments;
    if (segment == NULL)
        return malloc(sizeof *segment);
    cache->free_segments = segment->next;
    cache->segments_kept--;
    return segment;
}

void gee_segment_release(gee_buf_cache_t *cache, gee_segment_t *segment) {
    gee_buf_t *buf = segment->buf;
    if (GEE_ASAN || cache->segments_kept >= SEGMENTS_KEPT) {
        free(segment);
    } else {
        segment->next = cache->free_segments;
        cache->free_segments = segment;
        cache->segments_kept++;
    }
    gee_buf_release(&buf); /* last, as this may free the cache */
}
