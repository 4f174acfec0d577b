/* addr_test.c: addresses as people write them, and the kernel's as text. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/event/addr.h"

static void test_parse(void **state) {
    (void)state;
    gee_addr_t addr;
    gee_error_t error;
    assert_int_equal(gee_addr_parse("tcp@127.0.0.1:9999", &addr, &error), 0);
    assert_string_equal(addr.text, "tcp@127.0.0.1:9999");
    assert_string_equal(addr.scheme, "tcp");
    assert_string_equal(addr.place, "127.0.0.1:9999");
    assert_int_equal(gee_addr_parse("unix@/run/a@b.sock", &addr, &error), 0);
    assert_string_equal(addr.scheme, "unix");
    assert_string_equal(addr.place, "/run/a@b.sock");
    assert_int_equal(gee_addr_parse("abcdefghijklmno@x", &addr, &error), 0);
}

static void test_parse_refuses(void **state) {
    (void)state;
    static const char *const wrong[] = { "",
                                         "tcp",
                                         "@",
                                         "tcp@",
                                         "@place",
                                         "127.0.0.1:9999",
                                         "TCP@x:1",
                                         "t1@x",
                                         "t cp@x:1",
                                         "tcp:@x",
                                         "abcdefghijklmnop@x",
                                         "tcp@a\nb:1",
                                         "tcp@a:1\x7f" };
    for (size_t i = 0; i < GEE_LENGTH(wrong); i++) {
        gee_addr_t addr = { .text = "as it was" };
        gee_error_t error = { 0 };
        assert_int_equal(gee_addr_parse(wrong[i], &addr, &error), -1);
        assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
        assert_true(strlen(error.text) > 10);
        assert_null(strpbrk(error.text, "\n\x7f")); /* shown escaped */
        assert_string_equal(addr.text, "as it was");
    }
    char text[2000];
    gee_addr_t addr;
    for (size_t length = GEE_ADDR_TEXT - 1; length < sizeof(text); length += sizeof(text) - GEE_ADDR_TEXT) {
        memset(text, 'a', length);
        memcpy(text, "tcp@", 4);
        text[length] = '\0';
        assert_int_equal(gee_addr_parse(text, &addr, NULL), length < GEE_ADDR_TEXT ? 0 : -1);
    }
}

static void test_host_port(void **state) {
    (void)state;
    static const struct {
        const char *text, *host;
        uint16_t port;
    } cases[] = {
        { "tcp@127.0.0.1:9999", "127.0.0.1", 9999 },
        { "tcp@[::1]:0", "::1", 0 },
        { "tcp@:65535", "", 65535 },
        { "http@db-1.example_x.org:80", "db-1.example_x.org", 80 },
        { "tcp@[fe80::1%eth0]:7", "fe80::1%eth0", 7 },
        { "tcp@[::ffff:1.2.3.4]:00080", "::ffff:1.2.3.4", 80 },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        gee_addr_t addr;
        char host[256];
        uint16_t port = 1;
        assert_int_equal(gee_addr_parse(cases[i].text, &addr, NULL), 0);
        assert_int_equal(gee_addr_host_port(&addr, host, &port, NULL), 0);
        assert_string_equal(host, cases[i].host);
        assert_int_equal(port, cases[i].port);
    }
}

static void test_host_port_refuses(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "tcp@localhost",
        "tcp@localhost:",
        "tcp@localhost:65536",
        "tcp@localhost:-1",
        "tcp@localhost:+1",
        "tcp@localhost: 1",
        "tcp@localhost:1 ",
        "tcp@localhost:0x10",
        "tcp@localhost:http",
        "tcp@localhost:000080",
        "tcp@::1:9999",
        "tcp@[::1]",
        "tcp@[::1",
        "tcp@[::1]9999",
        "tcp@[]:1",
        "tcp@[127.0.0.1]:1",
        "tcp@[::1%]:1",
        "tcp@a b:1",
        "tcp@a/b:1",
        "tcp@h:1/path",
        "tcp@u@h:1",
        "tcp@[[::1]]:1",
        "tcp@[1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21]:1",
    };
    for (size_t i = 0; i < GEE_LENGTH(wrong); i++) {
        gee_addr_t addr;
        gee_error_t error = { 0 };
        char host[256] = "as it was";
        uint16_t port;
        assert_int_equal(gee_addr_parse(wrong[i], &addr, NULL), 0);
        if (gee_addr_host_port(&addr, host, &port, &error) != -1)
            fail_msg("%s was taken", wrong[i]);
        assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
        assert_non_null(strstr(error.text, wrong[i]));
    }
    char text[GEE_ADDR_TEXT];
    for (size_t length = 255; length <= 256; length++) {
        gee_addr_t addr;
        char host[256];
        uint16_t port;
        memset(text, 'h', sizeof(text));
        memcpy(text, "tcp@", 4);
        memcpy(text + 4 + length, ":1", 3);
        assert_int_equal(gee_addr_parse(text, &addr, NULL), 0);
        assert_int_equal(gee_addr_host_port(&addr, host, &port, NULL), length == 255 ? 0 : -1);
    }
}

