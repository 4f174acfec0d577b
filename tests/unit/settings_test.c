/* settings_test.c: the core's option tables are sound, and what a configuration must be beyond its types. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/proc/settings_check.h"

typedef struct fixture {
    gee_pool_t *pool;
    gee_sections_t sections;
    gee_conf_errors_t errors;
    gee_conf_places_t *places;
    char path[64];
} fixture_t;

static int set_up(void **state) {
    static fixture_t fixture;
    memset(&fixture, 0, sizeof(fixture));
    fixture.pool = gee_pool_create(4096);
    assert_non_null(fixture.pool);
    strcpy(fixture.path, "/tmp/settings_test.XXXXXX");
    int descriptor = mkstemp(fixture.path);
    assert_true(descriptor >= 0);
    close(descriptor);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    fixture_t *fixture = *state;
    unlink(fixture->path);
    gee_pool_destroy(&fixture->pool);
    return 0;
}

static const gee_settings_t *read_text(fixture_t *fixture, const char *text) {
    FILE *file = fopen(fixture->path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(gee_sections_create(&fixture->sections, gee_modules, fixture->pool), 0);
    gee_conf_errors_init(&fixture->errors, fixture->pool);
    gee_conf_read(fixture->path, NULL, 0, fixture->sections.items, fixture->sections.count, fixture->pool,
                  &fixture->errors, &fixture->places);
    gee_settings_check(&fixture->sections, gee_modules, fixture->path, fixture->places, &fixture->errors);
    return &fixture->sections.settings;
}

#define LISTEN "listen = ( { address = \"tcp@127.0.0.1:9999\"; } );\n"

static void test_the_tables_are_sound(void **state GEE_UNUSED) {
    gee_error_t error;
    const gee_option_t *tables[] = { gee_settings_options, gee_connection_options, gee_limits_options,
                                     gee_timeouts_options, gee_upstream_limits_options };
    for (size_t i = 0; i < GEE_LENGTH(tables); i++)
        if (gee_options_check(tables[i], &error) != 0)
            fail_msg("%s", error.text);
}

static void test_defaults(void **state) {
    const gee_settings_t *settings = read_text(*state, LISTEN);
    assert_int_equal(((fixture_t *)*state)->errors.count, 0);
    assert_int_equal(settings->workers, 0);
    assert_null(settings->user);
    assert_string_equal(settings->pid, "run/geerpc.pid");
    assert_string_equal(settings->control, GEE_DEFAULT_CONTROL);
    assert_int_equal(settings->error_log.level, GEE_LOG_NOTICE);
    assert_true(settings->describe);
    assert_int_equal(settings->shutdown_timeout, 30 * GEE_SECOND);
    assert_int_equal(settings->thread_pool.threads, 4);
    assert_int_equal(settings->thread_pool.queue, 1000);
    assert_int_equal(settings->connections.connections_per_address, 1000);
    assert_int_equal(settings->limits.message, 4 * GEE_MIB);
    assert_int_equal(settings->limits.nesting, 100);
    assert_int_equal(settings->timeouts.handle, 0);
    assert_int_equal(settings->listen.count, 1);
    assert_int_equal(gee_settings_listen(settings, 0)->mode, 0);
}

static void test_values(void **state) {
    const gee_settings_t *settings = read_text(*state, "workers = 3; error_log = { level = \"debug\"; };\n"
                                                       "listen = ( { address = \"unix@run/x\"; mode = \"0660\";\n"
                                                       "  backlog = 5; protocols = ( \"geerpc\" ); } );\n"
                                                       "services = ( { name = \"Foo\"; timeout = \"2s\"; } );\n"
                                                       "limits = { message = \"64k\"; connections = 5; };\n");
    assert_int_equal(((fixture_t *)*state)->errors.count, 0);
    assert_int_equal(settings->workers, 3);
    assert_int_equal(settings->error_log.level, GEE_LOG_DEBUG);
    const gee_listen_settings_t *listen = gee_settings_listen(settings, 0);
    assert_string_equal(listen->address, "unix@run/x");
    assert_int_equal(listen->mode, 0660);
    assert_int_equal(listen->backlog, 5);
    assert_int_equal(listen->protocols.count, 1);
    assert_string_equal(gee_settings_service(settings, 0)->name, "Foo");
    assert_int_equal(gee_settings_service(settings, 0)->timeout, 2 * GEE_SECOND);
    assert_int_equal(settings->limits.message, 64 * GEE_KIB);
    assert_int_equal(settings->connections.connections, 5);
}

static void expect_error(void **state, const char *text, const char *line, const char *said) {
    fixture_t *fixture = *state;
    char place[100];
    read_text(fixture, text);
    snprintf(place, sizeof(place), "%s:%s: ", fixture->path, line);
    for (size_t i = 0; i < fixture->errors.count; i++)
        if (strncmp(fixture->errors.items[i], place, strlen(place)) == 0 && strstr(fixture->errors.items[i], said))
            return;
    fail_msg("no error at line %s that says %s; there are %zu, the first: %s", line, said, fixture->errors.count,
             fixture->errors.count ? fixture->errors.items[0] : "");
}

static void test_unknown_names_are_found_with_their_line(void **state) {
    expect_error(state, LISTEN "services = (\n { name = \"Arith\"; },\n { name = \"Fooo\"; } );", "4",
                 "services[1]: no service \"Fooo\" is compiled in, did you mean \"Foo\"?");
    expect_error(state, LISTEN "services = (\n { name = \"Xyzzyplugh\"; } );", "3", "there is Arith, Foo");
    expect_error(state, "listen = (\n { address = \"tcpp@127.0.0.1:1\"; } );", "2", "did you mean \"tcp\"?");
    expect_error(state, "listen = (\n { address = \"quic@127.0.0.1:1\"; } );", "2", "--with-transport_quic");
    expect_error(state, "listen = (\n { address = \"tcp@127.0.0.1:1\";\n protocols = ( \"gerpc\" ); } );", "3",
                 "no protocol \"gerpc\" is compiled in, did you mean \"geerpc\"?");
}

#define SERVER         "servers = ( { address = \"tcp@127.0.0.1:1\"; } ); "
#define UPSTREAM(rest) LISTEN "upstreams = (\n { name = \"foo\"; " rest " } );\n"

static void test_upstreams(void **state) {
    const gee_settings_t *settings = read_text(
        *state, LISTEN
        "upstreams = ( { name = \"foo\"; balance = \"hash\"; key = \"metadata.user\"; protocol = \"netrpc\";\n"
        "  retries = 1; fail_timeout = \"5s\"; check = \"connect\"; servers = (\n"
        "  { address = \"tcp@10.0.0.1:9999\"; weight = 3; }, { address = \"http@10.0.0.2:9999\"; } ); },\n"
        "  { name = \"bar\"; " SERVER " } );\n"
        "services = ( { name = \"Any\"; upstream = \"bar\"; idempotent = ( \"Get\" ); }, { name = \"Arith\"; },\n"
        "  { name = \"Foo\"; upstream = \"bar\"; undeclared = true; idempotent = ( \"Newer\" ); } );\n");
    for (size_t i = 0; i < ((fixture_t *)*state)->errors.count; i++)
        fail_msg("%s", ((fixture_t *)*state)->errors.items[i]);
    const gee_upstream_settings_t *foo = gee_settings_upstream(settings, 0), *bar = gee_settings_upstream(settings, 1);
    assert_int_equal(gee_upstream_settings_server(foo, 0)->weight, 3);
    assert_int_equal(gee_upstream_settings_server(foo, 1)->weight, 1);
    assert_int_equal(foo->limits.retries, 1);
    assert_int_equal(foo->limits.fail_timeout, 5 * GEE_SECOND);
    assert_int_equal(foo->limits.check, GEE_CHECK_CONNECT);
    assert_int_equal(bar->limits.connect_timeout, 3 * GEE_SECOND);
    assert_string_equal(bar->balance, "roundrobin");
    assert_string_equal(
        gee_upstream_settings_codec(foo, gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, gee_str(foo->protocol))),
        "gob");
    assert_string_equal(
        gee_upstream_settings_codec(bar, gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, gee_str(bar->protocol))),
        "json");
    assert_int_equal(gee_settings_find_upstream(settings, "bar"), 1);
    assert_int_equal(gee_settings_find_upstream(settings, "baz"), SIZE_MAX);
}

/* A server that forwards to itself. */
static void expect_loop(void **state, const char *listen, const char *server, bool wrong) {
    fixture_t *fixture = *state;
    char text[400], wanted[200];
    snprintf(text, sizeof(text),
             "listen = ( { address = \"%s\"; } );\nupstreams = ( { name = \"foo\";\n"
             "servers = ( { address = \"%s\"; } ); } );",
             listen, server);
    snprintf(wanted, sizeof(wanted), "upstreams[0].servers[0].address: \"%s\" is this server itself (listen[0])",
             server);
    if (wrong) {
        expect_error(state, text, "3", wanted);
        return;
    }
    (void)read_text(fixture, text);
    assert_int_equal(fixture->errors.count, 0);
}

