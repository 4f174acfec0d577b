/* load.c: threads that make calls and measure them. */
#include "tools/load_private.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#define OPEN_DEPTH 1000               /* calls in flight on a connection of an open loop, when --depth is not given */
#define DURATION   (10 * NANOSECONDS) /* when neither --duration nor --count is given */
#define PATIENCE   (2 * NANOSECONDS)  /* for calls in flight at the end */
#define GLANCE     (NANOSECONDS / 20) /* how often a thread looks whether to stop */
#define REDIAL     (NANOSECONDS / 10) /* pause after a dial that failed */
#define NO_SERVER  (3 * NANOSECONDS)  /* a thread without any connection for so long ends */

/* ---- the end of a call ---- */

static void give_back(slot_t *slot) {
    lane_t *lane = slot->lane;
    slot->due = 0;
    slot->next = lane->free;
    lane->free = slot;
    lane->in_flight--;
    lane->worker->in_flight--;
}

static void begin_call(lane_t *lane, int64_t due);

static void call_done(gee_pending_t *pending, void *data) {
    slot_t *slot = data;
    lane_t *lane = slot->lane;
    worker_t *worker = lane->worker;
    const gee_error_t *error = gee_pending_error(pending);
    int64_t now = gee_now(), due = slot->due;
    give_back(slot);
    if (worker->closing)
        return;
    gee_load_count(worker, due, error, now);
    if (error != NULL)
        gee_load_judge(lane, error);
    /* Inside gee_client_go() a call that begins here would recurse without bound; the thread's loop begins the call. */
    if (worker->load->arguments->rate == 0 && !worker->beginning && !lane->lost && gee_load_may_begin(worker, now))
        begin_call(lane, now);
}

/* ---- the beginning of a call ---- */

static void begin_call(lane_t *lane, int64_t due) {
    worker_t *worker = lane->worker;
    const load_t *load = worker->load;
    gee_error_t error;
    slot_t *slot = lane->free ? lane->free : &lane->slots[lane->slots_used++];
    lane->free = slot->next;
    *slot = (slot_t){ .lane = lane, .due = due };
    lane->in_flight++;
    worker->in_flight++;
    if (due >= load->begin)
        worker->left--;
    worker->beginning = true;
    gee_pending_t *pending =
        gee_client_go(lane->client, load->arguments->items[1], load->json, &load->options, call_done, slot, &error);
    worker->beginning = false;
    if (pending != NULL) {
        gee_pending_release(&pending);
        return;
    }
    give_back(slot);
    gee_load_count(worker, due, &error, gee_now());
    gee_load_judge(lane, &error);
}

/* The next connection that takes a call; null: all are lost or full. */
static lane_t *next_lane(worker_t *worker) {
    for (size_t i = 0; i < worker->lane_count; i++) {
        lane_t *lane = &worker->lanes[worker->next_lane];
        worker->next_lane = (worker->next_lane + 1) % worker->lane_count;
        if (!lane->lost && lane->in_flight < worker->load->depth)
            return lane;
    }
    return NULL;
}

static void begin_closed(worker_t *worker) {
    for (size_t i = 0; i < worker->lane_count; i++) {
        lane_t *lane = &worker->lanes[i];
        int64_t now = gee_now();
        if (worker->load->streams && !lane->lost)
            gee_load_stream_go(lane);
        while (!worker->load->streams && !lane->lost && lane->in_flight < worker->load->depth &&
               gee_load_may_begin(worker, now))
            begin_call(lane, now);
    }
}

/* 0 < x <= 1 (splitmix64) */
static double draw(worker_t *worker) {
    uint64_t x = worker->random += 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9U;
    x = (x ^ x >> 27) * 0x94d049bb133111ebU;
    return (double)(((x ^ x >> 31) >> 11) + 1) / 9007199254740992.0;
}

/* All threads together make the rate: several Poisson processes together are a Poisson process. */
static void schedule_next(worker_t *worker) {
    const load_t *load = worker->load;
    double gap = (double)NANOSECONDS * (double)load->worker_count / (double)load->arguments->rate;
    worker->offset += strcmp(load->arguments->arrivals, "fixed") == 0 ? gap : -log(draw(worker)) * gap;
    worker->due = load->start + (int64_t)worker->offset;
}

