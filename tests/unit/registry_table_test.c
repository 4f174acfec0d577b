/* registry_table_test.c: the registry's list: sorted, bounded, with its versions; published, taken over, written to a
 * file and read from it, whatever that file holds. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/registry/registry.h"

#define MOST 1000
#define TTL  (30 * GEE_SECOND)

static registry_table_t table;
static gee_double_buffer_t buffer;
static char path[64];

static int set_up(void **state GEE_UNUSED) {
    table = (registry_table_t){ 0 };
    buffer.capacity = registry_list_capacity();
    buffer.memory = aligned_alloc(16, gee_double_buffer_size(buffer.capacity));
    assert_non_null(buffer.memory);
    memset(buffer.memory, 0, 4096); /* what counts; the rest is published before it is read */
    strcpy(path, "/tmp/registry_table.XXXXXX");
    close(mkstemp(path));
    return 0;
}

static int tear_down(void **state GEE_UNUSED) {
    registry_table_clear(&table);
    free(buffer.memory);
    unlink(path);
    return 0;
}

static registry_outcome_t put(const char *address, const char *service, uint32_t weight, int64_t expires_ns) {
    registry_key_t key = { .address = gee_str(address), .service = gee_str(service) };
    return registry_table_put(&table, &key, weight, TTL, expires_ns, MOST);
}

static void take_out(const char *address, const char *service) {
    registry_key_t key = { .address = gee_str(address), .service = gee_str(service) };
    registry_table_remove(&table, &key);
}

/* "tcp@a:1 Foo 3, tcp@b:2  0", as it was published. */
static const char *published(void) {
    static char text[1000];
    gee_double_copy_t copy = { 0 };
    size_t length = 0;
    text[0] = '\0';
    assert_int_equal(gee_double_buffer_read(&buffer, &copy), 0);
    const registry_list_t *list = copy.bytes;
    const registry_entry_t *entry = registry_first(list);
    for (uint64_t i = 0; i < list->count; i++, entry = registry_next(entry))
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s %s %u", i ? ", " : "",
                                   registry_address(entry), registry_service(entry), entry->weight);
    assert_ptr_equal((const char *)entry, (const char *)copy.bytes + copy.length);
    gee_double_copy_free(&copy);
    return text;
}

static uint64_t publish(void) {
    registry_table_publish(&table, &buffer);
    return table.version;
}

static void test_sorted_by_address_then_service(void **state GEE_UNUSED) {
    put("tcp@b:2", "", 0, 1);
    put("tcp@a:1", "Foo", 3, 1);
    put("tcp@a:10", "", 0, 1);
    put("tcp@a:1", "", 0, 1);
    put("tcp@a:1", "Bar", 2, 1);
    publish();
    assert_string_equal(published(), "tcp@a:1  0, tcp@a:1 Bar 2, tcp@a:1 Foo 3, tcp@a:10  0, tcp@b:2  0");
    take_out("tcp@a:1", "Foo");
    take_out("tcp@c:1", "");
    publish();
    assert_string_equal(published(), "tcp@a:1  0, tcp@a:1 Bar 2, tcp@a:10  0, tcp@b:2  0");
}

static void test_versions(void **state GEE_UNUSED) {
    uint64_t version = publish(), before = version;
    assert_true(version > 1700000000000); /* a time, in milliseconds */
    assert_int_equal(publish(), version);
    put("tcp@a:1", "", 0, 1);
    assert_true((version = publish()) > before);
    put("tcp@a:1", "", 0, 99); /* refreshed */
    take_out("tcp@b:1", "");
    assert_int_equal(publish(), version);
    put("tcp@a:1", "", 5, 99);
    assert_true(publish() > version);
    table.version = UINT64_MAX / 2; /* a clock that was set back */
    put("tcp@a:1", "", 6, 99);
    assert_true(publish() == UINT64_MAX / 2 + 1);
}

static void test_time(void **state GEE_UNUSED) {
    put("tcp@a:1", "", 0, 100);
    put("tcp@b:1", "", 0, 300);
    put("tcp@c:1", "", 0, 200);
    assert_int_equal(registry_table_expire(&table, 99), 100);
    assert_int_equal(registry_table_expire(&table, 100), 200);
    assert_int_equal(table.count, 2);
    assert_int_equal(registry_table_expire(&table, 1000), INT64_MAX);
    assert_int_equal(table.count, 0);
}

static void test_full(void **state GEE_UNUSED) {
    char address[32];
    for (int i = 0; i < MOST; i++) {
        snprintf(address, sizeof(address), "tcp@h:%d", i);
        assert_int_equal(put(address, "", 0, 1), REGISTRY_DONE);
    }
    assert_int_equal(put("tcp@another:1", "", 0, 1), REGISTRY_FULL);
    assert_int_equal(put(address, "", 7, 1), REGISTRY_DONE);
    assert_int_equal(table.count, MOST);
}

