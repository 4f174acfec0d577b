/* thread_pool_test.c: jobs run, the queue is bounded exactly, waiting jobs can be cancelled, threads take no
 * signals. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/event/thread_pool.h"

/* Jobs tell when they have begun, and wait at the gate until they are let through. */
typedef struct gated {
    gee_job_t job;
    sem_t *begun, *gate;
    atomic_int *runs;
} gated_t;

static void wait_for(sem_t *semaphore) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    if (sem_timedwait(semaphore, &until) != 0)
        abort(); /* on a thread of the pool cmocka's assertions do not work */
}

static void run_gated(gee_job_t *job) {
    gated_t *gated = GEE_CONTAINER(job, gated_t, job);
    sem_post(gated->begun);
    wait_for(gated->gate);
    atomic_fetch_add(gated->runs, 1);
}

static gee_thread_pool_t *new_pool(unsigned threads, size_t queue) {
    gee_error_t error;
    gee_thread_pool_t *pool = gee_thread_pool_create(threads, queue, &error);
    assert_non_null(pool);
    return pool;
}

static void test_the_queue_is_bounded(void **state) {
    (void)state;
    enum { THREADS = 2, QUEUE = 3, ALL = THREADS + QUEUE };
    gee_thread_pool_t *pool = new_pool(THREADS, QUEUE);
    sem_t begun, gate;
    atomic_int runs = 0;
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    gated_t jobs[ALL + 1];
    for (int i = 0; i <= ALL; i++)
        jobs[i] = (gated_t){ .job.run = run_gated, .begun = &begun, .gate = &gate, .runs = &runs };
    for (int i = 0; i < ALL; i++)
        assert_true(gee_thread_pool_submit(pool, &jobs[i].job));
    assert_false(gee_thread_pool_submit(pool, &jobs[ALL].job));
    for (int i = 0; i < THREADS; i++)
        wait_for(&begun);
    assert_int_equal(gee_thread_pool_running(pool), THREADS);
    assert_int_equal(gee_thread_pool_waiting(pool), QUEUE);
    assert_false(gee_thread_pool_submit(pool, &jobs[ALL].job));
    assert_false(gee_thread_pool_cancel(pool, &jobs[0].job)); /* it runs */
    assert_true(gee_thread_pool_cancel(pool, &jobs[3].job));
    assert_false(gee_thread_pool_cancel(pool, &jobs[3].job));
    assert_int_equal(gee_thread_pool_waiting(pool), QUEUE - 1);
    assert_true(gee_thread_pool_submit(pool, &jobs[ALL].job)); /* in its place */
    for (int i = 0; i < ALL; i++)
        sem_post(&gate);
    for (int i = THREADS; i < ALL; i++)
        wait_for(&begun);
    gee_thread_pool_destroy(&pool);
    assert_null(pool);
    assert_int_equal(atomic_load(&runs), ALL);
    sem_destroy(&begun);
    sem_destroy(&gate);
}

typedef struct opener {
    gee_thread_pool_t *pool;
    sem_t *gate;
} opener_t;

/* Destroy has begun when nothing waits any more. */
static void *open_when_nothing_waits(void *argument) {
    opener_t *opener = argument;
    struct timespec pause = { .tv_nsec = 1000000 };
    for (int i = 0; i < 20000 && gee_thread_pool_waiting(opener->pool) > 0; i++)
        nanosleep(&pause, NULL);
    sem_post(opener->gate);
    return NULL;
}

static void test_destroy_waits_for_running_and_forgets_waiting(void **state) {
    (void)state;
    gee_thread_pool_t *pool = new_pool(1, 10);
    sem_t begun, gate;
    atomic_int runs = 0;
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    gated_t jobs[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = (gated_t){ .job.run = run_gated, .begun = &begun, .gate = &gate, .runs = &runs };
        assert_true(gee_thread_pool_submit(pool, &jobs[i].job));
    }
    wait_for(&begun);
    pthread_t thread;
    opener_t opener = { .pool = pool, .gate = &gate };
    assert_int_equal(pthread_create(&thread, NULL, open_when_nothing_waits, &opener), 0);
    gee_thread_pool_destroy(&pool);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&runs), 1);
    sem_destroy(&begun);
    sem_destroy(&gate);
}

