/* slots.c: assigns listening sockets to workers, and takes sockets back. In the master. */
#include "core/proc/slots.h"

#include <stdlib.h>
#include <string.h>

static void tell(gee_worker_t *worker, gee_message_type_t type, const gee_listener_t *listener, size_t slot, bool empty,
                 int descriptor) {
    gee_message_t message = {
        .type = (uint32_t)type, .number = listener->id, .slot = (uint32_t)slot, .value = empty ? 1 : 0
    };
    if (gee_channel_send(&worker->channel, &message, descriptor) != 0)
        gee_log(worker->crew->log, GEE_LOG_ERROR, "worker %u (pid %d) cannot be told to %s %s", worker->index,
                (int)worker->pid, type == GEE_MESSAGE_ADOPT ? "serve" : "leave", listener->bound);
}

static gee_worker_t *next_serving(const gee_crew_t *crew, size_t from) {
    for (unsigned i = 0; i < crew->count; i++) {
        gee_worker_t *worker = crew->places[(from + i) % crew->count].worker;
        if (worker && worker->state == GEE_WORKER_SERVING)
            return worker;
    }
    return NULL;
}

/* The worker that a slot belongs to; while that worker is being replaced, the present owner, or the next serving
 * worker. */
static gee_worker_t *choose(const gee_crew_t *crew, size_t slot, gee_worker_t *now) {
    gee_worker_t *home = crew->places[slot % crew->count].worker;
    if (home && home->state == GEE_WORKER_SERVING)
        return home;
    return now ? now : next_serving(crew, slot);
}

static int make_room(gee_cycle_listener_t *entry) {
    size_t slots = entry->listener->slots;
    if (slots <= entry->owner_count)
        return 0;
    gee_worker_t **owners = reallocarray(entry->owners, slots, sizeof(gee_worker_t *));
    if (!owners)
        return -1;
    memset(owners + entry->owner_count, 0, (slots - entry->owner_count) * sizeof(gee_worker_t *));
    entry->owners = owners;
    entry->owner_count = slots;
    return 0;
}

void gee_slots_assign(gee_crew_t *crew) {
    for (size_t k = 0; k < crew->cycle->listener_count; k++) {
        gee_cycle_listener_t *entry = &crew->cycle->listeners[k];
        gee_listener_t *listener = entry->listener;
        if (!listener->socket_per_worker)
            continue;
        if (make_room(entry) != 0)
            gee_log(crew->log, GEE_LOG_CRIT, "%s: out of memory: not every socket is served", listener->bound);
        for (size_t slot = 0; slot < entry->owner_count && slot < listener->slots; slot++) {
            gee_worker_t *owner = entry->owners[slot], *chosen = choose(crew, slot, owner);
            if (owner == chosen)
                continue;
            if (owner)
                tell(owner, GEE_MESSAGE_RELEASE, listener, slot, false, -1);
            if (chosen)
                tell(chosen, GEE_MESSAGE_ADOPT, listener, slot, false, listener->sockets[slot]);
            entry->owners[slot] = chosen;
        }
    }
}

void gee_slots_serve(gee_crew_t *crew, gee_worker_t *worker) {
    for (size_t k = 0; k < crew->cycle->listener_count; k++) {
        gee_listener_t *listener = crew->cycle->listeners[k].listener;
        for (size_t slot = 0; !listener->socket_per_worker && slot < listener->slots; slot++)
            tell(worker, GEE_MESSAGE_ADOPT, listener, slot, false, listener->sockets[slot]);
    }
    gee_slots_assign(crew);
}

void gee_slots_forget(gee_crew_t *crew, const gee_worker_t *worker) {
    for (size_t k = 0; k < crew->cycle->listener_count; k++) {
        gee_cycle_listener_t *entry = &crew->cycle->listeners[k];
        for (size_t slot = 0; slot < entry->owner_count; slot++)
            if (entry->owners[slot] == worker)
                entry->owners[slot] = NULL;
    }
}

/* Slots that another master serves, too, are not emptied. */
static void empty_slots(gee_cycle_listener_t *entry) {
    for (size_t slot = entry->listener->lent; slot < entry->owner_count; slot++) {
        if (entry->owners[slot])
            tell(entry->owners[slot], GEE_MESSAGE_RELEASE, entry->listener, slot, true, -1);
        entry->owners[slot] = NULL;
    }
}

/* A slot without an owner (its worker starts again) goes to any serving worker, which empties the queue. */
static void adopt_orphans(const gee_crew_t *crew, gee_cycle_listener_t *entry) {
    for (size_t slot = entry->listener->lent; slot < entry->owner_count; slot++) {
        gee_worker_t *other = entry->owners[slot] ? NULL : next_serving(crew, slot);
        if (!other)
            continue;
        tell(other, GEE_MESSAGE_ADOPT, entry->listener, slot, false, entry->listener->sockets[slot]);
        entry->owners[slot] = other;
    }
}

void gee_slots_empty(gee_crew_t *crew, bool (*emptied)(const gee_listener_t *listener, void *data), void *data) {
    for (size_t k = 0; k < crew->cycle->listener_count; k++) {
        gee_cycle_listener_t *entry = &crew->cycle->listeners[k];
        if (emptied && !emptied(entry->listener, data))
            continue;
        if (entry->listener->socket_per_worker) {
            adopt_orphans(crew, entry);
            empty_slots(entry);
            continue;
        }
        GEE_LIST_EACH(&crew->workers, link) {
            gee_worker_t *worker = GEE_CONTAINER(link, gee_worker_t, link);
            if (worker->state != GEE_WORKER_SERVING || worker->index >= crew->count)
                continue;
            for (size_t slot = entry->listener->lent; slot < entry->listener->slots; slot++)
                tell(worker, GEE_MESSAGE_RELEASE, entry->listener, slot, true, -1);
        }
    }
}
