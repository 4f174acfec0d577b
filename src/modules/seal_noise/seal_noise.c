/* seal_noise.c: the sealed channel as a layer.
 *
 *   client                                              server
 *   preamble, message 1: e, es  ------------------->    knows that its key was meant
 *   knows the server            <-------------------    message 2: e, ee
 *   XK: message 3: s, se        ------------------->    knows the client: is it in the list?
 *   records                     <------------------>    records
 *
 * Each message of the handshake has one length, which is compared before anything is computed. On any error the server
 * answers nothing and the stream ends: an unknown key looks like a forged message. Only the log has the reason. */
#include "channel.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t magic[] = { 0xC1, 'G', 'E', 'E' };
static const char prologue_prefix[] = { 'g', 'e', 'e', 'r', 'p', 'c', '-', 's', 'e', 'a', 'l', '-', 'v', '1' };

enum { VERSION_AT = 4, PATTERN_AT = 5, FLAGS_AT = 6, PREAMBLE = 8, VERSION = 1, BY_XK = 1, BY_NK = 2 };

typedef enum phase {
    PHASE_PREAMBLE, /* serving: the preamble has not come yet */
    PHASE_HANDSHAKE,
    PHASE_OPEN,
    PHASE_OVER /* refused: no bytes are accepted any more */
} phase_t;

typedef struct state {
    gee_seal_setup_t *setup; /* held */
    gee_role_t role : 8;
    phase_t phase : 8;
    bool heard;      /* calling: a record of the server has come */
    bool peer_ended; /* the peer's end record has come */
    bool opened;     /* the handshake is over: `records` is in use */
    uint8_t pair;    /* serving: index of the key that the client means, as far as known */
    uint8_t preamble[PREAMBLE];
    union { /* each open connection has one of these */
        gee_noise_handshake_t *handshake;
        gee_noise_records_t *records;
    };
    const gee_identity_t *identity;
} state_t;
_Static_assert(sizeof(state_t) <= 40, "each idle sealed connection has one");

static void forget(state_t *state) {
    if (state->setup == NULL)
        return;
    if (state->opened)
        gee_noise_vault_give(&state->setup->vaults->records, state->records);
    else
        gee_noise_vault_give(&state->setup->vaults->handshakes, state->handshake);
    state->opened = false;
    state->handshake = NULL;
}

/* ---- the handshake ---- */

static void begin_handshake(state_t *state) {
    const gee_seal_setup_t *setup = state->setup;
    bool calling = state->role == GEE_CALLING;
    uint8_t prologue[sizeof(prologue_prefix) + PREAMBLE];
    memcpy(prologue, prologue_prefix, sizeof(prologue_prefix));
    memcpy(prologue + sizeof(prologue_prefix), state->preamble, PREAMBLE);
    gee_noise_begin(state->handshake, state->preamble[PATTERN_AT] == BY_XK ? &gee_noise_xk : &gee_noise_nk, calling,
                    prologue, sizeof(prologue), setup->pair_count > 0 ? &setup->pairs[state->pair] : NULL,
                    calling ? setup->server_key : NULL);
    state->phase = PHASE_HANDSHAKE;
}

static int put_message(state_t *state, gee_chain_t *down, gee_error_t *error) {
    gee_noise_handshake_t *handshake = state->handshake;
    size_t length = gee_noise_message_length(handshake->pattern, handshake->step);
    uint8_t *frame = gee_chain_reserve(down, GEE_NOISE_FRAME + length);
    if (frame == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "seal: out of memory");
    if (gee_noise_write(handshake, NULL, 0, frame + GEE_NOISE_FRAME) != 0) {
        gee_chain_commit(down, 0);
        return gee_error_set(error, GEE_UNAUTHENTICATED,
                             "seal: the peer's key is no key (a point of low order): nothing it encrypts is secret");
    }
    gee_noise_put_length(frame, length);
    gee_chain_commit(down, GEE_NOISE_FRAME + length);
    return 0;
}

/* Serving, message 1: while keys are changed, the client may mean the other key. */
static bool read_with_other_key(state_t *state, const uint8_t *message, size_t length, uint8_t *nothing) {
    gee_noise_handshake_t *handshake = state->handshake;
    if (state->role != GEE_SERVING || handshake->step != 0 || state->pair + 1u >= state->setup->pair_count)
        return false;
    state->pair++;
    begin_handshake(state);
    return gee_noise_read(handshake, message, length, nothing) == 0;
}

