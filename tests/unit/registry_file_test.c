/* registry_file_test.c: a list of servers in a file: how it is read, and when; and names, which are looked up. */
#include "support/watching.h"

#include <limits.h>
#include <sys/stat.h>

static char directory[] = "/tmp/geerpc-registry-XXXXXX";
static char path[100], source[110];

static int make_directory(void **state GEE_UNUSED) {
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/servers", directory);
    snprintf(source, sizeof(source), "file@%s", path);
    return 0;
}

static int remove_directory(void **state GEE_UNUSED) {
    return rmdir(directory); /* each test has removed its files */
}

static watching_t *new_watching(void) {
    watching_t *watching = calloc(1, sizeof(*watching));
    assert_non_null(watching);
    watching_open(watching, gee_modules);
    return watching;
}

static void free_watching(watching_t *watching) {
    watching_close(watching);
    free(watching);
    unlink(path);
}

/* ---- what is in it ---- */

static void test_lines(void **state GEE_UNUSED) {
    static const struct {
        const char *text, *list;
    } cases[] = { { "tcp@a:1\ntcp@b:2\n", "tcp@a:1 1, tcp@b:2 1" },
                  { "tcp@a:1", "tcp@a:1 1" },
                  { "# all\n\n  tcp@a:1\t 3  # heavy\r\n\t\ntcp@b:2#light\nunix@/run/x 65535\n",
                    "tcp@a:1 3, tcp@b:2 1, unix@/run/x 65535" },
                  { "", "" },
                  { "\n\n#\n", "" } };
    watching_t *watching = new_watching();
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        write_file(path, cases[i].text);
        watch(watching, source, NULL, LONG_REFRESH);
        await_change(watching);
        assert_string_equal(listed(watching), cases[i].list);
        unwatch(watching);
    }
    assert_int_equal(watching->failures, 0);
    free_watching(watching);
}

static void test_lines_that_are_wrong(void **state GEE_UNUSED) {
    static const struct {
        const char *text, *reason;
    } cases[] = { { "tcp@a:1\n\nfoo\n", ":3: address \"foo\": expected scheme@place" },
                  { "tcp@a:1 x\n", ":1: \"x\" is no weight: expected a number from 1 to 65535" },
                  { "tcp@a:1 0\n", ":1: \"0\" is no weight" },
                  { "tcp@a:1 65536\n", ":1: \"65536\" is no weight" },
                  { "tcp@a:1 1 2\n", ":1: \"1 2\" is no weight" },
                  { "tcp@a:1 -1\n", ":1: \"-1\" is no weight" },
                  { "tcp@a:1\x01\n", ":1: address \"tcp@a:1\\x01\": contains a control character" } };
    watching_t *watching = new_watching();
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        write_file(path, cases[i].text);
        watch(watching, source, NULL, LONG_REFRESH);
        await_failure(watching);
        if (strncmp(watching->error.text, source, strlen(source)) != 0 ||
            strstr(watching->error.text, cases[i].reason) == NULL)
            fail_msg("%s", watching->error.text);
        unwatch(watching);
    }
    assert_int_equal(watching->changes, 0);
    free_watching(watching);
}

static void write_many(size_t count, const char *line) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < count; i++)
        fputs(line, file);
    assert_int_equal(fclose(file), 0);
}

static void test_files_that_are_none(void **state GEE_UNUSED) {
    watching_t *watching = new_watching();
    FILE *file = fopen(path, "w");
    assert_int_equal(fwrite("tcp@a:1\0\n", 1, 9, file), 9);
    fclose(file);
    watch(watching, source, NULL, LONG_REFRESH);
    await_failure(watching);
    assert_non_null(strstr(watching->error.text, ":1: there is a zero byte in the line"));

    write_many(GEE_SNAPSHOT_SERVERS, "tcp@a:1\n");
    await_change(watching);
    assert_int_equal(watching->count, GEE_SNAPSHOT_SERVERS);
    write_many(GEE_SNAPSHOT_SERVERS + 1, "tcp@a:1\n");
    await_failure(watching);
    assert_non_null(strstr(watching->error.text, ":16385: a list has at most 16384 servers"));
    write_many(GEE_MIB, "    \n");
    await_failure(watching);
    assert_non_null(strstr(watching->error.text, "File too large"));
    unwatch(watching);

    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes to it */
    watch(watching, source, NULL, LONG_REFRESH);
    await_failure(watching);
    assert_non_null(strstr(watching->error.text, "this is no regular file"));
    unwatch(watching);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    watch(watching, source, NULL, LONG_REFRESH);
    await_failure(watching);
    assert_non_null(strstr(watching->error.text, "this is no regular file: Is a directory"));
    rmdir(path);
    free_watching(watching);
}

