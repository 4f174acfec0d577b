/* translate.h: a message's body from one codec to another, undecoded where it can be.
 *
 *   same codec            the bytes as they are (gob: with the types of the connection on which they came), when the
 *                         codec's check() takes them
 *   its type is known     bytes -> C value -> bytes                      by a service's declaration or descriptors
 *   both need no types    bytes -> tree of values -> bytes               json and gob
 *   else                  refused: bin says neither names nor types */
#ifndef GEE_GATEWAY_TRANSLATE_H
#define GEE_GATEWAY_TRANSLATE_H

#include "core/rpc/engine_private.h"

/* The codec in which a body of codec `from` is best sent on a session of `protocol` that speaks `session`: `from`
 * where possible, so that nothing is decoded; null: the body is a value of a handler's. `typed`: the body's type is
 * known. */
const gee_codec_t *gee_translate_choose(const gee_engine_t *engine, const gee_protocol_t *protocol,
                                        const gee_codec_t *session, const gee_codec_t *from, bool typed);

/* Do the bytes go on as they came? */
static inline bool gee_translate_is_same(const gee_payload_t *from, const gee_codec_t *to) {
    return from->kind == GEE_PAYLOAD_BYTES && from->codec == to;
}

/* If so: may they? `type` may be null; `way`: GEE_WAY_ bits; `error` may be null. -1: what check() says. */
static inline int gee_translate_check(const gee_engine_t *engine, const gee_payload_t *from, const gee_type_t *type,
                                      unsigned way, gee_error_t *error) {
    const gee_codec_t *codec = from->codec;
    return codec->check == NULL
               ? 0
               : codec->check(from->codec_state, type, from->bytes, from->length, &engine->onward_limits, way, error);
}

/* What to send as a `to` body for `from`, which is bytes of another codec. `type` may be null. *result is valid as
 * long as `from` and `pool` are. -1: GEE_UNIMPLEMENTED, as translation needs the type; or the error of decoding. */
int gee_translate(const gee_engine_t *engine, const gee_payload_t *from, const gee_codec_t *to, const gee_type_t *type,
                  gee_pool_t *pool, gee_payload_t *result, gee_error_t *error);

#endif
