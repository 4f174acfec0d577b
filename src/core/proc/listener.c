/* listener.c: opening, growing, retiring listeners. */
#include "core/proc/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/proc/inherit.h"
#include "core/rpc/modules.h"

static gee_listener_t *find_listener(const gee_server_state_t *server, const char *text) {
    GEE_LIST_EACH(&server->listeners, link) {
        gee_listener_t *listener = GEE_CONTAINER(link, gee_listener_t, link);
        if (!listener->retired && strcmp(listener->addr.text, text) == 0)
            return listener;
    }
    return NULL;
}

/* A relative path of a socket file is under the prefix. */
static int parse(const gee_server_state_t *server, const char *text, gee_addr_t *addr, gee_error_t *error) {
    if (gee_addr_parse(text, addr, error) != 0)
        return -1;
    if (!gee_addr_is_local(addr) || addr->place[0] == '/')
        return 0;
    char absolute[2 * GEE_ADDR_TEXT];
    int length = snprintf(absolute, sizeof absolute, "unix@%s/%s", server->prefix, addr->place);
    if (length < 0 || (size_t)length >= GEE_ADDR_TEXT)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: the path is too long under %s", text, server->prefix);
    return gee_addr_parse(absolute, addr, error);
}

/* May this server have that port already, on any host: in a listener, in sockets of a retired listener that workers
 * still hold, or in sockets of the master before? */
static bool is_ours(const gee_server_state_t *server, const gee_sockaddr_t *address) {
    uint16_t port = gee_sockaddr_port(address);
    if (gee_inherit_has_port(server, port))
        return true;
    GEE_LIST_EACH(&server->listeners, link) {
        const gee_listener_t *listener = GEE_CONTAINER(link, gee_listener_t, link);
        if (port != 0 && gee_sockaddr_port(&listener->sockaddr) == port)
            return true;
    }
    return false;
}

/* Sockets with SO_REUSEPORT share an address with any process of this user: so a probe binds without the option
 * first. */
static int check_free(const gee_server_state_t *server, const gee_listener_t *listener, gee_error_t *error) {
    if (listener->slots > 0 || !listener->socket_per_worker || is_ours(server, &listener->sockaddr))
        return 0;
    int on = 1, result = 0;
    int probe = socket(listener->sockaddr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "%s: cannot make a socket: %s", listener->addr.text,
                             strerror(errno));
    (void)setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(probe, &listener->sockaddr.any, gee_sockaddr_length(&listener->sockaddr)) != 0)
        result = gee_error_set(error, GEE_UNAVAILABLE, "cannot listen on %s: %s", listener->addr.text, strerror(errno));
    (void)close(probe);
    return result;
}

static int read_bound_address(gee_listener_t *listener, gee_error_t *error) {
    socklen_t length = sizeof listener->sockaddr;
    char text[GEE_ADDR_TEXT];
    if (gee_addr_is_local(&listener->addr)) {
        memcpy(listener->bound, listener->addr.text, sizeof listener->bound);
        return 0;
    }
    if (getsockname(listener->sockets[0], &listener->sockaddr.any, &length) != 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "%s: cannot read the bound address: %s", listener->addr.text,
                             strerror(errno));
    const char *place = strchr(gee_sockaddr_text(&listener->sockaddr, text), '@');
    (void)snprintf(listener->bound, sizeof listener->bound, "%s%.*s", listener->addr.scheme, GEE_ADDR_TEXT - 20,
                   place ? place : "@");
    return 0;
}

static void close_sockets(gee_listener_t *listener, size_t from) {
    while (listener->slots > from)
        (void)close(listener->sockets[--listener->slots]);
}

static gee_listen_options_t options_of(const gee_listener_t *listener, const gee_listen_settings_t *settings) {
    return (gee_listen_options_t){ .backlog = (int)settings->backlog,
                                   .mode = (unsigned)settings->mode,
                                   .reuse_port = listener->socket_per_worker };
}

