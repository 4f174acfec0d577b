/* addr.c: reads addresses as people write them, and writes the addresses that the kernel has. */
#include "core/event/addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/defs.h"

#define SHOWN 160 /* bytes of a wrong address that a message shows, escaped */

static int wrong(gee_error_t *error, const char *text, const char *what) {
    char shown[SHOWN];
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "address \"%s\": %s",
                         gee_str_escape(shown, sizeof(shown), text, strlen(text)), what);
}

int gee_addr_parse(const char *text, gee_addr_t *addr, gee_error_t *error) {
    const char *at = strchr(text, '@');
    if (!at || at == text || at[1] == '\0')
        return wrong(error, text, "expected scheme@place, such as tcp@127.0.0.1:9999 or unix@/run/geerpc.sock");
    size_t scheme = (size_t)(at - text), length = strlen(text);
    if (length >= sizeof(addr->text))
        return wrong(error, text, "too long");
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return wrong(error, text, "contains a control character");
    if (scheme >= sizeof(addr->scheme) || strspn(text, "abcdefghijklmnopqrstuvwxyz") < scheme)
        return wrong(error, text, "what stands before the @ must be a scheme: lower-case letters, at most 15");
    memset(addr, 0, sizeof(*addr));
    memcpy(addr->text, text, length + 1);
    memcpy(addr->scheme, text, scheme);
    memcpy(addr->place, at + 1, length - scheme);
    return 0;
}

/* Decimal digits only: no sign, no blanks, nothing behind. */
static bool parse_port(const char *text, uint16_t *port) {
    size_t length = strlen(text);
    if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
        return false;
    unsigned number = 0;
    for (size_t i = 0; i < length; i++)
        number = number * 10 + (unsigned)(text[i] - '0');
    if (number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

/* An IPv6 address, with or without a zone ("fe80::1%eth0"). */
static bool is_v6(const char *host) {
    char bare[INET6_ADDRSTRLEN];
    size_t length = strcspn(host, "%");
    if (length >= sizeof(bare) || (host[length] == '%' && host[length + 1] == '\0'))
        return false;
    memcpy(bare, host, length);
    bare[length] = '\0';
    struct in6_addr ignored;
    return inet_pton(AF_INET6, bare, &ignored) == 1;
}

static bool is_name(const char *host) {
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == strlen(host);
}

int gee_addr_host_port(const gee_addr_t *addr, char host[256], uint16_t *port, gee_error_t *error) {
    const char *place = addr->place, *colon, *start = place;
    size_t length;
    bool bracketed = place[0] == '[';
    if (bracketed) {
        const char *close = strchr(place, ']');
        if (!close || close[1] != ':')
            return wrong(error, addr->text, "expected [IPv6 address]:port");
        start = place + 1;
        length = (size_t)(close - start);
        colon = close + 1;
    } else {
        colon = strchr(place, ':');
        if (!colon)
            return wrong(error, addr->text, "the port is missing, expected host:port");
        if (strchr(colon + 1, ':'))
            return wrong(error, addr->text, "an IPv6 address stands in brackets: [::1]:9999");
        length = (size_t)(colon - start);
    }
    if (length > 255)
        return wrong(error, addr->text, "the host is too long");
    char found[256];
    memcpy(found, start, length);
    found[length] = '\0';
    if (bracketed ? !is_v6(found) : !is_name(found))
        return wrong(error, addr->text, bracketed ? "no IPv6 address stands in the brackets" : "this is no host name");
    if (!parse_port(colon + 1, port))
        return wrong(error, addr->text, "the port must be a number from 0 to 65535");
    memcpy(host, found, length + 1);
    return 0;
}

bool gee_addr_is_local(const gee_addr_t *addr) {
    return strcmp(addr->scheme, "unix") == 0;
}

int gee_addr_check_dialled(const gee_addr_t *addr, gee_error_t *error) {
    char host[256];
    uint16_t port;
    if (gee_addr_is_local(addr) || gee_addr_host_port(addr, host, &port, NULL) != 0 || port != 0)
        return 0;
    return wrong(error, addr->text, "port 0 is none that can be dialled");
}

socklen_t gee_sockaddr_length(const gee_sockaddr_t *address) {
    switch (address->any.sa_family) {
    case AF_INET:
        return sizeof(address->v4);
    case AF_INET6:
        return sizeof(address->v6);
    case AF_UNIX: {
        size_t path = strnlen(address->local.sun_path, sizeof(address->local.sun_path));
        size_t terminated = path > 0 && path < sizeof(address->local.sun_path) ? path + 1 : path;
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + terminated);
    }
    default:
        return sizeof(address->storage);
    }
}

/* The path is the peer's choice: control characters in it would break log lines. */
static void local_text(const struct sockaddr_un *local, char *target) {
    size_t length = strnlen(local->sun_path, sizeof(local->sun_path));
    (void)gee_str_format(target, GEE_ADDR_TEXT, "unix@%.*s", (int)length, local->sun_path);
    for (char *byte = target; *byte; byte++)
        if ((unsigned char)*byte < 0x20 || *byte == 0x7f)
            *byte = '?';
}

char *gee_sockaddr_text(const gee_sockaddr_t *address, char target[GEE_ADDR_TEXT]) {
    char host[INET6_ADDRSTRLEN] = "?", zone[16] = "";
    switch (address->any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->v4.sin_addr, host, sizeof(host));
        snprintf(target, GEE_ADDR_TEXT, "tcp@%s:%u", host, (unsigned)ntohs(address->v4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        if (address->v6.sin6_scope_id != 0)
            snprintf(zone, sizeof(zone), "%%%u", (unsigned)address->v6.sin6_scope_id);
        snprintf(target, GEE_ADDR_TEXT, "tcp@[%s%s]:%u", host, zone, (unsigned)ntohs(address->v6.sin6_port));
        break;
    case AF_UNIX:
        local_text(&address->local, target);
        break;
    default:
        snprintf(target, GEE_ADDR_TEXT, "unknown@");
        break;
    }
    return target;
}

bool gee_sockaddr_loopback(const gee_sockaddr_t *address) {
    switch (address->any.sa_family) {
    case AF_INET:
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    case AF_INET6: {
        const struct in6_addr *host = &address->v6.sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(host) || (IN6_IS_ADDR_V4MAPPED(host) && host->s6_addr[12] == 127);
    }
    case AF_UNIX:
        return true;
    default:
        return false;
    }
}

bool gee_sockaddr_any_host(const gee_sockaddr_t *address) {
    if (address->any.sa_family == AF_INET)
        return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return address->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
}

uint16_t gee_sockaddr_port(const gee_sockaddr_t *address) {
    if (address->any.sa_family == AF_INET)
        return ntohs(address->v4.sin_port);
    return address->any.sa_family == AF_INET6 ? ntohs(address->v6.sin6_port) : 0;
}

bool gee_sockaddr_equal(const gee_sockaddr_t *a, const gee_sockaddr_t *b) {
    if (a->any.sa_family != b->any.sa_family || gee_sockaddr_port(a) != gee_sockaddr_port(b))
        return false;
    switch (a->any.sa_family) {
    case AF_INET:
        return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    case AF_INET6:
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof(a->v6.sin6_addr)) == 0;
    case AF_UNIX:
        return strncmp(a->local.sun_path, b->local.sun_path, sizeof(a->local.sun_path)) == 0;
    default:
        return false;
    }
}
