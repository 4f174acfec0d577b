/* loop_test.c: descriptors, deferred and posted tasks, stop, signals. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "event_support.h"

/* ---- descriptors ---- */

typedef struct reader {
    gee_watch_t watch;
    gee_loop_t *loop;
    int calls;
    uint32_t events;
    struct reader **victim; /* unwatched and freed in the callback */
} reader_t;

static void reader_ready(gee_watch_t *watch, uint32_t events) {
    reader_t *reader = GEE_CONTAINER(watch, reader_t, watch);
    reader->calls++;
    reader->events |= events;
    if (reader->victim && *reader->victim) {
        reader_t *victim = *reader->victim;
        *reader->victim = NULL;
        gee_loop_unwatch(victim->loop, &victim->watch);
        close(victim->watch.descriptor);
        memset(victim, 0x5a, sizeof(*victim));
        free(victim);
    }
}

static reader_t *new_reader(gee_loop_t *loop, int descriptor, uint32_t events) {
    reader_t *reader = calloc(1, sizeof(*reader));
    assert_non_null(reader);
    reader->loop = loop;
    reader->watch.descriptor = descriptor;
    reader->watch.ready = reader_ready;
    assert_int_equal(gee_loop_watch(loop, &reader->watch, events, NULL), 0);
    return reader;
}

static void free_reader(reader_t *reader) {
    gee_loop_unwatch(reader->loop, &reader->watch);
    close(reader->watch.descriptor);
    free(reader);
}

