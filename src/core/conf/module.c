/* module.c: the table of modules: names of kinds, lookup, and the checks at start that refuse a defective module. */
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/defs.h"
#include "core/conf/module.h"
#include "core/conf/option_private.h"

/* Settings name a codec, a balancer and so on by the module's name without the prefix; no setting names a layer or a
 * page. */
typedef struct kind {
    const char *name;
    const char *prefix; /* of the names of such modules; null: any name */
} kind_t;

static const kind_t kinds[] = {
    [GEE_MODULE_TRANSPORT] = { "transport", "transport_" },
    [GEE_MODULE_LAYER] = { "layer", NULL },
    [GEE_MODULE_PROTOCOL] = { "protocol", "protocol_" },
    [GEE_MODULE_CODEC] = { "codec", "codec_" },
    [GEE_MODULE_BALANCER] = { "balancer", "lb_" },
    [GEE_MODULE_REGISTRY] = { "registry", "registry_" },
    [GEE_MODULE_FILTER] = { "filter", "filter_" },
    [GEE_MODULE_SERVICE] = { "service", "service_" },
    [GEE_MODULE_PAGE] = { "page", NULL },
};

static const kind_t *find_kind(gee_module_kind_t kind) {
    return (size_t)kind < GEE_LENGTH(kinds) && kinds[kind].name ? &kinds[kind] : NULL;
}

const char *gee_module_kind_name(gee_module_kind_t kind) {
    const kind_t *found = find_kind(kind);
    return found ? found->name : "unknown";
}

const gee_module_t *gee_module_next(const gee_module_entry_t *table, gee_module_kind_t kind, size_t n) {
    for (const gee_module_entry_t *entry = table; entry->module; entry++)
        if (entry->module->kind == kind && n-- == 0)
            return entry->module;
    return NULL;
}

const void *gee_module_find_by(const gee_module_entry_t *table, gee_module_kind_t kind, size_t offset, gee_str_t text) {
    for (const gee_module_entry_t *entry = table; entry->module != NULL; entry++) {
        const char *own;
        if (entry->module->kind != kind)
            continue;
        memcpy(&own, (const char *)entry->module->interface + offset, sizeof(own));
        if (gee_str_equal(gee_str(own), text))
            return entry->module->interface;
    }
    return NULL;
}

const void *gee_module_find(const gee_module_entry_t *table, gee_module_kind_t kind, gee_str_t text) {
    GEE_ASSERT(kind != GEE_MODULE_FILTER && kind != GEE_MODULE_PAGE);
    return gee_module_find_by(table, kind, 0, text);
}

/* A module's name without the kind in front: "json" of codec_json. */
static const char *short_name(const gee_module_t *module) {
    const char *underscore = strchr(module->name, '_');
    return underscore ? underscore + 1 : module->name;
}

char *gee_module_names(const gee_module_entry_t *table, gee_module_kind_t kind, char *target, size_t capacity) {
    const gee_module_t *module;
    size_t used = 0;
    if (capacity == 0)
        return target;
    target[0] = '\0';
    for (size_t i = 0; (module = gee_module_next(table, kind, i)) != NULL && used < capacity; i++) {
        int n = snprintf(target + used, capacity - used, "%s%s", i ? ", " : "", short_name(module));
        if (n < 0)
            break;
        used += (size_t)n;
    }
    if (target[0] == '\0')
        snprintf(target, capacity, "none");
    return target;
}

