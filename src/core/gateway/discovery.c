/* discovery.c: judges each list that a registry module reports: takes it, or keeps the list before. */
#include "core/gateway/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/modules.h"

#define REFRESH      (10 * GEE_SECOND) /* as in GeeRPC */
#define CHUNK        4096
#define SOURCE_SHOWN 200

/* What is wrong with the source; each trouble is logged once. */
typedef enum trouble {
    NO_TROUBLE,
    FAILING,  /* no answer, or garbage */
    EMPTY,    /* its list */
    COLLAPSED /* the list is shorter than min_servers */
} trouble_t;

/* A list of our own, with all that it points to in the pool. */
typedef struct list {
    gee_pool_t *pool; /* null: no list yet */
    gee_server_t *servers;
    size_t count;
    size_t unusable;       /* left out */
    gee_error_t first_bad; /* why, of the first server that was left out */
} list_t;

struct gee_discovery {
    gee_engine_t *engine;
    const gee_registry_t *registry;
    void *state; /* the module's; null while it does not watch */
    char *source, *service, *name;
    size_t min_servers;
    void (*changed)(void *data, const gee_server_t *servers, size_t count);
    void (*troubled)(void *data, const gee_error_t *reason); /* may be null */
    void *data;

    list_t list; /* in force */
    uint64_t version;
    int64_t confirmed_ns;
    trouble_t trouble;
    gee_error_t reason;     /* of the trouble */
    size_t unusable_logged; /* how many were left out when that was logged */
};

/* ---- sources ---- */

/* What stands before "://" or "@". */
static gee_str_t scheme_of(const char *source) {
    size_t length = strspn(source, "abcdefghijklmnopqrstuvwxyz0123456789+-");
    bool ends = source[length] == '@' || strncmp(source + length, "://", 3) == 0;
    return (gee_str_t){ .data = source, .length = ends ? length : 0 };
}

const gee_registry_t *gee_registry_for(const gee_module_entry_t *modules, const char *source, gee_error_t *error) {
    char names[200], shown[SOURCE_SHOWN];
    gee_str_t scheme = scheme_of(source);
    const gee_registry_t *registry = gee_module_find(modules, GEE_MODULE_REGISTRY, scheme);
    if (registry != NULL)
        return registry;
    gee_str_escape(shown, sizeof(shown), source, strlen(source));
    gee_module_names(modules, GEE_MODULE_REGISTRY, names, sizeof(names));
    if (scheme.length == 0)
        gee_error_set(error, GEE_INVALID_ARGUMENT,
                      "registry \"%s\": expected something like http://host:port/_geerpc_/registry, dns@name:port or "
                      "file@/path; compiled in: %s",
                      shown, names);
    else
        gee_error_set(error, GEE_INVALID_ARGUMENT,
                      "registry \"%s\": no module for \"%.*s\" is compiled in; there are: %s", shown,
                      GEE_STR_ARGUMENTS(scheme), names);
    return NULL;
}

int gee_discovery_check(const gee_module_entry_t *modules, const char *source, gee_error_t *error) {
    const gee_registry_t *registry = gee_registry_for(modules, source, error);
    return registry != NULL ? registry->check(source, error) : -1;
}

/* ---- making a list of a snapshot ---- */

static int check_server(const gee_discovery_t *discovery, const gee_server_t *server, gee_error_t *error) {
    gee_addr_t addr;
    if (gee_addr_parse(server->address, &addr, error) != 0 || gee_addr_check_dialled(&addr, error) != 0)
        return -1;
    const gee_transport_t *transport = gee_transport_for(discovery->engine->modules, &addr, error);
    return transport ? transport->check(&addr, error) : -1;
}

static uint32_t weight_of(const gee_server_t *server) {
    return server->weight == 0 ? 1 : server->weight < UINT16_MAX ? server->weight : UINT16_MAX;
}

