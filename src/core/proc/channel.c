/* channel.c: messages over the socket pair between master and worker. */
#include "core/proc/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/event/rights.h"

#define MOST_WAITING    1024 /* to a peer that does not read */
#define MOST_READ       64   /* messages in one pass */
#define MESSAGE_MINIMUM offsetof(gee_message_t, text)

typedef struct waiting_message {
    gee_link_t link;
    int descriptor;
    gee_message_t message;
} waiting_message_t;

/* 0, or -1 with errno. */
static int send_now(int channel, const gee_message_t *message, int descriptor) {
    struct iovec part = { .iov_base = (void *)(uintptr_t)message, .iov_len = MESSAGE_MINIMUM + message->length };
    return gee_rights_send(channel, &part, 1, descriptor);
}

static bool try_later(int number) {
    return number == EAGAIN || number == EWOULDBLOCK || number == ENOBUFS || number == ETOOMANYREFS;
}

static void forget_waiting(gee_channel_t *channel, waiting_message_t *waiting) {
    gee_list_remove(&waiting->link);
    channel->waiting_count--;
    if (waiting->descriptor >= 0)
        (void)close(waiting->descriptor);
    free(waiting);
}

static int put_aside(gee_channel_t *channel, const gee_message_t *message, int descriptor) {
    if (channel->waiting_count >= MOST_WAITING)
        return -1;
    waiting_message_t *waiting = calloc(1, sizeof *waiting);
    if (!waiting)
        return -1;
    waiting->message = *message;
    waiting->descriptor = -1;
    if (descriptor >= 0) {
        waiting->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        if (waiting->descriptor < 0) {
            free(waiting);
            return -1;
        }
    }
    gee_list_append(&channel->waiting, &waiting->link);
    channel->waiting_count++;
    gee_loop_rewatch(channel->loop, &channel->watch, EPOLLIN | EPOLLOUT);
    return 0;
}

int gee_channel_send(gee_channel_t *channel, const gee_message_t *message, int descriptor) {
    if (channel->watch.descriptor < 0)
        return -1;
    if (channel->waiting_count == 0) {
        if (send_now(channel->watch.descriptor, message, descriptor) == 0)
            return 0;
        if (!try_later(errno))
            return -1;
    }
    return put_aside(channel, message, descriptor);
}

static void send_waiting(gee_channel_t *channel) {
    gee_link_t *link;
    while ((link = gee_list_first(&channel->waiting)) != NULL) {
        waiting_message_t *waiting = GEE_CONTAINER(link, waiting_message_t, link);
        if (send_now(channel->watch.descriptor, &waiting->message, waiting->descriptor) != 0 && try_later(errno))
            return;
        forget_waiting(channel, waiting); /* sent, or the other side is gone, which the next read reports */
    }
    gee_loop_rewatch(channel->loop, &channel->watch, EPOLLIN);
}

/* 1: a message; 0: no message now; -1: the other side is gone, or sent a malformed message. */
static int receive_one(gee_channel_t *channel, gee_message_t *message, int *descriptor) {
    struct iovec part = { .iov_base = message, .iov_len = sizeof *message };
    ssize_t length = gee_rights_receive(channel->watch.descriptor, &part, 1, descriptor);
    if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (length <= 0)
        return -1;
    if ((size_t)length < MESSAGE_MINIMUM || message->length >= GEE_MESSAGE_TEXT ||
        (size_t)length != MESSAGE_MINIMUM + message->length) {
        if (*descriptor >= 0)
            (void)close(*descriptor);
        return -1;
    }
    message->text[message->length] = '\0';
    return 1;
}

void gee_channel_read(gee_channel_t *channel) {
    gee_message_t message;
    for (int i = 0; i < MOST_READ && channel->watch.descriptor >= 0; i++) {
        int descriptor = -1;
        int outcome = receive_one(channel, &message, &descriptor);
        if (outcome == 0)
            return;
        if (outcome < 0) {
            gee_channel_close(channel);
            channel->ended(channel);
            return;
        }
        channel->received(channel, &message, descriptor);
    }
}

static void channel_on_ready(gee_watch_t *watch, uint32_t events) {
    gee_channel_t *channel = GEE_CONTAINER(watch, gee_channel_t, watch);
    if (events & EPOLLOUT)
        send_waiting(channel);
    if (events & ~(uint32_t)EPOLLOUT)
        gee_channel_read(channel);
}

int gee_channel_open(gee_channel_t *channel, gee_loop_t *loop, int descriptor, gee_error_t *error) {
    GEE_ASSERT(channel->received && channel->ended);
    channel->loop = loop;
    channel->watch = (gee_watch_t){ .descriptor = descriptor, .ready = channel_on_ready };
    channel->waiting_count = 0;
    gee_list_init(&channel->waiting);
    if (gee_loop_watch(loop, &channel->watch, EPOLLIN, error) == 0)
        return 0;
    (void)close(descriptor);
    channel->watch.descriptor = -1;
    return -1;
}

void gee_channel_forget(const gee_channel_t *channel) {
    if (channel->watch.descriptor < 0)
        return;
    GEE_LIST_EACH(&channel->waiting, link) {
        const waiting_message_t *waiting = GEE_CONTAINER(link, waiting_message_t, link);
        if (waiting->descriptor >= 0)
            (void)close(waiting->descriptor);
    }
    (void)close(channel->watch.descriptor);
}

void gee_channel_close(gee_channel_t *channel) {
    if (channel->watch.descriptor < 0)
        return;
    while (!gee_list_empty(&channel->waiting))
        forget_waiting(channel, GEE_CONTAINER(gee_list_first(&channel->waiting), waiting_message_t, link));
    gee_loop_unwatch(channel->loop, &channel->watch);
    (void)close(channel->watch.descriptor);
    channel->watch.descriptor = -1;
}
