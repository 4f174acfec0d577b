/* conf_document.c: the reference of all settings in Markdown, from the rows: a table for the top level and one for each
 * group, in the order of the tables. */
#include <stdio.h>
#include <string.h>

#include "core/conf/conf_private.h"

typedef struct document {
    FILE *out;
    gee_pool_t *pool;
    const char *path; /* of the group being written; "" at the top level */
    bool headed;      /* the table's head is written */
    unsigned depth;
} document_t;

/* A bar would end the cell, and an angle bracket would be HTML. */
static void write_cell(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|')
            (void)fputs("\\|", out);
        else if (*text == '<')
            (void)fputs("&lt;", out);
        else
            (void)fputc(*text, out);
    }
}

static void write_row(document_t *document, const char *name, const gee_option_t *row) {
    if (!document->headed)
        (void)fputs("| setting | type | default | reload | meaning |\n| --- | --- | --- | --- | --- |\n",
                    document->out);
    document->headed = true;
    (void)fprintf(document->out, "| `%s` | ", name);
    write_cell(document->out, row ? gee_option_type_text(row, document->pool) : "group");
    if (row && (row->flags & GEE_OPTION_REQUIRED))
        (void)fputs(" | required | ", document->out);
    else if (row && row->fallback)
        (void)fprintf(document->out, " | `%s` | ", row->fallback);
    else
        (void)fputs(" | | ", document->out);
    bool is_group = !row || row->type == GEE_OPTION_GROUP;
    (void)fputs(is_group ? "| " : row->flags & GEE_OPTION_RELOADABLE ? "yes | " : "no | ", document->out);
    write_cell(document->out, row && row->doc ? row->doc : "see below");
    (void)fputs(" |\n", document->out);
}

static int write_rows(void *data, const char *name, const gee_option_t *row, void *target,
                      const gee_conf_scope_t *child) {
    (void)target, (void)child;
    write_row(data, name, row);
    return 0;
}

static int write_scope(document_t *document, const gee_conf_scope_t *scope, const char *path, const char *doc);

/* The groups of a scope, after its table. */
static int write_groups(void *data, const char *name, const gee_option_t *row, void *target,
                        const gee_conf_scope_t *child) {
    document_t *document = data;
    (void)target;
    bool list = row && row->type == GEE_OPTION_GROUPS;
    if (!child && !list)
        return 0;
    const gee_conf_scope_t *scope = list ? gee_conf_scope_of(row->table, NULL, document->pool) : child;
    const char *path = gee_pool_printf(document->pool, "%s%s%s%s", document->path, document->path[0] ? "." : "", name,
                                       list ? "[]" : "");
    if (!scope || !path || document->depth == GEE_OPTION_DEPTH)
        return -1;
    return write_scope(document, scope, path, row ? row->doc : NULL);
}

static int write_scope(document_t *document, const gee_conf_scope_t *scope, const char *path, const char *doc) {
    const char *outer = document->path;
    document->path = path;
    document->headed = false;
    document->depth++;
    if (path[0])
        (void)fprintf(document->out, "\n## `%s`\n\n", path);
    if (doc && doc[0])
        (void)fprintf(document->out, "%s.\n\n", doc);
    int result = gee_conf_scope_each(scope, document->pool, write_rows, document);
    if (result == 0)
        result = gee_conf_scope_each(scope, document->pool, write_groups, document);
    document->depth--;
    document->path = outer;
    return result;
}

int gee_conf_document(FILE *out, const gee_conf_section_t *sections, size_t section_count) {
    document_t document = { .out = out, .path = "", .pool = gee_pool_create(4096) };
    gee_conf_scope_t *root = document.pool ? gee_conf_scope_root(sections, section_count, document.pool) : NULL;
    (void)fputs(
        "# Settings\n\n"
        "All settings of geerpc.conf, written by `geerpc` from its own tables. A list of groups is shown with `[]`.\n"
        "Durations (`\"250ms\"`, `\"10s\"`, `\"5m\"`) and sizes (`\"64k\"`, `\"4m\"`) stand in quotes. *Reload*: a "
        "reload can change it;\notherwise a restart is needed.\n\n",
        out);
    int result = root ? write_scope(&document, root, "", NULL) : -1;
    gee_pool_destroy(&document.pool);
    return result == 0 && fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
