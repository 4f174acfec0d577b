/* liaison.c: lines of text between two masters. */
#include "core/proc/liaison.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/str.h"
#include "core/event/rights.h"

#define MOST_READ 64 /* lines in one pass */

int gee_liaison_tell(int socket, int descriptor, const char *format, ...) {
    char text[GEE_LIAISON_TEXT];
    va_list arguments;
    va_start(arguments, format);
    struct iovec part = { .iov_base = text, .iov_len = gee_str_vformat(text, sizeof text, format, arguments) };
    va_end(arguments);
    return gee_rights_send(socket, &part, 1, descriptor);
}

static void liaison_hear(gee_liaison_t *liaison, char *text, int descriptor) {
    char *space = strchr(text, ' ');
    if (space)
        *space = '\0';
    liaison->said(liaison, text, space ? space + 1 : "", descriptor);
}

void gee_liaison_read(gee_liaison_t *liaison) {
    char text[GEE_LIAISON_TEXT];
    for (int i = 0; i < MOST_READ && liaison->watch.descriptor >= 0; i++) {
        int descriptor;
        struct iovec part = { .iov_base = text, .iov_len = sizeof text - 1 };
        ssize_t length = gee_rights_receive(liaison->watch.descriptor, &part, 1, &descriptor);
        if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (length <= 0) {
            gee_liaison_close(liaison);
            liaison->ended(liaison);
            return;
        }
        text[length] = '\0';
        liaison_hear(liaison, text, descriptor);
    }
}

static void liaison_on_ready(gee_watch_t *watch, uint32_t events GEE_UNUSED) {
    gee_liaison_read(GEE_CONTAINER(watch, gee_liaison_t, watch));
}

int gee_liaison_open(gee_liaison_t *liaison, gee_loop_t *loop, int descriptor, gee_error_t *error) {
    GEE_ASSERT(liaison->said && liaison->ended);
    liaison->loop = loop;
    liaison->watch = (gee_watch_t){ .descriptor = descriptor, .ready = liaison_on_ready };
    if (gee_loop_watch(loop, &liaison->watch, EPOLLIN, error) == 0)
        return 0;
    (void)close(descriptor);
    liaison->watch.descriptor = -1;
    return -1;
}

void gee_liaison_close(gee_liaison_t *liaison) {
    if (liaison->watch.descriptor < 0)
        return;
    gee_loop_unwatch(liaison->loop, &liaison->watch);
    (void)close(liaison->watch.descriptor);
    liaison->watch.descriptor = -1;
}
