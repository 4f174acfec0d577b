/* load.h: the load that geectl bench makes: threads, each with a runtime of its own and a share of the connections.
 *
 *   open -> dials everything, on the caller's thread
 *   start -> thread: begin calls that are due -> gee_runtime_process() -> their ends are counted -> ...
 *   stop, or the end of the time, or of the count -> what is in flight is waited for -> finished
 *
 * A closed loop begins a call where one has ended. An open loop begins calls at times that were fixed before, and measures
 * each from that time, however late it was sent: a server that stalls is charged with the calls that had to wait. A connection
 * that is lost is dialled anew. */
#ifndef GEE_TOOLS_LOAD_H
#define GEE_TOOLS_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "tools/histogram.h"
#include "tools/tools.h"

#define LOAD_TEXTS 16 /* different errors that are told apart */

/* Some error, and how often. */
typedef struct load_error {
    char *text; /* null: the rest, of all other texts */
    uint64_t count;
} load_error_t;

/* What was measured: calls that were due after the warm-up. */
typedef struct load_result {
    histogram_t times; /* of all of them; the time that it was waited for where no answer came */
    uint64_t replies, error_replies, unanswered; /* all of them */
    uint64_t redialled;                          /* connections that were lost and made anew */
    double seconds;                              /* from the end of the warm-up to the last answer */
    load_error_t errors[LOAD_TEXTS + 1];
    size_t error_count;
} load_result_t;

typedef struct load load_t;

/* Null: failed, with the exit status in *status, and said so. `json` outlives it. */
load_t *gee_load_open(const arguments_t *arguments, const char *json, int *status);
/* -1: failed, and said so. */
int gee_load_start(load_t *load);
/* Readable when every thread has finished. */
int gee_load_descriptor(const load_t *load);
void gee_load_stop(load_t *load);
/* Any time: how many calls were answered and how many failed so far, warm-up included. */
void gee_load_progress(load_t *load, uint64_t *answered, uint64_t *failed);
/* Waits for the threads. Null: a call could not even be begun, with the exit status in *status, and said so. To be given to
 * gee_load_result_free(). */
load_result_t *gee_load_finish(load_t *load, int *status);
void gee_load_result_free(load_result_t **result);
size_t gee_load_threads(const load_t *load);
size_t gee_load_depth(const load_t *load);
void gee_load_close(load_t **load);

#endif
