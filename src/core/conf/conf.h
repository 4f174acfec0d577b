/* conf.h: reading geerpc.conf over option tables: all errors of a file at once, each with file and line. The only user
 * of libconfig; the server only. */
#ifndef GEE_CONF_CONF_H
#define GEE_CONF_CONF_H

#include <stdio.h>

#include "core/conf/option.h"

/* Rows that stand under one group of the file. block null: at the top level. Several sections may share a block. */
typedef struct gee_conf_section {
    const char *block;
    const gee_option_t *options;
    void *target;
} gee_conf_section_t;

typedef struct gee_conf_errors {
    gee_pool_t *pool;
    const char **items; /* "geerpc.conf:12: unknown setting \"lisen\" in listen[0], did you mean \"listen\"?" */
    size_t count;
    size_t capacity;
} gee_conf_errors_t;

void gee_conf_errors_init(gee_conf_errors_t *errors, gee_pool_t *pool);
/* Adds an error, for the checks after reading (an unknown service); the text begins with gee_conf_place(). */
void gee_conf_errors_add(gee_conf_errors_t *errors, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The place of a setting in the file, "geerpc.conf:12", for errors found after reading. A group and an element of a
 * list have places, too; if its first member has the same address, the member's place counts. The file's name, if the
 * setting was not given. */
typedef struct gee_conf_places gee_conf_places_t;
const char *gee_conf_place(const gee_conf_places_t *places, const void *member);

/* Fills every section with its defaults, then reads `path`, then each of `overrides` (the texts of -g); a later value
 * replaces an earlier one. Reads a pipe (/dev/stdin) as well as a file. Returns -1 if there is an error: all errors
 * are in `errors`, sorted by line, and the targets hold the readable values, else defaults. `pool` holds all values.
 * Refused: unknown settings, wrong types, values out of range, a setting given twice, missing required settings,
 * integers past 32 bits without quotes (libconfig 1.5 would wrap them), bytes that are not UTF-8. */
int gee_conf_read(const char *path, const char *const *overrides, size_t override_count,
                  const gee_conf_section_t *sections, size_t section_count, gee_pool_t *pool, gee_conf_errors_t *errors,
                  gee_conf_places_t **places);

/* Writes the effective configuration in libconfig's syntax, from which gee_conf_read() gives the same values again.
 * With `documented`, each setting has its doc line above it as a comment. */
int gee_conf_dump(FILE *out, const gee_conf_section_t *sections, size_t section_count, bool documented);

/* docs/configuration.md: one table a group, from the rows. */
int gee_conf_document(FILE *out, const gee_conf_section_t *sections, size_t section_count);

/* Compares two readings of the same sections: names every option that differs and is not GEE_OPTION_RELOADABLE. */
int gee_conf_check_reload(const gee_conf_section_t *running, const gee_conf_section_t *next, size_t section_count,
                          gee_conf_errors_t *errors);

#endif
