/* option_test.c: options from text and to text, ranges and their messages, defaults, comparison, defects of tables. */
#include "conf_fixture.h"

static gee_pool_t *pool;

static int make_pool(void **state) {
    (void)state;
    pool = gee_pool_create(1024);
    return pool ? 0 : -1;
}

static int drop_pool(void **state) {
    (void)state;
    gee_pool_destroy(&pool);
    return 0;
}

static main_conf_t defaults(void) {
    main_conf_t conf;
    gee_error_t error = { 0 };
    memset(&conf, 0x5a, sizeof conf);
    if (gee_options_default(main_options, &conf, pool, &error) < 0)
        fail_msg("%s", error.text);
    return conf;
}

static void set_ok(main_conf_t *conf, const char *name, const char *value) {
    gee_error_t error = { 0 };
    if (gee_option_set(main_options, conf, name, value, pool, &error) < 0)
        fail_msg("%s", error.text);
}

static void set_fails(main_conf_t *conf, const char *name, const char *value, const char *text) {
    gee_error_t error = { 0 };
    assert_int_equal(gee_option_set(main_options, conf, name, value, pool, &error), -1);
    assert_string_equal(error.text, text);
    assert_int_not_equal(error.code, GEE_OK);
}

static void defaults_fill_everything(void **state) {
    (void)state;
    main_conf_t conf = defaults();
    assert_int_equal(conf.workers, 0);
    assert_null(conf.user);
    assert_string_equal(conf.pid, "run/geerpc.pid");
    assert_true(conf.daemon);
    assert_int_equal(conf.listen.count, 0);
    assert_null(conf.listen.items);
    assert_int_equal(conf.allow.count, 0);
    assert_string_equal(conf.error_log.path, "logs/error.log");
    assert_int_equal(conf.error_log.level, 1);
}

static void set_by_name(void **state) {
    (void)state;
    main_conf_t conf = defaults();
    set_ok(&conf, "workers", "12");
    set_ok(&conf, "user", "geerpc");
    set_ok(&conf, "daemon", "false");
    set_ok(&conf, "error_log.level", "debug");
    set_ok(&conf, "allow", " 10.0.0.0/8 ,::1");
    assert_int_equal(conf.workers, 12);
    assert_string_equal(conf.user, "geerpc");
    assert_false(conf.daemon);
    assert_int_equal(conf.error_log.level, 2);
    assert_int_equal(conf.allow.count, 2);
    assert_string_equal(conf.allow.items[0], "10.0.0.0/8");
    assert_string_equal(conf.allow.items[1], "::1");
    set_ok(&conf, "allow", "");
    assert_int_equal(conf.allow.count, 0);
    set_ok(&conf, "workers", "auto");
    assert_int_equal(conf.workers, 0);
}

static void values_are_copies(void **state) {
    (void)state;
    main_conf_t conf = defaults();
    char text[] = "first";
    set_ok(&conf, "user", text);
    memset(text, 'x', sizeof text - 1);
    assert_string_equal(conf.user, "first");
}

static void refusals_say_what_is_expected(void **state) {
    (void)state;
    main_conf_t conf = defaults();
    set_fails(&conf, "workers", "0", "workers is \"0\", expected a number from 1 to 1024, or \"auto\"");
    set_fails(&conf, "workers", "1025", "workers is \"1025\", expected a number from 1 to 1024, or \"auto\"");
    set_fails(&conf, "workers", "99999999999999999999",
              "workers is \"99999999999999999999\", expected a number from 1 to 1024, or \"auto\"");
    set_fails(&conf, "daemon", "maybe", "daemon is \"maybe\", expected true or false");
    set_fails(&conf, "error_log.level", "loud",
              "error_log.level is \"loud\", expected one of \"error\", \"notice\", \"debug\"");
    set_fails(&conf, "user", "root", "user is \"root\": the server does not run as root");
    set_fails(&conf, "user", "\xff", "user is \"\\xff\", expected a text");
    set_fails(&conf, "allow", "a,,b", "allow is \"a,,b\", expected texts with commas between");
    set_fails(&conf, "wokers", "1", "unknown setting \"wokers\", did you mean \"workers\"?");
    set_fails(&conf, "error_log.levle", "debug", "unknown setting \"error_log.levle\", did you mean \"level\"?");
    set_fails(&conf, "workers.count", "1", "unknown setting \"workers.count\": \"workers\" is no group");
    set_fails(&conf, "error_log", "x", "error_log is a group: name one of its settings, such as error_log.path");
    set_fails(&conf, "listen", "x", "listen is a list of groups and cannot be set by name");
    set_fails(&conf, "", "x", "unknown setting \"\"");
    assert_int_equal(conf.workers, 0);
}

