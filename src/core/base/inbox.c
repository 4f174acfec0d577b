/* inbox.c: the bytes that were read and not yet consumed, in one piece.
 *
 *   data |--consumed--|start ... not yet consumed ... end|--room--| capacity
 *
 * Bytes are moved only when at least as many bytes were consumed or will be filled in before the next move: so the cost
 * per byte is constant however a peer cuts its messages. */
#include "core/base/buf.h"

#include <string.h>

void gee_inbox_init(gee_inbox_t *inbox, gee_buf_cache_t *cache) {
    *inbox = (gee_inbox_t){ .cache = cache };
}

void gee_inbox_clear(gee_inbox_t *inbox) {
    gee_buf_release(&inbox->buf);
    inbox->start = inbox->end = 0;
}

/* Into a fresh buffer. The old buffer may have another holder, who goes on seeing the same bytes. */
static int copy_out(gee_inbox_t *inbox, size_t capacity) {
    gee_buf_t *fresh = gee_buf_take(inbox->cache, capacity);
    if (fresh == NULL)
        return -1;
    size_t length = gee_inbox_length(inbox);
    if (length > 0)
        memcpy(fresh->data, inbox->buf->data + inbox->start, length);
    gee_buf_release(&inbox->buf);
    inbox->buf = fresh;
    inbox->start = 0;
    inbox->end = length;
    return 0;
}

/* Precondition: there is no room for `wanted` bytes behind the end. */
static int make_room(gee_inbox_t *inbox, size_t wanted) {
    size_t length = gee_inbox_length(inbox), needed;
    if (__builtin_add_overflow(length, length, &needed) || __builtin_add_overflow(needed, wanted, &needed))
        return -1;
    bool movable =
        inbox->buf && inbox->buf->references == 1 && inbox->start >= length && inbox->buf->capacity - length >= wanted;
    if (!movable)
        return copy_out(inbox, needed);
    /* A huge message must not leave its huge buffer behind on a connection whose inbox never becomes empty. */
    if (inbox->buf->capacity / 8 > needed && copy_out(inbox, needed) == 0)
        return 0;
    memmove(inbox->buf->data, inbox->buf->data + inbox->start, length);
    inbox->start = 0;
    inbox->end = length;
    return 0;
}

uint8_t *gee_inbox_space(gee_inbox_t *inbox, size_t wanted, size_t *space) {
    if (wanted == 0)
        wanted = 1;
    if ((inbox->buf == NULL || inbox->buf->capacity - inbox->end < wanted) && make_room(inbox, wanted) != 0)
        return NULL;
    *space = inbox->buf->capacity - inbox->end;
    return inbox->buf->data + inbox->end;
}

void gee_inbox_filled(gee_inbox_t *inbox, size_t count) {
    GEE_ASSERT(count == 0 || (inbox->buf && count <= inbox->buf->capacity - inbox->end));
    inbox->end += count;
    if (inbox->end == inbox->start)
        gee_inbox_clear(inbox);
}

int gee_inbox_append(gee_inbox_t *inbox, const void *bytes, size_t count) {
    size_t space;
    if (count == 0)
        return 0;
    uint8_t *target = gee_inbox_space(inbox, count, &space);
    if (target == NULL)
        return -1;
    memcpy(target, bytes, count);
    gee_inbox_filled(inbox, count);
    return 0;
}

void gee_inbox_consume(gee_inbox_t *inbox, size_t count) {
    GEE_ASSERT(count <= gee_inbox_length(inbox));
    if (count >= gee_inbox_length(inbox))
        gee_inbox_clear(inbox);
    else
        inbox->start += count;
}
