#include <gee/service.h>

static void go_on(gee_call_t *call, void *data) {
    int64_t *left = data;
    while (*left > 0) {
        gee_sent_t sent = GEE_SEND(call, int64_t, left);
        --*left;
        if (sent == GEE_SENT_FULL) {
            gee_call_on_room(call, go_on, left);
            return;
        }
        if (sent == GEE_SEND_ENDED)
            return;
    }
    gee_end(call);
}
static void from(gee_call_t *call, const int64_t *start) {
    int64_t *left = gee_call_alloc(call, sizeof(*left));
    if (left == NULL) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    *left = *start; /* `start` lives until this handler returns */
    go_on(call, left);
}
static void from_blocking(gee_call_t *call, const int64_t *start) {
    for (int64_t left = *start; left > 0; left--)
        if (GEE_SEND(call, int64_t, &left) == GEE_SEND_ENDED)
            return;
    gee_end(call);
}
GEE_SERVICE(service_countdown, "Countdown", GEE_SERVER_STREAM("From", from, int64_t, int64_t, 0),
            GEE_SERVER_STREAM("FromBlocking", from_blocking, int64_t, int64_t, GEE_BLOCKING));
