/* xclient_test.c: a client of many servers that are well: how calls are spread, which connections there are,
 * broadcasts. */
#include "xclient_support.h"

static const gee_xclient_options_t roundrobin = { .balance = "roundrobin" };

/* ---- spreading ---- */

static void count_who(const row_t *row, unsigned calls, unsigned counts[ROW_MOST]) {
    memset(counts, 0, ROW_MOST * sizeof(*counts));
    for (unsigned i = 0; i < calls; i++)
        counts[who(row)]++;
}

/* Each count has the binomial distribution; six standard deviations are passed once in 500 million runs. */
static void expect_share(unsigned count, unsigned calls, double share) {
    double mean = calls * share, variance = mean * (1 - share), distance = (double)count - mean;
    if (distance * distance > 36 * variance)
        fail_msg("%u of %u calls, where %.0f were to be expected", count, calls, mean);
}

static void test_random(void **state GEE_UNUSED) {
    row_t row;
    unsigned counts[ROW_MOST];
    row_start(&row, 4, NULL); /* it is the default */
    count_who(&row, 2000, counts);
    for (size_t i = 0; i < row.count; i++)
        expect_share(counts[i], 2000, 0.25);
    row.servers[0].weight = 3; /* the others have none, which is one */
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, row.count, NULL), 0);
    count_who(&row, 2000, counts);
    expect_share(counts[0], 2000, 0.5);
    for (size_t i = 1; i < row.count; i++)
        expect_share(counts[i], 2000, 1.0 / 6);
    row_stop(&row);
}

static void test_two_clients_do_not_pick_alike(void **state GEE_UNUSED) {
    row_t row;
    unsigned alike = 0;
    row_start(&row, 4, NULL);
    row_t other = row;
    other.xclient = create_xclient(row.servers, row.count, NULL);
    for (int i = 0; i < 100; i++)
        alike += who(&row) == who(&other);
    assert_in_range(alike, 0, 99);
    gee_xclient_close(&other.xclient);
    row_stop(&row);
}

static void test_roundrobin(void **state GEE_UNUSED) {
    row_t row;
    unsigned counts[ROW_MOST];
    row_start(&row, 3, &roundrobin);
    size_t order[3] = { who(&row), who(&row), who(&row) };
    assert_int_equal(order[0] + order[1] + order[2], 3);
    for (int i = 0; i < 300; i++)
        assert_int_equal(who(&row), order[i % 3]);
    row.servers[0].weight = 5;
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, row.count, NULL), 0);
    count_who(&row, 70, counts);
    assert_int_equal(counts[0], 50);
    assert_int_equal(counts[1], 10);
    assert_int_equal(counts[2], 10);
    row_stop(&row);
}

static void test_hash(void **state GEE_UNUSED) {
    gee_xclient_options_t options = { .balance = "hash" };
    row_t row;
    bool seen[ROW_MOST] = { false };
    size_t servers = 0;
    row_start(&row, 4, &options);
    for (int key = 0; key < 50; key++) {
        char text[32];
        snprintf(text, sizeof(text), "key %d", key);
        gee_call_options_t call = { .size = sizeof(call), .key = text };
        int64_t first = -1, again = -1;
        assert_int_equal(call_row(&row, "Peer.Who", 0, 0, &first, &call, NULL), 0);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(call_row(&row, "Peer.Who", 0, 0, &again, &call, NULL), 0);
            assert_int_equal(again, first);
        }
        servers += !seen[first];
        seen[first] = true;
    }
    assert_in_range(servers, 2, 4);
    row_stop(&row);
}

/* ---- connections ---- */

static void test_connections_are_made_when_needed_and_kept(void **state GEE_UNUSED) {
    row_t row;
    unsigned counts[ROW_MOST];
    row_start(&row, 3, &roundrobin);
    who(&row);
    assert_int_equal(atomic_load(&row.peers[0]->accepted) + atomic_load(&row.peers[1]->accepted) +
                         atomic_load(&row.peers[2]->accepted),
                     1);
    count_who(&row, 300, counts);
    for (size_t i = 0; i < row.count; i++) {
        assert_int_equal(counts[i], 100);
        assert_int_equal(atomic_load(&row.peers[i]->accepted), 1);
    }
    row_stop(&row);
    assert_null(row.peers[0]);
}

static void test_several_connections_to_one_server(void **state GEE_UNUSED) {
    gee_xclient_options_t options = { .connections = 3 };
    row_t row;
    tracked_t calls[30];
    memset(calls, 0, sizeof(calls));
    row_start(&row, 1, &options);
    for (unsigned i = 0; i < GEE_LENGTH(calls); i++) {
        go_row(&row, &calls[i], "Peer.Keep", i, 1, NULL);
        eventually(atomic_load(&row.peers[0]->kept) == i + 1);
    }
    eventually(atomic_load(&row.peers[0]->accepted) == 3);
    frame_peer_release(row.peers[0]);
    for (unsigned i = 0; i < GEE_LENGTH(calls); i++) {
        finish_tracked(&calls[i]);
        assert_true(calls[i].succeeded && calls[i].right);
    }
    assert_int_equal(atomic_load(&row.peers[0]->accepted), 3);
    row_stop(&row);
}

