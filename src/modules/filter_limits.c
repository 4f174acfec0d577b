/* filter_limits: refuses calls when too many are in flight in this worker, or come too fast to all of them: in all, of
 * one method, of one service, from one client address; and when all connections together hold too much (limits.memory,
 * rpc/memory.h).
 *
 * A call is in flight from when this filter sees it until its handler has finished, so a handler that outlives its
 * caller's patience still counts. A rate is a bucket of tokens: a call takes one, `rate` come back a second, up to
 * `burst`. Buckets are in memory that all workers share (base/shared_rates.h).
 * Addresses with calls in flight are kept count of in a table of fixed size; when it is full, a new one takes the place
 * of that which has been without a call in flight for longest. */
#include <gee/filter.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATES_VERSION  1u
#define SERVICES_RATED 1024    /* names of services with a rate, of this cycle and of those before */
#define NAME_OF_UNIX   "unix@" /* all Unix sockets are one address, whatever the name of the client's socket */
#define ADDRESS_TEXT   72      /* of scheme and host; longer addresses (none are known) would share an entry */

typedef struct service_conf {
    const char *name;
    int64_t in_flight;
    int64_t rate;
    int64_t burst;
} service_conf_t;

typedef struct conf {
    int64_t in_flight;
    int64_t in_flight_per_method;
    int64_t in_flight_per_address;
    int64_t rate_per_address;
    int64_t burst_per_address;
    int64_t addresses;
    gee_groups_t services; /* service_conf_t */

    /* shared by all workers; null: no limit needs shared memory */
    gee_shared_rates_t *address_rates, *service_rates;
} conf_t;

#define MOST_IN_FLIGHT INT32_MAX
#define MOST_A_SECOND  1000000

/* A row of a number that can be 0 for no limit. */
#define LIMIT(structure, member, default, most, text)                                                                  \
    {                                                                                                                  \
        .name = #member, .type = GEE_OPTION_INT, .offset = offsetof(structure, member), .fallback = default,           \
        .flags = GEE_OPTION_RELOADABLE, .doc = text, .minimum = 0, .maximum = most                                     \
    }

static const gee_option_t service_options[] = {
    { .name = "name",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(service_conf_t, name),
      .flags = GEE_OPTION_RELOADABLE | GEE_OPTION_REQUIRED,
      .doc = "A service that is served here" },
    LIMIT(service_conf_t, in_flight, "0", MOST_IN_FLIGHT,
          "Its calls in flight in one worker, past which further ones are refused; 0 for no limit"),
    LIMIT(service_conf_t, rate, "0", MOST_A_SECOND,
          "Its calls a second in all workers, past which further ones are refused; 0 for no limit"),
    LIMIT(service_conf_t, burst, "0", MOST_A_SECOND,
          "So many may come at once before its rate counts; 0 for as many as rate"),
    { .name = NULL },
};

static int check_services(const void *value, gee_error_t *error) {
    const gee_groups_t *services = value;
    const service_conf_t *items = services->items;
    for (size_t i = 0; i < services->count; i++)
        for (size_t j = 0; j < i; j++)
            if (items[i].name && items[j].name && strcmp(items[i].name, items[j].name) == 0)
                return gee_error_set(error, GEE_INVALID_ARGUMENT, "\"%s\" is there twice: leave one of them out",
                                     items[i].name);
    return 0;
}

