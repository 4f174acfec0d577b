/* conf_scope.c: all tables under one name. The core and several modules may each have rows in "limits", in structures
 * of their own; a user sees one group. */
#include <string.h>

#include "core/conf/conf_private.h"

gee_conf_scope_t *gee_conf_scope_of(const gee_option_t *table, void *target, gee_pool_t *pool) {
    gee_conf_scope_t *scope = gee_pool_zalloc(pool, sizeof *scope);
    if (!scope || !(scope->parts = gee_pool_array(pool, 1, sizeof *scope->parts)))
        return NULL;
    scope->parts[0] = (gee_conf_part_t){ .table = table, .target = target };
    scope->count = 1;
    return scope;
}

gee_conf_scope_t *gee_conf_scope_root(const gee_conf_section_t *sections, size_t count, gee_pool_t *pool) {
    gee_conf_scope_t *scope = gee_pool_zalloc(pool, sizeof *scope);
    if (!scope || !(scope->parts = gee_pool_array(pool, count, sizeof *scope->parts)))
        return NULL;
    scope->sections = sections;
    scope->section_count = count;
    for (size_t i = 0; i < count; i++)
        if (!sections[i].block && sections[i].options)
            scope->parts[scope->count++] =
                (gee_conf_part_t){ .table = sections[i].options, .target = sections[i].target };
    return scope;
}

static bool section_is(const gee_conf_section_t *section, const char *name) {
    return section->block && section->options && strcmp(section->block, name) == 0;
}

gee_conf_scope_t *gee_conf_scope_child(const gee_conf_scope_t *scope, const char *name, gee_pool_t *pool) {
    gee_conf_scope_t *child = gee_pool_zalloc(pool, sizeof *child);
    if (!child || !(child->parts = gee_pool_array(pool, scope->count + scope->section_count, sizeof *child->parts)))
        return NULL;
    for (size_t i = 0; i < scope->count; i++) {
        const gee_option_t *row = gee_option_find(scope->parts[i].table, name);
        void *target = scope->parts[i].target;
        if (row && row->type == GEE_OPTION_GROUP)
            child->parts[child->count++] =
                (gee_conf_part_t){ .table = row->table, .target = target ? gee_option_member(row, target) : NULL };
    }
    for (size_t i = 0; i < scope->section_count; i++)
        if (section_is(&scope->sections[i], name))
            child->parts[child->count++] =
                (gee_conf_part_t){ .table = scope->sections[i].options, .target = scope->sections[i].target };
    return child;
}

const gee_option_t *gee_conf_scope_find(const gee_conf_scope_t *scope, const char *name, void **target) {
    for (size_t i = 0; i < scope->count; i++) {
        const gee_option_t *row = gee_option_find(scope->parts[i].table, name);
        if (row && row->type != GEE_OPTION_GROUP) {
            *target = scope->parts[i].target;
            return row;
        }
    }
    return NULL;
}

/* Whether one of the first `count` parts has the name: it was visited then. */
static bool seen_in_parts(const gee_conf_scope_t *scope, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (gee_option_find(scope->parts[i].table, name))
            return true;
    return false;
}

static bool seen_in_sections(const gee_conf_scope_t *scope, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (section_is(&scope->sections[i], name))
            return true;
    return false;
}

int gee_conf_scope_each(const gee_conf_scope_t *scope, gee_pool_t *pool, gee_conf_visit_t visit, void *data) {
    int result = 0;
    for (size_t i = 0; i < scope->count && result == 0; i++) {
        for (const gee_option_t *row = scope->parts[i].table; row->name && result == 0; row++) {
            gee_conf_scope_t *child = NULL;
            if (seen_in_parts(scope, i, row->name))
                continue;
            if (row->type == GEE_OPTION_GROUP && !(child = gee_conf_scope_child(scope, row->name, pool)))
                return -1;
            result = visit(data, row->name, row, scope->parts[i].target, child);
        }
    }
    for (size_t i = 0; i < scope->section_count && result == 0; i++) {
        const char *block = scope->sections[i].block;
        if (!block || !scope->sections[i].options || seen_in_parts(scope, scope->count, block) ||
            seen_in_sections(scope, i, block))
            continue;
        gee_conf_scope_t *child = gee_conf_scope_child(scope, block, pool);
        if (!child)
            return -1;
        result = visit(data, block, NULL, NULL, child);
    }
    return result;
}
