/* registry.h: what the parts of the registry share.
 *
 *   worker: request.c  POST, DELETE: checked -> message ----> helper: writer.c -> table.c -> zone -----+
 *                      answered when <- results (in the zone) <-'        '-> file.c: over restarts     |
 *   worker: watch.c    GET, at once or when the version changes      <- list.c: a copy, formatted <----+
 *
 * The helper is the only writer of the zone, the memory that all processes share and that outlives them. */
#ifndef GEE_MODULES_REGISTRY_H
#define GEE_MODULES_REGISTRY_H

#include <gee/page.h>
#include <gee/registry.h>

#include <stdatomic.h>
#include <string.h>

#define REGISTRY_MODULE  "registry"
#define REGISTRY_ENTRIES GEE_SNAPSHOT_SERVERS /* as many as followers take */
#define REGISTRY_TEXT    255                  /* bytes of an address, of a service's name */
#define REGISTRY_BYTES   GEE_SNAPSHOT_BYTES   /* of the list as JSON, the form that followers read */

#define REGISTRY_SHORTEST_TTL GEE_SECOND
#define REGISTRY_LONGEST_TTL  (24 * 3600 * GEE_SECOND)

/* ---- shared memory ---- */
#define REGISTRY_ZONE         "registry"
#define REGISTRY_ZONE_VERSION 1u

/* A list as published: this head, then each entry with its two texts, sorted by address, then service. */
typedef struct registry_list {
    uint64_t version; /* changes whenever an entry comes, goes or changes its weight */
    uint64_t count;
} registry_list_t;

typedef struct registry_entry {
    int64_t expires_ns; /* gee_clock_monotonic() */
    int64_t ttl_ns;
    uint32_t weight; /* 0: not given */
    uint16_t address_length, service_length;
    char texts[]; /* address, zero, service, zero; an empty service: none given */
} registry_entry_t;

static inline size_t registry_entry_size(size_t address_length, size_t service_length) {
    return (offsetof(registry_entry_t, texts) + address_length + service_length + 2 + 7) & ~(size_t)7;
}
/* Upper bounds of the JSON that list.c writes: for one entry, and for the text around all entries. Not shorter than an
 * entry here. */
static inline size_t registry_entry_json(size_t address_length, size_t service_length) {
    static const char around[] = ",{\"address\":\"\",\"service\":\"\",\"weight\":65535,\"expires_in_ms\":999999999999}";
    return sizeof(around) + address_length + service_length;
}
#define REGISTRY_LIST_JSON sizeof("{\"version\":18446744073709551615,\"servers\":[]}\n")
static inline const char *registry_address(const registry_entry_t *entry) {
    return entry->texts;
}
static inline const char *registry_service(const registry_entry_t *entry) {
    return entry->texts + entry->address_length + 1;
}
/* The first entry of a published list, and the entry behind another one. */
static inline const registry_entry_t *registry_first(const registry_list_t *list) {
    return (const void *)(list + 1);
}
static inline const registry_entry_t *registry_next(const registry_entry_t *entry) {
    return (const void *)((const char *)entry + registry_entry_size(entry->address_length, entry->service_length));
}

/* The results of the helper, for the workers that asked. A worker reads all results and picks out its own. */
#define REGISTRY_RESULTS 4096
typedef struct registry_result {
    _Atomic uint64_t request;
    _Atomic uint32_t status; /* a status of HTTP; 404 for REGISTRY_REMOVE when there was no such entry */
} registry_result_t;

typedef struct registry_zone {
    _Atomic int64_t tended_ns; /* when a helper was last seen alive, gee_clock_monotonic(); 0: never */
    _Atomic uint64_t result_count;
    registry_result_t results[REGISTRY_RESULTS]; /* the last results, each at its number modulo REGISTRY_RESULTS */
} registry_zone_t;

/* ---- messages to the helper ---- */
typedef enum registry_verb { REGISTRY_PUT = 1, REGISTRY_REMOVE } registry_verb_t;

typedef struct registry_message {
    uint64_t request;
    int64_t ttl_ns;
    uint32_t verb;
    uint32_t weight;
    uint16_t address_length, service_length;
    char texts[2 * REGISTRY_TEXT]; /* address, then service; only the used bytes are sent */
} registry_message_t;

/* True for printable ASCII without the characters that need escapes in a header, in JSON or in the file. */
bool registry_text_valid(gee_str_t text);

/* Fills *addr. -1: not an address that can be listed. */
int registry_address_parse(gee_str_t text, gee_addr_t *addr, gee_error_t *error);

