#include <gee/service.h>

typedef struct {
    gee_list_t guests;
} state_t;
typedef struct {
    gee_link_t link;
    gee_call_t *call;
} guest_t;

static int start(void *conf GEE_UNUSED, gee_engine_t *engine, gee_error_t *error GEE_UNUSED) {
    state_t *state = gee_engine_state(engine, "service_chat");
    gee_list_init(&state->guests);
    return 0;
}

static void leave(void *data) {
    guest_t *guest = data;
    gee_list_remove(&guest->link);
}
static void enter(gee_call_t *call, gee_list_t *guests) {
    guest_t *guest = gee_call_alloc(call, sizeof(*guest));
    if (guest == NULL) {
        gee_fail(call, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return;
    }
    *guest = (guest_t){ .call = call };
    gee_list_append(guests, &guest->link);
    gee_call_set_data(call, guest, leave);
}

static void said(gee_call_t *call, const gee_str_t *text) {
    state_t *state = gee_call_state(call);
    if (gee_call_data(call) == NULL)
        enter(call, &state->guests);
    GEE_LIST_EACH(&state->guests, link) {
        const guest_t *guest = GEE_CONTAINER(link, guest_t, link);
        if (guest->call != call)
            (void)GEE_SEND(guest->call, gee_str_t, text);
    }
}
static void silent(gee_call_t *call) {
    gee_end(call);
}
GEE_SERVICE_WITH(service_chat, "Chat",
                 (.abi = GEE_MODULE_ABI, .worker_state_size = sizeof(state_t), .worker_start = start),
                 GEE_BIDI_STREAM("Talk", said, silent, gee_str_t, gee_str_t, 0));
