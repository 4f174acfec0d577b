/* event_support.h: what the tests of the event layer share: running a loop until something is so, pairs of sockets.
 *
 * Include it behind cmocka.h. */
#ifndef TESTS_EVENT_SUPPORT_H
#define TESTS_EVENT_SUPPORT_H

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/defs.h"
#include "core/event/loop.h"

#define PATIENCE (20 * GEE_SECOND) /* nothing takes so long, unless it hangs */

static inline gee_loop_t *new_loop(void) {
    gee_error_t error;
    gee_loop_t *loop = gee_loop_create(NULL, &error);
    assert_non_null(loop);
    return loop;
}

/* Runs passes until the condition holds; it is looked at between them. */
#define RUN_UNTIL(loop, condition)                                                                                     \
    do {                                                                                                               \
        int64_t give_up = gee_clock_monotonic() + PATIENCE;                                                            \
        while (!(condition)) {                                                                                         \
            if (gee_clock_monotonic() > give_up)                                                                       \
                fail_msg("waited in vain for: %s", #condition);                                                        \
            assert_int_equal(gee_loop_once(loop, 50 * GEE_MILLISECOND), 0);                                            \
        }                                                                                                              \
    } while (0)

/* So many passes that do not wait: for what must not happen. */
static inline void run_passes(gee_loop_t *loop, int count) {
    for (int i = 0; i < count; i++)
        assert_int_equal(gee_loop_once(loop, 0), 0);
}

static inline void new_pair(int pair[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
}

/* A connected pair over TCP on loopback: [0] is the connecting side. */
GEE_UNUSED static inline void new_tcp_pair(int pair[2]) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(pair[0] >= 0);
    assert_int_equal(connect(pair[0], (struct sockaddr *)&address, length), 0);
    pair[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_true(pair[1] >= 0);
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

#endif