/* Begins the calls that are due. Returns the time until the next call is due, at most GLANCE. */
static int64_t begin_open(worker_t *worker, int64_t now) {
    while (worker->due <= now && worker->due < worker->end && worker->left > 0) {
        lane_t *lane = next_lane(worker);
        if (lane == NULL)
            return GLANCE; /* a call that ends makes room, and ends the wait */
        begin_call(lane, worker->due);
        schedule_next(worker);
    }
    int64_t wait = worker->due - now;
    return wait < 0 ? 0 : wait < GLANCE ? wait : GLANCE;
}

/* ---- lost connections ---- */

static gee_client_t *dial(const worker_t *worker, gee_error_t *error) {
    gee_dial_options_t options = gee_dial_options(worker->load->arguments);
    options.runtime = worker->runtime;
    return gee_dial(worker->load->arguments->items[0], &options, error);
}

static void redial(worker_t *worker, lane_t *lane) {
    gee_client_stream_release(&lane->stream);
    gee_client_close(&lane->client);
    lane->client = dial(worker, NULL);
    if (lane->client == NULL) {
        lane->redial = gee_later(gee_now(), REDIAL);
        return;
    }
    lane->lost = false;
    worker->lanes_lost--;
    worker->redialled++;
}

static void redial_lost(worker_t *worker, int64_t now) {
    for (size_t i = 0; worker->lanes_lost > 0 && i < worker->lane_count; i++)
        if (worker->lanes[i].lost && worker->lanes[i].redial <= now)
            redial(worker, &worker->lanes[i]);
}

/* ---- a thread ---- */

static bool is_without_server(const worker_t *worker, int64_t now) {
    return worker->lanes_lost == worker->lane_count && now - worker->all_lost >= NO_SERVER;
}

static bool is_over(const worker_t *worker, int64_t now) {
    const load_t *load = worker->load;
    return atomic_load_explicit(&load->stop, memory_order_relaxed) || now >= load->end || worker->left == 0 ||
           is_without_server(worker, now);
}

static void process(worker_t *worker, int64_t wait) {
    gee_error_t error;
    if (gee_runtime_process(worker->runtime, wait, &error) == 0)
        return;
    worker->refused = true;
    worker->error = error;
    atomic_store(&worker->load->stop, true);
}

/* Counts calls without an answer with the time waited, and calls that were due and not sent, too. */
static void count_unanswered(worker_t *worker) {
    static const gee_error_t error = { .code = GEE_DEADLINE_EXCEEDED, .text = "no answer until the end" };
    const load_t *load = worker->load;
    int64_t now = gee_now();
    for (size_t i = 0; load->streams && i < worker->lane_count; i++)
        gee_load_stream_count_unanswered(&worker->lanes[i], &error, now);
    for (size_t i = 0; !load->streams && i < worker->lane_count; i++)
        for (size_t j = 0; j < worker->lanes[i].slots_used; j++)
            if (worker->lanes[i].slots[j].due != 0)
                gee_load_count(worker, worker->lanes[i].slots[j].due, &error, now);
    if (load->arguments->rate == 0 || worker->lanes_lost == worker->lane_count)
        return;
    for (; worker->due < worker->end && worker->left > 0; worker->left--) {
        gee_load_count(worker, worker->due, &error, now);
        schedule_next(worker);
    }
}

/* True: a call is in flight, or was due in time and has found no room yet. */
static bool has_more(const worker_t *worker) {
    const load_t *load = worker->load;
    if (worker->in_flight > 0)
        return true;
    return load->arguments->rate > 0 && worker->due < worker->end && worker->left > 0 &&
           worker->lanes_lost < worker->lane_count;
}

static void finish_begun(worker_t *worker) {
    int64_t patience = gee_now() + PATIENCE;
    for (size_t i = 0; worker->load->streams && i < worker->lane_count; i++)
        gee_load_stream_finish(&worker->lanes[i]);
    while (has_more(worker) && !worker->refused && gee_now() < patience) {
        if (worker->load->arguments->rate > 0)
            (void)begin_open(worker, worker->end);
        process(worker, GLANCE);
    }
}

static void *run_worker(void *argument) {
    worker_t *worker = argument;
    load_t *load = worker->load;
    int64_t now;
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* so that an open loop can wait for short times */
    for (now = gee_now(); !is_over(worker, now); now = gee_now()) {
        int64_t wait = GLANCE;
        redial_lost(worker, now);
        if (load->arguments->rate > 0)
            wait = begin_open(worker, now);
        else
            begin_closed(worker);
        process(worker, wait);
    }
    if (now < worker->end)
        worker->end = now;
    finish_begun(worker);
    if (!worker->refused)
        count_unanswered(worker);
    worker->closing = true;
    if (atomic_fetch_sub(&load->running, 1) == 1)
        (void)!write(load->finished, &(uint64_t){ 1 }, sizeof(uint64_t));
    return NULL;
}

