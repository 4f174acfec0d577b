/* http.h: what a module sees that speaks HTTP itself, beside its kind's header. */
#ifndef GEE_GEE_HTTP_H
#define GEE_GEE_HTTP_H

#include "core/gee/module.h"
#include "core/http/client.h"
#include "core/http/connection.h"
#include "core/http/guard.h"
#include "core/http/message.h"
#include "core/http/reader.h"
#include "core/http/response.h"
#include "core/http/route.h"

#endif
