/* option.c: the option table's values: from text, to text, compared, with their defaults.
 *
 *   "10s" --take--> member of the structure --text--> "10s"
 *
 * No libconfig here: the client library sets options by name with this file alone. option_check.c checks tables for
 * defects. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/conf/option_private.h"

#define MODE_MAXIMUM 07777

size_t gee_option_member_size(const gee_option_t *row) {
    switch (row->type) {
    case GEE_OPTION_BOOL:
        return sizeof(bool);
    case GEE_OPTION_INT:
    case GEE_OPTION_DURATION:
    case GEE_OPTION_CHOICE:
    case GEE_OPTION_MODE:
        return sizeof(int64_t);
    case GEE_OPTION_SIZE:
        return sizeof(uint64_t);
    case GEE_OPTION_STRING:
        return sizeof(const char *);
    case GEE_OPTION_STRINGS:
        return sizeof(gee_strings_t);
    case GEE_OPTION_GROUP:
        return row->table ? gee_option_table_extent(row->table) : 0;
    case GEE_OPTION_GROUPS:
        return sizeof(gee_groups_t);
    }
    return 0;
}

size_t gee_option_table_extent(const gee_option_t *table) {
    size_t extent = 0;
    for (const gee_option_t *row = table; row->name; row++) {
        size_t end = row->offset + gee_option_member_size(row);
        if (end > extent)
            extent = end;
    }
    return extent;
}

const gee_option_t *gee_option_find(const gee_option_t *table, const char *name) {
    if (!table || !name)
        return NULL;
    for (const gee_option_t *row = table; row->name; row++)
        if (strcmp(row->name, name) == 0)
            return row;
    return NULL;
}

/* ---- what is expected, in words ---- */

static bool has_minimum(const gee_option_t *row) {
    return row->minimum != 0 || row->maximum != 0;
}
/* A maximum of 0 beside a minimum above 0: no maximum. */
static bool has_maximum(const gee_option_t *row) {
    return row->maximum != 0 || row->minimum < 0;
}

static const char *limit_text(const gee_option_t *row, int64_t limit, char *buffer, size_t capacity) {
    if (row->type == GEE_OPTION_DURATION)
        return gee_format_duration(buffer, limit);
    if (row->type == GEE_OPTION_SIZE)
        return gee_format_size(buffer, (uint64_t)limit);
    (void)snprintf(buffer, capacity, "%" PRId64, limit);
    return buffer;
}

/* "", " from 1 to 64" or " at least 1". */
static const char *range_text(const gee_option_t *row, gee_pool_t *pool) {
    char low[GEE_DURATION_TEXT + 1], high[GEE_DURATION_TEXT + 1];
    const char *text = "";
    if (has_maximum(row))
        text = gee_pool_printf(pool, " from %s to %s", limit_text(row, row->minimum, low, sizeof low),
                               limit_text(row, row->maximum, high, sizeof high));
    else if (has_minimum(row))
        text = gee_pool_printf(pool, " of at least %s", limit_text(row, row->minimum, low, sizeof low));
    return text ? text : "";
}

static const char *choices_text(const gee_option_t *row, const char *quote, const char *last, gee_pool_t *pool) {
    const char *text = "";
    for (const char *const *word = row->choices; word && *word && text; word++) {
        const char *between = word == row->choices ? "" : word[1] ? ", " : last;
        text = gee_pool_printf(pool, "%s%s%s%s%s", text, between, quote, *word, quote);
    }
    return text ? text : "";
}

