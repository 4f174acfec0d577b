/* vault.c: memory for the keys of connections: pages that core dumps leave out, cut into slots that are zeroed when they
 * come back. */
#include "channel.h"

#include <sodium.h>
#include <sys/mman.h>

#define CHUNK_BYTES (16 * GEE_KIB)
#define CHUNK_SLOTS ((CHUNK_BYTES - sizeof(void *)) / sizeof(struct gee_noise_slot))

struct gee_noise_slot {
    union {
        gee_noise_secrets_t secrets;
        struct gee_noise_slot *next_free;
    };
};

struct gee_noise_chunk {
    struct gee_noise_chunk *next;
    struct gee_noise_slot slots[];
};

static int add_chunk(gee_noise_vault_t *vault) {
    struct gee_noise_chunk *chunk = mmap(NULL, CHUNK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (chunk == MAP_FAILED)
        return -1;
    if (madvise(chunk, CHUNK_BYTES, MADV_DONTDUMP) != 0) {
        (void)munmap(chunk, CHUNK_BYTES);
        return -1;
    }
    chunk->next = vault->chunks;
    vault->chunks = chunk;
    for (size_t i = 0; i < CHUNK_SLOTS; i++) {
        chunk->slots[i].next_free = vault->free;
        vault->free = &chunk->slots[i];
    }
    return 0;
}

gee_noise_secrets_t *gee_noise_vault_take(gee_noise_vault_t *vault) {
    if (vault->free == NULL && add_chunk(vault) != 0)
        return NULL;
    struct gee_noise_slot *slot = vault->free;
    vault->free = slot->next_free;
    slot->next_free = NULL;
    return &slot->secrets;
}

void gee_noise_vault_give(gee_noise_vault_t *vault, gee_noise_secrets_t **secrets) {
    if (*secrets == NULL)
        return;
    struct gee_noise_slot *slot = (struct gee_noise_slot *)(void *)*secrets;
    *secrets = NULL;
    sodium_memzero(slot, sizeof(*slot));
    slot->next_free = vault->free;
    vault->free = slot;
}

void gee_noise_vault_close(gee_noise_vault_t *vault) {
    while (vault->chunks != NULL) {
        struct gee_noise_chunk *chunk = vault->chunks;
        vault->chunks = chunk->next;
        (void)munmap(chunk, CHUNK_BYTES);
    }
    vault->free = NULL;
}
