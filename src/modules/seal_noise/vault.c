/* vault.c: memory for the keys of connections: pages that core dumps leave out, cut into slots that are zeroed when
 * they come back. */
#include "channel.h"

#include <sodium.h>
#include <sys/mman.h>

#define CHUNK_BYTES (16 * GEE_KIB)

struct gee_noise_slot {
    struct gee_noise_slot *next_free;
};

struct gee_noise_chunk {
    struct gee_noise_chunk *next;
    uint8_t slots[];
};

static void put_back(gee_noise_vault_t *vault, void *memory) {
    struct gee_noise_slot *slot = memory;
    slot->next_free = vault->free;
    vault->free = slot;
}

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
    for (size_t at = 0; at + vault->slot_bytes <= CHUNK_BYTES - sizeof(*chunk); at += vault->slot_bytes)
        put_back(vault, chunk->slots + at);
    return 0;
}

void *gee_noise_vault_take(gee_noise_vault_t *vault) {
    GEE_ASSERT(vault->slot_bytes > 0 && vault->slot_bytes % 8 == 0 && vault->slot_bytes <= 2048);
    if (vault->free == NULL && add_chunk(vault) != 0)
        return NULL;
    struct gee_noise_slot *slot = vault->free;
    vault->free = slot->next_free;
    slot->next_free = NULL;
    return slot;
}

void gee_noise_vault_give(gee_noise_vault_t *vault, void *slot) {
    if (slot == NULL)
        return;
    sodium_memzero(slot, vault->slot_bytes);
    put_back(vault, slot);
}

void gee_noise_vault_close(gee_noise_vault_t *vault) {
    while (vault->chunks != NULL) {
        struct gee_noise_chunk *chunk = vault->chunks;
        vault->chunks = chunk->next;
        (void)munmap(chunk, CHUNK_BYTES);
    }
    vault->free = NULL;
}
