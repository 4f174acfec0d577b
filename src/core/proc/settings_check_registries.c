/* settings_check_registries.c: checks the registries that upstreams follow and that the server announces itself in:
 * their modules exist, and other hosts can reach the announced addresses. */
#include <stdlib.h>
#include <string.h>

#include "core/proc/registries.h"
#include "core/proc/same_place.h"
#include "core/proc/settings_check_private.h"

void gee_check_upstream_registry(const gee_check_settings_t *check, const gee_upstream_settings_t *upstream,
                                 size_t index) {
    const gee_upstream_registry_settings_t *registry = &upstream->registry;
    gee_error_t error;
    if (!registry->url)
        return;
    const char *place = gee_conf_place(check->places, &registry->url);
    if (gee_discovery_check(check->modules, registry->url, &error) != 0)
        gee_conf_errors_add(check->errors, "%s: upstreams[%zu].registry.url: %s", place, index, error.text);
    if (upstream->servers.count > 0)
        gee_conf_errors_add(check->errors, "%s: upstreams[%zu]: it has servers and a registry: leave out one of them",
                            place, index);
}

/* ---- announce ---- */

static void check_registry(const gee_check_settings_t *check, const gee_announce_settings_t *announce, size_t index) {
    const char *place = gee_conf_place(check->places, &announce->registry);
    gee_error_t error;
    const gee_registry_t *registry = gee_registry_for(check->modules, announce->registry, &error);
    if (!registry || registry->check(announce->registry, &error) != 0)
        gee_conf_errors_add(check->errors, "%s: announce[%zu].registry: %s", place, index, error.text);
    else if (!registry->publish)
        gee_conf_errors_add(
            check->errors,
            "%s: announce[%zu].registry: \"%s\": nothing can be entered there; http://HOST:PORT/PATH names "
            "a registry that takes entries",
            place, index, announce->registry);
    else if (strlen(announce->registry) >= GEE_ANNOUNCED_URL)
        gee_conf_errors_add(check->errors, "%s: announce[%zu].registry: it is longer than %d bytes", place, index,
                            GEE_ANNOUNCED_URL - 1);
    if (announce->service && strlen(announce->service) >= GEE_ANNOUNCED_SERVICE)
        gee_conf_errors_add(check->errors, "%s: announce[%zu].service: it is longer than %d bytes",
                            gee_conf_place(check->places, &announce->service), index, GEE_ANNOUNCED_SERVICE - 1);
}

static void check_own_address(const gee_check_settings_t *check, const gee_announce_settings_t *announce,
                              size_t index) {
    const char *place = gee_conf_place(check->places, &announce->address);
    gee_addr_t addr;
    gee_error_t error;
    char setting[64];
    uint16_t port;
    if (gee_addr_parse(announce->address, &addr, NULL) != 0)
        return; /* said already */
    (void)snprintf(setting, sizeof setting, "announce[%zu].address", index);
    gee_check_address(check, place, setting, &addr);
    if (gee_addr_is_any_host(&addr, &port))
        gee_conf_errors_add(
            check->errors,
            "%s: %s: \"%s\" names every address of this host, which nobody can dial from elsewhere: name "
            "one, such as tcp@10.0.0.1:%u",
            place, setting, announce->address, port);
    else if (gee_addr_check_dialled(&addr, &error) != 0)
        gee_conf_errors_add(check->errors, "%s: %s: %s", place, setting, error.text);
}

/* Without an address the listeners' addresses are announced. */
static void check_listeners(const gee_check_settings_t *check, size_t index) {
    const gee_announce_settings_t *announce = gee_settings_announce(check->settings, index);
    const char *place = gee_conf_place(check->places, announce);
    size_t announced = 0;
    for (size_t i = 0; i < check->settings->listen.count; i++) {
        const char *address = gee_settings_listen(check->settings, i)->address;
        gee_addr_t addr;
        uint16_t port;
        if (!address || gee_addr_parse(address, &addr, NULL) != 0 || gee_addr_is_local(&addr))
            continue;
        announced++;
        if (gee_addr_is_any_host(&addr, &port))
            gee_conf_errors_add(
                check->errors,
                "%s: announce[%zu]: it needs an address: listen[%zu] is \"%s\", every address of this host, "
                "which nobody can dial from elsewhere; add address = \"tcp@10.0.0.1:%u\";",
                place, index, i, address, port);
    }
    if (announced == 0 && check->readable)
        gee_conf_errors_add(check->errors,
                            "%s: announce[%zu]: there is no address to announce: listen has Unix sockets only", place,
                            index);
}

void gee_check_announce(const gee_check_settings_t *check) {
    const gee_settings_t *settings = check->settings;
    size_t count = 0;
    for (size_t i = 0; i < settings->announce.count; i++) {
        const gee_announce_settings_t *announce = gee_settings_announce(settings, i);
        count += announce->address ? 1 : settings->listen.count;
        if (announce->registry)
            check_registry(check, announce, i);
        if (announce->address)
            check_own_address(check, announce, i);
        else
            check_listeners(check, i);
    }
    if (count > GEE_ANNOUNCED)
        gee_conf_errors_add(check->errors, "%s: announce: %zu addresses in all; at most %d can be announced",
                            gee_conf_place(check->places, &settings->announce), count, GEE_ANNOUNCED);
}
