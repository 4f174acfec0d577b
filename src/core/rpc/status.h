/* status.h: how a call ended, and the pairs of strings that travel with it. */
#ifndef GEE_RPC_STATUS_H
#define GEE_RPC_STATUS_H

#include "core/base/error.h"
#include "core/type/type.h"

typedef struct gee_status {
    gee_code_t code;
    gee_str_t text; /* data from the service or the peer: never a format string */
} gee_status_t;

typedef GEE_MAP_OF(gee_str_t) gee_metadata_t; /* items[i].key, items[i].value; keys may repeat: metadata.h */
extern const gee_type_t gee_type_of_metadata; /* a map from string to string */

/* The first value under that key (keys are compared exactly), or an empty string whose data is null. */
gee_str_t gee_metadata_get(const gee_metadata_t *metadata, gee_str_t key);

#endif