static void test_sources(void **state GEE_UNUSED) {
    gee_error_t error;
    char longest[PATH_MAX + 10] = "file@/";
    memset(longest + 6, 'a', sizeof(longest) - 7);
    static const char *const bad[] = { "file@",   "file@/a/", "dns@",      "dns@a",    "dns@:1",
                                       "dns@a:0", "dns@a:b",  "dns@a:1:2", "dns@a b:1" };
    for (size_t i = 0; i < GEE_LENGTH(bad); i++)
        if (gee_discovery_check(gee_modules, bad[i], &error) == 0)
            fail_msg("taken: %s", bad[i]);
    assert_int_equal(gee_discovery_check(gee_modules, longest, &error), -1);
    assert_int_equal(gee_discovery_check(gee_modules, "file@servers", &error), 0);
    assert_int_equal(gee_discovery_check(gee_modules, "dns@[::1]:1", &error), 0);
    assert_int_equal(gee_discovery_check(gee_modules, "dns@foo.example:9999", &error), 0);
}

/* ---- when it is looked at ---- */

static void test_a_file_that_is_replaced(void **state GEE_UNUSED) {
    watching_t *watching = new_watching();
    write_file(path, "tcp@a:1\n");
    watch(watching, source, NULL, LONG_REFRESH);
    await_change(watching);
    uint64_t version = watching->version;
    for (int i = 0; i < 5; i++) {
        char text[40];
        snprintf(text, sizeof(text), "tcp@b:%d\n", i);
        replace_file(path, text);
        await_change(watching);
        text[strlen(text) - 1] = '\0';
        assert_memory_equal(listed(watching), text, strlen(text));
        assert_true(watching->version != version);
        version = watching->version;
    }
    write_file(path, "tcp@c:1\n"); /* in its place */
    await_change(watching);
    assert_string_equal(listed(watching), "tcp@c:1 1");
    assert_int_equal(watching->failures, 0);
    free_watching(watching);
}

static void test_a_file_that_is_removed_and_back(void **state GEE_UNUSED) {
    watching_t *watching = new_watching();
    char text[200];
    watch(watching, source, NULL, LONG_REFRESH); /* it is not there yet */
    await_failure(watching);
    snprintf(text, sizeof(text), "%s: open: No such file or directory", source);
    assert_string_equal(watching->error.text, text);
    write_file(path, "tcp@a:1\n");
    await_change(watching);
    unlink(path);
    await_failure(watching);
    replace_file(path, "tcp@b:1\n");
    await_change(watching);
    assert_string_equal(listed(watching), "tcp@b:1 1");
    replace_file(path, "garbage\n");
    await_failure(watching);
    replace_file(path, "tcp@c:1\n");
    await_change(watching);
    assert_string_equal(listed(watching), "tcp@c:1 1");
    free_watching(watching);
}

/* A directory that comes, goes, and is another one of the same name: found by looking. */
static void test_its_directory(void **state GEE_UNUSED) {
    char below[120], inside[130], below_source[140];
    snprintf(below, sizeof(below), "%s/below", directory);
    snprintf(inside, sizeof(inside), "%s/servers", below);
    snprintf(below_source, sizeof(below_source), "file@%s", inside);
    watching_t *watching = new_watching();
    watch(watching, below_source, NULL, 20 * GEE_MILLISECOND);
    await_failure(watching);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mkdir(below, 0700), 0);
        write_file(inside, "tcp@a:1\n");
        await_change(watching);
        unlink(inside);
        await_failure(watching);
        assert_int_equal(rmdir(below), 0);
    }
    free_watching(watching);
}

