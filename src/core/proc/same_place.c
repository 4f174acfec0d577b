/* same_place.c: compares addresses by their texts: hosts, ports, and texts for every host. */
#include "core/proc/same_place.h"

#include <arpa/inet.h>
#include <string.h>

bool gee_addr_is_any_host(const gee_addr_t *addr, uint16_t *port) {
    char host[256];
    struct in_addr v4;
    struct in6_addr v6;
    *port = 0;
    if (gee_addr_is_local(addr) || gee_addr_host_port(addr, host, port, NULL) != 0)
        return false;
    return host[0] == '\0' || (inet_pton(AF_INET, host, &v4) == 1 && v4.s_addr == htonl(INADDR_ANY)) ||
           (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6));
}

static bool is_loopback(const char *host) {
    struct in_addr v4;
    struct in6_addr v6;
    return strcmp(host, "localhost") == 0 ||
           (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET) ||
           (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

/* A client that dials "every host" reaches this host. */
bool gee_is_same_place(const gee_addr_t *listen, const gee_addr_t *dialled) {
    char ours[256], theirs[256];
    uint16_t port, their_port;
    if (gee_addr_is_local(listen))
        return strcmp(listen->text, dialled->text) == 0;
    if (gee_addr_host_port(listen, ours, &port, NULL) != 0 ||
        gee_addr_host_port(dialled, theirs, &their_port, NULL) != 0 || port != their_port)
        return false;
    if (strcmp(ours, theirs) == 0)
        return true;
    return gee_addr_is_any_host(listen, &port) && (is_loopback(theirs) || gee_addr_is_any_host(dialled, &their_port));
}
