/* layer.h: what a layer sees that seals a stream. */
#ifndef GEE_GEE_LAYER_H
#define GEE_GEE_LAYER_H

#include "core/gee/module.h"
#include "core/base/base64.h"
#include "core/base/buf.h"
#include "core/base/record.h"
#include "core/rpc/identity.h"
#include "core/event/layer.h"
#include "core/rpc/seal.h"

#endif
