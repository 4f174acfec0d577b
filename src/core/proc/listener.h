/* listener.h: listening sockets; only the master opens and keeps them.
 *
 *   geerpc.conf: listen[i].address --> gee_listener_t --slot 0..n-1--> one socket each --SCM_RIGHTS--> the worker that
 *                                                                                                      serves the slot
 *
 * TCP has one socket (SO_REUSEPORT) a slot, as many slots as the largest number of workers so far; a Unix address,
 * and a socket that systemd has opened, has one slot, which all workers serve. A listener is shared by all cycles
 * that name its address and stays open between them: closing a socket would reset the connections in its queue. */
#ifndef GEE_PROC_LISTENER_H
#define GEE_PROC_LISTENER_H

#include "core/event/transport.h"
#include "core/proc/server.h"
#include "core/proc/settings.h"

typedef struct gee_listener {
    gee_link_t link; /* in the server's listeners */
    uint32_t id;     /* number of the listener in messages to workers */
    unsigned references;
    bool retired; /* no configuration names the address: closed here, workers accept what still waits */
    gee_addr_t addr;
    char bound[GEE_ADDR_TEXT]; /* the address in use: with the port in the place of 0 */
    const gee_transport_t *transport;
    bool activated;         /* opened by systemd, which owns mode and removal of the socket file */
    bool socket_per_worker; /* false: all workers serve each socket */
    gee_sockaddr_t sockaddr;
    int *sockets;
    size_t slots;
    size_t lent; /* the first slots, which another master serves too: connections waiting there are not lost */
} gee_listener_t;

/* The listener of that address, opened if not open, with at least `workers` slots if each worker has a socket of its
 * own. Adds a reference. Null: failed; sockets opened here are closed again. */
gee_listener_t *gee_listener_open(gee_server_state_t *server, const gee_listen_settings_t *settings, unsigned workers,
                                  gee_error_t *error);
/* Applies what may differ between configurations: mode, backlog. */
/* Could a start open the listener? Listens on no port; a socket file is opened for a moment. `served`: addresses of
 * this server if the server runs, ending with null; a start of theirs is not refused. -1: no, with the reason. */
int gee_listener_try(gee_server_state_t *server, const gee_listen_settings_t *settings, const char *const *served,
                     gee_error_t *error);
void gee_listener_adjust(const gee_server_state_t *server, gee_listener_t *listener,
                         const gee_listen_settings_t *settings);
/* Removes the socket file, unless another master serves it, and closes the master's sockets; workers still have
 * theirs. A retired listener stays retired. */
void gee_listener_retire(gee_listener_t *listener);
/* Drops a reference; the last reference retires and frees the listener. Leaves null. */
void gee_listener_release(gee_listener_t **listener);
/* No other master serves the server's addresses any more. */
void gee_listeners_take_back(gee_server_state_t *server);
/* In a new worker: closes the sockets; the master sends the worker those to serve. */
void gee_listeners_forget(const gee_server_state_t *server);

#endif
