/* protocol.h: what a protocol sees. */
#ifndef GEE_GEE_PROTOCOL_H
#define GEE_GEE_PROTOCOL_H

#include "core/gee/codec.h"
#include "core/event/stream.h"
#include "core/rpc/engine.h"
#include "core/rpc/metadata.h"
#include "core/rpc/modules.h"
#include "core/rpc/opening.h"
#include "core/rpc/protocol.h"
#include "core/rpc/session.h"
#include "core/rpc/value_stream.h"
#include "core/rpc/words.h"

#endif
