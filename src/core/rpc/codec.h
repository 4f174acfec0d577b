/* codec.h: the interface of codec modules: values to bytes and back. A codec knows no headers and no connections.
 *
 * A session has two states of its codec, one for what it receives and one for what it sends, allocated by the core by
 * state_size and zeroed (gob keeps type definitions there; json and bin need none). What all states of an engine can
 * share is one object that the engine keeps. Nothing here blocks. Errors carry a code: GEE_INVALID_ARGUMENT for bytes
 * that are not a value of the type, GEE_OUT_OF_RANGE for numbers that do not fit, GEE_RESOURCE_EXHAUSTED for limits,
 * GEE_INTERNAL for a value that cannot be written. Texts name the field, as a path ("Items[3].Name").
 * tests/contract/codec.c holds every codec to this. */
#ifndef GEE_RPC_CODEC_H
#define GEE_RPC_CODEC_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/base/record.h"
#include "core/type/limits.h"
#include "core/type/measure.h"
#include "core/type/type.h"
#include "core/type/value.h"

/* Where a value that is forwarded undecoded goes. */
enum {
    GEE_WAY_FRAMED = 1u << 0,   /* in a frame, which says where the value ends */
    GEE_WAY_TO_SERVER = 1u << 1 /* its reader is a server, which may discard it or parts of it */
};

typedef struct gee_codec {
    const char *name;         /* "json" */
    const char *content_type; /* "application/json": the Option's CodecType */
    const char *separator;    /* written after each value on a bare stream ("\n" for json); "" when none */
    /* Where a value ends can be told from its bytes. When false, measure is null and the protocol must frame. */
    bool self_delimiting;
    /* The bytes carry the types of what they say, and a stock peer refuses or drops what its own lack: so a protocol
     * writes exactly the header that such a peer has. */
    bool types_on_wire;
    bool enum_names; /* writes enums by name, and reads names and numbers; stock peers know numbers only */
    size_t state_size;
    bool one_state; /* a state is of both directions: a session has one, otherwise one each way */

    /* Optional, all three or none: what the states of one engine share. shared_create() runs before the first state,
     * shared_destroy() after the last; attach() hands the object to a zeroed state before start(). A state that was
     * never attached works without. */
    void *(*shared_create)(gee_error_t *error);
    void (*shared_destroy)(void *shared);
    void (*attach)(void *state, void *shared);

    /* Optional. The state is zeroed before start and freed by the core after stop. */
    int (*start)(void *state, gee_error_t *error);
    void (*stop)(void *state);

    /* With self_delimiting. How many of the leading bytes are padding between values (white space)? */
    size_t (*padding)(const uint8_t *bytes, size_t length);
    /* With self_delimiting. `bytes` begins at the value's first byte and is at least as long as at the call before for
     * the same value (it may have moved). Linear in the length, however it is cut. DONE: progress->length bytes are the
     * value. A scalar that only its successor ends (a JSON number) is DONE when that byte is seen. */
    gee_measured_t (*measure)(void *state, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                              const gee_codec_limits_t *limits, gee_error_t *error);

    /* With self_delimiting. Skips to the end of a value that measure() has refused, or that is not wanted, as its
     * bytes come. `progress` is as measure() left it, or zeroed; `bytes` begin with the value's first byte, later
     * behind *passed bytes. *passed may be more than `length`: then the next bytes need not be shown. Bytes that
     * are not passed are shown again, and are never many. DONE: the value ends with the bytes passed. Else MORE or
     * ERROR. */
    gee_measured_t (*skip_value)(void *state, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                 size_t *passed, const gee_codec_limits_t *limits, gee_error_t *error);
    /* With self_delimiting. The first two fields, as in read_plain(), of a header that measure() has refused and left
     * `progress` so; `bytes` may be only the beginning of the header. MORE: not enough bytes; ERROR: the header does
     * not begin so. */
    gee_measured_t (*read_beginning)(void *state, const gee_measure_t *progress, const gee_type_t *header,
                                     const uint8_t *bytes, size_t length, gee_str_t *text, uint64_t *number);

    /* Mandatory. Decodes exactly one value (padding around it allowed) into `value`, which the caller zeroed. Unknown
     * fields are skipped, missing fields stay zero. With `copy`, strings and bytes are copied into the pool; otherwise
     * they may point into `bytes`. */
    int (*decode)(void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                  const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value, gee_error_t *error);
    /* Mandatory. Appends one value, without separator. On failure the caller rewinds the chain, and the state is as
     * before. */
    int (*encode)(void *state, const gee_type_t *type, const void *value, gee_chain_t *out, gee_error_t *error);

    /* Optional, both or none: a fast path for plain headers: structs whose first two fields are a string and an
     * unsigned number, and whose other fields have nothing to say. The third field, if any, is a string or left out
     * when empty (GEE_FIELD_OMIT_EMPTY), and so are the fields behind. read_plain: the length of the value at the
     * beginning of `bytes`, without padding, and both fields; 0: the value is not whole, not plain, not valid, or
     * written in another way, and measure() and decode() decide. write_plain: appends the value as encode() would, and
     * the separator. 1: done; 0: nothing was appended, encode() must write the value. */
    size_t (*read_plain)(void *state, const gee_type_t *header, const uint8_t *bytes, size_t length, gee_str_t *text,
                         uint64_t *number);
    int (*write_plain)(void *state, const gee_type_t *header, gee_str_t text, uint64_t number, gee_chain_t *out);

    /* Optional: without a type. A codec whose bytes do not say their types (bin) has none. Strings are copied. */
    int (*decode_value)(void *state, const uint8_t *bytes, size_t length, const gee_codec_limits_t *limits,
                        gee_pool_t *pool, gee_value_t *value, gee_error_t *error);
    int (*encode_value)(void *state, const gee_value_t *value, gee_chain_t *out, gee_error_t *error);

    /* Optional. May the value be forwarded undecoded: is it exactly one value, well-formed and within the limits, that
     * every reader takes? Otherwise the bytes of one caller could pass for the next message of another caller, or
     * crash their reader. `state`: the receiving state of the bytes. `type`: the value's type, where it is known.
     * `way`: GEE_WAY_ bits. */
    int (*check)(const void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                 const gee_codec_limits_t *limits, unsigned way, gee_error_t *error);
    /* Optional. Appends one value's bytes, received with `from` (a receiving state of this codec), for `to` (a sending
     * state). Precondition: check() has taken the bytes. Null: the bytes mean the same everywhere and are forwarded as
     * they are. */
    int (*carry)(const void *from, void *to, const uint8_t *bytes, size_t length, gee_chain_t *out, gee_error_t *error);
    /* Optional, both or none, for a sending state that remembers what was sent (gob's type definitions). mark: the
     * state's position (0: as new); rewind: back to that position, when what was encoded since is cut off the chain. */
    uint64_t (*mark)(const void *state);
    void (*rewind)(void *state, uint64_t mark);
    /* Both or none; mandatory where there is a state and sessions shall move between processes (handover.h): the
     * state as a record for another process, and back, into a new state. Changes by a value that is being measured
     * may be part of the record, as that value is measured again. import: the record may hold any bytes; -1 with
     * the reason. */
    void (*export_state)(const void *state, gee_record_t *out);
    int (*import_state)(void *state, gee_record_reader_t *in, gee_error_t *error);
} gee_codec_t;

#endif