static void test_closed_when_the_server_leaves_the_list(void **state GEE_UNUSED) {
    row_t row;
    row_start(&row, 3, &roundrobin);
    tracked_t kept[3];
    memset(kept, 0, sizeof(kept));
    for (size_t i = 0; i < row.count; i++)
        who(&row);
    for (size_t i = 0; i < row.count; i++)
        go_row(&row, &kept[i], "Peer.Keep", (int64_t)i, 1, NULL);
    eventually(atomic_load(&row.peers[2]->kept) == 1);
    /* The second has a call in flight, the third none; both leave. */
    frame_peer_release(row.peers[2]);
    eventually(atomic_load(&kept[0].ends) + atomic_load(&kept[1].ends) + atomic_load(&kept[2].ends) == 1);
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, 1, NULL), 0);
    eventually(atomic_load(&row.peers[2]->open) == 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(who(&row), 0);
    assert_int_equal(atomic_load(&row.peers[1]->open), 1);
    assert_int_equal(atomic_load(&row.peers[1]->cancels), 0);
    frame_peer_release(row.peers[1]);
    frame_peer_release(row.peers[0]);
    for (size_t i = 0; i < row.count; i++) {
        finish_tracked(&kept[i]);
        assert_true(kept[i].succeeded && kept[i].right);
    }
    eventually(atomic_load(&row.peers[1]->open) == 0);
    assert_int_equal(atomic_load(&row.peers[0]->accepted), 1); /* it has kept its connection */
    assert_int_equal(gee_xclient_set_servers(row.xclient, row.servers, 3, NULL), 0);
    bool back[ROW_MOST] = { false };
    for (int i = 0; i < 3; i++)
        back[who(&row)] = true;
    assert_true(back[0] && back[1] && back[2]);
    row_stop(&row);
}

static void test_a_wrong_list_changes_nothing(void **state GEE_UNUSED) {
    row_t row;
    gee_error_t error;
    row_start(&row, 2, &roundrobin);
    who(&row);
    gee_server_t wrong[2] = { row.servers[0], { .address = "pigeon@roof:1" } };
    assert_int_equal(gee_xclient_set_servers(row.xclient, wrong, 2, &error), -1);
    assert_non_null(strstr(error.text, "pigeon"));
    assert_int_equal(who(&row) + who(&row), 1); /* both are still called in turn */
    row_stop(&row);
}

static void test_wrong_options(void **state GEE_UNUSED) {
    gee_error_t error;
    gee_server_t server = { .address = "tcp@127.0.0.1:1" };
    gee_xclient_options_t unknown = { .size = sizeof(unknown), .balance = "rnadom" };
    gee_xclient_options_t sizeless = { .balance = "random" };
    assert_null(gee_xclient_create(&server, 1, &unknown, &error));
    assert_non_null(strstr(error.text, "rnadom"));
    assert_non_null(strstr(error.text, "roundrobin")); /* what there is */
    assert_null(gee_xclient_create(&server, 1, &sizeless, &error));
    assert_non_null(strstr(error.text, "size"));
    server.address = "nonsense";
    assert_null(gee_xclient_create(&server, 1, NULL, &error));
    assert_non_null(strstr(error.text, "nonsense"));
}

static void test_without_servers(void **state GEE_UNUSED) {
    row_t row;
    gee_error_t error = { 0 };
    int64_t reply = -7;
    pair_t pair = { 1, 2 };
    row_start(&row, 0, NULL);
    assert_int_equal(call_row(&row, "Peer.Who", 0, 0, &reply, NULL, &error), -1);
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "no server"));
    memset(&error, 0, sizeof(error));
    assert_int_equal(gee_xclient_broadcast_typed(row.xclient, "Peer.Who", GEE_ARGUMENT(pair_t, &pair),
                                                 GEE_REPLY(int64_t, &reply), NULL, &error),
                     -1);
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    assert_non_null(strstr(error.text, "no server"));
    assert_int_equal(reply, -7);
    row_stop(&row);
}

/* ---- broadcast ---- */

typedef struct broadcast {
    pthread_t thread;
    const row_t *row;
    const char *method;
    int result;
    int64_t reply;
    gee_error_t error;
    atomic_bool ended;
} broadcast_t;

static void *run_broadcast(void *data) {
    broadcast_t *broadcast = data;
    pair_t pair = { 30, 4 };
    broadcast->result =
        gee_xclient_broadcast_typed(broadcast->row->xclient, broadcast->method, GEE_ARGUMENT(pair_t, &pair),
                                    GEE_REPLY(int64_t, &broadcast->reply), NULL, &broadcast->error);
    atomic_store(&broadcast->ended, true);
    return NULL;
}

