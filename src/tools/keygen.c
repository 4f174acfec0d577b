/* keygen.c: geectl keygen, geectl pubkey: the keys of sealed channels. Nothing is sent. */
#include "client/geerpc_keys.h"
#include "tools/tools.h"

static int show(int result, const char *public_key, const gee_error_t *error) {
    if (result != 0)
        return gee_complain("%s", error->text);
    printf("%s\n", public_key);
    return EXIT_REPLY;
}

static int keygen(const arguments_t *arguments) {
    char public_key[GEE_PUBLIC_KEY_TEXT];
    gee_error_t error;
    return show(gee_key_make(arguments->items[0], public_key, &error), public_key, &error);
}

static int pubkey(const arguments_t *arguments) {
    char public_key[GEE_PUBLIC_KEY_TEXT];
    gee_error_t error;
    return show(gee_key_public(arguments->items[0], public_key, &error), public_key, &error);
}

const command_t gee_keygen_command = {
    .bit = ON_KEYS,
    .name = "keygen",
    .synopsis = "FILE",
    .summary = "make a secret key, print its public one",
    .text =
        "Makes a key for sealed channels: writes the secret one to FILE, which must not be there yet and which only\n"
        "you can read, and prints the public one, for a server's list of clients or for those who call the server.",
    .least = 1,
    .most = 1,
    .run = keygen,
};

const command_t gee_pubkey_command = {
    .bit = ON_KEYS,
    .name = "pubkey",
    .synopsis = "FILE",
    .summary = "print the public key of a secret one",
    .text = "Prints the public key that belongs to the secret one in FILE.",
    .least = 1,
    .most = 1,
    .run = pubkey,
};
