/* codec_bin: protobuf's wire format (proto3's rules), driven by gee_type_t. The module.
 *
 *   struct              a message; its fields carry the tags of the type
 *   anything else bare  a message whose field 1 it is
 *   bool, integers      varint; negative ones as protobuf's int32 and int64, ten bytes
 *   float, double       fixed32, fixed64
 *   string, bytes       length-delimited; strings are UTF-8, both ways
 *   list                packed for numbers (unpacked is read too), else the field repeated
 *   map                 repeated entries { key = 1, value = 2 }; of a key that comes twice the last value counts
 *   optional            written when present, even when it is zero; everything else is not written when zero
 *   list, map, optional inside a list, map or optional: a message whose field 1 it is, since protobuf has none directly
 *
 * docs/geerpc.proto says the same for people who speak it from elsewhere. */
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
