/* client_stream_test.c: streaming calls of the client library against a serving engine: each kind, waiting and with
 * `ready`, JSON and typed, back-pressure both ways, and every end. */
#include "client_support.h"

static gee_client_stream_t *open_stream(gee_client_t *client, const char *method,
                                        const gee_client_stream_options_t *options) {
    gee_error_t error;
    gee_client_stream_t *stream = gee_client_stream_open(client, method, options, &error);
    if (stream == NULL)
        fail_msg("%s: %s", method, error.text);
    return stream;
}

static void send_text(gee_client_stream_t *stream, const char *json) {
    gee_error_t error;
    if (gee_client_stream_send(stream, json, PATIENCE, &error) != GEE_STREAM_DONE)
        fail_msg("%s: %s", json, error.text);
}

static void expect_message(gee_client_stream_t *stream, const char *expected) {
    gee_error_t error = { .text = "the end" };
    const char *json;
    if (gee_client_stream_receive(stream, &json, PATIENCE, &error) != GEE_STREAM_DONE)
        fail_msg("in the place of %s: %s", expected, error.text);
    assert_string_equal(json, expected);
}

/* Twice, as the outcome stays. */
static void expect_end(gee_client_stream_t *stream) {
    gee_error_t error;
    const char *json = "";
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gee_client_stream_receive(stream, &json, PATIENCE, &error), GEE_STREAM_END);
        assert_null(json);
    }
}

static gee_error_t expect_failure(gee_client_stream_t *stream, gee_code_t code) {
    gee_error_t error;
    const char *json;
    gee_streamed_t received;
    while ((received = gee_client_stream_receive(stream, &json, PATIENCE, &error)) == GEE_STREAM_DONE)
        continue;
    assert_int_equal(received, GEE_STREAM_FAILED);
    assert_int_equal(error.code, code);
    assert_int_equal(gee_client_stream_receive(stream, &json, PATIENCE, &error), GEE_STREAM_FAILED);
    assert_int_equal(error.code, code);
    return error;
}

static const gee_client_stream_options_t typed_options = { .size = sizeof(typed_options), .typed = true };

/* ---- each kind ---- */

