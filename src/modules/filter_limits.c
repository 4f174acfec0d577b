/* filter_limits: refuses calls when too many are in flight or come too fast in this worker: in all, of one method, of one
 * service, from one client address; and when what all hold is too much (limits.memory, rpc/memory.h).
 *
 * A call is in flight from when this filter sees it until its handler has finished, so a handler that outlives its
 * caller's patience still counts. A rate is a bucket of tokens: a call takes one, `rate` come back a second, up to `burst`.
 * Addresses are kept count of in a table of fixed size; when it is full, a new one takes the place of that which has been
 * without a call in flight for longest. */
#include <gee.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_OF_UNIX "unix@" /* all Unix sockets are one address, whatever the client's socket is called */
#define ADDRESS_TEXT 72      /* of scheme and host; longer ones (there are none) would share */

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
          "Its calls a second in one worker, past which further ones are refused; 0 for no limit"),
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
          "Calls a second of one client address in one worker, past which further ones are refused; 0 for no limit"),
    LIMIT(conf_t, burst_per_address, "0", MOST_A_SECOND,
          "So many calls of an address may come at once before rate_per_address counts; 0 for as many as "
          "rate_per_address"),
    { .name = "addresses",
      .type = GEE_OPTION_INT,
      .offset = offsetof(conf_t, addresses),
      .fallback = "10000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "Client addresses that one worker keeps count of, all Unix sockets as one; a further one takes the place of "
          "that which was quiet for longest, and is refused while all have calls in flight",
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

/* What may be; 0 for anything. */
typedef struct allowance {
    int64_t in_flight;
    int64_t rate;
    int64_t interval_ns; /* in which one token comes back */
    int64_t ahead_ns;    /* in which all but one of the burst do */
} allowance_t;

/* What is. */
typedef struct meter {
    int64_t in_flight;
    int64_t full_ns; /* when the bucket will be full again */
} meter_t;

static allowance_t allow(int64_t in_flight, int64_t rate, int64_t burst) {
    allowance_t allowance = { .in_flight = in_flight, .rate = rate };
    if (rate > 0) {
        allowance.interval_ns = GEE_SECOND / rate;
        allowance.ahead_ns = ((burst > 0 ? burst : rate) - 1) * allowance.interval_ns;
    }
    return allowance;
}

/* The call itself is in the count already. */
static bool too_many(const meter_t *meter, const allowance_t *allowance) {
    return allowance->in_flight > 0 && meter->in_flight > allowance->in_flight;
}

static bool too_fast(const meter_t *meter, const allowance_t *allowance, int64_t now_ns) {
    return allowance->rate > 0 && meter->full_ns - now_ns > allowance->ahead_ns;
}

static void take_token(meter_t *meter, const allowance_t *allowance, int64_t now_ns) {
    meter->full_ns = (meter->full_ns > now_ns ? meter->full_ns : now_ns) + allowance->interval_ns;
}

/* ---- client addresses ---- */

typedef struct client {
    gee_link_t idle; /* while it has no call in flight */
    meter_t meter;
    size_t length;
    char address[ADDRESS_TEXT];
} client_t;

typedef struct clients {
    bool counted; /* there are limits per address */
    allowance_t allowance;
    gee_string_map_t *by_address;
    client_t *all;
    size_t used, capacity; /* of all */
    gee_list_t idle;       /* the one that has been so for longest is the first */
} clients_t;

static int start_clients(clients_t *clients, const conf_t *conf, gee_error_t *error) {
    gee_list_init(&clients->idle);
    clients->counted = conf->in_flight_per_address > 0 || conf->rate_per_address > 0;
    if (!clients->counted)
        return 0;
    clients->allowance = allow(conf->in_flight_per_address, conf->rate_per_address, conf->burst_per_address);
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

/* "tcp@127.0.0.1" of "tcp@127.0.0.1:40312". Empty: the call comes from within. */
static gee_str_t address_of(const gee_call_t *call) {
    gee_str_t address = gee_str(gee_call_peer(call).address);
    if (gee_str_starts_with(address, GEE_STR(NAME_OF_UNIX)))
        return GEE_STR(NAME_OF_UNIX);
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
    client->meter = (meter_t){ 0 };
    client->length = address.length;
    memcpy(client->address, address.data, address.length);
    if (gee_string_map_put(clients->by_address, (gee_str_t){ client->address, client->length }, client) == 0)
        return client;
    client->length = 0; /* nobody's */
    gee_list_prepend(&clients->idle, &client->idle);
    return NULL;
}

static client_t *client_of(const clients_t *clients, const gee_call_t *call) {
    if (!clients->counted)
        return NULL;
    gee_str_t address = address_of(call);
    return address.length > 0 ? gee_string_map_get(clients->by_address, address) : NULL;
}

/* False: there is no room to count it. *client is null when it is not to be counted. */
static bool count_client(clients_t *clients, const gee_call_t *call, client_t **client) {
    *client = NULL;
    if (!clients->counted)
        return true;
    gee_str_t address = address_of(call);
    if (address.length == 0)
        return true;
    *client = gee_string_map_get(clients->by_address, address);
    if (*client == NULL && (*client = add_client(clients, address)) == NULL)
        return false;
    (*client)->meter.in_flight++;
    gee_list_remove(&(*client)->idle);
    return true;
}

static void uncount_client(clients_t *clients, const gee_call_t *call) {
    client_t *client = client_of(clients, call);
    if (client != NULL && --client->meter.in_flight == 0)
        gee_list_append(&clients->idle, &client->idle);
}

/* ---- services ---- */

typedef struct service {
    allowance_t allowance;
    meter_t meter;
    size_t index; /* in limits.services */
} service_t;

typedef struct services {
    gee_string_map_t *by_name; /* null: there are no limits of services */
    service_t *all;
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

/* Null: it has no limits, or there is no such service. */
static service_t *service_of(const services_t *services, const gee_call_t *call) {
    gee_str_t name = call->method_name;
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
    state->loop = engine->loop;
    state->dispatch = engine->dispatch;
    if (state->conf.in_flight_per_method > 0) {
        state->by_method = calloc(gee_dispatch_method_count(state->dispatch) + 1, sizeof(int64_t));
        if (state->by_method == NULL)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for one counter a method");
    }
    if (start_services(&state->services, &state->conf, error) == 0 &&
        start_clients(&state->clients, &state->conf, error) == 0) {
        state->simple = state->conf.in_flight > 0 && state->by_method == NULL && state->services.by_name == NULL &&
                        !state->clients.counted;
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

/* What a call is counted by. */
typedef struct counts {
    int64_t *of_method;
    service_t *service;
    client_t *client;
} counts_t;

static const char *say(gee_call_t *call, const char *what, const char *setting, int64_t limit) {
    const char *text =
        gee_pool_printf(call->pool, "rpc server: too many calls %s: %s = %lld", what, setting, (long long)limit);
    return text ? text : "rpc server: too many calls";
}

static const char *say_of_service(gee_call_t *call, const char *what, const service_t *service, const char *setting,
                                  int64_t limit) {
    char path[64];
    snprintf(path, sizeof path, "limits.services[%zu].%s", service->index, setting);
    return say(call, what, path, limit);
}

static const char *service_over(gee_call_t *call, const service_t *service, int64_t now_ns) {
    const allowance_t *allowance = &service->allowance;
    if (too_many(&service->meter, allowance))
        return say_of_service(call, "of this service in flight", service, "in_flight", allowance->in_flight);
    if (too_fast(&service->meter, allowance, now_ns))
        return say_of_service(call, "of this service a second", service, "rate", allowance->rate);
    return NULL;
}

static const char *client_over(gee_call_t *call, const client_t *client, const allowance_t *allowance, int64_t now_ns) {
    if (too_many(&client->meter, allowance))
        return say(call, "of this address in flight", "limits.in_flight_per_address", allowance->in_flight);
    if (too_fast(&client->meter, allowance, now_ns))
        return say(call, "of this address a second", "limits.rate_per_address", allowance->rate);
    return NULL;
}

/* The limit that the call is past, as a text for the caller; null: none. */
static const char *over(const state_t *state, gee_call_t *call, const counts_t *counts, int64_t now_ns) {
    const conf_t *conf = &state->conf;
    const char *text = NULL;
    if (gee_memory_exhausted(state->engine))
        return "rpc server: requests, calls and replies take too much memory: limits.memory";
    if (conf->in_flight != 0 && state->in_flight > conf->in_flight)
        return say(call, "in flight", "limits.in_flight", conf->in_flight);
    if (counts->of_method != NULL && *counts->of_method > conf->in_flight_per_method)
        return say(call, "of this method in flight", "limits.in_flight_per_method", conf->in_flight_per_method);
    if (counts->service != NULL)
        text = service_over(call, counts->service, now_ns);
    if (text == NULL && counts->client != NULL)
        text = client_over(call, counts->client, &state->clients.allowance, now_ns);
    return text;
}

static void take_tokens(state_t *state, const counts_t *counts, int64_t now_ns) {
    if (counts->service != NULL)
        take_token(&counts->service->meter, &counts->service->allowance, now_ns);
    if (counts->client != NULL)
        take_token(&counts->client->meter, &state->clients.allowance, now_ns);
}

/* Those that are refused are in flight too until they are released, for they are not told apart then; that is at once.
 * They take no tokens. */
GEE_APART static gee_verdict_t count(state_t *state, gee_call_t *call, gee_status_t *status) {
    int64_t now_ns = gee_loop_now(state->loop);
    counts_t counts = { .of_method = count_of(state, call), .service = service_of(&state->services, call) };
    state->in_flight++;
    if (counts.of_method != NULL)
        ++*counts.of_method;
    if (counts.service != NULL)
        counts.service->meter.in_flight++;
    bool room = count_client(&state->clients, call, &counts.client);
    const char *text = over(state, call, &counts, now_ns);
    if (text == NULL && !room)
        text = say(call, "of so many addresses in flight", "limits.addresses", state->conf.addresses);
    if (text != NULL) {
        *status = (gee_status_t){ .code = GEE_RESOURCE_EXHAUSTED, .text = gee_str(text) };
        return GEE_FILTER_REFUSE;
    }
    take_tokens(state, &counts, now_ns);
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
        service->meter.in_flight--;
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
};
