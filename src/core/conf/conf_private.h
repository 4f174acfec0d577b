/* conf_private.h: what the parts of conf share.
 *
 *   file, includes --conf_text--> one text with a line map --conf_scan--> tidy text, checked --libconfig--> tree
 *                                                                                                        |
 *   targets of the sections  <--conf_read: one row a setting, problems and places with file and line-----+
 */
#ifndef GEE_CONF_CONF_PRIVATE_H
#define GEE_CONF_CONF_PRIVATE_H

#include "core/conf/conf.h"
#include "core/conf/option_private.h"

#define GEE_CONF_TEXT_MAXIMUM  (16u << 20) /* bytes of a file with all that it includes */
#define GEE_CONF_INCLUDE_DEPTH 10
#define GEE_CONF_INCLUDES      1000   /* in all */
#define GEE_CONF_NESTING       32     /* of { ( [ */
#define GEE_CONF_STRING_LENGTH 65536  /* bytes of one text in quotes */
#define GEE_CONF_GROUP_SIZE    256    /* settings in one group; libconfig compares each with every other one */
#define GEE_CONF_VALUES        200000 /* in one file */
#define GEE_CONF_PROBLEMS      100    /* reported; of further problems only the count is */

/* ---- conf.c: problems and places ---- */

/* The errors of one reading until they are sorted. `source`: 0 the file, 1 the first -g and so on. */
typedef struct gee_conf_problem {
    unsigned source, line;
    size_t sequence;
    const char *text;
} gee_conf_problem_t;

typedef struct gee_conf_problems {
    gee_pool_t *pool;
    gee_conf_problem_t *items;
    size_t count, left_out;
} gee_conf_problems_t;

/* Adds a problem whose text begins with its place. `line`: in the joined text, for sorting. `text` null: the problem
 * is only counted. */
void gee_conf_problems_add(gee_conf_problems_t *problems, unsigned source, unsigned line, const char *text);
void gee_conf_problems_sort(gee_conf_problems_t *problems, gee_conf_errors_t *errors);

typedef struct gee_conf_record {
    const void *member;
    const gee_option_t *row; /* null: an element of a list of groups, or a block */
    const char *place;
    unsigned source, line;
    size_t sequence;
    bool broken; /* the setting has an error, which was reported */
} gee_conf_record_t;

struct gee_conf_places {
    gee_pool_t *pool;
    const char *shown; /* the file's name, for members without a record */
    gee_conf_record_t *items;
    size_t count, capacity;
    bool sorted;
};

int gee_conf_places_add(gee_conf_places_t *places, const gee_conf_record_t *record); /* -1: out of memory */
void gee_conf_places_sort(gee_conf_places_t *places);
/* The latest record of that member for that row; null: none. The places must be sorted. */
const gee_conf_record_t *gee_conf_places_find(const gee_conf_places_t *places, const void *member,
                                              const gee_option_t *row);

/* ---- conf_text.c: one text of a file and what it includes ---- */

typedef struct gee_conf_chunk { /* lines of the joined text that come one after another from one file */
    unsigned first_line;        /* in the joined text, from 1 */
    unsigned file_line;
    const char *file;
} gee_conf_chunk_t;

typedef struct gee_conf_text {
    unsigned source; /* as in gee_conf_problem_t */
    const char *shown;
    char *bytes; /* terminated */
    size_t length, capacity, maximum;
    unsigned line; /* of the end */
    gee_conf_chunk_t *chunks;
    size_t chunk_count, chunk_capacity;
    unsigned includes;
    gee_pool_t *pool; /* for names of files and problems */
    gee_conf_problems_t *problems;
} gee_conf_text_t;

