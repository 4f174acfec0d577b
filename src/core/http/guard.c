/* guard.c: compares Host, Origin and Sec-Fetch-Site with the names that are ours. Pure: no logs, no memory. */
#include "core/http/guard.h"

#include <arpa/inet.h>
#include <string.h>

#include "core/base/defs.h"

/* ---- host[:port] ---- */

static bool is_digits(gee_str_t text) {
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return true;
}

/* "[::1]" of "[::1]:9999"; *port is what stands behind the colon, or empty. False: something else follows the host. */
static bool split(gee_str_t authority, gee_str_t *host, gee_str_t *port) {
    if (authority.length == 0)
        authority = GEE_STR(""); /* nothing can be added to a null pointer, not even zero */
    const char *bracket =
        authority.length > 0 && authority.data[0] == '[' ? memchr(authority.data, ']', authority.length) : NULL;
    size_t length = bracket != NULL ? (size_t)(bracket + 1 - authority.data) : 0;
    if (bracket == NULL)
        while (length < authority.length && authority.data[length] != ':')
            length++;
    *host = (gee_str_t){ authority.data, length };
    *port = (gee_str_t){ authority.data + length, authority.length - length };
    if (port->length == 0)
        return true;
    if (port->data[0] != ':')
        return false;
    port->data++;
    port->length--;
    return is_digits(*port);
}

/* RFC 3986, 3.2.2: a name's bytes. */
static bool is_name(gee_str_t host) {
    for (size_t i = 0; i < host.length; i++) {
        char byte = host.data[i];
        if (!((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
              (byte != '\0' && strchr("-._~%!$&'()*+,;=", byte) != NULL)))
            return false;
    }
    return true;
}

/* The text between brackets, or an IPv4 address. */
static bool is_address(gee_str_t host) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    bool bracketed = host.length > 2 && host.data[0] == '[';
    if (bracketed)
        host = (gee_str_t){ host.data + 1, host.length - 2 };
    if (host.length == 0 || host.length >= sizeof(text))
        return false;
    memcpy(text, host.data, host.length);
    text[host.length] = '\0';
    return strlen(text) == host.length && inet_pton(bracketed ? AF_INET6 : AF_INET, text, &ignored) == 1;
}

bool gee_http_authority_valid(gee_str_t authority) {
    gee_str_t host, port;
    if (!split(authority, &host, &port) || (host.length == 0 && port.length > 0))
        return false;
    return is_name(host) || is_address(host);
}

/* ---- our names ---- */

/* A name may end with the dot of the root. */
static gee_str_t without_dot(gee_str_t host) {
    if (host.length > 1 && host.data[host.length - 1] == '.')
        host.length--;
    return host;
}

static bool is_ours(gee_str_t authority, gee_http_hosts_t hosts) {
    gee_str_t host, port;
    if (!split(authority, &host, &port))
        return false;
    if (is_address(host))
        return true;
    host = without_dot(host);
    if (gee_str_equal_ignoring_case(host, GEE_STR("localhost")))
        return true;
    for (size_t i = 0; i < hosts.count; i++)
        if (gee_str_equal_ignoring_case(host, without_dot(gee_str(hosts.items[i]))))
            return true;
    return false;
}

/* `port` of a browser's URL: absent where the scheme's own is meant. */
static gee_str_t explicit_port(gee_str_t port, gee_str_t usual) {
    return port.length > 0 ? port : usual;
}

/* Does an origin such as "http://127.0.0.1:9999" name the host that the request was sent to? https: a proxy in front
 * took the encryption off. */
static bool same_origin(gee_str_t origin, gee_str_t authority) {
    static const struct {
        gee_str_t scheme, port;
    } known[] = { { { "http://", 7 }, { "80", 2 } }, { { "https://", 8 }, { "443", 3 } } };
    gee_str_t host, port, own_host, own_port;
    for (size_t i = 0; i < GEE_LENGTH(known); i++) {
        gee_str_t scheme = known[i].scheme;
        if (!gee_str_starts_with(origin, scheme))
            continue;
        gee_str_t rest = { origin.data + scheme.length, origin.length - scheme.length };
        return split(rest, &host, &port) && split(authority, &own_host, &own_port) && host.length > 0 &&
               gee_str_equal_ignoring_case(host, own_host) &&
               gee_str_equal(explicit_port(port, known[i].port), explicit_port(own_port, known[i].port));
    }
    return false;
}

/* ---- the request ---- */

static bool only_reads(const gee_http_message_t *request) {
    return gee_str_equal(request->method, GEE_STR("GET")) || gee_str_equal(request->method, GEE_STR("HEAD"));
}

static bool refuse(gee_http_fault_t *fault, int status, const char *text) {
    *fault = (gee_http_fault_t){ .status = status, .text = text };
    return false;
}

/* Does the request come from a page of another site? Repeated headers count as foreign: browsers send each once. */
static bool is_foreign(const gee_http_message_t *request, gee_str_t authority) {
    gee_str_t site = gee_http_header(request, "Sec-Fetch-Site");
    size_t origins = gee_http_header_count(request, "Origin");
    if (gee_http_header_count(request, "Sec-Fetch-Site") > 1 || origins > 1 ||
        gee_str_equal_ignoring_case(site, GEE_STR("cross-site")))
        return true;
    return origins == 1 && !same_origin(gee_http_header(request, "Origin"), authority);
}

/* The host of an absolute target ("GET http://host/path") counts before the Host header; both must be ours. A request
 * without either (HTTP/1.0) comes from no browser, as browsers cannot leave the Host out. */
bool gee_http_guard(const gee_http_message_t *request, gee_http_hosts_t hosts, gee_http_fault_t *fault) {
    gee_str_t host = gee_http_header(request, "Host"), authority = request->authority;
    if (gee_str_equal(request->method, GEE_STR("CONNECT")))
        return true;
    if ((host.length > 0 && !is_ours(host, hosts)) || (authority.length > 0 && !is_ours(authority, hosts)))
        return refuse(
            fault, only_reads(request) ? 421 : 403,
            "Host is no name of this server: ask by IP address or as localhost, or list the name in http.hosts");
    if (is_foreign(request, authority.length > 0 ? authority : host))
        return refuse(fault, 403, "asked by a web page of another site (Origin, Sec-Fetch-Site)");
    return true;
}
