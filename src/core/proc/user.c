/* user.c: the privilege drop. */
#include "core/proc/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MOST_GROUPS 1024

int gee_identity_find(gee_identity_t *identity, const char *name, gee_pool_t *pool, gee_error_t *error) {
    *identity = (gee_identity_t){ .change = false };
    if (geteuid() != 0)
        return 0;
    if (!name)
        name = GEE_DEFAULT_USER;
    struct passwd *entry = getpwnam(name);
    if (!entry)
        return gee_error_set(error, GEE_NOT_FOUND, "user: there is no user \"%s\" on this system", name);
    identity->uid = entry->pw_uid;
    identity->gid = entry->pw_gid;
    identity->name = gee_pool_strdup(pool, name);
    int count = MOST_GROUPS;
    identity->groups = gee_pool_array(pool, MOST_GROUPS, sizeof(gid_t));
    if (!identity->name || !identity->groups)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "user: out of memory");
    if (getgrouplist(name, identity->gid, identity->groups, &count) < 0)
        return gee_error_set(error, GEE_OUT_OF_RANGE, "user: \"%s\" is in more than %d groups", name, MOST_GROUPS);
    identity->group_count = (size_t)count;
    identity->change = identity->uid != 0;
    return 0;
}

int gee_identity_take(const gee_identity_t *identity, gee_error_t *error) {
    if (!identity->change)
        return 0;
    if (setgroups(identity->group_count, identity->groups) != 0 || setgid(identity->gid) != 0 ||
        setuid(identity->uid) != 0)
        return gee_error_set(error, GEE_PERMISSION_DENIED, "cannot become the user %s: %s", identity->name,
                             strerror(errno));
    if (setuid(0) == 0)
        return gee_error_set(error, GEE_PERMISSION_DENIED, "the user %s can become root again", identity->name);
    /* A process that changed its user leaves no core dump and cannot be debugged, unless it says so. */
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return 0;
}