/* Each fills a text and reports its problems. -1: the text cannot be scanned. */
int gee_conf_text_load(gee_conf_text_t *text, const char *path);
int gee_conf_text_copy(gee_conf_text_t *text, const char *shown, const char *string);
void gee_conf_text_free(gee_conf_text_t *text);
/* Appends to the bytes; -1: out of memory or past the maximum. The caller counts the lines. */
int gee_conf_text_append(gee_conf_text_t *text, const char *bytes, size_t length);
/* "geerpc.conf:12" for a line of the joined text, in the text's pool. */
const char *gee_conf_text_place(const gee_conf_text_t *text, unsigned line);
/* Reports a problem, with the place of the line in front. */
void gee_conf_text_problem(const gee_conf_text_t *text, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- conf_lex.c: the words of libconfig's language ---- */

typedef enum gee_conf_token_type {
    GEE_CONF_END = 0,
    GEE_CONF_NAME,    /* a name; where a value may stand, such a word is BARE */
    GEE_CONF_MARK,    /* one of = : ; , { } ( ) [ ] */
    GEE_CONF_STRING,  /* one piece, quotes included */
    GEE_CONF_BARE,    /* a run without quotes in the place of a value */
    GEE_CONF_INCLUDE, /* @include */
    GEE_CONF_OPEN_STRING,
    GEE_CONF_OPEN_COMMENT,
    GEE_CONF_OTHER /* a byte that begins no token */
} gee_conf_token_type_t;

typedef struct gee_conf_token {
    gee_conf_token_type_t type;
    gee_str_t text;
    unsigned line; /* of its first byte */
} gee_conf_token_t;

typedef struct gee_conf_lexer {
    const char *bytes;
    size_t length, position;
    unsigned line;
} gee_conf_lexer_t;

/* `value`: a value may stand here, so that 64k and tcp@host:1 are one token. */
gee_conf_token_t gee_conf_lex(gee_conf_lexer_t *lexer, bool value);

/* ---- conf_scan.c: grammar, numbers, doubles ---- */

/* Stands in the tidy text for a refused value: libconfig reads infinity, which no user can write. */
#define GEE_CONF_REFUSED "1e999"
/* First byte in the tidy text of a refused setting's name; no user's name begins with this byte. */
#define GEE_CONF_REFUSED_NAME '*'

/* Checks `text`, and writes `tidy` (zeroed before), which libconfig can parse and whose names and values stand in the
 * same lines as in `text`. -1: an error after which nothing can be read. */
int gee_conf_scan(const gee_conf_text_t *text, gee_conf_text_t *tidy);

/* ---- conf_scope.c: all the tables that stand under one name ---- */

typedef struct gee_conf_part {
    const gee_option_t *table;
    void *target; /* null when only documented */
} gee_conf_part_t;

typedef struct gee_conf_scope {
    gee_conf_part_t *parts;
    size_t count;
    const gee_conf_section_t *sections; /* of the top level; else null */
    size_t section_count;
} gee_conf_scope_t;

/* Null: out of memory. */
gee_conf_scope_t *gee_conf_scope_root(const gee_conf_section_t *sections, size_t count, gee_pool_t *pool);
gee_conf_scope_t *gee_conf_scope_of(const gee_option_t *table, void *target, gee_pool_t *pool);
/* The scope of the group `name` in `scope`; count 0: there is no such group. Null: out of memory. */
gee_conf_scope_t *gee_conf_scope_child(const gee_conf_scope_t *scope, const char *name, gee_pool_t *pool);
/* The row of a setting that is not a group, and in *target its structure. Null: there is none. */
const gee_option_t *gee_conf_scope_find(const gee_conf_scope_t *scope, const char *name, void **target);

/* Visits each setting of a scope once, in the order of writing: first the rows, each group at its first row, then the
 * blocks. `child` is null unless `name` is a group or a block. `row` is null for a block. Stops when `visit` does not
 * return 0. */
typedef int (*gee_conf_visit_t)(void *data, const char *name, const gee_option_t *row, void *target,
                                const gee_conf_scope_t *child);
int gee_conf_scope_each(const gee_conf_scope_t *scope, gee_pool_t *pool, gee_conf_visit_t visit, void *data);

#endif