const char *gee_option_expected(const gee_option_t *row, bool in_quotes, gee_pool_t *pool) {
    const char *quotes = in_quotes ? " in quotes" : "";
    const char *text = NULL;
    switch (row->type) {
    case GEE_OPTION_BOOL:
        return "true or false";
    case GEE_OPTION_INT:
        text = gee_pool_printf(pool, "a number%s%s%s", range_text(row, pool), row->choices ? ", or " : "",
                               choices_text(row, "\"", " or ", pool));
        break;
    case GEE_OPTION_DURATION:
        text = gee_pool_printf(pool, "a duration%s such as \"10s\"%s%s", quotes, has_minimum(row) ? "," : "",
                               range_text(row, pool));
        break;
    case GEE_OPTION_SIZE:
        text = gee_pool_printf(pool, "a size%s such as \"64k\"%s%s", quotes, has_minimum(row) ? "," : "",
                               range_text(row, pool));
        break;
    case GEE_OPTION_STRING:
        return in_quotes ? "a text in quotes" : "a text";
    case GEE_OPTION_CHOICE:
        text = gee_pool_printf(pool, "one of %s", choices_text(row, "\"", ", ", pool));
        break;
    case GEE_OPTION_MODE:
        text = gee_pool_printf(pool, "permissions%s such as \"0660\"", quotes);
        break;
    case GEE_OPTION_STRINGS:
        return in_quotes ? "a list of texts such as ( \"a\", \"b\" )" : "texts with commas between";
    case GEE_OPTION_GROUP:
        return "a group { ... }";
    case GEE_OPTION_GROUPS:
        return "a list of groups ( { ... }, { ... } )";
    }
    return text ? text : "something else";
}

const char *gee_option_type_text(const gee_option_t *row, gee_pool_t *pool) {
    const char *text = NULL;
    switch (row->type) {
    case GEE_OPTION_BOOL:
        return "true or false";
    case GEE_OPTION_INT:
        text = gee_pool_printf(pool, "number%s%s%s", range_text(row, pool), row->choices ? ", or " : "",
                               choices_text(row, "", " or ", pool));
        break;
    case GEE_OPTION_DURATION:
        text = gee_pool_printf(pool, "duration%s", range_text(row, pool));
        break;
    case GEE_OPTION_SIZE:
        text = gee_pool_printf(pool, "size%s", range_text(row, pool));
        break;
    case GEE_OPTION_STRING:
        return "text";
    case GEE_OPTION_CHOICE:
        text = gee_pool_printf(pool, "one of %s", choices_text(row, "", ", ", pool));
        break;
    case GEE_OPTION_MODE:
        return "permissions";
    case GEE_OPTION_STRINGS:
        return "list of texts";
    case GEE_OPTION_GROUP:
        return "group";
    case GEE_OPTION_GROUPS:
        return "list of groups";
    }
    return text ? text : "unknown";
}

/* ---- from text ---- */

static bool in_range(const gee_option_t *row, int64_t number) {
    return (!has_minimum(row) || number >= row->minimum) && (!has_maximum(row) || number <= row->maximum);
}

gee_option_outcome_t gee_option_run_check(const gee_option_t *row, const void *member, gee_error_t *error) {
    return row->check && row->check(member, error) < 0 ? GEE_OPTION_REFUSED : GEE_OPTION_FITS;
}

gee_option_outcome_t gee_option_take_number(const gee_option_t *row, void *member, int64_t number, gee_error_t *error) {
    if (!in_range(row, number))
        return GEE_OPTION_UNEXPECTED;
    if (row->type == GEE_OPTION_SIZE)
        *(uint64_t *)member = (uint64_t)number;
    else
        *(int64_t *)member = number;
    return gee_option_run_check(row, member, error);
}

/* The index of the text among the row's words; -1: none. */
static int64_t choice_index(const gee_option_t *row, gee_str_t text) {
    for (int64_t i = 0; row->choices && row->choices[i]; i++)
        if (gee_str_equal(text, gee_str(row->choices[i])))
            return i;
    return -1;
}

static gee_option_outcome_t take_bool(bool *member, gee_str_t text) {
    if (gee_str_equal(text, GEE_STR("true")) || gee_str_equal(text, GEE_STR("on")))
        *member = true;
    else if (gee_str_equal(text, GEE_STR("false")) || gee_str_equal(text, GEE_STR("off")))
        *member = false;
    else
        return GEE_OPTION_UNEXPECTED;
    return GEE_OPTION_FITS;
}

static gee_option_outcome_t take_int(const gee_option_t *row, int64_t *member, gee_str_t text) {
    int64_t number = choice_index(row, text);
    if (number < 0 && (gee_parse_int64(text, &number) < 0 || !in_range(row, number)))
        return GEE_OPTION_UNEXPECTED;
    *member = number;
    return GEE_OPTION_FITS;
}

