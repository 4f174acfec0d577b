/* slots.h: which worker of a crew serves which listening socket. */
#ifndef GEE_PROC_SLOTS_H
#define GEE_PROC_SLOTS_H

#include "core/proc/crew.h"

/* A worker has become ready: assigns sockets to the worker. */
void gee_slots_serve(gee_crew_t *crew, gee_worker_t *worker);
/* Assigns slots anew, after a worker died or a listener got more slots. */
void gee_slots_assign(gee_crew_t *crew);
/* A worker is gone: its slots have no owner. */
void gee_slots_forget(gee_crew_t *crew, const gee_worker_t *worker);
/* The crew leaves: tells the workers to accept the connections in the queues of each listener for which emptied() is
 * true (`emptied` null: of all listeners). */
void gee_slots_empty(gee_crew_t *crew, bool (*emptied)(const gee_listener_t *listener, void *data), void *data);

#endif
