/* pairs.h: who passes its connections on to whom, in the master.
 *
 *   worker that leaves --GIVE, one end of a socket pair--+--the other end, TAKE-- worker that serves
 *
 * The master only makes the pair: what goes over it, keys of sealed channels among it, it never sees (handover.h). */
#ifndef GEE_PROC_PAIRS_H
#define GEE_PROC_PAIRS_H

#include "core/proc/crew.h"

#define GEE_PAIRS_MOST 8 /* for one worker */

/* Each sends the end, of gee_rights_pair(), which stays the caller's to close. -1: the worker cannot be told. A worker gives
 * in turn to all that it was told of with the highest `set`, and to no others. */
int gee_worker_give(gee_worker_t *worker, int end, uint32_t set);
int gee_worker_take(gee_worker_t *worker, int end);
/* -1, and that the worker could not be told. */
int gee_worker_deaf(const gee_worker_t *worker, gee_error_t *error);

/* How many workers serve, and the nth of them, counted round and round; null: none does. */
size_t gee_crew_takers(const gee_crew_t *crew);
gee_worker_t *gee_crew_taker(const gee_crew_t *crew, size_t n);
/* Every worker of `from` is paired with several of `to`, to which it gives in turn: so each handover evens out what was not
 * even. Pairs made before do not count any more. Before `from` is told to quit, and again when a worker of `to` has been
 * replaced. What cannot be paired keeps its connections until they end or shutdown_timeout is over; the log says so. */
void gee_crew_hand_over(gee_crew_t *from, const gee_crew_t *to);

#endif
