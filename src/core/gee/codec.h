/* codec.h: what a codec sees. */
#ifndef GEE_GEE_CODEC_H
#define GEE_GEE_CODEC_H

#include "core/gee/module.h"
#include "core/base/base64.h"
#include "core/base/buf.h"
#include "core/base/record.h"
#include "core/base/short_bytes.h"
#include "core/rpc/codec.h"
#include "core/type/key.h"
#include "core/type/path.h"
#include "core/type/type.h"
#include "core/type/value.h"

#endif
