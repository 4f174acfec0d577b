/* xclient_support.h: what tests of clients of many servers share: a row of frame peers, and an xclient over them. */
#ifndef TEST_XCLIENT_SUPPORT_H
#define TEST_XCLIENT_SUPPORT_H

#include "client_support.h"

#define ROW_MOST 8

typedef struct row {
    frame_peer_t *peers[ROW_MOST];
    gee_server_t servers[ROW_MOST]; /* the same, as a list */
    size_t count;
    gee_xclient_t *xclient;
} row_t;

static inline gee_xclient_t *create_xclient(const gee_server_t *servers, size_t count,
                                            const gee_xclient_options_t *given) {
    gee_error_t error;
    gee_dial_options_t dial = { .size = sizeof(dial), .codec = "bin" };
    gee_xclient_options_t options = given != NULL ? *given : (gee_xclient_options_t){ .balance = NULL };
    options.size = sizeof(options);
    if (options.dial == NULL)
        options.dial = &dial;
    gee_xclient_t *xclient = gee_xclient_create(servers, count, &options, &error);
    if (xclient == NULL)
        fail_msg("%s", error.text);
    return xclient;
}

/* Peers with the numbers 0 to count - 1, and a client of them. The members of `options` may be zero; null: all are. */
static inline void row_start(row_t *row, size_t count, const gee_xclient_options_t *options) {
    *row = (row_t){ .count = count };
    for (size_t i = 0; i < count; i++) {
        row->peers[i] = frame_peer_start((int64_t)i);
        row->servers[i].address = row->peers[i]->address;
    }
    row->xclient = create_xclient(row->servers, count, options);
}

static inline void row_stop(row_t *row) {
    gee_xclient_close(&row->xclient);
    assert_null(row->xclient);
    for (size_t i = 0; i < row->count; i++)
        frame_peer_stop(&row->peers[i]);
}

static inline int call_row(const row_t *row, const char *method, int64_t a, int64_t b, int64_t *reply,
                           const gee_call_options_t *options, gee_error_t *error) {
    pair_t pair = { a, b };
    return gee_xclient_call_typed(row->xclient, method, GEE_ARGUMENT(pair_t, &pair), GEE_REPLY(int64_t, reply), options,
                                  error);
}

/* Which peer answered. */
static inline size_t who(const row_t *row) {
    gee_error_t error;
    int64_t number = -1;
    if (call_row(row, "Peer.Who", 0, 0, &number, NULL, &error) != 0)
        fail_msg("%s", error.text);
    assert_in_range(number, 0, row->count - 1);
    return (size_t)number;
}

static inline void go_row(const row_t *row, tracked_t *call, const char *method, int64_t a, int64_t b,
                          const gee_call_options_t *options) {
    pair_t pair = { a, b };
    call->expected = a + b;
    call->pending = gee_xclient_go_typed(row->xclient, method, GEE_ARGUMENT(pair_t, &pair), GEE_TYPE_OF(int64_t),
                                         options, note_end, call, &call->error);
    if (call->pending == NULL)
        fail_msg("%s", call->error.text);
}

/* The call has ended, once. */
static inline void finish_tracked(tracked_t *call) {
    assert_true(gee_pending_wait(call->pending, PATIENCE));
    gee_pending_release(&call->pending);
    assert_int_equal(atomic_load(&call->ends), 1);
}

#endif
