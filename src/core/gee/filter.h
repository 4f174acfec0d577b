/* filter.h: what a filter sees. */
#ifndef GEE_GEE_FILTER_H
#define GEE_GEE_FILTER_H

#include "core/gee/module.h"
#include "core/base/lines.h"
#include "core/base/shared_rates.h"
#include "core/rpc/identity.h"
#include "core/event/network.h"
#include "core/gateway/forward.h"
#include "core/rpc/call.h"
#include "core/rpc/counters.h"
#include "core/rpc/dispatch.h"
#include "core/rpc/engine.h"
#include "core/rpc/filter.h"
#include "core/rpc/memory.h"

#endif
