/* registry.h: the interface of registry modules: who is alive, as some directory outside this process knows it.
 *
 *   publish(entry) --> directory <-- withdraw(entry)          watch() --> changed(whole snapshot), again and again
 *
 * A module is chosen by the scheme of the source's text: "http://10.0.0.9:9999/_geerpc_/registry", "dns@name:9999",
 * "file@/etc/servers". The core allocates the states by their sizes, zeroed. Nothing blocks: what takes time goes
 * through the loop and the thread pool. All on the loop's thread; callbacks never come from inside a function of the
 * module, and may call them: unwatch or abandon in the end, whereafter the states are gone. One suite,
 * tests/contract/registry_contract.c, holds every registry to this contract.
 *
 * How etcd would fit: publish grants a lease of `ttl_ns`, puts the entry under a key with it, and keeps the lease
 * alive by a timer of the entry's state, granting a new one when it was lost (that is why publishing goes on until
 * withdraw, which revokes the lease). watch lists the prefix at a revision, reports that as the first snapshot, then
 * follows the prefix from that revision; each event changes the module's own copy, and the whole copy is reported
 * with the event's revision as its version. A compacted revision lists again. Nothing in this interface says that a
 * directory is asked at intervals. */
#ifndef GEE_GATEWAY_REGISTRY_H
#define GEE_GATEWAY_REGISTRY_H

#include "core/rpc/engine.h"
#include "core/gateway/server_list.h"

#define GEE_SNAPSHOT_SERVERS 16384         /* a longer list is refused */
#define GEE_SNAPSHOT_BYTES   (4 * GEE_MIB) /* as the directory writes it; a longer one is refused */

/* What a watch asks for, beside the source. */
typedef struct gee_watch_options {
    const char *service; /* null: every entry, whatever its service */
    int64_t refresh_ns;  /* between two looks, where the directory cannot tell of changes */
} gee_watch_options_t;

/* A whole list. Valid during the callback. */
typedef struct gee_snapshot {
    const gee_server_t *servers; /* in the directory's order, each address once */
    size_t count;
    uint64_t version; /* of the directory, or counted by the module; another number when anything has changed */
} gee_snapshot_t;

/* One server that is alive. */
typedef struct gee_entry {
    const char *address; /* "tcp@10.0.0.1:9999" */
    const char *service; /* null: not said */
    uint32_t weight;     /* 0: not said */
    int64_t
        ttl_ns; /* after which the directory forgets the entry, unless it is published again; 0: the directory's own */
} gee_entry_t;

typedef struct gee_registry {
    const char *scheme; /* "http": the text of the source before "://" or "@" */
    size_t watch_size, publish_size;

    /* Mandatory. Is the text well-formed for this scheme? Resolves nothing. */
    int (*check)(const char *source, gee_error_t *error);

    /* Mandatory. Reports the list once it is known, whenever it has changed, and also when a look has shown that
     * nothing has changed (a module that waits for changes reports at least after a failure), until unwatch.
     * Failures are reported each time, with a text that names the source, and the module goes on trying by itself,
     * with back-off; an empty list is a list, garbage is a failure. Addresses need not be of any use. `source` and
     * `options` are copied. -1: the watch cannot even begin. */
    int (*watch)(void *state, gee_engine_t *engine, const char *source, const gee_watch_options_t *options,
                 void (*changed)(void *data, const gee_snapshot_t *snapshot),
                 void (*failed)(void *data, const gee_error_t *error), void *data, gee_error_t *error);
    void (*unwatch)(void *state);

    /* Optional, both or none (a file cannot be published to). Keeps the entry alive until withdraw: refreshed well
     * before its time is over, with jitter, again and again when that fails. `told` comes after each attempt that
     * changed the state of the entry (`error` null: the entry is there now). The entry is copied. */
    int (*publish)(void *state, gee_engine_t *engine, const char *source, const gee_entry_t *entry,
                   void (*told)(void *data, const gee_error_t *error), void *data, gee_error_t *error);
    /* Takes the entry out at once, also when another process has put it there: an entry that is published and
     * withdrawn in one go is not there afterwards. done() when the directory has answered, or cannot be reached
     * (`error`; its code is GEE_NOT_FOUND when the directory says that the entry was not there), at the latest after
     * `patience_ns`; told() is not called any more. When done() is called the entry's state is gone. */
    void (*withdraw)(void *state, int64_t patience_ns, void (*done)(void *data, const gee_error_t *error), void *data);
    /* Forgets the entry without a word, also while it is being withdrawn; for the end of the process. */
    void (*abandon)(void *state);
} gee_registry_t;

#endif