static void test_upstreams_that_are_wrong(void **state) {
    expect_error(state, UPSTREAM(SERVER) "services = (\n { name = \"X\"; upstream = \"fo\"; } );", "5",
                 "services[0].upstream: there is no upstream \"fo\", did you mean \"foo\"?");
    expect_error(state, LISTEN "services = (\n { name = \"X\"; upstream = \"fo\"; } );", "3", "add upstreams = (");
    expect_error(state, UPSTREAM("balance = \"leasst\"; " SERVER), "3",
                 "upstreams[0].balance: no balancer \"leasst\" is compiled in, did you mean \"least\"?");
    expect_error(state, UPSTREAM("balance = \"xyzzyplugh\"; " SERVER), "3", "there is ");
    expect_error(state, UPSTREAM("\nkey = \"client\"; " SERVER), "4",
                 "upstreams[0].key: the balancer roundrobin looks at no key; balance = \"hash\" does");
    expect_error(state, UPSTREAM("balance = \"hash\";\nkey = \"user\"; " SERVER), "4",
                 "upstreams[0].key: \"user\" is no key");
    expect_error(state, UPSTREAM("\ncheck = \"call\"; " SERVER), "4",
                 "upstreams[0].check: a \"call\" needs check_method = \"Name.Method\"");
    expect_error(state, UPSTREAM("check = \"call\";\ncheck_method = \"Ping\"; " SERVER), "4",
                 "upstreams[0].check_method: \"Ping\" is not of the form Name.Method");
    expect_error(state, UPSTREAM("\ncheck_method = \"Foo.Ping\"; " SERVER), "4",
                 "upstreams[0].check_method: is for check = \"call\"");
    expect_error(state, UPSTREAM("protocol = \"netrcp\"; " SERVER), "3", "did you mean \"netrpc\"?");
    expect_error(state, UPSTREAM("protocol = \"http\"; " SERVER), "3", "the address is http@HOST:PORT");
    expect_error(state, UPSTREAM("protocol = \"netrpc\";\ncodec = \"json\"; " SERVER), "4",
                 "the protocol netrpc carries gob only: codec = \"json\" does not go with it");
    expect_error(state, UPSTREAM("\ncodec = \"jason\"; " SERVER), "4", "did you mean \"json\"?");
    expect_error(state, UPSTREAM(""), "3", "upstreams[0]: it has no servers; add servers = (");
    expect_error(state, UPSTREAM("servers = (\n { address = \"tcp@127.0.0.1\"; } );"), "4",
                 "upstreams[0].servers[0].address: ");
    expect_error(state, UPSTREAM("servers = (\n { address = \"tcpp@127.0.0.1:1\"; } );"), "4", "did you mean \"tcp\"?");
    expect_loop(state, "tcp@127.0.0.1:9998", "tcp@127.0.0.1:9998", true);
    expect_loop(state, "tcp@127.0.0.1:9998", "http@127.0.0.1:9998", true);
    expect_loop(state, "tcp@0.0.0.0:9998", "tcp@localhost:9998", true);
    expect_loop(state, "tcp@[::]:9998", "tcp@[::1]:9998", true);
    expect_loop(state, "unix@run/a", "unix@run/a", true);
    expect_loop(state, "unix@run/a", "unix@run/b", false);
    expect_loop(state, "tcp@0.0.0.0:9998", "tcp@127.0.0.1:9997", false);
    expect_loop(state, "tcp@0.0.0.0:9998", "tcp@10.0.0.2:9998", false);
    expect_loop(state, "tcp@127.0.0.1:9998", "tcp@127.0.0.2:9998", false);
    expect_error(state, UPSTREAM("servers = (\n { address = \"tcp@127.0.0.1:1\"; weight = 65536; } );"), "4", "weight");
    expect_error(state, UPSTREAM("retries = 8; " SERVER), "3", "retries");
    expect_error(state, UPSTREAM("chekc = \"ping\"; " SERVER), "3", "did you mean \"check\"?");
    expect_error(state, LISTEN "upstreams = (\n { name = \"foo\"; " SERVER "},\n { name = \"foo\"; " SERVER "} );", "4",
                 "upstreams[1]: \"foo\" stands in upstreams[0] already");
}

