/* guard.h: may a request be answered at all? Asked for each request, before its route, so that no route can forget to
 * ask.
 *
 * A web page that somebody opens elsewhere runs in a browser which may reach this server though the page's author
 * cannot. Two ways lead such a page here, and the browser's own headers tell of both:
 *
 *   the page's own name is made to point here (DNS rebinding)  ->  Host is a name that is not ours     ->  421
 *   the page asks this server by address                       ->  Origin, Sec-Fetch-Site name a site  ->  403
 *
 * Programs that are no browsers send neither Origin nor Sec-Fetch-Site. CONNECT passes: no browser lets a page send
 * that. */
#ifndef GEE_HTTP_GUARD_H
#define GEE_HTTP_GUARD_H

#include "core/http/reader.h"

/* Names under which the server may be asked, beside IP addresses and localhost: without port, upper or lower case. */
typedef struct gee_http_hosts {
    const char *const *items;
    size_t count;
} gee_http_hosts_t;

/* False: the answer is *fault. */
bool gee_http_guard(const gee_http_message_t *request, gee_http_hosts_t hosts, gee_http_fault_t *fault);
/* "rpc.example.org", "[::1]:9999": can the text stand in a Host header? The empty text can. */
bool gee_http_authority_valid(gee_str_t authority);

#endif
