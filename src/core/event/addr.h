/* addr.h: addresses as people write them, `scheme@place`, and as the kernel has them.
 *
 * tcp@host:port, tcp@[::1]:9999, unix@/run/geerpc.sock, http@host:port. The transport of a scheme (transport.h)
 * says what a place must look like; the two forms in use, host:port and path, are parsed here. */
#ifndef GEE_EVENT_ADDR_H
#define GEE_EVENT_ADDR_H

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "core/base/error.h"
#include "core/base/str.h"

#define GEE_ADDR_TEXT 300

typedef struct gee_addr {
    char text[GEE_ADDR_TEXT]; /* the whole, as written */
    char scheme[16];
    char place[GEE_ADDR_TEXT]; /* the text behind the @ */
} gee_addr_t;

/* Splits at the first @. Fails with a text that says what an address looks like. */
int gee_addr_parse(const char *text, gee_addr_t *addr, gee_error_t *error);

/* A place of the form host:port, [v6]:port or :port (any host). Host without brackets; port 0 to 65535 in decimal. */
int gee_addr_host_port(const gee_addr_t *addr, char host[256], uint16_t *port, gee_error_t *error);

typedef union gee_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage storage;
} gee_sockaddr_t;

bool gee_addr_is_local(const gee_addr_t *addr); /* unix@ */
/* Refuses port 0, which is an address to listen on and none to dial. Places that have no port pass. */
int gee_addr_check_dialled(const gee_addr_t *addr, gee_error_t *error);

socklen_t gee_sockaddr_length(const gee_sockaddr_t *address);
/* "tcp@127.0.0.1:40312", "tcp@[::1]:9999", "unix@/run/x" or "unix@" for a peer without a name. Returns `target`. */
char *gee_sockaddr_text(const gee_sockaddr_t *address, char target[GEE_ADDR_TEXT]);
bool gee_sockaddr_loopback(const gee_sockaddr_t *address); /* 127/8, ::1, or local */
bool gee_sockaddr_any_host(const gee_sockaddr_t *address); /* 0.0.0.0, [::] */
uint16_t gee_sockaddr_port(const gee_sockaddr_t *address); /* 0 where there is none */
/* The same host and port, or the same path. */
bool gee_sockaddr_equal(const gee_sockaddr_t *a, const gee_sockaddr_t *b);

#endif
