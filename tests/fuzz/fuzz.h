/* fuzz.h: what the fuzz targets share: what a broken promise does, how input is cut, and as what it is read.
 *
 *   libFuzzer, or replay.c over tests/fuzz/{corpus,crashes}/NAME/ ---> LLVMFuzzerTestOneInput of fuzz_NAME.c
 *
 * The first byte of every input chooses (how it is cut, as what type it is read); the rest is what a peer has sent. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gee.h>

#include "support/every_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition, ...)                                                                                     \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s: ", __FILE__, __LINE__, #condition);                             \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static inline void fuzz_show(const char *what, const char *bytes, size_t length) {
    fprintf(stderr, "%s: ", what);
    for (size_t i = 0; i < length; i++)
        fprintf(stderr, bytes[i] >= ' ' && bytes[i] < 0x7f ? "%c" : "\\x%02x", (uint8_t)bytes[i]);
    fputc('\n', stderr);
}

/* A copy that ends where it ends, so that ASan sees a read behind it. */
static inline uint8_t *fuzz_copy(const void *bytes, size_t length) {
    uint8_t *copy = malloc(length ? length : 1);
    FUZZ_CHECK(copy != NULL, "out of memory");
    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

/* ---- cuts ---- */

/* The lengths of the pieces in which some bytes arrive, always the same for the same seed: 0 whole, 1 byte by byte,
 * others mostly short and sometimes long ones. */
typedef struct fuzz_cuts {
    unsigned seed;
    uint64_t random;
} fuzz_cuts_t;

static inline fuzz_cuts_t fuzz_cuts(unsigned seed) {
    return (fuzz_cuts_t){ .seed = seed, .random = seed * 0x9e3779b97f4a7c15u + 1 };
}

static inline size_t fuzz_next_cut(fuzz_cuts_t *cuts, size_t left) {
    if (cuts->seed == 0 || left == 0)
        return left;
    if (cuts->seed == 1)
        return 1;
    cuts->random = cuts->random * 6364136223846793005u + 1442695040888963407u;
    size_t piece = 1 + (size_t)(cuts->random >> 33) % ((cuts->random >> 60) == 0 ? 5000 : 13);
    return piece < left ? piece : left;
}

/* ---- types ---- */

/* As what some bytes can be read. */
static const gee_type_t *const fuzz_types[] = {
    &gee_type_of_all_t,   &gee_type_of_item_t,    &gee_type_of_bool,        &gee_type_of_int32_t,
    &gee_type_of_int64_t, &gee_type_of_uint32_t,  &gee_type_of_uint64_t,    &gee_type_of_float,
    &gee_type_of_double,  &gee_type_of_gee_str_t, &gee_type_of_gee_bytes_t, &gee_list_of_int64_t,
    &gee_list_of_item_t,  &gee_map_of_item_t,     &gee_list_of_row_t,       &gee_type_of_gee_empty_t,
};

typedef union fuzz_value {
    all_t all;
    uint64_t number;
} fuzz_value_t;

/* ---- codecs ---- */

#define FUZZ_MEMORY (4u * 1024 * 1024) /* that one value may take */
GEE_UNUSED static const gee_codec_limits_t fuzz_limits = { .message = 64 * 1024, .nesting = 100 };

static inline gee_pool_t *fuzz_pool(void) {
    gee_pool_t *pool = gee_pool_create(4096);
    FUZZ_CHECK(pool != NULL, "out of memory");
    gee_pool_limit(pool, FUZZ_MEMORY);
    return pool;
}

/* The bytes of the chain, which is empty then. */
static inline uint8_t *fuzz_take_chain(gee_chain_t *chain, size_t *length) {
    uint8_t *bytes = malloc(chain->length ? chain->length : 1);
    FUZZ_CHECK(bytes != NULL, "out of memory");
    *length = gee_chain_copy(chain, bytes, chain->length);
    FUZZ_CHECK(*length == chain->length, "%zu of %zu", *length, chain->length);
    gee_chain_clear(chain);
    return bytes;
}

#endif
