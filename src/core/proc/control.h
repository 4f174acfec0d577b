/* control.h: the control socket, by which `geerpc -s` talks to the running master.
 *
 *   geerpc -s reload --"reload\n"--> master;   master --"line\n" ... "ok\n" | "failed\n"--> stdout | stderr, exit status
 *
 * While another binary starts there may be a moment in which nobody has the socket: geerpc -s waits for it.
 * The answer to stop and quit is the end of the connection: it comes when the master's process ends. That to upgrade comes
 * before, and the end after it, when the old master ends in time. */
#ifndef GEE_PROC_CONTROL_H
#define GEE_PROC_CONTROL_H

#include <stdio.h>

#include "core/event/loop.h"

#define GEE_OLD_NAME ".oldbin" /* behind the names of the files of a master that another binary is to replace */

typedef struct gee_control gee_control_t;

typedef struct gee_control_client {
    gee_link_t link; /* in the control's clients */
    gee_control_t *control;
    gee_watch_t watch;
    gee_timer_t timer; /* patience with its line, and with its reading */
    char line[128];
    size_t line_length;
    bool asked;       /* its line was handed on; it waits for the answer */
    unsigned waiting; /* for what: the master's */
    char *answer;
    size_t answer_length, answer_sent;
} gee_control_client_t;

struct gee_control {
    gee_loop_t *loop;
    gee_log_t *log;
    const char *path;
    gee_watch_t watch; /* its descriptor: -1 while closed */
    gee_timer_t retry; /* to watch again, after a connection could not be accepted */
    gee_list_t clients;
    size_t client_count;
    void (*asked)(gee_control_client_t *client, const char *command, void *data);
    void *data;
};

/* Opens the socket at an absolute path, mode 0600; a stale one is replaced. `asked` and `data` are set by the caller. */
int gee_control_open(gee_control_t *control, gee_loop_t *loop, gee_log_t *log, const char *path, gee_error_t *error);
/* Gives it another absolute path (kept, not copied), in place of whatever is there. -1: it stays where it was. */
int gee_control_move(gee_control_t *control, const char *path, gee_error_t *error);
/* Removes and closes it. Clients that wait for the end of the process go on waiting: their descriptors stay. */
void gee_control_close(gee_control_t *control);
/* In a child. */
void gee_control_forget(const gee_control_t *control);
/* Sends `text` (lines; null: none) and the outcome, then closes. */
void gee_control_answer(gee_control_client_t *client, bool ok, const char *text);
/* The same, but the connection ends with the process. */
void gee_control_answer_last(gee_control_client_t *client, bool ok, const char *text);

/* ---- the other side: geerpc -s ---- */

/* Sends the command and waits for the outcome. What the server says goes to `out`; the reasons of a failure to
 * `trouble`, as does that there is no server. The exit status. */
int gee_control_ask(const char *path, const char *command, FILE *out, FILE *trouble);

#endif