static gee_option_outcome_t take_duration(const gee_option_t *row, int64_t *member, gee_str_t text) {
    int64_t number;
    if (gee_parse_duration(text, &number) < 0 || !in_range(row, number))
        return GEE_OPTION_UNEXPECTED;
    *member = number;
    return GEE_OPTION_FITS;
}

static gee_option_outcome_t take_size(const gee_option_t *row, uint64_t *member, gee_str_t text) {
    uint64_t number;
    if (gee_parse_size(text, &number) < 0)
        return GEE_OPTION_UNEXPECTED;
    bool fits_signed = number <= INT64_MAX;
    if (fits_signed ? !in_range(row, (int64_t)number) : has_maximum(row))
        return GEE_OPTION_UNEXPECTED;
    *member = number;
    return GEE_OPTION_FITS;
}

static gee_option_outcome_t take_choice(const gee_option_t *row, int64_t *member, gee_str_t text) {
    int64_t index = choice_index(row, text);
    if (index < 0)
        return GEE_OPTION_UNEXPECTED;
    *member = index;
    return GEE_OPTION_FITS;
}

static gee_option_outcome_t take_mode(int64_t *member, gee_str_t text) {
    int64_t mode = 0;
    if (text.length < 3 || text.length > 5)
        return GEE_OPTION_UNEXPECTED;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '7')
            return GEE_OPTION_UNEXPECTED;
        mode = mode * 8 + (text.data[i] - '0');
    }
    if (mode > MODE_MAXIMUM)
        return GEE_OPTION_UNEXPECTED;
    *member = mode;
    return GEE_OPTION_FITS;
}

static gee_option_outcome_t no_memory(gee_error_t *error) {
    (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    return GEE_OPTION_REFUSED;
}

static gee_option_outcome_t take_string(const char **member, gee_str_t text, gee_pool_t *pool, gee_error_t *error) {
    if (!gee_utf8_valid(text.data, text.length) || gee_str_find(text, '\0') >= 0)
        return GEE_OPTION_UNEXPECTED;
    const char *copy = gee_pool_strndup(pool, text.data ? text.data : "", text.length);
    if (!copy)
        return no_memory(error);
    *member = copy;
    return GEE_OPTION_FITS;
}

static gee_str_t trim(gee_str_t text) {
    while (text.length > 0 && (*text.data == ' ' || *text.data == '\t')) {
        text.data++;
        text.length--;
    }
    while (text.length > 0 && (text.data[text.length - 1] == ' ' || text.data[text.length - 1] == '\t'))
        text.length--;
    return text;
}

static gee_option_outcome_t take_strings(gee_strings_t *member, gee_str_t text, gee_pool_t *pool, gee_error_t *error) {
    size_t count = trim(text).length > 0 ? 1 : 0;
    for (size_t i = 0; i < text.length; i++)
        count += text.data[i] == ',';
    const char **items = gee_pool_array(pool, count, sizeof *items);
    if (!items)
        return no_memory(error);
    for (size_t i = 0; i < count; i++) {
        ptrdiff_t comma = gee_str_find(text, ',');
        size_t length = comma < 0 ? text.length : (size_t)comma;
        gee_str_t item = trim((gee_str_t){ text.data, length });
        if (item.length == 0)
            return GEE_OPTION_UNEXPECTED;
        gee_option_outcome_t outcome = take_string(&items[i], item, pool, error);
        if (outcome != GEE_OPTION_FITS)
            return outcome;
        size_t used = comma < 0 ? length : length + 1;
        text.data += used;
        text.length -= used;
    }
    *member = (gee_strings_t){ .items = items, .count = count };
    return GEE_OPTION_FITS;
}

static gee_option_outcome_t take_value(const gee_option_t *row, void *member, gee_str_t text, gee_pool_t *pool,
                                       gee_error_t *error) {
    switch (row->type) {
    case GEE_OPTION_BOOL:
        return take_bool(member, text);
    case GEE_OPTION_INT:
        return take_int(row, member, text);
    case GEE_OPTION_DURATION:
        return take_duration(row, member, text);
    case GEE_OPTION_SIZE:
        return take_size(row, member, text);
    case GEE_OPTION_STRING:
        return take_string(member, text, pool, error);
    case GEE_OPTION_CHOICE:
        return take_choice(row, member, text);
    case GEE_OPTION_MODE:
        return take_mode(member, text);
    case GEE_OPTION_STRINGS:
        return take_strings(member, text, pool, error);
    case GEE_OPTION_GROUP:
    case GEE_OPTION_GROUPS:
        break;
    }
    return GEE_OPTION_UNEXPECTED;
}

gee_option_outcome_t gee_option_take(const gee_option_t *row, void *member, gee_str_t text, gee_pool_t *pool,
                                     gee_error_t *error) {
    gee_option_outcome_t outcome = take_value(row, member, text, pool, error);
    return outcome == GEE_OPTION_FITS ? gee_option_run_check(row, member, error) : outcome;
}

/* ---- setting by name ---- */

#define SHOWN_VALUE 100 /* bytes of a value that a message shows */

static int set_named(const gee_option_t *row, void *target, const char *name, const char *value, gee_pool_t *pool,
                     gee_error_t *error) {
    char shown[SHOWN_VALUE];
    gee_error_t reason = { 0 };
    gee_str_t text = gee_str(value);
    switch (gee_option_take(row, gee_option_member(row, target), text, pool, &reason)) {
    case GEE_OPTION_FITS:
        return 0;
    case GEE_OPTION_UNEXPECTED:
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s is \"%s\", expected %s", name,
                             gee_str_escape(shown, sizeof shown, text.data, text.length),
                             gee_option_expected(row, false, pool));
    case GEE_OPTION_REFUSED:
        break;
    }
    return gee_error_set(error, reason.code ? reason.code : GEE_INVALID_ARGUMENT, "%s is \"%s\": %s", name,
                         gee_str_escape(shown, sizeof shown, text.data, text.length),
                         reason.text[0] ? reason.text : "refused");
}

