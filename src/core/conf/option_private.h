/* option_private.h: what conf*.c and module.c share with option.c, beyond option.h. */
#ifndef GEE_CONF_OPTION_PRIVATE_H
#define GEE_CONF_OPTION_PRIVATE_H

#include "core/conf/option.h"

/* The deepest nesting of tables; a deeper table contains itself. */
#define GEE_OPTION_DEPTH 16

/* Bytes of the member that a row describes; 0: the type is not valid. */
size_t gee_option_member_size(const gee_option_t *row);
/* Bytes from the start of the structure to the end of the last member that the table describes. */
size_t gee_option_table_extent(const gee_option_t *table);

static inline void *gee_option_member(const gee_option_t *row, void *target) {
    return (char *)target + row->offset;
}
static inline const void *gee_option_member_const(const gee_option_t *row, const void *target) {
    return (const char *)target + row->offset;
}

/* "a duration such as \"10s\", at least 1s"; with `in_quotes` it says that quotes are needed. Never null. */
const char *gee_option_expected(const gee_option_t *row, bool in_quotes, gee_pool_t *pool);

typedef enum gee_option_outcome {
    GEE_OPTION_FITS = 0,
    GEE_OPTION_UNEXPECTED, /* not of the row's type, or out of its range: the caller reports gee_option_expected() */
    GEE_OPTION_REFUSED     /* the row's check refuses the value, or out of memory: the error has the reason */
} gee_option_outcome_t;

/* Reads text into the member, within the row's range, and runs the row's check. */
gee_option_outcome_t gee_option_take(const gee_option_t *row, void *member, gee_str_t text, gee_pool_t *pool,
                                     gee_error_t *error);
/* The same for a whole number: for rows of type INT, and 0 for durations and sizes. */
gee_option_outcome_t gee_option_take_number(const gee_option_t *row, void *member, int64_t number, gee_error_t *error);
/* Runs the row's check, if it has one. */
gee_option_outcome_t gee_option_run_check(const gee_option_t *row, const void *member, gee_error_t *error);

#endif
