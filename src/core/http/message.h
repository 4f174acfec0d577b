/* message.h: one HTTP message as the reader has it: a request, or a response. Views into the memory of the reader. */
#ifndef GEE_HTTP_MESSAGE_H
#define GEE_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/pool.h"
#include "core/base/str.h"

typedef struct gee_http_header {
    gee_str_t name, value; /* the value without surrounding white space */
} gee_http_header_t;

typedef struct gee_http_message {
    unsigned minor; /* of the version: HTTP/1.minor, 0 or 1 */
    gee_http_header_t *headers;
    size_t header_count;
    gee_bytes_t body;
    bool keep_alive; /* the sender is willing to go on with this connection */

    /* request */
    gee_str_t method;         /* "GET" */
    gee_str_t target;         /* as received: "/debug/geerpc?format=json" */
    gee_str_t authority;      /* of a target like "http://host:port/path"; else empty */
    gee_str_t path, query;    /* of the target, still percent-encoded; query without the "?" */
    bool wants_continue;      /* Expect: 100-continue, and there is a body to come */
    bool unknown_expectation; /* Expect: anything else */

    /* response */
    int status;
    gee_str_t reason; /* "Not Found"; may be empty */
} gee_http_message_t;

/* The value of the first header of that name (case ignored); data is null when there is none. */
gee_str_t gee_http_header(const gee_http_message_t *message, const char *name);
size_t gee_http_header_count(const gee_http_message_t *message, const char *name);
/* The value of a parameter of the query ("format" in "a=1&format=json"), percent-decoded into `pool`. Data is null
 * when the parameter is absent or ill-formed, or there is no memory. */
gee_str_t gee_http_query(const gee_http_message_t *message, const char *name, gee_pool_t *pool);
/* False: two hexadecimal digits are missing behind a %. gee_http_query() takes such a parameter as absent: a handler
 * for which absence means more than a value must refuse an invalid query. */
bool gee_http_query_valid(const gee_http_message_t *message);
/* Does an Accept header take this media type, with at least the quality of `instead` (of equal qualities the type
 * that is named first wins)? Without an Accept header: no. For pages that have two forms. */
bool gee_http_prefers(const gee_http_message_t *message, const char *type, const char *instead);

/* "Not Found"; "Unknown" for a number without a name. Static memory. */
const char *gee_http_reason(int status);

#endif
