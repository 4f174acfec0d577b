/* user.c: the privilege drop. */
#include "core/proc/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MOST_GROUPS 1024

int gee_user_find(gee_user_t *user, const char *name, gee_pool_t *pool, gee_error_t *error) {
    *user = (gee_user_t){ .change = false };
    if (geteuid() != 0)
        return 0;
    if (!name)
        name = GEE_DEFAULT_USER;
    struct passwd *entry = getpwnam(name);
    if (!entry)
        return gee_error_set(error, GEE_NOT_FOUND, "user: there is no user \"%s\" on this system", name);
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    user->name = gee_pool_strdup(pool, name);
    int count = MOST_GROUPS;
    user->groups = gee_pool_array(pool, MOST_GROUPS, sizeof(gid_t));
    if (!user->name || !user->groups)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "user: out of memory");
    if (getgrouplist(name, user->gid, user->groups, &count) < 0)
        return gee_error_set(error, GEE_OUT_OF_RANGE, "user: \"%s\" is in more than %d groups", name, MOST_GROUPS);
    user->group_count = (size_t)count;
    user->change = user->uid != 0;
    return 0;
}

int gee_user_take(const gee_user_t *user, gee_error_t *error) {
    if (!user->change)
        return 0;
    if (setgroups(user->group_count, user->groups) != 0 || setgid(user->gid) != 0 || setuid(user->uid) != 0)
        return gee_error_set(error, GEE_PERMISSION_DENIED, "cannot become the user %s: %s", user->name,
                             strerror(errno));
    if (setuid(0) == 0)
        return gee_error_set(error, GEE_PERMISSION_DENIED, "the user %s can become root again", user->name);
    /* After a change of user the kernel allows neither core dumps nor debugging, unless the process asks for them. */
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return 0;
}
