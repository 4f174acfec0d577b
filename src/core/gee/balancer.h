/* balancer.h: what a balancer sees. */
#ifndef GEE_GEE_BALANCER_H
#define GEE_GEE_BALANCER_H

#include "core/gee/module.h"
#include "core/base/random.h"
#include "core/gateway/balancer.h"
#include "core/gateway/candidates.h"

#endif
