/* outgoing.c: the table of requests that wait for their replies: growing, and what the ring has no place for. */
#include "core/rpc/outgoing.h"

#include <stdlib.h>

enum { FIRST_SLOTS = 16 };

/* Stands in `others` for a request that was given up while the peer works on its call. */
static char given_up;

void gee_waiting_free(gee_waiting_t *waiting) {
    free(waiting->slots);
    waiting->slots = NULL;
    gee_number_map_destroy(&waiting->others);
}

static int grow(gee_waiting_t *waiting) {
    size_t before = waiting->slots != NULL ? waiting->mask + 1 : 0, slots = before > 0 ? before * 2 : FIRST_SLOTS;
    gee_outgoing_t **grown = calloc(slots, sizeof(*grown));
    if (grown == NULL)
        return -1;
    for (size_t i = 0; i < before; i++)
        if (waiting->slots[i] != NULL)
            grown[waiting->slots[i]->number & (slots - 1)] = waiting->slots[i];
    free(waiting->slots);
    waiting->slots = grown;
    waiting->mask = slots - 1;
    return 0;
}

static int put_aside(gee_waiting_t *waiting, uint64_t number, void *value) {
    if (waiting->others == NULL && (waiting->others = gee_number_map_create()) == NULL)
        return -1;
    return gee_number_map_put(waiting->others, number, value);
}

int gee_waiting_put_elsewhere(gee_waiting_t *waiting, gee_outgoing_t *outgoing) {
    gee_outgoing_t *overtaken;
    while (waiting->slots == NULL ||
           (waiting->count > waiting->mask / 2 && waiting->slots[outgoing->number & waiting->mask]))
        if (grow(waiting) != 0)
            return -1;
    if ((overtaken = waiting->slots[outgoing->number & waiting->mask]) == NULL)
        waiting->count++;
    else if (put_aside(waiting, overtaken->number, overtaken) != 0)
        return -1;
    waiting->slots[outgoing->number & waiting->mask] = outgoing;
    return 0;
}

gee_outgoing_t *gee_waiting_find_elsewhere(const gee_waiting_t *waiting, uint64_t number) {
    void *found = waiting->others != NULL ? gee_number_map_get(waiting->others, number) : NULL;
    return found != &given_up ? found : NULL;
}

int gee_waiting_give_up(gee_waiting_t *waiting, const gee_outgoing_t *outgoing) {
    bool in_ring = waiting->slots[outgoing->number & waiting->mask] == outgoing;
    if (put_aside(waiting, outgoing->number, &given_up) != 0)
        return -1;
    if (in_ring)
        gee_waiting_remove(waiting, outgoing);
    return 0;
}

bool gee_waiting_was_given_up(gee_waiting_t *waiting, uint64_t number) {
    if (waiting->others == NULL || gee_number_map_get(waiting->others, number) != &given_up)
        return false;
    gee_number_map_remove(waiting->others, number);
    return true;
}

void gee_waiting_end(gee_waiting_t *waiting, uint64_t next, void (*end)(gee_outgoing_t *outgoing, void *data),
                     void *data) {
    void *other;
    for (size_t place = 0; waiting->others != NULL && (other = gee_number_map_next(waiting->others, &place)) != NULL;)
        if (other == &given_up)
            place++;
        else
            end(other, data);
    for (size_t i = 0; waiting->slots != NULL && i <= waiting->mask; i++) {
        gee_outgoing_t *outgoing = waiting->slots[(next + i) & waiting->mask];
        if (outgoing != NULL)
            end(outgoing, data);
    }
}
