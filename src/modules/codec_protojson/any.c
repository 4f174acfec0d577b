/* any.c: google.protobuf.Any: the message that the bytes inside are, with "@type" among its members:
 *
 *   {"@type":"type.googleapis.com/package.Message","field":1}       most messages
 *   {"@type":"type.googleapis.com/google.protobuf.Duration","value":"1.5s"}     those with a form of their own */
#include "protojson.h"

#define MEMORY ((size_t)64 << 20) /* that the message inside may take while it is written */

static const gee_type_t *resolve(const gee_protojson_options_t *options, gee_str_t url, gee_error_t *error) {
    const char *slash = memrchr(url.data, '/', url.length);
    gee_str_t name = { .data = NULL, .length = 0 };
    if (slash != NULL)
        name = (gee_str_t){ slash + 1, (size_t)(url.data + url.length - slash - 1) };
    const gee_type_t *type = options->resolve && name.length > 0 ? options->resolve(options->data, name) : NULL;
    if (type != NULL && type->kind == GEE_KIND_STRUCT)
        return type;
    gee_error_set(error, GEE_INVALID_ARGUMENT, "Any: the type \"%.*s\" is not known here: %s",
                  (int)(url.length < 100 ? url.length : 100), url.data,
                  slash == NULL      ? "a type url has a '/' before the name"
                  : options->resolve ? "its descriptors do not have that message"
                                     : "no descriptors are at hand");
    return NULL;
}

/* ---- reading ---- */

/* Looks for "@type" wherever it stands in the object, and leaves the reader where it was. *url stays when there is
 * none; *members: there are others. */
static int find_type(gee_json_reader_t *json, gee_str_t *url, bool *members) {
    const uint8_t *start = json->at;
    unsigned levels = json->levels;
    bool found = false;
    gee_str_t key;
    int more;
    if (gee_json_peek(json) != '{')
        return gee_json_mismatch(json, "Any");
    if (gee_json_enter(json) < 0)
        return -1;
    for (bool first = true; (more = gee_json_next(json, first, '}')) > 0; first = false) {
        if (gee_json_read_key(json, false, &key) < 0)
            return -1;
        bool here = gee_str_equal(key, GEE_STR("@type"));
        if (here && found)
            return gee_error_set(json->error, GEE_INVALID_ARGUMENT, "\"@type\" comes twice");
        if ((here ? gee_json_read_string(json, true, url) : gee_json_skip(json)) < 0)
            return -1;
        found |= here;
        *members |= !here;
    }
    json->at = start;
    json->levels = levels;
    return more < 0 ? -1 : found;
}

/* {"@type":..., "value":...} */
static int read_special_inside(gee_protojson_reader_t *reader, const gee_type_t *type, void *value) {
    gee_json_reader_t *json = &reader->json;
    bool found = false;
    gee_str_t key;
    int more;
    reader->has_type_name = false;
    if (gee_json_enter(json) < 0)
        return -1;
    for (bool first = true; (more = gee_json_next(json, first, '}')) > 0; first = false) {
        if (gee_json_read_key(json, false, &key) < 0)
            return -1;
        bool here = gee_str_equal(key, GEE_STR("value"));
        if (here ? found : !gee_str_equal(key, GEE_STR("@type")) && !reader->options->ignore_unknown)
            return gee_error_set(json->error, GEE_INVALID_ARGUMENT,
                                 "Any: a %s has one member beside \"@type\": \"value\"", gee_type_label(type));
        if ((here ? reader->read(reader, type, value) : gee_json_skip(json)) < 0)
            return -1;
        found |= here;
    }
    if (more == 0 && !found)
        return gee_error_set(json->error, GEE_INVALID_ARGUMENT, "Any: \"value\" is missing");
    return more;
}

/* The value as protobuf's bytes, in the pool. */
static int to_bytes(gee_json_reader_t *json, const gee_type_t *type, const void *value, gee_bytes_t *bytes) {
    gee_buf_cache_t *cache = gee_buf_cache_create(0);
    gee_chain_t chain;
    if (cache == NULL)
        return gee_json_no_memory(json);
    gee_chain_init(&chain, cache);
    int result = gee_protobuf_lax_encode(NULL, type, value, &chain, json->error);
    uint8_t *target = result == 0 ? gee_pool_alloc(json->pool, chain.length) : NULL;
    if (target != NULL)
        *bytes = (gee_bytes_t){ target, gee_chain_copy(&chain, target, chain.length) };
    gee_chain_clear(&chain);
    gee_buf_cache_destroy(&cache);
    return result < 0 ? -1 : target != NULL ? 0 : gee_json_no_memory(json);
}

int gee_protojson_read_any(gee_protojson_reader_t *reader, gee_str_t *url, gee_bytes_t *bytes) {
    gee_json_reader_t *json = &reader->json;
    bool members = false;
    int found = find_type(json, url, &members);
    if (found < 0)
        return -1;
    if (!found && members)
        return gee_error_set(json->error, GEE_INVALID_ARGUMENT, "Any: \"@type\" is missing");
    if (!found)
        return gee_json_skip(json);
    const gee_type_t *type = resolve(reader->options, *url, json->error);
    if (type == NULL)
        return -1;
    void *value = gee_pool_array(json->pool, 1, type->size);
    if (value == NULL)
        return gee_json_no_memory(json);
    reader->has_type_name = true;
    int result =
        gee_protojson_is_special(type) ? read_special_inside(reader, type, value) : reader->read(reader, type, value);
    return result < 0 ? -1 : to_bytes(json, type, value, bytes);
}

/* ---- writing ---- */

static int write_inside(gee_protojson_writer_t *writer, const gee_type_t *type, gee_str_t url, const void *value) {
    gee_json_writer_t *json = &writer->json;
    if (!gee_protojson_is_special(type)) {
        writer->type_name = url;
        return writer->write(writer, type, value);
    }
    if (gee_json_open(json, '{') < 0 || gee_json_put_key(json, true, GEE_STR("@type")) < 0 ||
        gee_json_put_string(json, url) < 0 || gee_json_put_key(json, false, GEE_STR("value")) < 0 ||
        writer->write(writer, type, value) < 0)
        return -1;
    return gee_json_close(json, '}');
}

static int no_memory(gee_protojson_writer_t *writer) {
    return gee_error_set(writer->json.error, GEE_RESOURCE_EXHAUSTED, "no memory for the message in an Any");
}

int gee_protojson_write_any(gee_protojson_writer_t *writer, gee_str_t url, gee_bytes_t bytes) {
    static const gee_codec_limits_t limits = { .nesting = 100 };
    gee_error_t *error = writer->json.error;
    if (url.length == 0 && bytes.length == 0)
        return gee_json_put_text(&writer->json, "{}", 2);
    const gee_type_t *type = resolve(writer->options, url, error);
    if (type == NULL)
        return -1;
    gee_pool_t *pool = gee_pool_create(4096);
    if (pool == NULL)
        return no_memory(writer);
    gee_pool_limit(pool, MEMORY);
    void *value = gee_pool_array(pool, 1, type->size);
    int result = value == NULL ? no_memory(writer)
                               : gee_protobuf_lax_decode(NULL, type, bytes.data, bytes.length, &limits, false, pool,
                                                         value, error);
    if (result == 0)
        result = write_inside(writer, type, url, value);
    gee_pool_destroy(&pool);
    return result;
}
