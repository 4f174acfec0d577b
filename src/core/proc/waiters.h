/* waiters.h: clients of the control socket that wait for an outcome, by the event that they wait for. */
#ifndef GEE_PROC_WAITERS_H
#define GEE_PROC_WAITERS_H

#include "core/proc/control.h"

/* The values of gee_control_client_t's `waiting`. */
typedef enum gee_waits {
    GEE_WAITS_NOTHING,
    GEE_WAITS_RELOAD,
    GEE_WAITS_NEXT_RELOAD, /* the one that begins when the one under way has ended */
    GEE_WAITS_END,
    GEE_WAITS_STATUS,
    GEE_WAITS_UPGRADE,
    GEE_WAITS_NEXT_UPGRADE
} gee_waits_t;

/* Answers every client that waits for the event: gee_control_answer(). */
void gee_waiters_answer(gee_control_t *control, gee_waits_t waits, bool ok, const char *text);
/* The same by gee_control_answer_last(). */
void gee_waiters_answer_last(gee_control_t *control, gee_waits_t waits, bool ok, const char *text);
/* Clients that wait for `from` wait for `to` from now on. */
void gee_waiters_move(gee_control_t *control, gee_waits_t from, gee_waits_t to);

#endif
