/* bench.h: what the libraries of the codec benchmark have in common: reads the bytes of an Order, writes it again. */
#ifndef BENCH_PROTOBUF_H
#define BENCH_PROTOBUF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bench_library {
    const char *name;
    void (*begin)(void);
    /* Decodes `count` times and forgets the value, all but the last. */
    void (*decode)(const uint8_t *bytes, size_t length, size_t count);
    /* Encodes the value that was decoded last `count` times; returns the length. */
    size_t (*encode)(uint8_t *room, size_t count);
} bench_library_t;

extern const bench_library_t bench_geerpc, bench_geerpc_copy, bench_protobuf_c, bench_cpp;

#ifdef __cplusplus
}
#endif

#endif
