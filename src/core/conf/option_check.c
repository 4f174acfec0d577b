/* option_check.c: finds defects in option tables of the core and of modules, before a setting is read. */
#include <stdlib.h>
#include <string.h>

#include "core/conf/option_private.h"

static bool name_is_proper(const char *name) {
    if (name[0] < 'a' || name[0] > 'z')
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

static int defect(gee_error_t *error, const gee_option_t *row, const char *text) {
    return gee_error_set(error, GEE_INTERNAL, "option \"%s\" %s", row->name, text);
}

static int check_words(const gee_option_t *row, gee_error_t *error) {
    bool has_choices = row->choices && row->choices[0];
    if (!name_is_proper(row->name))
        return defect(error, row, "has a name that is not of small letters, digits and _");
    if (!row->doc || row->doc[0] == '\0')
        return defect(error, row, "has no doc line");
    if (strpbrk(row->doc, "\r\n"))
        return defect(error, row, "has a doc of more than one line");
    if (row->type == GEE_OPTION_CHOICE && !has_choices)
        return defect(error, row, "is a choice without choices");
    if (row->choices && row->type != GEE_OPTION_CHOICE && row->type != GEE_OPTION_INT)
        return defect(error, row, "has choices, but is neither a choice nor a number");
    if (row->minimum > row->maximum && row->maximum != 0)
        return defect(error, row, "has a minimum above its maximum");
    return 0;
}

static bool takes_no_text(const gee_option_t *row) {
    return row->type == GEE_OPTION_GROUP || row->type == GEE_OPTION_GROUPS;
}

static int check_shape(const gee_option_t *row, gee_error_t *error) {
    if ((int)row->type < 0 || row->type > GEE_OPTION_GROUPS)
        return defect(error, row, "has a type that is none");
    if ((row->flags & ~(GEE_OPTION_RELOADABLE | GEE_OPTION_REQUIRED)) != 0)
        return defect(error, row, "has flags that are none");
    if ((row->flags & GEE_OPTION_REQUIRED) && row->fallback)
        return defect(error, row, "is required and has a default");
    if (takes_no_text(row) && row->fallback)
        return defect(error, row, "is a group and has a default of its own");
    if (takes_no_text(row) && !row->table)
        return defect(error, row, "is a group without a table");
    if (row->type != GEE_OPTION_BOOL && row->offset % _Alignof(int64_t) != 0 && row->type != GEE_OPTION_GROUP)
        return defect(error, row, "has an offset that its type cannot have: is the member's type right?");
    return 0;
}

static int check_default(const gee_option_t *row, gee_pool_t *pool, gee_error_t *error) {
    gee_option_t moved = *row;
    union {
        bool flag;
        int64_t number;
        const char *string;
        gee_strings_t strings;
    } storage;
    if (!row->fallback)
        return 0;
    memset(&storage, 0, sizeof storage);
    moved.offset = 0;
    if (gee_option_set_row(&moved, &storage, row->fallback, pool, error) < 0)
        return gee_error_prefix(error, "default of option ");
    return 0;
}

static int check_table(const gee_option_t *table, gee_pool_t *pool, unsigned depth, gee_error_t *error);

static int check_nested(const gee_option_t *row, gee_pool_t *pool, unsigned depth, gee_error_t *error) {
    if (check_table(row->table, pool, depth + 1, error) < 0)
        return gee_error_prefix(error, "%s: ", row->name);
    if (row->type == GEE_OPTION_GROUPS && gee_option_table_extent(row->table) > row->element_size)
        return defect(error, row, "has an element_size that is smaller than its rows need");
    return 0;
}

static int check_table(const gee_option_t *table, gee_pool_t *pool, unsigned depth, gee_error_t *error) {
    if (depth > GEE_OPTION_DEPTH)
        return gee_error_set(error, GEE_INTERNAL, "option tables nest too deep: does one contain itself?");
    for (const gee_option_t *row = table; row->name; row++) {
        if (check_shape(row, error) < 0 || check_words(row, error) < 0 || check_default(row, pool, error) < 0)
            return -1;
        if (gee_option_find(table, row->name) != row)
            return defect(error, row, "stands in its table twice");
        if (takes_no_text(row) && check_nested(row, pool, depth, error) < 0)
            return -1;
    }
    return 0;
}

int gee_options_check(const gee_option_t *table, gee_error_t *error) {
    gee_pool_t *pool = gee_pool_create(1024);
    if (!pool)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    int result = check_table(table, pool, 0, error);
    gee_pool_destroy(&pool);
    return result;
}
