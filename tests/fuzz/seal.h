/* seal.h: what the fuzz targets of the seal share: setups with keys that are always the same, chance that repeats
 * itself, and one end of a channel.
 *
 * So an input that holds a true handshake stays true: the server's ephemeral key is the same in every run. */
#ifndef TEST_FUZZ_SEAL_H
#define TEST_FUZZ_SEAL_H

#include "fuzz.h"

#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include "modules/seal_noise/noise.h"

/* ---- chance ---- */

static uint8_t chance;

static inline void fill(void *const bytes, const size_t length) {
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(chance++ * 37 + 11);
}
static inline uint32_t number(void) {
    uint32_t value;
    fill(&value, sizeof(value));
    return value;
}
static inline const char *name_of_chance(void) {
    return "always the same";
}
static randombytes_implementation always_the_same = { .implementation_name = name_of_chance,
                                                      .random = number,
                                                      .buf = fill };

/* ---- setups ---- */

typedef struct seal_world {
    const gee_seal_t *seal;
    gee_seal_setup_t *keyed, *anonymous, *calling; /* the first takes clients with a key, the second all */
    gee_noise_pair_t server, client;
    gee_buf_cache_t *buffers;
} seal_world_t;

static inline void fixed_pair(gee_noise_pair_t *pair, uint8_t byte) {
    memset(pair->secret, byte, sizeof(pair->secret));
    crypto_scalarmult_base(pair->public, pair->secret);
}

static inline void key_as_text(char text[GEE_KEY_TEXT], const char *prefix, const uint8_t *key) {
    memset(text, 0, GEE_KEY_TEXT);
    memcpy(text, prefix, 8);
    gee_base64_encode(text + 8, key, GEE_NOISE_KEY);
}

/* In a temporary file with these bytes. */
static inline void put_file(char path[32], const char *text) {
    strcpy(path, "/tmp/fuzz-seal-XXXXXX");
    int descriptor = mkstemp(path);
    FUZZ_CHECK(descriptor >= 0 && write(descriptor, text, strlen(text)) == (ssize_t)strlen(text), "%s", path);
    close(descriptor);
}

static inline seal_world_t *seal_world(void) {
    static seal_world_t world;
    gee_error_t error = { 0 };
    char text[GEE_KEY_TEXT], line[GEE_KEY_TEXT + 8], public_key[GEE_KEY_TEXT];
    char server[32], client[32], clients[32];
    if (world.seal != NULL)
        return &world;
    FUZZ_CHECK(randombytes_set_implementation(&always_the_same) == 0 && sodium_init() >= 0, "libsodium");
    world.seal = gee_seal_find(gee_modules, &error);
    FUZZ_CHECK(world.seal != NULL, "%s", error.text);
    fixed_pair(&world.server, 0x51);
    fixed_pair(&world.client, 0x73);
    key_as_text(text, "gee-sec:", world.server.secret);
    put_file(server, text);
    key_as_text(text, "gee-sec:", world.client.secret);
    put_file(client, text);
    key_as_text(public_key, "gee-pub:", world.client.public);
    snprintf(line, sizeof(line), "%s c\n", public_key);
    put_file(clients, line);
    key_as_text(public_key, "gee-pub:", world.server.public);
    gee_seal_listen_t listen = { .key = server, .clients = clients };
    gee_seal_dial_t dial = { .server_key = public_key, .key = client };
    world.keyed = world.seal->listen(&listen, &error);
    listen.anonymous = true;
    world.anonymous = world.seal->listen(&listen, &error);
    world.calling = world.seal->dial(&dial, &error);
    FUZZ_CHECK(world.keyed && world.anonymous && world.calling, "%s", error.text);
    unlink(server);
    unlink(client);
    unlink(clients);
    world.buffers = gee_buf_cache_create(0);
    FUZZ_CHECK(world.buffers != NULL, "out of memory");
    return &world;
}

/* ---- an end ---- */

typedef struct seal_end {
    const gee_layer_t *layer;
    void *state;
    gee_inbox_t wire, up;
    gee_chain_t above, down;
    gee_error_t error;
} seal_end_t;

static inline void seal_end_open(const seal_world_t *world, seal_end_t *end, gee_role_t role, gee_seal_setup_t *setup) {
    memset(end, 0, sizeof(*end));
    chance = 0;
    end->layer = world->seal->layer;
    gee_inbox_init(&end->wire, world->buffers);
    gee_inbox_init(&end->up, world->buffers);
    gee_chain_init(&end->above, world->buffers);
    gee_chain_init(&end->down, world->buffers);
    end->state = calloc(1, end->layer->state_size);
    FUZZ_CHECK(end->state != NULL, "out of memory");
    FUZZ_CHECK(end->layer->start(end->state, role, setup, &end->down, &end->error) == 0, "%s", end->error.text);
}

static inline void seal_end_close(seal_end_t *end) {
    end->layer->stop(end->state);
    free(end->state);
    gee_inbox_clear(&end->wire);
    gee_inbox_clear(&end->up);
    gee_chain_clear(&end->above);
    gee_chain_clear(&end->down);
}

/* In pieces; -1: refused, the rest was not heard. */
static inline int seal_end_hear(seal_end_t *end, fuzz_cuts_t *pieces, const uint8_t *bytes, size_t length) {
    for (size_t at = 0, piece; at < length; at += piece) {
        piece = fuzz_next_cut(pieces, length - at);
        FUZZ_CHECK(gee_inbox_append(&end->wire, bytes + at, piece) == 0, "out of memory");
        if (end->layer->receive(end->state, &end->wire, &end->up, &end->down, &end->error) != 0)
            return -1;
    }
    return 0;
}

#endif
