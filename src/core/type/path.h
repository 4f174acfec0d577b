/* path.h: where in a value an error is: "Items[3].Name".
 *
 * Built from the leaf outwards while a failure unwinds through the levels of a value, so that success costs nothing:
 *
 *   "Name"  ->  "[3].Name"  ->  "Items[3].Name"  ->  gee_path_apply: "Items[3].Name: 5.5 is not an integer" */
#ifndef GEE_TYPE_PATH_H
#define GEE_TYPE_PATH_H

#include <stddef.h>

#include "core/base/error.h"
#include "core/base/str.h"

#define GEE_PATH_TEXT 200

typedef struct gee_path {
    size_t start;             /* where the text begins in `text` */
    char text[GEE_PATH_TEXT]; /* filled from its end */
} gee_path_t;

void gee_path_init(gee_path_t *path);
/* Each puts one step in front of the path. Steps that do not fit any more are left out, with "..." in their place. */
void gee_path_field(gee_path_t *path, gee_str_t name);
void gee_path_index(gee_path_t *path, size_t index);
void gee_path_key(gee_path_t *path, gee_str_t key); /* of a map: Prices["apple"] */
const char *gee_path_text(const gee_path_t *path);  /* "" at the root */
/* Puts the path before the error's text. Returns -1. */
int gee_path_apply(const gee_path_t *path, gee_error_t *error);

#endif
