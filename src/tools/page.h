/* page.h: the server's /debug/geerpc in JSON, and its tables as geectl status and geectl top show them. */
#ifndef GEE_TOOLS_PAGE_H
#define GEE_TOOLS_PAGE_H

#include "tools/json.h"
#include "tools/tools.h"

typedef struct page {
    cJSON *tree; /* null: none */
    char *text;  /* what it was read from; null: none */
    int64_t fetched;
} page_t;

/* From arguments->items[0], an address or a URL. -1: failed, with the exit status in *status and the reason for a person in
 * *error. */
int gee_page_fetch(const arguments_t *arguments, page_t *page, int *status, gee_error_t *error);
void gee_page_clear(page_t *page);

/* What it shows, in at most `lines`. With `before`, an earlier one of the same server, numbers a second instead of numbers
 * since the start, and the busiest methods first. */
void gee_page_print(const arguments_t *arguments, const page_t *page, const page_t *before, size_t lines);

#endif
