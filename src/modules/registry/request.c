/* request.c: POST and DELETE in a worker: a request is checked, sent to the helper, and answered when the helper has
 * applied it.
 *
 *   exchange -> allowed? well-formed? -> request -> message -> helper      sent again when no result comes: the helper
 *                                           '<---- result -----'            may have died before; then 503 */
#include "registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_INTERVAL (100 * GEE_MILLISECOND) /* while there are requests; usually a wake comes first */
#define SEND_INTERVAL GEE_SECOND /* the same message is sent again after this time: applying it twice does no harm */
#define PATIENCE      (5 * GEE_SECOND)
#define BARE          "without spaces, commas, quotes and backslashes"
#define MOST          4096 /* requests at a time: as many as results are kept */

typedef struct request {
    gee_link_t link;
    gee_exchange_t *exchange;
    struct registry_requests *owner;
    int64_t began_ns, sent_ns; /* sent_ns 0: not yet */
    size_t length;             /* of the message */
    registry_message_t message;
} request_t;

typedef struct registry_requests {
    registry_conf_t *conf;
    gee_engine_t *engine;
    gee_list_t list;
    gee_number_map_t *map; /* by number */
    uint64_t last_number;
    uint64_t seen; /* results */
    gee_timer_t timer;
} requests_t;

