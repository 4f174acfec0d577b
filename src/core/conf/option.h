/* option.h: the option table. One row of it drives parsing, defaulting, dumping, reloading and the documentation.
 *
 * A table describes one C structure. Values come as text ("10s", "4m", "on"), so a library user can set any option by
 * name without libconfig; conf.h walks a libconfig file over the same tables. */
#ifndef GEE_CONF_OPTION_H
#define GEE_CONF_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/pool.h"
#include "core/base/str.h"

typedef enum gee_option_type {
    GEE_OPTION_BOOL,     /* bool;          true, false */
    GEE_OPTION_INT,      /* int64_t;       within minimum and maximum; nth word of `choices`: n ("auto") */
    GEE_OPTION_DURATION, /* int64_t ns;    "250ms", "10s"; within minimum and maximum */
    GEE_OPTION_SIZE,     /* uint64_t;      "64k", "4m"; within minimum and maximum */
    GEE_OPTION_STRING,   /* const char *;  null when there is no default */
    GEE_OPTION_CHOICE,   /* int64_t;       index of a word in `choices` */
    GEE_OPTION_MODE,     /* int64_t;       permission bits, "0660" (octal) */
    GEE_OPTION_STRINGS,  /* gee_strings_t; a list of strings */
    GEE_OPTION_GROUP,    /* an embedded structure with a table of its own: { … } */
    GEE_OPTION_GROUPS    /* gee_groups_t;  a list of structures: ( { … }, { … } ) */
} gee_option_type_t;

typedef struct gee_strings {
    const char **items;
    size_t count;
} gee_strings_t;

typedef struct gee_groups {
    void *items; /* `count` structures of the row's element_size, one after the other */
    size_t count;
} gee_groups_t;

#define GEE_OPTION_RELOADABLE 1u /* a reload may change it; otherwise a restart is needed and a change is an error */
#define GEE_OPTION_REQUIRED   2u /* has no default and must be given if its group is given */

typedef struct gee_option gee_option_t;
struct gee_option {
    const char *name; /* null ends a table */
    gee_option_type_t type;
    size_t offset;
    const char *fallback; /* the default as text, as a user would write it; null: zero, empty, or required */
    unsigned flags;
    const char *doc;            /* one line, a sentence without the final stop */
    int64_t minimum, maximum;   /* both 0: any; a minimum above 0 with a maximum of 0: no maximum */
    const char *const *choices; /* ends with null */
    const gee_option_t *table;  /* of a group */
    size_t element_size;        /* of one structure of GEE_OPTION_GROUPS */
    /* Optional: a further check after the value is set; fails with a text. `value` points at the member. */
    int (*check)(const void *value, gee_error_t *error);
};

/* Fills a structure with the defaults of its table, groups included. -1: out of memory (or a default that its own row
 * refuses: a defect, which the module check at start reports). Strings point into `pool` or into the table. */
int gee_options_default(const gee_option_t *table, void *target, gee_pool_t *pool, gee_error_t *error);

/* Sets one option from text; `name` may be a path: "limits.message". Lists: items separated by commas; groups of a list
 * cannot be set this way. Fails with a text that has the name and says what is expected. */
int gee_option_set(const gee_option_t *table, void *target, const char *name, const char *value, gee_pool_t *pool,
                   gee_error_t *error);
/* The same for a row at hand. */
int gee_option_set_row(const gee_option_t *row, void *target, const char *value, gee_pool_t *pool, gee_error_t *error);

const gee_option_t *gee_option_find(const gee_option_t *table, const char *name);
/* The value as a user would write it, unquoted, in `pool`; null for groups, lists and a text that is not set.
 * `target` is the structure, as in gee_option_equal(). */
const char *gee_option_text(const gee_option_t *row, const void *target, gee_pool_t *pool);
/* "duration", "size", "one of a, b, c": for documentation and messages. */
const char *gee_option_type_text(const gee_option_t *row, gee_pool_t *pool);
bool gee_option_equal(const gee_option_t *row, const void *a, const void *b); /* deep */
/* Checks a table for defects: types, defaults that parse, doc lines present, no name twice. */
int gee_options_check(const gee_option_t *table, gee_error_t *error);

#endif