static void test_each_kind_in_json(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    gee_error_t error;

    gee_client_stream_t *stream = open_stream(client, "Test.Count", NULL);
    send_text(stream, " {\"A\":-1,\"B\":1} ");
    assert_int_equal(gee_client_stream_finish(stream, &error), 0);
    expect_message(stream, "-1");
    expect_message(stream, "0");
    expect_message(stream, "1");
    expect_end(stream);
    gee_client_stream_release(&stream);
    assert_null(stream);

    stream = open_stream(client, "Test.Total", NULL);
    for (int i = 0; i < 10; i++)
        send_text(stream, "5");
    assert_int_equal(gee_client_stream_finish(stream, &error), 0);
    expect_message(stream, "50");
    expect_end(stream);
    gee_client_stream_release(&stream);

    stream = open_stream(client, "Test.Parrot", NULL);
    for (int i = 0; i < 100; i++) { /* each reply before the next message */
        char message[200];
        snprintf(message, sizeof(message),
                 "{\"Yes\":false,\"Bytes\":\"AP8=\",\"Pairs\":[{\"A\":%d,\"B\":-2}],\"Numbers\":{\"half\":0.5},"
                 "\"Text\":{\"Text\":\"a\\u0000\xc3\xa9\"}}",
                 i);
        send_text(stream, message);
        expect_message(stream, message);
    }
    assert_int_equal(gee_client_stream_finish(stream, &error), 0);
    expect_end(stream);
    assert_int_equal(gee_client_stream_send(stream, "{}", PATIENCE, &error), GEE_STREAM_FAILED);
    assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
    gee_client_stream_release(&stream);

    /* A method that does not stream, with one message each way. */
    stream = open_stream(client, "Test.Add", NULL);
    send_text(stream, "{\"A\":7,\"B\":8}");
    assert_int_equal(gee_client_stream_finish(stream, &error), 0);
    expect_message(stream, "15");
    expect_end(stream);
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

static void test_typed(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", false); /* without Gee.Describe */
    gee_client_t *client = dial(server->address, "bin");
    gee_client_stream_t *stream = open_stream(client, "Test.Parrot", &typed_options);
    pair_t pairs[3] = { { 1, 2 }, { 3, 4 }, { 5, 6 } };
    gee_error_t error;
    for (size_t i = 0; i < 50; i++) {
        everything_t sent = { .yes = true, .pairs = { .items = pairs, .count = i % 4 } }, heard;
        assert_int_equal(gee_client_stream_send_typed(stream, GEE_ARGUMENT(everything_t, &sent), PATIENCE, &error),
                         GEE_STREAM_DONE);
        assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(everything_t, &heard), PATIENCE, &error),
                         GEE_STREAM_DONE);
        assert_true(heard.yes);
        assert_int_equal(heard.pairs.count, i % 4);
        if (heard.pairs.count > 0)
            assert_memory_equal(heard.pairs.items, pairs, heard.pairs.count * sizeof(pairs[0]));
    }
    assert_int_equal(gee_client_stream_send(stream, "{}", 0, &error), GEE_STREAM_FAILED);
    assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
    assert_int_equal(gee_client_stream_finish(stream, &error), 0);
    everything_t none;
    assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(everything_t, &none), PATIENCE, &error),
                     GEE_STREAM_END);
    gee_client_stream_release(&stream);

    /* A message of another type than the server's ends the call, with the reason; the connection goes on. */
    stream = open_stream(client, "Test.Count", &typed_options);
    text_t text = { .text = GEE_STR("no pair") };
    int64_t number;
    assert_int_equal(gee_client_stream_send_typed(stream, GEE_ARGUMENT(text_t, &text), PATIENCE, &error),
                     GEE_STREAM_DONE);
    assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(int64_t, &number), PATIENCE, &error),
                     GEE_STREAM_FAILED);
    assert_true(error.from_peer);
    gee_client_stream_release(&stream);
    int64_t sum;
    assert_int_equal(call_peer(client, "Test.Add", 1, 2, &sum, &error), 0);
    gee_client_close(&client);
    server_stop(&server);
}

/* A value that is refused here costs nothing; a message that the receiver cannot read ends the call. */
static void test_bad_messages(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    gee_client_stream_t *stream = open_stream(client, "Test.Total", NULL);
    gee_error_t error;
    static const char *const bad[] = { "", "nul", "1 2", "{\"A\":1", "\"\xff\"" };
    for (size_t i = 0; i < GEE_LENGTH(bad); i++) {
        assert_int_equal(gee_client_stream_send(stream, bad[i], PATIENCE, &error), GEE_STREAM_FAILED);
        assert_non_null(strstr(error.text, "message: "));
    }
    send_text(stream, "4");
    assert_int_equal(gee_client_stream_finish(stream, &error), 0);
    expect_message(stream, "4");
    gee_client_stream_release(&stream);

    stream = open_stream(client, "Test.Total", NULL);
    send_text(stream, "\"text\"");
    error = expect_failure(stream, GEE_INVALID_ARGUMENT);
    assert_true(error.from_peer);
    gee_client_stream_release(&stream);

    stream = open_stream(client, "Test.Count", &typed_options);
    pair_t range = { 1, 1000000 };
    assert_int_equal(gee_client_stream_send_typed(stream, GEE_ARGUMENT(pair_t, &range), PATIENCE, &error),
                     GEE_STREAM_DONE);
    text_t text;
    for (int i = 0; i < 2; i++)
        assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(text_t, &text), PATIENCE, &error),
                         GEE_STREAM_FAILED);
    eventually(atomic_load(&streams_open) == 0); /* the call was cancelled */
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

/* ---- metadata ---- */