/* By address; of one address the heaviest first. */
static int compare(const void *a, const void *b) {
    const gee_server_t *left = a, *right = b;
    int order = strcmp(left->address, right->address);
    return order != 0 ? order : (left->weight < right->weight) - (left->weight > right->weight);
}

static void keep_each_once(list_t *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || strcmp(list->servers[kept - 1].address, list->servers[i].address) != 0)
            list->servers[kept++] = list->servers[i];
    list->count = kept;
}

static int make_list(const gee_discovery_t *discovery, const gee_snapshot_t *snapshot, list_t *list,
                     gee_error_t *error) {
    gee_error_t bad;
    *list = (list_t){ .pool = gee_pool_create(CHUNK) };
    list->servers = list->pool ? gee_pool_array(list->pool, snapshot->count, sizeof(*list->servers)) : NULL;
    if (list->servers == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    for (size_t i = 0; i < snapshot->count; i++) {
        const gee_server_t *server = &snapshot->servers[i];
        if (check_server(discovery, server, &bad) != 0) {
            if (list->unusable++ == 0)
                list->first_bad = bad;
            continue;
        }
        gee_server_t *copy = &list->servers[list->count++];
        copy->weight = weight_of(server);
        copy->address = gee_pool_strdup(list->pool, server->address);
        if (copy->address == NULL)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    }
    qsort(list->servers, list->count, sizeof(*list->servers), compare);
    keep_each_once(list);
    return 0;
}

static bool same(const list_t *a, const list_t *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->servers[i].weight != b->servers[i].weight || strcmp(a->servers[i].address, b->servers[i].address) != 0)
            return false;
    return true;
}

/* ---- how it stands ---- */

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

/* The texts of failures name the source themselves. */
static void be_in_trouble(gee_discovery_t *discovery, trouble_t trouble, const gee_error_t *reason) {
    bool news = discovery->trouble != trouble;
    discovery->trouble = trouble;
    discovery->reason = *reason;
    if (!news)
        return;
    if (discovery->version == 0)
        gee_log(discovery->engine->log, GEE_LOG_WARN, "%s: %s; there is no list yet", discovery->name, reason->text);
    else
        gee_log(discovery->engine->log, GEE_LOG_WARN, "%s: %s; the list from before stays in force: %zu server%s",
                discovery->name, reason->text, discovery->list.count, plural(discovery->list.count));
    if (discovery->troubled != NULL)
        discovery->troubled(discovery->data, &discovery->reason);
}

static void be_confirmed(gee_discovery_t *discovery) {
    discovery->confirmed_ns = gee_clock_wall();
    if (discovery->trouble == NO_TROUBLE)
        return;
    discovery->trouble = NO_TROUBLE;
    gee_log(discovery->engine->log, GEE_LOG_NOTICE, "%s: %s gives a list again", discovery->name, discovery->source);
    if (discovery->troubled != NULL)
        discovery->troubled(discovery->data, NULL);
}

static void say_unusable(gee_discovery_t *discovery, const list_t *list) {
    if (list->unusable > 0 && list->unusable != discovery->unusable_logged)
        gee_log(discovery->engine->log, GEE_LOG_WARN, "%s: %s: %zu server%s left out: %s", discovery->name,
                discovery->source, list->unusable, list->unusable == 1 ? " is" : "s are", list->first_bad.text);
    discovery->unusable_logged = list->unusable;
}

static trouble_t judge(const gee_discovery_t *discovery, const list_t *list, gee_error_t *reason) {
    if (list->count < discovery->min_servers) {
        gee_error_set(reason, GEE_FAILED_PRECONDITION, "%.*s: the list has %zu server%s, min_servers is %zu",
                      GEE_QUOTED(discovery->source), list->count, plural(list->count), discovery->min_servers);
        return COLLAPSED;
    }
    if (list->count == 0 && discovery->list.count > 0) {
        gee_error_set(reason, GEE_FAILED_PRECONDITION, "%.*s: the list is empty", GEE_QUOTED(discovery->source));
        return EMPTY;
    }
    return NO_TROUBLE;
}

