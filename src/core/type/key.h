/* key.h: keys of maps: scalars that are compared, and written as text where a wire has only text for keys (JSON, trees
 * of values). */
#ifndef GEE_TYPE_KEY_H
#define GEE_TYPE_KEY_H

#include "core/type/type.h"

#define GEE_MAP_KEY_TEXT 24 /* room for the text of a number or a bool */

/* What gee_type_t says of a map's keys. */
bool gee_key_is_allowed(const gee_type_t *key);
/* Below 0, 0, above 0: a total order. */
int gee_key_compare(const gee_type_t *key, const void *a, const void *b);
/* The bytes of which a hash may be made: equal keys have equal bytes. */
gee_bytes_t gee_key_bytes(const gee_type_t *key, const void *value);
/* "-12", "true", or the string itself. The text lies in `room` or in the key. */
gee_str_t gee_key_to_text(const gee_type_t *key, const void *value, char room[GEE_MAP_KEY_TEXT]);
/* The other way. A string points into `text`. False: the text is not a key of that type, or out of range. */
bool gee_key_from_text(const gee_type_t *key, gee_str_t text, void *value);

#endif
