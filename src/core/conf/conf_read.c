/* conf_read.c: puts a file's settings, and those of -g, into the structures of the sections.
 *
 *   1. every structure gets its defaults
 *   2. file, then each -g: text -> scan -> libconfig's tree -> walk: a row for each setting, its value, its place
 *   3. when all is read: required settings that were not given, and the checks of groups
 *
 * A setting that is wrong is reported and passed over; the walk goes on. */
#include <inttypes.h>
#include <libconfig.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/defs.h"
#include "core/conf/conf_private.h"

#define SHOWN_VALUE 100
#define CANDIDATES  512

typedef struct reader {
    gee_pool_t *pool; /* of the values */
    gee_conf_problems_t problems;
    gee_conf_places_t *places;
    const gee_conf_text_t *text; /* that is being walked */
    bool unread;                 /* a text, or its end, could not be read: missing settings may be there */
    bool out_of_memory;
} reader_t;

/* ---- problems, places ---- */

static void problem(reader_t *reader, const config_setting_t *setting, const char *format, ...) GEE_PRINTF(3, 4);

static void problem(reader_t *reader, const config_setting_t *setting, const char *format, ...) {
    char text[1536];
    va_list arguments;
    va_start(arguments, format);
    (void)gee_str_vformat(text, sizeof text, format, arguments);
    va_end(arguments);
    gee_conf_text_problem(reader->text, config_setting_source_line(setting), "%s", text);
}

static void record(reader_t *reader, const config_setting_t *setting, const void *member, const gee_option_t *row,
                   bool broken) {
    gee_conf_record_t item = { .member = member,
                               .row = row,
                               .place = gee_conf_text_place(reader->text, config_setting_source_line(setting)),
                               .source = reader->text->source,
                               .line = config_setting_source_line(setting),
                               .broken = broken };
    if (gee_conf_places_add(reader->places, &item) < 0)
        reader->out_of_memory = true;
}

static const char *join_path(reader_t *reader, const char *path, const char *name) {
    const char *joined = path[0] ? gee_pool_printf(reader->pool, "%s.%s", path, name) : name;
    return joined ? joined : name;
}

/* ---- single values ---- */

static bool is_refused(const config_setting_t *setting) {
    return config_setting_type(setting) == CONFIG_TYPE_FLOAT && isinf(config_setting_get_float(setting));
}

static const char *value_text(const config_setting_t *setting, char shown[SHOWN_VALUE]) {
    char escaped[SHOWN_VALUE - 2];
    const char *string;
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        (void)snprintf(shown, SHOWN_VALUE, "%lld", config_setting_get_int64(setting));
        return shown;
    case CONFIG_TYPE_FLOAT:
        (void)snprintf(shown, SHOWN_VALUE, "%g", config_setting_get_float(setting));
        return shown;
    case CONFIG_TYPE_BOOL:
        return config_setting_get_bool(setting) ? "true" : "false";
    case CONFIG_TYPE_STRING:
        string = config_setting_get_string(setting);
        (void)gee_str_format(shown, SHOWN_VALUE, "\"%s\"",
                             gee_str_escape(escaped, sizeof escaped, string, strlen(string)));
        return shown;
    case CONFIG_TYPE_GROUP:
        return "a group";
    default:
        return "a list";
    }
}

static int wrong_type(reader_t *reader, const config_setting_t *setting, const gee_option_t *row, const char *path) {
    char shown[SHOWN_VALUE];
    bool quotes = config_setting_type(setting) != CONFIG_TYPE_STRING;
    problem(reader, setting, "%s is %s, expected %s", path, value_text(setting, shown),
            gee_option_expected(row, quotes, reader->pool));
    return -1;
}

static int finish_value(reader_t *reader, const config_setting_t *setting, const gee_option_t *row, const char *path,
                        gee_option_outcome_t outcome, const gee_error_t *error) {
    char shown[SHOWN_VALUE];
    if (outcome == GEE_OPTION_FITS)
        return 0;
    if (outcome == GEE_OPTION_UNEXPECTED)
        return wrong_type(reader, setting, row, path);
    problem(reader, setting, "%s is %s: %s", path, value_text(setting, shown),
            error->text[0] ? error->text : "refused");
    return -1;
}

