/* transport_http_connect.c: http@HOST:PORT and http@HOST:PORT/PATH: TCP, and on it the CONNECT with which Go's net/rpc
 * and GeeRPC open a conversation on an HTTP server's port.
 *
 *   dialled:  connect -> "CONNECT /_geeprc_ HTTP/1.0" -> 200 -> the stream is ours
 *   listened: as tcp@: every listener takes CONNECT, by the routes below (protocol_http reads the request)
 *
 * A stock server drops bytes that come behind the request before its answer, and a stock client drops bytes that come
 * with the 200. So nothing is sent before the 200, and bytes that come with the 200 are kept. */
#include <gee/http.h>
#include <gee/transport.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PATH "/_geeprc_" /* GeeRPC's own path, misspelt: all servers of GeeRPC know it */

/* ---- addresses ---- */

/* The address without its path, for the functions of TCP; *path is the path that was dialled. */
static void split(const gee_addr_t *addr, gee_addr_t *plain, const char **path) {
    const char *slash = strchr(addr->place, '/');
    *plain = *addr;
    *path = slash ? slash : DEFAULT_PATH;
    if (slash != NULL)
        plain->place[slash - addr->place] = '\0';
}

static bool is_visible(const char *path) {
    for (const char *at = path; *at != '\0'; at++)
        if (*at <= ' ' || *at >= 0x7f)
            return false;
    return true;
}

static int connect_check(const gee_addr_t *addr, gee_error_t *error) {
    gee_addr_t plain;
    const char *path;
    split(addr, &plain, &path);
    if (!is_visible(path))
        return gee_error_set(error, GEE_INVALID_ARGUMENT,
                             "%s: a path has visible ASCII characters only, as in http@127.0.0.1:9999/_goRPC_",
                             addr->text);
    return gee_tcp_check(&plain, error);
}

static bool numeric(const gee_addr_t *addr) {
    gee_addr_t plain;
    const char *path;
    split(addr, &plain, &path);
    return gee_tcp_numeric(&plain);
}

static int resolve(const gee_addr_t *addr, gee_sockaddr_t *candidates, size_t capacity, size_t *count,
                   gee_error_t *error) {
    gee_addr_t plain;
    const char *path;
    split(addr, &plain, &path);
    return gee_tcp_resolve(&plain, candidates, capacity, count, error);
}

/* ---- the handshake ---- */

typedef struct state {
    gee_http_reader_t *reader; /* null after the answer was read */
    bool established;
    char path[GEE_ADDR_TEXT];
} state_t;

static int connect_start(void *data, gee_role_t role, const void *setup, gee_chain_t *down, gee_error_t *error) {
    state_t *state = data;
    gee_http_limits_t limits = GEE_HTTP_LIMITS;
    gee_addr_t plain;
    const char *path;
    char text[2 * GEE_ADDR_TEXT + 64];
    if (role != GEE_CALLING || setup == NULL)
        return gee_error_set(error, GEE_INTERNAL, "CONNECT: only whoever dials pushes this layer");
    split(setup, &plain, &path);
    snprintf(state->path, sizeof(state->path), "%s", path);
    int length = snprintf(text, sizeof(text), "CONNECT %s HTTP/1.0\r\nHost: %s\r\n\r\n", state->path, plain.place);
    state->reader = gee_http_reader_create(GEE_HTTP_RESPONSE, &limits, down->cache);
    if (state->reader == NULL || gee_chain_append(down, text, (size_t)length) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "CONNECT: out of memory");
    gee_http_reader_answers_connect(state->reader);
    return 0;
}

static int read_answer(state_t *state, gee_inbox_t *from_wire, gee_error_t *error) {
    gee_http_fault_t fault;
    size_t consumed = 0;
    gee_http_progress_t progress =
        gee_http_reader_take(state->reader, gee_inbox_bytes(from_wire), gee_inbox_length(from_wire), &consumed, &fault);
    gee_inbox_consume(from_wire, consumed);
    if (progress == GEE_HTTP_REFUSED)
        return gee_error_set(error, GEE_UNAVAILABLE, "CONNECT %s: the answer is not HTTP: %s", state->path, fault.text);
    if (progress != GEE_HTTP_HEAD)
        return 0;
    const gee_http_message_t *answer = gee_http_reader_message(state->reader);
    if (answer->status != 200) {
        char reason[128];
        gee_str_escape(reason, sizeof(reason), answer->reason.data, answer->reason.length);
        return gee_error_set(error, GEE_UNAVAILABLE, "CONNECT %s was answered: %d %s", state->path, answer->status,
                             reason);
    }
    gee_http_reader_destroy(&state->reader);
    state->established = true;
    return 0;
}

