/* engine.h: values to protobuf's bytes and back, driven by gee_type_t: what codecs that speak protobuf's wire are made
 * of. The functions are members of gee_codec_t (core/rpc/codec.h, which has their contracts); a state is not looked at.
 *
 *   struct              a message; its fields carry the tags of the type
 *   other bare values   a message with the value as field 1
 *   bool, integers      varint; negative integers take ten bytes, as protobuf's int32 and int64
 *   float, double       fixed32, fixed64
 *   string, bytes       length-delimited; strings are UTF-8, both ways
 *   list                packed for numbers (unpacked is read too), else the field repeated
 *   map                 repeated entries { key = 1, value = 2 }; when a key comes twice, the last value counts
 *   optional            written when present, zero or not; fields of other types are left out when zero
 *   list, map or optional directly inside another one: a message with the value as field 1, as protobuf has no such
 *   nesting
 *
 * docs/geerpc.proto says the same for implementations in other languages. */
#ifndef GEE_PROTOBUF_ENGINE_H
#define GEE_PROTOBUF_ENGINE_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/type/limits.h"
#include "core/type/type.h"

/* The rules of `bin`. */
int gee_protobuf_strict_decode(void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                               const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                               gee_error_t *error);
int gee_protobuf_strict_check(const void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                              const gee_codec_limits_t *limits, unsigned way, gee_error_t *error);

int gee_protobuf_encode(void *state, const gee_type_t *type, const void *value, gee_chain_t *out, gee_error_t *error);

#endif
