/* setup.c: the settings of a listener or a dialer, opened: keys in guarded memory, the list of clients, a vault. */
#include "channel.h"

#include <sodium.h>
#include <stdlib.h>

static gee_seal_setup_t *create(gee_role_t role, size_t pairs, gee_error_t *error) {
    if (sodium_init() < 0) {
        gee_error_set(error, GEE_INTERNAL, "seal: libsodium does not start");
        return NULL;
    }
    gee_seal_setup_t *setup = calloc(1, sizeof(*setup));
    if (setup == NULL)
        goto no_memory;
    setup->self = setup;
    atomic_init(&setup->holders, 1);
    setup->role = role;
    setup->vaults = calloc(1, sizeof(*setup->vaults));
    if (pairs > 0)
        setup->pairs = sodium_allocarray(pairs, sizeof(*setup->pairs));
    if (setup->vaults == NULL || (pairs > 0 && setup->pairs == NULL))
        goto no_memory;
    setup->vaults->handshakes.slot_bytes = sizeof(gee_noise_handshake_t);
    setup->vaults->records.slot_bytes = sizeof(gee_noise_records_t);
    return setup;
no_memory:
    gee_noise_setup_close(&setup);
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "seal: out of memory");
    return NULL;
}

static int load_pair(gee_seal_setup_t *setup, const char *path, gee_error_t *error) {
    if (gee_noise_key_load(path, &setup->pairs[setup->pair_count], error) != 0)
        return -1;
    setup->pair_count++;
    return 0;
}

/* Makes the pairs read-only: a stray write faults. */
static int protect_pairs(gee_seal_setup_t *setup, gee_error_t *error) {
    return setup->pairs == NULL || sodium_mprotect_readonly(setup->pairs) == 0
               ? 0
               : gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "seal: the memory of a key cannot be protected");
}

gee_seal_setup_t *gee_noise_listen(const gee_seal_listen_t *options, gee_error_t *error) {
    gee_seal_setup_t *setup = create(GEE_SERVING, options->old_key ? 2 : 1, error);
    if (setup == NULL)
        return NULL;
    setup->keyed_clients = options->clients != NULL;
    setup->anonymous = options->anonymous;
    if (load_pair(setup, options->key, error) != 0 ||
        (options->old_key != NULL && load_pair(setup, options->old_key, error) != 0) ||
        (setup->clients = gee_noise_clients_load(options->clients, options->anonymous, error)) == NULL ||
        protect_pairs(setup, error) != 0)
        gee_noise_setup_close(&setup);
    return setup;
}

gee_seal_setup_t *gee_noise_dial(const gee_seal_dial_t *options, gee_error_t *error) {
    gee_seal_setup_t *setup = create(GEE_CALLING, options->key ? 1 : 0, error);
    if (setup == NULL)
        return NULL;
    if (gee_noise_key_parse(gee_str(options->server_key), setup->server_key, error) != 0) {
        gee_error_prefix(error, "the server's key: ");
        gee_noise_setup_close(&setup);
    } else if ((options->key != NULL && load_pair(setup, options->key, error) != 0) ||
               protect_pairs(setup, error) != 0) {
        gee_noise_setup_close(&setup);
    }
    return setup;
}

gee_seal_setup_t *gee_noise_setup_hold(const gee_seal_setup_t *setup) {
    gee_seal_setup_t *own = setup->self;
    atomic_fetch_add_explicit(&own->holders, 1, memory_order_relaxed);
    return own;
}

/* The last reference may be a stream's: closing streams write their last bytes, and return their keys to the vault,
 * after the client library has freed the client, on a loop that is shared with other clients. */
void gee_noise_setup_close(gee_seal_setup_t **pointer) {
    gee_seal_setup_t *setup = *pointer;
    *pointer = NULL;
    if (setup == NULL || atomic_fetch_sub_explicit(&setup->holders, 1, memory_order_acq_rel) > 1)
        return;
    if (setup->vaults != NULL) {
        gee_noise_vault_close(&setup->vaults->handshakes);
        gee_noise_vault_close(&setup->vaults->records);
    }
    free(setup->vaults);
    gee_noise_clients_free(&setup->clients);
    sodium_free(setup->pairs);
    free(setup);
}

void gee_noise_setup_replace(gee_seal_setup_t *setup, const gee_seal_setup_t *next) {
    if (setup->clients != NULL)
        gee_noise_clients_replace(setup->clients, next ? next->clients : NULL);
}
