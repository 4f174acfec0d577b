/* control.h: the control socket, by which `geerpc -s` talks to the running master.
 *
 *   geerpc -s reload --"reload\n"--> master; master --"line\n" ... "ok\n" | "failed\n"--> stdout | stderr, exit status
 *
 * While another binary starts there may be a moment without a socket: geerpc -s waits. The
 * answer to stop and quit is the end of the connection, when the master's process ends. The answer to upgrade is a
 * text; the connection ends with the old master if that ends in time. */
#ifndef GEE_PROC_CONTROL_H
#define GEE_PROC_CONTROL_H

#include <stdio.h>

#include "core/event/loop.h"

#define GEE_OLD_NAME ".oldbin" /* suffix of the files of a master that another binary replaces */

typedef struct gee_control gee_control_t;

typedef struct gee_control_client {
    gee_link_t link; /* in control->clients */
    gee_control_t *control;
    gee_watch_t watch;
    gee_timer_t timer; /* limits the time for the client's line, and for reading the answer */
    char line[128];
    size_t line_length;
    bool asked;       /* the line was reported, the answer is not sent */
    unsigned waiting; /* gee_waits_t (waiters.h) */
    char *answer;
    size_t answer_length, answer_sent;
} gee_control_client_t;

struct gee_control {
    gee_loop_t *loop;
    gee_log_t *log;
    const char *path;
    gee_watch_t watch; /* descriptor -1: closed */
    gee_timer_t retry; /* until the socket is watched again after a failed accept */
    gee_list_t clients;
    size_t client_count;
    void (*asked)(gee_control_client_t *client, const char *command, void *data);
    void *data;
};

/* Opens the socket at an absolute path, mode 0600; a stale socket file is replaced. The caller sets `asked` and
 * `data` before the loop runs. */
int gee_control_open(gee_control_t *control, gee_loop_t *loop, gee_log_t *log, const char *path, gee_error_t *error);
/* Renames the socket to another absolute path (kept, not copied) and replaces a file there. -1: the socket keeps its
 * path. */
int gee_control_move(gee_control_t *control, const char *path, gee_error_t *error);
/* Removes and closes the socket. Clients that wait for the end of the process go on waiting: their descriptors stay
 * open. */
void gee_control_close(gee_control_t *control);
/* In a child: closes the descriptors. */
void gee_control_forget(const gee_control_t *control);
/* Sends `text` (lines; null: no text) and the outcome, then closes the connection. Precondition: the client has no
 * answer yet. */
void gee_control_answer(gee_control_client_t *client, bool ok, const char *text);
/* The same, but the connection stays open until the process ends. */
void gee_control_answer_last(gee_control_client_t *client, bool ok, const char *text);

/* ---- the other side: geerpc -s ---- */

/* Sends the command and waits for the outcome. The server's text goes to `out`; the reason of a failure, also that no
 * server runs, goes to `trouble`. Returns the exit status. */
int gee_control_ask(const char *path, const char *command, FILE *out, FILE *trouble);

#endif