static void test_services_that_are_forwarded_and_wrong(void **state) {
    expect_error(state,
                 UPSTREAM(SERVER) "services = (\n { name = \"Foo\"; },\n { name = \"Foo\"; upstream = \"foo\"; } );",
                 "6", "\"Foo\" stands in services[0] already; a service is either handled here or forwarded");
    expect_error(state, UPSTREAM(SERVER) "services = (\n { name = \"Foo\";\n idempotent = ( \"Sum\" ); } );", "6",
                 "services[0].idempotent: is for services with an upstream");
    expect_error(
        state, UPSTREAM(SERVER) "services = (\n { name = \"Foo\"; upstream = \"foo\";\n idempotent = ( \"Smu\" ); } );",
        "6", "has no method \"Smu\", did you mean \"Sum\"?");
    expect_error(state, UPSTREAM(SERVER) "services = (\n { name = \"Foo\";\n undeclared = true; } );", "6",
                 "services[0].undeclared: is for services with an upstream");
    expect_error(
        state, UPSTREAM(SERVER) "services = (\n { name = \"X\"; upstream = \"foo\";\n idempotent = ( \"X.Get\" ); } );",
        "6", "\"X.Get\": a method's name without its service is wanted");
    expect_error(state, UPSTREAM(SERVER) "services = (\n { name = \"Gee\"; upstream = \"foo\"; } );", "5",
                 "\"Gee\" is the built-in service");
}