/* ---- settings, and the state of each process ---- */
typedef struct registry_conf {
    const char *path; /* null: this server is no registry */
    int64_t timeout;
    int64_t entries;
    gee_strings_t allow;
    const char *file; /* "": none */

    /* the cycle's */
    const char *file_path; /* absolute; null: none */
    gee_network_t *networks;
    registry_zone_t *zone;
    gee_double_buffer_t buffer; /* of registry_list_t */

    struct registry_writer *writer;     /* in the helper */
    struct registry_requests *requests; /* in a worker */
    struct registry_watchers *watchers;
    struct registry_view *view;
} registry_conf_t;

/* ---- table.c: the list in the helper ---- */
typedef struct registry_table {
    registry_entry_t **items; /* sorted */
    size_t count, room;
    uint64_t version;
    bool changed; /* since the last version */
    size_t bytes; /* upper bound of the entries as JSON */
} registry_table_t;

typedef struct registry_key {
    gee_str_t address, service;
} registry_key_t;

typedef enum registry_outcome { REGISTRY_DONE, REGISTRY_FULL, REGISTRY_NO_MEMORY } registry_outcome_t;

/* Adds an entry, or gives an entry its time again. REGISTRY_FULL: more entries than `most`, or more bytes than
 * followers read. */
registry_outcome_t registry_table_put(registry_table_t *table, const registry_key_t *key, uint32_t weight,
                                      int64_t ttl_ns, int64_t expires_ns, size_t most);
/* False: there was no such entry. */
bool registry_table_remove(registry_table_t *table, const registry_key_t *key);
/* Removes the entries whose time is over. Returns when the next one's time will be over; INT64_MAX: never. */
int64_t registry_table_expire(registry_table_t *table, int64_t now_ns);
void registry_table_clear(registry_table_t *table);
void registry_table_publish(registry_table_t *table, const gee_double_buffer_t *buffer);
/* Takes the list that was published before, each entry with `more_ns` more time. -1: out of memory. */
int registry_table_take(registry_table_t *table, const gee_double_buffer_t *buffer, int64_t more_ns);
size_t registry_list_capacity(void);

/* ---- file.c ---- */
/* -1: the file exists but cannot be read, or is not a registry's; the table is left empty. */
int registry_file_load(const char *path, registry_table_t *table, int64_t now_ns, gee_error_t *error);
/* The same from the text of a file; `path` is for messages. */
int registry_file_read(const char *path, gee_str_t text, registry_table_t *table, int64_t now_ns, gee_error_t *error);
/* The text of a file, which the caller frees. Null: out of memory. */
char *registry_file_format(const registry_table_t *table, size_t *length);
/* Writes the text beside the file, then renames that file over the old one. */
int registry_file_write(const char *path, const char *text, size_t length, gee_error_t *error);
/* Renames a file that could not be read, so that the file is not overwritten: somebody may need its content. */
#define REGISTRY_ASIDE ".bad"
int registry_file_set_aside(const char *path, gee_error_t *error);

/* ---- writer.c: the helper ---- */
int registry_writer_start(registry_conf_t *conf, gee_engine_t *engine, gee_error_t *error);
void registry_writer_message(registry_conf_t *conf, const void *bytes, size_t length);
void registry_writer_stop(registry_conf_t *conf);

/* ---- request.c: a worker's POST and DELETE ---- */
int registry_requests_start(registry_conf_t *conf, gee_engine_t *engine, gee_error_t *error);
void registry_requests_wake(registry_conf_t *conf);
void registry_requests_stop(registry_conf_t *conf);
void registry_post(gee_exchange_t *exchange);
void registry_delete(gee_exchange_t *exchange);

/* ---- list.c: the answers of a worker ---- */
int registry_view_start(registry_conf_t *conf, gee_engine_t *engine, gee_error_t *error);
void registry_view_stop(registry_conf_t *conf);
/* The version of the current list; 0: there is no list yet, or the list cannot be read. */
uint64_t registry_view_version(registry_conf_t *conf);
/* Fills the response with the list as it was at registry_view_version(). `service` empty: all. */
void registry_view_write(registry_conf_t *conf, gee_str_t service, bool json, gee_http_response_t *response);

/* ---- watch.c: a worker's GET ---- */
int registry_watchers_start(registry_conf_t *conf, gee_engine_t *engine, gee_error_t *error);
void registry_watchers_wake(registry_conf_t *conf);
void registry_watchers_stop(registry_conf_t *conf);
void registry_get(gee_exchange_t *exchange);

#endif
