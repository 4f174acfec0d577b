/* identity.c: the records of peers. */
#include "core/rpc/identity.h"

#include <stdlib.h>
#include <string.h>

gee_peer_record_t *gee_peer_record_create(const char *address) {
    size_t length = strlen(address) + 1;
    gee_peer_record_t *record = malloc(sizeof(*record) + length);
    if (record == NULL)
        return NULL;
    char *copy = (char *)(record + 1);
    memcpy(copy, address, length);
    record->references = 1;
    record->peer = (gee_peer_t){ .address = copy, .name = NULL };
    record->grant = NULL;
    return record;
}

void gee_peer_record_set_grant(gee_peer_record_t *record, const gee_grant_t *grant) {
    record->grant = grant;
    record->peer.name = grant != NULL ? grant->name : NULL;
}

void gee_peer_record_release(gee_peer_record_t **record) {
    if (*record != NULL && --(*record)->references == 0)
        free(*record);
    *record = NULL;
}
