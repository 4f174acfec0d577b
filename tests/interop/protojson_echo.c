/* protojson_echo SET TYPE: between protobuf's bytes and ProtoJSON, for messages of a type of a FileDescriptorSet:
 * test_protojson_oracle.py compares with protobuf's own library.
 *
 *   in:  'b' (bytes, to JSON), 'j' (JSON, to bytes) or 'i' (the same, unknown members ignored), length (four bytes, as
 *        the machine has them), message
 *   out: 1 taken, 0 refused; length; message or reason */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/protobuf/descriptor.h"
#include "modules/codec_protojson/protojson.h"

static gee_descriptors_t *set;

static const gee_type_t *resolve(void *data, gee_str_t full_name) {
    (void)data;
    return gee_descriptors_type(set, full_name);
}

static void answer(uint8_t taken, const void *bytes, size_t length) {
    uint32_t count = (uint32_t)length;
    fwrite(&taken, 1, 1, stdout);
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(bytes, 1, length, stdout);
    fflush(stdout);
}

static int convert(char way, const gee_type_t *type, const uint8_t *bytes, size_t length, gee_pool_t *pool,
                   gee_chain_t *chain, gee_error_t *error) {
    const gee_codec_limits_t limits = { .message = 1 << 24, .nesting = 1000 };
    const gee_protojson_options_t options = { .ignore_unknown = way == 'i', .resolve = resolve };
    void *value = gee_pool_zalloc(pool, type->size);
    if (way == 'b')
        return gee_protobuf_lax_decode(NULL, type, bytes, length, &limits, true, pool, value, error) != 0
                   ? -1
                   : gee_protojson_encode(&options, type, value, chain, error);
    return gee_protojson_decode(&options, type, bytes, length, &limits, true, pool, value, error) != 0
               ? -1
               : gee_protobuf_lax_encode(NULL, type, value, chain, error);
}

static void echo(char way, const gee_type_t *type, const uint8_t *bytes, size_t length, gee_buf_cache_t *cache) {
    gee_error_t error = { .text = "" };
    gee_pool_t *pool = gee_pool_create(4096);
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    if (convert(way, type, bytes, length, pool, &chain, &error) == 0) {
        uint8_t *copy = gee_pool_alloc(pool, chain.length);
        answer(1, copy, gee_chain_copy(&chain, copy, chain.length));
    } else {
        answer(0, error.text, strlen(error.text));
    }
    gee_chain_clear(&chain);
    gee_pool_destroy(&pool);
}

int main(int argc, char **argv) {
    gee_error_t error;
    uint32_t length;
    int way;
    set = argc == 3 ? gee_descriptors_load(argv[1], true, &error) : NULL;
    const gee_type_t *type = set != NULL ? gee_descriptors_type(set, gee_str(argv[2])) : NULL;
    gee_buf_cache_t *cache = gee_buf_cache_create(1 << 20);
    if (type == NULL)
        return fprintf(stderr, "usage: protojson_echo SET TYPE\n"), 2;
    while ((way = getchar()) != EOF && fread(&length, sizeof length, 1, stdin) == 1) {
        uint8_t *bytes = malloc(length ? length : 1);
        if (bytes == NULL || fread(bytes, 1, length, stdin) != length)
            return 1;
        echo((char)way, type, bytes, length, cache);
        free(bytes);
    }
    gee_buf_cache_destroy(&cache);
    gee_descriptors_release(&set);
    return 0;
}
