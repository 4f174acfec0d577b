/* slots.h: which worker of a crew serves which listening socket. */
#ifndef GEE_PROC_SLOTS_H
#define GEE_PROC_SLOTS_H

#include "core/proc/crew.h"

/* A worker has become ready: it gets what it shall serve. */
void gee_slots_serve(gee_crew_t *crew, gee_worker_t *worker);
/* Brings slots to those who shall have them now: after a worker died, or slots became more. */
void gee_slots_assign(gee_crew_t *crew);
/* A worker is gone. */
void gee_slots_forget(gee_crew_t *crew, const gee_worker_t *worker);
/* The crew leaves: tells its workers to accept what waits in the queues of those listeners (null: of all). */
void gee_slots_empty(gee_crew_t *crew, bool (*emptied)(const gee_listener_t *listener, void *data), void *data);

#endif
