/* transport_unix.c: unix@path.
 *
 * The socket file never has wider rights than asked for, not even for a moment: the mode is set on the socket before
 * the bind, and the kernel makes the file with this mode. A file that a dead server left is replaced; a file that is no
 * socket, or on which a process listens, is left alone. */
#include <gee/transport.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MOST (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

static int unix_check(const gee_addr_t *addr, gee_error_t *error) {
    size_t length = strlen(addr->place);
    if (length == 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: the path is missing, expected unix@/path/to/socket",
                             addr->text);
    if (addr->place[0] == '@')
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: abstract names are not supported, give a path",
                             addr->text);
    if (length > PATH_MOST)
        return gee_error_set(error, GEE_INVALID_ARGUMENT,
                             "%s: the path is too long for a socket: %zu bytes, at most %zu", addr->text, length,
                             PATH_MOST);
    return 0;
}

static int unix_resolve(const gee_addr_t *addr, gee_sockaddr_t *candidates, size_t capacity, size_t *count,
                        gee_error_t *error) {
    if (unix_check(addr, error) != 0)
        return -1;
    if (capacity == 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: no room for an address", addr->text);
    memset(&candidates[0], 0, sizeof(candidates[0]));
    candidates[0].local.sun_family = AF_UNIX;
    memcpy(candidates[0].local.sun_path, addr->place, strlen(addr->place) + 1);
    *count = 1;
    return 0;
}

static bool unix_numeric(const gee_addr_t *addr) {
    (void)addr;
    return true;
}

static int open_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* Does a process accept on this socket file? 0: no; else the errno that says why the file must be left alone. */
static int probe(const gee_sockaddr_t *address) {
    int descriptor = open_socket();
    if (descriptor < 0)
        return errno;
    int reason = connect(descriptor, &address->any, gee_sockaddr_length(address)) == 0 ? EADDRINUSE : errno;
    close(descriptor);
    switch (reason) {
    case ECONNREFUSED:
    case ENOENT:
        return 0;
    case EAGAIN:     /* the queue of the listener is full */
    case EPROTOTYPE: /* a socket of another type */
        return EADDRINUSE;
    default:
        return reason;
    }
}

/* Makes room for a new socket file where a stale one lies. */
static int remove_stale(const gee_sockaddr_t *address, gee_error_t *error) {
    const char *path = address->local.sun_path;
    struct stat found;
    if (lstat(path, &found) != 0)
        return 0; /* there is no file, or bind() reports what is wrong */
    if (!S_ISSOCK(found.st_mode))
        return gee_error_set(error, GEE_ALREADY_EXISTS,
                             "unix@%s: something that is not a socket is there: remove it or take another path", path);
    int reason = probe(address);
    if (reason == EADDRINUSE)
        return gee_error_set(error, GEE_ALREADY_EXISTS, "unix@%s: already in use, another process listens there", path);
    if (reason != 0)
        return gee_error_set(error, gee_socket_code(reason), "unix@%s: cannot tell whether it is in use: %s", path,
                             strerror(reason));
    if (unlink(path) != 0 && errno != ENOENT)
        return gee_error_set(error, gee_socket_code(errno), "unix@%s: cannot remove the stale socket: %s", path,
                             strerror(errno));
    return 0;
}

static int unix_listen(const gee_sockaddr_t *address, const gee_listen_options_t *options, gee_error_t *error) {
    const char *path = address->local.sun_path, *call = "socket";
    unsigned mode = options ? options->mode & 0777 : 0;
    int backlog = options && options->backlog > 0 ? options->backlog : INT_MAX; /* the kernel has its own maximum */
    bool bound = false;
    if (remove_stale(address, error) != 0)
        return -1;
    int descriptor = open_socket();
    if (descriptor < 0)
        goto fail;
    call = "fchmod";
    if (mode != 0 && fchmod(descriptor, mode) != 0)
        goto fail;
    call = "bind";
    if (bind(descriptor, &address->any, gee_sockaddr_length(address)) != 0)
        goto fail;
    bound = true;
    call = "chmod"; /* gives back the rights that the umask took away */
    if (mode != 0 && chmod(path, mode) != 0)
        goto fail;
    call = "listen";
    if (listen(descriptor, backlog) != 0)
        goto fail;
    return descriptor;
fail:;
    int reason = errno;
    if (bound)
        unlink(path);
    if (descriptor >= 0)
        close(descriptor);
    return gee_error_set(error, gee_socket_code(reason), "unix@%s: %s: %s", path, call, strerror(reason));
}

static void unix_unlisten(const gee_sockaddr_t *address) {
    struct stat found;
    if (lstat(address->local.sun_path, &found) == 0 && S_ISSOCK(found.st_mode))
        unlink(address->local.sun_path);
}

/* On a Unix socket a connect that cannot be done at once is not begun either: the queue is full. */
static int unix_connect(const gee_sockaddr_t *address, gee_error_t *error) {
    int descriptor = open_socket();
    if (descriptor < 0)
        return gee_error_set(error, gee_socket_code(errno), "socket: %s", strerror(errno));
    if (connect(descriptor, &address->any, gee_sockaddr_length(address)) == 0)
        return descriptor;
    int reason = errno;
    close(descriptor);
    return gee_error_set(error, gee_socket_code(reason), "%s",
                         reason == EAGAIN ? "the listener's queue is full" : strerror(reason));
}

static const gee_transport_t unix_sockets = { .scheme = "unix",
                                              .socket_per_worker = false,
                                              .check = unix_check,
                                              .resolve = unix_resolve,
                                              .numeric = unix_numeric,
                                              .listen = unix_listen,
                                              .unlisten = unix_unlisten,
                                              .accept = gee_socket_accept,
                                              .connect = unix_connect,
                                              .connected = gee_socket_connected,
                                              .receive = gee_socket_receive,
                                              .send = gee_socket_send };

const gee_module_t gee_transport_unix_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_TRANSPORT, .name = "transport_unix", .interface = &unix_sockets
};
