/* geerpc.c: Orders by geerpc's engine. Strings are views of the bytes, as in calls, or copies. */
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/protobuf/engine.h"

#include "bench.h"
#include "order.gee.h"

static gee_buf_cache_t *cache;
static gee_pool_t *pool;
static codecbench_Order order;

static void begin(void) {
    cache = gee_buf_cache_create(1 << 20);
    pool = gee_pool_create(1 << 16);
}

static void decode(const uint8_t *bytes, size_t length, size_t count, bool copy) {
    static const gee_codec_limits_t limits = { .message = 1 << 24, .nesting = 100 };
    while (count-- > 0) {
        gee_pool_reset(pool);
        order = (codecbench_Order){ 0 };
        if (gee_protobuf_lax_decode(NULL, GEE_TYPE_OF(codecbench_Order), bytes, length, &limits, copy, pool, &order,
                                    NULL) != 0)
            abort();
    }
}

static void decode_views(const uint8_t *bytes, size_t length, size_t count) {
    decode(bytes, length, count, false);
}

static void decode_copies(const uint8_t *bytes, size_t length, size_t count) {
    decode(bytes, length, count, true);
}

/* Into a chain, from which a connection would write; the last message is copied out. */
static size_t encode(uint8_t *room, size_t count) {
    gee_chain_t chain;
    size_t length = 0;
    gee_chain_init(&chain, cache);
    while (count-- > 0) {
        if (gee_protobuf_lax_encode(NULL, GEE_TYPE_OF(codecbench_Order), &order, &chain, NULL) != 0)
            abort();
        length = chain.length;
        if (count == 0)
            gee_chain_copy(&chain, room, length);
        gee_chain_clear(&chain);
    }
    return length;
}

const bench_library_t bench_geerpc = { "geerpc", begin, decode_views, encode };
const bench_library_t bench_geerpc_copy = { "geerpc, copies", begin, decode_copies, encode };
