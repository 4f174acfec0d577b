/* load_private.h: what the files of the load share: its threads, their connections, and counting.
 *
 *   load.c: threads, calls --> load_stream.c: a stream on each connection
 *        '-> load_count.c <---------------' */
#ifndef GEE_TOOLS_LOAD_PRIVATE_H
#define GEE_TOOLS_LOAD_PRIVATE_H

#include "tools/load.h"

typedef struct lane lane_t;
typedef struct worker worker_t;

/* A call in flight. */
typedef struct slot {
    lane_t *lane;
    int64_t due; /* the call is measured from here; 0: the slot is free */
    struct slot *next;
} slot_t;

/* A connection. */
struct lane {
    worker_t *worker;
    gee_client_t *client;
    slot_t *slots, *free;
    size_t slots_used, in_flight;
    bool lost;
    gee_client_stream_t *stream; /* null: none, or no load of streams */
    bool finished;               /* the stream has its last message */
    uint64_t waiting, oldest;    /* messages without a reply, in `slots` as a ring; the oldest of them */
    int64_t redial;              /* of a lost connection: the next dial is not before then */
};

struct worker {
    load_t *load;
    pthread_t thread;
    bool started;
    gee_runtime_t *runtime;
    lane_t *lanes;
    size_t lane_count, next_lane, lanes_lost;
    int64_t all_lost; /* since when every connection is lost; valid while so */
    uint64_t redialled;
    uint64_t in_flight;
    uint64_t left;  /* measured calls that may still begin */
    bool beginning; /* inside gee_client_go() */
    bool closing;   /* calls that end now are not counted */
    bool refused;   /* a call could not begin, because of `error` */
    gee_error_t error;

    /* An open loop's next call. */
    double offset; /* from load->start */
    int64_t due;
    int64_t end; /* calls due from then on do not begin: load->end, or when the load was stopped */
    uint64_t random;

    histogram_t times;
    int64_t last_answer;
    load_error_t errors[LOAD_TEXTS + 1];
    _Atomic uint64_t replies, error_replies, unanswered, warmups; /* written by this thread only */
};

struct load {
    const arguments_t *arguments;
    const char *json;
    gee_call_options_t options;
    bool streams;      /* each connection has a stream, in the place of calls */
    who_streams_t who; /* with `streams` */
    size_t depth;
    int64_t start, begin, end; /* calls due from `begin` on are measured; no call is due from `end` on */
    worker_t *workers;
    size_t worker_count;
    int finished; /* eventfd, readable when every thread has finished */
    atomic_size_t running;
    atomic_bool stop;
};

/* ---- load_count.c ---- */
/* Marks a lost connection, to be dialled anew; a call that can never be sent ends the bench. */
void gee_load_judge(lane_t *lane, const gee_error_t *error);
/* A call, or a message with its reply, that was due then has ended. */
void gee_load_count(worker_t *worker, int64_t due, const gee_error_t *error, int64_t now);
/* A message of a stream in one direction. */
void gee_load_count_message(worker_t *worker, int64_t now);
/* True: a closed loop may begin another call, or message, now. */
bool gee_load_may_begin(const worker_t *worker, int64_t now);

/* ---- load_stream.c ---- */
/* Opens the connection's stream where there is none, and sends and receives as far as both can. */
void gee_load_stream_go(lane_t *lane);
/* After the last message: a stream from the client is finished, and its reply waited for as a call in flight; other
 * streams are over. */
void gee_load_stream_finish(lane_t *lane);
/* Counts messages without a reply as errors. */
void gee_load_stream_count_unanswered(lane_t *lane, const gee_error_t *error, int64_t now);

#endif
