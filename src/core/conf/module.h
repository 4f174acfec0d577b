/* module.h: what every module exports, and the table of the modules that configure compiled in.
 *
 * A module NAME is src/modules/NAME.c, or a folder of that name, and exports one symbol only, gee_NAME_module. Its
 * one-line description is in modules.list. */
#ifndef GEE_CONF_MODULE_H
#define GEE_CONF_MODULE_H

#include "core/base/log.h"
#include "core/conf/option.h"

#define GEE_MODULE_ABI 5u

typedef enum gee_module_kind {
    GEE_MODULE_TRANSPORT = 1,
    GEE_MODULE_LAYER,
    GEE_MODULE_PROTOCOL,
    GEE_MODULE_CODEC,
    GEE_MODULE_BALANCER,
    GEE_MODULE_REGISTRY,
    GEE_MODULE_FILTER,
    GEE_MODULE_SERVICE,
    GEE_MODULE_PAGE /* its interface is its table of routes */
} gee_module_kind_t;

struct gee_engine; /* rpc/engine.h */
struct gee_route;  /* http/route.h */

/* What the core lends to a module that prepares, in the master. */
typedef struct gee_prepare gee_prepare_t;
struct gee_prepare {
    gee_log_t *log;
    gee_pool_t *pool;                   /* of this cycle: lives until release or rollback */
    unsigned workers;                   /* of this cycle; gee_engine's worker_index is below it */
    size_t upstreams, upstream_servers; /* that the configuration names */
    bool upstreams_listed;              /* registries name further servers */
    /* Memory shared by master and workers, by name; it outlives cycles and workers. The same name, size and version
     * give the same memory again, content kept; else the memory is new and zeroed (the old cycle keeps its own until
     * release). Null: failed. */
    void *(*shared)(const gee_prepare_t *prepare, const char *name, size_t size, uint32_t version, gee_error_t *error);
    /* Opens a log file for appending (relative paths under the prefix), whose descriptor keeps its number when logs
     * are reopened, in every process. The core closes the file. -1: failed. */
    int (*open_log)(const gee_prepare_t *prepare, const char *path, gee_error_t *error);
    /* The absolute path (relative ones are under the prefix) of a file that workers or the helper write themselves. A
     * missing directory of the file is made for their user. In the cycle's pool; null: failed. */
    const char *(*own_file)(const gee_prepare_t *prepare, const char *path, gee_error_t *error);
};

/* What the core lends to a module whose settings name services. */
typedef struct gee_conf_check gee_conf_check_t;
struct gee_conf_check {
    /* An error, at the place of `member` in the file, unless this server serves a service of that name, itself or by
     * forwarding. `setting`: its name in the error, "limits.services[0]". */
    void (*expect_service)(const gee_conf_check_t *check, const char *name, const char *setting, const void *member);
};

