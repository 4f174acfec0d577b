/* page.h: a server's /debug/geerpc in JSON, printed as tables by geectl status and geectl top. */
#ifndef GEE_TOOLS_PAGE_H
#define GEE_TOOLS_PAGE_H

#include "tools/json.h"
#include "tools/tools.h"

typedef struct page {
    cJSON *tree; /* null: none */
    char *text;  /* the JSON text of the tree; null: none */
    int64_t fetched;
} page_t;

/* Fetches the page of arguments->items[0], an address or a URL. -1: failed, with the exit status in *status and the
 * reason in *error. */
int gee_page_fetch(const arguments_t *arguments, page_t *page, int *status, gee_error_t *error);
void gee_page_clear(page_t *page);

/* Prints the page in at most `lines` lines: numbers since the start. With `before`, an earlier page of the same server:
 * numbers a second, and the busiest methods first. */
void gee_page_print(const arguments_t *arguments, const page_t *page, const page_t *before, size_t lines);

#endif
