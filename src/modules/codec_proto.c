/* codec_proto: protobuf's wire format by protobuf's own rules; core/protobuf does the work. */
#include <gee/protobuf.h>

static const gee_codec_t codec = {
    .name = "proto",
    .content_type = "application/protobuf",
    .separator = "",
    .self_delimiting = false,
    .decode = gee_protobuf_lax_decode,
    .encode = gee_protobuf_lax_encode,
    .check = gee_protobuf_lax_check,
};

extern const gee_module_t gee_codec_proto_module;
const gee_module_t gee_codec_proto_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_CODEC,
    .name = "codec_proto",
    .interface = &codec,
};
