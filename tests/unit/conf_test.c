/* conf_test.c: reading geerpc.conf: values, every kind of mistake with its file and line, includes, -g, places. */
#include <sys/stat.h>

#include "conf_fixture.h"

/* ---- what is right ---- */

static void an_empty_file_gives_the_defaults(void **state) {
    (void)state;
    static const char *const texts[] = { "", "\n\n", "# nothing\n", "/* nothing */", "\xef\xbb\xbf// nothing" };
    for (size_t i = 0; i < GEE_LENGTH(texts); i++) {
        reading_t reading;
        read_text(&reading, texts[i]);
        assert_read(&reading);
        assert_int_equal(reading.main.workers, 0);
        assert_string_equal(reading.main.pid, "run/geerpc.pid");
        assert_int_equal(reading.limits.message, 4 << 20);
        assert_int_equal(reading.call_limits.calls, 1000);
        assert_int_equal(reading.timeouts.read, 10 * GEE_SECOND);
        reading_end(&reading);
    }
}

static void values_of_every_type(void **state) {
    (void)state;
    reading_t reading;
    read_text(&reading, "workers = 3; user : \"geerpc\", pid = \"a\" \"b\\n\"\n\"\\x41\"\n"
                        "daemon = FALSE\n"
                        "allow = [ \"10.0.0.0/8\", \"::1\" ];\n"
                        "error_log = { level = \"debug\"; };\n"
                        "listen = (\n"
                        "  { address = \"tcp@0.0.0.0:9999\"; allow = ( \"all\" ); },\n"
                        "  { address = \"unix@x\"; mode = \"0600\"; seal = { key = \"k\"; mode = \"required\"; }; },\n"
                        ");\n"
                        "limits = { message = \"64k\"; nesting = 0x20; calls = 5000000000L; delta = -7; };\n"
                        "timeouts = { read = 0; write = \"1m30s\"; };\n");
    assert_read(&reading);
    assert_int_equal(reading.main.workers, 3);
    assert_string_equal(reading.main.user, "geerpc");
    assert_string_equal(reading.main.pid, "ab\nA");
    assert_false(reading.main.daemon);
    assert_int_equal(reading.main.allow.count, 2);
    assert_string_equal(reading.main.allow.items[1], "::1");
    assert_int_equal(reading.main.error_log.level, 2);
    assert_string_equal(reading.main.error_log.path, "logs/error.log");
    assert_int_equal(reading.main.listen.count, 2);
    const listen_conf_t *first = reading_listen(&reading, 0), *second = reading_listen(&reading, 1);
    assert_int_equal(first->backlog, 511);
    assert_int_equal(first->mode, 0660);
    assert_null(first->seal.key);
    assert_int_equal(first->allow.count, 1);
    assert_string_equal(second->address, "unix@x");
    assert_int_equal(second->mode, 0600);
    assert_string_equal(second->seal.key, "k");
    assert_int_equal(second->seal.mode, 1);
    assert_int_equal(reading.limits.message, 65536);
    assert_int_equal(reading.limits.nesting, 32);
    assert_int_equal(reading.call_limits.calls, 5000000000);
    assert_int_equal(reading.call_limits.delta, -7);
    assert_int_equal(reading.timeouts.read, 0);
    assert_int_equal(reading.timeouts.write, 90 * GEE_SECOND);
    reading_end(&reading);
}

static void a_single_text_is_a_list_of_one(void **state) {
    (void)state;
    reading_t reading;
    read_text(&reading, "allow = \"10.0.0.0/8\";");
    assert_read(&reading);
    assert_int_equal(reading.main.allow.count, 1);
    assert_string_equal(reading.main.allow.items[0], "10.0.0.0/8");
    reading_end(&reading);
}

/* ---- what is wrong ---- */

typedef struct mistake {
    const char *text;
    const char *errors[6];
} mistake_t;

