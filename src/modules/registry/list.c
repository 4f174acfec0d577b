/* list.c: a worker's copy of the list, and the formatted answers, which many requests share.
 *
 *   shared list -> copy, when it has changed -> X-Geerpc-Servers, or JSON; by service -> responses refer to it */
#include "registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FORMS      16                      /* answers that are kept */
#define JSON_VALID (100 * GEE_MILLISECOND) /* `expires_in_ms` in the text grows old */

typedef struct form {
    bool json;
    char service[REGISTRY_TEXT + 1];
    uint64_t version;
    int64_t made_ns;
    gee_buf_t *buf; /* null: none */
    size_t length;
} form_t;

typedef struct registry_view {
    gee_engine_t *engine;
    gee_double_copy_t copy;
    form_t forms[FORMS];
    size_t next; /* index of the form that is replaced next */
} view_t;

static const registry_list_t *list_of(const view_t *view) {
    return view->copy.count > 0 ? view->copy.bytes : NULL;
}

uint64_t registry_view_version(registry_conf_t *conf) {
    view_t *view = conf->view;
    if (gee_double_buffer_read(&conf->buffer, &view->copy) != 0)
        return 0;
    return list_of(view) != NULL ? list_of(view)->version : 0;
}

/* ---- formatting ---- */

typedef struct text {
    char *at, *end; /* null: bytes are only counted */
    size_t length;
} text_t;

static void text_put(text_t *text, const char *bytes, size_t length) {
    if (text->at != NULL && (size_t)(text->end - text->at) >= length) {
        memcpy(text->at, bytes, length);
        text->at += length;
    }
    text->length += length;
}

static void print(text_t *text, const char *format, ...) GEE_PRINTF(2, 3);

/* Precondition: the result is short. */
static void print(text_t *text, const char *format, ...) {
    char piece[128];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(piece, sizeof(piece), format, arguments);
    va_end(arguments);
    GEE_ASSERT(length >= 0 && (size_t)length < sizeof(piece));
    text_put(text, piece, length > 0 && (size_t)length < sizeof(piece) ? (size_t)length : 0);
}

static bool is_wanted(const registry_entry_t *entry, const char *service) {
    return *service == '\0' || strcmp(registry_service(entry), service) == 0;
}

static void write_header(text_t *text, const registry_list_t *list, const char *service, int64_t now GEE_UNUSED) {
    const registry_entry_t *entry = registry_first(list), *before = NULL;
    print(text, "X-Geerpc-Servers: ");
    for (uint64_t i = 0; i < list->count; i++, entry = registry_next(entry)) {
        if (!is_wanted(entry, service) || (before && strcmp(registry_address(before), registry_address(entry)) == 0))
            continue;
        if (before != NULL)
            text_put(text, ",", 1);
        text_put(text, registry_address(entry), entry->address_length);
        before = entry;
    }
    print(text, "\r\n");
}

/* No text in an entry needs to be escaped: registry_text_valid(). */
static void write_json_entry(text_t *text, const registry_entry_t *entry, int64_t now, bool first) {
    int64_t left_ns = entry->expires_ns > now ? entry->expires_ns - now : 0;
    print(text, "%s{\"address\":\"", first ? "" : ",");
    text_put(text, registry_address(entry), entry->address_length);
    if (entry->service_length > 0) {
        print(text, "\",\"service\":\"");
        text_put(text, registry_service(entry), entry->service_length);
    }
    print(text, "\",\"weight\":%u,\"expires_in_ms\":%lld}", entry->weight ? entry->weight : 1,
          (long long)(left_ns / GEE_MILLISECOND));
}

static void write_json(text_t *text, const registry_list_t *list, const char *service, int64_t now) {
    const registry_entry_t *entry = registry_first(list);
    bool first = true;
    print(text, "{\"version\":%" PRIu64 ",\"servers\":[", list->version);
    for (uint64_t i = 0; i < list->count; i++, entry = registry_next(entry)) {
        if (!is_wanted(entry, service))
            continue;
        write_json_entry(text, entry, now, first);
        first = false;
    }
    print(text, "]}\n");
}

/* Writes twice: first to know the length, then into a buffer. */
static int make_form(const view_t *view, form_t *form) {
    const registry_list_t *list = list_of(view);
    void (*write)(text_t *, const registry_list_t *, const char *, int64_t) = form->json ? write_json : write_header;
    text_t text = { 0 };
    form->made_ns = gee_loop_now(gee_engine_loop(view->engine));
    form->version = list->version;
    write(&text, list, form->service, form->made_ns);
    form->length = text.length;
    gee_buf_release(&form->buf);
    form->buf = gee_buf_take(gee_engine_buffers(view->engine), text.length);
    if (form->buf == NULL)
        return -1;
    text = (text_t){ .at = (char *)form->buf->data, .end = (char *)form->buf->data + text.length };
    write(&text, list, form->service, form->made_ns);
    return 0;
}

/* ---- answering ---- */

static bool is_fresh(const view_t *view, const form_t *form) {
    return form->buf != NULL && form->version == list_of(view)->version &&
           (!form->json || gee_loop_now(gee_engine_loop(view->engine)) - form->made_ns < JSON_VALID);
}

/* Null: out of memory. */
static const form_t *find_form(view_t *view, gee_str_t service, bool json) {
    form_t *form = NULL;
    for (size_t i = 0; i < FORMS && form == NULL; i++)
        if (view->forms[i].buf != NULL && view->forms[i].json == json &&
            gee_str_equal(gee_str(view->forms[i].service), service))
            form = &view->forms[i];
    if (form == NULL) {
        form = &view->forms[view->next++ % FORMS];
        gee_buf_release(&form->buf);
        form->json = json;
        (void)gee_str_format(form->service, sizeof(form->service), "%.*s", GEE_STR_ARGUMENTS(service));
    }
    return is_fresh(view, form) || make_form(view, form) == 0 ? form : NULL;
}

void registry_view_write(registry_conf_t *conf, gee_str_t service, bool json, gee_http_response_t *response) {
    view_t *view = conf->view;
    char version[24];
    const form_t *form = list_of(view) != NULL ? find_form(view, service, json) : NULL;
    if (form == NULL) {
        gee_http_fail(response, 503, "the list cannot be read now; try again");
        return;
    }
    int length = snprintf(version, sizeof(version), "%" PRIu64, list_of(view)->version);
    gee_http_set_header(response, "X-Geerpc-Version", (gee_str_t){ version, (size_t)length });
    gee_http_set_header(response, "Cache-Control", GEE_STR("no-store"));
    gee_http_set_header(response, "Vary", GEE_STR("Accept"));
    if (json) {
        gee_http_set_type(response, "application/json");
        gee_http_share_body(response, form->buf, form->length);
    } else {
        gee_http_share_headers(response, form->buf, form->length);
    }
}

/* ---- beginning and end ---- */

int registry_view_start(registry_conf_t *conf, gee_engine_t *engine, gee_error_t *error) {
    conf->view = calloc(1, sizeof(*conf->view));
    if (conf->view == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    conf->view->engine = engine;
    return 0;
}

void registry_view_stop(registry_conf_t *conf) {
    if (conf->view == NULL)
        return;
    for (size_t i = 0; i < FORMS; i++)
        gee_buf_release(&conf->view->forms[i].buf);
    gee_double_copy_free(&conf->view->copy);
    free(conf->view);
    conf->view = NULL;
}
