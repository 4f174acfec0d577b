/* list.h: the intrusive doubly linked list. The link sits in the structure; nothing is allocated. */
#ifndef GEE_BASE_LIST_H
#define GEE_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/assert.h"
#include "core/base/defs.h"

typedef struct gee_link {
    struct gee_link *next, *previous; /* both null while in no list */
} gee_link_t;

typedef struct gee_list {
    gee_link_t head;
} gee_list_t;

static inline void gee_list_init(gee_list_t *list) {
    list->head.next = list->head.previous = &list->head;
}
static inline bool gee_list_empty(const gee_list_t *list) {
    return list->head.next == &list->head;
}
static inline bool gee_link_in_list(const gee_link_t *link) {
    return link->next != NULL;
}
/* Precondition of append and prepend: the link is in no list. */
static inline void gee_list_append(gee_list_t *list, gee_link_t *link) {
    GEE_ASSERT(!gee_link_in_list(link));
    link->next = &list->head;
    link->previous = list->head.previous;
    list->head.previous->next = link;
    list->head.previous = link;
}
static inline void gee_list_prepend(gee_list_t *list, gee_link_t *link) {
    GEE_ASSERT(!gee_link_in_list(link));
    link->previous = &list->head;
    link->next = list->head.next;
    list->head.next->previous = link;
    list->head.next = link;
}
/* Allowed for a link that is in no list; does nothing then. */
static inline void gee_list_remove(gee_link_t *link) {
    if (link->next == NULL)
        return;
    link->next->previous = link->previous;
    link->previous->next = link->next;
    link->next = link->previous = NULL;
}
static inline gee_link_t *gee_list_first(const gee_list_t *list) {
    return gee_list_empty(list) ? NULL : list->head.next;
}
static inline gee_link_t *gee_list_pop(gee_list_t *list) {
    gee_link_t *link = gee_list_first(list);
    if (link)
        gee_list_remove(link);
    return link;
}

/* The loop's body may remove (and free) the current link, and no other. */
#define GEE_LIST_EACH(list, link)                                                                                      \
    for (gee_link_t *link = (list)->head.next, *gee_next_##link = link->next; link != &(list)->head;                   \
         link = gee_next_##link, gee_next_##link = link->next)

#endif