static const mistake_t mistakes[] = {
    /* names */
    { "lisen = ( );", { "geerpc.conf:1: unknown setting \"lisen\", did you mean \"listen\"?" } },
    { "listen = (\n{ address = \"x\";\nlisen = 1; } );", { "geerpc.conf:3: unknown setting \"lisen\" in listen[0]" } },
    { "limits = {\nmesage = \"1m\"; };",
      { "geerpc.conf:2: unknown setting \"mesage\" in limits, did you mean \"message\"?" } },
    { "\n\nlimit = { };", { "geerpc.conf:3: unknown setting \"limit\", did you mean \"limits\"?" } },
    { "qqqqqqqq = 1;", { "geerpc.conf:1: unknown setting \"qqqqqqqq\"" } },
    { "workers = 1;\nworkers = 2;", { "geerpc.conf:2: workers is set a second time, the first is at geerpc.conf:1" } },
    { "listen = ( { address = \"a\";\naddress = \"b\"; } );",
      { "geerpc.conf:2: listen[0].address is set a second time, the first is at geerpc.conf:1" } },
    /* types */
    { "timeouts = {\n read = 10; };",
      { "geerpc.conf:2: timeouts.read is 10, expected a duration in quotes such as \"10s\"" } },
    { "timeouts = { read = \"10\"; };",
      { "geerpc.conf:1: timeouts.read is \"10\", expected a duration such as \"10s\"" } },
    { "limits = { message = 65536; };",
      { "geerpc.conf:1: limits.message is 65536, expected a size in quotes such as \"64k\", of at least 1k" } },
    { "user = 33;", { "geerpc.conf:1: user is 33, expected a text in quotes" } },
    { "user = { };", { "geerpc.conf:1: user is a group, expected a text in quotes" } },
    { "daemon = 1;", { "geerpc.conf:1: daemon is 1, expected true or false" } },
    { "daemon = \"true\";", { "geerpc.conf:1: daemon is \"true\", expected true or false" } },
    { "workers = 1.5;", { "geerpc.conf:1: workers is 1.5, expected a number from 1 to 1024, or \"auto\"" } },
    { "workers = true;", { "geerpc.conf:1: workers is true, expected a number from 1 to 1024, or \"auto\"" } },
    { "error_log = \"x\";", { "geerpc.conf:1: error_log is \"x\", expected a group { ... }" } },
    { "limits = ( );", { "geerpc.conf:1: limits is a list, expected a group { ... }" } },
    { "listen = { };", { "geerpc.conf:1: listen is a group, expected a list of groups ( { ... }, { ... } )" } },
    { "listen = (\n\"tcp@x\"\n);", { "geerpc.conf:2: listen[0] is \"tcp@x\", expected a group { ... }" } },
    { "allow = 3;", { "geerpc.conf:1: allow is 3, expected a list of texts such as ( \"a\", \"b\" )" } },
    { "allow = ( \"a\",\n2,\n( ) );",
      { "geerpc.conf:2: allow[1] is 2, expected a text in quotes",
        "geerpc.conf:3: allow[2] is a list, expected a text in quotes" } },
    { "listen = ( { address = \"a\"; mode = 0660; } );",
      { "geerpc.conf:1: listen[0].mode is 660, expected permissions in quotes such as \"0660\"" } },
    /* ranges, words, checks */
    { "workers = 0;", { "geerpc.conf:1: workers is 0, expected a number from 1 to 1024, or \"auto\"" } },
    { "limits = { message = \"1023\"; };",
      { "geerpc.conf:1: limits.message is \"1023\", expected a size such as \"64k\", of at least 1k" } },
    { "timeouts = { write = \"61m\"; };",
      { "geerpc.conf:1: timeouts.write is \"61m\", expected a duration such as \"10s\", from 0 to 1h" } },
    { "error_log = { level = \"loud\"; };",
      { "geerpc.conf:1: error_log.level is \"loud\", expected one of \"error\", \"notice\", \"debug\"" } },
    { "user = \"root\";", { "geerpc.conf:1: user is \"root\": the server does not run as root" } },
    { "\nerror_log = { level = \"debug\";\n path = \"/dev/null\"; };",
      { "geerpc.conf:2: error_log: nobody would see the debug lines" } },
    { "error_log = { level = \"debug\"; path = \"/dev/null\"; pat = 1; };",
      { "geerpc.conf:1: unknown setting \"pat\" in error_log, did you mean \"path\"?" } },
    /* what is missing */
    { "listen = ( { address = \"a\"; },\n {\n } );", { "geerpc.conf:2: listen[1] has no \"address\"" } },
    { "listen = ( { address = \"a\";\nseal = { mode = \"off\"; }; } );",
      { "geerpc.conf:2: listen[0].seal has no \"key\"" } },
    /* numbers that libconfig would wrap */
    { "limits = {\ncalls = 12345678901; };",
      { "geerpc.conf:2: limits.calls is 12345678901, a number that does not fit in 32 bits: sizes and durations are "
        "written in quotes, such as \"64k\" or \"10s\", and a number that is meant so ends in L" } },
    { "limits = { calls = 0x80000000; };",
      { "geerpc.conf:1: limits.calls is 0x80000000, a number that does not fit in 32 bits" } },
    { "limits = { calls = -2147483649; };",
      { "geerpc.conf:1: limits.calls is -2147483649, a number that does not fit in 32 bits" } },
    { "limits = { calls = 9223372036854775808L; };",
      { "geerpc.conf:1: limits.calls is 9223372036854775808L, a number that does not fit in 64 bits" } },
    { "allow = ( \"a\", 12345678901 );", { "geerpc.conf:1: allow[1] is 12345678901, a number that does not fit" } },
    { "workers = 1e999;", { "geerpc.conf:1: workers is a number that is too large" } },
    /* texts without quotes */
    { "workers = auto;", { "geerpc.conf:1: workers is auto: a text must stand in quotes: \"auto\"" } },
    { "limits = { message = 64k; };",
      { "geerpc.conf:1: limits.message is 64k: a text must stand in quotes: \"64k\"" } },
    { "daemon = yes;",
      { "geerpc.conf:1: daemon is yes: a text must stand in quotes: \"yes\", or to switch it on: true" } },
    { "listen = ( { address = tcp@127.0.0.1:9999; } );",
      { "geerpc.conf:1: listen[0].address is tcp@127.0.0.1:9999: a text must stand in quotes" } },
    /* grammar */
    { "workers 4;", { "geerpc.conf:1: expected \"=\" after \"workers\", found \"4\"" } },
    { "listen {\n}", { "geerpc.conf:1: expected \"=\" after \"listen\", found \"{\"" } },
    { "\nworkers = ;", { "geerpc.conf:2: expected a value for workers, found \";\"" } },
    { "listen = (\n{ address = \"x\"; )", { "geerpc.conf:2: expected \"}\" to close the \"{\" at geerpc.conf:2" } },
    { "listen = (\n{ address = \"x\"; }\n\n\n",
      { "geerpc.conf:2: expected \")\" to close the \"(\" at geerpc.conf:1, found the end" } },
    { "allow = ( \"a\" 3 );", { "geerpc.conf:1: expected \")\" to close the \"(\" at geerpc.conf:1, found \"3\"" } },
    { "workers = 1;\n};", { "geerpc.conf:2: expected the name of a setting, found \"}\"" } },
    { "\npid = \"x;\n", { "geerpc.conf:2: the text that starts here has no closing quote" } },
    { "pid = \"x;\nuser = \"y\";",
      { "geerpc.conf:2: the text that starts here has no closing quote (the text that starts at geerpc.conf:1 goes "
        "over the end of its line: is its closing quote missing?)" } },
    { "workers = 1; /* no end", { "geerpc.conf:1: the comment that starts here has no end" } },
    { "true = 1;", { "geerpc.conf:1: expected the name of a setting, found \"true\"" } },
    { "1x = 1;", { "geerpc.conf:1: expected the name of a setting, found \"1\"" } },
    /* bytes */
    { "workers = 1;\npid = \"\xff\";", { "geerpc.conf:2: bytes that are not UTF-8" } },
    { "pid = \"\\xff\";", { "geerpc.conf:1: pid has bytes that are not UTF-8" } },
    { "pid = \"a\\x00b\";", { "geerpc.conf:1: pid has a zero byte in it" } },
    /* more than one, in the order of the file */
    { "workers = 0;\nlisen = ( );\ntimeouts = { read = 10; };\nworkers = 5;\nlimits = { calls = 12345678901; };",
      { "geerpc.conf:1: workers is 0", "geerpc.conf:2: unknown setting \"lisen\"", "geerpc.conf:3: timeouts.read is 10",
        "geerpc.conf:4: workers is set a second time", "geerpc.conf:5: limits.calls is 12345678901" } },
    { "listen = ( { mode = \"999\"; }, { address = \"a\"; bakclog = 1; } );\nerror_log = { level = debug; };\nx",
      { "geerpc.conf:2: error_log.level is debug: a text must stand in quotes",
        "geerpc.conf:3: expected \"=\" after \"x\"" } },
};

