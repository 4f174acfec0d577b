/* numbered.h: types with int32 in the place of enums, for readers that know the numbers of enums only. A value of the
 * one type is a value of the other. */
#ifndef GEE_TYPE_NUMBERED_H
#define GEE_TYPE_NUMBERED_H

#include "core/base/pool.h"
#include "core/type/type.h"

/* The types made so far, so that types that share parts share them here, too. */
typedef struct gee_numbered gee_numbered_t;

/* In `pool`, as all types that are made. Null: out of memory. */
gee_numbered_t *gee_numbered_create(gee_pool_t *pool);
/* The types stay. */
void gee_numbered_destroy(gee_numbered_t **numbered);
/* `type` itself when no enum can be in its values. Null: out of memory. */
const gee_type_t *gee_numbered_type(gee_numbered_t *numbered, const gee_type_t *type);

#endif
