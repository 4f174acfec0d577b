/* pool.c: the arena.
 *
 *   pool | first chunk ......|  --chunks-->  chunk  -->  chunk of its own for a big piece  -->  ...
 *
 * Pieces are cut off the current chunk. A piece of more than a quarter of the next chunk's size gets a chunk of its
 * own, and the current chunk goes on being filled: so the unused ends stay small beside the used bytes. */
#include "core/base/pool.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/cache_line.h"
#include "core/base/defs.h"
#include "core/base/meter.h"

/* Memory that was not handed out is poisoned for AddressSanitizer. (Functions of their own, as gcc takes the call for a
 * read of bytes that were never written.) */
#if GEE_ASAN
#include <sanitizer/asan_interface.h>
__attribute__((noinline)) static void hide(void *bytes, size_t length) {
    __asan_poison_memory_region(bytes, length);
}
__attribute__((noinline)) static void reveal(void *bytes, size_t length) {
    __asan_unpoison_memory_region(bytes, length);
}
#else
static void hide(GEE_UNUSED void *bytes, GEE_UNUSED size_t length) {}
static void reveal(GEE_UNUSED void *bytes, GEE_UNUSED size_t length) {}
#endif

enum { ALIGNMENT = 16, LEAST_CHUNK = 256, GREATEST_CHUNK = 64 * 1024 };

typedef struct chunk {
    struct chunk *next;
    size_t bytes; /* of the data */
    _Alignas(ALIGNMENT) uint8_t data[];
} chunk_t;

/* The members that each allocation and each reset need are in the first cache line. */
struct gee_pool {
    uint8_t *at, *end; /* the rest of the current chunk, or of the limit if that is less: most pieces fit there */
    chunk_t *chunks;   /* beyond the first */
    uint8_t *start, *chunk_end; /* of the current chunk */
    size_t elsewhere;           /* handed out of other chunks */
    size_t limit;               /* SIZE_MAX: none */
    gee_meter_t *meter;         /* counts chunks; null: no meter */
    size_t first, next;         /* bytes in the first chunk and in the next one to be made */
    _Alignas(ALIGNMENT) uint8_t data[];
};

static bool round_up(size_t size, size_t *rounded) {
    if (size == 0)
        size = 1; /* every piece counts, or pieces of no size would get past the limit */
    if (size > PTRDIFF_MAX - sizeof(gee_pool_t) - ALIGNMENT)
        return false;
    *rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return true;
}

static void free_chunks(gee_pool_t *pool) {
    while (pool->chunks) {
        chunk_t *chunk = pool->chunks;
        pool->chunks = chunk->next;
        if (pool->meter)
            gee_meter_give(pool->meter, chunk->bytes);
        free(chunk);
    }
}

static void set_end(gee_pool_t *pool) {
    size_t left = pool->limit > pool->elsewhere ? pool->limit - pool->elsewhere : 0;
    left &= ~(size_t)(ALIGNMENT - 1);
    pool->end = left < (size_t)(pool->chunk_end - pool->start) ? pool->start + left : pool->chunk_end;
}

static void begin_chunk(gee_pool_t *pool, uint8_t *start, size_t taken, size_t bytes) {
    pool->start = start;
    pool->at = start + taken;
    pool->chunk_end = start + bytes;
    set_end(pool);
}

/* The pool has its first chunk and no other. */
static void begin(gee_pool_t *pool) {
    free_chunks(pool);
    pool->elsewhere = 0;
    pool->next = pool->first < GREATEST_CHUNK / 2 ? pool->first * 2 : GREATEST_CHUNK;
    begin_chunk(pool, pool->data, 0, pool->first);
}

gee_pool_t *gee_pool_create(size_t first_chunk) {
    size_t first;
    if (!round_up(first_chunk < LEAST_CHUNK ? LEAST_CHUNK : first_chunk, &first))
        return NULL;
    gee_pool_t *pool = gee_alloc_lines(sizeof(*pool) + first);
    if (pool == NULL)
        return NULL;
    pool->chunks = NULL;
    pool->meter = NULL;
    pool->limit = SIZE_MAX;
    pool->first = first;
    begin(pool);
    gee_pool_reset(pool);
    return pool;
}

void gee_pool_destroy(gee_pool_t **pool) {
    if (*pool == NULL)
        return;
    free_chunks(*pool);
    free(*pool);
    *pool = NULL;
}

void gee_pool_limit(gee_pool_t *pool, size_t bytes) {
    pool->limit = bytes > 0 ? bytes : SIZE_MAX;
    set_end(pool);
}

