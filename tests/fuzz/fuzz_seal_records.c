/* fuzz_seal_records.c: a peer that shook hands in good order, and somebody on the way who drops, doubles, swaps and
 * changes its records: what is let through is always the beginning of what was said, up to the first thing that was
 * done to it.
 *
 * First byte: how the bytes are cut. Then pairs of bytes: what is done, and how much:
 *   0 a record of so many bytes   1 a long one   2 one with a bit changed   3 one that is lost   4 the last one again
 *   5 the end record   6 so many bytes of noise   7 as many small records as make a key change
 *   8 a record in whose place an empty one with a forged tag comes */
#include "seal.h"

#define SAID_MOST (8u * 1024 * 1024)
#define REKEY     1024u

typedef struct script {
    seal_end_t end;
    gee_noise_cipher_t sending;
    fuzz_cuts_t cuts;
    uint8_t last[2 + GEE_NOISE_MOST];
    size_t last_length;
    bool spoilt; /* something was done to the stream: nothing more may come through */
    bool ended;  /* in good order */
    bool refused;
    size_t said;     /* bytes that must come through */
    uint8_t counter; /* of what is said */
} script_t;

static void shake_hands(const seal_world_t *world, script_t *script) {
    static const uint8_t preamble[] = { 0xC1, 'G', 'E', 'E', 1, 1, 0, 0 };
    static const char prefix[] = "geerpc-seal-v1";
    gee_noise_handshake_t handshake;
    gee_noise_cipher_t receiving;
    uint8_t prologue[22], frame[128], answer[128], nothing[1];
    fuzz_cuts_t whole = fuzz_cuts(0);
    memcpy(prologue, prefix, 14);
    memcpy(prologue + 14, preamble, 8);
    gee_noise_begin(&handshake, &gee_noise_xk, true, prologue, sizeof(prologue), &world->client, world->server.public);
    FUZZ_CHECK(gee_noise_write(&handshake, NULL, 0, frame + 2) == 0, "message 1");
    frame[0] = 0;
    frame[1] = 48;
    FUZZ_CHECK(seal_end_hear(&script->end, &whole, preamble, 8) == 0, "preamble");
    FUZZ_CHECK(seal_end_hear(&script->end, &whole, frame, 50) == 0, "message 1");
    FUZZ_CHECK(gee_chain_copy(&script->end.down, answer, sizeof(answer)) == 50, "message 2");
    gee_chain_clear(&script->end.down);
    FUZZ_CHECK(gee_noise_read(&handshake, answer + 2, 48, nothing) == 0, "message 2");
    FUZZ_CHECK(gee_noise_write(&handshake, NULL, 0, frame + 2) == 0, "message 3");
    frame[1] = 64;
    FUZZ_CHECK(seal_end_hear(&script->end, &whole, frame, 66) == 0, "%s", script->end.error.text);
    gee_noise_split(&handshake, &script->sending, &receiving);
}

static void hear(script_t *script, const uint8_t *bytes, size_t length) {
    if (!script->refused && seal_end_hear(&script->end, &script->cuts, bytes, length) != 0)
        script->refused = true;
    FUZZ_CHECK(!script->refused || script->spoilt, "a genuine record was refused: %s", script->end.error.text);
}

/* Makes the next record. */
static void make(script_t *script, size_t length) {
    uint8_t *frame = script->last;
    for (size_t i = 0; i < length; i++)
        frame[2 + i] = script->counter++;
    FUZZ_CHECK(gee_noise_encrypt(&script->sending, NULL, 0, frame + 2, length, frame + 2) == 0, "a record");
    frame[0] = (uint8_t)((length + GEE_NOISE_TAG) >> 8);
    frame[1] = (uint8_t)(length + GEE_NOISE_TAG);
    script->last_length = 2 + length + GEE_NOISE_TAG;
    if (script->sending.nonce % REKEY == 0)
        gee_noise_rekey(&script->sending);
}

static void say(script_t *script, size_t length) {
    make(script, length);
    if (script->ended)
        script->spoilt = true; /* behind the end */
    if (!script->spoilt)
        script->said += length;
    if (length == 0 && !script->spoilt)
        script->ended = true;
    hear(script, script->last, script->last_length);
}

static void spoil(script_t *script, const uint8_t *bytes, size_t length) {
    script->spoilt = script->spoilt || length > 0;
    hear(script, bytes, length);
}

static void change(script_t *script, size_t amount) {
    make(script, amount);
    size_t bit = amount * 7919 % (8 * script->last_length);
    script->last[bit / 8] ^= (uint8_t)(1u << bit % 8);
    spoil(script, script->last, script->last_length);
}

static void step(script_t *script, unsigned what, size_t amount) {
    static const uint8_t noise[256] = { 0, 40, 1, 2, 3 };
    uint8_t forged[18] = { 0, 16, (uint8_t)amount };
    switch (what % 9) {
    case 0:
        say(script, amount + 1);
        break;
    case 1:
        say(script, 65519 - amount * 100);
        break;
    case 2:
        change(script, amount);
        break;
    case 3:
        make(script, amount);
        script->spoilt = true;
        script->last_length = 0; /* it does not come after all */
        break;
    case 4:
        spoil(script, script->last, script->last_length);
        break;
    case 5:
        say(script, 0);
        break;
    case 6:
        spoil(script, noise, amount);
        break;
    case 7:
        for (size_t i = 0; i < REKEY && !script->refused; i++)
            say(script, 1);
        break;
    default:
        make(script, amount);
        spoil(script, forged, sizeof(forged));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static script_t script;
    const seal_world_t *world = seal_world();
    if (size < 1)
        return 0;
    memset(&script, 0, sizeof(script));
    script.cuts = fuzz_cuts(data[0] & 0x3f);
    seal_end_open(world, &script.end, GEE_SERVING, world->keyed);
    shake_hands(world, &script);
    for (size_t i = 1; i + 1 < size && i < 64 && script.said < SAID_MOST; i += 2)
        step(&script, data[i], data[i + 1]);
    const uint8_t *up = gee_inbox_bytes(&script.end.up);
    size_t length = gee_inbox_length(&script.end.up);
    FUZZ_CHECK(length == script.said, "%zu bytes came through of %zu", length, script.said);
    for (size_t i = 0; i < length; i++)
        FUZZ_CHECK(up[i] == (uint8_t)i, "byte %zu is %u", i, up[i]);
    bool ended = script.end.layer->ended(script.end.state, NULL) == 0;
    FUZZ_CHECK(ended == script.ended, "it takes the end as %d", ended);
    seal_end_close(&script.end);
    size_t live = gee_buf_cache_live(world->buffers);
    FUZZ_CHECK(live == 0, "%zu buffers", live);
    return 0;
}