static void test_events_are_level_triggered(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int pair[2];
    new_pair(pair);
    reader_t *reader = new_reader(loop, pair[0], EPOLLIN);
    run_passes(loop, 3);
    assert_int_equal(reader->calls, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    run_passes(loop, 3);
    assert_int_equal(reader->calls, 3);
    gee_loop_rewatch(loop, &reader->watch, 0);
    run_passes(loop, 3);
    assert_int_equal(reader->calls, 3);
    gee_loop_rewatch(loop, &reader->watch, EPOLLIN | EPOLLOUT);
    run_passes(loop, 1);
    assert_int_equal(reader->calls, 4);
    assert_true(reader->events & EPOLLOUT);
    free_reader(reader);
    close(pair[1]);
    gee_loop_destroy(&loop);
    assert_null(loop);
}

/* Both are readable in one pass; whichever comes first takes the other away. */
static void test_unwatch_silences_events_of_this_pass(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int first[2], second[2];
    new_pair(first);
    new_pair(second);
    reader_t *a = new_reader(loop, first[0], EPOLLIN), *b = new_reader(loop, second[0], EPOLLIN);
    reader_t *a_slot = a, *b_slot = b;
    a->victim = &b_slot;
    b->victim = &a_slot;
    assert_int_equal(write(first[1], "x", 1), 1);
    assert_int_equal(write(second[1], "x", 1), 1);
    run_passes(loop, 1);
    assert_true((a_slot == NULL) != (b_slot == NULL));
    reader_t *left = a_slot ? a : b;
    assert_int_equal(left->calls, 1);
    free_reader(left);
    close(first[1]);
    close(second[1]);
    gee_loop_destroy(&loop);
}

static void test_unwatch_of_oneself(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int pair[2];
    new_pair(pair);
    reader_t *reader = new_reader(loop, pair[0], EPOLLIN), *slot = reader;
    reader->victim = &slot;
    assert_int_equal(write(pair[1], "x", 1), 1);
    run_passes(loop, 2);
    assert_null(slot);
    close(pair[1]);
    gee_loop_destroy(&loop);
}

static void test_edge_triggered_alone_hears_a_hang_up_once(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int pair[2];
    new_pair(pair);
    reader_t *reader = new_reader(loop, pair[0], EPOLLIN);
    gee_loop_rewatch(loop, &reader->watch, EPOLLET);
    assert_int_equal(write(pair[1], "x", 1), 1);
    run_passes(loop, 3);
    assert_int_equal(reader->calls, 0);
    close(pair[1]);
    run_passes(loop, 5);
    assert_int_equal(reader->calls, 1);
    assert_true(reader->events & EPOLLHUP);
    free_reader(reader);
    gee_loop_destroy(&loop);
}

static void test_a_descriptor_that_cannot_be_watched(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    gee_watch_t watch = { .descriptor = -1, .ready = reader_ready };
    gee_error_t error = { 0 };
    assert_int_equal(gee_loop_watch(loop, &watch, EPOLLIN, &error), -1);
    assert_non_null(strstr(error.text, "descriptor -1"));
    gee_loop_unwatch(loop, &watch);
    gee_loop_destroy(&loop);
}

static void test_exclusive_watches_can_change(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int pair[2];
    new_pair(pair);
    reader_t *reader = new_reader(loop, pair[0], EPOLLIN | EPOLLEXCLUSIVE);
    assert_int_equal(write(pair[1], "x", 1), 1);
    gee_loop_rewatch(loop, &reader->watch, EPOLLOUT | EPOLLEXCLUSIVE);
    run_passes(loop, 1);
    assert_int_equal(reader->events, EPOLLOUT);
    free_reader(reader);
    close(pair[1]);
    gee_loop_destroy(&loop);
}

/* ---- tasks ---- */

typedef struct counting {
    gee_task_t task;
    gee_loop_t *loop;
    int runs, again;
    gee_task_t *other; /* deferred by the run */
    int *order, place;
} counting_t;

static void count_run(gee_task_t *task) {
    counting_t *counting = GEE_CONTAINER(task, counting_t, task);
    counting->runs++;
    if (counting->order)
        counting->place = ++*counting->order;
    if (counting->again > 0) {
        counting->again--;
        gee_loop_defer(counting->loop, task);
    }
    if (counting->other)
        gee_loop_defer(counting->loop, counting->other);
}

static void test_deferred_tasks(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int order = 0;
    counting_t second = { .task.run = count_run, .loop = loop, .order = &order };
    counting_t first = { .task.run = count_run, .loop = loop, .order = &order, .other = &second.task };
    counting_t never = { .task.run = count_run, .loop = loop };
    gee_loop_defer(loop, &first.task);
    gee_loop_defer(loop, &first.task);
    gee_loop_defer(loop, &never.task);
    gee_loop_undefer(&never.task);
    gee_loop_undefer(&never.task);
    run_passes(loop, 1); /* what a deferred task defers runs in the same pass */
    assert_int_equal(first.runs, 1);
    assert_int_equal(second.runs, 1);
    assert_int_equal(second.place, 2);
    assert_int_equal(never.runs, 0);
    run_passes(loop, 2);
    assert_int_equal(first.runs, 1);
    gee_loop_destroy(&loop);
}

static void undefer_other(gee_task_t *task) {
    gee_loop_undefer(GEE_CONTAINER(task, counting_t, task)->other);
}

static void test_undefer_within_the_round(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    counting_t victim = { .task.run = count_run };
    counting_t first = { .task.run = undefer_other, .other = &victim.task };
    gee_loop_defer(loop, &first.task);
    gee_loop_defer(loop, &victim.task);
    run_passes(loop, 2);
    assert_int_equal(victim.runs, 0);
    gee_loop_destroy(&loop);
}

static void test_a_task_that_defers_itself_does_not_starve_descriptors(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int pair[2];
    new_pair(pair);
    reader_t *reader = new_reader(loop, pair[0], EPOLLIN);
    counting_t endless = { .task.run = count_run, .loop = loop, .again = INT32_MAX };
    gee_loop_defer(loop, &endless.task);
    assert_int_equal(gee_loop_once(loop, 0), 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    int64_t before = gee_clock_monotonic();
    assert_int_equal(gee_loop_once(loop, 5 * GEE_SECOND), 0); /* must not sleep: there is work */
    assert_true(gee_clock_monotonic() - before < 4 * GEE_SECOND);
    assert_int_equal(reader->calls, 1);
    assert_true(endless.runs >= 2);
    gee_loop_undefer(&endless.task);
    free_reader(reader);
    close(pair[1]);
    gee_loop_destroy(&loop);
}

static bool readable(int descriptor) {
    struct pollfd poller = { .fd = descriptor, .events = POLLIN };
    return poll(&poller, 1, 0) == 1;
}

static void test_the_descriptor_says_that_there_is_work(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    assert_false(readable(gee_loop_descriptor(loop)));
    counting_t task = { .task.run = count_run, .loop = loop };
    gee_loop_defer(loop, &task.task);
    assert_true(readable(gee_loop_descriptor(loop)));
    RUN_UNTIL(loop, task.runs == 1);
    run_passes(loop, 1);
    assert_false(readable(gee_loop_descriptor(loop)));
    gee_loop_post(loop, &task.task);
    assert_true(readable(gee_loop_descriptor(loop)));
    run_passes(loop, 1);
    assert_int_equal(task.runs, 2);
    assert_false(readable(gee_loop_descriptor(loop)));
    gee_loop_destroy(&loop);
}

/* ---- other threads ---- */

#define THREADS  4
#define MESSAGES 2000

typedef struct message {
    gee_task_t task;
    struct sender *sender;
    int number;
} message_t;

typedef struct sender {
    gee_loop_t *loop;
    message_t messages[MESSAGES];
    int expected;
    bool in_order;
    int *total;
} sender_t;

static void message_arrived(gee_task_t *task) {
    message_t *message = GEE_CONTAINER(task, message_t, task);
    sender_t *sender = message->sender;
    if (message->number != sender->expected++ || !gee_loop_on_thread(sender->loop))
        sender->in_order = false;
    if (++*sender->total == THREADS * MESSAGES)
        gee_loop_stop(sender->loop);
}

static void *send_messages(void *argument) {
    sender_t *sender = argument;
    for (int i = 0; i < MESSAGES; i++) {
        message_t *message = &sender->messages[i];
        message->task.run = message_arrived;
        message->sender = sender;
        message->number = i;
        gee_loop_post(sender->loop, &message->task);
    }
    return NULL;
}

static void test_posted_tasks_arrive_whole_and_in_order(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    int total = 0;
    pthread_t threads[THREADS];
    sender_t *senders = calloc(THREADS, sizeof(*senders));
    assert_non_null(senders);
    for (int i = 0; i < THREADS; i++) {
        senders[i] = (sender_t){ .loop = loop, .in_order = true, .total = &total };
        assert_int_equal(pthread_create(&threads[i], NULL, send_messages, &senders[i]), 0);
    }
    assert_int_equal(gee_loop_run(loop), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(senders[i].expected, MESSAGES);
        assert_true(senders[i].in_order);
    }
    assert_int_equal(total, THREADS * MESSAGES);
    free(senders);
    gee_loop_destroy(&loop);
}

/* A task that was seen to run may be the last thing that the loop did: the thread that posted it must be done with
 * it. */
static void *post_one(void *argument) {
    counting_t *task = argument;
    gee_loop_post(task->loop, &task->task);
    return NULL;
}

static void test_the_loop_may_go_when_a_posted_task_has_run(void **state) {
    (void)state;
    for (int i = 0; i < 50; i++) {
        gee_loop_t *loop = new_loop();
        counting_t *task = calloc(1, sizeof(*task));
        assert_non_null(task);
        task->task.run = count_run;
        task->loop = loop;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, post_one, task), 0);
        RUN_UNTIL(loop, task->runs == 1);
        gee_loop_destroy(&loop);
        free(task);
        pthread_join(thread, NULL);
    }
}