static void check_mistake(const mistake_t *mistake) {
    reading_t reading;
    read_text(&reading, mistake->text);
    size_t expected = 0;
    while (expected < GEE_LENGTH(mistake->errors) && mistake->errors[expected])
        expected++;
    bool same = reading.result == -1 && reading.errors.count == expected;
    for (size_t i = 0; i < expected && same; i++)
        same = strncmp(reading.errors.items[i], mistake->errors[i], strlen(mistake->errors[i])) == 0;
    if (!same) {
        print_error("of\n%s\nexpected\n", mistake->text);
        for (size_t i = 0; i < expected; i++)
            print_error("  %s\n", mistake->errors[i]);
        print_error("found (result %d)\n", reading.result);
        for (size_t i = 0; i < reading.errors.count; i++)
            print_error("  %s\n", reading.errors.items[i]);
        fail();
    }
    reading_end(&reading);
}

static void mistakes_are_reported_with_file_and_line(void **state) {
    (void)state;
    for (size_t i = 0; i < GEE_LENGTH(mistakes); i++)
        check_mistake(&mistakes[i]);
}

static void a_refused_value_leaves_the_default(void **state) {
    (void)state;
    reading_t reading;
    read_text(&reading, "workers = 4000; pid = \"set\"; user = \"root\"; limits = { message = \"1\"; nesting = 9; };");
    assert_int_equal(reading.result, -1);
    assert_int_equal(reading.main.workers, 0);
    assert_null(reading.main.user);
    assert_string_equal(reading.main.pid, "set");
    assert_int_equal(reading.limits.message, 4 << 20);
    assert_int_equal(reading.limits.nesting, 9);
    reading_end(&reading);
}