static void sizes_durations_modes(void **state) {
    (void)state;
    struct {
        uint64_t size;
        int64_t duration, mode;
    } conf = { 0 };
    const gee_option_t size = { .name = "size", .type = GEE_OPTION_SIZE, .minimum = 1, .maximum = 4096, .doc = "x" };
    const gee_option_t duration = {
        .name = "duration", .type = GEE_OPTION_DURATION, .offset = 8, .minimum = GEE_SECOND, .doc = "x"
    };
    const gee_option_t mode = { .name = "mode", .type = GEE_OPTION_MODE, .offset = 16, .doc = "x" };
    gee_error_t error = { 0 };
    assert_int_equal(gee_option_set_row(&size, &conf, "4k", pool, &error), 0);
    assert_int_equal(conf.size, 4096);
    assert_int_equal(gee_option_set_row(&size, &conf, "5k", pool, &error), -1);
    assert_string_equal(error.text, "size is \"5k\", expected a size such as \"64k\", from 1 to 4k");
    assert_int_equal(gee_option_set_row(&size, &conf, "18446744073709551615", pool, &error), -1);
    assert_int_equal(conf.size, 4096);
    assert_int_equal(gee_option_set_row(&duration, &conf, "1m30s", pool, &error), 0);
    assert_int_equal(conf.duration, 90 * GEE_SECOND);
    assert_int_equal(gee_option_set_row(&duration, &conf, "999ms", pool, &error), -1);
    assert_string_equal(error.text, "duration is \"999ms\", expected a duration such as \"10s\", of at least 1s");
    assert_int_equal(gee_option_set_row(&duration, &conf, "10", pool, &error), -1);
    assert_int_equal(gee_option_set_row(&mode, &conf, "0640", pool, &error), 0);
    assert_int_equal(conf.mode, 0640);
    static const char *const bad_modes[] = { "", "8", "0680", "777777", "rwx", "0660 ", "17777" };
    for (size_t i = 0; i < GEE_LENGTH(bad_modes); i++)
        assert_int_equal(gee_option_set_row(&mode, &conf, bad_modes[i], pool, &error), -1);
    assert_int_equal(conf.mode, 0640);
}

static void text_reads_back(void **state) {
    (void)state;
    static const char *const values[][2] = { { "workers", "7" },    { "workers", "auto" }, { "user", "a b" },
                                             { "daemon", "false" }, { "pid", "" },         { "pid", "x/y" } };
    for (size_t i = 0; i < GEE_LENGTH(values); i++) {
        main_conf_t conf = defaults();
        set_ok(&conf, values[i][0], values[i][1]);
        const char *text = gee_option_text(gee_option_find(main_options, values[i][0]), &conf, pool);
        assert_string_equal(text, values[i][1]);
    }
    timeouts_t timeouts = { .read = 250 * GEE_MILLISECOND };
    assert_string_equal(gee_option_text(&timeout_options[0], &timeouts, pool), "250ms");
    core_limits_t limits = { .message = 65536 };
    assert_string_equal(gee_option_text(&core_limit_options[0], &limits, pool), "64k");
    listen_conf_t listen = { .mode = 0660 };
    assert_string_equal(gee_option_text(gee_option_find(listen_options, "mode"), &listen, pool), "0660");
    assert_null(gee_option_text(gee_option_find(listen_options, "seal"), &listen, pool));
    assert_null(gee_option_text(gee_option_find(listen_options, "address"), &listen, pool));
}

