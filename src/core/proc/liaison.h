/* liaison.h: what two masters of one server say to each other while the binary is being replaced: lines of text over a socket
 * pair, a descriptor with some of them.
 *
 *   new --"keep 4 tcp@127.0.0.1:9999", "ready 1 pid 4711: ...", "failed REASON"--> old
 *   both: "workers 2", "going", "take" + descriptor
 *
 * They are of different builds. "keep", "ready VERSION" and "failed" stay as they are for good; the rest is of the version
 * below, and is said only to a master of the same one: without it connections stay where they are until they end. */
#ifndef GEE_PROC_LIAISON_H
#define GEE_PROC_LIAISON_H

#include "core/event/loop.h"

#define GEE_LIAISON_VERSION 1u
#define GEE_LIAISON_TEXT    8192 /* of one line, its end included; a longer reason is cut */

typedef struct gee_liaison gee_liaison_t;
struct gee_liaison {
    gee_loop_t *loop;
    gee_watch_t watch; /* its descriptor: -1 while there is none */
    /* `rest`: what follows the first word. `descriptor`, -1 when none came, is the callee's. */
    void (*said)(gee_liaison_t *liaison, const char *word, const char *rest, int descriptor);
    /* The other side is gone; the liaison is closed already. */
    void (*ended)(gee_liaison_t *liaison);
};

/* Takes the descriptor, an end of gee_rights_pair(). The structure is the caller's, with said and ended set. */
int gee_liaison_open(gee_liaison_t *liaison, gee_loop_t *loop, int descriptor, gee_error_t *error);
/* Over the bare socket. -1: the other side is gone, or does not read. */
int gee_liaison_tell(int socket, int descriptor, const char *format, ...) GEE_PRINTF(3, 4);
/* Hands on what has arrived and was not read yet. */
void gee_liaison_read(gee_liaison_t *liaison);
/* Allowed when it is closed. `ended` is not called. */
void gee_liaison_close(gee_liaison_t *liaison);

#endif
