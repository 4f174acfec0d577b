/* write_value.c: a tree as JSON. Bytes become base64; structs and maps become objects. */
#include "core/json/json.h"

static int write_value(gee_json_writer_t *writer, const gee_value_t *value);

static int write_list(gee_json_writer_t *writer, const gee_value_t *value) {
    if (gee_json_open(writer, '[') < 0)
        return -1;
    for (size_t i = 0; i < value->list.count; i++) {
        if ((i > 0 && gee_json_put(writer, ',') < 0) || write_value(writer, &value->list.items[i]) < 0) {
            gee_path_index(&writer->path, i);
            return -1;
        }
    }
    return gee_json_close(writer, ']');
}

static int write_pairs(gee_json_writer_t *writer, const gee_value_t *value) {
    if (gee_json_open(writer, '{') < 0)
        return -1;
    for (size_t i = 0; i < value->pairs.count; i++) {
        const gee_pair_t *pair = &value->pairs.items[i];
        if (gee_json_put_key(writer, i == 0, pair->key) < 0 || write_value(writer, pair->value) < 0) {
            gee_path_field(&writer->path, pair->key);
            return -1;
        }
    }
    return gee_json_close(writer, '}');
}

static int write_value(gee_json_writer_t *writer, const gee_value_t *value) {
    switch (value->kind) {
    case GEE_VALUE_NULL:
        return gee_json_put_text(writer, "null", 4);
    case GEE_VALUE_BOOL:
        return value->boolean ? gee_json_put_text(writer, "true", 4) : gee_json_put_text(writer, "false", 5);
    case GEE_VALUE_INT:
        return gee_json_put_signed(writer, value->integer);
    case GEE_VALUE_UINT:
        return gee_json_put_unsigned(writer, value->unsigned_integer);
    case GEE_VALUE_DOUBLE:
        return gee_json_put_double(writer, value->number);
    case GEE_VALUE_STRING:
        return gee_json_put_string(writer, value->string);
    case GEE_VALUE_BYTES:
        return gee_json_put_bytes(writer, value->bytes);
    case GEE_VALUE_LIST:
        return write_list(writer, value);
    case GEE_VALUE_STRUCT:
    case GEE_VALUE_MAP:
        return write_pairs(writer, value);
    }
    return gee_error_set(writer->error, GEE_INTERNAL, "a value has the unknown kind %d", (int)value->kind);
}

int gee_json_encode_value(void *state, const gee_value_t *value, gee_chain_t *out, gee_error_t *error) {
    gee_json_writer_t writer;
    (void)state;
    gee_json_writer_init(&writer, out, error);
    return gee_json_writer_finish(&writer, write_value(&writer, value));
}
