/* server.h: what stays for the whole life of a server, through all its configurations: where it lives, how it was
 * started, the log, and what cycles share (listening sockets, memory zones). */
#ifndef GEE_PROC_SERVER_H
#define GEE_PROC_SERVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/list.h"
#include "core/base/log.h"
#include "core/base/pool.h"
#include "core/conf/module.h"

typedef struct gee_server_state {
    gee_pool_t *pool;
    const gee_module_entry_t *modules;
    const char *prefix;           /* absolute, without a / at its end (but "/") */
    const char *conf_path;        /* absolute */
    const char *const *overrides; /* the texts of -g */
    size_t override_count;
    char *const *arguments; /* argv, and the program that argv[0] names: absolute, by whatever links; null: not found */
    const char *program;
    bool foreground;
    gee_log_t *log;
    int standard_error;     /* where the log goes while no file is open for it: 2, or our own way to it */
    unsigned kept_standard; /* bits 1 and 2: standard descriptors that logs are written to */
    bool trying;            /* -t --open: what is made on the way is removed again */
    gee_list_t made;        /* then: directories, the last one first */
    bool detached;          /* it has left its terminal; the other standard descriptors lead to /dev/null */
    gee_list_t zones;       /* gee_zone_t, shm.c */
    gee_list_t listeners;   /* gee_listener_t, listener.c */
    uint32_t last_listener_id;
    uint64_t last_generation;
    int helper_requests[2]; /* helper_line.c; the helper reads the first; -1: not made */
    int helper_lock;        /* held by the helper's process */

    /* inherit.c, upgrade.c */
    struct gee_inheritance *inheritance; /* null: none, or all of it has been taken */
    pid_t parent;                        /* the master that this one was started to replace; 0: none */
    int parent_link;                     /* to it; -1: none, or it is gone */
    unsigned parent_version;             /* of what it says there */
    bool elsewhere;                      /* another master of this server is there too, and serves its addresses */
    atomic_bool *quitting;               /* shared with the workers: the server is about to end */
} gee_server_state_t;

/* `prefix` null: the one that configure was told. `conf` null: conf/geerpc.conf; a relative one is looked for under the
 * prefix, then in the current directory. */
int gee_server_init(gee_server_state_t *server, const gee_module_entry_t *modules, const char *prefix, const char *conf,
                    gee_error_t *error);
void gee_server_finish(gee_server_state_t *server);
/* Makes the memory that workers share with the master. */
int gee_server_share(gee_server_state_t *server, gee_error_t *error);
/* Remembers how it was called, for the day when there is another binary in its place. */
int gee_server_called(gee_server_state_t *server, char *const *arguments, gee_error_t *error);

/* The absolute path: itself, or under the prefix. Null: out of memory. */
const char *gee_server_path(const gee_server_state_t *server, const char *path, gee_pool_t *pool);
/* Removes directories that were made for a trial. */
void gee_server_unmake(gee_server_state_t *server);
/* Makes the directory of an absolute path if only that one is missing and it is under the prefix (run/, logs/). What
 * cannot be made is found out by whoever opens the path. */
void gee_server_make_parent(gee_server_state_t *server, const char *path);

#endif
