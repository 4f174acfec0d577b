/* load.h: the load of geectl bench: threads, each with a runtime of its own and a share of the connections.
 *
 *   open -> dials all connections, on the caller's thread
 *   start -> thread: begin calls that are due -> gee_runtime_process() -> their ends are counted -> ...
 *   stop, or the end of the time, or of the count -> what is in flight is waited for -> finished
 *
 * A closed loop begins a call when a call has ended. An open loop begins calls at times that were fixed before, and
 * measures each call from that time, however late the call was sent: so the wait for a server that stalls is measured.
 * A connection that is lost is dialled anew. */
#ifndef GEE_TOOLS_LOAD_H
#define GEE_TOOLS_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/histogram.h"
#include "tools/tools.h"

#define LOAD_TEXTS 16 /* distinct texts of errors that are counted each */

/* An error, and how often. */
typedef struct load_error {
    char *text; /* null: all other texts */
    uint64_t count;
} load_error_t;

/* The measurement: calls that were due after the warm-up. */
typedef struct load_result {
    histogram_t times;                           /* of all calls; without an answer: how long the bench has waited */
    uint64_t replies, error_replies, unanswered; /* together: all calls */
    uint64_t redialled;                          /* connections that were lost and made anew */
    double seconds;                              /* from the end of the warm-up to the last answer */
    load_error_t errors[LOAD_TEXTS + 1];
    size_t error_count;
} load_result_t;

typedef struct load load_t;

/* Null: failed, after a complaint, with the exit status in *status. `json` must outlive the load. `streams`: each
 * connection has a stream, on which messages go one after another; null: calls. */
load_t *gee_load_open(const arguments_t *arguments, const char *json, const who_streams_t *streams, int *status);
/* -1: failed, after a complaint. */
int gee_load_start(load_t *load);
/* Readable when every thread has finished. */
int gee_load_descriptor(const load_t *load);
void gee_load_stop(load_t *load);
/* At any time: how many calls were answered and how many failed so far, with the warm-up. */
void gee_load_progress(load_t *load, uint64_t *answered, uint64_t *failed);
/* Waits for the threads. The result is for gee_load_result_free(). Null: a call could not be begun; after a complaint,
 * with the exit status in *status. */
load_result_t *gee_load_finish(load_t *load, int *status);
void gee_load_result_free(load_result_t **result);
size_t gee_load_threads(const load_t *load);
size_t gee_load_depth(const load_t *load);
void gee_load_close(load_t **load);

#endif
