/* values.h: JSON values one after another, from a text, a file or standard input, each as soon as it is there. */
#ifndef GEE_TOOLS_VALUES_H
#define GEE_TOOLS_VALUES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct values {
    const char *name; /* for texts */
    int descriptor;   /* -1: all of the text is there */
    bool at_end;      /* of the input */
    char *text;       /* from `start` to `end`: read, and not yet handed out */
    size_t start, end, capacity;
    size_t scanned; /* up to here the text is known to be inside one value */
    size_t depth;   /* of lists and objects, at `scanned` */
    bool in_string, escaped;
    char *value; /* the one handed out */
    size_t value_capacity;
} values_t;

/* `argument`: a text, "@FILE", or "-" for standard input. -1: failed, after a complaint. */
int gee_values_open(values_t *values, const char *argument);
void gee_values_close(values_t *values);
/* Is the text one JSON value, or none, or wrong behind the first? Whether the value is JSON is not looked at. */
bool gee_values_is_one(const char *text);
/* 1: *json is the next value, until the next call; whether the value is JSON is not looked at. 0: the end. -1: failed,
 * after a complaint. May block in read(), where the thread may be cancelled. */
int gee_values_next(values_t *values, const char **json);

#endif