/* ---- what has changed ---- */

enum { CHANGES_TEXT = 1000, CHANGES_NAMED = 8 /* of each kind */, MORE_TEXT = 40 };

/* Lists are sorted by address. */
typedef struct difference {
    const list_t *before, *after;
    size_t old, new; /* looked at so far */
} difference_t;

typedef enum change { CHANGE_NONE, CHANGE_CAME, CHANGE_WENT, CHANGE_WEIGHT } change_t;

/* The next change, with its server; NONE: there is no more. */
static change_t next_change(difference_t *difference, const gee_server_t **server) {
    const list_t *before = difference->before, *after = difference->after;
    while (difference->old < before->count || difference->new < after->count) {
        const gee_server_t *old = difference->old < before->count ? &before->servers[difference->old] : NULL;
        const gee_server_t *new = difference->new < after->count ? &after->servers[difference->new] : NULL;
        int order = old == NULL ? 1 : new == NULL ? -1 : strcmp(old->address, new->address);
        difference->old += order <= 0;
        difference->new += order >= 0;
        *server = order < 0 ? old : new;
        if (order != 0)
            return order < 0 ? CHANGE_WENT : CHANGE_CAME;
        if (old->weight != new->weight)
            return CHANGE_WEIGHT;
    }
    return CHANGE_NONE;
}

/* "; came: tcp@10.0.0.3:1, tcp@10.0.0.4:1 and 12 more", where there are any. */
static size_t describe(const list_t *before, const list_t *after, change_t kind, const char *word, char *text,
                       size_t room) {
    difference_t difference = { .before = before, .after = after };
    const gee_server_t *server;
    size_t count = 0, named = 0, length = 0;
    change_t change;
    while ((change = next_change(&difference, &server)) != CHANGE_NONE) {
        if (change != kind)
            continue;
        if (count++ == 0)
            length += (size_t)snprintf(text, room, "%s", word);
        if (named == CHANGES_NAMED || length + strlen(server->address) + MORE_TEXT > room)
            continue;
        length += (size_t)snprintf(text + length, room - length, "%s%s", named++ > 0 ? ", " : "", server->address);
    }
    if (count > named)
        length += (size_t)snprintf(text + length, room - length, "%s%zu more", named > 0 ? " and " : "", count - named);
    return length;
}

static void describe_changes(const list_t *before, const list_t *after, char *text) {
    static const char *const words[] = {
        [CHANGE_CAME] = "; came: ", [CHANGE_WENT] = "; went: ", [CHANGE_WEIGHT] = "; of another weight: "
    };
    size_t length = 0;
    for (change_t kind = CHANGE_CAME; kind <= CHANGE_WEIGHT; kind++)
        length += describe(before, after, kind, words[kind], text + length, CHANGES_TEXT / 3);
}

static void take(gee_discovery_t *discovery, list_t *list) {
    char changes[CHANGES_TEXT] = "";
    if (discovery->version > 0)
        describe_changes(&discovery->list, list, changes);
    gee_pool_destroy(&discovery->list.pool);
    discovery->list = *list;
    list->pool = NULL;
    discovery->version++;
    gee_log(discovery->engine->log, discovery->version > 1 ? GEE_LOG_NOTICE : GEE_LOG_INFO, "%s: %s: %zu server%s%s",
            discovery->name, discovery->source, discovery->list.count, plural(discovery->list.count), changes);
    discovery->changed(discovery->data, discovery->list.servers, discovery->list.count);
}

