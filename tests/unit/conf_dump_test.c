/* conf_dump_test.c: what is written reads back the same (of chosen values, and of random changes to files, which must
 * not crash anything either); the settings' reference; what a reload may not change. */
#include "conf_fixture.h"

static void dump_to(const reading_t *reading, const char *path, bool documented) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_int_equal(gee_conf_dump(out, reading->sections, FIXTURE_SECTIONS, documented), 0);
    assert_int_equal(fclose(out), 0);
}

static char *slurp(const char *path) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = calloc(1, 1 << 18);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 18) - 1, file) < (1 << 18) - 1);
    assert_int_equal(fclose(file), 0);
    return text;
}

static bool same_values(const reading_t *a, const reading_t *b) {
    for (size_t i = 0; i < FIXTURE_SECTIONS; i++)
        for (const gee_option_t *row = a->sections[i].options; row->name; row++)
            if (!gee_option_equal(row, a->sections[i].target, b->sections[i].target)) {
                print_error("%s differs\n", row->name);
                return false;
            }
    return true;
}

static void check_dump_reads_back(const reading_t *reading, bool documented) {
    reading_t again;
    dump_to(reading, "dump.conf", documented);
    reading_prepare(&again);
    reading_run(&again, "dump.conf", NULL, 0);
    assert_read(&again);
    assert_true(same_values(reading, &again));
    reading_end(&again);
}

static void a_dump_reads_back_the_same(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "user = \"\"; pid = \"a\\\"b\\\\c\\n\\r\\t\\f\\x01\\x7f # no comment /* nor this */ // @include\";",
        "user = \"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"; allow = ( \"\", \"a, b\", \"( }\" );",
        "workers = 1024; daemon = false; limits = { calls = 9223372036854775807L; delta = -9223372036854775808L; };",
        "limits = { calls = -2147483648; delta = 2147483648L; message = \"18446744073709551615\"; };",
        "timeouts = { read = \"106751d\"; write = \"1ns\"; };",
        ("listen = ( { address = \"a\"; backlog = 7; mode = \"7777\"; seal = { key = \"\"; mode = \"required\"; }; "
         "allow = ( \"x\" ); }, { address = \"\"; } ); error_log = { level = \"error\"; };"),
    };
    for (size_t i = 0; i < GEE_LENGTH(texts); i++) {
        reading_t reading;
        read_text(&reading, texts[i]);
        assert_read(&reading);
        check_dump_reads_back(&reading, false);
        check_dump_reads_back(&reading, true);
        reading_end(&reading);
    }
}

static void the_form_of_a_dump(void **state) {
    (void)state;
    reading_t reading;
    read_text(&reading, "listen = ( { address = \"a\"; } );");
    assert_read(&reading);
    dump_to(&reading, "dump.conf", false);
    char *text = slurp("dump.conf");
    assert_string_equal(text, "workers = \"auto\";\n"
                              "pid = \"run/geerpc.pid\";\n"
                              "daemon = true;\n"
                              "listen = (\n"
                              "  {\n"
                              "    backlog = 511;\n"
                              "    address = \"a\";\n"
                              "    mode = \"0660\";\n"
                              "    allow = ( );\n"
                              "  }\n"
                              ");\n"
                              "allow = ( );\n"
                              "error_log = {\n"
                              "  path = \"logs/error.log\";\n"
                              "  level = \"notice\";\n"
                              "};\n"
                              "limits = {\n"
                              "  message = \"4m\";\n"
                              "  nesting = 100;\n"
                              "  calls = 1000;\n"
                              "  delta = 0;\n"
                              "};\n"
                              "timeouts = {\n"
                              "  read = \"10s\";\n"
                              "  write = \"30s\";\n"
                              "};\n");
    free(text);
    dump_to(&reading, "dump.conf", true);
    text = slurp("dump.conf");
    assert_non_null(strstr(text, "  # Largest message (size of at least 1k, default 4m)\n  message = \"4m\";\n"));
    free(text);
    reading_end(&reading);
}

static void a_dump_to_a_full_disk_fails(void **state) {
    (void)state;
    reading_t reading;
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        skip();
    read_text(&reading, "");
    assert_int_equal(gee_conf_dump(full, reading.sections, FIXTURE_SECTIONS, false), -1);
    (void)fclose(full);
    reading_end(&reading);
}