static const gee_option_t options[] = {
    LIMIT(conf_t, in_flight, "10000", MOST_IN_FLIGHT,
          "Calls in flight in one worker, past which further ones are refused; 0 for no limit"),
    LIMIT(conf_t, in_flight_per_method, "0", MOST_IN_FLIGHT,
          "Calls of one method in flight in one worker, past which further ones are refused; 0 for no limit"),
    LIMIT(conf_t, in_flight_per_address, "0", MOST_IN_FLIGHT,
          "Calls of one client address in flight in one worker, past which further ones are refused; 0 for no limit"),
    LIMIT(conf_t, rate_per_address, "0", MOST_A_SECOND,
          "Calls a second of one client address in all workers, past which further ones are refused; 0 for no limit"),
    LIMIT(conf_t, burst_per_address, "0", MOST_A_SECOND,
          "So many calls of an address may come at once before rate_per_address counts; 0 for as many as "
          "rate_per_address"),
    { .name = "addresses",
      .type = GEE_OPTION_INT,
      .offset = offsetof(conf_t, addresses),
      .fallback = "10000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "Client addresses that are kept count of (IPv6: networks of 64 bits), all Unix sockets as one; a further one "
          "takes "
          "the place of that which was quiet for longest, and is refused while all have calls in flight in one worker",
      .minimum = 1,
      .maximum = 10000000 },
    { .name = "services",
      .type = GEE_OPTION_GROUPS,
      .offset = offsetof(conf_t, services),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Limits of single services",
      .table = service_options,
      .element_size = sizeof(service_conf_t),
      .check = check_services },
    { .name = NULL },
};

/* ---- counting ---- */

/* The limits; 0: none. */
typedef struct allowance {
    int64_t in_flight;
    int64_t a_second;
    gee_rate_t rate;
} allowance_t;

static allowance_t allow(int64_t in_flight, int64_t a_second, int64_t burst) {
    return (allowance_t){ .in_flight = in_flight, .a_second = a_second, .rate = gee_rate(a_second, burst) };
}

/* The call itself is in the count already. */
static bool too_many(int64_t in_flight, const allowance_t *allowance) {
    return allowance->in_flight > 0 && in_flight > allowance->in_flight;
}

static gee_shared_rates_t *share_rates(const gee_prepare_t *prepare, const char *name, size_t names,
                                       gee_error_t *error) {
    gee_shared_rates_t *rates = prepare->shared(prepare, name, gee_shared_rates_size(names), RATES_VERSION, error);
    if (rates == NULL || gee_shared_rates_open(rates, names) == 0)
        return rates;
    gee_error_set(error, GEE_UNAVAILABLE, "limits: no random bytes: %s", strerror(errno));
    return NULL;
}

static int prepare(void *data, const gee_prepare_t *prepare, gee_error_t *error) {
    conf_t *conf = data;
    const service_conf_t *services = conf->services.items;
    bool rated = false;
    for (size_t i = 0; i < conf->services.count; i++)
        rated = rated || services[i].rate > 0;
    if (conf->rate_per_address > 0 &&
        (conf->address_rates = share_rates(prepare, "rates of addresses", (size_t)conf->addresses, error)) == NULL)
        return -1;
    return rated && (conf->service_rates = share_rates(prepare, "rates of services", SERVICES_RATED, error)) == NULL
               ? -1
               : 0;
}

/* ---- client addresses ---- */

typedef struct client {
    gee_link_t idle; /* while the client has no call in flight */
    int64_t in_flight;
    size_t length;
    char address[ADDRESS_TEXT];
} client_t;

typedef struct clients {
    bool counted; /* calls in flight are limited */
    allowance_t allowance;
    gee_shared_rates_t *rates; /* null: no limit */
    gee_string_map_t *by_address;
    client_t *all;
    size_t used, capacity; /* of all */
    gee_list_t idle;       /* the client that has been idle for longest is the first */
} clients_t;

static int start_clients(clients_t *clients, const conf_t *conf, gee_error_t *error) {
    gee_list_init(&clients->idle);
    clients->allowance = allow(conf->in_flight_per_address, conf->rate_per_address, conf->burst_per_address);
    clients->rates = conf->address_rates;
    clients->counted = conf->in_flight_per_address > 0;
    if (!clients->counted)
        return 0;
    clients->capacity = (size_t)conf->addresses;
    clients->all = calloc(clients->capacity, sizeof(client_t)); /* pages that are not used are not there */
    clients->by_address = gee_string_map_create();
    if (clients->all == NULL || clients->by_address == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for limits.addresses = %zu: lower it",
                             clients->capacity);
    return 0;
}

static void stop_clients(clients_t *clients) {
    gee_string_map_destroy(&clients->by_address);
    free(clients->all);
    clients->all = NULL;
}

/* "tcp@127.0.0.1" of "tcp@127.0.0.1:40312"; of IPv6 the bytes of its network, in `ip`. Empty: the call comes from
 * within. */
