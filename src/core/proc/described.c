/* described.c: which descriptors describe which forwarded service.
 *
 *   services[].descriptors: must have the service    else its declaration, if compiled in    else descriptors, if they
 *   have the service
 *
 * A service is found by its full name; or by its name without package, when that names one service. */
#include "core/proc/described.h"

#include <stdio.h>
#include <string.h>

#include "core/proc/settings_check.h"
#include "core/proc/settings_check_private.h"
#include "core/rpc/service.h"

typedef struct search {
    gee_cycle_t *cycle;
    const gee_strings_t *paths;
    const char *setting; /* "services[0].descriptors" */
} search_t;

static void add_error(const search_t *search, const char *text) {
    gee_conf_errors_add(&search->cycle->errors, "%s: %s: %s", gee_conf_place(search->cycle->places, search->paths),
                        search->setting, text);
}

/* ---- reading ---- */

/* Null: the file cannot be used, which was said where its path stands first. */
static const gee_descriptors_t *set_of(const gee_cycle_t *cycle, const char *path) {
    for (size_t i = 0; i < cycle->descriptor_count; i++)
        if (strcmp(cycle->descriptors[i].path, path) == 0)
            return cycle->descriptors[i].set;
    return NULL;
}

static bool is_read(const gee_cycle_t *cycle, const char *path) {
    for (size_t i = 0; i < cycle->descriptor_count; i++)
        if (strcmp(cycle->descriptors[i].path, path) == 0)
            return true;
    return false;
}

/* The types stay as long as a worker: it ends with its cycle. */
static void read_paths(const search_t *search) {
    gee_cycle_t *cycle = search->cycle;
    for (size_t i = 0; i < search->paths->count; i++) {
        const char *path = search->paths->items[i];
        const char *full = path[0] ? gee_server_path(cycle->server, path, cycle->pool) : path;
        gee_error_t error;
        if (full == NULL || is_read(cycle, path))
            continue;
        gee_cycle_descriptors_t *read = &cycle->descriptors[cycle->descriptor_count++];
        read->path = path;
        if ((read->set = gee_descriptors_load(full, true, &error)) == NULL)
            add_error(search, error.text);
    }
}

/* A name means the same in all files of a list. */
static void check_conflicts(const search_t *search) {
    for (size_t i = 0; i < search->paths->count; i++)
        for (size_t j = 0; j < i; j++) {
            const char *paths[2] = { search->paths->items[j], search->paths->items[i] };
            const gee_descriptors_t *first = set_of(search->cycle, paths[0]), *second = set_of(search->cycle, paths[1]);
            const char *name = first && second ? gee_descriptors_conflict(first, second) : NULL;
            char text[GEE_ERROR_TEXT];
            if (!name)
                continue;
            (void)gee_str_format(text, sizeof text, "%s and %s define %s differently; make both of the same .proto",
                                 paths[0], paths[1], name);
            add_error(search, text);
        }
}

/* ---- finding ---- */

/* The names that may have been meant, in full or not, as `name` is. */
static void suggest(const search_t *search, const char *name, char text[GEE_NAMES_TEXT]) {
    const char *names[GEE_MOST_NAMES];
    size_t count = 0;
    for (size_t i = 0; i < search->paths->count; i++) {
        const gee_descriptors_t *set = set_of(search->cycle, search->paths->items[i]);
        const gee_described_service_t *service;
        for (size_t n = 0; set && count < GEE_MOST_NAMES && (service = gee_descriptors_service_at(set, n)); n++)
            names[count++] = strchr(name, '.') ? service->full_name : service->name;
    }
    gee_suggest_name(names, count, name, text);
}

static void add_missing(const search_t *search, const char *name) {
    char hint[GEE_NAMES_TEXT], text[2 * GEE_NAMES_TEXT + GEE_ERROR_TEXT];
    size_t length = gee_str_format(text, sizeof text, "no service \"%s\" is in ", name);
    for (size_t i = 0; i < search->paths->count && length < GEE_ERROR_TEXT; i++)
        length += gee_str_format(text + length, sizeof text - length, "%s, ", search->paths->items[i]);
    suggest(search, name, hint);
    (void)gee_str_format(text + length, sizeof text - length, "%s", hint);
    add_error(search, text);
}

/* Null: there is none; *several: it is not clear which is meant, and that was said. */
static const gee_described_service_t *find(const search_t *search, const char *name, bool *several) {
    const gee_described_service_t *found = NULL;
    const char *first = NULL; /* the file of `found` */
    gee_error_t error;
    *several = false;
    for (size_t i = 0; i < search->paths->count && !*several; i++) {
        const gee_descriptors_t *set = set_of(search->cycle, search->paths->items[i]);
        const gee_described_service_t *service = set ? gee_descriptors_service(set, gee_str(name), &error) : NULL;
        if (set && !service && error.code == GEE_FAILED_PRECONDITION)
            *several = true;
        else if (service && found && strcmp(service->full_name, found->full_name) != 0)
            *several = gee_error_set(&error, GEE_FAILED_PRECONDITION, "\"%s\" is %s in %s and %s in %s", name,
                                     found->full_name, first, service->full_name, search->paths->items[i]) != 0;
        else if (service && !found)
            found = service, first = search->paths->items[i];
    }
    if (*several)
        add_error(search, error.text);
    return *several ? NULL : found;
}

