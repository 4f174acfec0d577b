/* double_buffer.h: bytes in memory that processes share: one writer replaces them as a whole, any number of readers copy them.
 *
 *   writer: begin -> fills the half that was published before the last -> publish
 *   reader: copies the half that was published last; again, should the writer have come round to it meanwhile
 *
 * Nobody waits for anybody, and the writer may die at any point: what was published stays, and the next writer begins anew. The
 * memory begins zeroed. That there is one writer is the callers' business. */
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
/* What stands there now, `length` bytes of it, is what readers get from here on. */
void gee_double_buffer_publish(const gee_double_buffer_t *buffer, size_t length);

/* How often it was published; 0: never. */
uint64_t gee_double_buffer_count(const gee_double_buffer_t *buffer);

/* A reader's copy; begins zeroed. */
typedef struct gee_double_copy {
    void *bytes;
    size_t length, room;
    uint64_t count; /* of publications: the copy is that one; 0: there is none */
} gee_double_copy_t;

/* Brings the copy up to date. -1: out of memory, or the writer was faster again and again; the copy may then be empty. */
int gee_double_buffer_read(const gee_double_buffer_t *buffer, gee_double_copy_t *copy);
void gee_double_copy_free(gee_double_copy_t *copy); /* leaves it zeroed */

#endif
