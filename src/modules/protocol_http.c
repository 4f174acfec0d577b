/* protocol_http.c: HTTP/1.1 on the server's ports: the routes that modules have, CONNECT among them.
 *
 *   session -> gee_http_connection (core/http) -> the routes of all modules -> handler -> session's out
 *                                                                  `-> upgrade -> session given back to the door
 *
 * An HTTP session has no calls; a session waits for the answer of a handler. */
#include <gee/http.h>
#include <gee/protocol.h>

#include <stdio.h>
#include <string.h>

/* ---- settings ---- */

typedef struct conf {
    gee_strings_t hosts;
} conf_t;

static int check_hosts(const void *value, gee_error_t *error) {
    const gee_strings_t *hosts = value;
    for (size_t i = 0; i < hosts->count; i++) {
        gee_str_t host = gee_str(hosts->items[i]);
        if (host.length == 0 || gee_str_find(host, ':') >= 0 || !gee_http_authority_valid(host))
            return gee_error_set(error, GEE_INVALID_ARGUMENT,
                                 "expected names without port, such as rpc.example.org: addresses need no entry");
    }
    return 0;
}

static const gee_option_t options[] = {
    { .name = "hosts",
      .type = GEE_OPTION_STRINGS,
      .offset = offsetof(conf_t, hosts),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Names, without port, by which HTTP requests may ask for this server (Host), beside localhost and all IP "
             "addresses; requests for other names are refused, so that no web page can make its own name point here",
      .check = check_hosts },
    { .name = NULL },
};

typedef struct state {
    gee_session_t *session;
    gee_http_connection_t *connection;
} state_t;

/* ---- routes ---- */

/* Appends to `allow`: "GET" and "POST DELETE" become "GET, POST, DELETE". Methods for which there is no room are left
 * out. */
static void add_methods(char allow[64], const gee_route_t *route) {
    size_t length = strlen(allow);
    for (const char *at = route->methods; *at != '\0' && length < 60; at++) {
        if (length > 0 && (at == route->methods || at[-1] == ' ')) {
            allow[length++] = ',';
            allow[length++] = ' ';
        }
        if (*at != ' ')
            allow[length++] = *at;
    }
    allow[length] = '\0';
}

/* Looks through one module's table; true when a route takes path and method. */
static bool find_in(const gee_route_t *route, void *conf, unsigned closed, gee_exchange_t *exchange, char allow[64]) {
    for (; route != NULL && route->path != NULL; route++) {
        if ((route->flags & closed) != 0 || !gee_route_has_path(route, conf, exchange->request->path))
            continue;
        exchange->route = route;
        exchange->conf = conf;
        if (gee_route_has_method(route, exchange->request->method))
            return true;
        add_methods(allow, route);
    }
    return false;
}

/* The kinds of routes that the listener of this session does not answer. */
static unsigned closed_routes(const gee_session_t *session) {
    return (gee_session_has_pages(session) ? 0 : GEE_ROUTE_GUARDED) |
           (gee_session_has_health(session) ? 0 : GEE_ROUTE_HEALTH);
}

/* Filters decide which calls a peer may make in a tunnel. */
static bool is_forbidden(const gee_exchange_t *exchange, const gee_identity_t *identity) {
    return exchange->route->upgrade == NULL &&
           (gee_identity_revoked(identity) ||
            !gee_identity_lists(identity, gee_str(gee_route_path(exchange->route, exchange->conf))));
}

static bool find_route(void *owner, gee_exchange_t *exchange, char allow[64]) {
    const state_t *state = owner;
    const gee_session_t *session = state->session;
    gee_engine_t *engine = gee_session_engine(session);
    unsigned closed = closed_routes(session);
    exchange->engine = engine;
    exchange->peer = gee_session_peer_text(session);
    if (gee_session_is_draining(session))
        gee_http_connection_drain(state->connection);
    const gee_module_entry_t *modules = gee_engine_modules(engine);
    for (size_t i = 0; modules[i].module != NULL; i++)
        if (find_in(gee_module_routes(modules[i].module), gee_engine_conf(engine, i), closed, exchange, allow)) {
            exchange->forbidden = is_forbidden(exchange, gee_session_identity(session));
            return true;
        }
    return false;
}

/* ---- calls of the connection to its session ---- */

static gee_chain_t *out(void *owner) {
    const state_t *state = owner;
    return gee_session_out(state->session);
}

static void written(void *owner) {
    const state_t *state = owner;
    gee_stream_flush(gee_session_stream(state->session));
}

static void begun(void *owner) {
    const state_t *state = owner;
    gee_session_setup_t setup = { 0 };
    gee_error_t error;
    if (gee_session_establish(state->session, &setup, &error) != 0)
        gee_session_close(state->session, &error);
}

static void resume(void *owner) {
    const state_t *state = owner;
    gee_session_unpause(state->session, GEE_PAUSE_PROTOCOL);
}

