/* fuzz_protojson.c: ProtoJSON of every kind, form and well-known type: what is read is the same after it was written
 * and read again, and after a trip through codec_proto. Bit 7 of the first byte: unknown fields are passed over. */
#include "fuzz.h"

#include "core/protobuf/google/protobuf/any.gee.h"
#include "core/protobuf/google/protobuf/duration.gee.h"
#include "core/protobuf/google/protobuf/field_mask.gee.h"
#include "core/protobuf/google/protobuf/struct.gee.h"
#include "core/protobuf/google/protobuf/timestamp.gee.h"
#include "modules/codec_protojson/protojson.h"
#include "support/every_form.h"

static gee_buf_cache_t *cache;
static gee_protojson_options_t options;
/* An array in an object is up to three messages in protobuf, which reads 100. */
static const gee_codec_limits_t narrow = { .message = 64 * 1024, .nesting = 30 };
static const gee_codec_limits_t wide = { .message = 1 << 26, .nesting = 1000 };

typedef union kind_value {
    forms_t forms;
    legacy_t legacy;
    all_t all;
    google_protobuf_Any any;
    google_protobuf_Value value;
} kind_value_t;

static const gee_type_t *const types[] = {
    &gee_type_of_forms_t,
    &gee_type_of_legacy_t,
    &gee_type_of_all_t,
    &gee_type_of_google_protobuf_Any,
    &gee_type_of_google_protobuf_Value,
    &gee_type_of_google_protobuf_Struct,
    &gee_type_of_google_protobuf_Timestamp,
    &gee_type_of_google_protobuf_Duration,
    &gee_type_of_google_protobuf_FieldMask,
};

/* By the label; so many levels of Any are enough. */
static const gee_type_t *resolve(void *data, gee_str_t full_name) {
    (void)data;
    for (size_t i = 0; i < GEE_LENGTH(types); i++)
        if (gee_str_equal(gee_str(gee_type_label(types[i])), full_name))
            return types[i];
    return NULL;
}

static void check_proto(const gee_type_t *type, const kind_value_t *value) {
    gee_chain_t chain;
    gee_error_t error;
    kind_value_t again = { 0 };
    size_t length;
    gee_chain_init(&chain, cache);
    FUZZ_CHECK(gee_protobuf_lax_encode(NULL, type, value, &chain, &error) == 0, "%s", error.text);
    uint8_t *bytes = fuzz_take_chain(&chain, &length);
    gee_pool_t *pool = gee_pool_create(4096);
    FUZZ_CHECK(gee_protobuf_lax_decode(NULL, type, bytes, length, &wide, false, pool, &again, &error) == 0, "%s",
               error.text);
    FUZZ_CHECK(gee_type_equal(type, value, &again), "as %s", gee_type_label(type));
    gee_pool_destroy(&pool);
    free(bytes);
}

static void check_written(const gee_type_t *type, const kind_value_t *value) {
    gee_chain_t chain;
    gee_error_t error;
    kind_value_t again = { 0 };
    size_t length;
    gee_chain_init(&chain, cache);
    FUZZ_CHECK(gee_protojson_encode(&options, type, value, &chain, &error) == 0, "%s", error.text);
    uint8_t *text = fuzz_take_chain(&chain, &length);
    gee_pool_t *pool = gee_pool_create(4096);
    FUZZ_CHECK(gee_protojson_decode(&options, type, text, length, &wide, false, pool, &again, &error) == 0, "%s: %.*s",
               error.text, (int)length, (const char *)text);
    FUZZ_CHECK(gee_type_equal(type, value, &again), "%.*s", (int)length, (const char *)text);
    gee_pool_destroy(&pool);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gee_error_t error;
    kind_value_t value = { 0 };
    if (size < 1)
        return 0;
    options = (gee_protojson_options_t){ .ignore_unknown = data[0] >> 7, .resolve = resolve };
    cache = gee_buf_cache_create(1 << 20);
    const gee_type_t *type = types[(data[0] & 0x7f) % GEE_LENGTH(types)];
    gee_pool_t *pool = fuzz_pool();
    uint8_t *bytes = fuzz_copy(data + 1, size - 1);
    int result = gee_protojson_decode(&options, type, bytes, size - 1, &narrow, true, pool, &value, &error);
    FUZZ_CHECK(result == 0 || error.code != GEE_INTERNAL, "%s", error.text);
    free(bytes);
    if (result == 0) {
        check_written(type, &value);
        check_proto(type, &value);
    }
    gee_pool_destroy(&pool);
    FUZZ_CHECK(gee_buf_cache_live(cache) == 0, "%zu buffers", gee_buf_cache_live(cache));
    gee_buf_cache_destroy(&cache);
    return 0;
}
