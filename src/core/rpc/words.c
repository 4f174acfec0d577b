/* words.c: "can't find method", written and read, in GeeRPC's words and in Go's. */
#include "core/rpc/words.h"

#include "core/base/defs.h"

static const char *const openings[] = {
    [GEE_MISSING_NOTHING] = "",
    [GEE_MISSING_DOT] = "service/method request ill-formed: ",
    [GEE_MISSING_SERVICE] = "can't find service ",
    [GEE_MISSING_METHOD] = "can't find method ",
};

static const char *speaker(bool go_words) {
    return go_words ? "rpc: " : "rpc server: ";
}

/* The name that is reported as missing: Go reports the whole name. */
static gee_str_t named(gee_missing_t missing, gee_str_t method, bool go_words) {
    ptrdiff_t dot = gee_str_find_last(method, '.');
    if (go_words || missing == GEE_MISSING_DOT || dot < 0)
        return method;
    if (missing == GEE_MISSING_SERVICE)
        return (gee_str_t){ .data = method.data, .length = (size_t)dot };
    return (gee_str_t){ .data = method.data + dot + 1, .length = method.length - (size_t)dot - 1 };
}

void gee_words_say(gee_missing_t missing, gee_str_t method, bool go_words, gee_error_t *error) {
    gee_str_t quoted = gee_str_quoted(named(missing, method, go_words));
    gee_error_set(error, missing == GEE_MISSING_DOT ? GEE_INVALID_ARGUMENT : GEE_UNIMPLEMENTED, "%s%s%.*s",
                  speaker(go_words), openings[missing], GEE_STR_ARGUMENTS(quoted));
}

static bool skip(gee_str_t *text, const char *opening) {
    gee_str_t prefix = gee_str(opening);
    if (!gee_str_starts_with(*text, prefix))
        return false;
    *text = (gee_str_t){ .data = text->data + prefix.length, .length = text->length - prefix.length };
    return true;
}

gee_missing_t gee_words_read(gee_str_t text, gee_str_t method) {
    bool go_words = skip(&text, speaker(true));
    if (!go_words && !skip(&text, speaker(false)))
        return GEE_MISSING_NOTHING;
    for (gee_missing_t missing = GEE_MISSING_DOT; missing <= GEE_MISSING_METHOD; missing++) {
        gee_str_t rest = text, name = named(missing, method, go_words);
        if (skip(&rest, openings[missing]))
            return gee_str_equal(rest, name) || gee_str_equal(rest, gee_str_quoted(name)) ? missing
                                                                                          : GEE_MISSING_NOTHING;
    }
    return GEE_MISSING_NOTHING;
}