void gee_pool_set_meter(gee_pool_t *pool, gee_meter_t *meter) {
    GEE_ASSERT(pool->chunks == NULL);
    pool->meter = meter;
}

void gee_pool_reset(gee_pool_t *pool) {
    if (pool->chunks != NULL)
        begin(pool);
    pool->at = pool->data; /* the other members are as they were */
    hide(pool->data, pool->first);
}

size_t gee_pool_used(const gee_pool_t *pool) {
    return pool->elsewhere + (size_t)(pool->at - pool->start);
}

static chunk_t *add_chunk(gee_pool_t *pool, size_t size) {
    if (pool->meter && !gee_meter_take(pool->meter, size))
        return NULL;
    chunk_t *chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL) {
        if (pool->meter)
            gee_meter_give(pool->meter, size);
        return NULL;
    }
    chunk->bytes = size;
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    hide(chunk->data, size);
    return chunk;
}

/* `rounded` bytes, for which the current chunk has no room. */
static uint8_t *take_elsewhere(gee_pool_t *pool, size_t rounded) {
    size_t next = pool->next;
    bool alone = rounded > next / 4;
    chunk_t *chunk = add_chunk(pool, alone ? rounded : next);
    if (chunk == NULL)
        return NULL;
    if (next < GREATEST_CHUNK)
        pool->next = next * 2;
    if (alone) {
        pool->elsewhere += rounded;
        set_end(pool);
    } else {
        pool->elsewhere = gee_pool_used(pool);
        begin_chunk(pool, chunk->data, rounded, next);
    }
    return chunk->data;
}

/* Pieces that do not fit, and pieces of no size. */
static void *alloc_slowly(gee_pool_t *pool, size_t size) {
    size_t rounded, used = gee_pool_used(pool);
    if (!round_up(size, &rounded) || used > pool->limit || rounded > pool->limit - used)
        return NULL;
    uint8_t *piece = pool->at;
    if (rounded <= (size_t)(pool->chunk_end - pool->at))
        pool->at += rounded;
    else
        piece = take_elsewhere(pool, rounded);
    if (piece != NULL)
        reveal(piece, size);
    return piece;
}

void *gee_pool_alloc(gee_pool_t *pool, size_t size) {
    if (size == 0 || pool->at > pool->end || size > (size_t)(pool->end - pool->at))
        return alloc_slowly(pool, size);
    uint8_t *piece = pool->at;
    /* The rounded size stays within the end, as the end is aligned. */
    pool->at += (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    reveal(piece, size);
    return piece;
}

void *gee_pool_zalloc(gee_pool_t *pool, size_t size) {
    void *piece = gee_pool_alloc(pool, size);
    if (piece)
        memset(piece, 0, size);
    return piece;
}

void *gee_pool_array(gee_pool_t *pool, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    return gee_pool_zalloc(pool, bytes);
}

char *gee_pool_strndup(gee_pool_t *pool, const char *bytes, size_t length) {
    if (length == SIZE_MAX)
        return NULL;
    char *copy = gee_pool_alloc(pool, length + 1);
    if (copy == NULL)
        return NULL;
    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *gee_pool_strdup(gee_pool_t *pool, const char *string) {
    gee_str_t view = gee_str(string);
    return gee_pool_strndup(pool, view.data, view.length);
}

gee_str_t gee_pool_str(gee_pool_t *pool, gee_str_t string) {
    char *copy = gee_pool_strndup(pool, string.data, string.length);
    return (gee_str_t){ .data = copy, .length = copy ? string.length : 0 };
}

gee_str_t gee_pool_utf8(gee_pool_t *pool, gee_str_t string) {
    if (gee_utf8_valid(string.data, string.length))
        return string;
    char *repaired = gee_pool_alloc(pool, gee_utf8_repair(NULL, string.data, string.length));
    if (repaired == NULL)
        return (gee_str_t){ .data = NULL };
    return (gee_str_t){ .data = repaired, .length = gee_utf8_repair(repaired, string.data, string.length) };
}

char *gee_pool_printf(gee_pool_t *pool, const char *format, ...) {
    char small[256], *text = NULL;
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(small, sizeof small, format, arguments);
    if (length >= 0 && (size_t)length < sizeof small) {
        text = gee_pool_strndup(pool, small, (size_t)length);
    } else if (length >= 0) {
        text = gee_pool_alloc(pool, (size_t)length + 1);
        if (text && vsnprintf(text, (size_t)length + 1, format, again) != length)
            text = NULL;
    }
    va_end(again);
    va_end(arguments);
    return text;
}
