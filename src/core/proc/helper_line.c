/* helper_line.c: messages from workers to the helper, wake-ups the other way, and the lock that keeps helpers apart. */
#include "core/proc/helper_line.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_BYTES (1 << 20) /* of waiting messages; the kernel may grant less */

/* The head of each message. Workers and helper may be different builds during an upgrade. */
typedef struct head {
    uint32_t version;
    uint32_t worker;
    char module[56];
} head_t;
#define HEAD_VERSION 1u

/* ---- opening and closing, in the master ---- */

static int open_shared(gee_server_state_t *server, gee_error_t *error) {
    int size = QUEUE_BYTES;
    if (server->helper_lock >= 0)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, server->helper_requests) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "helper: socketpair: %s", strerror(errno));
    (void)setsockopt(server->helper_requests[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    server->helper_lock = memfd_create("geerpc-helper", MFD_CLOEXEC);
    if (server->helper_lock >= 0)
        return 0;
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "helper: memfd_create: %s", strerror(errno));
    gee_helper_line_finish(server);
    return -1;
}

void gee_helper_line_finish(gee_server_state_t *server) {
    int *descriptors[] = { &server->helper_requests[0], &server->helper_requests[1], &server->helper_lock };
    for (size_t i = 0; i < GEE_LENGTH(descriptors); i++) {
        if (*descriptors[i] >= 0)
            (void)close(*descriptors[i]);
        *descriptors[i] = -1;
    }
}

static int tell(gee_helper_line_t *line, const char *module, const void *bytes, size_t length) {
    const gee_helper_wires_t *wires = GEE_CONTAINER(line, gee_helper_wires_t, line);
    head_t head = { .version = HEAD_VERSION, .worker = wires->worker };
    struct iovec parts[] = { { .iov_base = &head, .iov_len = sizeof(head) },
                             { .iov_base = (void *)(uintptr_t)bytes, .iov_len = length } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = GEE_LENGTH(parts) };
    if (length > GEE_HELPER_MESSAGE || strlen(module) >= sizeof(head.module)) {
        errno = EMSGSIZE;
        return -1;
    }
    memcpy(head.module, module, strlen(module));
    return sendmsg(wires->server->helper_requests[1], &message, MSG_NOSIGNAL) >= 0 ? 0 : -1;
}

static void wake(gee_helper_line_t *line) {
    const gee_helper_wires_t *wires = GEE_CONTAINER(line, gee_helper_wires_t, line);
    const uint64_t one = 1;
    for (unsigned i = 0; i < wires->workers; i++)
        (void)!write(wires->wakes[i], &one, sizeof(one)); /* full: the worker has been woken already */
}

gee_helper_wires_t *gee_helper_line_open(gee_server_state_t *server, unsigned workers, gee_pool_t *pool,
                                         gee_error_t *error) {
    gee_helper_wires_t *wires = gee_pool_zalloc(pool, sizeof(*wires));
    if (wires != NULL)
        wires->wakes = gee_pool_array(pool, workers, sizeof(*wires->wakes));
    if (wires == NULL || wires->wakes == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "helper: out of memory");
        return NULL;
    }
    wires->line = (gee_helper_line_t){ .tell = tell, .wake = wake };
    wires->server = server;
    if (open_shared(server, error) != 0)
        return NULL;
    for (; wires->workers < workers; wires->workers++) {
        wires->wakes[wires->workers] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        if (wires->wakes[wires->workers] < 0) {
            gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "helper: eventfd: %s", strerror(errno));
            gee_helper_line_close(&wires);
            return NULL;
        }
    }
    return wires;
}

void gee_helper_line_close(gee_helper_wires_t **handle) {
    gee_helper_wires_t *wires = *handle;
    *handle = NULL;
    for (unsigned i = 0; wires != NULL && i < wires->workers; i++)
        (void)close(wires->wakes[i]);
}

/* ---- in the helper ---- */

static const gee_module_t *find_module(const gee_module_entry_t *modules, const char *name, size_t *index) {
    for (*index = 0; modules[*index].module != NULL; ++*index)
        if (strcmp(modules[*index].module->name, name) == 0)
            return modules[*index].module;
    return NULL;
}

int gee_helper_line_read(const gee_helper_wires_t *wires, gee_helper_message_t *message) {
    head_t head;
    struct iovec parts[] = { { .iov_base = &head, .iov_len = sizeof(head) },
                             { .iov_base = message->bytes, .iov_len = sizeof(message->bytes) } };
    struct msghdr received = { .msg_iov = parts, .msg_iovlen = GEE_LENGTH(parts) };
    ssize_t length = recvmsg(wires->server->helper_requests[0], &received, 0);
    if (length < 0)
        return -1;
    message->module = NULL;
    if ((size_t)length < sizeof(head) || head.version != HEAD_VERSION || (received.msg_flags & MSG_TRUNC) != 0)
        return 0;
    head.module[sizeof(head.module) - 1] = '\0';
    message->module = find_module(wires->server->modules, head.module, &message->module_index);
    message->worker = head.worker;
    message->length = (size_t)length - sizeof(head);
    return 0;
}

bool gee_helper_line_take(const gee_helper_wires_t *wires) {
    struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    return fcntl(wires->server->helper_lock, F_SETLK, &all) == 0;
}
