/* codec_bin: protobuf's wire format (proto3's rules), strictly read; core/protobuf does the work. */
#include <gee/protobuf.h>

static const gee_codec_t codec = {
    .name = "bin",
    .content_type = "application/bin",
    .separator = "",
    .self_delimiting = false,
    .decode = gee_protobuf_strict_decode,
    .encode = gee_protobuf_strict_encode,
    .check = gee_protobuf_strict_check,
};

extern const gee_module_t gee_codec_bin_module;
const gee_module_t gee_codec_bin_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_CODEC,
    .name = "codec_bin",
    .interface = &codec,
};