bool registry_text_valid(gee_str_t text) {
    if (text.length == 0 || text.length > REGISTRY_TEXT)
        return false;
    for (size_t i = 0; i < text.length; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~' || strchr(",\"\\", text.data[i]) != NULL)
            return false;
    return true;
}

/* ---- requests in flight ---- */

static void forget(request_t *request) {
    gee_list_remove(&request->link);
    (void)gee_number_map_remove(request->owner->map, request->message.request);
    if (gee_list_empty(&request->owner->list))
        gee_timer_stop(gee_engine_loop(request->owner->engine), &request->owner->timer);
    free(request);
}

static void on_gone(gee_exchange_t *exchange) {
    forget(exchange->data);
}

static void refuse(gee_exchange_t *exchange, int status, const char *text) {
    gee_http_fail(&exchange->response, status, text);
    gee_exchange_answer(exchange);
}

static void answer(request_t *request, uint32_t status) {
    gee_exchange_t *exchange = request->exchange;
    char ttl[GEE_DURATION_TEXT], text[160];
    bool put = request->message.verb == REGISTRY_PUT;
    (void)gee_format_duration(ttl, request->message.ttl_ns);
    (void)snprintf(text, sizeof(text), "the registry is full (registry.entries = %lld; %zu KiB of addresses and names)",
                   (long long)request->owner->conf->entries, (size_t)(REGISTRY_BYTES / GEE_KIB));
    forget(request);
    if (status != 200 && (put || status != 404)) {
        refuse(exchange, (int)status, text);
        return;
    }
    if (put)
        gee_http_set_header(&exchange->response, "X-Geerpc-Ttl", gee_str(ttl));
    else /* an entry that was not there is removed, too */
        gee_http_set_header(&exchange->response, "X-Geerpc-Removed", status == 200 ? GEE_STR("1") : GEE_STR("0"));
    gee_exchange_answer(exchange);
}

static void send_request(request_t *request, int64_t now) {
    if (gee_engine_tell_helper(request->owner->engine, REGISTRY_MODULE, &request->message, request->length) == 0)
        request->sent_ns = now;
}

/* Reads the results since the last look. When there were too many, the messages of the lost results are sent again. */
static void look(requests_t *requests) {
    const registry_zone_t *zone = requests->conf->zone;
    uint64_t count = atomic_load_explicit(&zone->result_count, memory_order_acquire);
    uint64_t at = count - requests->seen > REGISTRY_RESULTS ? count - REGISTRY_RESULTS : requests->seen;
    requests->seen = count;
    for (; at < count; at++) {
        const registry_result_t *result = &zone->results[at % REGISTRY_RESULTS];
        uint64_t number = atomic_load_explicit(&result->request, memory_order_relaxed);
        uint32_t status = atomic_load_explicit(&result->status, memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        if (atomic_load_explicit(&zone->result_count, memory_order_relaxed) - at >= REGISTRY_RESULTS)
            continue; /* a writer was overwriting the slot */
        request_t *request = gee_number_map_get(requests->map, number);
        if (request != NULL)
            answer(request, status);
    }
}

static void attend(requests_t *requests) {
    int64_t now = gee_loop_now(gee_engine_loop(requests->engine));
    look(requests);
    GEE_LIST_EACH(&requests->list, link) {
        request_t *request = GEE_CONTAINER(link, request_t, link);
        gee_exchange_t *exchange = request->exchange;
        if (now - request->began_ns >= PATIENCE) {
            forget(request);
            refuse(exchange, 503, "the registry's helper process does not answer; try again");
        } else if (request->sent_ns == 0 || now - request->sent_ns >= SEND_INTERVAL) {
            send_request(request, now);
        }
    }
}

static void requests_on_timer(gee_timer_t *timer) {
    requests_t *requests = GEE_CONTAINER(timer, requests_t, timer);
    attend(requests);
    if (!gee_list_empty(&requests->list))
        (void)gee_timer_start(gee_engine_loop(requests->engine), timer, LOOK_INTERVAL);
}

void registry_requests_wake(registry_conf_t *conf) {
    if (!gee_list_empty(&conf->requests->list))
        attend(conf->requests);
}

static void begin_request(requests_t *requests, gee_exchange_t *exchange, request_t *request) {
    int64_t now = gee_loop_now(gee_engine_loop(requests->engine));
    const registry_message_t *message = &request->message;
    request->message.request = ++requests->last_number;
    request->length = offsetof(registry_message_t, texts) + message->address_length + message->service_length;
    request->owner = requests;
    request->exchange = exchange;
    request->began_ns = now;
    if (gee_list_empty(&requests->list)) {
        /* No earlier result is for this worker. */
        requests->seen = atomic_load_explicit(&requests->conf->zone->result_count, memory_order_acquire);
        if (gee_timer_start(gee_engine_loop(requests->engine), &requests->timer, LOOK_INTERVAL) != 0) {
            free(request);
            refuse(exchange, 503, "out of memory");
            return;
        }
    }
    if (gee_number_map_count(requests->map) >= MOST ||
        gee_number_map_put(requests->map, message->request, request) != 0) {
        free(request);
        refuse(exchange, 503, "too many requests at once; try again");
        return;
    }
    gee_list_append(&requests->list, &request->link);
    exchange->data = request;
    exchange->gone = on_gone;
    send_request(request, now);
}

/* ---- reading a request ---- */

static bool may_register(const registry_conf_t *conf, const char *peer) {
    gee_ip_t address;
    if (gee_ip_of_peer(peer, &address) != 0)
        return true; /* a Unix socket: any process that may connect */
    for (size_t i = 0; i < conf->allow.count; i++)
        if (gee_network_contains(&conf->networks[i], &address))
            return true;
    return false;
}

/* Reads a header that may be there once. Absent: data is null. */
static bool take_header(const gee_http_message_t *message, const char *name, gee_str_t *value) {
    *value = gee_http_header(message, name);
    return gee_http_header_count(message, name) <= 1;
}

static bool copy_texts(registry_message_t *message, gee_str_t address, gee_str_t service) {
    if (!registry_text_valid(address) || (service.length > 0 && !registry_text_valid(service)))
        return false;
    message->address_length = (uint16_t)address.length;
    message->service_length = (uint16_t)service.length;
    memcpy(message->texts, address.data, address.length);
    if (service.length > 0)
        memcpy(message->texts + address.length, service.data, service.length);
    return true;
}

int registry_address_parse(gee_str_t text, gee_addr_t *addr, gee_error_t *error) {
    char terminated[REGISTRY_TEXT + 1];
    if (!registry_text_valid(text))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "an address is at most %d printable ASCII characters, " BARE,
                             REGISTRY_TEXT);
    memcpy(terminated, text.data, text.length);
    terminated[text.length] = '\0';
    return gee_addr_parse(terminated, addr, error) != 0 ? -1 : gee_addr_check_dialled(addr, error);
}

/* Followers dial the listed addresses with their own rights from their own hosts: a stranger must not be able to send
 * followers to servers beside them, nor have them send CONNECT to servers that are no servers of GeeRPC. Null:
 * followers may dial the address. */
static const char *flaw_from_afar(const gee_addr_t *addr) {
    char host[256];
    uint16_t port;
    if (gee_addr_is_local(addr))
        return "unix@";
    if (strcmp(addr->scheme, "http") == 0)
        return "http@";
    return gee_addr_host_port(addr, host, &port, NULL) == 0 && gee_host_is_relative(host)
               ? "loopback, link-local and unspecified"
               : NULL;
}

/* Checks scheme@place; the place only of the schemes that this server knows. Returns a status of HTTP. */
static int check_address(const gee_exchange_t *exchange, gee_str_t text, gee_error_t *error) {
    gee_addr_t addr;
    if (registry_address_parse(text, &addr, error) != 0)
        return 400;
    const gee_transport_t *transport =
        gee_module_find(gee_engine_modules(exchange->engine), GEE_MODULE_TRANSPORT, gee_str(addr.scheme));
    if (transport != NULL && transport->check(&addr, error) != 0)
        return 400;
    const char *flaw = gee_peer_is_local(exchange->peer) ? NULL : flaw_from_afar(&addr);
    if (flaw == NULL)
        return 200;
    gee_error_set(error, GEE_PERMISSION_DENIED, "%s addresses are registered and taken out from this machine only",
                  flaw);
    return 403;
}

/* Fills the message; else the status and the text of the refusal. */
static int read_request(const registry_conf_t *conf, const gee_exchange_t *exchange, registry_message_t *message,
                        gee_error_t *error) {
    const gee_http_message_t *request = exchange->request;
    gee_str_t address, service, weight, ttl;
    uint64_t number = 0;
    int status;
    bool once = take_header(request, "X-Geerpc-Server", &address);
    once = take_header(request, "X-Geerpc-Service", &service) && once;
    once = take_header(request, "X-Geerpc-Weight", &weight) && once;
    once = take_header(request, "X-Geerpc-Ttl", &ttl) && once;
    message->ttl_ns = conf->timeout;
    if (address.length == 0) { /* GeeRPC's registry answers 500, too */
        gee_error_set(error, GEE_INVALID_ARGUMENT,
                      "the header X-Geerpc-Server is missing: it names the server's address");
        return 500;
    }
    if (!once)
        gee_error_set(error, GEE_INVALID_ARGUMENT, "a header X-Geerpc-... stands there twice");
    else if (!copy_texts(message, address, service))
        gee_error_set(error, GEE_INVALID_ARGUMENT,
                      "X-Geerpc-Server and X-Geerpc-Service are at most %d printable ASCII characters, " BARE,
                      REGISTRY_TEXT);
    else if ((status = check_address(exchange, address, error)) != 200)
        return status;
    else if (weight.data != NULL && (gee_parse_uint64(weight, &number) != 0 || number < 1 || number > UINT16_MAX))
        gee_error_set(error, GEE_INVALID_ARGUMENT, "X-Geerpc-Weight is a number from 1 to 65535");
    else if (ttl.data != NULL && (gee_parse_duration(ttl, &message->ttl_ns) != 0 ||
                                  message->ttl_ns < REGISTRY_SHORTEST_TTL || message->ttl_ns > REGISTRY_LONGEST_TTL))
        gee_error_set(error, GEE_INVALID_ARGUMENT, "X-Geerpc-Ttl is a duration such as 30s, from 1s to 24h");
    else {
        message->weight = (uint32_t)number;
        return 200;
    }
    return 400;
}

static void ask(gee_exchange_t *exchange, registry_verb_t verb) {
    registry_conf_t *conf = exchange->conf;
    gee_error_t error;
    if (!may_register(conf, exchange->peer)) {
        gee_log(gee_engine_log(exchange->engine), GEE_LOG_WARN,
                "%s: registry: it may not register servers here (registry.allow)", exchange->peer);
        refuse(exchange, 403, "your address may not register servers here (registry.allow)");
        return;
    }
    request_t *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        refuse(exchange, 503, "out of memory");
        return;
    }
    request->message.verb = verb;
    int status = read_request(conf, exchange, &request->message, &error);
    if (status == 200) {
        begin_request(conf->requests, exchange, request);
        return;
    }
    free(request);
    refuse(exchange, status, error.text);
}

