/* segment.h: between buf.c and chain.c only: the nodes of chains come from the buffer cache's free list too. */
#ifndef GEE_BASE_SEGMENT_H
#define GEE_BASE_SEGMENT_H

#include "core/base/buf.h"

gee_segment_t *gee_segment_take(gee_buf_cache_t *cache); /* null: out of memory; the fields are not set */
/* Releases the segment's buffer too. */
void gee_segment_release(gee_buf_cache_t *cache, gee_segment_t *segment);

#endif