static int refuse_message(const state_t *state, gee_error_t *error) {
    if (state->role == GEE_CALLING)
        return gee_error_set(error, GEE_UNAUTHENTICATED,
                             "seal: the server's answer is not genuine: it has another key than the configured one, or "
                             "somebody changed it");
    return gee_error_set(error, GEE_UNAUTHENTICATED, "seal: message %zu of the handshake is not genuine%s",
                         state->handshake->step + 1,
                         state->handshake->step == 0 ? ": it means another server's key, or it was changed" : "");
}

/* *waits: the message is not complete. */
static int take_message(state_t *state, gee_inbox_t *from_wire, bool *waits, gee_error_t *error) {
    gee_noise_handshake_t *handshake = state->handshake;
    size_t wanted = gee_noise_message_length(handshake->pattern, handshake->step), have = gee_inbox_length(from_wire);
    const uint8_t *frame = gee_inbox_bytes(from_wire);
    uint8_t nothing[1];
    *waits = have < GEE_NOISE_FRAME;
    if (*waits)
        return 0;
    if (gee_noise_get_length(frame) != wanted)
        return gee_error_set(error, GEE_UNAUTHENTICATED,
                             "seal: message %zu of the handshake announces %zu bytes, it has %zu", handshake->step + 1,
                             gee_noise_get_length(frame), wanted);
    *waits = have < GEE_NOISE_FRAME + wanted;
    if (*waits)
        return 0;
    frame += GEE_NOISE_FRAME;
    if (gee_noise_read(handshake, frame, wanted, nothing) != 0 && !read_with_other_key(state, frame, wanted, nothing))
        return refuse_message(state, error);
    gee_inbox_consume(from_wire, GEE_NOISE_FRAME + wanted);
    return 0;
}

static gee_noise_records_t *take_records(const state_t *state, gee_error_t *error) {
    gee_noise_records_t *records = gee_noise_vault_take(&state->setup->vaults->records);
    if (records == NULL)
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "seal: out of memory");
    return records;
}

/* The keys of the records take the place of the handshake. */
static int open_channel(state_t *state, gee_error_t *error) {
    gee_noise_records_t *records = take_records(state, error);
    if (records == NULL)
        return -1;
    gee_noise_split(state->handshake, &records->sending, &records->receiving);
    forget(state);
    state->records = records;
    state->opened = true;
    state->phase = PHASE_OPEN;
    return 0;
}

static int complete(state_t *state, gee_error_t *error) {
    const gee_noise_handshake_t *handshake = state->handshake;
    if (state->role == GEE_SERVING) {
        state->identity = gee_noise_clients_find(state->setup->clients,
                                                 handshake->pattern == &gee_noise_xk ? handshake->peer_static : NULL);
        if (state->identity == NULL)
            return gee_error_set(error, GEE_UNAUTHENTICATED,
                                 "seal: the client's key is not in the list (seal.clients)");
    }
    return open_channel(state, error);
}

/* The initiator writes the even messages. */
static int shake_hands(state_t *state, gee_inbox_t *from_wire, gee_chain_t *down, gee_error_t *error) {
    const gee_noise_handshake_t *handshake = state->handshake;
    bool waits = false;
    while (!gee_noise_complete(handshake)) {
        bool ours = (handshake->step % 2 == 0) == handshake->initiator;
        if (ours ? put_message(state, down, error) != 0 : take_message(state, from_wire, &waits, error) != 0)
            return -1;
        if (waits)
            return 0;
    }
    return complete(state, error);
}

/* ---- the preamble ---- */

static int check_preamble(const state_t *state, const uint8_t *bytes, size_t length, gee_error_t *error) {
    if (memcmp(bytes, magic, length < sizeof(magic) ? length : sizeof(magic)) != 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "seal: these are not the first bytes of a sealed channel");
    if (length > VERSION_AT && bytes[VERSION_AT] != VERSION)
        return gee_error_set(error, GEE_UNIMPLEMENTED, "seal: version %u is wanted, only %d is spoken",
                             bytes[VERSION_AT], VERSION);
    if (length < PREAMBLE)
        return 0;
    if (bytes[FLAGS_AT] != 0 || bytes[FLAGS_AT + 1] != 0)
        return gee_error_set(error, GEE_UNIMPLEMENTED, "seal: unknown flags %02x%02x", bytes[FLAGS_AT],
                             bytes[FLAGS_AT + 1]);
    if (bytes[PATTERN_AT] != BY_XK && bytes[PATTERN_AT] != BY_NK)
        return gee_error_set(error, GEE_UNIMPLEMENTED, "seal: unknown pattern %u", bytes[PATTERN_AT]);
    if (bytes[PATTERN_AT] == BY_XK && !state->setup->keyed_clients)
        return gee_error_set(error, GEE_UNAUTHENTICATED,
                             "seal: a client with a key, but there is no list of clients (seal.clients)");
    if (bytes[PATTERN_AT] == BY_NK && !state->setup->anonymous)
        return gee_error_set(error, GEE_UNAUTHENTICATED,
                             "seal: a client without a key, which may not call here (seal.anonymous)");
    return 0;
}

