/* cache_line.h: memory by the lines in which processors fetch it. */
#ifndef GEE_BASE_CACHE_LINE_H
#define GEE_BASE_CACHE_LINE_H

#include <stdint.h>
#include <stdlib.h>

#define GEE_CACHE_LINE 64

/* Memory that begins with a line; to be freed with free(). Null: out of memory. `size` is no more than PTRDIFF_MAX. */
static inline void *gee_alloc_lines(size_t size) {
    return aligned_alloc(GEE_CACHE_LINE, (size + GEE_CACHE_LINE - 1) & ~(size_t)(GEE_CACHE_LINE - 1));
}

/* These bytes will be written soon: the processor begins to fetch the lines and goes on meanwhile. A hint: the
 * address need not be valid. */
static inline void gee_fetch_lines(uintptr_t address, size_t length) {
    for (size_t at = 0; at < length; at += GEE_CACHE_LINE)
        __builtin_prefetch((const void *)(address + at), 1);
}

#endif
