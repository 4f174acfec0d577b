/* registry.h: what a registry sees. */
#ifndef GEE_GEE_REGISTRY_H
#define GEE_GEE_REGISTRY_H

#include "core/gee/module.h"
#include "core/base/back_off.h"
#include "core/base/double_buffer.h"
#include "core/base/lines.h"
#include "core/event/addr.h"
#include "core/event/network.h"
#include "core/event/thread_pool.h"
#include "core/event/work.h"
#include "core/gateway/discovery.h"
#include "core/gateway/registry.h"
#include "core/rpc/engine.h"

#endif
