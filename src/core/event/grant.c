/* grant.c: looks a name up in a grant. */
#include "core/event/grant.h"

bool gee_grant_lists(const gee_grant_t *grant, gee_str_t name) {
    if (grant == NULL || grant->services == NULL)
        return true;
    for (const char *const *entry = grant->services; *entry != NULL; entry++)
        if (gee_str_equal(gee_str(*entry), name))
            return true;
    return false;
}
