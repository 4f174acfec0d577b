/* gee.h: all that modules see. A module of one kind includes <gee/KIND.h>, which is the part for its kind. */
#ifndef GEE_H
#define GEE_H

#include "core/gee/balancer.h"
#include "core/gee/codec.h"
#include "core/gee/filter.h"
#include "core/gee/http.h"
#include "core/gee/json.h"
#include "core/gee/layer.h"
#include "core/gee/module.h"
#include "core/gee/page.h"
#include "core/gee/protobuf.h"
#include "core/gee/protocol.h"
#include "core/gee/registry.h"
#include "core/gee/service.h"
#include "core/gee/transport.h"

#endif
