/* record.h: state as bytes for another process on this machine, and back: numbers in the machine's own order, strings
 * behind their length. The writer may be another version of this program, or broken: reading checks bounds.
 *
 *   gee_record_t --put--> bytes --> gee_record_reader_t --take--> the same values
 *
 * The bytes may be secret (session keys): memory is wiped before it is given back. */
#ifndef GEE_BASE_RECORD_H
#define GEE_BASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/str.h"

typedef struct gee_record {
    uint8_t *bytes;
    size_t length, capacity;
    bool failed; /* out of memory: the writer looks once, at the end */
} gee_record_t;

void gee_record_clear(gee_record_t *record); /* wipes, frees, leaves the record as new */
void gee_record_put(gee_record_t *record, const void *bytes, size_t length);
void gee_record_put_u8(gee_record_t *record, uint8_t number);
void gee_record_put_u64(gee_record_t *record, uint64_t number);
void gee_record_put_bytes(gee_record_t *record, const void *bytes, size_t length); /* length, then the bytes */
void gee_record_put_str(gee_record_t *record, const char *string);                 /* null is the empty string */
/* A part whose length is known at its end: gee_record_take_part() reads what is put between begin and end. */
size_t gee_record_begin(gee_record_t *record);
void gee_record_end(gee_record_t *record, size_t begun);

/* Past the end, or after a value that did not fit, every value is zero and `failed` is set. */
typedef struct gee_record_reader {
    const uint8_t *at, *end;
    bool failed;
} gee_record_reader_t;

gee_record_reader_t gee_record_reader(const void *bytes, size_t length);
const void *gee_record_take(gee_record_reader_t *reader, size_t length); /* null: not there */
uint8_t gee_record_take_u8(gee_record_reader_t *reader);
uint64_t gee_record_take_u64(gee_record_reader_t *reader);
/* A time in the past: the writer's clock may be ahead of `now`, which a reader has read once for many records. Not
 * before 0, not after `now`. */
int64_t gee_record_take_time(gee_record_reader_t *reader, int64_t now);
gee_record_reader_t gee_record_take_part(gee_record_reader_t *reader); /* written by put_bytes, or by begin and end */
gee_str_t gee_record_take_str(gee_record_reader_t *reader);            /* points into the record; not terminated */
static inline size_t gee_record_left(const gee_record_reader_t *reader) {
    return (size_t)(reader->end - reader->at);
}

#endif
