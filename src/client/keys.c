/* keys.c: making and reading the keys of sealed channels, by the seal module that is compiled in. */
#include "client/geerpc_keys.h"

#include "core/rpc/seal.h"

_Static_assert(GEE_PUBLIC_KEY_TEXT == GEE_KEY_TEXT, "the same text");

int gee_key_make(const char *path, char public_key[GEE_PUBLIC_KEY_TEXT], gee_error_t *error) {
    const gee_seal_t *seal = gee_seal_find(gee_modules, error);
    return seal != NULL ? seal->make_key(path, public_key, error) : -1;
}

int gee_key_public(const char *path, char public_key[GEE_PUBLIC_KEY_TEXT], gee_error_t *error) {
    const gee_seal_t *seal = gee_seal_find(gee_modules, error);
    return seal != NULL ? seal->read_key(path, public_key, error) : -1;
}