static int receive(void *data, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down GEE_UNUSED,
                   gee_error_t *error) {
    state_t *state = data;
    if (!state->established && read_answer(state, from_wire, error) != 0)
        return -1;
    if (!state->established || gee_inbox_length(from_wire) == 0)
        return 0;
    if (gee_inbox_length(up) == 0) { /* the usual case: nothing is copied */
        gee_inbox_t empty = *up;
        *up = *from_wire;
        *from_wire = empty;
        return 0;
    }
    if (gee_inbox_append(up, gee_inbox_bytes(from_wire), gee_inbox_length(from_wire)) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "CONNECT: out of memory");
    gee_inbox_consume(from_wire, gee_inbox_length(from_wire));
    return 0;
}

static int send_down(void *data GEE_UNUSED, gee_chain_t *from_above, gee_chain_t *down, gee_error_t *error GEE_UNUSED) {
    gee_chain_move(down, from_above);
    return 0;
}

static bool established(const void *data) {
    const state_t *state = data;
    return state->established;
}

static int ended(void *data, gee_error_t *error) {
    const state_t *state = data;
    return state->established
               ? 0
               : gee_error_set(error, GEE_UNAVAILABLE, "CONNECT %s: the peer closed the connection without an answer",
                               state->path);
}

static void connect_stop(void *data) {
    state_t *state = data;
    gee_http_reader_destroy(&state->reader);
}

static const gee_layer_t connect_layer = { .name = "connect",
                                           .state_size = sizeof(state_t),
                                           .start = connect_start,
                                           .receive = receive,
                                           .send = send_down,
                                           .established = established,
                                           .ended = ended,
                                           .stop = connect_stop };

/* ---- the module ---- */

typedef struct conf {
    const char *path; /* null or empty: none */
} conf_t;

static int check_path(const void *value, gee_error_t *error) {
    const char *path = *(const char *const *)value;
    if (*path == '\0' || (*path == '/' && is_visible(path) && strchr(path, '?') == NULL))
        return 0;
    return gee_error_set(error, GEE_INVALID_ARGUMENT,
                         "a path begins with / and has visible ASCII characters only, without ?");
}

static const gee_option_t options[] = {
    { .name = "path",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(conf_t, path),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "A further path for CONNECT, for clients in Go that call rpc.DialHTTPPath",
      .check = check_path },
    { .name = NULL },
};

static const char *own_path(const void *data) {
    const conf_t *conf = data;
    return conf != NULL ? conf->path : NULL;
}

#define ROUTE(route_path, whom)                                                                                        \
    {                                                                                                                  \
        .path = route_path, .methods = "CONNECT", .upgrade = "HTTP/1.0 200 Connected to " whom " RPC\r\n\r\n",         \
        .wrong_method = "405 must CONNECT\n"                                                                           \
    }

static const gee_route_t routes[] = {
    ROUTE("/_geerpc_", "Gee"),
    ROUTE("/_geeprc_", "Gee"),
    ROUTE("/_goRPC_", "Go"),
    { .path = "connect.path",
      .place = own_path,
      .methods = "CONNECT",
      .upgrade = "HTTP/1.0 200 Connected to Go RPC\r\n\r\n",
      .wrong_method = "405 must CONNECT\n" },
    { .path = NULL },
};

static const gee_transport_t transport = { .scheme = "http",
                                           .socket_per_worker = true,
                                           .check = connect_check,
                                           .resolve = resolve,
                                           .numeric = numeric,
                                           .listen = gee_tcp_listen,
                                           .accept = gee_tcp_accept,
                                           .connect = gee_tcp_connect,
                                           .connected = gee_tcp_connected,
                                           .limit_unacknowledged = gee_tcp_limit_unacknowledged,
                                           .receive = gee_socket_receive,
                                           .send = gee_socket_send,
                                           .dial_layer = &connect_layer };

extern const gee_module_t gee_transport_http_connect_module;
const gee_module_t gee_transport_http_connect_module = { .abi = GEE_MODULE_ABI,
                                                         .kind = GEE_MODULE_TRANSPORT,
                                                         .name = "transport_http_connect",
                                                         .interface = &transport,
                                                         .routes = routes,
                                                         .block = "connect",
                                                         .options = options,
                                                         .conf_size = sizeof(conf_t) };
