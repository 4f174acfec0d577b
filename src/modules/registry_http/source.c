/* source.c: where a registry is, and one request to it. */
#include "http.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_URL 2048

int gee_http_source_check(const char *url, gee_error_t *error) {
    gee_addr_t addr;
    const char *target;
    if (gee_http_parse_url(url, &addr, &target, error) != 0)
        return -1;
    /* A URL with bytes that cannot stand in the first line of a request is refused here. */
    bool clean = strlen(url) <= LONGEST_URL;
    for (const char *at = target; *at != '\0'; at++)
        clean = clean && (unsigned char)*at > ' ' && *at != '#' && *at != 0x7f;
    if (!clean) {
        char shown[200];
        return gee_error_set(error, GEE_INVALID_ARGUMENT,
                             "\"%s\": a registry's URL has no spaces, control bytes or #, and at most %d bytes",
                             gee_str_escape(shown, sizeof(shown), url, strlen(url)), LONGEST_URL);
    }
    return 0;
}

int gee_http_source_open(gee_http_source_t *source, gee_engine_t *engine, const char *url, gee_error_t *error) {
    *source = (gee_http_source_t){ .engine = engine };
    if (gee_http_source_check(url, error) != 0)
        return -1;
    source->transport = gee_module_find(gee_engine_modules(engine), GEE_MODULE_TRANSPORT, GEE_STR("tcp"));
    if (source->transport == NULL)
        return gee_error_set(error, GEE_UNIMPLEMENTED, "%.*s: this needs transport_tcp, which is not compiled in",
                             GEE_QUOTED(url));
    source->url = strdup(url);
    if (source->url == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%.*s: out of memory", GEE_QUOTED(url));
    source->random = (uint64_t)gee_clock_wall() ^ (uint64_t)(uintptr_t)source;
    return gee_http_parse_url(source->url, &source->addr, &source->target, error);
}

void gee_http_source_close(gee_http_source_t *source) {
    free(source->url);
    source->url = NULL;
}

gee_http_call_t *gee_http_source_ask(gee_http_source_t *source, gee_http_ask_t *ask, gee_http_answered_t answered,
                                     void *data, gee_error_t *error) {
    gee_error_t reason;
    if (ask->target == NULL)
        ask->target = source->target;
    gee_http_call_t *call = gee_http_start(gee_engine_loop(source->engine), gee_engine_resolver(source->engine),
                                           source->transport, &source->addr, ask, answered, data, &reason);
    if (call == NULL)
        (void)gee_http_source_accepted(source, NULL, &reason, error);
    return call;
}

/* The text without the address at its beginning, which is in the URL already. */
static const char *without_address(const gee_http_source_t *source, const char *text) {
    size_t length = strlen(source->addr.text);
    return strncmp(text, source->addr.text, length) == 0 && strncmp(text + length, ": ", 2) == 0 ? text + length + 2
                                                                                                 : text;
}

int gee_http_source_accepted(const gee_http_source_t *source, const gee_http_message_t *response,
                             const gee_error_t *failure, gee_error_t *error) {
    char reason[64];
    if (response != NULL && response->status >= 200 && response->status <= 299)
        return 0;
    if (response == NULL)
        gee_error_set(error, failure->code, "%.*s: %s", GEE_QUOTED(source->url),
                      without_address(source, failure->text));
    else
        gee_error_set(error, GEE_UNAVAILABLE, "%.*s: the registry answers %d %s%s", GEE_QUOTED(source->url),
                      response->status,
                      gee_str_escape(reason, sizeof(reason), response->reason.data, response->reason.length),
                      response->status == 421 ? ": ask by IP address, or list the name in its http.hosts" : "");
    if (error != NULL)
        error->phase = response ? GEE_PHASE_WAIT : failure->phase;
    return -1;
}