typedef struct counted {
    gee_job_t job;
    atomic_int *runs;
} counted_t;

static void run_and_free(gee_job_t *job) {
    counted_t *counted = GEE_CONTAINER(job, counted_t, job);
    atomic_int *runs = counted->runs;
    free(counted);
    atomic_fetch_add(runs, 1);
}

typedef struct submitter {
    gee_thread_pool_t *pool;
    atomic_int *runs;
    int refused;
} submitter_t;

static void *submit_many(void *argument) {
    submitter_t *submitter = argument;
    for (int i = 0; i < 1000; i++) {
        counted_t *job = calloc(1, sizeof(*job));
        if (!job)
            abort();
        job->job.run = run_and_free;
        job->runs = submitter->runs;
        if (!gee_thread_pool_submit(submitter->pool, &job->job)) {
            submitter->refused++;
            free(job);
        }
    }
    return NULL;
}

/* Every job either ran or was refused, whichever thread submitted it. */
static void test_no_job_is_lost(void **state) {
    (void)state;
    enum { SUBMITTERS = 3 };
    gee_thread_pool_t *pool = new_pool(3, 50);
    atomic_int runs = 0;
    int refused = 0;
    pthread_t threads[SUBMITTERS];
    submitter_t submitters[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++) {
        submitters[i] = (submitter_t){ .pool = pool, .runs = &runs };
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
    }
    for (int i = 0; i < SUBMITTERS; i++) {
        pthread_join(threads[i], NULL);
        refused += submitters[i].refused;
    }
    struct timespec pause = { .tv_nsec = 1000000 };
    for (int i = 0; i < 20000 && gee_thread_pool_waiting(pool) + gee_thread_pool_running(pool) > 0; i++)
        nanosleep(&pause, NULL);
    gee_thread_pool_destroy(&pool);
    assert_int_equal(atomic_load(&runs) + refused, SUBMITTERS * 1000);
    assert_true(atomic_load(&runs) > 0);
}

typedef struct look {
    gee_job_t job;
    sigset_t mask;
    char name[32];
    sem_t done;
} look_t;

static void run_look(gee_job_t *job) {
    look_t *look = GEE_CONTAINER(job, look_t, job);
    pthread_sigmask(SIG_SETMASK, NULL, &look->mask);
    for (int i = 0; i < 1000 && strncmp(look->name, "geerpc", 6) != 0; i++) { /* the creator gives the name */
        pthread_getname_np(pthread_self(), look->name, sizeof(look->name));
        usleep(1000);
    }
    sem_post(&look->done);
}

static void test_threads_take_no_signals_and_have_names(void **state) {
    (void)state;
    gee_thread_pool_t *pool = new_pool(1, 0);
    sigset_t before, after;
    look_t look = { .job.run = run_look };
    sem_init(&look.done, 0, 0);
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    assert_true(gee_thread_pool_submit(pool, &look.job));
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM)); /* the caller's mask is as it was */
    wait_for(&look.done);
    static const int asynchronous[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD, SIGQUIT, SIGPIPE, SIGALRM };
    for (size_t i = 0; i < GEE_LENGTH(asynchronous); i++)
        assert_int_equal(sigismember(&look.mask, asynchronous[i]), 1);
    assert_string_equal(look.name, "geerpc-pool-0");
    gee_thread_pool_destroy(&pool);
    sem_destroy(&look.done);
}

/* By their names: a sanitizer has threads of its own. */
static int pool_threads(void) {
    int count = 0;
    struct dirent *entry;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    while ((entry = readdir(tasks)) != NULL) {
        char path[300], name[32] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file == NULL)
            continue;
        if (fgets(name, sizeof(name), file) != NULL && strncmp(name, "geerpc-pool-", strlen("geerpc-pool-")) == 0)
            count++;
        fclose(file);
    }
    closedir(tasks);
    return count;
}

