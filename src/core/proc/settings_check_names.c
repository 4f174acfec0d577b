/* settings_check_names.c: names in configurations: finds the module of a name, and suggests names for a wrong name. */
#include <string.h>

#include "core/event/transport.h"
#include "core/proc/settings_check_private.h"
#include "core/rpc/protocol.h"

const gee_service_t *gee_service_by_name(const gee_module_entry_t *modules, const char *name) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_SERVICE, i)) != NULL; i++) {
        const gee_service_t *service = module->interface;
        if (strcmp(service->name, name) == 0)
            return service;
    }
    return NULL;
}

const gee_service_t *gee_service_usual(const gee_module_entry_t *modules, size_t n) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(modules, GEE_MODULE_SERVICE, i)) != NULL; i++)
        if (!module->example && n-- == 0)
            return module->interface;
    return NULL;
}

/* The module's name in configurations: the name of the service, protocol, codec or balancer, or the scheme. */
static const char *name_of(const gee_module_t *module) {
    switch (module->kind) {
    case GEE_MODULE_SERVICE:
        return ((const gee_service_t *)module->interface)->name;
    case GEE_MODULE_PROTOCOL:
        return ((const gee_protocol_t *)module->interface)->name;
    case GEE_MODULE_TRANSPORT:
        return ((const gee_transport_t *)module->interface)->scheme;
    case GEE_MODULE_CODEC:
        return ((const gee_codec_t *)module->interface)->name;
    case GEE_MODULE_BALANCER:
        return ((const gee_balancer_t *)module->interface)->name;
    case GEE_MODULE_LAYER:
    case GEE_MODULE_REGISTRY:
    case GEE_MODULE_FILTER:
    case GEE_MODULE_PAGE:
        break;
    }
    return module->name;
}

void gee_suggest_name(const char *const *names, size_t count, const char *word, char text[GEE_NAMES_TEXT]) {
    size_t length = 0;
    const char *nearest = gee_str_nearest(gee_str(word), names, count);
    if (nearest) {
        (void)gee_str_format(text, GEE_NAMES_TEXT, "did you mean \"%s\"?", nearest);
        return;
    }
    (void)gee_str_format(text, GEE_NAMES_TEXT, "%s", count == 0 ? "there is none" : "there is ");
    length = strlen(text);
    for (size_t i = 0; i < count && length < GEE_NAMES_TEXT - 1; i++)
        length += gee_str_format(text + length, GEE_NAMES_TEXT - length, "%s%s", i ? ", " : "", names[i]);
}

void gee_suggest_module(const gee_check_settings_t *check, gee_module_kind_t kind, const char *word,
                        char text[GEE_NAMES_TEXT]) {
    const char *names[GEE_MOST_NAMES];
    size_t count = 0;
    const gee_module_t *module;
    for (; count < GEE_MOST_NAMES && (module = gee_module_next(check->modules, kind, count)) != NULL; count++)
        names[count] = name_of(module);
    gee_suggest_name(names, count, word, text);
}

void gee_check_address(const gee_check_settings_t *check, const char *place, const char *setting,
                       const gee_addr_t *addr) {
    gee_error_t error;
    char names[GEE_NAMES_TEXT];
    const gee_transport_t *transport = gee_module_find(check->modules, GEE_MODULE_TRANSPORT, gee_str(addr->scheme));
    if (!transport) {
        gee_suggest_module(check, GEE_MODULE_TRANSPORT, addr->scheme, names);
        gee_conf_errors_add(check->errors,
                            "%s: %s: \"%s\": no transport for \"%s@\" is compiled in (%s); "
                            "./configure --with-transport_%s adds one, if it exists",
                            place, setting, addr->text, addr->scheme, names, addr->scheme);
    } else if (transport->check(addr, &error) != 0) {
        gee_conf_errors_add(check->errors, "%s: %s: %s", place, setting, error.text);
    }
}