static void on_changed(void *data, const gee_snapshot_t *snapshot) {
    gee_discovery_t *discovery = data;
    list_t list;
    gee_error_t reason;
    trouble_t trouble = FAILING;
    if (make_list(discovery, snapshot, &list, &reason) == 0) {
        say_unusable(discovery, &list);
        trouble = judge(discovery, &list, &reason);
    } else {
        gee_error_prefix(&reason, "%.*s: ", GEE_QUOTED(discovery->source));
    }
    gee_pool_t *pool = list.pool; /* take() may end with the discovery destroyed */
    if (trouble != NO_TROUBLE) {
        be_in_trouble(discovery, trouble, &reason);
    } else {
        be_confirmed(discovery);
        if (discovery->version == 0 || !same(&discovery->list, &list)) {
            pool = NULL;
            take(discovery, &list);
        }
    }
    gee_pool_destroy(&pool);
}

static void on_failed(void *data, const gee_error_t *error) {
    be_in_trouble(data, FAILING, error);
}

/* ---- from beginning to end ---- */

void gee_discovery_destroy(gee_discovery_t **slot) {
    gee_discovery_t *discovery = *slot;
    *slot = NULL;
    if (discovery == NULL)
        return;
    if (discovery->state != NULL)
        discovery->registry->unwatch(discovery->state);
    free(discovery->state);
    gee_pool_destroy(&discovery->list.pool);
    free(discovery->source);
    free(discovery->service);
    free(discovery->name);
    free(discovery);
}

static int take_over(gee_discovery_t *discovery, const gee_discovery_options_t *options, gee_error_t *error) {
    gee_snapshot_t before = { .servers = options->servers, .count = options->count };
    if (options->count == 0)
        return 0;
    if (make_list(discovery, &before, &discovery->list, error) != 0)
        return gee_error_prefix(error, "%s: ", discovery->name);
    discovery->version = 1;
    discovery->confirmed_ns = options->confirmed_ns;
    return 0;
}

static int begin(gee_discovery_t *discovery, int64_t refresh_ns, gee_error_t *error) {
    gee_watch_options_t options = { .service = discovery->service,
                                    .refresh_ns = refresh_ns > 0 ? refresh_ns : REFRESH };
    void *state = calloc(1, discovery->registry->watch_size);
    if (state == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", discovery->name);
    if (discovery->registry->watch(state, discovery->engine, discovery->source, &options, on_changed, on_failed,
                                   discovery, error) != 0) {
        free(state);
        return -1;
    }
    discovery->state = state;
    return 0;
}

gee_discovery_t *gee_discovery_create(gee_engine_t *engine, const gee_discovery_options_t *options,
                                      void (*changed)(void *data, const gee_server_t *servers, size_t count),
                                      void *data, gee_error_t *error) {
    const gee_registry_t *registry = gee_registry_for(engine->modules, options->source, error);
    if (registry == NULL || registry->check(options->source, error) != 0)
        return NULL;
    gee_discovery_t *discovery = calloc(1, sizeof(*discovery));
    if (discovery == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%.*s: out of memory", GEE_QUOTED(options->source));
        return NULL;
    }
    discovery->engine = engine;
    discovery->registry = registry;
    discovery->min_servers = options->min_servers;
    discovery->changed = changed;
    discovery->troubled = options->troubled;
    discovery->data = data;
    discovery->source = strdup(options->source);
    discovery->service = options->service ? strdup(options->service) : NULL;
    discovery->name = strdup(options->name ? options->name : "discovery");
    if (discovery->source == NULL || discovery->name == NULL || !discovery->service != !options->service)
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%.*s: out of memory", GEE_QUOTED(options->source));
    else if (take_over(discovery, options, error) == 0 && begin(discovery, options->refresh_ns, error) == 0)
        return discovery;
    gee_discovery_destroy(&discovery);
    return NULL;
}

void gee_discovery_report(const gee_discovery_t *discovery, gee_discovery_report_t *report) {
    *report = (gee_discovery_report_t){ .source = discovery->source,
                                        .version = discovery->version,
                                        .count = discovery->list.count,
                                        .confirmed_ns = discovery->confirmed_ns,
                                        .trouble = discovery->trouble ? &discovery->reason : NULL };
}