void registry_post(gee_exchange_t *exchange) {
    ask(exchange, REGISTRY_PUT);
}

void registry_delete(gee_exchange_t *exchange) {
    ask(exchange, REGISTRY_REMOVE);
}

/* ---- beginning and end ---- */

int registry_requests_start(registry_conf_t *conf, gee_engine_t *engine, gee_error_t *error) {
    requests_t *requests = calloc(1, sizeof(*requests));
    if (requests != NULL)
        requests->map = gee_number_map_create();
    if (requests == NULL || requests->map == NULL) {
        free(requests);
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    requests->conf = conf;
    requests->engine = engine;
    requests->timer.fire = requests_on_timer;
    /* The numbers of other processes, also of an earlier one with the same process id, differ from these. */
    requests->last_number = (uint64_t)getpid() << 40 | ((uint64_t)gee_clock_wall() / GEE_MICROSECOND & 0xffffffffff);
    gee_list_init(&requests->list);
    conf->requests = requests;
    return 0;
}

void registry_requests_stop(registry_conf_t *conf) {
    requests_t *requests = conf->requests;
    conf->requests = NULL;
    if (requests == NULL)
        return;
    GEE_LIST_EACH(&requests->list, link) {
        request_t *request = GEE_CONTAINER(link, request_t, link);
        request->exchange->gone = NULL; /* the connection ends later than this */
        gee_list_remove(link);
        free(request);
    }
    gee_timer_stop(gee_engine_loop(requests->engine), &requests->timer);
    gee_number_map_destroy(&requests->map);
    free(requests);
}