static void start_broadcast(broadcast_t *broadcast, const row_t *row, const char *method) {
    *broadcast = (broadcast_t){ .row = row, .method = method, .reply = -7 };
    assert_int_equal(pthread_create(&broadcast->thread, NULL, run_broadcast, broadcast), 0);
}

static void test_a_broadcast_keeps_the_first_reply(void **state GEE_UNUSED) {
    row_t row;
    broadcast_t broadcast;
    row_start(&row, 4, NULL);
    for (size_t i = 0; i < row.count; i++)
        atomic_store(&row.peers[i]->keeps_all, i != 2);
    start_broadcast(&broadcast, &row, "Peer.Who");
    eventually(atomic_load(&row.peers[0]->kept) + atomic_load(&row.peers[1]->kept) + atomic_load(&row.peers[3]->kept) ==
                   3 &&
               atomic_load(&row.peers[2]->calls) == 1);
    /* Behind the reply of the third on the same connection: so that one has come as well. */
    assert_false(atomic_load(&broadcast.ended)); /* all must have succeeded */
    tracked_t behind = { .expected = 0 };
    assert_int_equal(gee_xclient_set_servers(row.xclient, &row.servers[2], 1, NULL), 0);
    go_row(&row, &behind, "Peer.Add", 1, 2, NULL);
    finish_tracked(&behind);
    frame_peer_release(row.peers[0]);
    frame_peer_release(row.peers[1]);
    assert_false(atomic_load(&broadcast.ended));
    frame_peer_release(row.peers[3]);
    pthread_join(broadcast.thread, NULL);
    if (broadcast.result != 0)
        fail_msg("%s", broadcast.error.text);
    assert_int_equal(broadcast.reply, 2);
    for (size_t i = 0; i < row.count; i++)
        assert_int_equal(atomic_load(&row.peers[i]->cancels), 0);
    row_stop(&row);
}

static void test_the_first_failure_of_a_broadcast_cancels_the_others(void **state GEE_UNUSED) {
    row_t row;
    broadcast_t broadcast;
    row_start(&row, 3, &roundrobin);
    for (size_t i = 0; i < row.count; i++)
        who(&row); /* connected, so that all are asked before the first answers */
    for (size_t i = 0; i < row.count; i++)
        atomic_store(&row.peers[i]->keeps_all, i != 1);
    start_broadcast(&broadcast, &row, "Peer.Fail");
    pthread_join(broadcast.thread, NULL);
    assert_int_equal(broadcast.result, -1);
    assert_int_equal(broadcast.reply, -7);
    assert_int_equal(broadcast.error.code, GEE_INVALID_ARGUMENT);
    assert_non_null(strstr(broadcast.error.text, "refused by the peer"));
    eventually(atomic_load(&row.peers[0]->cancels) == 1 && atomic_load(&row.peers[2]->cancels) == 1);
    assert_int_equal(atomic_load(&row.peers[1]->cancels), 0);
    for (size_t i = 0; i < row.count; i++) {
        atomic_store(&row.peers[i]->keeps_all, false);
        assert_int_equal(atomic_load(&row.peers[i]->accepted), 1); /* the connections go on */
    }
    for (int i = 0; i < 6; i++)
        who(&row);
    row_stop(&row);
}

static void test_a_broadcast_to_a_server_that_is_not_there(void **state GEE_UNUSED) {
    row_t row;
    broadcast_t broadcast;
    row_start(&row, 2, NULL);
    char gone[64];
    frame_peer_t *peer = frame_peer_start(0);
    strcpy(gone, peer->address);
    frame_peer_stop(&peer);
    gee_server_t servers[3] = { row.servers[0], { .address = gone }, row.servers[1] };
    assert_int_equal(gee_xclient_set_servers(row.xclient, servers, 3, NULL), 0);
    for (int i = 0; i < 3; i++) {
        start_broadcast(&broadcast, &row, "Peer.Keep");
        pthread_join(broadcast.thread, NULL);
        assert_int_equal(broadcast.result, -1);
        assert_int_equal(broadcast.error.code, GEE_UNAVAILABLE);
        if (strncmp(broadcast.error.text, gone, strlen(gone)) != 0) /* which server it was */
            fail_msg("\"%s\" does not begin with %s", broadcast.error.text, gone);
    }
    row_stop(&row);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_random),
        TEST(test_two_clients_do_not_pick_alike),
        TEST(test_roundrobin),
        TEST(test_hash),
        TEST(test_connections_are_made_when_needed_and_kept),
        TEST(test_several_connections_to_one_server),
        TEST(test_closed_when_the_server_leaves_the_list),
        TEST(test_a_wrong_list_changes_nothing),
        TEST(test_wrong_options),
        TEST(test_without_servers),
        TEST(test_a_broadcast_keeps_the_first_reply),
        TEST(test_the_first_failure_of_a_broadcast_cancels_the_others),
        TEST(test_a_broadcast_to_a_server_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