static void the_reference_has_every_setting_once(void **state) {
    (void)state;
    static const char *const parts[] = {
        "| setting | type | default | reload | meaning |\n",
        "| `workers` | number from 1 to 1024, or auto | `auto` | yes | Worker processes; auto is one a processor |\n",
        "## `listen[]`\n\nThe open ports.\n",
        "| `address` | text | required | no | Where to listen |\n",
        "## `listen[].seal`\n",
        "## `error_log`\n",
        "## `limits`\n",
        "| `message` | size of at least 1k | `4m` | yes | Largest message |\n",
        "| `calls` | number | `1000` | yes | Calls in flight on one connection |\n",
        "## `timeouts`\n",
    };
    gee_conf_section_t sections[FIXTURE_SECTIONS];
    reading_t reading;
    reading_prepare(&reading);
    memcpy(sections, reading.sections, sizeof sections);
    for (size_t i = 0; i < FIXTURE_SECTIONS; i++)
        sections[i].target = NULL; /* documentation needs no values */
    FILE *out = fopen("dump.conf", "w");
    assert_non_null(out);
    assert_int_equal(gee_conf_document(out, sections, FIXTURE_SECTIONS), 0);
    assert_int_equal(fclose(out), 0);
    char *text = slurp("dump.conf");
    for (size_t i = 0; i < GEE_LENGTH(parts); i++) {
        const char *found = strstr(text, parts[i]);
        if (!found)
            fail_msg("no \"%s\" in\n%s", parts[i], text);
        if (i > 0)
            assert_null(strstr(found + 1, parts[i]));
    }
    free(text);
    reading_end(&reading);
}

/* ---- reload ---- */

