/* notify.c: datagrams to systemd. A failure to send is logged and otherwise ignored. */
#include "core/proc/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"

/* -1 with errno. A name that begins with @ is an abstract one. */
static int fill_address(const char *name, struct sockaddr_un *address, socklen_t *length) {
    size_t bytes = strlen(name);
    if ((*name != '/' && *name != '@') || bytes < 2 || bytes >= sizeof address->sun_path) {
        errno = EINVAL;
        return -1;
    }
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(address->sun_path, name, bytes);
    if (*name == '@')
        address->sun_path[0] = '\0';
    *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes + (*name == '/'));
    return 0;
}

static int send_datagram(const char *name, const char *text) {
    struct sockaddr_un address;
    struct timeval patience = { .tv_sec = 1 }; /* systemd's queue may be full for a moment */
    socklen_t length;
    if (fill_address(name, &address, &length) != 0)
        return -1;
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -1;
    (void)setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    ssize_t sent = sendto(descriptor, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, length);
    int reason = errno;
    (void)close(descriptor);
    errno = reason;
    return sent < 0 ? -1 : 0;
}

void gee_notify(const gee_server_state_t *server, const char *format, ...) {
    const char *name = getenv("NOTIFY_SOCKET");
    char *text = NULL;
    va_list arguments;
    if (!name || *name == '\0' || server->parent_socket >= 0)
        return;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if (send_datagram(name, text) != 0)
        gee_log(server->log, GEE_LOG_WARN, "systemd cannot be told (NOTIFY_SOCKET %s): %s", name, strerror(errno));
    free(text);
}

void gee_notify_ready(const gee_server_state_t *server, const char *status) {
    gee_notify(server, "READY=1\nMAINPID=%ld\nSTATUS=%s", (long)getpid(), status);
}

void gee_notify_reloading(const gee_server_state_t *server) {
    gee_notify(server, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reloading", gee_clock_monotonic() / 1000);
}
