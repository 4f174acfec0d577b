/* worker_silent.c: connections that have sent nothing yet, and the choice of the connection that makes room near a
 * limit.
 *
 *   accepted -> silent [ . . . . . ] -> established: removed
 *                          '-> near a limit, a new connection comes: a random one is closed
 *
 * Otherwise a client that opens connections and stays silent would hold every place until the handshake's timeout,
 * again and again. So silent connections make room for each other, and a client that speaks at once is not silent any
 * more when its turn comes. */
#include <stdlib.h>
#include <sys/socket.h>

#include "core/base/assert.h"
#include "core/proc/worker_private.h"

#define CANDIDATES 4 /* of these few the oldest is closed; proven connections are closed last */

void gee_worker_silent_add(gee_worker_connection_t *connection, int descriptor) {
    GEE_ASSERT(connection->silent_place == 0);
    gee_worker_silent_t *silent = &connection->process->silent;
    if (silent->count == silent->capacity) {
        size_t capacity = silent->capacity ? 2 * silent->capacity : 64;
        gee_worker_connection_t **all = reallocarray(silent->all, capacity, sizeof(gee_worker_connection_t *));
        if (all == NULL)
            return; /* the connection is not in the table, so it makes room for none */
        silent->all = all;
        silent->capacity = capacity;
    }
    silent->all[silent->count++] = connection;
    connection->silent_place = (uint32_t)silent->count;
    connection->descriptor = descriptor;
}

void gee_worker_silent_remove(gee_worker_connection_t *connection) {
    gee_worker_silent_t *silent = &connection->process->silent;
    if (connection->silent_place == 0)
        return;
    gee_worker_connection_t *last = silent->all[--silent->count];
    silent->all[connection->silent_place - 1] = last;
    last->silent_place = connection->silent_place;
    connection->silent_place = 0;
}

void gee_worker_silent_finish(gee_worker_process_t *process) {
    free(process->silent.all);
    process->silent = (gee_worker_silent_t){ 0 };
}

/* Above three quarters of the limit: true with a probability that grows to 1 near the limit. */
static bool is_crowded(gee_worker_silent_t *silent, size_t count, int64_t limit) {
    size_t most = (size_t)limit, start = most - most / 4, stop = most - most / 16;
    return limit > 0 && count > start && gee_random_below(&silent->random, stop - start) < count - start;
}

static bool has_proven(const gee_worker_connection_t *connection) {
    return gee_door_required_layer(connection->entry->layers) != NULL && !connection->unproven;
}

/* Is `one` to be closed before `other`? */
static bool goes_before(const gee_worker_connection_t *one, const gee_worker_connection_t *other) {
    if (has_proven(one) != has_proven(other))
        return has_proven(other);
    return one->accepted_ns < other->accepted_ns;
}

/* Null: the candidates were accepted in this pass, and their first bytes are not read yet. */
static gee_worker_connection_t *pick(gee_worker_silent_t *silent, int64_t now_ns) {
    gee_worker_connection_t *first = silent->all[gee_random_below(&silent->random, silent->count)];
    for (int i = 1; i < CANDIDATES; i++) {
        gee_worker_connection_t *other = silent->all[gee_random_below(&silent->random, silent->count)];
        if (goes_before(other, first))
            first = other;
    }
    return first->accepted_ns < now_ns ? first : NULL;
}

void gee_worker_silent_make_room(gee_worker_process_t *process, size_t unproven) {
    const gee_connection_settings_t *limits = &gee_cycle_settings(process->cycle)->connections;
    gee_worker_silent_t *silent = &process->silent;
    if (silent->random == 0)
        silent->random = (uint64_t)gee_clock_wall() ^ (uint64_t)(uintptr_t)process;
    size_t total = gee_worker_count_total(process); /* the new connection included */
    if (silent->count == 0 || (!is_crowded(silent, process->descriptors, limits->connections) &&
                               !is_crowded(silent, total > 0 ? total - 1 : 0, limits->total_connections) &&
                               !is_crowded(silent, unproven, limits->unauthenticated)))
        return;
    gee_worker_connection_t *connection = pick(silent, gee_loop_now(process->loop));
    if (connection == NULL)
        return;
    gee_worker_silent_remove(connection);
    (void)shutdown(connection->descriptor, SHUT_RDWR); /* the stream reads the end, and closes the connection */
    if (gee_worker_is_news(process, &process->shed_ns))
        gee_log(process->log, GEE_LOG_WARN,
                "many connections: those that are silent are closed for others (limits.connections, "
                "limits.total_connections, limits.unauthenticated)");
}