static void *run_loop(void *argument) {
    return gee_loop_run(argument) == 0 ? argument : NULL;
}

static void test_stop(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    gee_loop_stop(loop);
    gee_loop_stop(loop);
    assert_int_equal(gee_loop_run(loop), 0); /* asked for before it ran: returns at once */
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *result = NULL;
        assert_int_equal(pthread_create(&thread, NULL, run_loop, loop), 0);
        gee_loop_stop(loop);
        pthread_join(thread, &result);
        assert_ptr_equal(result, loop);
    }
    gee_loop_destroy(&loop);
}

static void *one_pass(void *argument) {
    return gee_loop_once(argument, 0) == 0 && gee_loop_on_thread(argument) ? argument : NULL;
}

static void test_the_loop_knows_its_thread(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    pthread_t thread;
    void *result = NULL;
    assert_true(gee_loop_on_thread(loop));
    assert_int_equal(pthread_create(&thread, NULL, one_pass, loop), 0);
    pthread_join(thread, &result);
    assert_ptr_equal(result, loop);
    assert_false(gee_loop_on_thread(loop));
    gee_loop_destroy(&loop);
}

static void pass_in_pass(gee_task_t *task) {
    counting_t *counting = GEE_CONTAINER(task, counting_t, task);
    counting->place = gee_loop_once(counting->loop, 0);
    counting->runs++;
}