static void test_metadata_and_details(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    gee_client_stream_t *stream = open_stream(client, "Test.Break", NULL);
    assert_int_equal(gee_client_stream_received(stream)->initial_count, 0);
    send_text(stream, "{\"A\":2}");
    expect_message(stream, "1");
    const gee_received_t *before = gee_client_stream_received(stream);
    assert_int_equal(before->initial_count, 1);
    assert_string_equal(before->initial[0].key.data, "color");
    expect_message(stream, "2");
    gee_error_t error = expect_failure(stream, GEE_ABORTED);
    assert_string_equal(error.text, "broken off");
    assert_true(error.from_peer);
    const gee_received_t *received = gee_client_stream_received(stream);
    assert_int_equal(received->initial_count, 1);
    assert_string_equal(received->initial[0].value.data, "red");
    assert_int_equal(received->trailing_count, 1);
    assert_int_equal(received->trailing[0].value.length, 3);
    assert_string_equal(received->details.data, "why");
    assert_string_equal(before->initial[0].value.data, "red"); /* still there */
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

/* ---- back-pressure ---- */

#define NUMBERS 200000

/* The server's messages wait at the server, not here, until the program wants them; none is lost, none comes twice. */
static void test_a_receiver_that_takes_its_time(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    gee_client_stream_t *stream = open_stream(client, "Test.Count", &typed_options);
    pair_t range = { 1, NUMBERS };
    gee_error_t error;
    int64_t number;
    assert_int_equal(gee_client_stream_send_typed(stream, GEE_ARGUMENT(pair_t, &range), PATIENCE, &error),
                     GEE_STREAM_DONE);
    eventually(atomic_load(&streams_open) == 1);
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3"); /* the connection goes on */
    for (int64_t i = 1; i <= NUMBERS; i++) {
        if (i == NUMBERS / 2)
            assert_int_equal(atomic_load(&streams_open), 1); /* held back: it has not come to its end */
        assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(int64_t, &number), PATIENCE, &error),
                         GEE_STREAM_DONE);
        assert_int_equal(number, i);
    }
    assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(int64_t, &number), PATIENCE, &error),
                     GEE_STREAM_END);
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

/* A sender is told to wait; a long message goes through whole; cancelling ends the wait of another thread. */
static void *cancel_when_heard(void *data) {
    while (atomic_load(&stuck_heard) == 0)
        usleep(500);
    gee_client_stream_cancel(data);
    return NULL;
}

static void test_a_server_that_does_not_read(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    gee_client_stream_t *stream = open_stream(client, "Test.Stuck", NULL);
    gee_error_t error;
    char message[1100];
    int sent = 0;
    gee_streamed_t outcome;
    snprintf(message, sizeof(message), "{\"Text\":{\"Text\":\"%01000d\"}}", 0);
    atomic_store(&stuck_heard, 0);
    /* Waits 50 ms where no room comes: only the outcome tells that none came, whatever the time. */
    while ((outcome = gee_client_stream_send(stream, message, 50 * GEE_MILLISECOND, &error)) == GEE_STREAM_DONE)
        assert_true(++sent < 1000);
    assert_int_equal(outcome, GEE_STREAM_LATER);
    assert_in_range(sent, 30, 400); /* a window of credit, and the queues */
    eventually(atomic_load(&stuck_heard) == 1);
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_heard, stream), 0);
    assert_int_equal(gee_client_stream_send(stream, message, PATIENCE, &error), GEE_STREAM_END);
    pthread_join(thread, NULL);
    error = expect_failure(stream, GEE_CANCELLED);
    eventually(atomic_load(&streams_open) == 0); /* the server was told */
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

