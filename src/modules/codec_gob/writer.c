/* writer.c: the bytes of one message, whose length stands before them.
 *
 *   room  [ length? | content ........ ]     first pass: FIRST_ROOM bytes, moved when the length takes more bytes
 *
 * The rest of a longer message is counted, not written; a second pass writes the message into room of exactly that
 * size. The cost is linear in both cases, and nothing is allocated beside the chain. */
#include "gob.h"

#define FIRST_ROOM 512

static unsigned byte_count(uint64_t number) { /* for numbers above 127 */
    return (71 - (unsigned)__builtin_clzll(number)) / 8;
}

static size_t uint_size(uint64_t number) {
    return number < 0x80 ? 1 : 1 + byte_count(number);
}

/* Writes exactly the bytes of the number. */
static void store_uint(uint8_t *target, uint64_t number) {
    if (number < 0x80) {
        *target = (uint8_t)number;
        return;
    }
    unsigned count = byte_count(number);
    *target = (uint8_t)(256 - count);
    for (unsigned i = count; i > 0; i--) {
        target[i] = (uint8_t)number;
        number >>= 8;
    }
}

/* The place for `count` bytes; null when bytes are only counted. */
static uint8_t *place_for(gee_gob_writer_t *writer, size_t count) {
    size_t before = writer->length;
    writer->length += count;
    return writer->length <= writer->capacity ? writer->bytes + before : NULL;
}

void gee_gob_put_bytes(gee_gob_writer_t *writer, const void *bytes, size_t count) {
    uint8_t *place = place_for(writer, count);
    if (place != NULL && count > 0)
        memcpy(place, bytes, count);
}

void gee_gob_put_long(gee_gob_writer_t *writer, uint64_t number) {
    if (writer->length < writer->capacity && writer->capacity - writer->length >= GEE_GOB_UINT_LONGEST) {
        uint8_t *target = writer->bytes + writer->length;
        writer->length += (size_t)(gee_gob_store_uint(target, number) - target);
        return;
    }
    uint8_t *place = place_for(writer, uint_size(number));
    if (place != NULL)
        store_uint(place, number);
}

int gee_gob_put_string(gee_gob_writer_t *writer, gee_str_t string) {
    if (!writer->checked && !gee_utf8_valid(string.data, string.length))
        return GEE_GOB_FAIL(writer->error, GEE_INTERNAL, "the string is not valid UTF-8");
    gee_gob_put_uint(writer, string.length);
    gee_gob_put_bytes(writer, string.data, string.length);
    return 0;
}

int gee_gob_writer_enter(gee_gob_writer_t *writer) {
    if (writer->levels == 0)
        return GEE_GOB_FAIL(writer->error, GEE_INTERNAL, "nested deeper than %u levels", GEE_GOB_NESTING);
    writer->levels--;
    return 0;
}

static int no_memory(gee_error_t *error, size_t length) {
    return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "out of memory for a message of %zu bytes", length);
}

/* Sets field by field: the room for a path is 200 bytes, which need not be zero. */
static void writer_start(gee_gob_writer_t *writer, uint8_t *bytes, size_t capacity, gee_error_t *error) {
    writer->bytes = bytes;
    writer->capacity = capacity;
    writer->length = 0;
    writer->levels = GEE_GOB_NESTING;
    writer->checked = false;
    writer->error = error;
    gee_path_init(&writer->path);
}

static int put_long_message(gee_chain_t *out, size_t length, gee_error_t *error, gee_gob_put_t put, const void *data) {
    size_t prefix = uint_size(length);
    uint8_t *room = gee_chain_reserve(out, prefix + length);
    gee_gob_writer_t writer;
    if (room == NULL)
        return no_memory(error, length);
    store_uint(room, length);
    writer_start(&writer, room + prefix, length, error);
    writer.checked = true;
    if (put(&writer, data) != 0)
        return gee_path_apply(&writer.path, error);
    if (writer.length != length)
        return GEE_GOB_FAIL(error, GEE_INTERNAL, "the value was changed while it was being encoded");
    gee_chain_commit(out, prefix + length);
    return 0;
}

int gee_gob_put_message(gee_chain_t *out, gee_error_t *error, gee_gob_put_t put, const void *data) {
    uint8_t *room = gee_chain_reserve(out, FIRST_ROOM);
    gee_gob_writer_t writer;
    if (room == NULL)
        return no_memory(error, FIRST_ROOM);
    writer_start(&writer, room + 1, FIRST_ROOM - GEE_GOB_UINT_LONGEST, error);
    if (put(&writer, data) != 0)
        return gee_path_apply(&writer.path, error);
    if (writer.length > writer.capacity)
        return put_long_message(out, writer.length, error, put, data);
    size_t prefix = uint_size(writer.length);
    if (prefix > 1)
        memmove(room + prefix, room + 1, writer.length);
    store_uint(room, writer.length);
    gee_chain_commit(out, prefix + writer.length);
    return 0;
}
