/* well_known.h: marks the types of google.protobuf that ProtoJSON writes in forms of their own, where descriptions are
 * made at run time. */
#ifndef GEE_TYPE_WELL_KNOWN_H
#define GEE_TYPE_WELL_KNOWN_H

#include "core/type/type.h"

/* Sets well_known of a type that has the full name and the fields of one of these types. False: it has the name alone.
 * Precondition: all types that the type refers to have their names, kinds and fields. */
bool gee_well_known_mark(gee_type_t *type);

#endif