static int take_preamble(state_t *state, gee_inbox_t *from_wire, gee_error_t *error) {
    size_t length = gee_inbox_length(from_wire);
    if (length > PREAMBLE)
        length = PREAMBLE;
    if (check_preamble(state, gee_inbox_bytes(from_wire), length, error) != 0)
        return -1;
    if (length < PREAMBLE)
        return 0;
    memcpy(state->preamble, gee_inbox_bytes(from_wire), PREAMBLE);
    gee_inbox_consume(from_wire, PREAMBLE);
    begin_handshake(state);
    return 0;
}

static int put_preamble(state_t *state, gee_chain_t *down, gee_error_t *error) {
    memcpy(state->preamble, magic, sizeof(magic));
    state->preamble[VERSION_AT] = VERSION;
    state->preamble[PATTERN_AT] = state->setup->pair_count > 0 ? BY_XK : BY_NK;
    begin_handshake(state);
    return gee_chain_append(down, state->preamble, PREAMBLE) == 0
               ? put_message(state, down, error)
               : gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "seal: out of memory");
}

/* ---- the layer ---- */

static gee_claim_t claims(const uint8_t *bytes, size_t length GEE_UNUSED) {
    return bytes[0] == magic[0] ? GEE_CLAIM_YES : GEE_CLAIM_NO;
}

static int hold_setup(state_t *state, gee_role_t role, const void *setup, gee_error_t *error) {
    state->setup = setup != NULL ? gee_noise_setup_hold(setup) : NULL;
    state->role = role;
    if (setup == NULL || state->setup->role != role)
        return gee_error_set(error, GEE_INTERNAL, "seal: it has not been set up for this end");
    return 0;
}

static int seal_start(void *data, gee_role_t role, const void *setup, gee_chain_t *down, gee_error_t *error) {
    state_t *state = data;
    if (hold_setup(state, role, setup, error) != 0)
        return -1;
    state->handshake = gee_noise_vault_take(&state->setup->vaults->handshakes);
    if (state->handshake == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "seal: out of memory");
    return role == GEE_CALLING ? put_preamble(state, down, error) : 0;
}

static int take(state_t *state, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down, gee_error_t *error) {
    if (state->phase == PHASE_PREAMBLE && take_preamble(state, from_wire, error) != 0)
        return -1;
    if (state->phase == PHASE_HANDSHAKE && shake_hands(state, from_wire, down, error) != 0)
        return -1;
    if (state->phase != PHASE_OPEN)
        return 0;
    gee_noise_cipher_t *receiving = &state->records->receiving;
    int result = gee_noise_records_read(receiving, from_wire, up, &state->peer_ended, error);
    state->heard = receiving->nonce > 0;
    return result;
}

static int receive(void *data, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down, gee_error_t *error) {
    state_t *state = data;
    if (state->phase == PHASE_OVER)
        return gee_error_set(error, GEE_DATA_LOSS, "seal: the conversation is over");
    if (gee_inbox_length(from_wire) == 0 || take(state, from_wire, up, down, error) == 0)
        return 0;
    state->phase = PHASE_OVER;
    forget(state);
    return -1;
}

static int send_down(void *data, gee_chain_t *from_above, gee_chain_t *down, gee_error_t *error) {
    state_t *state = data;
    return gee_noise_records_write(&state->records->sending, from_above, down, error);
}

static bool established(const void *data) {
    const state_t *state = data;
    return state->phase == PHASE_OPEN;
}

static const gee_identity_t *identity(const void *data) {
    const state_t *state = data;
    return state->identity;
}

static int finish(void *data, gee_chain_t *down, gee_error_t *error) {
    state_t *state = data;
    return gee_noise_records_end(&state->records->sending, down, error);
}

