/* path.c: the place of an error in a value, put together from the leaf outwards. */
#include "core/type/path.h"

#include <stdio.h>
#include <string.h>

#define STEP_TEXT 48 /* bytes shown of one name or key, escapes included */
#define CUT       "..."

void gee_path_init(gee_path_t *path) {
    path->start = GEE_PATH_TEXT - 1;
    path->text[path->start] = '\0';
}

static bool is_cut(const gee_path_t *path) {
    return strncmp(path->text + path->start, CUT, sizeof(CUT) - 1) == 0;
}

static void put_before(gee_path_t *path, const char *step) {
    size_t length = strlen(step);
    if (is_cut(path))
        return;
    if (length + sizeof(CUT) > path->start) {
        step = CUT;
        length = sizeof(CUT) - 1;
    }
    path->start -= length;
    memcpy(path->text + path->start, step, length);
}

/* A dot goes between a step and the name behind. */
static void separate(gee_path_t *path) {
    char inner = path->text[path->start];
    if (inner != '\0' && inner != '[')
        put_before(path, ".");
}

void gee_path_field(gee_path_t *path, gee_str_t name) {
    char step[STEP_TEXT];
    gee_str_escape(step, sizeof(step), name.data, name.length);
    separate(path);
    put_before(path, step);
}

void gee_path_index(gee_path_t *path, size_t index) {
    char step[STEP_TEXT];
    snprintf(step, sizeof(step), "[%zu]", index);
    separate(path);
    put_before(path, step);
}

void gee_path_key(gee_path_t *path, gee_str_t key) {
    char shown[STEP_TEXT], step[STEP_TEXT + 4];
    gee_str_escape(shown, sizeof(shown), key.data, key.length);
    snprintf(step, sizeof(step), "[\"%s\"]", shown);
    separate(path);
    put_before(path, step);
}

const char *gee_path_text(const gee_path_t *path) {
    return path->text + path->start;
}

int gee_path_apply(const gee_path_t *path, gee_error_t *error) {
    const char *text = gee_path_text(path);
    return *text ? gee_error_prefix(error, "%s: ", text) : -1;
}