static void test_threads_start_with_the_jobs(void **state) {
    (void)state;
    gee_thread_pool_t *pool = new_pool(4, 4);
    assert_int_equal(pool_threads(), 0);
    sem_t begun, gate;
    atomic_int runs = 0;
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 1);
    gated_t job = { .job.run = run_gated, .begun = &begun, .gate = &gate, .runs = &runs };
    assert_true(gee_thread_pool_submit(pool, &job.job));
    wait_for(&begun);
    assert_int_equal(pool_threads(), 1);
    gee_thread_pool_destroy(&pool);
    sem_destroy(&begun);
    sem_destroy(&gate);
}

static void test_two_of_a_key_at_once(void **state) {
    (void)state;
    enum { SAME = 6, ALL = SAME + 1 };
    gee_thread_pool_t *pool = new_pool(4, 100);
    sem_t begun, gate, other_gate;
    atomic_int runs = 0, other_runs = 0;
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    sem_init(&other_gate, 0, 1);
    gated_t jobs[ALL];
    for (int i = 0; i < SAME; i++)
        jobs[i] = (gated_t){ .job = { .run = run_gated, .key = 7 }, .begun = &begun, .gate = &gate, .runs = &runs };
    jobs[SAME] =
        (gated_t){ .job = { .run = run_gated, .key = 8 }, .begun = &begun, .gate = &other_gate, .runs = &other_runs };
    for (int i = 0; i < ALL; i++)
        assert_true(gee_thread_pool_submit(pool, &jobs[i].job));
    for (int i = 0; i < 3; i++) /* two of one key, and the last one, which has another */
        wait_for(&begun);
    for (int i = 0; i < 20000 && atomic_load(&other_runs) == 0; i++)
        usleep(500);
    assert_int_equal(atomic_load(&other_runs), 1);
    assert_int_equal(gee_thread_pool_waiting(pool), SAME - 2);
    for (int i = 0; i < SAME; i++)
        sem_post(&gate);
    for (int i = 2; i < SAME; i++)
        wait_for(&begun);
    gee_thread_pool_destroy(&pool);
    assert_int_equal(atomic_load(&runs), SAME);
}

static void test_abandoned_threads_end_by_themselves(void **state) {
    (void)state;
    gee_thread_pool_t *pool = new_pool(2, 10);
    sem_t begun, gate;
    atomic_int runs = 0;
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    gated_t jobs[3];
    for (int i = 0; i < 3; i++)
        jobs[i] = (gated_t){ .job.run = run_gated, .begun = &begun, .gate = &gate, .runs = &runs };
    for (int i = 0; i < 3; i++)
        assert_true(gee_thread_pool_submit(pool, &jobs[i].job));
    wait_for(&begun);
    wait_for(&begun);
    gee_thread_pool_abandon(&pool);
    assert_null(pool);
    assert_int_equal(atomic_load(&runs), 0);
    for (int i = 0; i < 3; i++)
        sem_post(&gate);
    for (int i = 0; i < 20000 && pool_threads() > 0; i++)
        usleep(500);
    assert_int_equal(pool_threads(), 0);
    assert_int_equal(atomic_load(&runs), 2); /* what waited is forgotten */
    gee_thread_pool_t *idle = new_pool(2, 10);
    gee_thread_pool_abandon(&idle);
    gee_thread_pool_abandon(&idle);
}

static void test_no_threads_is_an_error(void **state) {
    (void)state;
    gee_error_t error = { 0 };
    assert_null(gee_thread_pool_create(0, 1, &error));
    assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
    gee_thread_pool_t *none = NULL;
    gee_thread_pool_destroy(&none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* First: a thread that was joined is still counted by the kernel for a moment. */
        cmocka_unit_test(test_threads_start_with_the_jobs),
        cmocka_unit_test(test_the_queue_is_bounded),
        cmocka_unit_test(test_destroy_waits_for_running_and_forgets_waiting),
        cmocka_unit_test(test_no_job_is_lost),
        cmocka_unit_test(test_threads_take_no_signals_and_have_names),
        cmocka_unit_test(test_two_of_a_key_at_once),
        cmocka_unit_test(test_abandoned_threads_end_by_themselves),
        cmocka_unit_test(test_no_threads_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
