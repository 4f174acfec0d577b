/* settings_check_upstreams.c: checks that upstreams and forwarded services fit together, and that protocols, codecs,
 * balancers and addresses exist. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/proc/same_place.h"
#include "core/proc/settings_check_private.h"
#include "core/gateway/forward_key.h"

/* ---- services ---- */

static void check_upstream_name(const gee_check_settings_t *check, const gee_service_settings_t *service,
                                size_t index) {
    const gee_settings_t *settings = check->settings;
    const char *names[GEE_MOST_NAMES];
    char hint[GEE_NAMES_TEXT];
    size_t count = 0;
    if (gee_settings_find_upstream(settings, service->upstream) != SIZE_MAX)
        return;
    for (size_t i = 0; i < settings->upstreams.count && count < GEE_MOST_NAMES; i++)
        if (gee_settings_upstream(settings, i)->name)
            names[count++] = gee_settings_upstream(settings, i)->name;
    gee_suggest_name(names, count, service->upstream, hint);
    gee_conf_errors_add(check->errors, "%s: services[%zu].upstream: there is no upstream \"%s\", %s",
                        gee_conf_place(check->places, &service->upstream), index, service->upstream,
                        count > 0 ? hint : "nor any other; add upstreams = ( { name = ...; servers = ...; } );");
}

/* A method is named without its service. If the service's declaration is compiled in, the method must be in the
 * declaration, unless `undeclared` is set; descriptors take the place of a declaration (described.c). */
static void check_idempotent(const gee_check_settings_t *check, const gee_service_settings_t *service, size_t index) {
    const gee_service_t *declared =
        service->descriptors.count > 0 ? NULL : gee_service_by_name(check->modules, service->name);
    const char *place = gee_conf_place(check->places, &service->idempotent);
    const char *names[GEE_MOST_NAMES];
    size_t count = 0;
    for (size_t i = 0; declared && i < declared->method_count && count < GEE_MOST_NAMES; i++)
        names[count++] = declared->methods[i].name;
    for (size_t i = 0; i < service->idempotent.count; i++) {
        const char *method = service->idempotent.items[i];
        char hint[GEE_NAMES_TEXT];
        bool found = declared == NULL || service->undeclared;
        for (size_t j = 0; j < count && !found; j++)
            found = strcmp(names[j], method) == 0;
        gee_suggest_name(names, count, method, hint);
        if (method[0] == '\0' || strchr(method, '.'))
            gee_conf_errors_add(check->errors,
                                "%s: services[%zu].idempotent: \"%s\": a method's name without its service is wanted",
                                place, index, method);
        else if (!found)
            gee_conf_errors_add(
                check->errors,
                "%s: services[%zu].idempotent: %s, as compiled in, has no method \"%s\", %s; undeclared = "
                "true forwards methods that it lacks",
                place, index, service->name, method, hint);
    }
}

void gee_check_forwarded_service(const gee_check_settings_t *check, const gee_service_settings_t *service,
                                 size_t index) {
    check_upstream_name(check, service, index);
    check_idempotent(check, service, index);
    if (check->settings->describe && strcmp(service->name, "Gee") == 0)
        gee_conf_errors_add(
            check->errors,
            "%s: services[%zu]: \"Gee\" is the built-in service; describe = false makes room for another",
            gee_conf_place(check->places, &service->name), index);
}

/* ---- upstreams ---- */

static void check_balancer(const gee_check_settings_t *check, const gee_upstream_settings_t *upstream, size_t index) {
    const gee_balancer_t *balancer = gee_module_find(check->modules, GEE_MODULE_BALANCER, gee_str(upstream->balance));
    const char *place = gee_conf_place(check->places, &upstream->balance);
    gee_forward_key_t key;
    gee_error_t error;
    if (!balancer) {
        char hint[GEE_NAMES_TEXT];
        gee_suggest_module(check, GEE_MODULE_BALANCER, upstream->balance, hint);
        gee_conf_errors_add(check->errors, "%s: upstreams[%zu].balance: no balancer \"%s\" is compiled in, %s", place,
                            index, upstream->balance, hint);
    }
    if (!upstream->key)
        return;
    place = gee_conf_place(check->places, &upstream->key);
    if (balancer && !balancer->keyed)
        gee_conf_errors_add(check->errors,
                            "%s: upstreams[%zu].key: the balancer %s looks at no key; balance = \"hash\" does", place,
                            index, balancer->name);
    if (gee_forward_key_parse(upstream->key, &key, &error) != 0)
        gee_conf_errors_add(check->errors, "%s: upstreams[%zu].key: %s", place, index, error.text);
}

