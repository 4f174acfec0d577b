/* type_copy.h: deep copies of typed values, in one piece of memory that the caller allocates.
 *
 *   value | what it points to | what that points to ...        each aligned to GEE_TYPE_COPY_ALIGNMENT */
#ifndef GEE_TYPE_TYPE_COPY_H
#define GEE_TYPE_TYPE_COPY_H

#include "core/type/type.h"

#define GEE_TYPE_COPY_ALIGNMENT 8

/* Does a value of the type point to nothing: no string, bytes, list, map or optional in it? */
bool gee_type_is_flat(const gee_type_t *type);
/* Bytes that a copy takes. SIZE_MAX: more than there can be, or the value nests deeper than GEE_VALUE_NESTING (it may be a
 * cycle). */
size_t gee_type_copy_size(const gee_type_t *type, const void *value);
/* `target` has room for so many bytes and is aligned. Returns it: the copy is at its beginning. */
void *gee_type_copy(const gee_type_t *type, const void *value, void *target);

#endif
