// cpp.cc: Orders by protobuf's own library for C++, on an arena.
#include <cstdlib>

#include <google/protobuf/arena.h>

#include "bench.h"
#include "order.pb.h"

static google::protobuf::Arena *arena;
static codecbench::Order *order;
static char first_block[1 << 16];

static void begin() {
    google::protobuf::ArenaOptions options;
    options.initial_block = first_block;
    options.initial_block_size = sizeof first_block;
    arena = new google::protobuf::Arena(options);
}

static void decode(const uint8_t *bytes, size_t length, size_t count) {
    while (count-- > 0) {
        arena->Reset();
        order = google::protobuf::Arena::CreateMessage<codecbench::Order>(arena);
        if (!order->ParseFromArray(bytes, static_cast<int>(length)))
            abort();
    }
}

static size_t encode(uint8_t *room, size_t count) {
    size_t length = 0;
    while (count-- > 0) {
        length = order->ByteSizeLong();
        order->SerializeWithCachedSizesToArray(room);
    }
    return length;
}

extern const bench_library_t bench_cpp = { "protobuf C++, arena", begin, decode, encode };