static void test_long_messages(void **state GEE_UNUSED) {
    enum { LENGTH = 1 << 20 };
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    gee_client_stream_t *stream = open_stream(client, "Test.Parrot", &typed_options);
    uint8_t *bytes = malloc(LENGTH);
    gee_error_t error;
    for (size_t i = 0; i < LENGTH; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t length = LENGTH; length > 1000; length /= 3) {
        everything_t sent = { .bytes = { .data = bytes, .length = length } }, heard;
        assert_int_equal(gee_client_stream_send_typed(stream, GEE_ARGUMENT(everything_t, &sent), PATIENCE, &error),
                         GEE_STREAM_DONE);
        assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(everything_t, &heard), PATIENCE, &error),
                         GEE_STREAM_DONE);
        assert_int_equal(heard.bytes.length, length);
        assert_memory_equal(heard.bytes.data, bytes, length);
    }
    free(bytes);
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

/* ---- two threads, each in its direction ---- */

static void *send_numbers(void *data) {
    gee_error_t error;
    for (int64_t i = 1; i <= NUMBERS; i++) {
        pair_t pair = { i, -i };
        everything_t message = { .pairs = { .items = &pair, .count = 1 } };
        if (gee_client_stream_send_typed(data, GEE_ARGUMENT(everything_t, &message), PATIENCE, &error) !=
            GEE_STREAM_DONE)
            return data;
    }
    return gee_client_stream_finish(data, &error) == 0 ? NULL : data;
}

static void test_both_ways_at_once(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    gee_client_stream_t *stream = open_stream(client, "Test.Parrot", &typed_options);
    pthread_t thread;
    void *trouble;
    gee_error_t error;
    everything_t message;
    assert_int_equal(pthread_create(&thread, NULL, send_numbers, stream), 0);
    for (int64_t i = 1; i <= NUMBERS; i++) {
        assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(everything_t, &message), PATIENCE, &error),
                         GEE_STREAM_DONE);
        assert_int_equal(message.pairs.items[0].a, i);
    }
    assert_int_equal(gee_client_stream_receive_typed(stream, GEE_REPLY(everything_t, &message), PATIENCE, &error),
                     GEE_STREAM_END);
    pthread_join(thread, &trouble);
    assert_null(trouble);
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

/* ---- with `ready` ---- */

typedef struct talk {
    int to_send, sent, heard;
    bool wrong;
    atomic_int ends;
    gee_streamed_t outcome;
} talk_t;

static void talk_receive(gee_client_stream_t *stream, talk_t *talk) {
    const char *json;
    gee_streamed_t received;
    while ((received = gee_client_stream_receive(stream, &json, PATIENCE, NULL)) == GEE_STREAM_DONE)
        talk->wrong |= strstr(json, "00000") == NULL || ++talk->heard > talk->sent;
    talk->outcome = received;
}

static void talk_send(gee_client_stream_t *stream, talk_t *talk) {
    char message[600];
    snprintf(message, sizeof(message), "{\"Text\":{\"Text\":\"%0500d\"}}", talk->sent);
    while (talk->sent < talk->to_send && gee_client_stream_send(stream, message, PATIENCE, NULL) == GEE_STREAM_DONE)
        talk->sent++;
    if (talk->sent == talk->to_send)
        (void)gee_client_stream_finish(stream, NULL);
}

static void talk_on(gee_client_stream_t *stream, unsigned events, void *data) {
    talk_t *talk = data;
    if (events & (GEE_STREAM_READABLE | GEE_STREAM_OVER))
        talk_receive(stream, talk);
    if (events & GEE_STREAM_WRITABLE)
        talk_send(stream, talk);
    if (events & GEE_STREAM_OVER)
        atomic_fetch_add(&talk->ends, 1);
}