typedef struct gee_module {
    uint32_t abi; /* GEE_MODULE_ABI */
    gee_module_kind_t kind;
    const char *name;      /* "codec_json" */
    const void *interface; /* gee_codec_t and so on, by kind */

    /* Optional: settings. Settings stand in geerpc.conf under the group `block`; several modules, and the core, may
     * have rows in one group ("limits"). conf_size is the size of the structure that the rows describe. */
    const char *block;
    const gee_option_t *options;
    size_t conf_size;

    /* Optional: state that each worker has of the module; 0: none. The core zeroes this memory before worker_start,
     * and frees it after worker_stop. Hooks use gee_engine_state(), handlers of a service gee_call_state(). */
    size_t worker_state_size;

    /* Optional hooks of the server; the library calls none. `conf` is the module's structure of that cycle (null when
     * conf_size is 0).
     * check: the file was read, by geerpc -t too; opens nothing. After errors required members may be missing.
     * prepare: in the master, for a cycle that is being loaded; may open files and sockets, may fail, and must leave
     *   the running cycle alone. rollback: undoes a prepare whose cycle will not run.
     * commit: the cycle runs now; cannot fail.
     * release: the cycle runs no more and nothing uses its settings; closes what prepare opened.
     * worker_start: in each new worker, before the worker is ready; a failure refuses the cycle.
     * worker_stop: in the worker, after the last call has ended. */
    void (*check)(const void *conf, const gee_conf_check_t *check);
    int (*prepare)(void *conf, const gee_prepare_t *prepare, gee_error_t *error);
    void (*commit)(void *conf);
    void (*rollback)(void *conf);
    void (*release)(void *conf);
    int (*worker_start)(void *conf, struct gee_engine *engine, gee_error_t *error);
    void (*worker_stop)(void *conf, struct gee_engine *engine);

    /* Optional hooks of the helper: one process beside the workers, of the same user, which alone writes their shared
     * memory (gee_prepare_t.shared). The helper runs while helper_wanted() of a module returns true, and is replaced
     * after a crash: the next helper must find the shared memory whole, or repair it.
     * helper_start: this helper is the only one now; its engine serves no connections. A failure ends the process.
     * helper_message: from gee_engine_tell_helper() in worker number `worker`, hostile as far as clients made it.
     * helper_leave: the server is about to drain: the module takes the server out of other processes' lists, then calls
     *   left() once, now or later. Null: nothing to do.
     * helper_stop: the last hook; the process ends, because the server ends or another cycle's helper goes on.
     * worker_wake: in each worker, after gee_engine_wake_workers() in the helper; several wakes may come as one. */
    bool (*helper_wanted)(const void *conf);
    int (*helper_start)(void *conf, struct gee_engine *engine, gee_error_t *error);
    void (*helper_message)(void *conf, struct gee_engine *engine, unsigned worker, const void *bytes, size_t length);
    void (*helper_leave)(void *conf, struct gee_engine *engine, void (*left)(void *data), void *data);
    void (*helper_stop)(void *conf, struct gee_engine *engine);
    void (*worker_wake)(void *conf, struct gee_engine *engine);

    /* Optional, for a module of any kind: the HTTP routes that the module answers; ends with a route without a path. */
    const struct gee_route *routes;

    /* An example service: served only where geerpc.conf names the service under `services`. */
    bool example;
} gee_module_t;

/* One line of the table that configure writes. */
typedef struct gee_module_entry {
    const gee_module_t *module;
    const char *doc;
} gee_module_entry_t;

/* build/modules.c; ends with a null module. The order is that of modules.list. Library and server each have a table
 * of their own. */
extern const gee_module_entry_t gee_modules[];

/* Facts of configure, for -V: build/modules.c. */
extern const char gee_version[];
extern const char gee_compiler[];
extern const char gee_configure_arguments[];
extern const char gee_default_prefix[];

const char *gee_module_kind_name(gee_module_kind_t kind);
/* Checks every module's table of functions, name, options. Fails with module and member in the text. */
int gee_modules_check(const gee_module_entry_t *table, gee_error_t *error);
/* The nth (from 0) module of a kind; null after the last. */
const gee_module_t *gee_module_next(const gee_module_entry_t *table, gee_module_kind_t kind, size_t n);
/* The interface of the module of that kind whose member at `offset`, a text, is `text`; null: none is compiled in. */
const void *gee_module_find_by(const gee_module_entry_t *table, gee_module_kind_t kind, size_t offset, gee_str_t text);
/* The same by the text that such interfaces begin with: a name ("json") or a scheme ("tcp"). Precondition: the
 * kind is neither filter nor page, whose interfaces have no such text. */
const void *gee_module_find(const gee_module_entry_t *table, gee_module_kind_t kind, gee_str_t text);
/* "json, bin": what is compiled in of a kind, for messages. */
char *gee_module_names(const gee_module_entry_t *table, gee_module_kind_t kind, char *target, size_t capacity);

/* A mandatory member of an interface: rpc/modules.c and gateway/modules.c have the tables of their kinds. */
typedef struct gee_member {
    gee_module_kind_t kind;
    const char *name;
    size_t offset; /* of a pointer */
} gee_member_t;
int gee_modules_check_members(const gee_module_entry_t *table, const gee_member_t *members, size_t count,
                              gee_error_t *error);

#endif
