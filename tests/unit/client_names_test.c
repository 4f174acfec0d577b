/* client_names_test.c: names that a name server does not answer for: nobody else waits for their threads. */
#include "client_support.h"

#include <netdb.h>
#include <semaphore.h>

#include "client/geerpc_http.h"
#include "client/geerpc_registry.h"

/* ---- a fake in the place of the C library's: "slow.test" is answered when a test lets it, all others are 127.0.0.1
 * ---- */

static atomic_uint asked, answered;
static atomic_bool open_gate;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints GEE_UNUSED,
                struct addrinfo **result) {
    if (strstr(name, "slow") != NULL) {
        atomic_fetch_add(&asked, 1);
        while (!atomic_load(&open_gate))
            usleep(200);
        atomic_fetch_add(&answered, 1);
        return EAI_AGAIN;
    }
    struct addrinfo *entry = calloc(1, sizeof(*entry) + sizeof(struct sockaddr_in));
    struct sockaddr_in *address = (struct sockaddr_in *)(entry + 1);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)(service ? atoi(service) : 0));
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    entry->ai_family = AF_INET;
    entry->ai_socktype = SOCK_STREAM;
    entry->ai_addr = (struct sockaddr *)address;
    entry->ai_addrlen = sizeof(*address);
    *result = entry;
    return 0;
}

void freeaddrinfo(struct addrinfo *entry) {
    free(entry);
}

static int shut(void **state GEE_UNUSED) {
    atomic_store(&open_gate, false);
    atomic_store(&asked, 0);
    atomic_store(&answered, 0);
    return 0;
}

/* The threads end, so that nothing of a test is left. */
static int let_go(void **state GEE_UNUSED) {
    atomic_store(&open_gate, true);
    eventually(atomic_load(&answered) == atomic_load(&asked));
    return 0;
}

/* ---- tests ---- */

static void test_slow_names_do_not_hold_up_others(void **state GEE_UNUSED) {
    frame_peer_t *peer = frame_peer_start(0);
    gee_runtime_t *runtime = gee_runtime_create(GEE_RUNTIME_BACKGROUND, NULL);
    gee_dial_options_t dial = { .size = sizeof(dial), .codec = "bin", .runtime = runtime };
    gee_xclient_options_t options = { .size = sizeof(options), .dial = &dial };
    gee_server_t slow = { .address = "tcp@slow.test:1" };
    gee_xclient_t *waiting[24];
    gee_pending_t *calls[24];
    for (size_t i = 0; i < GEE_LENGTH(waiting); i++) {
        waiting[i] = gee_xclient_create(&slow, 1, &options, NULL);
        calls[i] = gee_xclient_go(waiting[i], "Peer.Add", "{}", NULL, NULL, NULL, NULL);
        assert_non_null(calls[i]);
    }
    eventually(atomic_load(&asked) >= 2);
    char address[64];
    snprintf(address, sizeof(address), "tcp@quick.test:%s", strrchr(peer->address, ':') + 1);
    gee_client_t *client = dial_with(address, runtime);
    expect_sum(client, 1, 2);
    gee_client_close(&client);
    assert_int_equal(atomic_load(&asked), 2); /* two at once for one name */
    for (size_t i = 0; i < GEE_LENGTH(waiting); i++) {
        gee_xclient_close(&waiting[i]);
        gee_pending_release(&calls[i]);
    }
    assert_int_equal(gee_runtime_destroy(&runtime, NULL), 0); /* does not wait for names */
    assert_int_equal(atomic_load(&answered), 0);
    frame_peer_stop(&peer);
}

static void test_a_page_in_time(void **state GEE_UNUSED) {
    gee_http_page_t page;
    gee_error_t error;
    assert_int_equal(gee_http_get("http://slow.test:1", "/", NULL, 50 * GEE_MILLISECOND, &page, &error), -1);
    assert_int_equal(error.code, GEE_UNAVAILABLE);
    assert_int_equal(atomic_load(&answered), 0);
}

static bool listed(void *data GEE_UNUSED, const gee_server_t *servers GEE_UNUSED, size_t count GEE_UNUSED,
                   uint64_t version GEE_UNUSED) {
    return false;
}

static bool failed(void *data GEE_UNUSED, const gee_error_t *error GEE_UNUSED) {
    return true;
}

static void test_a_registry_in_time(void **state GEE_UNUSED) {
    gee_registry_look_t look = { .stop = -1, .timeout_ns = 50 * GEE_MILLISECOND, .listed = listed, .failed = failed };
    gee_registry_server_t server = { .address = "tcp@127.0.0.1:1" };
    gee_error_t error;
    assert_int_equal(gee_registry_look("http://slow.test:1/registry", &look, &error), -1);
    assert_int_equal(error.code, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(gee_registry_look("dns@slow.test:1", &look, &error), -1);
    assert_int_equal(error.code, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(gee_registry_put("http://slow.test:1/registry", &server, 50 * GEE_MILLISECOND, &error), -1);
    assert_int_equal(error.code, GEE_DEADLINE_EXCEEDED);
    assert_int_equal(gee_registry_remove("http://slow.test:1/registry", &server, 50 * GEE_MILLISECOND, &error), -1);
    assert_int_equal(atomic_load(&answered), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slow_names_do_not_hold_up_others, shut, let_go),
        cmocka_unit_test_setup_teardown(test_a_page_in_time, shut, let_go),
        cmocka_unit_test_setup_teardown(test_a_registry_in_time, shut, let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