/* ---- declarations ---- */

static unsigned flags_of(const gee_described_method_t *method) {
    return (method->idempotent ? GEE_IDEMPOTENT : 0) | (method->client_streaming ? GEE_CLIENT_STREAMING : 0) |
           (method->server_streaming ? GEE_SERVER_STREAMING : 0);
}

/* Under the name of the settings, which callers and servers use. Null: out of memory. */
static const gee_service_t *declare(const gee_cycle_t *cycle, const gee_described_service_t *described,
                                    const char *name) {
    gee_service_t *service = gee_pool_zalloc(cycle->pool, sizeof *service);
    gee_method_t *methods = gee_pool_array(cycle->pool, described->method_count, sizeof *methods);
    if (!service || !methods)
        return NULL;
    for (size_t i = 0; i < described->method_count; i++) {
        const gee_described_method_t *method = &described->methods[i];
        methods[i] = (gee_method_t){
            .name = method->name, .argument = method->argument, .reply = method->reply, .flags = flags_of(method)
        };
    }
    *service = (gee_service_t){ .name = name, .methods = methods, .method_count = described->method_count };
    return service;
}

static bool has_method(const gee_service_t *service, const char *name) {
    for (size_t i = 0; i < service->method_count; i++)
        if (strcmp(service->methods[i].name, name) == 0)
            return true;
    return false;
}

static void check_idempotent(const search_t *search, size_t index, const gee_service_t *service) {
    const gee_service_settings_t *settings = gee_settings_service(gee_cycle_settings(search->cycle), index);
    for (size_t i = 0; i < settings->idempotent.count && !settings->undeclared; i++)
        if (!has_method(service, settings->idempotent.items[i]))
            gee_conf_errors_add(&search->cycle->errors,
                                "%s: services[%zu].idempotent: %s, as its descriptors have it, has no method \"%s\"; "
                                "undeclared = true forwards methods that they lack",
                                gee_conf_place(search->cycle->places, &settings->idempotent), index, service->name,
                                settings->idempotent.items[i]);
}

static void declare_found(const search_t *search, size_t index, const gee_described_service_t *found) {
    gee_cycle_t *cycle = search->cycle;
    const char *name = gee_settings_service(gee_cycle_settings(cycle), index)->name;
    const gee_service_t *service = declare(cycle, found, name);
    cycle->described[index] = service;
    if (service)
        check_idempotent(search, index, service);
    else
        gee_conf_errors_add(&cycle->errors, "out of memory");
}

static void load_service(gee_cycle_t *cycle, size_t index) {
    const gee_settings_t *all = gee_cycle_settings(cycle);
    const gee_service_settings_t *settings = gee_settings_service(all, index);
    bool own = settings->descriptors.count > 0, several;
    char setting[64];
    (void)snprintf(setting, sizeof setting, "services[%zu].descriptors", index);
    const search_t search = { cycle, own ? &settings->descriptors : &all->descriptors, own ? setting : "descriptors" };
    if (!settings->name || !settings->upstream || (!own && gee_service_by_name(cycle->server->modules, settings->name)))
        return;
    size_t errors = cycle->errors.count;
    read_paths(&search);
    if (own)
        check_conflicts(&search);
    const gee_described_service_t *found = find(&search, settings->name, &several);
    if (found) {
        declare_found(&search, index, found);
    } else if (own && !several && cycle->errors.count == errors) {
        add_missing(&search, settings->name);
    }
}

static size_t count_paths(const gee_settings_t *settings) {
    size_t count = settings->descriptors.count;
    for (size_t i = 0; i < settings->services.count; i++)
        count += gee_settings_service(settings, i)->descriptors.count;
    return count;
}

void gee_described_load(gee_cycle_t *cycle) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    cycle->descriptors = gee_pool_array(cycle->pool, count_paths(settings), sizeof *cycle->descriptors);
    cycle->described = gee_pool_array(cycle->pool, settings->services.count, sizeof *cycle->described);
    if (!cycle->descriptors || !cycle->described) {
        gee_conf_errors_add(&cycle->errors, "out of memory");
        return;
    }
    const search_t all = { cycle, &settings->descriptors, "descriptors" };
    read_paths(&all);
    check_conflicts(&all);
    for (size_t i = 0; i < settings->services.count; i++)
        load_service(cycle, i);
}

const gee_service_t *gee_described_service(const gee_cycle_t *cycle, size_t index) {
    return cycle->described[index];
}

void gee_described_close(gee_cycle_t *cycle) {
    for (size_t i = 0; i < cycle->descriptor_count; i++)
        gee_descriptors_release(&cycle->descriptors[i].set);
    cycle->descriptor_count = 0;
}