static void test_refresh_looks_again(void **state GEE_UNUSED) {
    watching_t *watching = new_watching();
    char beside[120];
    snprintf(beside, sizeof(beside), "%s/beside", directory);
    write_file(beside, "tcp@a:1\n");
    assert_int_equal(symlink(beside, path), 0);
    watch(watching, source, NULL, 20 * GEE_MILLISECOND);
    await_change(watching);
    write_file(beside, "tcp@b:1\n"); /* of which inotify says nothing for this name */
    AWAIT(watching, strcmp(listed(watching), "tcp@b:1 1") == 0);
    unlink(beside);
    free_watching(watching);
}

/* Nobody is told of files beside it; a burst of changes is one or few. */
static void test_what_is_not_looked_at(void **state GEE_UNUSED) {
    watching_t *watching = new_watching();
    char beside[120];
    snprintf(beside, sizeof(beside), "%s/beside", directory);
    write_file(path, "tcp@a:1\n");
    watch(watching, source, NULL, LONG_REFRESH);
    await_change(watching);
    for (int i = 0; i < 100; i++) {
        write_file(beside, "tcp@b:1\n");
        run_passes(watching->loop, 1);
    }
    unlink(beside);
    int64_t end = gee_clock_monotonic() + 60 * GEE_MILLISECOND; /* a look would come after 20 */
    while (gee_clock_monotonic() < end)
        assert_int_equal(gee_loop_once(watching->loop, GEE_MILLISECOND), 0);
    assert_int_equal(watching->changes, 1);
    for (int i = 0; i < 1000; i++) {
        write_file(path, i < 999 ? "tcp@c:1\n" : "tcp@d:1\n");
        run_passes(watching->loop, 1);
    }
    AWAIT(watching, strcmp(listed(watching), "tcp@d:1 1") == 0);
    assert_in_range(watching->changes, 2, 500);
    free_watching(watching);
}

static void test_unwatch_at_any_time(void **state GEE_UNUSED) {
    static const char *const sources[] = { source, "dns@localhost:9999" };
    watching_t *watching = new_watching();
    write_file(path, "tcp@a:1\n");
    for (size_t i = 0; i < GEE_LENGTH(sources); i++) {
        for (int passes = 0; passes < 5; passes++) {
            watch(watching, sources[i], NULL, LONG_REFRESH);
            run_passes(watching->loop, passes);
            unwatch(watching); /* a thread may be at it */
        }
        watching->unwatch_in_change = true;
        watch(watching, sources[i], NULL, LONG_REFRESH);
        AWAIT(watching, watching->state == NULL);
        watching->unwatch_in_change = false;
    }
    free_watching(watching);
}

/* ---- names ---- */

static void test_a_name(void **state GEE_UNUSED) {
    watching_t *watching = new_watching();
    watch(watching, "dns@localhost:9999", NULL, 10 * GEE_MILLISECOND);
    await_change(watching);
    assert_in_range(watching->count, 1, SHOWN_SERVERS);
    for (size_t i = 0; i < watching->count; i++)
        if (strcmp(watching->addresses[i], "tcp@127.0.0.1:9999") != 0 &&
            strcmp(watching->addresses[i], "tcp@[::1]:9999") != 0)
            fail_msg("%s", watching->addresses[i]);
    uint64_t version = watching->version;
    await_change(watching); /* looked up again */
    assert_true(watching->version == version);
    unwatch(watching);
    watch(watching, "dns@127.0.0.1:1", NULL, LONG_REFRESH);
    await_change(watching);
    assert_string_equal(listed(watching), "tcp@127.0.0.1:1 0");
    free_watching(watching);
}

static void test_a_name_that_is_unknown(void **state GEE_UNUSED) {
    watching_t *watching = new_watching();
    watch(watching, "dns@no-such-name.invalid:9999", NULL, 10 * GEE_MILLISECOND);
    await_failure(watching);
    assert_memory_equal(watching->error.text, "dns@no-such-name.invalid:9999: ", 31);
    await_failure(watching);
    assert_int_equal(watching->changes, 0);
    free_watching(watching);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_lines_that_are_wrong),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_a_file_that_is_replaced),
        cmocka_unit_test(test_a_file_that_is_removed_and_back),
        cmocka_unit_test(test_its_directory),
        cmocka_unit_test(test_refresh_looks_again),
        cmocka_unit_test(test_what_is_not_looked_at),
        cmocka_unit_test(test_unwatch_at_any_time),
        cmocka_unit_test(test_a_name),
        cmocka_unit_test(test_a_name_that_is_unknown),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