static bool takes_number(const gee_option_t *row, long long number) {
    if (row->type == GEE_OPTION_DURATION || row->type == GEE_OPTION_SIZE)
        return number == 0;
    return row->type == GEE_OPTION_INT;
}

static int read_bool(reader_t *reader, const config_setting_t *setting, const gee_option_t *row, bool *member,
                     const char *path) {
    gee_error_t error = { 0 };
    *member = config_setting_get_bool(setting) != 0;
    return finish_value(reader, setting, row, path, gee_option_run_check(row, member, &error), &error);
}

static bool string_is_text(reader_t *reader, const config_setting_t *setting, const char *path) {
    const char *string = config_setting_get_string(setting);
    if (gee_utf8_valid(string, strlen(string)))
        return true;
    problem(reader, setting, "%s has bytes that are not UTF-8 (written as \\x escapes)", path);
    return false;
}

/* Reads a value that is neither a list nor a group. A refused value leaves the member as it was. */
static int read_scalar(reader_t *reader, const config_setting_t *setting, const gee_option_t *row, void *member,
                       const char *path) {
    gee_error_t error = { 0 };
    int type = config_setting_type(setting);
    int64_t before = 0;
    size_t size = gee_option_member_size(row);
    gee_option_outcome_t outcome = GEE_OPTION_UNEXPECTED;
    if (is_refused(setting))
        return -1;
    GEE_ASSERT(size <= sizeof before); /* as all scalar types */
    memcpy(&before, member, size);
    if (type == CONFIG_TYPE_STRING && !string_is_text(reader, setting, path))
        return -1;
    if (type == CONFIG_TYPE_BOOL && row->type == GEE_OPTION_BOOL) {
        int result = read_bool(reader, setting, row, member, path);
        if (result < 0)
            memcpy(member, &before, size);
        return result;
    }
    if (type == CONFIG_TYPE_STRING && row->type != GEE_OPTION_BOOL)
        outcome = gee_option_take(row, member, gee_str(config_setting_get_string(setting)), reader->pool, &error);
    else if ((type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64) &&
             takes_number(row, config_setting_get_int64(setting)))
        outcome = gee_option_take_number(row, member, config_setting_get_int64(setting), &error);
    if (outcome != GEE_OPTION_FITS)
        memcpy(member, &before, size);
    return finish_value(reader, setting, row, path, outcome, &error);
}

/* ---- lists of texts ---- */

static bool is_list(const config_setting_t *setting) {
    return config_setting_is_list(setting) || config_setting_is_array(setting);
}

static int read_string_element(reader_t *reader, const config_setting_t *element, const char **item, const char *path,
                               unsigned index) {
    char shown[SHOWN_VALUE];
    if (is_refused(element))
        return -1;
    if (config_setting_type(element) != CONFIG_TYPE_STRING) {
        problem(reader, element, "%s[%u] is %s, expected a text in quotes", path, index, value_text(element, shown));
        return -1;
    }
    if (!string_is_text(reader, element, path))
        return -1;
    *item = gee_pool_strdup(reader->pool, config_setting_get_string(element));
    reader->out_of_memory |= !*item;
    return *item ? 0 : -1;
}

static int read_strings(reader_t *reader, const config_setting_t *setting, const gee_option_t *row,
                        gee_strings_t *member, const char *path) {
    gee_error_t error = { 0 };
    gee_strings_t before = *member;
    bool single = config_setting_type(setting) == CONFIG_TYPE_STRING;
    if (is_refused(setting))
        return -1;
    if (!single && !is_list(setting))
        return wrong_type(reader, setting, row, path);
    unsigned count = single ? 1 : (unsigned)config_setting_length(setting);
    const char **items = gee_pool_array(reader->pool, count, sizeof *items);
    int result = 0;
    reader->out_of_memory |= !items;
    if (!items)
        return -1;
    for (unsigned i = 0; i < count; i++)
        if (read_string_element(reader, single ? setting : config_setting_get_elem(setting, i), &items[i], path, i) < 0)
            result = -1;
    if (result < 0)
        return -1;
    *member = (gee_strings_t){ .items = items, .count = count };
    gee_option_outcome_t outcome = gee_option_run_check(row, member, &error);
    if (outcome != GEE_OPTION_FITS)
        *member = before;
    return finish_value(reader, setting, row, path, outcome, &error);
}

