/* load_count.c: what becomes of calls and messages, counted in their thread. */
#include <stdlib.h>
#include <string.h>

#include "tools/load_private.h"

static void count_one(_Atomic uint64_t *counter) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Counts the text without the time spent, which differs each time: "tcp@a:1: connect: Connection refused (0.2 ms)". */
static void note_error(worker_t *worker, const gee_error_t *error) {
    size_t length = strlen(error->text), i = 0;
    const char *bracket = strrchr(error->text, '(');
    if (!error->from_peer && bracket > error->text && error->text[length - 1] == ')')
        length = (size_t)(bracket - error->text) - 1;
    for (; i < LOAD_TEXTS && worker->errors[i].text != NULL; i++)
        if (strlen(worker->errors[i].text) == length && memcmp(worker->errors[i].text, error->text, length) == 0)
            break;
    if (i < LOAD_TEXTS && worker->errors[i].text == NULL)
        worker->errors[i].text = strndup(error->text, length); /* null: counted with all other texts */
    worker->errors[i].count++;
}

static void lose(lane_t *lane) {
    worker_t *worker = lane->worker;
    lane->lost = true;
    lane->redial = 0;
    if (++worker->lanes_lost == worker->lane_count)
        worker->all_lost = gee_now();
}

void gee_load_judge(lane_t *lane, const gee_error_t *error) {
    worker_t *worker = lane->worker;
    if (error->from_peer || error->code == GEE_DEADLINE_EXCEEDED || lane->lost)
        return;
    lose(lane);
    if (error->phase == GEE_PHASE_NONE) {
        worker->refused = true;
        worker->error = *error;
        atomic_store(&worker->load->stop, true);
    }
}

void gee_load_count(worker_t *worker, int64_t due, const gee_error_t *error, int64_t now) {
    bool answered = error == NULL || error->from_peer;
    if (due < worker->load->begin) {
        count_one(&worker->warmups);
        return;
    }
    gee_histogram_add(&worker->times, now - due);
    count_one(error == NULL ? &worker->replies : answered ? &worker->error_replies : &worker->unanswered);
    if (error != NULL)
        note_error(worker, error);
    if (answered)
        worker->last_answer = now;
}

void gee_load_count_message(worker_t *worker, int64_t now) {
    bool measured = now >= worker->load->begin;
    count_one(measured ? &worker->replies : &worker->warmups);
    if (!measured)
        return;
    worker->last_answer = now;
    worker->left--;
}

bool gee_load_may_begin(const worker_t *worker, int64_t now) {
    const load_t *load = worker->load;
    return now < load->end && worker->left > 0 && !atomic_load_explicit(&load->stop, memory_order_relaxed);
}