static void talk_to(const char *address, gee_runtime_t *runtime) {
    gee_client_t *client = dial_with(address, runtime);
    talk_t talk = { .to_send = 5000 };
    const gee_client_stream_options_t options = { .size = sizeof(options), .ready = talk_on, .data = &talk };
    gee_client_stream_t *stream = open_stream(client, "Test.Parrot", &options);
    gee_error_t error;
    /* The first message brings the first READABLE; from there on all is done in callbacks. */
    char message[600];
    snprintf(message, sizeof(message), "{\"Text\":{\"Text\":\"%0500d\"}}", 0);
    while (gee_client_stream_send(stream, message, 0, &error) == GEE_STREAM_DONE)
        assert_true(++talk.sent < talk.to_send); /* until GEE_STREAM_LATER */
    while (atomic_load(&talk.ends) == 0) {
        if (runtime != NULL)
            assert_int_equal(gee_runtime_process(runtime, 10 * GEE_SECOND, &error), 0);
        else
            usleep(500);
    }
    assert_int_equal(talk.outcome, GEE_STREAM_END);
    assert_false(talk.wrong);
    assert_int_equal(talk.sent, talk.to_send);
    assert_int_equal(talk.heard, talk.to_send);
    assert_int_equal(atomic_load(&talk.ends), 1);
    gee_client_stream_release(&stream);
    gee_client_close(&client);
}

static void test_ready_on_a_manual_runtime(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_error_t error;
    gee_runtime_t *runtime = gee_runtime_create(GEE_RUNTIME_MANUAL, &error);
    talk_to(server->address, runtime);
    assert_int_equal(gee_runtime_destroy(&runtime, &error), 0);
    server_stop(&server);
}

static void release_at_once(gee_client_stream_t *stream, unsigned events GEE_UNUSED, void *data) {
    atomic_fetch_add((atomic_int *)data, 1);
    gee_client_stream_release(&stream);
}

/* Releasing a stream in its callback cancels the call, and no other callback comes. */
static void test_release_in_a_callback(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    atomic_int callbacks = 0;
    const gee_client_stream_options_t options = { .size = sizeof(options),
                                                  .ready = release_at_once,
                                                  .data = &callbacks };
    gee_client_stream_t *stream = open_stream(client, "Test.Count", &options);
    send_text(stream, "{\"A\":1,\"B\":100000000}");
    eventually(atomic_load(&callbacks) == 1);
    eventually(atomic_load(&streams_open) == 0);
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
    gee_client_close(&client);
    assert_int_equal(atomic_load(&callbacks), 1);
    server_stop(&server);
}

/* A program that waits on a manual runtime does the work itself. */
static void test_waiting_on_a_manual_runtime(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_error_t error;
    gee_runtime_t *runtime = gee_runtime_create(GEE_RUNTIME_MANUAL, &error);
    gee_client_t *client = dial_with(server->address, runtime);
    gee_client_stream_t *stream = open_stream(client, "Test.Count", NULL);
    send_text(stream, "{\"A\":1,\"B\":20000}");
    for (int i = 1; i <= 20000; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "%d", i);
        expect_message(stream, expected);
    }
    expect_end(stream);
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    assert_int_equal(gee_runtime_destroy(&runtime, &error), 0);
    server_stop(&server);
}

/* ---- ends ---- */

