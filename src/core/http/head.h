/* head.h: the lines of a message before its body, or of the trailer behind the body, collected and checked. Between
 * head.c and reader.c only. */
#ifndef GEE_HTTP_HEAD_H
#define GEE_HTTP_HEAD_H

#include "core/base/buf.h"
#include "core/http/reader.h"

typedef struct gee_http_head {
    gee_inbox_t text;  /* all lines, each with its CR LF, the empty last one too */
    size_t line_start; /* in `text`: where the line that is being read begins */
    size_t line_count; /* whole lines */
    bool blank_seen;   /* an empty line came before the first line */
    bool bare_lf;      /* a line may end with a line feed alone */
} gee_http_head_t;

void gee_http_head_init(gee_http_head_t *head, gee_buf_cache_t *cache);
void gee_http_head_reset(gee_http_head_t *head);
/* The lines of a trailer come next: there is no first line, and an empty line may come at once. Called after a
 * reset. */
void gee_http_head_expect_trailer(gee_http_head_t *head);
/* MORE, DONE (the empty line was the last thing consumed) or REFUSED. */
gee_http_progress_t gee_http_head_take(gee_http_head_t *head, gee_http_kind_t kind, const gee_http_limits_t *limits,
                                       const uint8_t *bytes, size_t length, size_t *consumed, gee_http_fault_t *fault);

#endif
