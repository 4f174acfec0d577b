/* network_test.c: networks as they are written in settings, and which peers are in them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include <gee.h>

static bool contains(const char *text, const char *peer) {
    gee_network_t network;
    gee_error_t error;
    gee_ip_t address;
    if (gee_network_parse(text, &network, &error) != 0)
        fail_msg("%s", error.text);
    return gee_ip_of_peer(peer, &address) == 0 && gee_network_contains(&network, &address);
}

static void test_who_is_in_it(void **state GEE_UNUSED) {
    static const struct {
        const char *network, *peer;
        bool inside;
    } cases[] = {
        { "10.0.0.0/8", "tcp@10.255.1.2:40312", true },
        { "10.0.0.0/8", "tcp@11.0.0.0:1", false },
        { "10.0.0.0/8", "tcp@[::ffff:10.1.2.3]:1", true }, /* a listener of both families */
        { "192.0.2.7", "tcp@192.0.2.7:1", true },
        { "192.0.2.7", "tcp@192.0.2.6:1", false },
        { "192.0.2.128/25", "tcp@192.0.2.129:1", true },
        { "192.0.2.128/25", "tcp@192.0.2.127:1", false },
        { "0.0.0.0/0", "tcp@203.0.113.9:1", true },
        { "0.0.0.0/0", "tcp@[2001:db8::1]:1", false },
        { "::/0", "tcp@[2001:db8::1]:1", true },
        { "::/0", "tcp@10.0.0.1:1", true },
        { "::1", "tcp@[::1]:1", true },
        { "::1", "tcp@[::2]:1", false },
        { "fe80::/10", "tcp@[fe80::1%3]:1", true },
        { "2001:db8::/33", "tcp@[2001:db8:8000::]:1", false },
        { "0.0.0.0/0", "unix@/run/x", false },
        { "0.0.0.0/0", "unix@", false },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++)
        if (contains(cases[i].network, cases[i].peer) != cases[i].inside)
            fail_msg("%s: %s", cases[i].network, cases[i].peer);
}

static void test_hosts_that_are_another_one_to_each_reader(void **state GEE_UNUSED) {
    static const char *const relative[] = { "127.0.0.1",
                                            "127.255.0.9",
                                            "127.1",
                                            "2130706433",
                                            "0x7f000001",
                                            "0177.0.0.1",
                                            "::1",
                                            "0.0.0.0",
                                            "0",
                                            "::",
                                            "::ffff:127.0.0.1",
                                            "169.254.169.254",
                                            "fe80::1",
                                            "fe80::1%eth0",
                                            "febf::1",
                                            "::ffff:169.254.1.1",
                                            "localhost",
                                            "LOCALHOST",
                                            "localhost.",
                                            "db.localhost",
                                            "db.localhost.",
                                            "" };
    static const char *const absolute[] = { "10.0.0.1",          "192.0.2.7",      "169.253.0.1", "2001:db8::1",
                                            "fec0::1",           "1.0.0.1",        "localhosts",  "notlocalhost",
                                            "localhost.example", "rpc.example.org" };
    for (size_t i = 0; i < GEE_LENGTH(relative); i++)
        if (!gee_host_is_relative(relative[i]))
            fail_msg("%s", relative[i]);
    for (size_t i = 0; i < GEE_LENGTH(absolute); i++)
        if (gee_host_is_relative(absolute[i]))
            fail_msg("%s", absolute[i]);
}

static void test_who_is_of_this_machine(void **state GEE_UNUSED) {
    static const char *const here[] = { "tcp@127.0.0.1:1",          "tcp@127.255.0.9:1", "tcp@[::1]:1",
                                        "tcp@[::ffff:127.0.0.1]:1", "unix@/run/x",       "unix@" };
    static const char *const elsewhere[] = { "tcp@192.0.2.7:1", "tcp@128.0.0.1:1",        "tcp@126.255.255.255:1",
                                             "tcp@[::2]:1",     "tcp@[::ffff:1.2.3.4]:1", "tcp@[fe80::1%3]:1",
                                             "tcp@[7f00::1]:1" };
    for (size_t i = 0; i < GEE_LENGTH(here); i++)
        if (!gee_peer_is_local(here[i]))
            fail_msg("%s", here[i]);
    for (size_t i = 0; i < GEE_LENGTH(elsewhere); i++)
        if (gee_peer_is_local(elsewhere[i]))
            fail_msg("%s", elsewhere[i]);
}

static void test_what_is_no_network(void **state GEE_UNUSED) {
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "", "expected an address" },
        { "everybody", "expected an address" },
        { "10.0.0.0/", "0 to 32" },
        { "10.0.0.0/33", "0 to 32" },
        { "10.0.0.0/-1", "0 to 32" },
        { "10.0.0.0/8x", "0 to 32" },
        { "fd00::/129", "0 to 128" },
        { "10.0.0.1/8", "bits behind the prefix" },
        { "1.2.3", "expected an address" },
        { "10.0.0.0/99999999999999999999", "0 to 32" },
        { "aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa:aaaa/8", "expected an address" },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        gee_network_t network;
        gee_error_t error = { 0 };
        assert_int_equal(gee_network_parse(cases[i].text, &network, &error), -1);
        if (strstr(error.text, cases[i].said) == NULL)
            fail_msg("\"%s\": %s", cases[i].text, error.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_who_is_in_it),
                                        cmocka_unit_test(test_hosts_that_are_another_one_to_each_reader),
                                        cmocka_unit_test(test_who_is_of_this_machine),
                                        cmocka_unit_test(test_what_is_no_network) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
