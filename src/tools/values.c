/* values.c: finds the ends of JSON values, looking at each byte once. A value ends with its last bracket or quote; a
 * number or word ends where white space, a bracket or a quote follows. */
#include "tools/values.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/tools.h"

#define CHUNK       65536
#define VALUE_LIMIT (1024UL * 1024 * 1024)

int gee_values_open(values_t *values, const char *argument) {
    *values = (values_t){ .name = "standard input", .descriptor = STDIN_FILENO };
    if (strcmp(argument, "-") == 0)
        return 0;
    if (argument[0] == '@') {
        values->name = argument + 1;
        values->descriptor = open(values->name, O_RDONLY | O_CLOEXEC);
        if (values->descriptor >= 0)
            return 0;
        gee_complain("%s: %s", values->name, strerror(errno));
        return -1;
    }
    values->name = "the arguments";
    values->descriptor = -1;
    values->at_end = true;
    values->end = strlen(argument);
    values->text = strdup(argument);
    if (values->text != NULL)
        return 0;
    gee_complain("out of memory");
    return -1;
}

void gee_values_close(values_t *values) {
    if (values->descriptor > STDIN_FILENO)
        close(values->descriptor);
    free(values->text);
    free(values->value);
    *values = (values_t){ .descriptor = -1 };
}

static int make_room(values_t *values) {
    size_t length = values->end - values->start;
    if (values->start > 0) {
        memmove(values->text, values->text + values->start, length);
        values->scanned -= values->start;
        values->start = 0;
        values->end = length;
    }
    if (values->capacity - length >= CHUNK)
        return 0;
    size_t capacity = values->capacity ? 2 * values->capacity : 2UL * CHUNK;
    char *text = capacity <= 2 * VALUE_LIMIT ? realloc(values->text, capacity) : NULL;
    if (text == NULL) {
        gee_complain("%s: a value is too long", values->name);
        return -1;
    }
    values->text = text;
    values->capacity = capacity;
    return 0;
}

/* The only place where a thread that has disabled cancelling can be cancelled. */
static ssize_t read_some(values_t *values) {
    ssize_t count;
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    do {
        count = read(values->descriptor, values->text + values->end, CHUNK);
    } while (count < 0 && errno == EINTR);
    pthread_setcancelstate(state, NULL);
    return count;
}

static int read_more(values_t *values) {
    if (make_room(values) != 0)
        return -1;
    ssize_t count = read_some(values);
    if (count < 0) {
        gee_complain("%s: %s", values->name, strerror(errno));
        return -1;
    }
    values->at_end = count == 0;
    values->end += (size_t)count;
    return 0;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Takes one byte of the value at `scanned`. True: the value ends, behind this byte or before. */
static bool take_byte(values_t *values) {
    char c = values->text[values->scanned];
    bool opens = c == '"' || c == '{' || c == '[';
    if (values->in_string) {
        values->in_string = values->escaped || c != '"';
        values->escaped = !values->escaped && c == '\\';
        values->scanned++;
        return !values->in_string && values->depth == 0;
    }
    if (values->depth == 0 && values->scanned > values->start && (opens || is_space(c)))
        return true;
    values->scanned++;
    if (c == '"')
        values->in_string = true;
    else if (opens)
        values->depth++;
    else if ((c == '}' || c == ']') && values->depth > 0)
        return --values->depth == 0;
    return false;
}

static bool find_end(values_t *values) {
    while (values->scanned == values->start && values->start < values->end && is_space(values->text[values->start]))
        values->scanned = ++values->start;
    while (values->scanned < values->end)
        if (take_byte(values))
            return true;
    return values->at_end && values->scanned > values->start;
}

static int hand_out(values_t *values, const char **json) {
    size_t length = values->scanned - values->start;
    const char *start = values->text + values->start;
    if (memchr(start, '\0', length) != NULL) {
        gee_complain("%s holds a zero byte: it is no JSON", values->name);
        return -1;
    }
    if (length >= values->value_capacity) {
        char *value = realloc(values->value, length + 1);
        if (value == NULL) {
            gee_complain("out of memory");
            return -1;
        }
        values->value = value;
        values->value_capacity = length + 1;
    }
    memcpy(values->value, start, length);
    values->value[length] = '\0';
    values->start = values->scanned;
    values->depth = 0;
    values->in_string = values->escaped = false;
    *json = values->value;
    return 1;
}

int gee_values_next(values_t *values, const char **json) {
    while (!find_end(values)) {
        if (values->at_end)
            return 0;
        if (read_more(values) != 0)
            return -1;
    }
    return hand_out(values, json);
}

bool gee_values_is_one(const char *text) {
    values_t values;
    const char *json;
    bool one = gee_values_open(&values, text) != 0 || gee_values_next(&values, &json) <= 0 ||
               gee_values_next(&values, &json) <= 0 || strchr("]},:", json[0]) != NULL;
    gee_values_close(&values);
    return one;
}
