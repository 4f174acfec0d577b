/* shared_rates_test.c: buckets of tokens that processes share: nothing more passes, whoever asks; what is killed
 * leaves nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gee.h>

#define NAMES 100

static gee_shared_rates_t *rates;

static int set_up(void **state GEE_UNUSED) {
    size_t size = gee_shared_rates_size(NAMES);
    rates = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return rates == MAP_FAILED ? -1 : gee_shared_rates_open(rates, NAMES);
}
static int tear_down(void **state GEE_UNUSED) {
    return munmap(rates, gee_shared_rates_size(NAMES));
}

static bool take(const char *name, const gee_rate_t *rate, int64_t now_ns) {
    return gee_rate_take(gee_shared_rates_find(rates, gee_str(name), now_ns), rate, now_ns);
}

static void test_a_bucket(void **state GEE_UNUSED) {
    gee_rate_t rate = gee_rate(10, 3);
    int64_t now = 5 * GEE_SECOND;
    for (int i = 0; i < 3; i++)
        assert_true(take("a", &rate, now));
    assert_false(take("a", &rate, now));
    assert_true(take("b", &rate, now));
    assert_true(take("a", &rate, now + 100 * GEE_MILLISECOND));
    assert_false(take("a", &rate, now + 199 * GEE_MILLISECOND));
    gee_rate_give(gee_shared_rates_find(rates, GEE_STR("a"), now), &rate);
    assert_true(take("a", &rate, now + 199 * GEE_MILLISECOND));
    assert_int_equal(gee_shared_rates_open(rates, NAMES), 0); /* another cycle finds it as it is */
    assert_false(take("a", &rate, now + 199 * GEE_MILLISECOND));
}

static void test_names_without_end(void **state GEE_UNUSED) {
    gee_rate_t rate = gee_rate(1, 1);
    char name[32];
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof(name), "%d", i);
        assert_true(take(name, &rate, GEE_SECOND)); /* a name never met has its burst */
    }
}

/* Four processes draw from one bucket as fast as they can, one of them is killed meanwhile. */
static void test_processes(void **state GEE_UNUSED) {
    enum { PROCESSES = 4, TOKENS = 5000 };
    gee_rate_t rate = gee_rate(1, TOKENS);
    _Atomic uint64_t *taken = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t children[PROCESSES];
    assert_ptr_not_equal(taken, MAP_FAILED);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] != 0)
            continue;
        while (take("shared", &rate, GEE_SECOND))
            atomic_fetch_add(taken, 1);
        _exit(0);
    }
    (void)kill(children[0], SIGKILL);
    for (int i = 0; i < PROCESSES; i++)
        assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
    assert_false(take("shared", &rate, GEE_SECOND));
    /* The one that was killed may have taken one that it did not count; two that met the name first, a bucket each. */
    assert_in_range(atomic_load(taken), TOKENS - 1, TOKENS + PROCESSES);
    assert_true(take("shared", &rate, GEE_SECOND + TOKENS * GEE_SECOND)); /* and there is all of it again */
    (void)munmap((void *)(uintptr_t)taken, 4096);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_bucket, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names_without_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_processes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
