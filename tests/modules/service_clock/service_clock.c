#include <gee/service.h>

typedef struct {
    gee_str_t zone;
} clock_args_t;
GEE_STRUCT(clock_args_t, "ClockArgs", GEE_STRING(clock_args_t, zone, "Zone", 1));

static void now(gee_call_t *call, const clock_args_t *args, int64_t *seconds) {
    if (args->zone.length > 0 && !gee_str_equal(args->zone, GEE_STR("UTC"))) {
        gee_failf(call, GEE_NOT_FOUND, "no zone %.*s here", GEE_STR_ARGUMENTS(args->zone));
        return;
    }
    *seconds = gee_clock_wall() / GEE_SECOND;
    gee_reply(call);
}
GEE_SERVICE(service_clock, "Clock", GEE_METHOD("Now", now, clock_args_t, int64_t, GEE_IDEMPOTENT));
