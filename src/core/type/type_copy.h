/* type_copy.h: deep copies of typed values, in one piece of memory that the caller allocates.
 *
 *   value | values that it points to | values that these point to ...    each aligned to GEE_TYPE_COPY_ALIGNMENT */
#ifndef GEE_TYPE_TYPE_COPY_H
#define GEE_TYPE_TYPE_COPY_H

#include "core/type/type.h"

#define GEE_TYPE_COPY_ALIGNMENT 8

/* Does a value of the type contain no string, bytes, list, map or optional, and so point to nothing? */
bool gee_type_is_flat(const gee_type_t *type);
/* The same, unknown fields aside, which gee_type_drop_unknown() takes out of a value of such a type. */
bool gee_type_is_flat_but_unknown(const gee_type_t *type);
void gee_type_drop_unknown(const gee_type_t *type, void *value);
/* Bytes that a copy takes. SIZE_MAX: more than memory can have, or the value nests deeper than GEE_VALUE_NESTING
 * (perhaps in a cycle). */
size_t gee_type_copy_size(const gee_type_t *type, const void *value);
/* Precondition: `target` has room for gee_type_copy_size() bytes and is aligned. Returns `target`, where the copy
 * begins. */
void *gee_type_copy(const gee_type_t *type, const void *value, void *target);

#endif
