/* route.c: whether a route answers a path and a method. */
#include "core/http/route.h"

#include <string.h>

void gee_exchange_answer(gee_exchange_t *exchange) {
    exchange->finish(exchange);
}

const char *gee_route_path(const gee_route_t *route, const void *conf) {
    return route->place ? route->place(conf) : route->path;
}

bool gee_route_has_path(const gee_route_t *route, const void *conf, gee_str_t path) {
    gee_str_t own = gee_str(gee_route_path(route, conf));
    if (own.length == 0 || !gee_str_starts_with(path, own))
        return false;
    return path.length == own.length || (route->flags & GEE_ROUTE_PREFIX && path.data[own.length] == '/');
}

bool gee_route_has_method(const gee_route_t *route, gee_str_t method) {
    gee_str_t rest = gee_str(route->methods);
    if (gee_str_equal(method, GEE_STR("HEAD")))
        method = GEE_STR("GET");
    while (rest.length > 0) {
        const char *space = memchr(rest.data, ' ', rest.length);
        size_t length = space ? (size_t)(space - rest.data) : rest.length;
        if (gee_str_equal((gee_str_t){ rest.data, length }, method))
            return true;
        rest.data += space ? length + 1 : length;
        rest.length -= space ? length + 1 : length;
    }
    return false;
}
