/* payload.c: turning what a message carries into the bytes of a codec: typed, dynamic, or carried as it is. */
#include "core/base/defs.h"
#include "core/rpc/protocol.h"
#include "core/rpc/session.h"

/* Copying a short body costs less than a segment of its own, in the chain and in writev. */
#define COPY_UP_TO 1024

GEE_APART static int out_of_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

GEE_APART static int refuse_codec(const gee_payload_t *payload, const gee_codec_t *codec, gee_error_t *error) {
    return gee_error_set(error, GEE_UNIMPLEMENTED, "a %s body cannot be sent as %s", payload->codec->name, codec->name);
}

static int carry(const gee_payload_t *payload, const gee_codec_t *codec, void *send_state, gee_chain_t *out,
                 gee_error_t *error) {
    if (payload->codec != codec)
        return refuse_codec(payload, codec, error);
    if (codec->carry != NULL)
        return codec->carry(payload->codec_state, send_state, payload->bytes, payload->length, out, error);
    int failed = payload->buf != NULL && payload->length > COPY_UP_TO
                     ? gee_chain_append_buf(out, payload->buf, payload->bytes, payload->length)
                     : gee_chain_append(out, payload->bytes, payload->length);
    return failed ? out_of_memory(error) : 0;
}

/* Encodes a payload that cannot be appended as it came. */
static int encode(const gee_payload_t *payload, const gee_codec_t *codec, void *send_state, gee_chain_t *out,
                  gee_error_t *error) {
    static const gee_empty_t empty;
    switch (payload->kind) {
    case GEE_PAYLOAD_TYPED:
        return codec->encode(send_state, payload->type, payload->typed, out, error);
    case GEE_PAYLOAD_VALUE:
        if (codec->encode_value == NULL)
            return gee_error_set(error, GEE_UNIMPLEMENTED, "%s cannot write a value whose type is not known",
                                 codec->name);
        return codec->encode_value(send_state, payload->value, out, error);
    case GEE_PAYLOAD_BYTES:
    case GEE_PAYLOAD_EMPTY:
    case GEE_PAYLOAD_REFUSED:
        break;
    }
    return codec->encode(send_state, GEE_TYPE_OF(gee_empty_t), &empty, out, error);
}

int gee_payload_encode(const gee_payload_t *payload, const gee_codec_t *codec, void *send_state, gee_chain_t *out,
                       gee_error_t *error) {
    return payload->kind == GEE_PAYLOAD_BYTES ? carry(payload, codec, send_state, out, error)
                                              : encode(payload, codec, send_state, out, error);
}
