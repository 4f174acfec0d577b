/* network.c: reads networks and compares addresses with them. */
#include "core/event/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/str.h"
#include "core/event/addr.h"

#define MAPPED 96 /* bits in front of an IPv4 address */
#define SHOWN  100

bool gee_sockaddr_ip(const gee_sockaddr_t *peer, gee_ip_t *address) {
    static const gee_ip_t mapped = { { [10] = 0xff, [11] = 0xff } };
    *address = mapped;
    if (peer->any.sa_family == AF_INET)
        memcpy(address->bytes + MAPPED / 8, &peer->v4.sin_addr, sizeof(peer->v4.sin_addr));
    else if (peer->any.sa_family == AF_INET6)
        memcpy(address->bytes, &peer->v6.sin6_addr, sizeof(address->bytes));
    return peer->any.sa_family == AF_INET || peer->any.sa_family == AF_INET6;
}

/* How many bits the text's own family has; 0: not an address. */
static unsigned parse_ip(const char *text, gee_ip_t *address) {
    static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
    if (inet_pton(AF_INET6, text, address->bytes) == 1)
        return 128;
    memcpy(address->bytes, mapped, sizeof(mapped));
    return inet_pton(AF_INET, text, address->bytes + sizeof(mapped)) == 1 ? 32 : 0;
}

static bool bit(const gee_ip_t *address, unsigned index) {
    return (address->bytes[index / 8] >> (7 - index % 8) & 1) != 0;
}

static int wrong(gee_error_t *error, const char *text, const char *what) {
    char shown[SHOWN];
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "\"%s\": %s",
                         gee_str_escape(shown, sizeof(shown), text, strlen(text)), what);
}

int gee_network_parse(const char *text, gee_network_t *network, gee_error_t *error) {
    static const char expected[] = "expected an address or a network, such as 192.0.2.7, 10.0.0.0/8, fd00::/8";
    char address[INET6_ADDRSTRLEN];
    size_t length = strcspn(text, "/");
    uint64_t prefix;
    if (length >= sizeof(address))
        return wrong(error, text, expected);
    memcpy(address, text, length);
    address[length] = '\0';
    unsigned bits = parse_ip(address, &network->address);
    if (bits == 0)
        return wrong(error, text, expected);
    prefix = bits;
    if (text[length] == '/' && (gee_parse_uint64(gee_str(text + length + 1), &prefix) != 0 || prefix > bits))
        return wrong(error, text, bits == 32 ? "the prefix must be 0 to 32" : "the prefix must be 0 to 128");
    network->prefix = (unsigned)prefix + (bits == 32 ? MAPPED : 0);
    for (unsigned i = network->prefix; i < 128; i++)
        if (bit(&network->address, i))
            return wrong(error, text, "there are bits behind the prefix: is the network meant, or that address alone?");
    return 0;
}

bool gee_network_contains(const gee_network_t *network, const gee_ip_t *address) {
    unsigned whole = network->prefix / 8;
    if (memcmp(network->address.bytes, address->bytes, whole) != 0)
        return false;
    for (unsigned i = 8 * whole; i < network->prefix; i++)
        if (bit(&network->address, i) != bit(address, i))
            return false;
    return true;
}

int gee_ip_of_peer(const char *peer, gee_ip_t *address) {
    char host[256];
    uint16_t port;
    gee_addr_t addr;
    if (gee_addr_parse(peer, &addr, NULL) != 0 || gee_addr_host_port(&addr, host, &port, NULL) != 0)
        return -1;
    host[strcspn(host, "%")] = '\0'; /* the zone: the network interface */
    return parse_ip(host, address) != 0 ? 0 : -1;
}

static const gee_network_t loopback[] = {
    { .address.bytes = { [10] = 0xff, [11] = 0xff, [12] = 127 }, .prefix = MAPPED + 8 }, /* 127.0.0.0/8 */
    { .address.bytes = { [15] = 1 }, .prefix = 128 },                                    /* ::1 */
};
static const gee_network_t relative[] = {
    { .address.bytes = { [10] = 0xff, [11] = 0xff }, .prefix = MAPPED + 8 }, /* 0.0.0.0/8 */
    { .address.bytes = { 0 }, .prefix = 128 },                               /* :: */
    { .address.bytes = { [10] = 0xff, [11] = 0xff, [12] = 169, [13] = 254 },
      .prefix = MAPPED + 16 },                         /* 169.254.0.0/16 */
    { .address.bytes = { 0xfe, 0x80 }, .prefix = 10 }, /* fe80::/10 */
};

static bool among(const gee_network_t *networks, size_t count, const gee_ip_t *address) {
    for (size_t i = 0; i < count; i++)
        if (gee_network_contains(&networks[i], address))
            return true;
    return false;
}

void gee_ip_keep_source(gee_ip_t *address) {
    static const gee_network_t whole[] = {
        { .address.bytes = { [10] = 0xff, [11] = 0xff }, .prefix = MAPPED },
        { .address.bytes = { 0xfe, 0x80 }, .prefix = 10 },
        { .address.bytes = { 0 }, .prefix = 127 }, /* ::1 among them */
    };
    if (!among(whole, GEE_LENGTH(whole), address))
        memset(address->bytes + 8, 0, 8);
}

/* "localhost", "db.localhost", also with the dot of the root. */
static bool is_localhost(gee_str_t name) {
    static const gee_str_t localhost = { "localhost", 9 };
    if (name.length > 0 && name.data[name.length - 1] == '.')
        name.length--;
    if (name.length < localhost.length)
        return false;
    size_t before = name.length - localhost.length;
    return gee_str_equal_ignoring_case((gee_str_t){ name.data + before, localhost.length }, localhost) &&
           (before == 0 || name.data[before - 1] == '.');
}

bool gee_host_is_relative(const char *host) {
    char bare[256];
    gee_ip_t address = { { [10] = 0xff, [11] = 0xff } };
    struct in_addr v4;
    (void)snprintf(bare, sizeof(bare), "%.*s", (int)strcspn(host, "%"), host);
    if (parse_ip(bare, &address) == 0) {
        if (inet_aton(bare, &v4) == 0)
            return bare[0] == '\0' || is_localhost(gee_str(bare));
        memcpy(address.bytes + MAPPED / 8, &v4, sizeof(v4));
    }
    return among(loopback, GEE_LENGTH(loopback), &address) || among(relative, GEE_LENGTH(relative), &address);
}

bool gee_peer_is_local(const char *peer) {
    gee_ip_t address;
    return gee_ip_of_peer(peer, &address) != 0 || among(loopback, GEE_LENGTH(loopback), &address);
}
