/* protobuf_c.c: Orders by protobuf-c, with its own allocator (malloc). */
#include <stdlib.h>

#include "bench.h"
#include "order.pb-c.h"

static Codecbench__Order *order;

static void begin(void) {}

static void decode(const uint8_t *bytes, size_t length, size_t count) {
    while (count-- > 0) {
        if (order != NULL)
            codecbench__order__free_unpacked(order, NULL);
        order = codecbench__order__unpack(NULL, length, bytes);
        if (order == NULL)
            abort();
    }
}

/* As its users do: the size first, for the room. */
static size_t encode(uint8_t *room, size_t count) {
    size_t length = 0;
    while (count-- > 0)
        length = codecbench__order__get_packed_size(order) > 0 ? codecbench__order__pack(order, room) : 0;
    return length;
}

const bench_library_t bench_protobuf_c = { "protobuf-c", begin, decode, encode };