/* In the phase of waiting, and with nothing sent; the text says where. */
static void test_deadline(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    const gee_call_options_t call = { .size = sizeof(call), .timeout_ns = 50 * GEE_MILLISECOND };
    const gee_client_stream_options_t options = { .size = sizeof(options), .call = &call };
    gee_client_stream_t *stream = open_stream(client, "Test.Stuck", &options);
    send_text(stream, "{}");
    (void)expect_failure(stream, GEE_DEADLINE_EXCEEDED);
    eventually(atomic_load(&streams_open) == 0);
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

static void *close_client(void *data) {
    gee_client_t *client = data;
    while (atomic_load(&stuck_heard) == 0)
        usleep(500);
    gee_client_close(&client);
    return NULL;
}

/* Closing the client ends a wait; the stream can be used, to no effect, and released after that. */
static void test_close_in_mid_stream(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    atomic_store(&stuck_heard, 0);
    gee_client_stream_t *stream = open_stream(client, "Test.Stuck", NULL);
    gee_client_stream_t *unread = open_stream(client, "Test.Count", NULL);
    gee_error_t error;
    pthread_t thread;
    send_text(unread, "{\"A\":1,\"B\":100000}");
    expect_message(unread, "1");
    send_text(stream, "{}");
    assert_int_equal(pthread_create(&thread, NULL, close_client, client), 0);
    (void)expect_failure(stream, GEE_CANCELLED);
    pthread_join(thread, NULL);
    assert_int_equal(gee_client_stream_send(stream, "{}", PATIENCE, &error), GEE_STREAM_END);
    assert_int_equal(gee_client_stream_finish(stream, &error), 0);
    gee_client_stream_cancel(stream);
    (void)expect_failure(unread, GEE_CANCELLED);
    eventually(atomic_load(&streams_open) == 0);
    gee_client_stream_release(&stream);
    gee_client_stream_release(&unread);
    server_stop(&server);
}

/* The client's end is seen by the server, and a stream that was never used ends, too. */
static void test_release_without_an_end(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    for (int i = 0; i < 100; i++) {
        gee_client_stream_t *stream = open_stream(client, "Test.Stuck", NULL);
        if (i % 2 == 0)
            send_text(stream, "{}");
        gee_client_stream_release(&stream);
    }
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
    eventually(atomic_load(&streams_open) == 0);
    gee_client_close(&client);
    server_stop(&server);
}

static void hang_up(int descriptor GEE_UNUSED) {}

static void test_a_peer_that_leaves(void **state GEE_UNUSED) {
    peer_t *peer = peer_start(hang_up);
    gee_error_t error;
    const gee_dial_options_t dial_options = { .size = sizeof(dial_options), .codec = "bin" };
    gee_client_t *client = gee_dial(peer->address, &dial_options, &error);
    if (client != NULL) { /* else the connection was lost before */
        gee_client_stream_t *stream = open_stream(client, "Test.Count", NULL);
        error = expect_failure(stream, GEE_UNAVAILABLE);
        assert_non_null(strstr(error.text, peer->address));
        gee_client_stream_release(&stream);
    }
    gee_client_close(&client);
    peer_stop(&peer);
}

/* Refused before anything is sent, with the words that help. */
static void test_wires_without_streams(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "json");
    gee_error_t error;
    assert_null(gee_client_stream_open(client, "Test.Count", NULL, &error));
    assert_int_equal(error.code, GEE_UNIMPLEMENTED);
    assert_string_equal(error.text, "geerpc with json has no streaming calls; geerpc with bin or proto has");
    expect_reply(client, "Test.Add", "{\"A\":1,\"B\":2}", "3");
    /* The other way round, whatever the arguments are: a unary call of a streaming method. */
    error = expect_error(client, "Test.Total", "\"no number\"", 0);
    assert_int_equal(error.code, GEE_UNIMPLEMENTED);
    assert_string_equal(error.text, "rpc server: Test.Total is a streaming method: call it as one");
    gee_client_close(&client);
    client = dial(server->address, "bin");
    error = expect_error(client, "Test.Total", "\"no number\"", 0);
    assert_int_equal(error.code, GEE_UNIMPLEMENTED);
    assert_string_equal(error.text, "Test.Total is a streaming method: gee_client_stream_open() calls it");
    gee_client_close(&client);
    server_stop(&server);
}

/* ---- many threads on one client ---- */

#define STREAMERS 8
#define ROUNDS    30

/* Some streams are read to their end, some are cancelled or released in the middle, by the thread that has opened them.
 */
static void *stream_on_and_on(void *data) {
    gee_client_t *client = data;
    const pair_t range = { 1, 3000 };
    gee_error_t error;
    for (int round = 0; round < ROUNDS; round++) {
        gee_client_stream_t *stream = gee_client_stream_open(client, "Test.Count", &typed_options, &error);
        int64_t number = 0, expected = 0, stop = round % 3 == 0 ? range.b + 1 : 50 * round;
        gee_streamed_t received = GEE_STREAM_FAILED;
        if (stream == NULL ||
            gee_client_stream_send_typed(stream, GEE_ARGUMENT(pair_t, &range), PATIENCE, &error) != GEE_STREAM_DONE)
            return data;
        while (expected < stop && (received = gee_client_stream_receive_typed(stream, GEE_REPLY(int64_t, &number),
                                                                              PATIENCE, &error)) == GEE_STREAM_DONE)
            if (number != ++expected)
                return data;
        if (stop > range.b && (received != GEE_STREAM_END || expected != range.b))
            return data;
        if (round % 3 == 1)
            gee_client_stream_cancel(stream);
        gee_client_stream_release(&stream);
    }
    return NULL;
}

