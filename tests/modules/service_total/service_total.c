#include <gee/service.h>

typedef struct {
    int64_t count, sum;
} total_t;
GEE_STRUCT(total_t, "Total", GEE_INT64(total_t, count, "Count", 1), GEE_INT64(total_t, sum, "Sum", 2));

static void add(gee_call_t *call, const int64_t *number, total_t *total) {
    total->count++;
    if (__builtin_add_overflow(total->sum, *number, &total->sum))
        gee_fail(call, GEE_OUT_OF_RANGE, "the sum is too large");
}
static void added(gee_call_t *call, total_t *total GEE_UNUSED) {
    gee_reply(call);
}
GEE_SERVICE(service_total, "Total", GEE_CLIENT_STREAM("Of", add, added, int64_t, total_t, 0));
