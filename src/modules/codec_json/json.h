/* json.h: what the parts of codec_json share; JSON itself is core/json.
 *
 *   read_typed.c     a value into C memory by its type
 *   write_typed.c    back
 *   plain.c          the usual form of a header, both ways, in a fixed shape
 *   module.c         the table of these, for the core */
#ifndef GEE_CODEC_JSON_H
#define GEE_CODEC_JSON_H

#include <gee/json.h>

/* ---- read_typed.c ---- */
int gee_json_decode(void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                    const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value, gee_error_t *error);

/* ---- write_typed.c ---- */
int gee_json_encode(void *state, const gee_type_t *type, const void *value, gee_chain_t *out, gee_error_t *error);

/* ---- plain.c ---- */
gee_measured_t gee_json_read_beginning(void *state, const gee_measure_t *progress, const gee_type_t *header,
                                       const uint8_t *bytes, size_t length, gee_str_t *text, uint64_t *number);
size_t gee_json_read_plain(void *state, const gee_type_t *header, const uint8_t *bytes, size_t length, gee_str_t *text,
                           uint64_t *number);
int gee_json_write_plain(void *state, const gee_type_t *header, gee_str_t text, uint64_t number, gee_chain_t *out);

#endif
