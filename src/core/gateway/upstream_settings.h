/* upstream_settings.h: the rows of gee_upstream_limits_t, so that a larger structure can have them among its own. */
#ifndef GEE_GATEWAY_UPSTREAM_SETTINGS_H
#define GEE_GATEWAY_UPSTREAM_SETTINGS_H

#include "core/conf/option.h"
#include "core/gateway/upstream.h"

extern const char *const gee_check_words[]; /* by gee_check_t */

#define GEE_UPSTREAM_COUNT_ROW(base, member, text, low, high, documentation)                                           \
    {                                                                                                                  \
        .name = #member, .type = GEE_OPTION_INT, .offset = (base) + offsetof(gee_upstream_limits_t, member),           \
        .fallback = text, .flags = GEE_OPTION_RELOADABLE, .minimum = low, .maximum = high, .doc = documentation        \
    }
#define GEE_UPSTREAM_TIME_ROW(base, member, text, low, high, documentation)                                            \
    {                                                                                                                  \
        .name = #member, .type = GEE_OPTION_DURATION, .offset = (base) + offsetof(gee_upstream_limits_t, member),      \
        .fallback = text, .flags = GEE_OPTION_RELOADABLE, .minimum = low, .maximum = high, .doc = documentation        \
    }

/* `base`: where the gee_upstream_limits_t is in the structure. */
#define GEE_UPSTREAM_LIMITS_ROWS(base)                                                                                 \
    GEE_UPSTREAM_COUNT_ROW(base, connections, "2", 1, 1000,                                                            \
                           "Connections of one worker to one server, at most; calls share them"),                      \
        GEE_UPSTREAM_TIME_ROW(base, connect_timeout, "3s", GEE_MILLISECOND, 3600 * GEE_SECOND,                         \
                              "Resolving, connecting and the handshake together"),                                     \
        GEE_UPSTREAM_COUNT_ROW(base, in_flight, "1000", 0, INT32_MAX,                                                  \
                               "Calls of one worker at one server, streaming calls not counted; further calls "        \
                               "wait; 0 for no limit"),                                                                \
        GEE_UPSTREAM_COUNT_ROW(base, streams, "1000", 0, INT32_MAX,                                                    \
                               "Streaming calls of one worker that are open at one server, at most, beside "           \
                               "in_flight; further calls fail; 0 for no limit"),                                       \
        GEE_UPSTREAM_COUNT_ROW(base, queue, "1000", 0, INT32_MAX,                                                      \
                               "Calls of one worker that may wait for a server or a connection; further calls fail"),  \
        GEE_UPSTREAM_COUNT_ROW(base, retries, "2", 0, GEE_UPSTREAM_TRIES - 1,                                          \
                               "Further servers at which a failed call is tried, if the call was not sent yet or "     \
                               "may be repeated"),                                                                     \
        GEE_UPSTREAM_COUNT_ROW(base, retry_budget, "20", 0, 100,                                                       \
                               "Retries in percent of calls, at most, beside a few that are always allowed"),          \
        GEE_UPSTREAM_COUNT_ROW(base, fails, "3", 0, 1000000,                                                           \
                               "Failures in a row after which a server is down; 0: never"),                            \
        GEE_UPSTREAM_TIME_ROW(base, fail_timeout, "10s", GEE_MILLISECOND, 24 * 3600 * GEE_SECOND,                      \
                              "A server that is down is tried again after this time at the latest"),                   \
        GEE_UPSTREAM_TIME_ROW(base, try_timeout, "0", 0, 3600 * GEE_SECOND,                                            \
                              "A call that may be repeated and has no reply from one server within this time is "      \
                              "tried on another, within retries and retry_budget; 0: never"),                          \
        GEE_UPSTREAM_TIME_ROW(base, check_interval, "0", 0, 24 * 3600 * GEE_SECOND,                                    \
                              "How often a server is checked, whether the server gets calls or not; 0: never"),        \
        { .name = "check",                                                                                             \
          .type = GEE_OPTION_CHOICE,                                                                                   \
          .offset = (base) + offsetof(gee_upstream_limits_t, check),                                                   \
          .fallback = "ping",                                                                                          \
          .flags = GEE_OPTION_RELOADABLE,                                                                              \
          .choices = gee_check_words,                                                                                  \
          .doc = "How a server is checked. ping: by a ping where the wire has pings (bin), else by a new connection; " \
                 "connect: by a new connection; call: by a call of check_method on a new connection, which also finds" \
                 " a server that accepts but does not answer" },                                                       \
    {                                                                                                                  \
        .name = "check_method", .type = GEE_OPTION_STRING,                                                             \
        .offset = (base) + offsetof(gee_upstream_limits_t, check_method), .flags = GEE_OPTION_RELOADABLE,              \
        .doc = "With check = \"call\": the method, as Name.Method, called with empty arguments; any reply counts, "    \
               "also an error"                                                                                         \
    }

#endif