int gee_option_set_row(const gee_option_t *row, void *target, const char *value, gee_pool_t *pool, gee_error_t *error) {
    return set_named(row, target, row->name, value, pool, error);
}

static int unknown_setting(const gee_option_t *table, const char *name, gee_str_t part, gee_error_t *error) {
    const char *candidates[64];
    char shown[SHOWN_VALUE];
    size_t count = 0;
    for (const gee_option_t *row = table; row->name && count < GEE_LENGTH(candidates); row++)
        candidates[count++] = row->name;
    const char *nearest = gee_str_nearest(part, candidates, count);
    return gee_error_set(error, GEE_NOT_FOUND, "unknown setting \"%s\"%s%s%s",
                         gee_str_escape(shown, sizeof shown, name, strlen(name)), nearest ? ", did you mean \"" : "",
                         nearest ? nearest : "", nearest ? "\"?" : "");
}

static const gee_option_t *find_part(const gee_option_t *table, gee_str_t part) {
    for (const gee_option_t *row = table; row->name; row++)
        if (gee_str_equal(gee_str(row->name), part))
            return row;
    return NULL;
}

int gee_option_set(const gee_option_t *table, void *target, const char *name, const char *value, gee_pool_t *pool,
                   gee_error_t *error) {
    const char *rest = name;
    for (;;) {
        const char *dot = strchr(rest, '.');
        gee_str_t part = { rest, dot ? (size_t)(dot - rest) : strlen(rest) };
        const gee_option_t *row = find_part(table, part);
        if (!row)
            return unknown_setting(table, name, part, error);
        if (row->type == GEE_OPTION_GROUPS)
            return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s is a list of groups and cannot be set by name", name);
        if (row->type != GEE_OPTION_GROUP)
            return dot ? gee_error_set(error, GEE_NOT_FOUND, "unknown setting \"%s\": \"%s\" is no group", name,
                                       row->name)
                       : set_named(row, target, name, value, pool, error);
        if (!dot)
            return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s is a group: name one of its settings, such as %s.%s",
                                 name, name, row->table->name ? row->table->name : "?");
        table = row->table;
        target = gee_option_member(row, target);
        rest = dot + 1;
    }
}

