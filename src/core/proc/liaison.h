/* liaison.h: messages between two masters of one server while the binary is being replaced: lines of text over a
 * socket pair, some with a descriptor.
 *
 *   new --"keep 4 tcp@127.0.0.1:9999", "ready 1 pid 4711: ...", "failed REASON"--> old
 *   both: "workers 2", "going", "take" + descriptor
 *
 * The two are different builds. "keep", "ready VERSION" and "failed" never change; the other messages belong to the
 * version below, and are sent only to a master of the same version: to another version no connections are passed on. */
#ifndef GEE_PROC_LIAISON_H
#define GEE_PROC_LIAISON_H

#include "core/event/loop.h"

#define GEE_LIAISON_VERSION 1u
#define GEE_LIAISON_TEXT    8192 /* of one line with its end; a longer reason is cut */

typedef struct gee_liaison gee_liaison_t;
struct gee_liaison {
    gee_loop_t *loop;
    gee_watch_t watch; /* descriptor -1: closed */
    /* `rest`: the text after the first word. The callee takes the descriptor (-1: none came). */
    void (*said)(gee_liaison_t *liaison, const char *word, const char *rest, int descriptor);
    /* The other master is gone. The liaison is closed already. */
    void (*ended)(gee_liaison_t *liaison);
};

/* Takes the descriptor, an end of gee_rights_pair(). Precondition: `said` and `ended` are set. */
int gee_liaison_open(gee_liaison_t *liaison, gee_loop_t *loop, int descriptor, gee_error_t *error);
/* Sends one line over the socket. -1: the other side is gone, or does not read. */
int gee_liaison_tell(int socket, int descriptor, const char *format, ...) GEE_PRINTF(3, 4);
/* Reports the lines that have arrived and were not read yet. */
void gee_liaison_read(gee_liaison_t *liaison);
/* A closed liaison stays closed. `ended` is not called. */
void gee_liaison_close(gee_liaison_t *liaison);

#endif