/* With texts of that length, as many as there may be of them. The last one's outcome, which was not taken. */
static registry_outcome_t fill(int address_length, size_t service_length) {
    char address[REGISTRY_TEXT + 1], service[REGISTRY_TEXT + 1];
    registry_outcome_t outcome = REGISTRY_DONE;
    memset(service, 's', sizeof(service));
    for (int i = 0; outcome == REGISTRY_DONE; i++) {
        registry_key_t key = { .address = { address, (size_t)address_length }, .service = { service, service_length } };
        snprintf(address, sizeof(address), "tcp@%0*d:1", address_length - 6, i);
        outcome = registry_table_put(&table, &key, 1, TTL, 1, REGISTRY_ENTRIES);
    }
    return outcome;
}

static void test_the_longest_lists(void **state GEE_UNUSED) {
    static const struct {
        int address_length;
        size_t service_length;
    } cases[] = { { REGISTRY_TEXT, REGISTRY_TEXT }, { REGISTRY_TEXT, 0 }, { 11, 0 } };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        registry_table_t next = { 0 };
        assert_int_equal(fill(cases[i].address_length, cases[i].service_length), REGISTRY_FULL);
        publish(); /* there is room for it, says ASan */
        assert_int_equal(registry_table_take(&next, &buffer, 5), 0);
        assert_int_equal(next.count, table.count);
        assert_int_equal(next.bytes, table.bytes);
        assert_int_equal(next.items[0]->expires_ns, 6);
        assert_int_equal(next.version, table.version);
        registry_table_clear(&next);
        registry_table_expire(&table, 1);
        assert_int_equal(table.bytes, 0);
    }
}

static void test_room_comes_back(void **state GEE_UNUSED) {
    char address[REGISTRY_TEXT + 1];
    fill(REGISTRY_TEXT, REGISTRY_TEXT);
    size_t count = table.count;
    assert_true(count < REGISTRY_ENTRIES);
    registry_key_t last = { .address = { table.items[count - 1]->texts, REGISTRY_TEXT },
                            .service = gee_str(registry_service(table.items[count - 1])) };
    snprintf(address, sizeof(address), "%s", registry_address(table.items[count - 1]));
    assert_int_equal(registry_table_put(&table, &last, 9, TTL, 2, REGISTRY_ENTRIES), REGISTRY_DONE); /* refreshed */
    take_out(address, registry_service(table.items[0]));
    assert_int_equal(fill(REGISTRY_TEXT, REGISTRY_TEXT), REGISTRY_FULL);
    assert_int_equal(table.count, count);
}

static void test_a_file_and_back(void **state GEE_UNUSED) {
    size_t length;
    gee_error_t error = { 0 };
    put("tcp@[::]:7001", "", 0, 1);
    put("unix@/run/x", "Arith", 65535, 1);
    uint64_t version = publish();
    char *text = registry_file_format(&table, &length);
    assert_int_equal(registry_file_write(path, text, length, &error), 0);
    registry_table_clear(&table);
    if (registry_file_load(path, &table, 1000, &error) != 0)
        fail_msg("%s", error.text);
    assert_int_equal(table.items[0]->expires_ns, 1000 + TTL); /* its whole time again */
    assert_true(publish() > version);
    assert_string_equal(published(), "tcp@[::]:7001  0, unix@/run/x Arith 65535");
    free(text);
}

static void test_no_file(void **state GEE_UNUSED) {
    gee_error_t error = { 0 };
    unlink(path);
    assert_int_equal(registry_file_load(path, &table, 1, &error), 0);
    assert_int_equal(table.count, 0);
    assert_int_equal(registry_file_load("/tmp", &table, 1, &error), -1);
    assert_int_equal(registry_file_write("/tmp/there/is/none", "", 0, &error), -1);
    assert_non_null(strstr(error.text, "No such file"));
}