static void check_codec(const gee_check_settings_t *check, const gee_upstream_settings_t *upstream,
                        const gee_protocol_t *protocol, size_t index) {
    const char *name = gee_upstream_settings_codec(upstream, protocol);
    const char *place = gee_conf_place(check->places, upstream->codec ? (const void *)&upstream->codec : upstream);
    if (!gee_module_find(check->modules, GEE_MODULE_CODEC, gee_str(name))) {
        char hint[GEE_NAMES_TEXT];
        gee_suggest_module(check, GEE_MODULE_CODEC, name, hint);
        gee_conf_errors_add(check->errors, "%s: upstreams[%zu].codec: no codec \"%s\" is compiled in, %s", place, index,
                            name, hint);
    } else if (protocol->codec && strcmp(protocol->codec, name) != 0) {
        gee_conf_errors_add(
            check->errors,
            "%s: upstreams[%zu].codec: the protocol %s carries %s only: codec = \"%s\" does not go with it", place,
            index, protocol->name, protocol->codec, name);
    }
}

static void check_protocol(const gee_check_settings_t *check, const gee_upstream_settings_t *upstream, size_t index) {
    const gee_protocol_t *protocol = gee_module_find(check->modules, GEE_MODULE_PROTOCOL, gee_str(upstream->protocol));
    const char *place = gee_conf_place(check->places, &upstream->protocol);
    if (!protocol) {
        char hint[GEE_NAMES_TEXT];
        gee_suggest_module(check, GEE_MODULE_PROTOCOL, upstream->protocol, hint);
        gee_conf_errors_add(check->errors, "%s: upstreams[%zu].protocol: no protocol \"%s\" is compiled in, %s", place,
                            index, upstream->protocol, hint);
    } else if (protocol->serving_only) {
        gee_conf_errors_add(
            check->errors,
            "%s: upstreams[%zu].protocol: %s carries no calls by itself; for servers behind CONNECT the "
            "address is http@HOST:PORT",
            place, index, protocol->name);
    } else {
        check_codec(check, upstream, protocol, index);
    }
}

/* A call forwarded to the server itself would be forwarded again and again, until every slot for calls is taken. */
static void check_loop(const gee_check_settings_t *check, const char *place, const char *setting,
                       const gee_addr_t *server) {
    for (size_t i = 0; i < check->settings->listen.count; i++) {
        const char *address = gee_settings_listen(check->settings, i)->address;
        gee_addr_t listen;
        if (!address || gee_addr_parse(address, &listen, NULL) != 0 || !gee_is_same_place(&listen, server))
            continue;
        gee_conf_errors_add(check->errors,
                            "%s: %s: \"%s\" is this server itself (listen[%zu]): its calls would come back for ever; "
                            "a service that is handled here has no upstream",
                            place, setting, server->text, i);
        return;
    }
}

static void check_servers(const gee_check_settings_t *check, const gee_upstream_settings_t *upstream, size_t index) {
    for (size_t i = 0; i < upstream->servers.count; i++) {
        const gee_server_settings_t *server = gee_upstream_settings_server(upstream, i);
        gee_addr_t addr;
        char setting[80];
        if (!server->address || gee_addr_parse(server->address, &addr, NULL) != 0)
            continue; /* said already */
        (void)snprintf(setting, sizeof setting, "upstreams[%zu].servers[%zu].address", index, i);
        gee_check_address(check, gee_conf_place(check->places, &server->address), setting, &addr);
        check_loop(check, gee_conf_place(check->places, &server->address), setting, &addr);
    }
}

static void check_health(const gee_check_settings_t *check, const gee_upstream_settings_t *upstream, size_t index) {
    const char *method = upstream->limits.check_method;
    bool called = upstream->limits.check == GEE_CHECK_CALL, named = method && *method != '\0';
    const char *place = gee_conf_place(check->places, &upstream->limits.check_method);
    if (called && !named)
        gee_conf_errors_add(check->errors,
                            "%s: upstreams[%zu].check: a \"call\" needs check_method = \"Name.Method\", a cheap method "
                            "without effect",
                            gee_conf_place(check->places, &upstream->limits.check), index);
    else if (!called && named)
        gee_conf_errors_add(check->errors, "%s: upstreams[%zu].check_method: is for check = \"call\"", place, index);
    else if (called && !strchr(method, '.'))
        gee_conf_errors_add(check->errors, "%s: upstreams[%zu].check_method: \"%s\" is not of the form Name.Method",
                            place, index, method);
}

void gee_check_upstreams(const gee_check_settings_t *check) {
    for (size_t i = 0; i < check->settings->upstreams.count; i++) {
        const gee_upstream_settings_t *upstream = gee_settings_upstream(check->settings, i);
        check_balancer(check, upstream, i);
        check_protocol(check, upstream, i);
        check_servers(check, upstream, i);
        check_health(check, upstream, i);
        gee_check_upstream_registry(check, upstream, i);
        if (check->readable && upstream->servers.count == 0 && !upstream->registry.url)
            gee_conf_errors_add(check->errors,
                                "%s: upstreams[%zu]: it has no servers; add servers = ( { address = "
                                "\"tcp@10.0.0.1:9999\"; } ); or registry = { url = \"...\"; };",
                                gee_conf_place(check->places, upstream), i);
        size_t first = upstream->name ? gee_settings_find_upstream(check->settings, upstream->name) : i;
        if (first < i)
            gee_conf_errors_add(check->errors, "%s: upstreams[%zu]: \"%s\" stands in upstreams[%zu] already",
                                gee_conf_place(check->places, &upstream->name), i, upstream->name, first);
    }
}
