/* enum.h: the values of an enum that is described at run time, put in order. */
#ifndef GEE_TYPE_ENUM_H
#define GEE_TYPE_ENUM_H

#include "core/base/pool.h"
#include "core/type/type.h"

/* Sorts the values by number; values of one number stay in their order, so that the first name is the one to be
 * written. Returns the positions by name, in the pool, for gee_type_t's by_name. Null: out of memory. `scratch`: for
 * the time of the call; may be the pool. */
const uint32_t *gee_enum_sort(gee_enum_value_t *values, size_t count, gee_pool_t *scratch, gee_pool_t *pool);

#endif
