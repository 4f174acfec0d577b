/* conf_dump.c: writes the effective configuration (geerpc -T) so that reading it gives the same values, and compares
 * two configurations for a reload. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conf/conf_private.h"

#define LINE_WIDTH 100

typedef struct dump {
    FILE *out;
    gee_pool_t *pool;
    bool documented;
    unsigned depth;
} dump_t;

static void indent(const dump_t *dump) {
    for (unsigned i = 0; i < dump->depth; i++)
        (void)fputs("  ", dump->out);
}

/* ---- strings ---- */

/* In libconfig's escapes; bytes above ASCII stand for themselves. */
static void write_string(FILE *out, const char *string) {
    (void)fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
        if (*c == '"' || *c == '\\')
            (void)fprintf(out, "\\%c", *c);
        else if (*c == '\n')
            (void)fputs("\\n", out);
        else if (*c == '\r')
            (void)fputs("\\r", out);
        else if (*c == '\t')
            (void)fputs("\\t", out);
        else if (*c < 0x20 || *c == 0x7f)
            (void)fprintf(out, "\\x%02x", *c);
        else
            (void)fputc(*c, out);
    }
    (void)fputc('"', out);
}

static void write_strings(const dump_t *dump, const gee_strings_t *strings) {
    if (strings->count == 0) {
        (void)fputs("( )", dump->out);
        return;
    }
    for (size_t i = 0; i < strings->count; i++) {
        (void)fputs(i > 0 ? ", " : "( ", dump->out);
        write_string(dump->out, strings->items[i] ? strings->items[i] : "");
    }
    (void)fputs(" )", dump->out);
}

/* ---- comments ---- */

/* The text in comment lines of at most LINE_WIDTH bytes, broken at spaces. */
static void write_comment(const dump_t *dump, const char *text) {
    size_t room = LINE_WIDTH - 2 - 2 * (dump->depth < 16 ? dump->depth : 16);
    while (*text) {
        size_t length = strlen(text);
        if (length > room) {
            length = room;
            while (length > 0 && text[length] != ' ')
                length--;
            if (length == 0)
                length = strcspn(text, " ");
        }
        indent(dump);
        (void)fprintf(dump->out, "# %.*s\n", (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

static void write_doc(const dump_t *dump, const gee_option_t *row) {
    if (!dump->documented || !row)
        return;
    const char *line =
        gee_pool_printf(dump->pool, "%s (%s%s%s%s)", row->doc ? row->doc : "", gee_option_type_text(row, dump->pool),
                        row->fallback ? ", default " : "", row->fallback ? row->fallback : "",
                        row->flags & GEE_OPTION_REQUIRED ? ", required" : "");
    write_comment(dump, line ? line : row->name);
}

/* ---- values ---- */

static bool value_is_missing(const gee_option_t *row, const void *target) {
    const void *member = gee_option_member_const(row, target);
    switch (row->type) {
    case GEE_OPTION_STRING:
        return *(const char *const *)member == NULL;
    case GEE_OPTION_STRINGS:
        return ((const gee_strings_t *)member)->count == 0;
    case GEE_OPTION_GROUPS:
        return ((const gee_groups_t *)member)->count == 0;
    case GEE_OPTION_BOOL:
    case GEE_OPTION_GROUP:
        return false;
    default: {
        int64_t number;
        memcpy(&number, member, sizeof number);
        return number == 0;
    }
    }
}

/* A group without a required setting was not given; the reader would refuse such a group. */
static bool group_is_absent(const gee_conf_scope_t *scope) {
    for (size_t i = 0; i < scope->count; i++)
        for (const gee_option_t *row = scope->parts[i].table; row->name; row++)
            if ((row->flags & GEE_OPTION_REQUIRED) && value_is_missing(row, scope->parts[i].target))
                return true;
    return false;
}

static void write_scalar(const dump_t *dump, const gee_option_t *row, const void *target) {
    const char *text = gee_option_text(row, target, dump->pool);
    if (!text)
        return;
    indent(dump);
    (void)fprintf(dump->out, "%s = ", row->name);
    int64_t number = 0;
    bool is_number = row->type == GEE_OPTION_INT && gee_parse_int64(gee_str(text), &number) == 0;
    if (is_number)
        (void)fprintf(dump->out, "%" PRId64 "%s", number, number < INT32_MIN || number > INT32_MAX ? "L" : "");
    else if (row->type == GEE_OPTION_BOOL)
        (void)fputs(text, dump->out);
    else
        write_string(dump->out, text);
    (void)fputs(";\n", dump->out);
}

static int visit(void *data, const char *name, const gee_option_t *row, void *target, const gee_conf_scope_t *child);

/* "{", the settings, "}". */
static int write_group(dump_t *dump, const gee_conf_scope_t *scope) {
    (void)fputs("{\n", dump->out);
    dump->depth++;
    int result = gee_conf_scope_each(scope, dump->pool, visit, dump);
    dump->depth--;
    indent(dump);
    (void)fputc('}', dump->out);
    return result;
}

static int write_groups(dump_t *dump, const gee_option_t *row, const gee_groups_t *groups) {
    indent(dump);
    (void)fprintf(dump->out, "%s = (%s", row->name, groups->count > 0 ? "\n" : " ");
    dump->depth++;
    int result = 0;
    for (size_t i = 0; i < groups->count && result == 0; i++) {
        gee_conf_scope_t *scope =
            gee_conf_scope_of(row->table, (char *)groups->items + i * row->element_size, dump->pool);
        if (!scope)
            return -1;
        indent(dump);
        result = write_group(dump, scope);
        (void)fputs(i + 1 < groups->count ? ",\n" : "\n", dump->out);
    }
    dump->depth--;
    if (groups->count > 0)
        indent(dump);
    (void)fputs(");\n", dump->out);
    return result;
}

static int visit(void *data, const char *name, const gee_option_t *row, void *target, const gee_conf_scope_t *child) {
    dump_t *dump = data;
    if (child) {
        if (group_is_absent(child))
            return 0;
        write_doc(dump, row);
        indent(dump);
        (void)fprintf(dump->out, "%s = ", name);
        int result = write_group(dump, child);
        (void)fputs(";\n", dump->out);
        return result;
    }
    if (value_is_missing(row, target) && (row->type == GEE_OPTION_STRING || (row->flags & GEE_OPTION_REQUIRED)))
        return 0;
    write_doc(dump, row);
    if (row->type == GEE_OPTION_GROUPS)
        return write_groups(dump, row, (const gee_groups_t *)gee_option_member_const(row, target));
    if (row->type != GEE_OPTION_STRINGS) {
        write_scalar(dump, row, target);
        return 0;
    }
    indent(dump);
    (void)fprintf(dump->out, "%s = ", row->name);
    write_strings(dump, gee_option_member_const(row, target));
    (void)fputs(";\n", dump->out);
    return 0;
}

int gee_conf_dump(FILE *out, const gee_conf_section_t *sections, size_t section_count, bool documented) {
    dump_t dump = { .out = out, .documented = documented, .pool = gee_pool_create(4096) };
    gee_conf_scope_t *root = dump.pool ? gee_conf_scope_root(sections, section_count, dump.pool) : NULL;
    int result = root ? gee_conf_scope_each(root, dump.pool, visit, &dump) : -1;
    gee_pool_destroy(&dump.pool);
    return result == 0 && fflush(out) == 0 && !ferror(out) ? 0 : -1;
}
