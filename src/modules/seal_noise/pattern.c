/* pattern.c: the table of handshake patterns. The wire uses XK and NK; IK and XX test the code with more of the
 * published vectors. */
#include "noise.h"

#define PATTERN(letters) .name = letters, .protocol = "Noise_" letters "_25519_ChaChaPoly_BLAKE2b"

const gee_noise_pattern_t gee_noise_xk = {
    PATTERN("XK"), .initiator_has_static = true, .responder_static_is_known = true, .messages = 3,
    .tokens = { { GEE_NOISE_E, GEE_NOISE_ES }, { GEE_NOISE_E, GEE_NOISE_EE }, { GEE_NOISE_S, GEE_NOISE_SE } }
};

const gee_noise_pattern_t gee_noise_nk = { PATTERN("NK"), .responder_static_is_known = true, .messages = 2,
                                           .tokens = { { GEE_NOISE_E, GEE_NOISE_ES }, { GEE_NOISE_E, GEE_NOISE_EE } } };

const gee_noise_pattern_t gee_noise_ik = {
    PATTERN("IK"), .initiator_has_static = true, .responder_static_is_known = true, .messages = 2,
    .tokens = { { GEE_NOISE_E, GEE_NOISE_ES, GEE_NOISE_S, GEE_NOISE_SS }, { GEE_NOISE_E, GEE_NOISE_EE, GEE_NOISE_SE } }
};

const gee_noise_pattern_t gee_noise_xx = { PATTERN("XX"), .initiator_has_static = true, .messages = 3,
                                           .tokens = { { GEE_NOISE_E },
                                                       { GEE_NOISE_E, GEE_NOISE_EE, GEE_NOISE_S, GEE_NOISE_ES },
                                                       { GEE_NOISE_S, GEE_NOISE_SE } } };

/* A static key and the payload carry a tag once a DH has given a key. */
size_t gee_noise_message_length(const gee_noise_pattern_t *pattern, size_t n) {
    size_t tag = 0, length = 0;
    for (size_t message = 0; message <= n; message++) {
        length = 0;
        for (const gee_noise_token_t *token = pattern->tokens[message]; *token != GEE_NOISE_END; token++) {
            if (*token == GEE_NOISE_E)
                length += GEE_NOISE_KEY;
            else if (*token == GEE_NOISE_S)
                length += GEE_NOISE_KEY + tag;
            else
                tag = GEE_NOISE_TAG;
        }
    }
    return length + tag;
}