/* On failure, the slots that were there before stay. */
static int grow_listener(gee_listener_t *listener, const gee_listen_settings_t *settings, unsigned workers,
                         gee_error_t *error) {
    size_t wanted = listener->socket_per_worker ? workers : 1, before = listener->slots;
    gee_listen_options_t options = options_of(listener, settings);
    if (before >= wanted)
        return 0;
    int *sockets = reallocarray(listener->sockets, wanted, sizeof *sockets);
    if (!sockets)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", listener->addr.text);
    listener->sockets = sockets;
    while (listener->slots < wanted) {
        int descriptor = listener->transport->listen(&listener->sockaddr, &options, error);
        if (descriptor < 0)
            goto fail;
        sockets[listener->slots++] = descriptor;
        /* The other slots take the port that the first slot got. */
        if (listener->slots == 1 && read_bound_address(listener, error) != 0)
            goto fail;
    }
    return 0;
fail:
    close_sockets(listener, before);
    return -1;
}

/* Takes the sockets that another master or systemd has opened. On failure the caller closes the sockets taken. */
static int take_inherited(gee_server_state_t *server, gee_listener_t *listener, gee_error_t *error) {
    gee_inherited_socket_t taken;
    while (gee_inherit_take_socket(server, &listener->addr, &listener->sockaddr, &taken)) {
        int *sockets = reallocarray(listener->sockets, listener->slots + 1, sizeof *sockets);
        if (!sockets) {
            (void)close(taken.descriptor);
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", listener->addr.text);
        }
        listener->sockets = sockets;
        sockets[listener->slots++] = taken.descriptor;
        listener->activated = listener->activated || taken.activated;
    }
    listener->socket_per_worker = listener->socket_per_worker && !listener->activated;
    listener->lent = server->elsewhere ? listener->slots : 0;
    return listener->slots > 0 ? read_bound_address(listener, error) : 0;
}

static gee_listener_t *create_listener(gee_server_state_t *server, const gee_addr_t *addr, gee_error_t *error) {
    size_t count = 0;
    gee_listener_t *listener = calloc(1, sizeof *listener);
    if (!listener) {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", addr->text);
        return NULL;
    }
    listener->addr = *addr;
    listener->transport = gee_transport_for(server->modules, addr, error);
    listener->socket_per_worker = listener->transport && listener->transport->socket_per_worker;
    if (listener->transport && listener->transport->resolve(addr, &listener->sockaddr, 1, &count, error) == 0 &&
        take_inherited(server, listener, error) == 0 && check_free(server, listener, error) == 0)
        return listener;
    close_sockets(listener, 0);
    free(listener->sockets);
    free(listener);
    return NULL;
}

gee_listener_t *gee_listener_open(gee_server_state_t *server, const gee_listen_settings_t *settings, unsigned workers,
                                  gee_error_t *error) {
    gee_addr_t addr;
    if (parse(server, settings->address, &addr, error) != 0)
        return NULL;
    gee_listener_t *listener = find_listener(server, addr.text);
    if (!listener) {
        listener = create_listener(server, &addr, error);
        if (!listener)
            return NULL;
        listener->id = ++server->last_listener_id;
        gee_list_append(&server->listeners, &listener->link);
    }
    if (gee_addr_is_local(&addr))
        gee_server_make_parent(server, addr.place);
    listener->references++;
    if (grow_listener(listener, settings, workers, error) != 0)
        gee_listener_release(&listener);
    return listener;
}

/* Does the running server listen on that address? Of an address with a port, on any host: as in is_ours(). */
static bool is_served(const gee_listener_t *listener, const char *const *served, const gee_module_entry_t *modules) {
    for (; *served; served++) {
        gee_addr_t addr;
        gee_sockaddr_t address;
        gee_error_t error;
        size_t count = 0;
        if (strcmp(*served, listener->addr.text) == 0)
            return true;
        if (gee_addr_parse(*served, &addr, &error) != 0 || gee_addr_is_local(&addr) ||
            gee_addr_is_local(&listener->addr))
            continue;
        const gee_transport_t *transport = gee_module_find(modules, GEE_MODULE_TRANSPORT, gee_str(addr.scheme));
        if (transport && transport->resolve(&addr, &address, 1, &count, &error) == 0 && count > 0 &&
            gee_sockaddr_port(&address) == gee_sockaddr_port(&listener->sockaddr))
            return true;
    }
    return false;
}

