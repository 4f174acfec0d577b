/* forward_key.h: the part of a call that decides which backend gets it, for balancers that look at a key.
 *
 *   client          the caller's address without its port
 *   method          "Arith.Multiply"
 *   metadata.NAME   a pair that came with the call
 *   args.FIELD      a member of the arguments, or of a member: args.User.Id
 *
 * A call without that part is keyed by its client. The same key gives the same number in every process. */
#ifndef GEE_GATEWAY_FORWARD_KEY_H
#define GEE_GATEWAY_FORWARD_KEY_H

#include "core/rpc/call.h"
#include "core/rpc/protocol.h"

typedef enum gee_key_source { GEE_KEY_CLIENT, GEE_KEY_METHOD, GEE_KEY_METADATA, GEE_KEY_ARGUMENT } gee_key_source_t;

typedef struct gee_forward_key {
    gee_key_source_t source;
    gee_str_t name; /* behind the dot; points into the text */
} gee_forward_key_t;

/* `text` must live as long as the key; null is "client". -1: the text is none of the four. */
int gee_forward_key_parse(const char *text, gee_forward_key_t *key, gee_error_t *error);
/* For args the payload is decoded into `pool`, by `type` where that is not null. */
uint64_t gee_forward_key_of(const gee_forward_key_t *key, const gee_call_t *call, const gee_payload_t *payload,
                            const gee_type_t *type, gee_pool_t *pool);

#endif