static void test_what_stands_twice(void **state) {
    expect_error(state, LISTEN "services = (\n { name = \"Foo\"; },\n { name = \"Foo\"; } );", "4",
                 "\"Foo\" stands in services[0] already");
    expect_error(state, "listen = (\n { address = \"unix@a\"; },\n { address = \"unix@a\"; } );", "3",
                 "\"unix@a\" stands in listen[0] already");
}

static void test_addresses_are_checked(void **state) {
    expect_error(state, "listen = (\n { address = \"127.0.0.1:9999\"; } );", "2", "address");
    expect_error(state, "listen = (\n { address = \"tcp@127.0.0.1:65536\"; } );", "2", "listen[0].address: ");
}

static void test_nothing_to_listen_on(void **state) {
    fixture_t *fixture = *state;
    read_text(fixture, "workers = 2;");
    assert_int_equal(fixture->errors.count, 1);
    assert_non_null(strstr(fixture->errors.items[0], "there is no address to listen on"));
    /* Not said of a file whose addresses could not be read. */
    read_text(fixture, "listen = ( { address = ");
    for (size_t i = 0; i < fixture->errors.count; i++)
        assert_null(strstr(fixture->errors.items[i], "no address to listen on"));
}

static void test_ranges(void **state) {
    expect_error(state, LISTEN "workers = 0;", "2", "workers");
    expect_error(state, LISTEN "workers = \"many\";", "2", "auto");
    expect_error(state, LISTEN "thread_pool = { threads = 0; };", "2", "threads");
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_the_tables_are_sound),
        TEST(test_defaults),
        TEST(test_values),
        TEST(test_unknown_names_are_found_with_their_line),
        TEST(test_upstreams),
        TEST(test_upstreams_that_are_wrong),
        TEST(test_services_that_are_forwarded_and_wrong),
        TEST(test_what_stands_twice),
        TEST(test_addresses_are_checked),
        TEST(test_nothing_to_listen_on),
        TEST(test_ranges),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
