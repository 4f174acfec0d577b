/* filters_test: the filters counters and access_log, behind dispatch, with calls that a test holds and ends. (limits
 * has a test of its own.) */
#include "filter_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern const gee_module_t gee_filter_counters_module;
extern const gee_module_t gee_filter_access_log_module;

/* ---- what the core would lend ---- */

static void *shared_memory; /* kept over cycles, as the core keeps it */
static int log_descriptor;

static void *lend_shared(const gee_prepare_t *prepare, const char *name, size_t size, uint32_t version,
                         gee_error_t *error) {
    (void)prepare;
    (void)error;
    assert_string_equal(name, GEE_COUNTERS_NAME);
    assert_int_equal(version, GEE_COUNTERS_VERSION);
    if (shared_memory == NULL)
        shared_memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared_memory, MAP_FAILED);
    return shared_memory;
}
static int lend_log(const gee_prepare_t *prepare, const char *path, gee_error_t *error) {
    (void)prepare;
    (void)error;
    assert_string_equal(path, "access.log");
    return log_descriptor;
}
static const gee_prepare_t prepare = { .workers = 2, .shared = lend_shared, .open_log = lend_log };

static fixture_t *filtered(const gee_module_t *module, conf_t *conf, gee_pool_t *pool, const char *name,
                           const char *value) {
    configure(module, conf, pool);
    if (name != NULL)
        configure_one(module, conf, pool, name, value);
    return filter_with(module, conf, &prepare);
}

/* ---- counters ---- */

static const gee_counters_sum_t *sum_of(const gee_counters_sums_t *sums, const char *method) {
    for (size_t i = 0; i < sums->count; i++)
        if (gee_str_equal(sums->items[i].method, gee_str(method)))
            return &sums->items[i];
    return NULL;
}

static void assert_counts(gee_pool_t *pool, const char *method, uint64_t calls, uint64_t errors, uint64_t in_flight) {
    gee_counters_sums_t sums;
    assert_int_equal(gee_counters_read(shared_memory, pool, &sums), 0);
    const gee_counters_sum_t *sum = sum_of(&sums, method);
    assert_non_null(sum);
    assert_int_equal(sum->calls, calls);
    assert_int_equal(sum->errors, errors);
    assert_int_equal(sum->in_flight, in_flight);
}

static void calls_are_counted_by_method(void **state) {
    conf_t conf;
    fixture_t *fixture = filtered(&gee_filter_counters_module, &conf, *state, NULL, NULL);
    for (int i = 0; i < 3; i++)
        assert_reply(fixture, "Test.Echo", "{\"Number\":3}", "3");
    assert_failure(fixture, "Test.Echo", "{\"Number\":-3}", GEE_OUT_OF_RANGE, "negative");
    const outcome_t *unknown = start_call(fixture, "No.Method", "{}");
    assert_true(unknown->released && unknown->code != GEE_OK);
    outcome_t *held = start_call(fixture, "Test.Hold", "{}");
    assert_counts(*state, "Test.Echo", 4, 1, 0);
    assert_counts(*state, "Test.Hold", 1, 0, 1);
    assert_counts(*state, GEE_COUNTERS_UNKNOWN, 1, 1, 0);
    held->call->engine->server->cancel(held->call, false); /* answered; its handler still runs */
    assert_counts(*state, "Test.Hold", 1, 1, 1);
    finish(fixture, held);
    assert_counts(*state, "Test.Hold", 1, 1, 0);
    fixture_destroy(fixture);

    /* The next cycle goes on with the counts. */
    fixture = filtered(&gee_filter_counters_module, &conf, *state, NULL, NULL);
    assert_reply(fixture, "Test.Echo", "{}", "0");
    assert_counts(*state, "Test.Echo", 5, 1, 0);
    fixture_destroy(fixture);
    fixture = filtered(&gee_filter_counters_module, &conf, *state, "enabled", "false");
    assert_reply(fixture, "Test.Echo", "{}", "0");
    assert_counts(*state, "Test.Echo", 5, 1, 0);
    fixture_destroy(fixture);
}

