/* page.h: what a page sees: routes, and what there is to be shown. */
#ifndef GEE_GEE_PAGE_H
#define GEE_GEE_PAGE_H

#include "core/gee/module.h"
#include "core/base/process.h"
#include "core/http/message.h"
#include "core/http/response.h"
#include "core/http/route.h"
#include "core/gateway/forward.h"
#include "core/gateway/gateway.h"
#include "core/rpc/counters.h"
#include "core/rpc/dispatch.h"
#include "core/rpc/engine.h"

#endif
