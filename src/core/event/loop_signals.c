/* loop_signals.c: signals as events of the loop, by signalfd: no code runs in a signal handler. */
#include "core/event/loop_private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SIGNALS_A_PASS 32

static void signals_ready(gee_watch_t *watch, uint32_t events) {
    (void)events;
    gee_loop_t *loop = GEE_CONTAINER(watch, gee_loop_t, signal_watch);
    for (int i = 0; i < SIGNALS_A_PASS && watch->events != 0; i++) {
        struct signalfd_siginfo info;
        if (read(watch->descriptor, &info, sizeof(info)) != (ssize_t)sizeof(info))
            return;
        loop->caught((int)info.ssi_signo, loop->caught_data);
    }
}

void gee_loop_signals_close(gee_loop_t *loop) {
    if (loop->signal_watch.descriptor < 0)
        return;
    gee_loop_unwatch(loop, &loop->signal_watch);
    close(loop->signal_watch.descriptor);
    loop->signal_watch.descriptor = -1;
}

int gee_loop_signals(gee_loop_t *loop, const int *signals, size_t count, void (*caught)(int signal, void *data),
                     void *data, gee_error_t *error) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < count; i++)
        if (sigaddset(&set, signals[i]) != 0)
            return gee_error_set(error, GEE_INVALID_ARGUMENT, "signals: %d is not a signal", signals[i]);
    gee_loop_signals_close(loop);
    if (count == 0)
        return 0;
    int trouble = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (trouble != 0)
        return gee_error_set(error, GEE_INTERNAL, "signals: cannot block them: %s", strerror(trouble));
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (descriptor < 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "signals: signalfd: %s", strerror(errno));
    loop->signal_watch.descriptor = descriptor;
    loop->signal_watch.ready = signals_ready;
    loop->caught = caught;
    loop->caught_data = data;
    if (gee_loop_watch(loop, &loop->signal_watch, EPOLLIN, error) != 0) {
        gee_loop_signals_close(loop);
        return -1;
    }
    return 0;
}