static int check_identity(const gee_module_t *module, size_t index, gee_error_t *error) {
    if (module->abi != GEE_MODULE_ABI)
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "module number %zu of the table is built for module ABI %u, this program has ABI %u: "
                             "build it again",
                             index + 1, module->abi, GEE_MODULE_ABI);
    if (!module->name || module->name[0] == '\0' ||
        module->name[strspn(module->name, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
        return gee_error_set(error, GEE_INTERNAL,
                             "module number %zu of the table has no name of small letters, digits and _ (member "
                             "\"name\")",
                             index + 1);
    const kind_t *kind = find_kind(module->kind);
    if (!kind)
        return gee_error_set(error, GEE_INTERNAL, "module %s: member \"kind\" is %d, which is no kind", module->name,
                             (int)module->kind);
    if (kind->prefix && strncmp(module->name, kind->prefix, strlen(kind->prefix)) != 0)
        return gee_error_set(error, GEE_INTERNAL, "module %s: member \"name\" of a %s must start with \"%s\"",
                             module->name, kind->name, kind->prefix);
    if (!module->interface)
        return gee_error_set(error, GEE_INTERNAL, "module %s: member \"interface\" is missing", module->name);
    return 0;
}

static int check_options(const gee_module_t *module, gee_error_t *error) {
    if (!module->options)
        return 0;
    if (!module->block || module->block[0] == '\0')
        return gee_error_set(error, GEE_INTERNAL, "module %s: has options, but member \"block\" is missing",
                             module->name);
    if (gee_options_check(module->options, error) < 0)
        return gee_error_prefix(error, "module %s: ", module->name);
    size_t extent = gee_option_table_extent(module->options);
    if (extent > module->conf_size)
        return gee_error_set(error, GEE_INTERNAL,
                             "module %s: member \"conf_size\" is %zu, but its options need at least %zu", module->name,
                             module->conf_size, extent);
    return 0;
}

/* Modules may share a block, but not a setting in the block. A group in the block may be shared again: conf_scope.c
 * merges groups. */
static int check_shared_block(const gee_module_t *a, const gee_module_t *b, gee_error_t *error) {
    if (!a->options || !b->options || strcmp(a->block, b->block) != 0)
        return 0;
    for (const gee_option_t *row = a->options; row->name; row++) {
        const gee_option_t *other = gee_option_find(b->options, row->name);
        if (other && !(row->type == GEE_OPTION_GROUP && other->type == GEE_OPTION_GROUP))
            return gee_error_set(error, GEE_INTERNAL, "modules %s and %s both have the setting %s.%s", a->name, b->name,
                                 a->block, row->name);
    }
    return 0;
}

static int check_against_earlier(const gee_module_entry_t *table, const gee_module_entry_t *entry, gee_error_t *error) {
    for (const gee_module_entry_t *earlier = table; earlier < entry; earlier++) {
        if (strcmp(earlier->module->name, entry->module->name) == 0)
            return gee_error_set(error, GEE_INTERNAL, "module %s stands in the table twice", entry->module->name);
        if (check_shared_block(earlier->module, entry->module, error) < 0)
            return -1;
    }
    return 0;
}

int gee_modules_check(const gee_module_entry_t *table, gee_error_t *error) {
    for (const gee_module_entry_t *entry = table; entry->module; entry++)
        if (check_identity(entry->module, (size_t)(entry - table), error) < 0 ||
            check_options(entry->module, error) < 0 || check_against_earlier(table, entry, error) < 0)
            return -1;
    return 0;
}

static bool pointer_is_null(const void *interface, size_t offset) {
    void *pointer;
    memcpy(&pointer, (const char *)interface + offset, sizeof pointer);
    return pointer == NULL;
}

int gee_modules_check_members(const gee_module_entry_t *table, const gee_member_t *members, size_t count,
                              gee_error_t *error) {
    for (const gee_module_entry_t *entry = table; entry->module; entry++) {
        const gee_module_t *module = entry->module;
        for (size_t i = 0; i < count; i++)
            if (members[i].kind == module->kind && pointer_is_null(module->interface, members[i].offset))
                return gee_error_set(error, GEE_INTERNAL,
                                     "module %s: member \"%s\" is missing, which every %s must have", module->name,
                                     members[i].name, gee_module_kind_name(module->kind));
    }
    return 0;
}