int gee_options_default(const gee_option_t *table, void *target, gee_pool_t *pool, gee_error_t *error) {
    for (const gee_option_t *row = table; row && row->name; row++) {
        void *member = gee_option_member(row, target);
        if (row->type == GEE_OPTION_GROUP) {
            if (gee_options_default(row->table, member, pool, error) < 0)
                return -1;
            continue;
        }
        memset(member, 0, gee_option_member_size(row));
        if (row->fallback && set_named(row, target, row->name, row->fallback, pool, error) < 0)
            return gee_error_prefix(error, "default of ");
    }
    return 0;
}

/* ---- to text ---- */

static const char *number_text(const gee_option_t *row, int64_t number, gee_pool_t *pool) {
    if (row->choices && !in_range(row, number))
        for (int64_t i = 0; row->choices[i]; i++)
            if (i == number)
                return row->choices[i];
    return gee_pool_printf(pool, "%" PRId64, number);
}

static const char *choice_text(const gee_option_t *row, int64_t index) {
    for (int64_t i = 0; row->choices && row->choices[i]; i++)
        if (i == index)
            return row->choices[i];
    return NULL;
}

const char *gee_option_text(const gee_option_t *row, const void *target, gee_pool_t *pool) {
    const void *member = gee_option_member_const(row, target);
    char buffer[GEE_DURATION_TEXT];
    switch (row->type) {
    case GEE_OPTION_BOOL:
        return *(const bool *)member ? "true" : "false";
    case GEE_OPTION_INT:
        return number_text(row, *(const int64_t *)member, pool);
    case GEE_OPTION_DURATION:
        return gee_pool_strdup(pool, gee_format_duration(buffer, *(const int64_t *)member));
    case GEE_OPTION_SIZE:
        return gee_pool_strdup(pool, gee_format_size(buffer, *(const uint64_t *)member));
    case GEE_OPTION_STRING:
        return *(const char *const *)member;
    case GEE_OPTION_CHOICE:
        return choice_text(row, *(const int64_t *)member);
    case GEE_OPTION_MODE:
        return gee_pool_printf(pool, "%04" PRIo64, (uint64_t) * (const int64_t *)member);
    case GEE_OPTION_STRINGS:
    case GEE_OPTION_GROUP:
    case GEE_OPTION_GROUPS:
        break;
    }
    return NULL;
}

/* ---- comparing ---- */

static bool text_equal(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool strings_equal(const gee_strings_t *a, const gee_strings_t *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!text_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

static bool table_equal(const gee_option_t *table, const void *a, const void *b) {
    for (const gee_option_t *row = table; row->name; row++)
        if (!gee_option_equal(row, a, b))
            return false;
    return true;
}

static bool groups_equal(const gee_option_t *row, const gee_groups_t *a, const gee_groups_t *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!table_equal(row->table, (const char *)a->items + i * row->element_size,
                         (const char *)b->items + i * row->element_size))
            return false;
    return true;
}

bool gee_option_equal(const gee_option_t *row, const void *a, const void *b) {
    const void *left = gee_option_member_const(row, a);
    const void *right = gee_option_member_const(row, b);
    switch (row->type) {
    case GEE_OPTION_BOOL:
        return *(const bool *)left == *(const bool *)right;
    case GEE_OPTION_INT:
    case GEE_OPTION_DURATION:
    case GEE_OPTION_CHOICE:
    case GEE_OPTION_MODE:
    case GEE_OPTION_SIZE:
        return memcmp(left, right, sizeof(int64_t)) == 0;
    case GEE_OPTION_STRING:
        return text_equal(*(const char *const *)left, *(const char *const *)right);
    case GEE_OPTION_STRINGS:
        return strings_equal(left, right);
    case GEE_OPTION_GROUP:
        return table_equal(row->table, left, right);
    case GEE_OPTION_GROUPS:
        return groups_equal(row, left, right);
    }
    return false;
}
