/* engine.h: values to protobuf's bytes and back, driven by gee_type_t: what codecs that speak protobuf's wire are made
 * of. The functions are members of gee_codec_t (core/rpc/codec.h, which has their contracts); a state is not looked at.
 *
 *   struct              a message; its fields carry the tags of the type
 *   other bare values   a message with the value as field 1
 *   bool, integers      varint (negative ones take ten bytes, as protobuf's int32 and int64), or as their form says
 *   enum                varint, as int32
 *   float, double       fixed32, fixed64
 *   string, bytes       length-delimited; strings are UTF-8, both ways
 *   list                packed for numbers where the type does not say otherwise (both forms are read), else the field
 *                       repeated; a list of fixed length is left out or complete
 *   map                 repeated entries { key = 1, value = 2 }; when a key comes twice, the last value counts
 *   optional            written when present, zero or not; fields of other types are left out when zero
 *   oneof               the set member is written, zero or not; the last that comes is the set one, a struct that comes
 *                       again is merged
 *   list, map or optional directly inside another one: a message with the value as field 1, as protobuf has no such
 *   nesting
 *   unknown fields      kept where the struct has a place for them, in the order in which they came, and written behind
 *                       the others
 *
 * docs/geerpc.proto says the same for implementations in other languages. There are two sets of rules:
 *
 *                                   strict (bin)            lax (proto: as protobuf's own library)
 *   number that does not fit        refused                 truncated; a bool is true unless zero
 *   key or length of 6 bytes or     taken                   refused
 *     more, filled up with zeros
 *   key over 32 bits                refused                 truncated
 *   known field, other wire type    refused                 an unknown field
 *   group                           refused                 an unknown field, or part of one
 *   number without a name in an
 *     enum that is closed           taken                   an unknown field (in a map: the whole entry)
 *   GEE_FORM_UNCHECKED              means nothing           a string may hold any bytes
 *   GEE_FIELD_REQUIRED              means nothing           refused when absent, read or written
 *   limits.nesting counts           structs, lists, maps    messages within messages; at most 100, protobuf's limit */
#ifndef GEE_PROTOBUF_ENGINE_H
#define GEE_PROTOBUF_ENGINE_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/type/limits.h"
#include "core/type/type.h"

int gee_protobuf_strict_decode(void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                               const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                               gee_error_t *error);
int gee_protobuf_strict_encode(void *state, const gee_type_t *type, const void *value, gee_chain_t *out,
                               gee_error_t *error);
int gee_protobuf_strict_check(const void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                              const gee_codec_limits_t *limits, unsigned way, gee_error_t *error);

int gee_protobuf_lax_decode(void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                            const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                            gee_error_t *error);
int gee_protobuf_lax_encode(void *state, const gee_type_t *type, const void *value, gee_chain_t *out,
                            gee_error_t *error);
int gee_protobuf_lax_check(const void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                           const gee_codec_limits_t *limits, unsigned way, gee_error_t *error);

#endif
