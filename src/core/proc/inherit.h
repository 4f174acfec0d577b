/* inherit.h: descriptors that a master inherits: from the master that it replaces, or from systemd.
 *
 *   GEERPC_INHERIT, a line each:                            LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES (sd_listen_fds(3)):
 *     geerpc-inherit 1                                        sockets from descriptor 3 on, with names; for which
 *     master 9 1 4711           liaison, its version, pid     addresses, getsockname() tells
 *     listen 5 0 own tcp@127.0.0.1:9999
 *     helper 12 0               0, 1: requests; 2: lock
 *     zone 7 1048576 2 counters size, version, name
 *
 *   environment --read--> what is there --take by what the configuration names--> listener.c, shm.c, helper_line.c
 *                                       '--the rest--> closed
 *
 * The second word of a line is its descriptor, so that a reader can close the descriptor of a line of an unknown
 * kind. */
#ifndef GEE_PROC_INHERIT_H
#define GEE_PROC_INHERIT_H

#include <sys/types.h>

#include "core/event/addr.h"
#include "core/proc/server.h"

typedef struct gee_inherited_socket {
    gee_link_t link;
    int descriptor;
    size_t slot;
    bool activated;      /* opened by systemd, which removes the socket file */
    const char *address; /* as the configuration before named the listener; null: only `bound` is known */
    const char *name;    /* for error texts; null: no name */
    gee_sockaddr_t bound;
} gee_inherited_socket_t;

typedef struct gee_inherited_zone {
    gee_link_t link;
    int descriptor;
    size_t size;
    uint32_t version;
    const char *name;
} gee_inherited_zone_t;

typedef struct gee_inheritance {
    gee_list_t sockets; /* not taken yet */
    gee_list_t zones;
} gee_inheritance_t;

/* ---- the one who gets them ---- */
/* Removes the variables from the environment and keeps their descriptors: in server->inheritance (null: there are
 * none), server->parent_socket and the helper's descriptors. -1: a variable is malformed. */
int gee_inherit_read(gee_server_state_t *server, gee_error_t *error);
/* Takes a socket of that address, of the lowest slot left. False: there is none. */
bool gee_inherit_take_socket(gee_server_state_t *server, const gee_addr_t *addr, const gee_sockaddr_t *sockaddr,
                             gee_inherited_socket_t *taken);
/* Is there a socket of that port, on any host, that was not taken? */
bool gee_inherit_has_port(const gee_server_state_t *server, in_port_t port);
/* The descriptor, or -1. */
int gee_inherit_take_zone(gee_server_state_t *server, const char *name, size_t size, uint32_t version);
/* Precondition: all listeners are open. -1: no listener took one of systemd's sockets. */
int gee_inherit_check(const gee_server_state_t *server, gee_error_t *error);
/* Closes the descriptors that were not taken. server->inheritance may be null. */
void gee_inherit_finish(gee_server_state_t *server);

/* ---- the one who gives them ---- */
/* The text of GEERPC_INHERIT; the caller frees the text. Null: out of memory. `liaison`: the new master's end of the
 * socket pair. */
char *gee_inherit_describe(const gee_server_state_t *server, int liaison);
/* In the child, before exec of the new binary: sets the variable and makes the descriptors survive exec. -1: failed. */
int gee_inherit_hand_on(const gee_server_state_t *server, int liaison, const char *text);

#endif
