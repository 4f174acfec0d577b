/* identity.c: looks a name up in an identity; the records of peers. */
#include "core/rpc/identity.h"

#include <stdlib.h>
#include <string.h>

bool gee_identity_lists(const gee_identity_t *identity, gee_str_t name) {
    if (identity == NULL || identity->services == NULL)
        return true;
    for (const char *const *entry = identity->services; *entry != NULL; entry++)
        if (gee_str_equal(gee_str(*entry), name))
            return true;
    return false;
}

gee_peer_record_t *gee_peer_record_create(const char *address) {
    size_t length = strlen(address) + 1;
    gee_peer_record_t *record = malloc(sizeof(*record) + length);
    if (record == NULL)
        return NULL;
    char *copy = (char *)(record + 1);
    memcpy(copy, address, length);
    record->references = 1;
    record->peer = (gee_peer_t){ .address = copy, .name = NULL };
    record->identity = NULL;
    return record;
}

void gee_peer_record_set_identity(gee_peer_record_t *record, const gee_identity_t *identity) {
    record->identity = identity;
    record->peer.name = identity != NULL ? identity->name : NULL;
}

void gee_peer_record_release(gee_peer_record_t **record) {
    if (*record != NULL && --(*record)->references == 0)
        free(*record);
    *record = NULL;
}