static void the_flood_of_errors_is_bounded(void **state) {
    (void)state;
    size_t length = 0, room = 300 * 40;
    char *text = malloc(room);
    assert_non_null(text);
    length += (size_t)sprintf(text, "allow = ( 0");
    for (int i = 0; i < 249; i++)
        length += (size_t)snprintf(text + length, room - length, ",\n%d", i);
    (void)snprintf(text + length, room - length, ");");
    reading_t reading;
    read_text(&reading, text);
    free(text);
    assert_int_equal(reading.result, -1);
    assert_int_equal(reading.errors.count, 101);
    assert_string_equal(reading.errors.items[100], "and 150 more errors");
    reading_end(&reading);
}

static void a_zero_byte_in_the_file_is_refused(void **state) {
    (void)state;
    static const char bytes[] = "workers = 1;\npid = \"a\0b\";\n";
    reading_t reading;
    write_bytes("geerpc.conf", bytes, sizeof bytes - 1);
    reading_prepare(&reading);
    reading_run(&reading, "geerpc.conf", NULL, 0);
    assert_int_equal(reading.errors.count, 1);
    assert_string_equal(reading.errors.items[0], "geerpc.conf:2: a zero byte: this is not a text file");
    reading_end(&reading);
}

/* ---- files ---- */

