/* user.h: the user that workers run as. */
#ifndef GEE_PROC_USER_H
#define GEE_PROC_USER_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/base/error.h"
#include "core/base/pool.h"

typedef struct gee_user {
    bool change; /* false: workers keep the master's user */
    const char *name;
    uid_t uid;
    gid_t gid;
    gid_t *groups;
    size_t group_count;
} gee_user_t;

#define GEE_DEFAULT_USER "nobody"

/* In the master, before forking. `name` null: GEE_DEFAULT_USER. Changes nothing when the caller is not root. */
int gee_user_find(gee_user_t *user, const char *name, gee_pool_t *pool, gee_error_t *error);
/* In the worker: changes the user, irrevocably. */
int gee_user_take(const gee_user_t *user, gee_error_t *error);

#endif