/* ---- groups ---- */

static int read_group(reader_t *reader, const config_setting_t *group, const gee_conf_scope_t *scope, const char *path);

static void not_a_group(reader_t *reader, const config_setting_t *setting, const char *path) {
    char shown[SHOWN_VALUE];
    if (!is_refused(setting))
        problem(reader, setting, "%s is %s, expected a group { ... }", path, value_text(setting, shown));
}

/* A list of groups replaces the whole list before. Elements with errors stay, so that the count is right. */
static int read_groups(reader_t *reader, const config_setting_t *setting, const gee_option_t *row, gee_groups_t *member,
                       const char *path) {
    if (is_refused(setting))
        return -1;
    if (!is_list(setting))
        return wrong_type(reader, setting, row, path);
    unsigned count = (unsigned)config_setting_length(setting);
    char *items = gee_pool_array(reader->pool, count, row->element_size);
    int result = 0;
    reader->out_of_memory |= !items;
    if (!items)
        return -1;
    for (unsigned i = 0; i < count; i++) {
        const config_setting_t *element = config_setting_get_elem(setting, i);
        char *item = items + i * row->element_size;
        const char *element_path = gee_pool_printf(reader->pool, "%s[%u]", path, i);
        gee_conf_scope_t *scope = gee_conf_scope_of(row->table, item, reader->pool);
        gee_error_t error = { 0 };
        int outcome = -1;
        if (!element_path || !scope || gee_options_default(row->table, item, reader->pool, &error) < 0) {
            reader->out_of_memory = true;
            return -1;
        }
        if (config_setting_is_group(element)) {
            record(reader, element, item, NULL, false);
            outcome = read_group(reader, element, scope, element_path);
        } else {
            not_a_group(reader, element, element_path);
        }
        if (outcome < 0)
            result = -1;
    }
    *member = (gee_groups_t){ .items = items, .count = count };
    return result;
}

