#include <gee/service.h>

typedef struct {
    gee_str_t text;
    int64_t milliseconds;
} note_t;
GEE_STRUCT(note_t, "Note", GEE_STRING(note_t, text, "Text", 1), GEE_INT64(note_t, milliseconds, "Milliseconds", 2));

static void ring(gee_call_t *call, void *data) {
    const gee_str_t *text = data;
    if (text->length == 0)
        gee_fail(call, GEE_NOT_FOUND, "there was nothing to remember");
    else
        gee_reply(call);
}
static void remind(gee_call_t *call, const note_t *note, gee_str_t *text) {
    if (note->milliseconds < 0 || note->milliseconds > 60000) {
        gee_fail(call, GEE_INVALID_ARGUMENT, "Milliseconds: 0 to 60000");
        return;
    }
    *text = note->text;
    if (gee_call_after(call, note->milliseconds * GEE_MILLISECOND, ring, text) != 0)
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

typedef struct {
    gee_str_t zone;
} zone_t; /* as Clock.Now wants it */
GEE_STRUCT(zone_t, "Zone", GEE_STRING(zone_t, zone, "Zone", 1));

static void stamped(gee_call_t *call, const gee_status_t *status, const int64_t *seconds, void *data) {
    gee_str_t *stamp = data;
    if (status->code != GEE_OK) {
        gee_failf(call, status->code, "no time: %.*s", GEE_STR_ARGUMENTS(status->text));
        return;
    }
    const char *text = gee_pool_printf(gee_call_pool(call), "at %lld", (long long)*seconds);
    if (text == NULL) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    *stamp = gee_str(text);
    gee_reply(call);
}
static void stamp(gee_call_t *call, const gee_str_t *zone_name, gee_str_t *stamp) {
    gee_error_t error;
    zone_t zone = { *zone_name };
    if (GEE_CALL_OTHER(call, GEE_STR("Clock.Now"), zone_t, &zone, int64_t, stamped, stamp, &error) != 0)
        gee_fail(call, error.code, error.text);
}
GEE_SERVICE(service_later, "Later", GEE_METHOD("Remind", remind, note_t, gee_str_t, 0),
            GEE_METHOD("Stamp", stamp, gee_str_t, gee_str_t, 0));