/* ---- beginning and end ---- */

static int open_lane(worker_t *worker, lane_t *lane, gee_error_t *error) {
    lane->worker = worker;
    lane->slots = calloc(worker->load->depth, sizeof(*lane->slots));
    if (lane->slots == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory for so many calls: a smaller --depth");
    lane->client = dial(worker, error);
    return lane->client ? 0 : -1;
}

/* The share of number `index` of `count` in `total`. */
static uint64_t share(uint64_t total, size_t index, size_t count) {
    return total / count + (index < total % count ? 1 : 0);
}

static int open_worker(load_t *load, size_t index, gee_error_t *error) {
    worker_t *worker = &load->workers[index];
    worker->load = load;
    worker->random = (uint64_t)gee_now() + index;
    worker->left = load->arguments->calls ? share(load->arguments->calls, index, load->worker_count) : UINT64_MAX;
    worker->lane_count = share(load->arguments->connections, index, load->worker_count);
    worker->lanes = calloc(worker->lane_count, sizeof(*worker->lanes));
    if (worker->lanes == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    worker->runtime = gee_runtime_create(GEE_RUNTIME_MANUAL, error);
    if (worker->runtime == NULL)
        return -1;
    for (size_t i = 0; i < worker->lane_count; i++)
        if (open_lane(worker, &worker->lanes[i], error) != 0)
            return -1;
    return 0;
}

static size_t choose_threads(const arguments_t *arguments) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t threads = arguments->threads ? arguments->threads : processors > 2 ? (uint64_t)processors / 2 : 1;
    return (size_t)(threads < arguments->connections ? threads : arguments->connections);
}

static int prepare(load_t *load, gee_error_t *error) {
    const arguments_t *arguments = load->arguments;
    load->options = (gee_call_options_t){ .size = sizeof(load->options),
                                          .timeout_ns = arguments->timeout,
                                          .metadata = arguments->metadata,
                                          .metadata_count = arguments->metadata_count };
    load->depth = (size_t)(arguments->depth ? arguments->depth : arguments->rate ? OPEN_DEPTH : 1);
    load->worker_count = choose_threads(arguments);
    load->workers = calloc(load->worker_count, sizeof(*load->workers));
    load->finished = eventfd(0, EFD_CLOEXEC);
    if (load->workers == NULL || load->finished < 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "cannot begin: %s", strerror(errno));
    for (size_t i = 0; i < load->worker_count; i++)
        if (open_worker(load, i, error) != 0)
            return -1;
    return 0;
}

load_t *gee_load_open(const arguments_t *arguments, const char *json, const who_streams_t *streams, int *status) {
    gee_error_t error;
    load_t *load = calloc(1, sizeof(*load));
    *status = EXIT_USAGE;
    if (load == NULL) {
        gee_complain("out of memory");
        return NULL;
    }
    load->arguments = arguments;
    load->json = json;
    load->streams = streams != NULL;
    if (streams != NULL)
        load->who = *streams;
    load->finished = -1;
    if (prepare(load, &error) == 0)
        return load;
    *status = gee_report_error(&error);
    gee_load_close(&load);
    return NULL;
}

int gee_load_start(load_t *load) {
    const arguments_t *arguments = load->arguments;
    int64_t duration = arguments->duration ? arguments->duration : arguments->calls ? INT64_MAX : DURATION;
    load->start = gee_now();
    load->begin = gee_later(load->start, arguments->warmup);
    load->end = gee_later(load->begin, duration);
    atomic_store(&load->running, load->worker_count);
    for (size_t i = 0; i < load->worker_count; i++) {
        worker_t *worker = &load->workers[i];
        /* With evenly spaced calls, so that threads do not begin theirs at the same time. */
        worker->offset = arguments->rate ? (double)NANOSECONDS * (double)i / (double)arguments->rate : 0;
        worker->due = load->start + (int64_t)worker->offset;
        worker->end = load->end;
        int failure = pthread_create(&worker->thread, NULL, run_worker, worker);
        if (failure != 0) {
            gee_complain("cannot start thread %zu: %s", i + 1, strerror(failure));
            atomic_store(&load->stop, true);
            return -1;
        }
        worker->started = true;
    }
    return 0;
}

int gee_load_descriptor(const load_t *load) {
    return load->finished;
}

size_t gee_load_threads(const load_t *load) {
    return load->worker_count;
}

size_t gee_load_depth(const load_t *load) {
    return load->depth;
}

void gee_load_stop(load_t *load) {
    atomic_store(&load->stop, true);
}

void gee_load_progress(load_t *load, uint64_t *answered, uint64_t *failed) {
    *answered = *failed = 0;
    for (size_t i = 0; i < load->worker_count; i++) {
        worker_t *worker = &load->workers[i];
        *answered += atomic_load_explicit(&worker->replies, memory_order_relaxed) +
                     atomic_load_explicit(&worker->error_replies, memory_order_relaxed) +
                     atomic_load_explicit(&worker->warmups, memory_order_relaxed);
        *failed += atomic_load_explicit(&worker->unanswered, memory_order_relaxed) +
                   atomic_load_explicit(&worker->error_replies, memory_order_relaxed);
    }
}

static void join(load_t *load) {
    for (size_t i = 0; i < load->worker_count; i++)
        if (load->workers[i].started) {
            pthread_join(load->workers[i].thread, NULL);
            load->workers[i].started = false;
        }
}

static void close_worker(worker_t *worker) {
    worker->closing = true;
    for (size_t i = 0; worker->lanes != NULL && i < worker->lane_count; i++) {
        gee_client_stream_release(&worker->lanes[i].stream);
        gee_client_close(&worker->lanes[i].client);
        free(worker->lanes[i].slots);
    }
    free(worker->lanes);
    (void)gee_runtime_destroy(&worker->runtime, NULL);
    for (size_t i = 0; i < LOAD_TEXTS; i++)
        free(worker->errors[i].text);
}

void gee_load_close(load_t **slot) {
    load_t *load = *slot;
    *slot = NULL;
    if (load == NULL)
        return;
    atomic_store(&load->stop, true);
    join(load);
    for (size_t i = 0; load->workers != NULL && i < load->worker_count; i++)
        close_worker(&load->workers[i]);
    if (load->finished >= 0)
        close(load->finished);
    free(load->workers);
    free(load);
}

/* ---- the result ---- */

/* Moves the text into the result. */
static void add_error(load_result_t *result, load_error_t *error) {
    for (size_t i = 0; i < result->error_count; i++)
        if (error->text == NULL ? result->errors[i].text == NULL
                                : result->errors[i].text != NULL && strcmp(result->errors[i].text, error->text) == 0) {
            result->errors[i].count += error->count;
            return;
        }
    if (error->text != NULL && result->error_count >= LOAD_TEXTS) { /* the last entry counts all other texts */
        add_error(result, &(load_error_t){ .count = error->count });
        return;
    }
    result->errors[result->error_count++] = *error;
    error->text = NULL;
}

static void add_worker(load_result_t *result, worker_t *worker) {
    gee_histogram_merge(&result->times, &worker->times);
    result->replies += atomic_load(&worker->replies);
    result->error_replies += atomic_load(&worker->error_replies);
    result->unanswered += atomic_load(&worker->unanswered);
    result->redialled += worker->redialled;
    for (size_t i = 0; i <= LOAD_TEXTS; i++)
        if (worker->errors[i].count > 0)
            add_error(result, &worker->errors[i]);
}

load_result_t *gee_load_finish(load_t *load, int *status) {
    int64_t last = load->begin;
    join(load);
    for (size_t i = 0; i < load->worker_count; i++)
        if (load->workers[i].refused) {
            *status = gee_report_error(&load->workers[i].error);
            return NULL;
        }
    load_result_t *result = calloc(1, sizeof(*result));
    if (result == NULL) {
        *status = gee_complain("out of memory");
        return NULL;
    }
    for (size_t i = 0; i < load->worker_count; i++) {
        add_worker(result, &load->workers[i]);
        if (load->workers[i].last_answer > last)
            last = load->workers[i].last_answer;
    }
    result->seconds = (double)(last - load->begin) / (double)NANOSECONDS;
    return result;
}

void gee_load_result_free(load_result_t **result) {
    for (size_t i = 0; *result != NULL && i < (*result)->error_count; i++)
        free((*result)->errors[i].text);
    free(*result);
    *result = NULL;
}