static gee_counters_t *new_counters(size_t *size) {
    *size = gee_counters_size(1);
    gee_counters_t *counters = mmap(NULL, *size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(counters, MAP_FAILED);
    return counters;
}

static void workers_are_summed_and_the_dead_have_nothing_in_flight(void **state) {
    size_t size;
    gee_counters_t *counters = new_counters(&size);
    gee_counters_slot_t *mine = gee_counters_claim(counters, size, getpid());
    gee_counters_begin(gee_counters_row(mine, GEE_STR("A.X")));
    pid_t child = fork();
    if (child == 0) {
        gee_counters_slot_t *slot = gee_counters_claim(counters, size, getpid());
        gee_counters_row(slot, GEE_STR("A.W")); /* rows stand in another order here */
        for (int i = 0; slot != mine && i < 2; i++)
            gee_counters_begin(gee_counters_row(slot, GEE_STR("A.X")));
        gee_counters_end(gee_counters_row(slot, GEE_STR("A.X")), true, 5000);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    gee_counters_sums_t sums;
    assert_int_equal(gee_counters_read(counters, *state, &sums), 0);
    assert_int_equal(sums.count, 2);
    assert_true(gee_str_equal(sums.items[1].method, GEE_STR("A.X")));
    assert_int_equal(sums.items[1].calls, 3);
    assert_int_equal(sums.items[1].errors, 1);
    assert_int_equal(sums.items[1].in_flight, 1);
    gee_counters_slot_t *next = gee_counters_claim(counters, size, getppid()); /* takes the dead one's place */
    assert_ptr_equal(next, mine + 1);
    assert_int_equal(gee_counters_read(counters, *state, &sums), 0);
    assert_int_equal(sums.items[1].calls, 3);
    assert_int_equal(sums.items[1].in_flight, 1);
    munmap(counters, size);
}

static void quantiles_are_near_the_truth(void **state) {
    size_t size;
    gee_counters_t *counters = new_counters(&size);
    gee_counters_row_t *row = gee_counters_row(gee_counters_claim(counters, size, getpid()), GEE_STR("A.X"));
    gee_counters_sums_t sums;
    for (int64_t i = 1; i <= 1000; i++) /* 1 ms to 1 s */
        gee_counters_end(row, false, i * GEE_MILLISECOND);
    assert_int_equal(gee_counters_read(counters, *state, &sums), 0);
    static const double shares[] = { 0.01, 0.5, 0.9, 0.99, 1.0 };
    for (size_t i = 0; i < GEE_LENGTH(shares); i++) {
        double truth = shares[i] * 1e6, got = (double)gee_counters_quantile(&sums.items[0], shares[i]);
        assert_true(got >= truth && got <= truth * 1.13);
    }
    assert_int_equal(sums.items[0].microseconds, 500500000);
    gee_counters_row_t *edges = gee_counters_row(&counters->slots[0], GEE_STR("A.Y"));
    gee_counters_end(edges, false, -1);
    gee_counters_end(edges, false, INT64_MAX);
    assert_int_equal(gee_counters_read(counters, *state, &sums), 0);
    assert_int_equal(gee_counters_quantile(&sums.items[1], 0.5), 0);
    assert_true(gee_counters_quantile(&sums.items[1], 1.0) >= (1ull << 36) - 1);
    munmap(counters, size);
}

static void too_many_methods_share_a_row(void **state) {
    size_t size;
    gee_counters_t *counters = new_counters(&size);
    gee_counters_slot_t *slot = gee_counters_claim(counters, size, getpid());
    for (int round = 0; round < 2; round++)
        for (unsigned i = 0; i < GEE_COUNTERS_ROWS + 50; i++) {
            char name[300];
            snprintf(name, sizeof name, "Service.Method%04u%0200d", i, 0); /* longer than a row has room for */
            gee_counters_begin(gee_counters_row(slot, gee_str(name)));
        }
    gee_counters_sums_t sums;
    assert_int_equal(gee_counters_read(counters, *state, &sums), 0);
    assert_int_equal(sums.count, GEE_COUNTERS_ROWS);
    const gee_counters_sum_t *others = sum_of(&sums, GEE_COUNTERS_OTHERS);
    assert_non_null(others);
    assert_int_equal(others->calls, 2 * 51);
    munmap(counters, size);
}

/* ---- access log ---- */

/* A socket that keeps the borders of writes: one datagram is one write. */
static int open_log_socket(void) {
    int ends[2], size = 1 << 20;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    log_descriptor = ends[1];
    return ends[0];
}

static ssize_t next_write(int reader, char *text, size_t capacity) {
    ssize_t length = recv(reader, text, capacity - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return length;
}

static void a_pass_writes_its_lines_at_once(void **state) {
    conf_t conf;
    char text[4096], stamp[40];
    unsigned microseconds[3];
    int reader = open_log_socket(), end = 0;
    fixture_t *fixture = filtered(&gee_filter_access_log_module, &conf, *state, "path", "access.log");
    start_call(fixture, "Test.Echo", "{\"Number\":3}");
    start_call(fixture, "Test.Echo", "{\"Number\":-3}");
    outcome_t *odd = start_call(fixture, "No Such\n\"Method\\\xff", "{}");
    assert_true(odd->released);
    assert_int_equal(next_write(reader, text, sizeof text), -1); /* not before the end of the pass */
    pump(fixture);
    assert_true(next_write(reader, text, sizeof text) > 0);
    assert_int_equal(
        sscanf(text,
               "%39s - - Test.Echo json 0 12 0 %u - 0 1 1\n%*s - - Test.Echo json 11 13 0 %u - 0 1 0\n%*s - - "
               "No\\x20Such\\x0a\\x22Method\\x5c\\xff json %*u 2 0 %u - 0 1 0\n%n",
               stamp, &microseconds[0], &microseconds[1], &microseconds[2], &end),
        4);
    assert_int_equal(end, strlen(text));
    assert_int_equal(strlen(stamp), strlen("2026-11-22T08:38:33.123Z"));
    assert_int_equal(next_write(reader, text, sizeof text), -1);
    pump(fixture); /* nothing new: nothing is written */
    assert_int_equal(next_write(reader, text, sizeof text), -1);
    fixture_destroy(fixture);
    close(reader);
    close(log_descriptor);
}

static void a_long_pass_writes_whole_lines_when_the_buffer_is_full(void **state) {
    conf_t conf;
    char text[40000], name[2000];
    size_t writes = 0, lines = 0;
    int reader = open_log_socket();
    fixture_t *fixture = filtered(&gee_filter_access_log_module, &conf, *state, "path", "access.log");
    memset(name, '\1', sizeof name - 1); /* as long as a line can get */
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < OUTCOMES - 1; i++)
        start_call(fixture, name, "{}");
    start_call(fixture, "Test.Echo", "{}"); /* what stop() writes when no pass comes any more */
    fixture_destroy(fixture);
    for (ssize_t length; (length = next_write(reader, text, sizeof text)) > 0; writes++) {
        assert_int_equal(text[length - 1], '\n');
        assert_true(length <= 32768);
        for (ssize_t i = 0; i < length; i++)
            lines += text[i] == '\n';
    }
    assert_int_equal(lines, OUTCOMES);
    assert_true(writes > 1 && writes < 10);
    close(reader);
    close(log_descriptor);
}

static void a_full_disk_is_said_once_and_when_it_is_over(void **state) {
    conf_t conf;
    char text[4096];
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    int file = memfd_create("access.log", MFD_CLOEXEC);
    assert_true(full >= 0 && file >= 0);
    log_descriptor = full;
    fixture_t *fixture = filtered(&gee_filter_access_log_module, &conf, *state, "path", "access.log");
    for (int i = 0; i < 3; i++) {
        assert_reply(fixture, "Test.Echo", "{}", "0");
        assert_reply(fixture, "Test.Echo", "{}", "0");
        pump(fixture);
    }
    assert_string_equal(fixture->log_text, "access_log: lines are dropped: No space left on device\n");
    fixture->log_text[0] = '\0';
    assert_true(dup2(file, full) >= 0);
    assert_reply(fixture, "Test.Echo", "{}", "0");
    pump(fixture);
    assert_string_equal(fixture->log_text, "access_log: lines are written again, 6 were dropped\n");
    ssize_t length = pread(file, text, sizeof text - 1, 0);
    assert_true(length > 0);
    text[length] = '\0';
    assert_ptr_equal(strchr(text, '\n'), text + length - 1);
    fixture_destroy(fixture);
    close(file);
    close(full);
}

static void without_a_path_nothing_is_written(void **state) {
    conf_t conf;
    char text[100];
    int reader = open_log_socket();
    fixture_t *fixture = filtered(&gee_filter_access_log_module, &conf, *state, NULL, NULL);
    assert_reply(fixture, "Test.Echo", "{}", "0");
    fixture_destroy(fixture);
    assert_int_equal(next_write(reader, text, sizeof text), -1);
    close(reader);
    close(log_descriptor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(calls_are_counted_by_method, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_are_summed_and_the_dead_have_nothing_in_flight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(quantiles_are_near_the_truth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_methods_share_a_row, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pass_writes_its_lines_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_pass_writes_whole_lines_when_the_buffer_is_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_said_once_and_when_it_is_over, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_a_path_nothing_is_written, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
