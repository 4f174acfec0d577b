/* proto_echo SET TYPE: reads messages of a type of a FileDescriptorSet from stdin, by protobuf's rules, and writes each
 * again to stdout: test_protobuf_oracle.py compares with protobuf's own library.
 *
 *   in:  length (four bytes, as the machine has them), message
 *   out: 1 taken, 0 refused; length; message or reason */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/protobuf/descriptor.h"
#include "core/protobuf/engine.h"

static void answer(uint8_t taken, const void *bytes, size_t length) {
    uint32_t count = (uint32_t)length;
    fwrite(&taken, 1, 1, stdout);
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(bytes, 1, length, stdout);
    fflush(stdout);
}

/* What may be forwarded undecoded and what can be read are different questions; what can be read may be forwarded. */
static int read_message(const gee_type_t *type, const uint8_t *bytes, size_t length, gee_pool_t *pool, void *value,
                        gee_error_t *error) {
    const gee_codec_limits_t limits = { .message = 1 << 24, .nesting = 1000 };
    if (gee_protobuf_lax_decode(NULL, type, bytes, length, &limits, length % 2 == 0, pool, value, error) != 0)
        return -1;
    return gee_protobuf_lax_check(NULL, type, bytes, length, &limits, 0, error);
}

static void echo(const gee_type_t *type, const uint8_t *bytes, size_t length, gee_buf_cache_t *cache) {
    gee_error_t error = { .text = "" };
    gee_pool_t *pool = gee_pool_create(4096);
    void *value = gee_pool_zalloc(pool, type->size);
    gee_chain_t chain;
    gee_chain_init(&chain, cache);
    if (read_message(type, bytes, length, pool, value, &error) == 0 &&
        gee_protobuf_lax_encode(NULL, type, value, &chain, &error) == 0) {
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
    gee_descriptors_t *set = argc == 3 ? gee_descriptors_load(argv[1], true, &error) : NULL;
    const gee_type_t *type = set != NULL ? gee_descriptors_type(set, gee_str(argv[2])) : NULL;
    gee_buf_cache_t *cache = gee_buf_cache_create(1 << 20);
    if (type == NULL)
        return fprintf(stderr, "usage: proto_echo SET TYPE\n"), 2;
    while (fread(&length, sizeof length, 1, stdin) == 1) {
        uint8_t *bytes = malloc(length);
        if (bytes == NULL || fread(bytes, 1, length, stdin) != length)
            return 1;
        echo(type, bytes, length, cache);
        free(bytes);
    }
    gee_buf_cache_destroy(&cache);
    gee_descriptors_release(&set);
    return 0;
}