static void check_path(const char *path, const char *error) {
    reading_t reading;
    reading_prepare(&reading);
    reading_run(&reading, path, NULL, 0);
    assert_int_equal(reading.result, -1);
    assert_int_equal(reading.errors.count, 1);
    assert_string_equal(reading.errors.items[0], error);
    reading_end(&reading);
}

static void files_that_cannot_be_read(void **state) {
    (void)state;
    check_path("no.conf", "no.conf: No such file or directory");
    check_path(".", ".: Is a directory");
    check_path("", ": No such file or directory");
}

static void a_file_that_is_too_large(void **state) {
    (void)state;
    FILE *file = fopen("geerpc.conf", "w");
    assert_non_null(file);
    assert_int_equal(fseek(file, 17 << 20, SEEK_SET), 0);
    assert_int_equal(fputc('\n', file), '\n');
    assert_int_equal(fclose(file), 0);
    check_path("geerpc.conf", "geerpc.conf: larger than 16 MiB");
}

static void a_pipe_can_be_read(void **state) {
    (void)state;
    int ends[2];
    char path[32];
    reading_t reading;
    static const char text[] = "workers = 9;\nlisen = 1;";
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], text, sizeof text - 1), (ssize_t)sizeof text - 1);
    assert_int_equal(close(ends[1]), 0);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    reading_prepare(&reading);
    reading_run(&reading, path, NULL, 0);
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(reading.main.workers, 9);
    assert_int_equal(reading.errors.count, 1);
    assert_non_null(strstr(reading.errors.items[0], ":2: unknown setting \"lisen\""));
    assert_int_equal(strncmp(reading.errors.items[0], path, strlen(path)), 0);
    reading_end(&reading);
}

static void included_files_are_read_in_their_place(void **state) {
    (void)state;
    reading_t reading;
    assert_int_equal(mkdir("sub", 0700), 0);
    write_text("sub/one.conf", "user = \"one\";\n@include \"two.conf\"");
    write_text("sub/two.conf", "\n\nallow = ( \"two\" );");
    read_text(&reading, "workers = 2;\n  @include \"sub/one.conf\" # here\npid = \"p\";\n");
    assert_read(&reading);
    assert_string_equal(reading.main.user, "one");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.workers), "geerpc.conf:1");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.user), "sub/one.conf:1");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.allow), "sub/two.conf:3");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.pid), "geerpc.conf:3");
    reading_end(&reading);
    write_text("sub/two.conf", "\npid = 3;\nlimits = {\n calls = 12345678901; };\n");
    read_text(&reading, "pid = \"p\";\n@include \"sub/one.conf\"\nworkers = 0;");
    assert_int_equal(reading.errors.count, 3);
    assert_string_equal(reading.errors.items[0],
                        "sub/two.conf:2: pid is set a second time, the first is at geerpc.conf:1");
    assert_int_equal(strncmp(reading.errors.items[1], "sub/two.conf:4: limits.calls is 123", 35), 0);
    reading_end(&reading);
}

static void includes_that_fail(void **state) {
    (void)state;
    static const mistake_t cases[] = {
        { "\n@include \"no.conf\"", { "geerpc.conf:2: include \"no.conf\": No such file or directory" } },
        { "@include \"geerpc.conf\"",
          { "geerpc.conf:1: include \"geerpc.conf\": files include each other too deep: does one include itself?" } },
        { "@include no.conf", { "geerpc.conf:1: expected a file's name in quotes after @include" } },
        { "@include \"no", { "geerpc.conf:1: expected a file's name in quotes after @include" } },
        { "# @include \"no.conf\"\npid = \"\n@include \\\"no.conf\\\"\";\nx",
          { "geerpc.conf:4: expected \"=\" after \"x\", found the end (the text that starts at geerpc.conf:2 goes" } },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++)
        check_mistake(&cases[i]);
    write_text("sub/two.conf", "workers = \"\xff\";");
    static const mistake_t bytes = { "\n@include \"sub/two.conf\"", { "sub/two.conf:1: bytes that are not UTF-8" } };
    check_mistake(&bytes);
}