static int try_to_listen(gee_listener_t *listener, const gee_listen_settings_t *settings, gee_error_t *error) {
    gee_listen_options_t options = options_of(listener, settings);
    int descriptor = listener->transport->listen(&listener->sockaddr, &options, error);
    if (descriptor < 0)
        return -1;
    if (listener->transport->unlisten)
        listener->transport->unlisten(&listener->sockaddr);
    (void)close(descriptor);
    return 0;
}

int gee_listener_try(gee_server_state_t *server, const gee_listen_settings_t *settings, const char *const *served,
                     gee_error_t *error) {
    gee_listener_t listener = { 0 };
    size_t count = 0;
    if (parse(server, settings->address, &listener.addr, error) != 0)
        return -1;
    listener.transport = gee_module_find(server->modules, GEE_MODULE_TRANSPORT, gee_str(listener.addr.scheme));
    if (!listener.transport)
        return gee_error_set(error, GEE_NOT_FOUND, "%s: no transport for it is compiled in", listener.addr.text);
    if (listener.transport->resolve(&listener.addr, &listener.sockaddr, 1, &count, error) != 0)
        return -1;
    if (is_served(&listener, served, server->modules))
        return 0;
    if (gee_addr_is_local(&listener.addr))
        gee_server_make_parent(server, listener.addr.place);
    listener.socket_per_worker = listener.transport->socket_per_worker;
    return listener.socket_per_worker ? check_free(server, &listener, error)
                                      : try_to_listen(&listener, settings, error);
}

void gee_listener_adjust(const gee_server_state_t *server, gee_listener_t *listener,
                         const gee_listen_settings_t *settings) {
    int backlog = settings->backlog > 0 ? (int)settings->backlog : SOMAXCONN;
    for (size_t i = 0; i < listener->slots; i++)
        if (listen(listener->sockets[i], backlog) != 0)
            gee_log(server->log, GEE_LOG_WARN, "%s: cannot change the backlog: %s", listener->addr.text,
                    strerror(errno));
    if (settings->mode != 0 && !listener->activated && gee_addr_is_local(&listener->addr) &&
        chmod(listener->addr.place, (mode_t)settings->mode) != 0)
        gee_log(server->log, GEE_LOG_WARN, "%s: cannot change the mode: %s", listener->addr.text, strerror(errno));
}

void gee_listener_retire(gee_listener_t *listener) {
    if (listener->retired)
        return;
    listener->retired = true;
    if (listener->slots > 0 && listener->transport->unlisten && listener->lent == 0 && !listener->activated)
        listener->transport->unlisten(&listener->sockaddr);
    close_sockets(listener, 0);
}

void gee_listener_release(gee_listener_t **listener_pointer) {
    gee_listener_t *listener = *listener_pointer;
    *listener_pointer = NULL;
    GEE_ASSERT(!listener || listener->references > 0);
    if (!listener || --listener->references > 0)
        return;
    gee_listener_retire(listener);
    gee_list_remove(&listener->link);
    free(listener->sockets);
    free(listener);
}

void gee_listeners_take_back(gee_server_state_t *server) {
    server->elsewhere = false;
    GEE_LIST_EACH(&server->listeners, link)
        GEE_CONTAINER(link, gee_listener_t, link)->lent = 0;
}

void gee_listeners_forget(const gee_server_state_t *server) {
    GEE_LIST_EACH(&server->listeners, link)
        close_sockets(GEE_CONTAINER(link, gee_listener_t, link), 0);
}
