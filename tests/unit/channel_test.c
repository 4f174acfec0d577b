/* channel_test.c: the messages between master and worker: kept apart, in order, with descriptors, never blocking. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/event/rights.h"
#include "core/proc/channel.h"

#define KEPT 2000

typedef struct side {
    gee_channel_t channel;
    size_t count;
    uint32_t numbers[KEPT];
    gee_message_t last;
    int descriptor; /* the last one that came */
    bool ended;
} side_t;

typedef struct pair {
    gee_loop_t *loop;
    side_t left, right;
} pair_t;

static void on_received(gee_channel_t *channel, const gee_message_t *message, int descriptor) {
    side_t *side = GEE_CONTAINER(channel, side_t, channel);
    assert_true(side->count < KEPT);
    side->numbers[side->count++] = message->number;
    side->last = *message;
    if (descriptor >= 0) {
        if (side->descriptor >= 0)
            assert_int_equal(close(side->descriptor), 0);
        side->descriptor = descriptor;
    }
}

static void on_ended(gee_channel_t *channel) {
    GEE_CONTAINER(channel, side_t, channel)->ended = true;
}

static void open_side(pair_t *pair, side_t *side, int end) {
    gee_error_t error;
    memset(side, 0, sizeof(*side));
    side->descriptor = -1;
    side->channel.received = on_received;
    side->channel.ended = on_ended;
    assert_int_equal(gee_channel_open(&side->channel, pair->loop, end, &error), 0);
}

static int set_up(void **state) {
    static pair_t pair;
    gee_error_t error;
    int ends[2];
    pair.loop = gee_loop_create(NULL, &error);
    assert_non_null(pair.loop);
    assert_int_equal(gee_rights_pair(ends, &error), 0);
    open_side(&pair, &pair.left, ends[0]);
    open_side(&pair, &pair.right, ends[1]);
    *state = &pair;
    return 0;
}

static int tear_down(void **state) {
    pair_t *pair = *state;
    gee_channel_close(&pair->left.channel);
    gee_channel_close(&pair->right.channel);
    if (pair->left.descriptor >= 0)
        close(pair->left.descriptor);
    if (pair->right.descriptor >= 0)
        close(pair->right.descriptor);
    gee_loop_destroy(&pair->loop);
    return 0;
}

static void run_until(pair_t *pair, const side_t *side, size_t count) {
    for (int i = 0; i < 10000 && side->count < count && !side->ended; i++)
        assert_int_equal(gee_loop_once(pair->loop, GEE_MILLISECOND), 0);
}

static gee_message_t message_of(uint32_t number, const char *text) {
    gee_message_t message = { .type = GEE_MESSAGE_FAILED, .number = number, .slot = 7, .value = UINT64_MAX };
    strcpy(message.text, text);
    message.length = (uint32_t)strlen(text);
    return message;
}

static void test_a_message_arrives_as_it_was_sent(void **state) {
    pair_t *pair = *state;
    gee_message_t message = message_of(42, "worker_start: no such thing");
    assert_int_equal(gee_channel_send(&pair->left.channel, &message, -1), 0);
    run_until(pair, &pair->right, 1);
    assert_int_equal(pair->right.count, 1);
    assert_int_equal(pair->right.last.type, GEE_MESSAGE_FAILED);
    assert_int_equal(pair->right.last.number, 42);
    assert_int_equal(pair->right.last.slot, 7);
    assert_true(pair->right.last.value == UINT64_MAX);
    assert_string_equal(pair->right.last.text, "worker_start: no such thing");
    assert_int_equal(pair->right.descriptor, -1);
}