static void test_what_can_be_dialled(void **state) {
    (void)state;
    static const char *const dialled[] = { "tcp@a:1", "tcp@[::]:65535", "unix@/run/x", "unix@a:0", "quic@somewhere" };
    static const char *const listened[] = { "tcp@a:0", "tcp@[::1]:0", "http@:00000", "quic@a:0" };
    gee_addr_t addr;
    gee_error_t error = { 0 };
    for (size_t i = 0; i < GEE_LENGTH(dialled); i++) {
        assert_int_equal(gee_addr_parse(dialled[i], &addr, NULL), 0);
        if (gee_addr_check_dialled(&addr, &error) != 0)
            fail_msg("%s", error.text);
    }
    for (size_t i = 0; i < GEE_LENGTH(listened); i++) {
        assert_int_equal(gee_addr_parse(listened[i], &addr, NULL), 0);
        assert_int_equal(gee_addr_check_dialled(&addr, &error), -1);
        assert_non_null(strstr(error.text, listened[i]));
    }
}

static void test_sockaddr_text(void **state) {
    (void)state;
    char text[GEE_ADDR_TEXT];
    gee_sockaddr_t address;
    memset(&address, 0, sizeof(address));
    address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(40312) };
    address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_string_equal(gee_sockaddr_text(&address, text), "tcp@127.0.0.1:40312");
    assert_int_equal(gee_sockaddr_length(&address), sizeof(struct sockaddr_in));
    memset(&address, 0, sizeof(address));
    address.v6 =
        (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(9999), .sin6_addr = in6addr_loopback };
    assert_string_equal(gee_sockaddr_text(&address, text), "tcp@[::1]:9999");
    assert_int_equal(gee_sockaddr_length(&address), sizeof(struct sockaddr_in6));
    assert_int_equal(inet_pton(AF_INET6, "fe80::1", &address.v6.sin6_addr), 1);
    address.v6.sin6_scope_id = 4294967295u;
    assert_string_equal(gee_sockaddr_text(&address, text), "tcp@[fe80::1%4294967295]:9999");
    memset(&address, 0, sizeof(address));
    assert_string_equal(gee_sockaddr_text(&address, text), "unknown@");
}

static void test_local_text(void **state) {
    (void)state;
    char text[GEE_ADDR_TEXT];
    gee_sockaddr_t address;
    memset(&address, 0, sizeof(address));
    address.local.sun_family = AF_UNIX;
    assert_string_equal(gee_sockaddr_text(&address, text), "unix@");
    assert_int_equal(gee_sockaddr_length(&address), offsetof(struct sockaddr_un, sun_path));
    strcpy(address.local.sun_path, "/run/x");
    assert_string_equal(gee_sockaddr_text(&address, text), "unix@/run/x");
    assert_int_equal(gee_sockaddr_length(&address), offsetof(struct sockaddr_un, sun_path) + 7);
    strcpy(address.local.sun_path, "/run/x\n[alert] lie");
    assert_string_equal(gee_sockaddr_text(&address, text), "unix@/run/x?[alert] lie");
    memset(address.local.sun_path, 'p', sizeof(address.local.sun_path)); /* the kernel need not terminate it */
    assert_int_equal(strlen(gee_sockaddr_text(&address, text)), 5 + sizeof(address.local.sun_path));
    assert_int_equal(gee_sockaddr_length(&address), sizeof(struct sockaddr_un));
}

static void test_loopback(void **state) {
    (void)state;
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = { { "127.0.0.1", true },       { "127.255.0.9", true }, { "128.0.0.1", false },
                  { "0.0.0.0", false },        { "::1", true },         { "::ffff:127.0.0.1", true },
                  { "::ffff:1.2.3.4", false }, { "fe80::1", false } };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        gee_sockaddr_t address;
        memset(&address, 0, sizeof(address));
        bool v6 = strchr(cases[i].host, ':') != NULL;
        address.any.sa_family = v6 ? AF_INET6 : AF_INET;
        void *host = v6 ? (void *)&address.v6.sin6_addr : (void *)&address.v4.sin_addr;
        assert_int_equal(inet_pton(address.any.sa_family, cases[i].host, host), 1);
        assert_int_equal(gee_sockaddr_loopback(&address), cases[i].loopback);
    }
    gee_sockaddr_t local;
    memset(&local, 0, sizeof(local));
    assert_false(gee_sockaddr_loopback(&local));
    local.any.sa_family = AF_UNIX;
    assert_true(gee_sockaddr_loopback(&local));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_host_port),
        cmocka_unit_test(test_host_port_refuses),
        cmocka_unit_test(test_what_can_be_dialled),
        cmocka_unit_test(test_sockaddr_text),
        cmocka_unit_test(test_local_text),
        cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