static void equality_is_deep(void **state) {
    (void)state;
    main_conf_t a = defaults(), b = defaults();
    listen_conf_t left[2] = { { .address = "one", .seal = { .key = "k" } }, { .address = "two" } };
    listen_conf_t right[2];
    char key[] = "k";
    memcpy(right, left, sizeof left);
    right[0].seal.key = key;
    a.listen = (gee_groups_t){ left, 2 };
    b.listen = (gee_groups_t){ right, 2 };
    const gee_option_t *row = gee_option_find(main_options, "listen");
    assert_true(gee_option_equal(row, &a, &b));
    key[0] = 'j';
    assert_false(gee_option_equal(row, &a, &b));
    key[0] = 'k';
    b.listen.count = 1;
    assert_false(gee_option_equal(row, &a, &b));
    set_ok(&a, "allow", "x,y");
    set_ok(&b, "allow", "x,y");
    assert_true(gee_option_equal(gee_option_find(main_options, "allow"), &a, &b));
    set_ok(&b, "allow", "x,z");
    assert_false(gee_option_equal(gee_option_find(main_options, "allow"), &a, &b));
    set_ok(&b, "user", "");
    assert_false(gee_option_equal(gee_option_find(main_options, "user"), &a, &b));
}

static void type_texts(void **state) {
    (void)state;
    assert_string_equal(gee_option_type_text(gee_option_find(main_options, "workers"), pool),
                        "number from 1 to 1024, or auto");
    assert_string_equal(gee_option_type_text(gee_option_find(log_options, "level"), pool),
                        "one of error, notice, debug");
    assert_string_equal(gee_option_type_text(&timeout_options[0], pool), "duration");
    assert_string_equal(gee_option_type_text(&core_limit_options[0], pool), "size of at least 1k");
}

static void refused_table(const gee_option_t *row, const char *part) {
    gee_option_t table[2] = { *row, { 0 } };
    gee_error_t error = { 0 };
    assert_int_equal(gee_options_check(table, &error), -1);
    if (!strstr(error.text, part))
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

static void defects_of_tables(void **state) {
    (void)state;
    gee_error_t error = { 0 };
    assert_int_equal(gee_options_check(main_options, &error), 0);
    const gee_option_t good = { .name = "x", .type = GEE_OPTION_INT, .doc = "A number", .fallback = "1" };
    gee_option_t row = good;
    row.doc = NULL;
    refused_table(&row, "\"x\" has no doc");
    row = good, row.name = "Bad-Name";
    refused_table(&row, "Bad-Name");
    row = good, row.fallback = "one";
    refused_table(&row, "x is \"one\"");
    row = good, row.minimum = 2;
    refused_table(&row, "at least 2");
    row = good, row.flags = GEE_OPTION_REQUIRED;
    refused_table(&row, "required and has a default");
    row = good, row.type = (gee_option_type_t)99;
    refused_table(&row, "type");
    row = good, row.type = GEE_OPTION_CHOICE;
    refused_table(&row, "without choices");
    row = good, row.type = GEE_OPTION_GROUP, row.fallback = NULL;
    refused_table(&row, "without a table");
    row = good, row.offset = 3;
    refused_table(&row, "offset");
    row = good, row.type = GEE_OPTION_GROUPS, row.fallback = NULL, row.table = listen_options;
    row.element_size = sizeof(listen_conf_t) - 8;
    refused_table(&row, "element_size");
    const gee_option_t twice[] = { good, good, { 0 } };
    assert_int_equal(gee_options_check(twice, &error), -1);
    assert_non_null(strstr(error.text, "twice"));
    gee_option_t endless[2] = { { .name = "x", .type = GEE_OPTION_GROUPS, .doc = "x", .element_size = 16 }, { 0 } };
    endless[0].table = endless;
    assert_int_equal(gee_options_check(endless, &error), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(defaults_fill_everything, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(set_by_name, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(values_are_copies, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(refusals_say_what_is_expected, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(sizes_durations_modes, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(text_reads_back, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(equality_is_deep, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(type_texts, make_pool, drop_pool),
        cmocka_unit_test_setup_teardown(defects_of_tables, make_pool, drop_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
