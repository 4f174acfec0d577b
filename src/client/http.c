/* http.c: fetches a page of a server, on a loop made for that. */
#include "client/geerpc_http.h"

#include <gee_features.h>

/* llhttp is linked into the library when this module is on. */
#ifdef GEE_HAVE_transport_http_connect

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/event/work.h"
#include "core/http/client.h"
#include "core/rpc/engine.h"

#define BODY_LIMIT (16 * GEE_MIB)

typedef struct fetch {
    gee_http_page_t *page;
    gee_error_t *error;
    int result;
    bool ended;
} fetch_t;

static void page_answered(void *data, const gee_http_message_t *response, const gee_error_t *error) {
    fetch_t *fetch = data;
    fetch->ended = true;
    if (response == NULL) {
        if (fetch->error != NULL)
            *fetch->error = *error;
        return;
    }
    gee_http_page_t *page = fetch->page;
    page->status = response->status;
    (void)gee_str_format(page->reason, sizeof(page->reason), "%.*s", GEE_STR_ARGUMENTS(response->reason));
    page->length = response->body.length;
    page->body = malloc(page->length + 1);
    if (page->body == NULL) {
        gee_error_set(fetch->error, GEE_RESOURCE_EXHAUSTED, "out of memory for a page of %zu bytes", page->length);
        return;
    }
    if (page->length > 0)
        memcpy(page->body, response->body.data, page->length);
    page->body[page->length] = '\0';
    fetch->result = 0;
}

static int find_place(const char *where, const char **path, gee_addr_t *addr, gee_error_t *error) {
    const char *target;
    if (strncmp(where, "http://", 7) == 0) {
        if (gee_http_parse_url(where, addr, &target, error) != 0)
            return -1;
        if (strcmp(target, "/") != 0)
            *path = target;
        return 0;
    }
    if (gee_addr_parse(where, addr, error) != 0)
        return -1;
    if (strcmp(addr->scheme, "http") != 0)
        return 0;
    char text[GEE_ADDR_TEXT + sizeof("tcp@")];
    snprintf(text, sizeof(text), "tcp@%s", addr->place);
    return gee_addr_parse(text, addr, error);
}

static int run_fetch(gee_loop_t *loop, gee_thread_pool_t *threads, const gee_transport_t *transport,
                     const gee_addr_t *addr, const gee_http_ask_t *ask, fetch_t *fetch) {
    gee_http_call_t *call = gee_http_start(loop, threads, transport, addr, ask, page_answered, fetch, fetch->error);
    if (call == NULL)
        return -1;
    while (!fetch->ended)
        if (gee_loop_once(loop, -1) != 0) {
            gee_http_cancel(&call);
            return gee_error_set(fetch->error, GEE_INTERNAL, "%s: the kernel refuses to wait for events", addr->text);
        }
    return fetch->result;
}

int gee_http_get(const char *where, const char *path, const char *accept, int64_t timeout_ns, gee_http_page_t *page,
                 gee_error_t *error) {
    gee_addr_t addr;
    fetch_t fetch = { .page = page, .error = error, .result = -1 };
    int result = -1;
    *page = (gee_http_page_t){ .status = 0 };
    if (find_place(where, &path, &addr, error) != 0)
        return -1;
    const gee_transport_t *transport = gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, gee_str(addr.scheme));
    if (transport == NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: pages are fetched over tcp@ and unix@, or from http://",
                             addr.text);
    if (transport->check(&addr, error) != 0)
        return -1;
    gee_http_header_t header = { .name = GEE_STR("Accept"), .value = gee_str(accept) };
    gee_http_ask_t ask = { .method = "GET",
                           .host = strcmp(addr.scheme, "tcp") == 0 ? NULL : "localhost",
                           .target = path,
                           .headers = &header,
                           .header_count = accept ? 1 : 0,
                           .limits = GEE_HTTP_LIMITS,
                           .timeout_ns = timeout_ns > 0 ? timeout_ns : 0 };
    ask.limits.body = BODY_LIMIT;
    gee_loop_t *loop = gee_loop_create(NULL, error);
    gee_thread_pool_t *threads = loop ? gee_work_threads(error) : NULL;
    if (threads != NULL)
        result = run_fetch(loop, threads, transport, &addr, &ask, &fetch);
    gee_thread_pool_abandon(&threads);
    gee_loop_destroy(&loop);
    return result;
}

#else

#include "core/base/defs.h"

int gee_http_get(const char *where, const char *path GEE_UNUSED, const char *accept GEE_UNUSED,
                 int64_t timeout_ns GEE_UNUSED, gee_http_page_t *page, gee_error_t *error) {
    *page = (gee_http_page_t){ .status = 0 };
    return gee_error_set(error, GEE_UNIMPLEMENTED,
                         "%s: this library was built without HTTP; ./configure --with-transport_http_connect", where);
}

#endif
