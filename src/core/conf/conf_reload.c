/* conf_reload.c: compares a configuration with the running one, and names what a reload cannot change. */
#include "core/conf/conf_private.h"

typedef struct compare {
    gee_pool_t *pool; /* for texts of this comparison */
    gee_conf_errors_t *errors;
    bool refused;
} compare_t;

static void compare_tables(compare_t *compare, const gee_option_t *table, const void *running, const void *next,
                           const char *path);

static void refuse(compare_t *compare, const gee_option_t *row, const void *running, const void *next,
                   const char *path) {
    const char *before = gee_option_text(row, running, compare->pool);
    const char *after = gee_option_text(row, next, compare->pool);
    compare->refused = true;
    if (before || after)
        gee_conf_errors_add(compare->errors, "%s changes from %s to %s: a reload cannot do that, restart the server",
                            path, before ? before : "unset", after ? after : "unset");
    else
        gee_conf_errors_add(compare->errors, "%s changes: a reload cannot do that, restart the server", path);
}

/* Compares element by element, since an element's reloadable settings may change. */
static void compare_groups(compare_t *compare, const gee_option_t *row, const void *running, const void *next,
                           const char *path) {
    const gee_groups_t *before = gee_option_member_const(row, running);
    const gee_groups_t *after = gee_option_member_const(row, next);
    if (before->count != after->count) {
        refuse(compare, row, running, next, path);
        return;
    }
    for (size_t i = 0; i < before->count; i++) {
        const char *element = gee_pool_printf(compare->pool, "%s[%zu]", path, i);
        compare_tables(compare, row->table, (const char *)before->items + i * row->element_size,
                       (const char *)after->items + i * row->element_size, element ? element : path);
    }
}

static void compare_tables(compare_t *compare, const gee_option_t *table, const void *running, const void *next,
                           const char *path) {
    for (const gee_option_t *row = table; row->name; row++) {
        if ((row->flags & GEE_OPTION_RELOADABLE) || gee_option_equal(row, running, next))
            continue;
        const char *joined = gee_pool_printf(compare->pool, "%s%s%s", path, path[0] ? "." : "", row->name);
        const char *full = joined ? joined : row->name;
        if (row->type == GEE_OPTION_GROUP)
            compare_tables(compare, row->table, gee_option_member_const(row, running),
                           gee_option_member_const(row, next), full);
        else if (row->type == GEE_OPTION_GROUPS)
            compare_groups(compare, row, running, next, full);
        else
            refuse(compare, row, running, next, full);
    }
}

int gee_conf_check_reload(const gee_conf_section_t *running, const gee_conf_section_t *next, size_t section_count,
                          gee_conf_errors_t *errors) {
    compare_t compare = { .errors = errors, .pool = gee_pool_create(1024) };
    if (!compare.pool) {
        gee_conf_errors_add(errors, "out of memory");
        return -1;
    }
    for (size_t i = 0; i < section_count; i++)
        if (running[i].options)
            compare_tables(&compare, running[i].options, running[i].target, next[i].target,
                           running[i].block ? running[i].block : "");
    gee_pool_destroy(&compare.pool);
    return compare.refused ? -1 : 0;
}
