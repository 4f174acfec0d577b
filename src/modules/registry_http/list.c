/* list.c: a registry's answer as a list of servers.
 *
 *   X-Geerpc-Servers: tcp@10.0.0.1:9999,tcp@10.0.0.2:9999        any registry of GeeRPC's
 *   {"version":7,"servers":[{"address":...,"weight":3}]}         ours, with X-Geerpc-Version */
#include "http.h"

#include <string.h>

#define NESTING 16

const gee_http_limits_t gee_http_list_limits = {
    .line = GEE_SNAPSHOT_BYTES, .head = GEE_SNAPSHOT_BYTES + 32 * GEE_KIB, .headers = 100, .body = GEE_SNAPSHOT_BYTES
};

typedef struct {
    gee_str_t address, service;
    uint32_t weight;
} item_t;
GEE_STRUCT(item_t, "Item", GEE_STRING(item_t, address, "address", 1), GEE_STRING(item_t, service, "service", 2),
           GEE_UINT32(item_t, weight, "weight", 3));
GEE_LIST_TYPE(item_t);

typedef struct {
    GEE_LIST_OF(item_t) servers;
} body_t;
GEE_STRUCT(body_t, "Body", GEE_LIST(body_t, servers, "servers", 1, item_t, gee_list_of_item_t));

static int out_of_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

static gee_server_t *make_room(size_t count, gee_pool_t *pool) {
    return gee_pool_array(pool, count < GEE_SNAPSHOT_SERVERS ? count : GEE_SNAPSHOT_SERVERS, sizeof(gee_server_t));
}

static int add(gee_snapshot_t *snapshot, gee_server_t *servers, gee_str_t address, uint32_t weight, gee_pool_t *pool,
               gee_error_t *error) {
    if (snapshot->count == GEE_SNAPSHOT_SERVERS)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the list has more than %d servers", GEE_SNAPSHOT_SERVERS);
    if (address.length > 0 && memchr(address.data, '\0', address.length) != NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "there is a zero byte in an address");
    gee_server_t *server = &servers[snapshot->count++];
    server->weight = weight;
    server->address = gee_pool_strndup(pool, address.data, address.length);
    return server->address != NULL ? 0 : out_of_memory(error);
}

/* ---- JSON ---- */

static const gee_codec_t *find_json(const gee_engine_t *engine) {
    const gee_codec_t *json = gee_module_find(gee_engine_modules(engine), GEE_MODULE_CODEC, GEE_STR("json"));
    return json != NULL && json->state_size == 0 ? json : NULL;
}

bool gee_http_list_reads_json(const gee_engine_t *engine) {
    return find_json(engine) != NULL;
}

static int read_json(const gee_codec_t *json, gee_bytes_t bytes, const char *service, gee_pool_t *pool,
                     gee_snapshot_t *snapshot, gee_error_t *error) {
    const gee_codec_limits_t limits = { .message = gee_http_list_limits.body, .nesting = NESTING };
    body_t body = { 0 };
    if (json->decode(NULL, GEE_TYPE_OF(body_t), bytes.data, bytes.length, &limits, false, pool, &body, error) != 0)
        return -1;
    gee_server_t *servers = make_room(body.servers.count, pool);
    if (servers == NULL)
        return out_of_memory(error);
    snapshot->servers = servers;
    for (size_t i = 0; i < body.servers.count; i++) {
        const item_t *item = &body.servers.items[i];
        if (service != NULL && !gee_str_equal(item->service, gee_str(service)))
            continue;
        if (add(snapshot, servers, item->address, item->weight, pool, error) != 0)
            return -1;
    }
    return 0;
}

static bool is_json(const gee_http_message_t *response) {
    static const char json[] = "application/json";
    gee_str_t type = gee_http_header(response, "Content-Type");
    type.length = type.length < sizeof(json) - 1 ? type.length : sizeof(json) - 1;
    return gee_str_equal_ignoring_case(type, GEE_STR("application/json"));
}

/* ---- the header ---- */

static size_t count_pieces(gee_str_t header) {
    size_t count = 1;
    for (size_t i = 0; i < header.length; i++)
        count += header.data[i] == ',';
    return count;
}

static int read_header(gee_str_t header, gee_pool_t *pool, gee_snapshot_t *snapshot, gee_error_t *error) {
    gee_server_t *servers = make_room(count_pieces(header), pool);
    if (servers == NULL)
        return out_of_memory(error);
    snapshot->servers = servers;
    while (header.length > 0) {
        gee_str_t address = gee_str_trim(gee_str_cut(&header, ','));
        if (address.length > 0 && add(snapshot, servers, address, 0, pool, error) != 0)
            return -1;
    }
    return 0;
}

/* ---- either ---- */

int gee_http_list_read(const gee_engine_t *engine, const gee_http_message_t *response, const char *service,
                       gee_pool_t *pool, gee_http_list_t *list, gee_error_t *error) {
    static const uint64_t key[2] = { 1, 2 };
    const gee_codec_t *json = find_json(engine);
    gee_str_t header = gee_http_header(response, "X-Geerpc-Servers");
    gee_snapshot_t *snapshot = &list->snapshot;
    *list = (gee_http_list_t){ .versioned = false };
    list->versioned = gee_parse_uint64(gee_http_header(response, "X-Geerpc-Version"), &snapshot->version) == 0;
    if (list->versioned && json != NULL && is_json(response))
        return read_json(json, response->body, service, pool, snapshot, error);
    if (header.data == NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the answer is no registry's: it has no X-Geerpc-Servers");
    if (!list->versioned)
        snapshot->version = gee_siphash(key, header.data, header.length);
    return read_header(header, pool, snapshot, error);
}
