/* service_stranger.c: a service that is not in modules.list, for the tests of --add-module: Stranger.Greet. */
#include <gee.h>

#include <stdio.h>

typedef struct {
    gee_str_t name;
} greet_t;
GEE_STRUCT(greet_t, "Greet", GEE_STRING(greet_t, name, "Name", 1));

static void greet(gee_call_t *call, const greet_t *args, gee_str_t *greeting) {
    size_t size = sizeof("Hello, ") + args->name.length;
    char *text = gee_call_alloc(call, size);
    if (text == NULL) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    int length = snprintf(text, size, "Hello, %.*s", GEE_STR_ARGUMENTS(args->name));
    *greeting = (gee_str_t){ .data = text, .length = (size_t)length };
    gee_reply(call);
}

GEE_SERVICE(service_stranger, "Stranger", GEE_METHOD("Greet", greet, greet_t, gee_str_t, GEE_IDEMPOTENT));