static void unknown_setting(reader_t *reader, const config_setting_t *setting, const gee_conf_scope_t *scope,
                            const char *path) {
    const char *candidates[CANDIDATES];
    size_t count = 0;
    char shown[SHOWN_VALUE];
    const char *name = config_setting_name(setting);
    for (size_t i = 0; i < scope->count; i++)
        for (const gee_option_t *row = scope->parts[i].table; row->name && count < CANDIDATES; row++)
            candidates[count++] = row->name;
    for (size_t i = 0; i < scope->section_count && count < CANDIDATES; i++)
        if (scope->sections[i].block)
            candidates[count++] = scope->sections[i].block;
    const char *nearest = gee_str_nearest(gee_str(name), candidates, count);
    problem(reader, setting, "unknown setting \"%s\"%s%s%s%s%s",
            gee_str_escape(shown, sizeof shown, name, strlen(name)), path[0] ? " in " : "", path,
            nearest ? ", did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

/* Each structure that has rows under this name gets the place. */
static void record_group(reader_t *reader, const config_setting_t *setting, const gee_conf_scope_t *scope,
                         const char *name, bool broken) {
    for (size_t i = 0; i < scope->section_count; i++)
        if (scope->sections[i].block && strcmp(scope->sections[i].block, name) == 0)
            record(reader, setting, scope->sections[i].target, NULL, broken);
    for (size_t i = 0; i < scope->count; i++) {
        const gee_option_t *row = gee_option_find(scope->parts[i].table, name);
        if (row && row->type == GEE_OPTION_GROUP)
            record(reader, setting, gee_option_member(row, scope->parts[i].target), row, broken);
    }
}

static int read_child(reader_t *reader, const config_setting_t *setting, const gee_conf_scope_t *scope,
                      const gee_conf_scope_t *child, const char *path) {
    const char *name = config_setting_name(setting);
    int result = -1;
    record_group(reader, setting, scope, name, false);
    if (config_setting_is_group(setting))
        result = read_group(reader, setting, child, path);
    else
        not_a_group(reader, setting, path);
    if (result < 0)
        record_group(reader, setting, scope, name, true);
    return result;
}

static int read_row(reader_t *reader, const config_setting_t *setting, const gee_option_t *row, void *target,
                    const char *path) {
    void *member = gee_option_member(row, target);
    int result;
    if (row->type == GEE_OPTION_GROUPS)
        result = read_groups(reader, setting, row, member, path);
    else if (row->type == GEE_OPTION_STRINGS)
        result = read_strings(reader, setting, row, member, path);
    else
        result = read_scalar(reader, setting, row, member, path);
    record(reader, setting, member, row, result < 0);
    return result;
}

static int read_setting(reader_t *reader, const config_setting_t *setting, const gee_conf_scope_t *scope,
                        const char *path) {
    const char *name = config_setting_name(setting);
    const char *full = join_path(reader, path, name);
    void *target = NULL;
    if (name[0] == GEE_CONF_REFUSED_NAME)
        return -1; /* the scan reported it */
    const gee_option_t *row = gee_conf_scope_find(scope, name, &target);
    if (row)
        return read_row(reader, setting, row, target, full);
    gee_conf_scope_t *child = gee_conf_scope_child(scope, name, reader->pool);
    if (!child) {
        reader->out_of_memory = true;
        return -1;
    }
    if (child->count > 0)
        return read_child(reader, setting, scope, child, full);
    unknown_setting(reader, setting, scope, path);
    return -1;
}

static int read_group(reader_t *reader, const config_setting_t *group, const gee_conf_scope_t *scope,
                      const char *path) {
    int count = config_setting_length(group), result = 0;
    for (int i = 0; i < count && !reader->out_of_memory; i++)
        if (read_setting(reader, config_setting_get_elem(group, (unsigned)i), scope, path) < 0)
            result = -1;
    return result;
}

/* ---- one text ---- */

static void parse_and_walk(reader_t *reader, const gee_conf_text_t *tidy, const gee_conf_scope_t *root,
                           size_t problems_before) {
    config_t config;
    config_init(&config);
    bool parsed = config_read_string(&config, tidy->bytes) == CONFIG_TRUE;
    reader->unread |= !parsed;
    if (parsed)
        (void)read_group(reader, config_root_setting(&config), root, "");
    else if (reader->problems.count == problems_before) /* else the scan has reported the problem */
        gee_conf_text_problem(reader->text, config_error_line(&config) > 0 ? (unsigned)config_error_line(&config) : 0,
                              "%s", config_error_text(&config) ? config_error_text(&config) : "cannot be read");
    config_destroy(&config);
}

/* `string` null: a file. */
static void read_source(reader_t *reader, unsigned source, const char *shown, const char *string,
                        const gee_conf_scope_t *root) {
    size_t problems_before = reader->problems.count;
    gee_conf_text_t text = { .source = source, .shown = shown, .pool = reader->pool, .problems = &reader->problems };
    gee_conf_text_t tidy = { .line = 1, .maximum = 8 * GEE_CONF_TEXT_MAXIMUM };
    int loaded = string ? gee_conf_text_copy(&text, shown, string) : gee_conf_text_load(&text, shown);
    reader->text = &text;
    if (loaded == 0 && gee_conf_scan(&text, &tidy) == 0)
        parse_and_walk(reader, &tidy, root, problems_before);
    else
        reader->unread = true;
    reader->text = NULL;
    gee_conf_text_free(&tidy);
    gee_conf_text_free(&text);
}

/* ---- when all is read ---- */

static void check_table(reader_t *reader, const gee_option_t *table, const void *target, const char *path,
                        const gee_conf_record_t *group);

static void late_problem(reader_t *reader, const gee_conf_record_t *at, const char *text) {
    const char *place = at ? at->place : reader->places->shown;
    gee_conf_problems_add(&reader->problems, at ? at->source : 0, at ? at->line : 0,
                          gee_pool_printf(reader->pool, "%s: %s", place, text));
}

static void missing(reader_t *reader, const gee_option_t *row, const char *path, const gee_conf_record_t *group) {
    char text[512];
    if (path[0])
        (void)gee_str_format(text, sizeof text, "%s has no \"%s\"", path, row->name);
    else
        (void)gee_str_format(text, sizeof text, "has no \"%s\"", row->name);
    late_problem(reader, group, text);
}

static void check_group_row(reader_t *reader, const gee_option_t *row, const void *member, const char *path,
                            const gee_conf_record_t *given) {
    gee_error_t error = { 0 };
    char text[GEE_ERROR_TEXT + 256];
    if (given->broken || gee_option_run_check(row, member, &error) == GEE_OPTION_FITS)
        return;
    (void)gee_str_format(text, sizeof text, "%s: %s", path, error.text[0] ? error.text : "refused");
    late_problem(reader, given, text);
}

static void check_elements(reader_t *reader, const gee_option_t *row, const gee_groups_t *groups, const char *path) {
    for (size_t i = 0; i < groups->count; i++) {
        const char *item = (const char *)groups->items + i * row->element_size;
        const char *element_path = gee_pool_printf(reader->pool, "%s[%zu]", path, i);
        const gee_conf_record_t *at = gee_conf_places_find(reader->places, item, NULL);
        if (element_path && at) /* else the element is no group, which was reported */
            check_table(reader, row->table, item, element_path, at);
    }
}

/* A required setting must be given if its group is given; always at the top level. */
static void check_row(reader_t *reader, const gee_option_t *row, const void *target, const char *path,
                      const gee_conf_record_t *group) {
    const void *member = gee_option_member_const(row, target);
    const gee_conf_record_t *given = gee_conf_places_find(reader->places, member, row);
    const char *full = join_path(reader, path, row->name);
    if (!given) {
        if (row->flags & GEE_OPTION_REQUIRED)
            missing(reader, row, path, group);
        return;
    }
    if (row->type == GEE_OPTION_GROUP)
        check_table(reader, row->table, member, full, given);
    else if (row->type == GEE_OPTION_GROUPS)
        check_elements(reader, row, member, full);
    else
        return;
    check_group_row(reader, row, member, full, given);
}

static void check_table(reader_t *reader, const gee_option_t *table, const void *target, const char *path,
                        const gee_conf_record_t *group) {
    for (const gee_option_t *row = table; row->name; row++)
        check_row(reader, row, target, path, group);
}

static void check_sections(reader_t *reader, const gee_conf_section_t *sections, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const gee_conf_section_t *section = &sections[i];
        const gee_conf_record_t *given =
            section->block ? gee_conf_places_find(reader->places, section->target, NULL) : NULL;
        if (section->options && (given || !section->block))
            check_table(reader, section->options, section->target, section->block ? section->block : "", given);
    }
}

/* ---- the whole ---- */

static int set_defaults(const gee_conf_section_t *sections, size_t count, gee_pool_t *pool, gee_conf_errors_t *errors) {
    gee_error_t error = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (!sections[i].options || gee_options_default(sections[i].options, sections[i].target, pool, &error) == 0)
            continue;
        gee_conf_errors_add(errors, "%s%s%s", sections[i].block ? sections[i].block : "", sections[i].block ? ": " : "",
                            error.text);
        return -1;
    }
    return 0;
}

