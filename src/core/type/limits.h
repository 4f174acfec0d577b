/* limits.h: what a decoder takes of one value. */
#ifndef GEE_TYPE_LIMITS_H
#define GEE_TYPE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct gee_codec_limits {
    size_t message; /* bytes of one value */
    unsigned nesting;
    const char *message_name; /* of the setting, for texts; null: limits.message */
    /* Decoding: strings that are not UTF-8 are repaired (gee_pool_utf8), not refused; in JSON half of a surrogate
     * pair, too. For headers: whose call a broken header belongs to is not known. */
    bool repair;
} gee_codec_limits_t;

static inline const char *gee_message_limit_name(const gee_codec_limits_t *limits) {
    return limits->message_name ? limits->message_name : "limits.message";
}

#endif
