/* geerpc_http.h: one HTTP GET over the library's transports: for the pages of a server (/debug/geerpc), not for the web. */
#ifndef GEERPC_HTTP_H
#define GEERPC_HTTP_H

#include "geerpc.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gee_http_page {
    int status;      /* 200; every status is an answer */
    char reason[64]; /* "Not Found", as the server wrote it, cut when it is longer; may be empty */
    char *body;      /* terminated; to be given to gee_free() */
    size_t length;   /* of the body, which may hold zero bytes */
} gee_http_page_t;

/* `where`: an address, tcp@HOST:PORT or unix@PATH, whose page at `path` ("/debug/geerpc?format=json") is asked for (http@ is
 * taken as tcp@); or a URL, http://HOST[:PORT][/PATH], whose own path is taken when it has one. `accept`: the media type that
 * is wanted, null: any. `timeout_ns` bounds everything from resolving the name to the last byte, 0: none; but a name server
 * that does not answer is waited for as long as the system's resolver does. Waits, on a connection of its own. 0 with *page
 * filled, or -1 with the reason, whose text names the address. */
GEE_EXPORT int gee_http_get(const char *where, const char *path, const char *accept, int64_t timeout_ns,
                            gee_http_page_t *page, gee_error_t *error);

#ifdef __cplusplus
}
#endif

#endif
