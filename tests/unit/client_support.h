/* client_support.h: what tests of clients against frame peers share: typed calls, calls whose ends are counted, and
 * waiting for something to be so. */
#ifndef TEST_CLIENT_SUPPORT_H
#define TEST_CLIENT_SUPPORT_H

#include "client_fixture.h"
#include "frame_peer.h"

#define PATIENCE (60 * GEE_SECOND)

/* Polls until the condition holds; the test fails when that takes too long. */
#define eventually(condition)                                                                                          \
    do {                                                                                                               \
        int64_t eventually_until = gee_clock_monotonic() + PATIENCE;                                                   \
        while (!(condition)) {                                                                                         \
            if (gee_clock_monotonic() > eventually_until)                                                              \
                fail_msg("not within a minute: %s", #condition);                                                       \
            usleep(500);                                                                                               \
        }                                                                                                              \
    } while (0)

static inline gee_client_t *dial_with(const char *address, gee_runtime_t *runtime) {
    gee_error_t error;
    gee_dial_options_t options = { .size = sizeof(options), .codec = "bin", .runtime = runtime };
    gee_client_t *client = gee_dial(address, &options, &error);
    if (client == NULL)
        fail_msg("%s", error.text);
    return client;
}

static inline int call_peer(gee_client_t *client, const char *method, int64_t a, int64_t b, int64_t *sum,
                            gee_error_t *error) {
    pair_t pair = { a, b };
    return gee_client_call_typed(client, method, GEE_ARGUMENT(pair_t, &pair), GEE_REPLY(int64_t, sum), NULL, error);
}

static inline void expect_sum(gee_client_t *client, int64_t a, int64_t b) {
    gee_error_t error;
    int64_t sum = -1;
    if (call_peer(client, "Peer.Add", a, b, &sum, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(sum, a + b);
}

/* ---- calls whose ends are counted ---- */

typedef struct tracked {
    gee_pending_t *pending; /* null: it could not be sent */
    int64_t expected;
    atomic_uint ends;
    bool succeeded, right;
    gee_error_t error;
} tracked_t;

static inline void note_end(gee_pending_t *pending, void *data) {
    tracked_t *call = data;
    const gee_error_t *error = gee_pending_error(pending);
    const int64_t *reply = gee_pending_reply(pending);
    call->succeeded = error == NULL;
    call->right = error != NULL ? reply == NULL : reply != NULL && *reply == call->expected;
    if (error != NULL)
        call->error = *error;
    atomic_fetch_add(&call->ends, 1);
}

/* False, with the reason, when it was not sent. */
static inline bool go_tracked(tracked_t *call, gee_client_t *client, const char *method, int64_t a, int64_t b) {
    pair_t pair = { a, b };
    call->expected = a + b;
    call->pending = gee_client_go_typed(client, method, GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(int64_t), NULL,
                                        note_end, call, &call->error);
    return call->pending != NULL;
}

static inline tracked_t *go_many(gee_client_t *client, const char *method, size_t count) {
    tracked_t *calls = calloc(count, sizeof(*calls));
    assert_non_null(calls);
    for (size_t i = 0; i < count; i++)
        if (!go_tracked(&calls[i], client, method, (int64_t)i, 1))
            fail_msg("call %zu: %s", i, calls[i].error.text);
    return calls;
}

/* Gives them back. Every one of them has ended, and only once. */
static inline void finish_many(tracked_t *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!gee_pending_wait(calls[i].pending, PATIENCE))
            fail_msg("call %zu has not ended", i);
        gee_pending_release(&calls[i].pending);
        assert_null(calls[i].pending);
        assert_int_equal(atomic_load(&calls[i].ends), 1);
        assert_true(calls[i].right);
    }
    free(calls);
}

/* The call failed on the way, and the text says where: "tcp@127.0.0.1:4711: wait: ... (3.1 ms)". */
static inline void expect_place(const gee_error_t *error, const char *address, gee_phase_t phase) {
    char start[400];
    snprintf(start, sizeof(start), "%s: %s: ", address, gee_phase_name(phase));
    if (strncmp(error->text, start, strlen(start)) != 0)
        fail_msg("\"%s\" does not begin \"%s\"", error->text, start);
    assert_int_equal(error->phase, phase);
    assert_false(error->from_peer);
    assert_true(error->elapsed_ns > 0);
}

#endif
