/* load.h: what the parts of the load generator share. */
#ifndef GEE_BENCH_LOAD_H
#define GEE_BENCH_LOAD_H

#include <stddef.h>
#include <stdint.h>

/* load.c */
_Noreturn void load_die(const char *what);
void load_write_all(int descriptor, const uint8_t *bytes, size_t length);

/* ---- load_seal.c: sealed connections, where the generator was built with the Noise machine ---- */

typedef struct load_seal load_seal_t;

/* Shakes hands on a blocking descriptor, as a client without a key. */
load_seal_t *load_seal_start(int descriptor, const uint8_t server_key[32]);
/* Bytes of the wire that come back take place in records; these are what they carry. With `opened`, which has room for
 * LOAD_SEAL_OPENED bytes, records are opened into it, and the result is how many bytes are there; without, they are
 * counted unopened. Once the first was counted, none can be opened any more. */
#define LOAD_SEAL_OPENED (1U << 19)
size_t load_seal_hear(load_seal_t *seal, const uint8_t *bytes, size_t length, uint8_t *opened);
void load_seal_write(load_seal_t *seal, int descriptor, const uint8_t *bytes, size_t length);

#endif
