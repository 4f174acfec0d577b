/* conf.c: the errors of a configuration in the order of the file, and the places of settings. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/conf/conf_private.h"

#define ERRORS_FIRST 16
#define ERROR_TEXT   2048

void gee_conf_errors_init(gee_conf_errors_t *errors, gee_pool_t *pool) {
    *errors = (gee_conf_errors_t){ .pool = pool };
    errors->items = gee_pool_array(pool, ERRORS_FIRST, sizeof *errors->items);
    errors->capacity = errors->items ? ERRORS_FIRST : 0;
}

static int make_room(gee_conf_errors_t *errors) {
    if (errors->count < errors->capacity)
        return 0;
    size_t capacity = errors->capacity ? errors->capacity * 2 : ERRORS_FIRST;
    const char **items = gee_pool_array(errors->pool, capacity, sizeof *items);
    if (!items)
        return -1;
    for (size_t i = 0; i < errors->count; i++)
        items[i] = errors->items[i];
    errors->items = items;
    errors->capacity = capacity;
    return 0;
}

void gee_conf_errors_add(gee_conf_errors_t *errors, const char *format, ...) {
    char text[ERROR_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)gee_str_vformat(text, sizeof text, format, arguments);
    va_end(arguments);
    if (make_room(errors) < 0)
        return;
    const char *copy = gee_pool_strdup(errors->pool, text);
    errors->items[errors->count++] = copy ? copy : "out of memory";
}

/* ---- problems ---- */

void gee_conf_problems_add(gee_conf_problems_t *problems, unsigned source, unsigned line, const char *text) {
    if (!problems->items)
        problems->items = gee_pool_array(problems->pool, GEE_CONF_PROBLEMS, sizeof *problems->items);
    if (!problems->items || problems->count == GEE_CONF_PROBLEMS) {
        problems->left_out++;
        return;
    }
    problems->items[problems->count] = (gee_conf_problem_t){
        .source = source, .line = line, .sequence = problems->count, .text = text ? text : "out of memory"
    };
    problems->count++;
}

/* Problems of line 0 (a missing setting) come last. */
static int compare_problems(const void *left, const void *right) {
    const gee_conf_problem_t *a = left, *b = right;
    if (a->source != b->source)
        return a->source < b->source ? -1 : 1;
    if (a->line != b->line)
        return a->line - 1 < b->line - 1 ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

void gee_conf_problems_sort(gee_conf_problems_t *problems, gee_conf_errors_t *errors) {
    if (problems->count > 1)
        qsort(problems->items, problems->count, sizeof *problems->items, compare_problems);
    for (size_t i = 0; i < problems->count; i++)
        gee_conf_errors_add(errors, "%s", problems->items[i].text);
    if (problems->left_out > 0 && problems->count > 0)
        gee_conf_errors_add(errors, "and %zu more errors", problems->left_out);
    else if (problems->left_out > 0)
        gee_conf_errors_add(errors, "out of memory");
}

/* ---- places ---- */

int gee_conf_places_add(gee_conf_places_t *places, const gee_conf_record_t *record) {
    if (places->count == places->capacity) {
        size_t capacity = places->capacity ? places->capacity * 2 : 64;
        gee_conf_record_t *items = gee_pool_array(places->pool, capacity, sizeof *items);
        if (!items)
            return -1;
        if (places->count > 0)
            memcpy(items, places->items, places->count * sizeof *items);
        places->items = items;
        places->capacity = capacity;
    }
    places->items[places->count] = *record;
    places->items[places->count].sequence = places->count;
    places->count++;
    places->sorted = false;
    return 0;
}

static int compare_records(const void *left, const void *right) {
    const gee_conf_record_t *a = left, *b = right;
    if (a->member != b->member)
        return (uintptr_t)a->member < (uintptr_t)b->member ? -1 : 1;
    return a->sequence < b->sequence ? -1 : 1;
}

void gee_conf_places_sort(gee_conf_places_t *places) {
    if (places->count > 1)
        qsort(places->items, places->count, sizeof *places->items, compare_records);
    places->sorted = true;
}

/* The index after the last record of that member. */
static size_t end_of_member(const gee_conf_places_t *places, const void *member) {
    size_t low = 0, high = places->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uintptr_t)places->items[middle].member <= (uintptr_t)member)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const gee_conf_record_t *gee_conf_places_find(const gee_conf_places_t *places, const void *member,
                                              const gee_option_t *row) {
    GEE_ASSERT(places->sorted);
    for (size_t i = end_of_member(places, member); i > 0 && places->items[i - 1].member == member; i--)
        if (places->items[i - 1].row == row)
            return &places->items[i - 1];
    return NULL;
}

/* A structure and its first member have the same address: the member's own place is the more exact one. */
const char *gee_conf_place(const gee_conf_places_t *places, const void *member) {
    const gee_conf_record_t *found = NULL;
    if (!places)
        return "configuration";
    for (size_t i = places->sorted ? end_of_member(places, member) : 0; i > 0; i--) {
        const gee_conf_record_t *record = &places->items[i - 1];
        if (record->member != member)
            break;
        if (record->row && record->row->type != GEE_OPTION_GROUP)
            return record->place;
        if (!found)
            found = record;
    }
    return found ? found->place : places->shown;
}
