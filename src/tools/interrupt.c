/* interrupt.c: Ctrl-C and SIGTERM as a descriptor, so that a measurement can be printed before the end. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>

#include "tools/tools.h"

int gee_interrupt_open(void) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int descriptor = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (descriptor < 0)
        gee_complain("signalfd: %s", strerror(errno));
    return descriptor;
}

waited_t gee_interrupt_wait(int interrupt, int64_t until, int descriptor) {
    struct pollfd watched[] = { { .fd = interrupt, .events = POLLIN }, { .fd = descriptor, .events = POLLIN } };
    for (;;) {
        int64_t left = until - gee_now();
        if (left < 0)
            left = 0;
        struct timespec timeout = { .tv_sec = left / NANOSECONDS, .tv_nsec = (long)(left % NANOSECONDS) };
        int ready = ppoll(watched, 2, &timeout, NULL);
        if (ready < 0 && errno == EINTR)
            continue;
        return watched[0].revents ? WAITED_INTERRUPT : watched[1].revents ? WAITED_INPUT : WAITED_TIME;
    }
}
