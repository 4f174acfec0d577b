/* fuzz_seal_handshake.c: whatever a peer says in the handshake of the seal and behind it, the outcome does not depend
 * on how the bytes were cut, who refused says nothing more, and before the handshake is over nothing is let through.
 *
 * First byte: bits 7 and 6 choose the end (0 a server with a list of clients, 1 one that takes anonymous ones too, 2
 * and 3 a client), the rest how the bytes are cut. */
#include "seal.h"

typedef struct outcome {
    int result;
    bool established, identities, ended;
    uint8_t *down, *up;
    size_t down_length, up_length;
    gee_code_t code;
} outcome_t;

static void converse(const seal_world_t *world, unsigned whom, unsigned seed, const uint8_t *bytes, size_t length,
                     outcome_t *outcome) {
    seal_end_t end;
    fuzz_cuts_t cuts = fuzz_cuts(seed);
    gee_role_t role = whom >= 2 ? GEE_CALLING : GEE_SERVING;
    seal_end_open(world, &end, role, whom == 0 ? world->keyed : whom == 1 ? world->anonymous : world->calling);
    size_t said = end.down.length;
    outcome->result = seal_end_hear(&end, &cuts, bytes, length);
    outcome->established = end.layer->established(end.state);
    outcome->identities = end.layer->identity(end.state) != NULL;
    outcome->code = outcome->result != 0 ? end.error.code : GEE_OK;
    outcome->ended = end.layer->ended(end.state, NULL) == 0;
    FUZZ_CHECK(outcome->result == 0 || !outcome->established, "it refused, and goes on");
    FUZZ_CHECK(!outcome->established || role == GEE_CALLING || outcome->identities, "it admits, but nobody");
    FUZZ_CHECK(end.down.length <= said + 66, "it says %zu bytes", end.down.length);
    outcome->up_length = gee_inbox_length(&end.up);
    outcome->up = fuzz_copy(gee_inbox_bytes(&end.up), outcome->up_length);
    outcome->down = fuzz_take_chain(&end.down, &outcome->down_length);
    if (outcome->result != 0) {
        uint8_t more = 0;
        fuzz_cuts_t whole = fuzz_cuts(0);
        FUZZ_CHECK(seal_end_hear(&end, &whole, &more, 1) != 0 && end.down.length == 0, "it listens on");
    }
    seal_end_close(&end);
    size_t live = gee_buf_cache_live(world->buffers);
    FUZZ_CHECK(live == 0, "%zu buffers", live);
}

static void forget(outcome_t *outcome) {
    free(outcome->down);
    free(outcome->up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const seal_world_t *world = seal_world();
    outcome_t cut, whole;
    if (size < 1)
        return 0;
    uint8_t *bytes = fuzz_copy(data + 1, size - 1);
    converse(world, data[0] >> 6, data[0] & 0x3f, bytes, size - 1, &cut);
    converse(world, data[0] >> 6, 0, bytes, size - 1, &whole);
    FUZZ_CHECK(cut.result == whole.result && cut.code == whole.code && cut.established == whole.established &&
                   cut.identities == whole.identities && cut.ended == whole.ended,
               "results %d and %d", cut.result, whole.result);
    FUZZ_CHECK(cut.down_length == whole.down_length && memcmp(cut.down, whole.down, cut.down_length) == 0,
               "it answers %zu and %zu bytes", cut.down_length, whole.down_length);
    FUZZ_CHECK(cut.up_length == whole.up_length && memcmp(cut.up, whole.up, cut.up_length) == 0,
               "it lets %zu and %zu through", cut.up_length, whole.up_length);
    forget(&cut);
    forget(&whole);
    free(bytes);
    return 0;
}
