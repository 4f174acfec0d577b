/* server.h: the state of a server that stays through all its configurations: paths, arguments, the log, and the
 * listening sockets and memory zones that cycles share. */
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
    const char *prefix;           /* absolute, without a final / (except "/") */
    const char *conf_path;        /* absolute */
    const char *const *overrides; /* the texts of -g */
    size_t override_count;
    char *const *arguments; /* argv, and the absolute path of argv[0], symbolic links not resolved; null: not found */
    const char *program;
    bool foreground;
    gee_log_t *log;
    int standard_error;     /* the log's descriptor while no file is open: 2, or standard error opened again */
    unsigned kept_standard; /* bits 1 and 2: standard descriptors that logs are written to */
    bool trying;            /* -t --open: files and directories made by the trial are removed again */
    gee_list_t made;        /* directories that the trial made, the last first */
    bool detached;          /* in the background: standard descriptors outside kept_standard lead to /dev/null */
    gee_list_t zones;       /* gee_zone_t, shm.c */
    gee_list_t listeners;   /* gee_listener_t, listener.c */
    uint32_t last_listener_id;
    uint64_t last_generation;
    int helper_requests[2]; /* helper_line.c; the helper reads from [0]; -1: not made */
    int helper_lock;        /* locked by the helper's process */

    /* inherit.c, upgrade.c */
    struct gee_inheritance *inheritance; /* null: nothing inherited, or the start is over */
    pid_t parent;                        /* the master that this one was started to replace; 0: none */
    int parent_socket;                   /* the liaison; -1: none, or the parent is gone */
    unsigned parent_version;             /* of the parent's liaison */
    bool elsewhere;                      /* another master serves the server's addresses, too */
    atomic_bool *quitting;               /* shared with the workers: the server is about to end */
} gee_server_state_t;

/* `prefix` null: configure's. `conf` null: conf/geerpc.conf. A relative `conf` is searched under the prefix, then in
 * the current directory. */
int gee_server_init(gee_server_state_t *server, const gee_module_entry_t *modules, const char *prefix, const char *conf,
                    gee_error_t *error);
void gee_server_finish(gee_server_state_t *server);
/* Makes the memory that workers share with the master. */
int gee_server_share(gee_server_state_t *server, gee_error_t *error);
/* Keeps argv and finds the program, for an upgrade. */
int gee_server_called(gee_server_state_t *server, char *const *arguments, gee_error_t *error);

/* The absolute path: `path` itself if absolute, else `path` under the prefix. Null: out of memory. */
const char *gee_server_path(const gee_server_state_t *server, const char *path, gee_pool_t *pool);
/* Removes the directories that a trial made. */
void gee_server_unmake(gee_server_state_t *server);
/* Makes the directory of an absolute path if the directory is under the prefix (run/, logs/) and its parent exists. A
 * failure is logged; opening the path then fails. */
void gee_server_make_parent(gee_server_state_t *server, const char *path);

#endif