/* ---- -g ---- */

static void overrides_come_after_the_file(void **state) {
    (void)state;
    static const char *const overrides[] = { "workers = 4; error_log = { level = \"debug\"; };",
                                             "listen = ( { address = \"three\" } ) limits = { calls = 1 }" };
    reading_t reading;
    write_text("geerpc.conf", "workers = 2;\nerror_log = { path = \"p\"; };\nlimits = { message = \"1m\"; };\n"
                              "listen = ( { address = \"one\"; }, { address = \"two\"; } );");
    reading_prepare(&reading);
    reading_run(&reading, "geerpc.conf", overrides, GEE_LENGTH(overrides));
    assert_read(&reading);
    assert_int_equal(reading.main.workers, 4);
    assert_string_equal(reading.main.error_log.path, "p");
    assert_int_equal(reading.main.error_log.level, 2);
    assert_int_equal(reading.limits.message, 1 << 20);
    assert_int_equal(reading.call_limits.calls, 1);
    assert_int_equal(reading.main.listen.count, 1);
    assert_string_equal(reading_listen(&reading, 0)->address, "three");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.workers), "-g:1");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.error_log.path), "geerpc.conf:2");
    reading_end(&reading);
}

static void mistakes_in_overrides_come_last(void **state) {
    (void)state;
    static const char *const overrides[] = { "wokers = 4;", "pid = 1;" };
    reading_t reading;
    write_text("geerpc.conf", "\n\nlisen = 1;");
    reading_prepare(&reading);
    reading_run(&reading, "geerpc.conf", overrides, GEE_LENGTH(overrides));
    assert_int_equal(reading.errors.count, 3);
    assert_string_equal(reading.errors.items[0], "geerpc.conf:3: unknown setting \"lisen\", did you mean \"listen\"?");
    assert_string_equal(reading.errors.items[1], "-g:1: unknown setting \"wokers\", did you mean \"workers\"?");
    assert_string_equal(reading.errors.items[2], "-g:1: pid is 1, expected a text in quotes");
    reading_end(&reading);
}

static void an_override_can_give_what_the_file_lacks(void **state) {
    (void)state;
    static const char *const overrides[] = { "listen = ( { address = \"x\"; } );" };
    reading_t reading;
    write_text("geerpc.conf", "listen = ( { } );");
    reading_prepare(&reading);
    reading_run(&reading, "geerpc.conf", overrides, 1);
    assert_read(&reading);
    reading_end(&reading);
}

/* ---- required at the top, places ---- */

static void required_settings_of_the_top_and_of_blocks(void **state) {
    (void)state;
    seal_conf_t top, block;
    gee_conf_section_t sections[] = { { NULL, seal_options, &top }, { "registry", seal_options, &block } };
    reading_t reading;
    reading_prepare(&reading);
    write_text("geerpc.conf", "mode = \"off\";\n");
    assert_int_equal(gee_conf_read("geerpc.conf", NULL, 0, sections, 2, reading.pool, &reading.errors, NULL), -1);
    assert_int_equal(reading.errors.count, 1);
    assert_string_equal(reading.errors.items[0], "geerpc.conf: has no \"key\"");
    gee_conf_errors_init(&reading.errors, reading.pool);
    write_text("geerpc.conf", "key = \"x\";\nregistry = { };\n");
    assert_int_equal(gee_conf_read("geerpc.conf", NULL, 0, sections, 2, reading.pool, &reading.errors, NULL), -1);
    assert_int_equal(reading.errors.count, 1);
    assert_string_equal(reading.errors.items[0], "geerpc.conf:2: registry has no \"key\"");
    reading_end(&reading);
}

