/* upstream_settings.c: the option table of an upstream's limits, for programs that set them by name. */
#include "core/gateway/upstream_settings.h"

#include "core/base/defs.h"

const char *const gee_check_words[] = { "ping", "connect", "call", NULL };
_Static_assert(GEE_CHECK_CALL == GEE_LENGTH(gee_check_words) - 2, "one word each, in their order");

const gee_option_t gee_upstream_limits_options[] = { GEE_UPSTREAM_LIMITS_ROWS(0), { .name = NULL } };
