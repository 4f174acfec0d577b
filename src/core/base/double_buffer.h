/* double_buffer.h: bytes in memory that processes share: one writer replaces all of them, any number of readers copy
 * them.
 *
 *   writer: begin -> fills the half that was published before the last -> publish
 *   reader: copies the half that was published last; again, if the writer has begun to fill that half meanwhile
 *
 * Nobody waits for anybody, and the writer may die at any point: the last publication stays, and the next writer
 * begins anew. The memory begins zeroed. The callers see to it that there is one writer at a time. */
#ifndef GEE_BASE_DOUBLE_BUFFER_H
#define GEE_BASE_DOUBLE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

typedef struct gee_double_buffer_memory gee_double_buffer_memory_t;

/* A process's view; plain memory. */
typedef struct gee_double_buffer {
    gee_double_buffer_memory_t *memory; /* aligned for any type */
    size_t capacity;                    /* bytes that can be published; the same for all */
} gee_double_buffer_t;

size_t gee_double_buffer_size(size_t capacity); /* of the memory; a multiple of 16 */

/* Room for `capacity` bytes, aligned for any type. */
void *gee_double_buffer_begin(const gee_double_buffer_t *buffer);
/* From here on readers get the first `length` bytes of that room. */
void gee_double_buffer_publish(const gee_double_buffer_t *buffer, size_t length);

/* The number of publications; 0: none yet. */
uint64_t gee_double_buffer_count(const gee_double_buffer_t *buffer);

/* A reader's copy; begins zeroed. */
typedef struct gee_double_copy {
    void *bytes;
    size_t length, room;
    uint64_t count; /* the number of the publication that the copy has; 0: none */
} gee_double_copy_t;

/* Brings the copy up to date. -1: out of memory, or the writer was faster each time; the copy may then be empty. */
int gee_double_buffer_read(const gee_double_buffer_t *buffer, gee_double_copy_t *copy);
void gee_double_copy_free(gee_double_copy_t *copy); /* leaves the copy zeroed */

#endif