static void test_a_pass_inside_a_pass_is_refused(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    counting_t task = { .task.run = pass_in_pass, .loop = loop };
    gee_loop_defer(loop, &task.task);
    RUN_UNTIL(loop, task.runs == 1);
    assert_int_equal(task.place, -1);
    gee_loop_destroy(&loop);
}

static void test_tasks_that_never_ran_are_forgotten(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    counting_t posted = { .task.run = count_run }, deferred = { .task.run = count_run };
    gee_loop_post(loop, &posted.task);
    gee_loop_defer(loop, &deferred.task);
    gee_loop_destroy(&loop);
    assert_int_equal(posted.runs + deferred.runs, 0);
    assert_false(gee_link_in_list(&deferred.task.link));
}

/* ---- signals ---- */

typedef struct caught {
    int count, last;
} caught_t;

static void signal_caught(int signal, void *data) {
    caught_t *caught = data;
    caught->count++;
    caught->last = signal;
}

static void test_signals(void **state) {
    (void)state;
    gee_loop_t *loop = new_loop();
    caught_t caught = { 0 }, later = { 0 };
    const int first[] = { SIGUSR1, SIGHUP }, second[] = { SIGUSR2 };
    assert_int_equal(gee_loop_signals(loop, first, 2, signal_caught, &caught, NULL), 0);
    assert_int_equal(raise(SIGHUP), 0);
    RUN_UNTIL(loop, caught.count == 1);
    assert_int_equal(caught.last, SIGHUP);
    assert_int_equal(raise(SIGUSR1), 0);
    RUN_UNTIL(loop, caught.count == 2);
    assert_int_equal(caught.last, SIGUSR1);
    assert_int_equal(gee_loop_signals(loop, second, 1, signal_caught, &later, NULL), 0); /* takes the place */
    assert_int_equal(raise(SIGUSR2), 0);
    RUN_UNTIL(loop, later.count == 1);
    assert_int_equal(caught.count, 2);
    const int wrong[] = { 4711 };
    gee_error_t error = { 0 };
    assert_int_equal(gee_loop_signals(loop, wrong, 1, signal_caught, &later, &error), -1);
    assert_non_null(strstr(error.text, "4711"));
    gee_loop_destroy(&loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_are_level_triggered),
        cmocka_unit_test(test_unwatch_silences_events_of_this_pass),
        cmocka_unit_test(test_unwatch_of_oneself),
        cmocka_unit_test(test_edge_triggered_alone_hears_a_hang_up_once),
        cmocka_unit_test(test_a_descriptor_that_cannot_be_watched),
        cmocka_unit_test(test_exclusive_watches_can_change),
        cmocka_unit_test(test_deferred_tasks),
        cmocka_unit_test(test_undefer_within_the_round),
        cmocka_unit_test(test_a_task_that_defers_itself_does_not_starve_descriptors),
        cmocka_unit_test(test_the_descriptor_says_that_there_is_work),
        cmocka_unit_test(test_posted_tasks_arrive_whole_and_in_order),
        cmocka_unit_test(test_the_loop_may_go_when_a_posted_task_has_run),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_the_loop_knows_its_thread),
        cmocka_unit_test(test_a_pass_inside_a_pass_is_refused),
        cmocka_unit_test(test_tasks_that_never_ran_are_forgotten),
        cmocka_unit_test(test_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