static void test_a_descriptor_comes_along(void **state) {
    pair_t *pair = *state;
    int pipe_ends[2];
    char byte = 0;
    assert_int_equal(pipe2(pipe_ends, O_CLOEXEC), 0);
    gee_message_t message = message_of(1, "");
    assert_int_equal(gee_channel_send(&pair->left.channel, &message, pipe_ends[1]), 0);
    close(pipe_ends[1]);
    run_until(pair, &pair->right, 1);
    assert_true(pair->right.descriptor >= 0);
    assert_true((fcntl(pair->right.descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(write(pair->right.descriptor, "x", 1), 1);
    assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(pipe_ends[0]);
}

/* A side that does not read: what the kernel does not take waits, in order, with its descriptors. */
static void test_messages_wait_for_a_side_that_does_not_read(void **state) {
    pair_t *pair = *state;
    char text[GEE_MESSAGE_TEXT];
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    uint32_t sent = 0;
    for (; sent < 900; sent++) {
        gee_message_t message = message_of(sent, text);
        assert_int_equal(gee_channel_send(&pair->left.channel, &message, sent == 899 ? STDIN_FILENO : -1), 0);
    }
    assert_false(gee_channel_sent(&pair->left.channel));
    run_until(pair, &pair->right, sent);
    assert_int_equal(pair->right.count, sent);
    for (uint32_t i = 0; i < sent; i++)
        assert_int_equal(pair->right.numbers[i], i);
    assert_true(gee_channel_sent(&pair->left.channel));
    struct stat mine, theirs;
    assert_int_equal(fstat(STDIN_FILENO, &mine), 0);
    assert_int_equal(fstat(pair->right.descriptor, &theirs), 0);
    assert_true(mine.st_ino == theirs.st_ino);
}

/* A worker that is forked just then must not keep the sockets of others open. */
static void test_a_forked_process_forgets_what_waits(void **state) {
    pair_t *pair = *state;
    int sent[2], ready[2], hold[2], status;
    char byte = 0;
    assert_int_equal(pipe2(sent, O_CLOEXEC | O_NONBLOCK) | pipe2(ready, O_CLOEXEC) | pipe2(hold, O_CLOEXEC), 0);
    gee_message_t message = message_of(1, "");
    while (gee_channel_sent(&pair->left.channel))
        assert_int_equal(gee_channel_send(&pair->left.channel, &message, -1), 0);
    assert_int_equal(gee_channel_send(&pair->left.channel, &message, sent[1]), 0);
    close(sent[1]);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(hold[1]);
        gee_channel_forget(&pair->left.channel);
        _exit(write(ready[1], &byte, 1) == 1 && read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_true(read(sent[0], &byte, 1) < 0); /* ours waits */
    gee_channel_close(&pair->left.channel);
    assert_int_equal(read(sent[0], &byte, 1), 0);
    close(hold[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(sent[0]), close(ready[0]), close(ready[1]), close(hold[0]);
}

static void test_too_many_waiting_messages_are_refused(void **state) {
    pair_t *pair = *state;
    gee_message_t message = message_of(1, "");
    int outcome = 0;
    for (int i = 0; i < 100000 && outcome == 0; i++)
        outcome = gee_channel_send(&pair->left.channel, &message, -1);
    assert_int_equal(outcome, -1);
}

static void test_the_end_of_the_other_side_is_told_once(void **state) {
    pair_t *pair = *state;
    gee_message_t message = message_of(5, "last words");
    assert_int_equal(gee_channel_send(&pair->left.channel, &message, -1), 0);
    gee_channel_close(&pair->left.channel);
    run_until(pair, &pair->right, 2);
    assert_int_equal(pair->right.count, 1);
    assert_string_equal(pair->right.last.text, "last words");
    assert_true(pair->right.ended);
    assert_int_equal(gee_channel_send(&pair->right.channel, &message, -1), -1);
}

static void test_last_words_can_be_read_after_the_end(void **state) {
    pair_t *pair = *state;
    gee_message_t message = message_of(5, "why");
    assert_int_equal(gee_channel_send(&pair->left.channel, &message, -1), 0);
    gee_channel_close(&pair->left.channel);
    gee_channel_read(&pair->right.channel);
    assert_string_equal(pair->right.last.text, "why");
}

static void test_nonsense_ends_the_channel(void **state) {
    pair_t *pair = *state;
    gee_message_t message = message_of(5, "text");
    message.length = GEE_MESSAGE_TEXT + 1;
    assert_true(send(pair->left.channel.watch.descriptor, &message, sizeof(message), MSG_NOSIGNAL) > 0);
    run_until(pair, &pair->right, 1);
    assert_int_equal(pair->right.count, 0);
    assert_true(pair->right.ended);
}

static void test_a_short_message_ends_the_channel(void **state) {
    pair_t *pair = *state;
    assert_int_equal(send(pair->left.channel.watch.descriptor, "hello", 5, MSG_NOSIGNAL), 5);
    run_until(pair, &pair->right, 1);
    assert_int_equal(pair->right.count, 0);
    assert_true(pair->right.ended);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_a_message_arrives_as_it_was_sent),
        TEST(test_a_descriptor_comes_along),
        TEST(test_messages_wait_for_a_side_that_does_not_read),
        TEST(test_a_forked_process_forgets_what_waits),
        TEST(test_too_many_waiting_messages_are_refused),
        TEST(test_the_end_of_the_other_side_is_told_once),
        TEST(test_last_words_can_be_read_after_the_end),
        TEST(test_nonsense_ends_the_channel),
        TEST(test_a_short_message_ends_the_channel),
    };
    return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