static void write_file(const char *bytes, size_t length) {
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

static void expect_refused(const char *bytes, size_t length, const char *said) {
    gee_error_t error = { 0 };
    write_file(bytes, length);
    assert_int_equal(registry_file_load(path, &table, 1, &error), -1);
    if (strstr(error.text, said) == NULL || strstr(error.text, path) != error.text)
        fail_msg("%.*s: %s", (int)length, bytes, error.text);
    assert_int_equal(table.count, 0);
}

static void test_files_that_are_none(void **state GEE_UNUSED) {
#define TITLE "geerpc registry 2 5\n"
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "", ":1: it does not begin" },
        { "hello\n", ":1: it does not begin" },
        { "geerpc registry 1 5\n", ":1: it does not begin" },
        { "geerpc registry 2 \n", ":1: there is no version" },
        { "geerpc registry 2 -5\n", ":1: there is no version" },
        { "geerpc registry 2 18446744073709551615\nend 0\n", ":1: there is no version" },
        { "geerpc registry 2 18446744073709551616\nend 0\n", ":1: there is no version" },
        { "geerpc registry 2 4503599627370497\nend 0\n", ":1: there is no version" },
        { TITLE, ":2: it is cut off" },
        { TITLE "tcp@a:1 0 5m\n", ":3: it is cut off" },
        { TITLE "tcp@a:1 0 5m\nend 2\n", ":3: expected" },
        { TITLE "tcp@a:1 0 5m\ntcp@a:1 0 5m\nend 2\n", ":4: expected" },
        { TITLE "tcp@a:1 0 5m\nend 1\n\n", ":3: expected" },
        { TITLE "tcp@a:1 0 5m\nend 1\ntcp@b:1 0 5m\n", ":3: expected" },
        { TITLE "tcp@a:1 0 5m\nend 1", "its last line has no end" },
        { TITLE "tcp@a:0 0 5m\n", ":2: expected" },
        { TITLE "a 0 5m\n", ":2: expected" },
        { TITLE "tcp@a:1", ":2: expected" },
        { TITLE "tcp@a:1 0 5m\n\n", ":3: expected" },
        { TITLE "tcp@a:1 0 5m\ntcp@b:1 65536 5m\n", ":3: expected" },
        { TITLE "tcp@a:1 x 5m\n", ":2: expected" },
        { TITLE "tcp@a:1 0 0s\n", ":2: expected" },
        { TITLE "tcp@a:1 0 99999h\n", ":2: expected" },
        { TITLE "tcp@a,b 0 5m\n", ":2: expected" },
        { TITLE "tcp@\"a 0 5m\n", ":2: expected" },
        { TITLE "tcp@a:1 0 5m a b\n", ":2: expected" },
        { TITLE "tcp@\xff 0 5m\n", ":2: expected" },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++)
        expect_refused(cases[i].text, strlen(cases[i].text), cases[i].said);
}

/* Nowhere can it be cut off, or a byte become zero, without being refused. */
static void test_a_file_that_was_damaged(void **state GEE_UNUSED) {
    size_t length;
    gee_error_t error;
    put("tcp@10.0.0.1:9999", "Arith", 3, 1);
    put("tcp@10.0.0.2:9999", "", 0, 1);
    publish();
    char *text = registry_file_format(&table, &length);
    registry_table_clear(&table);
    for (size_t i = 0; i < length; i++) {
        char byte = text[i];
        expect_refused(text, i, ":");
        text[i] = '\0';
        expect_refused(text, length, ":");
        text[i] = byte;
    }
    write_file(text, length);
    assert_int_equal(registry_file_load(path, &table, 1, &error), 0);
    assert_int_equal(table.count, 2);
    free(text);
}

/* In the place of the file, or of the one that is written beside it: none of these is waited for. */
static void test_what_is_no_file(void **state GEE_UNUSED) {
    char beside[80];
    gee_error_t error;
    snprintf(beside, sizeof(beside), "%s.new", path);
    for (int i = 0; i < 4; i++) {
        int reader = -1;
        unlink(path);
        assert_int_equal(i == 0   ? mkdir(beside, 0700)
                         : i == 1 ? symlink("/dev/zero", beside)
                                  : mkfifo(beside, 0600),
                         0);
        if (i == 3)
            reader = open(beside, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* somebody does read it */
        error.text[0] = '\0';
        assert_int_equal(registry_file_write(path, "text", 4, &error), -1);
        assert_ptr_equal(strstr(error.text, beside), error.text);
        assert_non_null(strstr(error.text, i == 0 ? ": Is a directory" : ": this is no regular file; remove it"));
        assert_int_equal(rename(beside, path), 0);
        assert_int_equal(registry_file_load(path, &table, 1, &error), -1);
        assert_non_null(strstr(error.text, ": this is no regular file; remove it"));
        /* Nor is it replaced, or moved: a device is for others too. */
        assert_int_equal(registry_file_write(path, "text", 4, &error), -1);
        assert_non_null(strstr(error.text, ": this is no regular file; remove it"));
        assert_int_equal(registry_file_set_aside(path, &error), -1);
        assert_int_equal(access(path, F_OK), 0);
        assert_int_equal(access(beside, F_OK), -1);
        if (reader >= 0)
            close(reader);
        remove(path);
    }
    write_file("", 0);
}

static void test_set_aside(void **state GEE_UNUSED) {
    char aside[80];
    gee_error_t error = { 0 };
    snprintf(aside, sizeof(aside), "%s" REGISTRY_ASIDE, path);
    write_file("precious", 8);
    assert_int_equal(registry_file_set_aside(path, &error), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(access(aside, F_OK), 0);
    assert_int_equal(registry_file_set_aside(path, &error), -1); /* it is gone */
    unlink(aside);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sorted_by_address_then_service, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_longest_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_are_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_that_was_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_set_aside, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
