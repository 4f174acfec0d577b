/* error.c: filling a gee_error_t, and the names of codes and phases. */
#include "core/base/error.h"

#include <string.h>

#include "core/base/defs.h"
#include "core/base/str.h"

int gee_error_vset(gee_error_t *error, gee_code_t code, const char *format, va_list arguments) {
    if (error == NULL)
        return -1;
    char text[GEE_ERROR_TEXT]; /* apart, as an argument may be the error's own old text */
    size_t length = gee_str_vformat(text, sizeof text, format, arguments);
    error->code = code;
    error->phase = GEE_PHASE_NONE;
    error->from_peer = false;
    error->elapsed_ns = 0;
    memcpy(error->text, text, length + 1);
    return -1;
}

int gee_error_set(gee_error_t *error, gee_code_t code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    gee_error_vset(error, code, format, arguments);
    va_end(arguments);
    return -1;
}

int gee_error_prefix(gee_error_t *error, const char *format, ...) {
    if (error == NULL)
        return -1;
    char text[GEE_ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    size_t prefix = gee_str_vformat(text, sizeof text, format, arguments);
    va_end(arguments);

    size_t old = strnlen(error->text, GEE_ERROR_TEXT - 1);
    if (prefix + old > GEE_ERROR_TEXT - 1)
        old = gee_utf8_cut(error->text, GEE_ERROR_TEXT - 1 - prefix);
    memmove(error->text + prefix, error->text, old);
    memcpy(error->text, text, prefix);
    error->text[prefix + old] = '\0';
    return -1;
}

const char *gee_code_name(gee_code_t code) {
    static const char *const names[] = {
        [GEE_OK] = "ok",
        [GEE_CANCELLED] = "cancelled",
        [GEE_UNKNOWN] = "unknown",
        [GEE_INVALID_ARGUMENT] = "invalid argument",
        [GEE_DEADLINE_EXCEEDED] = "deadline exceeded",
        [GEE_NOT_FOUND] = "not found",
        [GEE_ALREADY_EXISTS] = "already exists",
        [GEE_PERMISSION_DENIED] = "permission denied",
        [GEE_RESOURCE_EXHAUSTED] = "resource exhausted",
        [GEE_FAILED_PRECONDITION] = "failed precondition",
        [GEE_ABORTED] = "aborted",
        [GEE_OUT_OF_RANGE] = "out of range",
        [GEE_UNIMPLEMENTED] = "unimplemented",
        [GEE_INTERNAL] = "internal",
        [GEE_UNAVAILABLE] = "unavailable",
        [GEE_DATA_LOSS] = "data loss",
        [GEE_UNAUTHENTICATED] = "unauthenticated",
    };
    return (size_t)code < GEE_LENGTH(names) ? names[code] : "unknown";
}

const char *gee_phase_name(gee_phase_t phase) {
    static const char *const names[] = {
        [GEE_PHASE_NONE] = "",           [GEE_PHASE_RESOLVE] = "resolve",
        [GEE_PHASE_CONNECT] = "connect", [GEE_PHASE_HANDSHAKE] = "handshake",
        [GEE_PHASE_SEND] = "send",       [GEE_PHASE_WAIT] = "wait",
    };
    return (size_t)phase < GEE_LENGTH(names) ? names[phase] : "";
}
