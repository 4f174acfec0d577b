/* waiters.c: see waiters.h. */
#include "core/proc/waiters.h"

void gee_waiters_answer(gee_control_t *control, gee_waits_t waits, bool ok, const char *text) {
    GEE_LIST_EACH(&control->clients, link) {
        gee_control_client_t *client = GEE_CONTAINER(link, gee_control_client_t, link);
        if (client->waiting == waits)
            gee_control_answer(client, ok, text);
    }
}

void gee_waiters_answer_last(gee_control_t *control, gee_waits_t waits, bool ok, const char *text) {
    GEE_LIST_EACH(&control->clients, link) {
        gee_control_client_t *client = GEE_CONTAINER(link, gee_control_client_t, link);
        if (client->waiting == waits)
            gee_control_answer_last(client, ok, text);
    }
}

void gee_waiters_move(gee_control_t *control, gee_waits_t from, gee_waits_t to) {
    GEE_LIST_EACH(&control->clients, link) {
        gee_control_client_t *client = GEE_CONTAINER(link, gee_control_client_t, link);
        if (client->waiting == from)
            client->waiting = to;
    }
}
