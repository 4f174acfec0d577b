/* network.h: networks as people write them, "10.0.0.0/8", and whether a network has a peer. */
#ifndef GEE_EVENT_NETWORK_H
#define GEE_EVENT_NETWORK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/event/addr.h"

/* An IPv6 address; IPv4 addresses stand in ::ffff:0:0/96. */
typedef struct gee_ip {
    uint8_t bytes[16];
} gee_ip_t;

typedef struct gee_network {
    gee_ip_t address;
    unsigned prefix; /* bits, of the 128 */
} gee_network_t;

/* "10.0.0.0/8", "2001:db8::/32", "192.0.2.7" (that address alone). Fails with a text that says what is wrong. */
int gee_network_parse(const char *text, gee_network_t *network, gee_error_t *error);
bool gee_network_contains(const gee_network_t *network, const gee_ip_t *address);
/* False: the peer has no IP address. */
bool gee_sockaddr_ip(const gee_sockaddr_t *peer, gee_ip_t *address);
/* Of a peer's text, "tcp@192.0.2.7:40312" (addr.h). -1: no IP address, as of peers at Unix sockets. */
int gee_ip_of_peer(const char *peer, gee_ip_t *address);
/* Keeps what tells one client from another: of IPv6, where a client has a network of 64 bits to choose addresses
 * from, that network; of link-local addresses (fe80::/10) and of IPv4 the address itself. */
void gee_ip_keep_source(gee_ip_t *address);
/* Does the host of an address mean another machine to each reader: loopback, unspecified or link-local addresses in
 * any form that a resolver takes ("127.1"), localhost and names below localhost? */
bool gee_host_is_relative(const char *host);
/* Is the peer on this machine: at a loopback address, or at a Unix socket? */
bool gee_peer_is_local(const char *peer);

#endif
