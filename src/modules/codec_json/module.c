/* module.c: JSON as a codec (RFC 8259): the table that the core sees. */
#include "json.h"

/* In a frame nothing depends on where the value ends, and the reader of the frame reads the JSON with its own
 * limits. */
static int check(const void *state GEE_UNUSED, const gee_type_t *type GEE_UNUSED, const uint8_t *bytes, size_t length,
                 const gee_codec_limits_t *limits, unsigned way, gee_error_t *error) {
    return way & GEE_WAY_FRAMED ? 0 : gee_json_check_value(bytes, length, limits, error);
}

static const gee_codec_t codec = {
    .name = "json",
    .content_type = "application/json",
    .enum_names = true,
    .separator = "\n",
    .self_delimiting = true,
    .padding = gee_json_padding,
    .measure = gee_json_measure,
    .skip_value = gee_json_skip_value,
    .read_beginning = gee_json_read_beginning,
    .decode = gee_json_decode,
    .encode = gee_json_encode,
    .decode_value = gee_json_decode_value,
    .read_plain = gee_json_read_plain,
    .write_plain = gee_json_write_plain,
    .encode_value = gee_json_encode_value,
    .check = check,
};

extern const gee_module_t gee_codec_json_module;
const gee_module_t gee_codec_json_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_CODEC,
    .name = "codec_json",
    .interface = &codec,
};