static int ended(void *data, gee_error_t *error) {
    const state_t *state = data;
    if (state->peer_ended)
        return 0;
    /* A server that has answered without asking for a key has admitted the client. */
    if (state->phase == PHASE_OPEN &&
        (state->role == GEE_SERVING || state->heard || state->preamble[PATTERN_AT] == BY_NK))
        return gee_error_set(error, GEE_DATA_LOSS,
                             "seal: truncated: the connection ended without the peer's end record");
    if (state->phase == PHASE_OPEN)
        return gee_error_set(error, GEE_UNAUTHENTICATED,
                             "seal: the server closed the connection behind the handshake: our key may not be in its "
                             "list of clients");
    return gee_error_set(error, GEE_UNAUTHENTICATED, "seal: the connection was closed in the middle of the handshake%s",
                         state->role == GEE_SERVING ? ""
                                                    : ": the server may have another key, may want a key of ours, or "
                                                      "may not be sealed");
}

static void seal_stop(void *data) {
    state_t *state = data;
    forget(state);
    gee_noise_setup_close(&state->setup);
}

/* ---- handover: an open channel goes on in another process, where its client must be in the list, too ---- */

static void export_state(const void *data, gee_record_t *out) {
    const state_t *state = data;
    const uint8_t *key = gee_noise_clients_key(state->identity);
    const gee_noise_cipher_t *ciphers[] = { &state->records->sending, &state->records->receiving };
    gee_record_put(out, state->preamble, PREAMBLE);
    gee_record_put_u8(out, state->peer_ended);
    gee_record_put_bytes(out, key, key != NULL ? GEE_NOISE_KEY : 0);
    for (size_t i = 0; i < GEE_LENGTH(ciphers); i++) {
        gee_record_put(out, ciphers[i]->key, GEE_NOISE_KEY);
        gee_record_put_u64(out, ciphers[i]->nonce);
    }
}

static int take_cipher(gee_noise_cipher_t *cipher, gee_record_reader_t *in) {
    const uint8_t *key = gee_record_take(in, GEE_NOISE_KEY);
    if (key == NULL)
        return -1;
    gee_noise_cipher_start(cipher, key);
    cipher->nonce = gee_record_take_u64(in);
    return in->failed ? -1 : 0;
}

static int take_client(state_t *state, gee_record_reader_t *in, gee_error_t *error) {
    gee_record_reader_t key = gee_record_take_part(in);
    if (gee_record_left(&key) != 0 && gee_record_left(&key) != GEE_NOISE_KEY)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "seal: a record with a client's key of %zu bytes",
                             gee_record_left(&key));
    state->identity = gee_noise_clients_find(state->setup->clients, gee_record_left(&key) > 0 ? key.at : NULL);
    return state->identity != NULL ? 0
                                   : gee_error_set(error, GEE_UNAUTHENTICATED,
                                                   "seal: the client's key is not in the list any more (seal.clients)");
}

static int import_state(void *data, const void *setup, gee_record_reader_t *in, gee_error_t *error) {
    state_t *state = data;
    if (hold_setup(state, GEE_SERVING, setup, error) != 0 || (state->records = take_records(state, error)) == NULL)
        return -1;
    state->opened = true;
    const void *preamble = gee_record_take(in, PREAMBLE);
    if (preamble != NULL)
        memcpy(state->preamble, preamble, PREAMBLE);
    state->peer_ended = gee_record_take_u8(in) != 0;
    if (take_client(state, in, error) != 0)
        return -1;
    if (take_cipher(&state->records->sending, in) != 0 || take_cipher(&state->records->receiving, in) != 0 ||
        gee_record_left(in) > 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "seal: a record of the wrong length");
    state->heard = state->records->receiving.nonce > 0;
    state->phase = PHASE_OPEN;
    return 0;
}

static const gee_seal_t seal;

static const gee_layer_t layer = { .name = "seal",
                                   .state_size = sizeof(state_t),
                                   .seal = &seal,
                                   .claims = claims,
                                   .start = seal_start,
                                   .receive = receive,
                                   .send = send_down,
                                   .established = established,
                                   .finish = finish,
                                   .ended = ended,
                                   .identity = identity,
                                   .stop = seal_stop,
                                   .export_state = export_state,
                                   .import_state = import_state };

static const gee_seal_t seal = { .layer = &layer,
                                 .listen = gee_noise_listen,
                                 .dial = gee_noise_dial,
                                 .close = gee_noise_setup_close,
                                 .replace = gee_noise_setup_replace,
                                 .make_key = gee_noise_key_make,
                                 .read_key = gee_noise_key_read };

extern const gee_module_t gee_seal_noise_module;
const gee_module_t gee_seal_noise_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_LAYER, .name = "seal_noise", .interface = &layer
};
