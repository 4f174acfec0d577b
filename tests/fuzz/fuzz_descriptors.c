/* fuzz_descriptors.c: descriptors that nobody trusts: a set is refused with a reason, or its types are sound, its names
 * find what they name, and bytes that are read by its types are written and read again as the same value. The input's
 * first byte: how many of the last bytes are such bytes, and of which type. */
#include "fuzz.h"

#include "core/protobuf/descriptor.h"
#include "core/protobuf/engine.h"

static const gee_codec_limits_t limits = { .message = 64 * 1024, .nesting = 20 };
static gee_buf_cache_t *cache;

static void check_types(const gee_descriptors_t *set) {
    const gee_type_t *type;
    for (size_t i = 0; (type = gee_descriptors_type_at(set, i)) != NULL; i++) {
        const char *flaw = gee_type_check(type);
        FUZZ_CHECK(flaw == NULL, "%s: %s", type->full_name, flaw);
        FUZZ_CHECK(gee_descriptors_type(set, gee_str(type->full_name)) == type, "%s", type->full_name);
        FUZZ_CHECK(type->kind == GEE_KIND_STRUCT || type->kind == GEE_KIND_ENUM, "%d", (int)type->kind);
    }
}

static void check_services(const gee_descriptors_t *set) {
    const gee_described_service_t *service;
    for (size_t i = 0; (service = gee_descriptors_service_at(set, i)) != NULL; i++) {
        FUZZ_CHECK(gee_descriptors_service(set, gee_str(service->full_name), NULL) == service, "%s",
                   service->full_name);
        for (size_t n = 0; n < service->method_count; n++) {
            const gee_described_method_t *method = &service->methods[n];
            char name[2100];
            snprintf(name, sizeof name, "%s.%s", service->full_name, method->name);
            FUZZ_CHECK(gee_descriptors_method(set, gee_str(name), NULL) == method, "%s", name);
            FUZZ_CHECK(gee_descriptors_type(set, gee_str(method->reply->full_name)) == method->reply, "%s", name);
        }
    }
}

static void *read_value(const gee_type_t *type, const uint8_t *bytes, size_t length, gee_pool_t *pool) {
    void *value = gee_pool_zalloc(pool, type->size);
    FUZZ_CHECK(value != NULL, "no memory for %zu bytes", type->size);
    return gee_protobuf_lax_decode(NULL, type, bytes, length, &limits, true, pool, value, NULL) == 0 ? value : NULL;
}

static void check_value(const gee_type_t *type, const uint8_t *bytes, size_t length) {
    gee_pool_t *pool = fuzz_pool();
    void *value = read_value(type, bytes, length, pool);
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    if (value != NULL && gee_protobuf_lax_encode(NULL, type, value, &chain, NULL) == 0) {
        size_t written_length;
        uint8_t *written = fuzz_take_chain(&chain, &written_length);
        void *again = read_value(type, written, written_length, pool);
        FUZZ_CHECK(again == NULL || gee_type_equal(type, value, again), "%s", type->full_name);
        free(written);
    }
    gee_chain_clear(&chain);
    gee_pool_destroy(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gee_error_t error = { .text = "" };
    if (size == 0)
        return 0;
    if (cache == NULL)
        cache = gee_buf_cache_create(1 << 20);
    size_t value_length = data[0] % 64 < size ? data[0] % 64 : 0, length = size - 1 - value_length;
    uint8_t *bytes = fuzz_copy(data + 1, length), *value = fuzz_copy(data + 1 + length, value_length);
    gee_descriptors_t *set = gee_descriptors_read(bytes, length, false, &error);
    free(bytes);
    FUZZ_CHECK((set == NULL) == (error.text[0] != '\0'), "%s", error.text);
    if (set != NULL) {
        check_types(set);
        check_services(set);
        const gee_type_t *type = gee_descriptors_type_at(set, data[0] / 64);
        if (type != NULL && type->kind == GEE_KIND_STRUCT)
            check_value(type, value, value_length);
    }
    gee_descriptors_release(&set);
    free(value);
    return 0;
}