static void test_many_threads(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    pthread_t threads[STREAMERS];
    for (size_t i = 0; i < STREAMERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, stream_on_and_on, client), 0);
    for (size_t i = 0; i < STREAMERS; i++) {
        void *trouble;
        pthread_join(threads[i], &trouble);
        assert_null(trouble);
    }
    eventually(atomic_load(&streams_open) == 0);
    gee_client_close(&client);
    server_stop(&server);
}

/* ---- a child, and many servers ---- */

static void test_a_child_cannot_use_it(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    gee_client_stream_t *stream = open_stream(client, "Test.Total", NULL);
    gee_error_t error;
    send_text(stream, "1");
    pid_t child = fork();
    if (child == 0) {
        const char *json;
        bool refused = gee_client_stream_send(stream, "2", PATIENCE, &error) == GEE_STREAM_FAILED &&
                       error.code == GEE_FAILED_PRECONDITION &&
                       gee_client_stream_receive(stream, &json, PATIENCE, &error) == GEE_STREAM_FAILED &&
                       gee_client_stream_finish(stream, &error) == -1;
        gee_client_stream_cancel(stream);
        gee_client_stream_release(&stream);
        _exit(refused && stream == NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(gee_client_stream_finish(stream, &error), 0);
    expect_message(stream, "1");
    gee_client_stream_release(&stream);
    gee_client_close(&client);
    server_stop(&server);
}

/* The first server of the list is not there: the beginning is tried elsewhere, and what was put meanwhile arrives. */
static void test_many_servers(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    peer_t *nobody = peer_start(NULL);
    gee_error_t error;
    const gee_dial_options_t dial_options = { .size = sizeof(dial_options), .codec = "bin" };
    const gee_xclient_options_t options = { .size = sizeof(options), .balance = "roundrobin", .dial = &dial_options };
    char gone[64];
    snprintf(gone, sizeof(gone), "%s", nobody->address);
    peer_stop(&nobody);
    const gee_server_t servers[] = { { .address = gone }, { .address = server->address } };
    gee_xclient_t *xclient = gee_xclient_create(servers, 2, &options, &error);
    assert_non_null(xclient);
    for (int i = 0; i < 4; i++) {
        gee_client_stream_t *stream = gee_xclient_stream_open(xclient, "Test.Total", NULL, &error);
        assert_non_null(stream);
        for (int n = 0; n < 1000; n++)
            send_text(stream, "1");
        assert_int_equal(gee_client_stream_finish(stream, &error), 0);
        expect_message(stream, "1000");
        expect_end(stream);
        gee_client_stream_release(&stream);
    }
    gee_xclient_close(&xclient);
    server_stop(&server);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_each_kind_in_json),
        TEST(test_typed),
        TEST(test_bad_messages),
        TEST(test_metadata_and_details),
        TEST(test_a_receiver_that_takes_its_time),
        TEST(test_a_server_that_does_not_read),
        TEST(test_long_messages),
        TEST(test_both_ways_at_once),
        TEST(test_ready_on_a_manual_runtime),
        TEST(test_release_in_a_callback),
        TEST(test_waiting_on_a_manual_runtime),
        TEST(test_deadline),
        TEST(test_close_in_mid_stream),
        TEST(test_release_without_an_end),
        TEST(test_a_peer_that_leaves),
        TEST(test_wires_without_streams),
        TEST(test_many_threads),
        TEST(test_a_child_cannot_use_it),
        TEST(test_many_servers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
