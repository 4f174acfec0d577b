/* double_buffer_test.c: what was published is read whole, whatever the writer does, and wherever it dies. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gee.h>

#define CAPACITY 100003 /* nothing round */

static gee_double_buffer_t buffer;

static int set_up(void **state GEE_UNUSED) {
    size_t size = gee_double_buffer_size(CAPACITY);
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(size % 16, 0);
    buffer = (gee_double_buffer_t){ .memory = memory, .capacity = CAPACITY };
    return 0;
}

static int tear_down(void **state GEE_UNUSED) {
    return munmap(buffer.memory, gee_double_buffer_size(CAPACITY));
}

static void publish(const char *text) {
    strcpy(gee_double_buffer_begin(&buffer), text);
    gee_double_buffer_publish(&buffer, strlen(text) + 1);
}

static void test_nothing_then_something(void **state GEE_UNUSED) {
    gee_double_copy_t copy = { 0 };
    assert_int_equal(gee_double_buffer_count(&buffer), 0);
    assert_int_equal(gee_double_buffer_read(&buffer, &copy), 0);
    assert_int_equal(copy.count, 0);
    for (uint64_t i = 1; i <= 5; i++) {
        char text[16];
        snprintf(text, sizeof(text), "list %d", (int)i);
        publish(text);
        assert_int_equal(gee_double_buffer_count(&buffer), i);
        assert_int_equal(gee_double_buffer_read(&buffer, &copy), 0);
        assert_string_equal(copy.bytes, text);
        assert_int_equal(copy.length, strlen(text) + 1);
        assert_int_equal(copy.count, i);
    }
    gee_double_copy_free(&copy);
    assert_null(copy.bytes);
}

static void test_empty_is_something(void **state GEE_UNUSED) {
    gee_double_copy_t copy = { 0 };
    publish("before");
    assert_int_equal(gee_double_buffer_read(&buffer, &copy), 0);
    (void)gee_double_buffer_begin(&buffer);
    gee_double_buffer_publish(&buffer, 0);
    assert_int_equal(gee_double_buffer_read(&buffer, &copy), 0);
    assert_int_equal(copy.length, 0);
    assert_int_equal(copy.count, 2);
    gee_double_copy_free(&copy);
}

static void test_a_writer_that_stops_in_the_middle(void **state GEE_UNUSED) {
    gee_double_copy_t copy = { 0 };
    publish("good");
    for (int i = 0; i < 3; i++) {
        memset(gee_double_buffer_begin(&buffer), 'x', CAPACITY); /* and dies */
        assert_int_equal(gee_double_buffer_read(&buffer, &copy), 0);
        assert_string_equal(copy.bytes, "good");
        copy.count = 0; /* as who comes anew */
    }
    publish("better");
    assert_int_equal(gee_double_buffer_read(&buffer, &copy), 0);
    assert_string_equal(copy.bytes, "better");
    gee_double_copy_free(&copy);
}

/* Publishes as fast as it can, each time one number throughout, of a length that goes with it. */
static void write_for_ever(void) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (uint32_t number = (uint32_t)getpid();; number++) {
        uint32_t *words = gee_double_buffer_begin(&buffer);
        size_t count = 1 + number % (CAPACITY / sizeof(*words));
        for (size_t i = 0; i < count; i++)
            words[i] = number;
        gee_double_buffer_publish(&buffer, count * sizeof(*words));
    }
}

static size_t check_copy(const gee_double_copy_t *copy) {
    const uint32_t *words = copy->bytes;
    size_t count = copy->length / sizeof(*words);
    assert_int_equal(count, 1 + words[0] % (CAPACITY / sizeof(*words)));
    for (size_t i = 0; i < count; i++)
        if (words[i] != words[0])
            fail_msg("torn: word %zu is %u, the first %u", i, words[i], words[0]);
    return 1;
}

static void test_writers_that_are_killed(void **state GEE_UNUSED) {
    gee_double_copy_t copy = { 0 };
    size_t read = 0;
    for (int turn = 0; turn < 30; turn++) {
        uint64_t before = gee_double_buffer_count(&buffer);
        pid_t writer = fork();
        if (writer == 0)
            write_for_ever();
        while (gee_double_buffer_count(&buffer) < before + 50)
            if (gee_double_buffer_read(&buffer, &copy) == 0 && copy.count > 0)
                read += check_copy(&copy);
        kill(writer, SIGKILL);
        waitpid(writer, NULL, 0);
        copy.count = 0;
        assert_int_equal(gee_double_buffer_read(&buffer, &copy), 0); /* never wedged */
        check_copy(&copy);
    }
    assert_true(read > 0);
    gee_double_copy_free(&copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_then_something, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_empty_is_something, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_writer_that_stops_in_the_middle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writers_that_are_killed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
