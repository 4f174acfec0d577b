/* pairs.h: which worker passes its connections on to which worker, in the master.
 *
 *   worker that leaves --GIVE, one end of a socket pair--+--the other end, TAKE-- worker that serves
 *
 * The master only makes the pair and keeps neither end: records, which hold keys of seals, do not pass through the
 * master (handover_packet.h). */
#ifndef GEE_PROC_PAIRS_H
#define GEE_PROC_PAIRS_H

#include "core/proc/crew.h"

#define GEE_PAIRS_MOST 8 /* takers for one giver */

/* Each sends one end of gee_rights_pair() to the worker; the caller closes its copy. -1: the worker takes no
 * messages. A worker gives to the takers of the highest `set` in turn, and to no others. */
int gee_worker_give(gee_worker_t *worker, int end, uint32_t set);
int gee_worker_take(gee_worker_t *worker, int end);
/* Sets the error for a worker that takes no messages; -1. */
int gee_worker_deaf(const gee_worker_t *worker, gee_error_t *error);

/* The count of serving workers, and the serving worker n modulo that count; null: no worker serves. */
size_t gee_crew_takers(const gee_crew_t *crew);
gee_worker_t *gee_crew_taker(const gee_crew_t *crew, size_t n);
/* Pairs every worker of `from` with several workers of `to`, to which that worker gives in turn, so that a handover
 * spreads connections evenly. Pairs made before are superseded. Called before `from` is told to quit, and again when
 * a worker of `to` has been replaced. A worker that cannot be paired keeps its connections until they end or
 * shutdown_timeout is over, which the log says. */
void gee_crew_hand_over(gee_crew_t *from, const gee_crew_t *to);

#endif
