/* field_index.h: fields of large structs by name, for decoders of texts: a peer that sends many names which a struct
 * of many fields does not have, or in the worst order, costs no more than the names' length. */
#ifndef GEE_TYPE_FIELD_INDEX_H
#define GEE_TYPE_FIELD_INDEX_H

#include "core/base/pool.h"
#include "core/type/type.h"

#define GEE_FIELDS_FEW 32 /* a struct of up to so many fields is searched from end to end */

/* The indices of one decoding, in its pool; null before the first. An index is made when a struct of more than
 * GEE_FIELDS_FEW fields is first asked for. */
typedef struct gee_field_index gee_field_index_t;

/* The positions of the fields that may have that name: exactly, as json_name, in lowerCamelCase, or in another case.
 * Null: any field may, as the struct has few, or as there is no memory. */
const uint32_t *gee_field_candidates(gee_field_index_t **indices, const gee_type_t *type, gee_str_t name,
                                     gee_pool_t *pool, size_t *count);
/* As gee_type_field_by_name(). */
const gee_field_t *gee_field_by_name(gee_field_index_t **indices, const gee_type_t *type, gee_str_t name,
                                     gee_pool_t *pool);

#endif
