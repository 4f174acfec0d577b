/* geerpc_http.h: one HTTP GET over the transports of the library, for the pages of a server (/debug/geerpc). Not a
 * client for the web: no TLS, no redirects. */
#ifndef GEERPC_HTTP_H
#define GEERPC_HTTP_H

#include "geerpc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gee_http_page {
    int status;      /* 200, or any other: every status counts as an answer */
    char reason[64]; /* "Not Found", as the server wrote it, cut to fit; may be empty */
    char *body;      /* with a zero at the end; the program frees it with gee_free() */
    size_t length;   /* of the body in bytes, without that zero; the body may hold zeros of its own */
} gee_http_page_t;

/* Fetches a page over a connection of its own. May block. `where` is an address or a URL:
 *
 *   tcp@HOST:PORT, unix@PATH      the page at `path` ("/debug/geerpc?format=json"); http@HOST:PORT means tcp@HOST:PORT
 *   http://HOST[:PORT][/PATH]     the page at the URL's own path, or at `path` when the URL has none
 *
 * `accept`: the media type wanted, null: any. `timeout_ns`: from resolving the name to the last byte, 0: no limit; a
 * name server that does not answer is waited for as long as the system's resolver does. 0: *page is filled. -1: failed;
 * the text of the error names the address, and page->body is null. */
GEE_EXPORT int gee_http_get(const char *where, const char *path, const char *accept, int64_t timeout_ns,
                            gee_http_page_t *page, gee_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
