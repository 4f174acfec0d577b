/* record.c: writing and reading of records. */
#include "core/base/record.h"

#include <stdlib.h>
#include <string.h>

void gee_record_clear(gee_record_t *record) {
    if (record->bytes)
        explicit_bzero(record->bytes, record->length);
    free(record->bytes);
    *record = (gee_record_t){ 0 };
}

/* Not realloc(), which would leave a copy of secrets behind. */
static bool grow(gee_record_t *record, size_t wanted) {
    size_t capacity = record->capacity ? record->capacity : 512;
    while (capacity < wanted)
        if (__builtin_mul_overflow(capacity, 2, &capacity))
            return false;
    uint8_t *bytes = malloc(capacity);
    if (!bytes)
        return false;
    if (record->bytes) {
        memcpy(bytes, record->bytes, record->length);
        explicit_bzero(record->bytes, record->length);
        free(record->bytes);
    }
    record->bytes = bytes;
    record->capacity = capacity;
    return true;
}

void gee_record_put(gee_record_t *record, const void *bytes, size_t length) {
    size_t wanted;
    if (record->failed || length == 0)
        return;
    if (__builtin_add_overflow(record->length, length, &wanted) ||
        (wanted > record->capacity && !grow(record, wanted))) {
        record->failed = true;
        return;
    }
    memcpy(record->bytes + record->length, bytes, length);
    record->length = wanted;
}

void gee_record_put_u8(gee_record_t *record, uint8_t number) {
    gee_record_put(record, &number, sizeof number);
}

void gee_record_put_u64(gee_record_t *record, uint64_t number) {
    gee_record_put(record, &number, sizeof number);
}

void gee_record_put_bytes(gee_record_t *record, const void *bytes, size_t length) {
    gee_record_put_u64(record, length);
    gee_record_put(record, bytes, length);
}

void gee_record_put_str(gee_record_t *record, const char *string) {
    gee_record_put_bytes(record, string, string ? strlen(string) : 0);
}

size_t gee_record_begin(gee_record_t *record) {
    gee_record_put_u64(record, 0);
    return record->length;
}

void gee_record_end(gee_record_t *record, size_t begun) {
    if (record->failed)
        return;
    uint64_t length = record->length - begun;
    memcpy(record->bytes + begun - sizeof length, &length, sizeof length);
}

/* ---- reading ---- */

gee_record_reader_t gee_record_reader(const void *bytes, size_t length) {
    const uint8_t *start = bytes;
    return (gee_record_reader_t){ .at = start, .end = start ? start + length : NULL };
}

const void *gee_record_take(gee_record_reader_t *reader, size_t length) {
    if (reader->failed || length > gee_record_left(reader)) {
        reader->failed = true;
        reader->at = reader->end;
        return NULL;
    }
    const void *bytes = reader->at;
    if (length > 0)
        reader->at += length;
    return bytes;
}

uint8_t gee_record_take_u8(gee_record_reader_t *reader) {
    const uint8_t *byte = gee_record_take(reader, 1);
    return byte ? *byte : 0;
}

uint64_t gee_record_take_u64(gee_record_reader_t *reader) {
    uint64_t number = 0;
    const void *bytes = gee_record_take(reader, sizeof number);
    if (bytes)
        memcpy(&number, bytes, sizeof number);
    return number;
}

int64_t gee_record_take_time(gee_record_reader_t *reader, int64_t now) {
    int64_t time = (int64_t)gee_record_take_u64(reader);
    return time < 0 ? 0 : time < now ? time : now;
}

gee_record_reader_t gee_record_take_part(gee_record_reader_t *reader) {
    uint64_t length = gee_record_take_u64(reader);
    const void *bytes = gee_record_take(reader, length <= SIZE_MAX ? (size_t)length : SIZE_MAX);
    gee_record_reader_t part = gee_record_reader(bytes, bytes ? (size_t)length : 0);
    part.failed = reader->failed;
    return part;
}

gee_str_t gee_record_take_str(gee_record_reader_t *reader) {
    gee_record_reader_t part = gee_record_take_part(reader);
    return (gee_str_t){ .data = (const char *)part.at, .length = gee_record_left(&part) };
}
