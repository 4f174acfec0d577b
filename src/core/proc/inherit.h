/* inherit.h: descriptors that a master is started with: by the master that it is to replace, or by systemd.
 *
 *   GEERPC_INHERIT, a line each:                            LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES (sd_listen_fds(3)):
 *     geerpc-inherit 1                                        sockets from descriptor 3 on, with names; which address
 *     master 9 1 4711           link, its version, pid        they are for, getsockname tells
 *     listen 5 0 own tcp@127.0.0.1:9999
 *     helper 12 0               0, 1: requests; 2: lock
 *     zone 7 1048576 2 counters size, version, name
 *
 *   environment --read--> what is there --take by what the configuration names--> listener.c, shm.c, helper_line.c
 *                                       '--what nobody took--> closed
 *
 * The second word of a line is its descriptor, so that lines of kinds not known here can be passed over. */
#ifndef GEE_PROC_INHERIT_H
#define GEE_PROC_INHERIT_H

#include <sys/types.h>

#include "core/event/addr.h"
#include "core/proc/server.h"

typedef struct gee_inherited_socket {
    gee_link_t link;
    int descriptor;
    size_t slot;
    bool activated;      /* systemd's: it has one a host, and removes it */
    const char *address; /* as a configuration names it; null: known by `bound` alone */
    const char *name;    /* for people; null: it has none */
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
    gee_list_t sockets; /* that were not taken yet */
    gee_list_t zones;
} gee_inheritance_t;

/* ---- the one who gets them ---- */
/* Takes the variables out of the environment and what they name into the server: server->inheritance, which stays null
 * when there is nothing, server->other and the helper's descriptors. -1: they do not make sense. */
int gee_inherit_read(gee_server_state_t *server, gee_error_t *error);
/* One for that address, of the lowest slot that is left. False: there is none any more. */
bool gee_inherit_take_socket(gee_server_state_t *server, const gee_addr_t *addr, const gee_sockaddr_t *sockaddr,
                             gee_inherited_socket_t *taken);
/* Is there a socket of that port, on whatever host, that was not taken? */
bool gee_inherit_has_port(const gee_server_state_t *server, in_port_t port);
/* The descriptor, or -1. */
int gee_inherit_take_zone(gee_server_state_t *server, const char *name, size_t size, uint32_t version);
/* All listeners are open: is there a socket of systemd's left that none of them took? */
int gee_inherit_check(const gee_server_state_t *server, gee_error_t *error);
/* Closes what is left. Allowed when there was nothing. */
void gee_inherit_finish(gee_server_state_t *server);

/* ---- the one who gives them ---- */
/* The text of GEERPC_INHERIT; to be freed. Null: out of memory. `link`: the other master's end. */
char *gee_inherit_describe(const gee_server_state_t *server, int link);
/* In the child, before it becomes the new binary: sets the variable and lets the descriptors through. */
int gee_inherit_hand_on(const gee_server_state_t *server, int link, const char *text);

#endif
