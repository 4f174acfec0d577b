/* json.h: what a codec that reads and writes JSON sees beside codec.h. */
#ifndef GEE_GEE_JSON_H
#define GEE_GEE_JSON_H

#include "core/gee/codec.h"
#include "core/json/json.h"

#endif