int gee_conf_read(const char *path, const char *const *overrides, size_t override_count,
                  const gee_conf_section_t *sections, size_t section_count, gee_pool_t *pool, gee_conf_errors_t *errors,
                  gee_conf_places_t **places) {
    reader_t reader = { .pool = pool, .problems = { .pool = pool } };
    if (places)
        *places = NULL;
    gee_conf_scope_t *root = gee_conf_scope_root(sections, section_count, pool);
    reader.places = gee_pool_zalloc(pool, sizeof *reader.places);
    if (!root || !reader.places || !(reader.places->shown = gee_pool_strdup(pool, path))) {
        gee_conf_errors_add(errors, "%s: out of memory", path);
        return -1;
    }
    reader.places->pool = pool;
    reader.places->sorted = true;
    if (places)
        *places = reader.places;
    if (set_defaults(sections, section_count, pool, errors) < 0)
        return -1;
    read_source(&reader, 0, reader.places->shown, NULL, root);
    for (size_t i = 0; i < override_count; i++)
        read_source(&reader, (unsigned)i + 1, "-g", overrides[i], root);
    gee_conf_places_sort(reader.places);
    if (!reader.unread && !reader.out_of_memory)
        check_sections(&reader, sections, section_count);
    bool failed = reader.out_of_memory || reader.problems.count > 0 || reader.problems.left_out > 0;
    gee_conf_problems_sort(&reader.problems, errors);
    if (reader.out_of_memory)
        gee_conf_errors_add(errors, "%s: out of memory", path);
    return failed ? -1 : 0;
}
