/* file.h: what the parts of registry_file share: the lines of a file as servers, file@path.
 *
 *   lines.c   the text of a file -> a snapshot      used by
 *     watch.c   looks at the file, and is the module */
#ifndef GEE_REGISTRY_FILE_H
#define GEE_REGISTRY_FILE_H

#include <gee/registry.h>

/* Reads one address a line, optionally with a weight; # begins a comment. Everything in *snapshot is in the pool; the
 * version is left alone. -1: a line is malformed; the error says which, as SOURCE:LINE. */
int gee_file_read_lines(const char *source, gee_str_t text, gee_pool_t *pool, gee_snapshot_t *snapshot,
                        gee_error_t *error);

#endif