static void end_session(void *owner, const char *reason) {
    const state_t *state = owner;
    gee_error_t error;
    if (reason == NULL) {
        gee_session_close(state->session, NULL);
        return;
    }
    gee_error_set(&error, GEE_INVALID_ARGUMENT, "HTTP: %s", reason);
    gee_log(gee_engine_log(gee_session_engine(state->session)), GEE_LOG_WARN, "%s: %s: connection closed",
            gee_session_peer_text(state->session), error.text);
    gee_session_close(state->session, &error);
}

/* A session upgrades once: a tunnel in a tunnel would only serve peers that pile tunnels up. */
static bool may_upgrade(void *owner) {
    const state_t *state = owner;
    return gee_session_can_hand_back(state->session);
}

static void upgraded(void *owner, const gee_route_t *route) {
    const state_t *state = owner;
    gee_session_hand_back(state->session, route->layer, gee_http_connection_began(state->connection));
}

static const gee_http_host_t host = { .find = find_route,
                                      .out = out,
                                      .written = written,
                                      .begun = begun,
                                      .resume = resume,
                                      .end = end_session,
                                      .may_upgrade = may_upgrade,
                                      .upgraded = upgraded };

/* ---- the protocol ---- */

static const gee_protocol_t protocol;

static gee_claim_t claims(const uint8_t *bytes, size_t length) {
    return gee_opening_claim(bytes, length, GEE_OPENING_HTTP);
}

/* Empty without settings, as in a program that is no server. */
static gee_http_hosts_t hosts_of(const gee_engine_t *engine) {
    const gee_module_entry_t *modules = gee_engine_modules(engine);
    for (size_t i = 0; modules[i].module != NULL; i++) {
        const conf_t *conf = gee_engine_conf(engine, i);
        if (modules[i].module->interface == &protocol && conf != NULL)
            return (gee_http_hosts_t){ .items = conf->hosts.items, .count = conf->hosts.count };
    }
    return (gee_http_hosts_t){ 0 };
}

static int http_start(gee_session_t *session, void *data, gee_role_t role, const gee_session_setup_t *setup GEE_UNUSED,
                      gee_error_t *error) {
    state_t *state = data;
    const gee_engine_t *engine = gee_session_engine(session);
    if (role != GEE_SERVING)
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "http carries no calls by itself: dial http@HOST:PORT and speak another protocol in it");
    gee_http_connection_options_t connection_options = { .limits = GEE_HTTP_LIMITS,
                                                         .hosts = hosts_of(engine),
                                                         .read_timeout_ns = gee_engine_timeouts(engine)->read,
                                                         .idle_timeout_ns = gee_engine_timeouts(engine)->keep_alive };
    connection_options.limits.body = (size_t)gee_engine_limits(engine)->message;
    state->session = session;
    state->connection = gee_http_connection_create(gee_engine_loop(engine), &connection_options, &host, state, error);
    return state->connection != NULL ? 0 : -1;
}

static int receive(gee_session_t *session, void *data, const uint8_t *bytes, size_t length, size_t *consumed,
                   gee_error_t *error GEE_UNUSED) {
    state_t *state = data;
    if (gee_http_connection_busy(state->connection)) {
        gee_session_pause(session, GEE_PAUSE_PROTOCOL);
        *consumed = 0;
        return 0;
    }
    gee_http_connection_take(state->connection, bytes, length, consumed);
    return 0;
}

static unsigned can(const gee_session_t *session GEE_UNUSED, const void *data GEE_UNUSED) {
    return GEE_EVENT_DRAIN;
}

static int send_event(gee_session_t *session GEE_UNUSED, void *data, const gee_event_t *event,
                      gee_error_t *error GEE_UNUSED) {
    state_t *state = data;
    if (event->parts & GEE_EVENT_DRAIN)
        gee_http_connection_drain(state->connection);
    return 0;
}

static bool quiet(gee_session_t *session GEE_UNUSED, void *data) {
    const state_t *state = data;
    return gee_http_connection_quiet(state->connection);
}

static void http_stop(gee_session_t *session GEE_UNUSED, void *data) {
    state_t *state = data;
    gee_http_connection_destroy(&state->connection);
}

static const gee_protocol_t protocol = {
    .name = "http",
    .state_size = sizeof(state_t),
    .upgrades = true,
    .claims = claims,
    .serving_only = true,
    .start = http_start,
    .receive = receive,
    .send = send_event,
    .can = can,
    .quiet = quiet,
    .stop = http_stop,
};

extern const gee_module_t gee_protocol_http_module;
const gee_module_t gee_protocol_http_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_PROTOCOL,
    .name = "protocol_http",
    .interface = &protocol,
    .block = "http",
    .options = options,
    .conf_size = sizeof(conf_t),
};
