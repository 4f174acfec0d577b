/* pairs.c: pairs of workers: a giver, which leaves, and a taker of its connections. In the master. */
#include "core/proc/pairs.h"

#include <unistd.h>

#include "core/event/rights.h"

int gee_worker_give(gee_worker_t *worker, int end, uint32_t set) {
    gee_message_t message = { .type = GEE_MESSAGE_GIVE, .number = set };
    return gee_channel_send(&worker->channel, &message, end);
}

int gee_worker_take(gee_worker_t *worker, int end) {
    gee_message_t message = { .type = GEE_MESSAGE_TAKE };
    return gee_channel_send(&worker->channel, &message, end);
}

static bool serves(const gee_crew_t *crew, unsigned place) {
    const gee_worker_t *worker = crew->places[place].worker;
    return worker && worker->state == GEE_WORKER_SERVING;
}

size_t gee_crew_takers(const gee_crew_t *crew) {
    size_t count = 0;
    for (unsigned i = 0; i < crew->count; i++)
        count += serves(crew, i);
    return count;
}

gee_worker_t *gee_crew_taker(const gee_crew_t *crew, size_t n) {
    size_t count = gee_crew_takers(crew);
    if (count == 0)
        return NULL;
    n %= count;
    for (unsigned i = 0; i < crew->count; i++)
        if (serves(crew, i) && n-- == 0)
            return crew->places[i].worker;
    return NULL;
}

int gee_worker_deaf(const gee_worker_t *worker, gee_error_t *error) {
    return gee_error_set(error, GEE_UNAVAILABLE,
                         "worker %u (pid %d) takes no messages from the master: it is ending, or stands still",
                         worker->index, (int)worker->pid);
}

static int pair(gee_worker_t *giver, gee_worker_t *taker, gee_error_t *error) {
    int ends[2], result = 0;
    if (gee_rights_pair(ends, error) != 0)
        return -1;
    /* The taker first: connections given without a taker would have to be taken back. */
    if (gee_worker_take(taker, ends[1]) != 0)
        result = gee_worker_deaf(taker, error);
    else if (gee_worker_give(giver, ends[0], giver->crew->give_set) != 0)
        result = gee_worker_deaf(giver, error);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return result;
}

/* Several takers for each giver, so that a giver with many connections spreads them. */
static int pair_with_several(gee_worker_t *giver, const gee_crew_t *to, gee_error_t *error) {
    size_t takers = gee_crew_takers(to);
    if (takers == 0)
        return gee_error_set(error, GEE_UNAVAILABLE, "no worker serves");
    int result = -1;
    for (size_t i = 0; i < takers && i < GEE_PAIRS_MOST; i++)
        if (pair(giver, gee_crew_taker(to, giver->index + i), error) == 0)
            result = 0;
    return result;
}

void gee_crew_hand_over(gee_crew_t *from, const gee_crew_t *to) {
    from->give_set++;
    GEE_LIST_EACH(&from->workers, link) {
        gee_worker_t *giver = GEE_CONTAINER(link, gee_worker_t, link);
        gee_error_t error;
        /* from == to: a crew that has come back (upgrade.h), whose earlier workers still leave. */
        bool leaves = from == to ? giver->state == GEE_WORKER_LEAVING : giver->state != GEE_WORKER_STARTING;
        /* A worker whose channel has ended is about to exit and has nothing to give. */
        if (giver->index < from->count && leaves && !giver->killed && giver->channel.watch.descriptor >= 0 &&
            pair_with_several(giver, to, &error) != 0)
            gee_log(from->log, GEE_LOG_WARN, "worker %u (pid %d) keeps its connections until they end: %s",
                    giver->index, (int)giver->pid, error.text);
    }
}