static void check_reload(const char *before, const char *after, const char *const *expected, size_t count) {
    reading_t running, next;
    gee_conf_errors_t errors;
    read_text(&running, before);
    assert_read(&running);
    read_text(&next, after);
    assert_read(&next);
    gee_conf_errors_init(&errors, next.pool);
    int result = gee_conf_check_reload(running.sections, next.sections, FIXTURE_SECTIONS, &errors);
    assert_int_equal(result, count > 0 ? -1 : 0);
    assert_int_equal(errors.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(strncmp(errors.items[i], expected[i], strlen(expected[i])), 0);
    reading_end(&running);
    reading_end(&next);
}

static void a_reload_may_change_what_is_marked_so(void **state) {
    (void)state;
    static const char *const no_errors[] = { NULL };
    check_reload("", "workers = 3; error_log = { level = \"debug\"; }; limits = { calls = 1; };", no_errors, 0);
    check_reload("listen = ( { address = \"a\"; } );", "listen = ( { address = \"a\"; backlog = 9; } );", no_errors, 0);
    static const char *const fixed[] = { "user changes from unset to x: ", "pid changes from run/geerpc.pid to y: ",
                                         "allow changes: ", "error_log.path changes from logs/error.log to z: ",
                                         "timeouts.read changes from 10s to 1s: " };
    check_reload("",
                 "user = \"x\"; pid = \"y\"; allow = \"a\"; error_log = { path = \"z\"; }; "
                 "timeouts = { read = \"1s\"; };",
                 fixed, GEE_LENGTH(fixed));
    static const char *const element[] = { "listen[1].seal.key changes from a to b: " };
    check_reload("listen = ( { address = \"a\"; }, { address = \"b\"; seal = { key = \"a\"; }; } );",
                 "listen = ( { address = \"a\"; }, { address = \"b\"; seal = { key = \"b\"; }; } );", element, 1);
    static const char *const list[] = { "listen changes: " };
    check_reload("listen = ( { address = \"a\"; } );", "", list, 1);
}

/* ---- random changes ---- */

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static size_t below(uint64_t *state, size_t limit) {
    return limit > 0 ? (size_t)(next_random(state) % limit) : 0;
}

static const char good_file[] =
    "# the whole\nworkers = \"auto\";\nuser = \"geerpc\"; pid = \"run/\" \"geerpc.pid\";\n"
    "daemon = true; /* a comment\n over lines */ allow = [ \"10.0.0.0/8\", \"::1\" ];\n"
    "error_log = { path = \"logs/error.log\"; level = \"notice\"; }; // more\n"
    "listen = (\n  { address = \"tcp@0.0.0.0:9999\"; },\n"
    "  { address = \"unix@run/x.sock\"; mode = \"0660\"; seal = { key = \"k\\x41\\n\"; mode = \"required\"; };\n"
    "    backlog = 0x10; allow = ( \"a\", \"b\" ); }\n);\n"
    "limits = { message = \"64k\"; nesting = 50; calls = 5000000000L; delta = -3; };\n"
    "timeouts = { read = \"1m30s\"; write = 0; };\n";

static const char *const pieces[] = {
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ";",
    ",",
    "=",
    ":",
    "\"",
    "\\",
    "\n",
    "/*",
    "*/",
    "//",
    "#",
    "@include ",
    "\\x0",
    "\xff",
    "1e999",
    "L",
    "0x",
    "workers = ",
    "true",
    "\"x\"",
    "( )",
    "{ }",
    "-",
    "99999999999",
    "\\x00",
    "\xc3\xa4",
    "*1 = 1;",
    "\r\n",
    "\"\\",
    "1.5",
    "limits = { };",
    "listen = ( { } );",
};

typedef struct buffer {
    char bytes[8192];
    size_t length;
} buffer_t;

static void splice(buffer_t *buffer, size_t at, size_t removed, const char *added, size_t length) {
    char copy[256];
    if (length > sizeof copy || buffer->length - removed + length > sizeof buffer->bytes)
        return;
    memcpy(copy, added, length);
    memmove(buffer->bytes + at + length, buffer->bytes + at + removed, buffer->length - at - removed);
    memcpy(buffer->bytes + at, copy, length);
    buffer->length = buffer->length - removed + length;
}

static void change(buffer_t *buffer, uint64_t *random) {
    size_t at = below(random, buffer->length + 1), rest = buffer->length - at;
    size_t count = below(random, rest < 40 ? rest + 1 : 40);
    const char *piece = pieces[below(random, GEE_LENGTH(pieces))];
    switch (below(random, 5)) {
    case 0: /* a byte becomes another */
        if (rest > 0)
            buffer->bytes[at] = (char)next_random(random);
        break;
    case 1: /* some go */
        splice(buffer, at, count, "", 0);
        break;
    case 2: /* some come twice */
        splice(buffer, below(random, buffer->length + 1), 0, buffer->bytes + at, count);
        break;
    case 3: /* a word comes */
        splice(buffer, at, 0, piece, strlen(piece));
        break;
    default: /* a word in the place of some */
        splice(buffer, at, count < 6 ? count : 6, piece, strlen(piece));
        break;
    }
}

static void check_changed(const buffer_t *buffer, uint64_t seed) {
    reading_t reading;
    write_bytes("geerpc.conf", buffer->bytes, buffer->length);
    reading_prepare(&reading);
    reading_run(&reading, "geerpc.conf", NULL, 0);
    if ((reading.result == 0) != (reading.errors.count == 0) || reading.errors.count > 101)
        fail_msg("seed %llu: result %d with %zu errors", (unsigned long long)seed, reading.result,
                 reading.errors.count);
    for (size_t i = 0; i < reading.errors.count; i++)
        if (strncmp(reading.errors.items[i], "geerpc.conf:", 12) != 0 &&
            strncmp(reading.errors.items[i], "and ", 4) != 0)
            fail_msg("seed %llu: an error without a place: %s", (unsigned long long)seed, reading.errors.items[i]);
    if (reading.result == 0)
        check_dump_reads_back(&reading, false);
    reading_end(&reading);
}

static void random_changes_do_no_harm(void **state) {
    (void)state;
    size_t rounds = getenv("GEE_TEST_ROUNDS") ? strtoul(getenv("GEE_TEST_ROUNDS"), NULL, 10) : 3000;
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        static buffer_t buffer;
        uint64_t random = seed * 0x9e3779b97f4a7c15u;
        memcpy(buffer.bytes, good_file, sizeof good_file - 1);
        buffer.length = sizeof good_file - 1;
        for (size_t changes = 1 + below(&random, 6); changes > 0; changes--)
            change(&buffer, &random);
        check_changed(&buffer, seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dump_reads_back_the_same),
        cmocka_unit_test(the_form_of_a_dump),
        cmocka_unit_test(a_dump_to_a_full_disk_fails),
        cmocka_unit_test(the_reference_has_every_setting_once),
        cmocka_unit_test(a_reload_may_change_what_is_marked_so),
        cmocka_unit_test(random_changes_do_no_harm),
    };
    return cmocka_run_group_tests(tests, enter_private_folder, leave_private_folder);
}