static void places_of_settings(void **state) {
    (void)state;
    reading_t reading;
    read_text(&reading, "listen = (\n  {\n    address = \"a\";\n    seal = {\n      key = \"k\"; };\n  },\n"
                        "  {\n    address =\n      \"b\"; } );\n\nerror_log =\n { level = \"debug\"; };");
    assert_read(&reading);
    const listen_conf_t *first = reading_listen(&reading, 0), *second = reading_listen(&reading, 1);
    assert_string_equal(gee_conf_place(reading.places, &reading.main.listen), "geerpc.conf:1");
    assert_string_equal(gee_conf_place(reading.places, first), "geerpc.conf:2");
    assert_string_equal(gee_conf_place(reading.places, &first->address), "geerpc.conf:3");
    assert_string_equal(gee_conf_place(reading.places, &first->seal.key), "geerpc.conf:5");
    assert_string_equal(gee_conf_place(reading.places, second), "geerpc.conf:7");
    assert_string_equal(gee_conf_place(reading.places, &second->address), "geerpc.conf:8");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.error_log), "geerpc.conf:11");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.error_log.level), "geerpc.conf:12");
    assert_string_equal(gee_conf_place(reading.places, &reading.main.workers), "geerpc.conf");
    assert_string_equal(gee_conf_place(reading.places, &second->mode), "geerpc.conf");
    reading_end(&reading);
}

static void later_checks_add_their_errors(void **state) {
    (void)state;
    reading_t reading;
    read_text(&reading, "\nuser = \"nobody\";");
    assert_read(&reading);
    for (int i = 0; i < 100; i++)
        gee_conf_errors_add(&reading.errors, "%s: no user \"%s\" (%d)",
                            gee_conf_place(reading.places, &reading.main.user), reading.main.user, i);
    assert_int_equal(reading.errors.count, 100);
    assert_string_equal(reading.errors.items[0], "geerpc.conf:2: no user \"nobody\" (0)");
    assert_string_equal(reading.errors.items[99], "geerpc.conf:2: no user \"nobody\" (99)");
    reading_end(&reading);
}

static void a_pool_with_a_limit_fails_cleanly(void **state) {
    (void)state;
    write_text("geerpc.conf",
               "listen = ( { address = \"a\"; }, { address = \"b\"; } );\nlisen = 1;\nallow = ( \"x\" );");
    for (size_t limit = 1; limit < 20000; limit += 97) {
        reading_t reading;
        reading_prepare(&reading);
        gee_pool_limit(reading.pool, limit);
        reading_run(&reading, "geerpc.conf", NULL, 0);
        assert_int_equal(reading.result, -1);
        reading_end(&reading);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(values_of_every_type),
        cmocka_unit_test(a_single_text_is_a_list_of_one),
        cmocka_unit_test(mistakes_are_reported_with_file_and_line),
        cmocka_unit_test(a_refused_value_leaves_the_default),
        cmocka_unit_test(the_flood_of_errors_is_bounded),
        cmocka_unit_test(a_zero_byte_in_the_file_is_refused),
        cmocka_unit_test(files_that_cannot_be_read),
        cmocka_unit_test(a_file_that_is_too_large),
        cmocka_unit_test(a_pipe_can_be_read),
        cmocka_unit_test(included_files_are_read_in_their_place),
        cmocka_unit_test(includes_that_fail),
        cmocka_unit_test(overrides_come_after_the_file),
        cmocka_unit_test(mistakes_in_overrides_come_last),
        cmocka_unit_test(an_override_can_give_what_the_file_lacks),
        cmocka_unit_test(required_settings_of_the_top_and_of_blocks),
        cmocka_unit_test(places_of_settings),
        cmocka_unit_test(later_checks_add_their_errors),
        cmocka_unit_test(a_pool_with_a_limit_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, enter_private_folder, leave_private_folder);
}