static gee_str_t address_of(const gee_call_t *call, gee_ip_t *ip) {
    gee_str_t address = gee_str(gee_call_peer(call).address);
    if (gee_str_starts_with(address, GEE_STR(NAME_OF_UNIX)))
        return GEE_STR(NAME_OF_UNIX);
    if (gee_str_find(address, '[') >= 0 && gee_str_find(address, '%') < 0 && gee_ip_of_peer(address.data, ip) == 0) {
        gee_ip_keep_source(ip);
        return (gee_str_t){ (const char *)ip->bytes, sizeof(ip->bytes) };
    }
    ptrdiff_t colon = gee_str_find_last(address, ':');
    if (colon >= 0)
        address.length = (size_t)colon;
    if (address.length > ADDRESS_TEXT)
        address.length = ADDRESS_TEXT;
    return address;
}

/* Null: all have calls in flight (or there is no memory for the index). */
static client_t *add_client(clients_t *clients, gee_str_t address) {
    client_t *client;
    if (clients->used < clients->capacity) {
        client = &clients->all[clients->used++];
    } else if (!gee_list_empty(&clients->idle)) {
        client = GEE_CONTAINER(gee_list_pop(&clients->idle), client_t, idle);
        (void)gee_string_map_remove(clients->by_address, (gee_str_t){ client->address, client->length });
    } else {
        return NULL;
    }
    client->in_flight = 0;
    client->length = address.length;
    memcpy(client->address, address.data, address.length);
    if (gee_string_map_put(clients->by_address, (gee_str_t){ client->address, client->length }, client) == 0)
        return client;
    client->length = 0; /* nobody's */
    gee_list_prepend(&clients->idle, &client->idle);
    return NULL;
}

static client_t *client_of(const clients_t *clients, const gee_call_t *call) {
    gee_ip_t ip;
    if (!clients->counted)
        return NULL;
    gee_str_t address = address_of(call, &ip);
    return address.length > 0 ? gee_string_map_get(clients->by_address, address) : NULL;
}

/* False: there is no room to count the client. *client is null when the client is not to be counted. */
static bool count_client(clients_t *clients, gee_str_t address, client_t **client) {
    *client = NULL;
    if (!clients->counted || address.length == 0)
        return true;
    *client = gee_string_map_get(clients->by_address, address);
    if (*client == NULL && (*client = add_client(clients, address)) == NULL)
        return false;
    (*client)->in_flight++;
    gee_list_remove(&(*client)->idle);
    return true;
}

static void uncount_client(clients_t *clients, const gee_call_t *call) {
    client_t *client = client_of(clients, call);
    if (client != NULL && --client->in_flight == 0)
        gee_list_append(&clients->idle, &client->idle);
}

/* ---- services ---- */

typedef struct service {
    allowance_t allowance;
    int64_t in_flight;
    size_t index; /* in limits.services */
} service_t;

typedef struct services {
    gee_string_map_t *by_name; /* null: there are no limits of services */
    service_t *all;
    gee_shared_rates_t *rates; /* null: none of them is a rate */
} services_t;

static void check_conf(const void *data, const gee_conf_check_t *check) {
    const conf_t *conf = data;
    const service_conf_t *items = conf->services.items;
    for (size_t i = 0; i < conf->services.count; i++) {
        char setting[64];
        snprintf(setting, sizeof setting, "limits.services[%zu]", i);
        if (items[i].name != NULL)
            check->expect_service(check, items[i].name, setting, &items[i].name);
    }
}

