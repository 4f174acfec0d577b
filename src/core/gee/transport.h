/* transport.h: what a transport sees, and what layers that it pushes are made of. */
#ifndef GEE_GEE_TRANSPORT_H
#define GEE_GEE_TRANSPORT_H

#include "core/gee/module.h"
#include "core/base/buf.h"
#include "core/event/addr.h"
#include "core/event/layer.h"
#include "core/event/transport.h"

#endif
