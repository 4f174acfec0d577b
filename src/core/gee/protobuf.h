/* protobuf.h: what a codec that speaks protobuf's wire sees beside codec.h. */
#ifndef GEE_GEE_PROTOBUF_H
#define GEE_GEE_PROTOBUF_H

#include "core/gee/codec.h"
#include "core/protobuf/engine.h"

#endif
