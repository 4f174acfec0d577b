/* listener.h: listening sockets, in the master, which alone opens and keeps them.
 *
 *   geerpc.conf: listen[i].address --> gee_listener_t --slot 0..n-1--> one socket each --SCM_RIGHTS--> the worker that
 *                                                                                                      serves the slot
 *
 * TCP has one socket (SO_REUSEPORT) a slot, as many slots as the largest number of workers so far; a Unix address, and
 * whatever systemd has opened, has one slot, which all workers serve. A listener is shared by all cycles that name its address and stays open between them:
 * closing a socket would reset the connections in its queue. */
#ifndef GEE_PROC_LISTENER_H
#define GEE_PROC_LISTENER_H

#include "core/event/transport.h"
#include "core/proc/server.h"
#include "core/proc/settings.h"

typedef struct gee_listener {
    gee_link_t link; /* in the server's listeners */
    uint32_t id;     /* what messages to workers call it */
    unsigned references;
    bool retired; /* no configuration names it any more; closed here, workers accept what still waits */
    gee_addr_t addr;
    char bound[GEE_ADDR_TEXT]; /* the address as it is: a port in place of 0 */
    const gee_transport_t *transport;
    bool activated;         /* systemd's: its mode and its end are systemd's business */
    bool socket_per_worker; /* else each socket is served by all */
    gee_sockaddr_t sockaddr;
    int *sockets;
    size_t slots;
    size_t
        lent; /* of these, from 0 on, that another master serves too (upgrade.c): what waits there is not lost with us */
} gee_listener_t;

/* The listener of that address, opened if it is not open, with at least `workers` slots where there is one a worker.
 * Adds a reference. Null: failed; what was opened for it is closed again. */
gee_listener_t *gee_listener_open(gee_server_state_t *server, const gee_listen_settings_t *settings, unsigned workers,
                                  gee_error_t *error);
/* Applies what may differ between configurations: mode, backlog. */
/* Could it be opened by a start? Without listening anywhere but on a socket file of its own, for a moment. `served`: where a running
 * server of ours listens, ends with null; those may be had. -1: no, with the reason. */
int gee_listener_try(gee_server_state_t *server, const gee_listen_settings_t *settings, const char *const *served,
                     gee_error_t *error);
void gee_listener_adjust(const gee_server_state_t *server, gee_listener_t *listener,
                         const gee_listen_settings_t *settings);
/* Removes the socket file, unless another master serves it, and closes the master's sockets: those that workers hold are
 * the last. */
void gee_listener_retire(gee_listener_t *listener);
/* Drops a reference; the last one retires and frees. Leaves null. */
void gee_listener_release(gee_listener_t **listener);
/* No other master serves the server's addresses any more. */
void gee_listeners_take_back(gee_server_state_t *server);
/* In a new worker: closes the sockets; it is sent those that it shall serve. */
void gee_listeners_forget(const gee_server_state_t *server);

#endif
