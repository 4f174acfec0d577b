/* double_buffer.c: two halves, and two counters that say which half may be read. */
#include "core/base/double_buffer.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"

#define TRIES 100 /* of a reader that the writer overtakes */

/* Publication n stands in half n % 2. A reader of n is disturbed when n + 2 is begun, not before. */
struct gee_double_buffer_memory {
    _Atomic uint64_t begun, published;
    _Atomic uint64_t lengths[2];
    alignas(max_align_t) uint8_t halves[];
};

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "counters in shared memory must be atomic without a lock");

static size_t rounded(size_t bytes) {
    return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

size_t gee_double_buffer_size(size_t capacity) {
    return sizeof(gee_double_buffer_memory_t) + 2 * rounded(capacity);
}

static uint8_t *half(const gee_double_buffer_t *buffer, uint64_t publication) {
    return buffer->memory->halves + publication % 2 * rounded(buffer->capacity);
}

/* ---- the writer ---- */

void *gee_double_buffer_begin(const gee_double_buffer_t *buffer) {
    uint64_t next = atomic_load_explicit(&buffer->memory->published, memory_order_relaxed) + 1;
    atomic_store_explicit(&buffer->memory->begun, next, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* readers see `begun` no later than the bytes */
    return half(buffer, next);
}

void gee_double_buffer_publish(const gee_double_buffer_t *buffer, size_t length) {
    GEE_ASSERT(length <= buffer->capacity);
    uint64_t next = atomic_load_explicit(&buffer->memory->begun, memory_order_relaxed);
    atomic_store_explicit(&buffer->memory->lengths[next % 2], length, memory_order_relaxed);
    atomic_store_explicit(&buffer->memory->published, next, memory_order_release);
}

/* ---- readers ---- */

uint64_t gee_double_buffer_count(const gee_double_buffer_t *buffer) {
    return atomic_load_explicit(&buffer->memory->published, memory_order_acquire);
}

static int make_room(gee_double_copy_t *copy, size_t length) {
    if (length <= copy->room)
        return 0;
    size_t room = length + length / 4; /* what grew once grows again */
    void *bytes = malloc(room);
    if (bytes == NULL)
        return -1;
    free(copy->bytes);
    copy->bytes = bytes;
    copy->room = room;
    return 0;
}

int gee_double_buffer_read(const gee_double_buffer_t *buffer, gee_double_copy_t *copy) {
    for (int i = 0; i < TRIES; i++) {
        uint64_t count = gee_double_buffer_count(buffer);
        if (count == copy->count)
            return 0;
        uint64_t length = atomic_load_explicit(&buffer->memory->lengths[count % 2], memory_order_relaxed);
        copy->count = 0;
        copy->length = 0;
        if (length > buffer->capacity || make_room(copy, length) != 0)
            return -1;
        if (length > 0)
            memcpy(copy->bytes, half(buffer, count), length);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&buffer->memory->begun, memory_order_relaxed) >= count + 2)
            continue;
        copy->count = count;
        copy->length = length;
        return 0;
    }
    return -1;
}

void gee_double_copy_free(gee_double_copy_t *copy) {
    free(copy->bytes);
    *copy = (gee_double_copy_t){ 0 };
}
