/* settings_check.c: checks that services exist, that addresses and protocols have a module, and that no name stands
 * twice. Upstreams are checked in settings_check_upstreams.c. */
#include "core/proc/settings_check.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/proc/settings_check_private.h"
#include "core/event/transport.h"
#include "core/rpc/service_table.h"
#include "core/rpc/protocol.h"
#include "core/rpc/service.h"

static void check_local_service(const gee_check_settings_t *check, const gee_service_settings_t *service, size_t i) {
    if (!gee_service_by_name(check->modules, service->name)) {
        char hint[GEE_NAMES_TEXT];
        gee_suggest_module(check, GEE_MODULE_SERVICE, service->name, hint);
        gee_conf_errors_add(check->errors, "%s: services[%zu]: no service \"%s\" is compiled in, %s",
                            gee_conf_place(check->places, &service->name), i, service->name, hint);
    }
    if (service->idempotent.count > 0)
        gee_conf_errors_add(
            check->errors,
            "%s: services[%zu].idempotent: is for services with an upstream; a service that is compiled "
            "in declares it itself (GEE_IDEMPOTENT)",
            gee_conf_place(check->places, &service->idempotent), i);
    if (service->descriptors.count > 0)
        gee_conf_errors_add(check->errors, "%s: services[%zu].descriptors: is for services with an upstream",
                            gee_conf_place(check->places, &service->descriptors), i);
    if (service->undeclared)
        gee_conf_errors_add(check->errors, "%s: services[%zu].undeclared: is for services with an upstream",
                            gee_conf_place(check->places, &service->undeclared), i);
}

static void check_services(const gee_check_settings_t *check) {
    for (size_t i = 0; i < check->settings->services.count; i++) {
        const gee_service_settings_t *service = gee_settings_service(check->settings, i);
        if (!service->name)
            continue; /* missing: said already */
        const char *place = gee_conf_place(check->places, &service->name);
        if (service->upstream)
            gee_check_forwarded_service(check, service, i);
        else
            check_local_service(check, service, i);
        for (size_t j = 0; j < i; j++) {
            const char *earlier = gee_settings_service(check->settings, j)->name;
            if (earlier && strcmp(earlier, service->name) == 0) {
                bool both = !gee_settings_service(check->settings, j)->upstream != !service->upstream;
                gee_conf_errors_add(check->errors, "%s: services[%zu]: \"%s\" stands in services[%zu] already%s", place,
                                    i, service->name, j, both ? "; a service is either handled here or forwarded" : "");
                break;
            }
        }
    }
}

static void check_protocols(const gee_check_settings_t *check, const gee_listen_settings_t *listen, size_t index) {
    for (size_t i = 0; i < listen->protocols.count; i++) {
        const char *name = listen->protocols.items[i];
        if (gee_module_find(check->modules, GEE_MODULE_PROTOCOL, gee_str(name)))
            continue;
        char hint[GEE_NAMES_TEXT];
        gee_suggest_module(check, GEE_MODULE_PROTOCOL, name, hint);
        gee_conf_errors_add(check->errors, "%s: listen[%zu].protocols: no protocol \"%s\" is compiled in, %s",
                            gee_conf_place(check->places, &listen->protocols), index, name, hint);
    }
}

static void check_listen(const gee_check_settings_t *check) {
    for (size_t i = 0; i < check->settings->listen.count; i++) {
        const gee_listen_settings_t *listen = gee_settings_listen(check->settings, i);
        gee_addr_t addr;
        if (!listen->address || gee_addr_parse(listen->address, &addr, NULL) != 0)
            continue; /* said already */
        const char *place = gee_conf_place(check->places, &listen->address);
        char setting[64];
        (void)snprintf(setting, sizeof setting, "listen[%zu].address", i);
        gee_check_address(check, place, setting, &addr);
        check_protocols(check, listen, i);
        for (size_t j = 0; j < i; j++) {
            const char *earlier = gee_settings_listen(check->settings, j)->address;
            if (earlier && strcmp(earlier, listen->address) == 0) {
                gee_conf_errors_add(check->errors, "%s: listen[%zu].address: \"%s\" stands in listen[%zu] already",
                                    place, i, listen->address, j);
                break;
            }
        }
    }
}

/* ---- settings of modules ---- */

typedef struct module_check {
    gee_conf_check_t lent;
    const gee_check_settings_t *check;
} module_check_t;

/* The name of the nth service that this server serves; null after the last. */
static const char *served(const gee_check_settings_t *check, size_t n) {
    if (check->settings->describe && n-- == 0)
        return gee_describe_service.name;
    if (check->settings->services.count > 0) {
        if (n >= check->settings->services.count)
            return NULL;
        const char *name = gee_settings_service(check->settings, n)->name;
        return name ? name : ""; /* missing: said already */
    }
    const gee_service_t *service = gee_service_usual(check->modules, n);
    return service ? service->name : NULL;
}

static void expect_service(const gee_conf_check_t *lent, const char *name, const char *setting, const void *member) {
    const gee_check_settings_t *check = GEE_CONTAINER((uintptr_t)lent, module_check_t, lent)->check;
    const char *names[GEE_MOST_NAMES], *each;
    char hint[GEE_NAMES_TEXT];
    size_t count = 0;
    for (size_t i = 0; (each = served(check, i)) != NULL; i++) {
        if (strcmp(each, name) == 0)
            return;
        if (count < GEE_MOST_NAMES)
            names[count++] = each;
    }
    gee_suggest_name(names, count, name, hint);
    gee_conf_errors_add(check->errors, "%s: %s: no service \"%s\" is served, %s", gee_conf_place(check->places, member),
                        setting, name, hint);
}

static void check_modules(const gee_check_settings_t *check, const gee_sections_t *sections) {
    const module_check_t lent = { .lent.expect_service = expect_service, .check = check };
    for (size_t i = 0; i < sections->module_count; i++)
        if (check->modules[i].module->check)
            check->modules[i].module->check(sections->module_conf[i], &lent.lent);
}

static void check_user(const gee_check_settings_t *check) {
    if (geteuid() != 0 || !check->settings->user || getpwnam(check->settings->user))
        return;
    gee_conf_errors_add(check->errors, "%s: user: there is no user \"%s\" on this system",
                        gee_conf_place(check->places, &check->settings->user), check->settings->user);
}

void gee_settings_check(const gee_sections_t *sections, const gee_module_entry_t *modules, const char *conf_path,
                        const gee_conf_places_t *places, gee_conf_errors_t *errors) {
    const gee_settings_t *settings = &sections->settings;
    gee_check_settings_t check = {
        .settings = settings, .modules = modules, .places = places, .errors = errors, .readable = errors->count == 0
    };
    check_listen(&check);
    check_services(&check);
    gee_check_upstreams(&check);
    gee_check_announce(&check);
    check_modules(&check, sections);
    check_user(&check);
    if (check.readable && settings->listen.count == 0)
        gee_conf_errors_add(errors,
                            "%s: there is no address to listen on; add listen = ( { address = "
                            "\"tcp@127.0.0.1:9999\"; } );",
                            conf_path);
}
