/* codec_bin: protobuf's wire format (proto3's rules), driven by gee_type_t. The module.
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
#include "bin.h"

static const gee_codec_t codec = {
    .name = "bin",
    .content_type = "application/bin",
    .separator = "",
    .self_delimiting = false,
    .decode = gee_bin_decode,
    .encode = gee_bin_encode,
    .check = gee_bin_check,
};

extern const gee_module_t gee_codec_bin_module;
const gee_module_t gee_codec_bin_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_CODEC,
    .name = "codec_bin",
    .interface = &codec,
};
