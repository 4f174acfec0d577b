/* file.h: what the parts of registry_file share: the lines of a file as servers, file@path.
 *
 *   lines.c   the text of a file -> a snapshot      used by
 *     watch.c   looks at the file, and is the module */
#ifndef GEE_REGISTRY_FILE_H
#define GEE_REGISTRY_FILE_H

#include <gee/registry.h>

/* One address a line, a weight behind it where there is one, # and what follows is not looked at. Everything in
 * *snapshot (but the version, which is left alone) is in the pool. -1: a line is something else; the text says which,
 * as SOURCE:LINE. */
int gee_file_read_lines(const char *source, gee_str_t text, gee_pool_t *pool, gee_snapshot_t *snapshot,
                        gee_error_t *error);

#endif