static int start_services(services_t *services, const conf_t *conf, gee_error_t *error) {
    const service_conf_t *items = conf->services.items;
    if (conf->services.count == 0)
        return 0;
    services->rates = conf->service_rates;
    services->by_name = gee_string_map_create();
    services->all = calloc(conf->services.count, sizeof(service_t));
    if (services->by_name == NULL || services->all == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for limits.services");
    for (size_t i = 0; i < conf->services.count; i++) {
        service_t *service = &services->all[i];
        service->allowance = allow(items[i].in_flight, items[i].rate, items[i].burst);
        service->index = i;
        if (gee_string_map_put(services->by_name, gee_str(items[i].name), service) != 0)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for limits.services");
    }
    return 0;
}

static void stop_services(services_t *services) {
    gee_string_map_destroy(&services->by_name);
    free(services->all);
    services->all = NULL;
}

/* Null: the service has no limits, or there is no such service. */
static service_t *service_of(const services_t *services, const gee_call_t *call) {
    gee_str_t name = gee_call_method(call);
    ptrdiff_t dot = services->by_name != NULL ? gee_str_find_last(name, '.') : -1;
    if (dot < 0)
        return NULL;
    name.length = (size_t)dot;
    return gee_string_map_get(services->by_name, name);
}

/* ---- the filter ---- */

typedef struct state {
    conf_t conf;
    gee_engine_t *engine;
    gee_loop_t *loop;
    const gee_dispatch_t *dispatch;
    int64_t in_flight;
    int64_t *by_method; /* null without a limit */
    services_t services;
    clients_t clients;
    bool simple; /* there is no limit but that of all calls in flight */
} state_t;

static void stop(void *data) {
    state_t *state = data;
    stop_clients(&state->clients);
    stop_services(&state->services);
    free(state->by_method);
    state->by_method = NULL;
}

static int start(void *data, const void *conf, gee_engine_t *engine, gee_error_t *error) {
    state_t *state = data;
    if (conf != NULL)
        state->conf = *(const conf_t *)conf;
    state->engine = engine;
    state->loop = gee_engine_loop(engine);
    state->dispatch = gee_engine_dispatch(engine);
    if (state->conf.in_flight_per_method > 0) {
        state->by_method = calloc(gee_dispatch_method_count(state->dispatch) + 1, sizeof(int64_t));
        if (state->by_method == NULL)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for one counter a method");
    }
    if (start_services(&state->services, &state->conf, error) == 0 &&
        start_clients(&state->clients, &state->conf, error) == 0) {
        state->simple = state->conf.in_flight > 0 && state->by_method == NULL && state->services.by_name == NULL &&
                        !state->clients.counted && state->clients.rates == NULL;
        return 0;
    }
    stop(state);
    return -1;
}

/* Null: not counted by method, or a method that is not there. */
static int64_t *count_of(const state_t *state, const gee_call_t *call) {
    size_t number = gee_dispatch_method_number(state->dispatch, call);
    return state->by_method != NULL && number != SIZE_MAX ? &state->by_method[number] : NULL;
}

/* The keys under which a call is counted. */
typedef struct counts {
    int64_t *of_method;
    service_t *service;
    client_t *client;
    gee_str_t address; /* empty: none */
} counts_t;

static const char *say(gee_call_t *call, const char *what, const char *setting, int64_t limit) {
    gee_pool_t *pool = gee_call_pool(call); /* null: out of memory */
    const char *text = pool == NULL ? NULL
                                    : gee_pool_printf(pool, "rpc server: too many calls %s: %s = %lld", what, setting,
                                                      (long long)limit);
    return text ? text : "rpc server: too many calls";
}

static const char *say_of_service(gee_call_t *call, const char *what, const service_t *service, const char *setting,
                                  int64_t limit) {
    char path[64];
    snprintf(path, sizeof path, "limits.services[%zu].%s", service->index, setting);
    return say(call, what, path, limit);
}

/* The limit that the call is past, as a text for the caller; null: none. */
static const char *over(const state_t *state, gee_call_t *call, const counts_t *counts) {
    const conf_t *conf = &state->conf;
    if (gee_memory_exhausted(state->engine))
        return "rpc server: requests, calls and replies take too much memory: limits.memory";
    if (conf->in_flight != 0 && state->in_flight > conf->in_flight)
        return say(call, "in flight", "limits.in_flight", conf->in_flight);
    if (counts->of_method != NULL && *counts->of_method > conf->in_flight_per_method)
        return say(call, "of this method in flight", "limits.in_flight_per_method", conf->in_flight_per_method);
    if (counts->service != NULL && too_many(counts->service->in_flight, &counts->service->allowance))
        return say_of_service(call, "of this service in flight", counts->service, "in_flight",
                              counts->service->allowance.in_flight);
    if (counts->client != NULL && too_many(counts->client->in_flight, &state->clients.allowance))
        return say(call, "of this address in flight", "limits.in_flight_per_address", conf->in_flight_per_address);
    return NULL;
}

/* Takes a token of each bucket that the call draws from, or none. The text for the caller when one is empty, else null.
 * */
static const char *too_fast(const state_t *state, gee_call_t *call, const counts_t *counts, int64_t now_ns) {
    const service_t *service = counts->service;
    const allowance_t *of_address = &state->clients.allowance;
    gee_bucket_t *bucket = NULL, *other;
    if (service != NULL && service->allowance.a_second > 0) {
        gee_str_t name = gee_str(((const service_conf_t *)state->conf.services.items)[service->index].name);
        bucket = gee_shared_rates_find(state->services.rates, name, now_ns);
        if (!gee_rate_take(bucket, &service->allowance.rate, now_ns))
            return say_of_service(call, "of this service a second", service, "rate", service->allowance.a_second);
    }
    if (state->clients.rates == NULL || counts->address.length == 0)
        return NULL;
    other = gee_shared_rates_find(state->clients.rates, counts->address, now_ns);
    if (gee_rate_take(other, &of_address->rate, now_ns))
        return NULL;
    if (bucket != NULL)
        gee_rate_give(bucket, &service->allowance.rate);
    return say(call, "of this address a second", "limits.rate_per_address", of_address->a_second);
}

/* Those that are refused are in flight too until they are released, for they are not told apart then; that is at once.
 * They take no tokens. */
GEE_APART static gee_verdict_t count(state_t *state, gee_call_t *call, gee_status_t *status) {
    int64_t now_ns = gee_loop_now(state->loop);
    counts_t counts = { .of_method = count_of(state, call), .service = service_of(&state->services, call) };
    gee_ip_t ip;
    if (state->clients.counted || state->clients.rates != NULL)
        counts.address = address_of(call, &ip);
    state->in_flight++;
    if (counts.of_method != NULL)
        ++*counts.of_method;
    if (counts.service != NULL)
        counts.service->in_flight++;
    bool room = count_client(&state->clients, counts.address, &counts.client);
    const char *text = over(state, call, &counts);
    if (text == NULL && !room)
        text = say(call, "of so many addresses in flight", "limits.addresses", state->conf.addresses);
    if (text == NULL)
        text = too_fast(state, call, &counts, now_ns);
    if (text != NULL) {
        *status = (gee_status_t){ .code = GEE_RESOURCE_EXHAUSTED, .text = gee_str(text) };
        return GEE_FILTER_REFUSE;
    }
    return GEE_FILTER_PASS;
}

static gee_verdict_t on_call(void *data, gee_call_t *call, gee_status_t *status) {
    state_t *state = data;
    if (!state->simple || state->in_flight >= state->conf.in_flight || gee_memory_exhausted(state->engine))
        return count(state, call, status);
    state->in_flight++;
    return GEE_FILTER_PASS;
}

GEE_APART static void uncount(state_t *state, const gee_call_t *call) {
    int64_t *of_method = count_of(state, call);
    service_t *service = service_of(&state->services, call);
    state->in_flight--;
    if (of_method != NULL)
        --*of_method;
    if (service != NULL)
        service->in_flight--;
    uncount_client(&state->clients, call);
}

static void on_release(void *data, gee_call_t *call) {
    state_t *state = data;
    if (state->simple)
        state->in_flight--;
    else
        uncount(state, call);
}

static const gee_filter_t filter = {
    .state_size = sizeof(state_t),
    .start = start,
    .stop = stop,
    .on_call = on_call,
    .on_release = on_release,
};

extern const gee_module_t gee_filter_limits_module;
const gee_module_t gee_filter_limits_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_FILTER,
    .name = "filter_limits",
    .interface = &filter,
    .block = "limits",
    .options = options,
    .conf_size = sizeof(conf_t),
    .check = check_conf,
    .prepare = prepare,
};
