/* module.c: ProtoJSON as a codec: the table that the core sees.
 *
 * In bodies of calls, fields that a type does not have are passed over, as by gateways of gRPC and by Connect: a client
 * may be newer than its server. No descriptors are at hand, so that an Any is refused unless it is empty. There are no
 * trees: the text does not say whether a string is a number of 64 bits. */
#include "protojson.h"

/* ---- settings ---- */

typedef struct conf {
    bool emit_defaults, proto_names, enum_numbers;
} conf_t;

#define ROW(member, text)                                                                                              \
    {                                                                                                                  \
        .name = #member, .type = GEE_OPTION_BOOL, .offset = offsetof(conf_t, member), .fallback = "false",             \
        .flags = GEE_OPTION_RELOADABLE, .doc = text                                                                    \
    }
static const gee_option_t rows[] = {
    ROW(emit_defaults, "Write fields without presence that are zero or empty, too"),
    ROW(proto_names, "Write fields with the names of the .proto, not in lowerCamelCase"),
    ROW(enum_numbers, "Write enums as numbers, not by name"),
    { .name = NULL },
};

/* Those of the process: a worker serves one cycle. */
static gee_protojson_options_t options = { .ignore_unknown = true };

static int worker_start(void *settings, struct gee_engine *engine GEE_UNUSED, gee_error_t *error GEE_UNUSED) {
    const conf_t *conf = settings;
    options.emit_defaults = conf->emit_defaults;
    options.proto_names = conf->proto_names;
    options.enum_numbers = conf->enum_numbers;
    return 0;
}

/* ---- values ---- */

static int decode(void *state GEE_UNUSED, const gee_type_t *type, const uint8_t *bytes, size_t length,
                  const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value, gee_error_t *error) {
    return gee_protojson_decode(&options, type, bytes, length, limits, copy, pool, value, error);
}

static int encode(void *state GEE_UNUSED, const gee_type_t *type, const void *value, gee_chain_t *out,
                  gee_error_t *error) {
    return gee_protojson_encode(&options, type, value, out, error);
}

/* As codec_json's: in a frame nothing depends on where the value ends. */
static int check(const void *state GEE_UNUSED, const gee_type_t *type GEE_UNUSED, const uint8_t *bytes, size_t length,
                 const gee_codec_limits_t *limits, unsigned way, gee_error_t *error) {
    return way & GEE_WAY_FRAMED ? 0 : gee_json_check_value(bytes, length, limits, error);
}

/* ---- the beginning of a header that is refused: {"ServiceMethod":"Arith.Multiply","Seq":"1" ---- */

static bool take(gee_str_t *rest, gee_str_t text) {
    if (rest->length < text.length || memcmp(rest->data, text.data, text.length) != 0)
        return false;
    *rest = (gee_str_t){ rest->data + text.length, rest->length - text.length };
    return true;
}

static bool take_key(gee_str_t *rest, const gee_field_t *field) {
    return take(rest, GEE_STR("\"")) && take(rest, gee_field_name(field)) && take(rest, GEE_STR("\":"));
}

/* Up to the quote. */
static bool take_text(gee_str_t *rest, gee_str_t *text) {
    bool foreign = false;
    const uint8_t *first = (const uint8_t *)rest->data, *end = first + rest->length;
    const uint8_t *at = gee_json_plain_end(first, end, &foreign);
    if (foreign || at == end || *at != '"')
        return false;
    *text = (gee_str_t){ rest->data, (size_t)(at - first) };
    *rest = (gee_str_t){ rest->data + text->length + 1, rest->length - text->length - 1 };
    return true;
}

/* With the byte behind: in quotes or not. */
static bool take_number(gee_str_t *rest, uint64_t *number) {
    gee_error_t error;
    gee_json_number_t digits;
    gee_json_reader_t reader;
    const gee_codec_limits_t limits = { .nesting = 1 };
    bool quoted = take(rest, GEE_STR("\""));
    gee_json_reader_init(&reader, (const uint8_t *)rest->data, rest->length, &limits, NULL, &error);
    return gee_json_read_number(&reader, &digits) == 0 && digits.integral && !digits.negative &&
           gee_json_number_magnitude(&digits, number) && reader.at < reader.end &&
           (quoted ? *reader.at == '"' : *reader.at == ',' || *reader.at == '}');
}

static gee_measured_t read_beginning(void *state GEE_UNUSED, const gee_measure_t *progress GEE_UNUSED,
                                     const gee_type_t *header, const uint8_t *bytes, size_t length, gee_str_t *text,
                                     uint64_t *number) {
    gee_str_t rest = { (const char *)bytes, length };
    bool whole = take(&rest, GEE_STR("{")) && take_key(&rest, &header->fields[0]) && take(&rest, GEE_STR("\"")) &&
                 take_text(&rest, text) && take(&rest, GEE_STR(",")) && take_key(&rest, &header->fields[1]) &&
                 take_number(&rest, number);
    return whole ? GEE_MEASURE_DONE : GEE_MEASURE_ERROR;
}

static const gee_codec_t codec = {
    .name = "protojson",
    .content_type = "application/protojson",
    .separator = "\n",
    .self_delimiting = true,
    .padding = gee_json_padding,
    .measure = gee_json_measure,
    .skip_value = gee_json_skip_value,
    .read_beginning = read_beginning,
    .decode = decode,
    .encode = encode,
    .check = check,
};

extern const gee_module_t gee_codec_protojson_module;
const gee_module_t gee_codec_protojson_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_CODEC,
    .name = "codec_protojson",
    .interface = &codec,
    .block = "protojson",
    .options = rows,
    .conf_size = sizeof(conf_t),
    .worker_start = worker_start,
};
