/* service.h: what a service sees. */
#ifndef GEE_GEE_SERVICE_H
#define GEE_GEE_SERVICE_H

#include "core/gee/module.h"
#include "core/event/loop.h"
#include "core/event/thread_pool.h"
#include "core/rpc/engine.h"
#include "core/rpc/service.h"
#include "core/type/type.h"

#endif
