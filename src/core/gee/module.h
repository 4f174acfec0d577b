/* module.h: what a module of any kind sees; gee/KIND.h has what modules of that kind see beside. */
#ifndef GEE_GEE_MODULE_H
#define GEE_GEE_MODULE_H

#include "core/base/clock.h"
#include "core/base/defs.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/pool.h"
#include "core/base/str.h"
#include "core/conf/module.h"

#endif
