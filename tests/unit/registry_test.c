/* registry_test.c: between a worker's requests and the helper: what is lost on the way is sent again, and what a worker
 * could be made to send does no harm. Worker and helper are one process here; the test carries the messages. */
#include <arpa/inet.h>

#include "rpc_fixture.h"
#include "modules/registry/registry.h"
#include "core/rpc/door.h"

#define MOST_SENT 64

typedef struct sent {
    size_t length;
    uint8_t bytes[sizeof(registry_message_t)];
} sent_t;

static sent_t sent[MOST_SENT];
static size_t sent_count;
static int tell_error; /* errno of every message; 0: taken */
static void *confs[64];
static registry_conf_t *conf;
static const gee_module_t *module;
static void *zone;

static int tell(gee_helper_line_t *line GEE_UNUSED, const char *name, const void *bytes, size_t length) {
    assert_string_equal(name, "registry");
    assert_true(length <= sizeof(sent[0].bytes) && sent_count < MOST_SENT);
    if (tell_error != 0) {
        errno = tell_error;
        return -1;
    }
    sent[sent_count].length = length;
    memcpy(sent[sent_count++].bytes, bytes, length);
    return 0;
}
static void wake(gee_helper_line_t *line GEE_UNUSED) {}
static gee_helper_line_t line = { .tell = tell, .wake = wake };

static void *lend(const gee_prepare_t *prepare GEE_UNUSED, const char *name, size_t size, uint32_t version,
                  gee_error_t *error GEE_UNUSED) {
    assert_string_equal(name, REGISTRY_ZONE);
    assert_int_equal(version, REGISTRY_ZONE_VERSION);
    return zone = calloc(1, size);
}

static fixture_t *new_fixture(gee_pool_t *pool) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_prepare_t prepare = { .workers = 1, .pool = pool, .shared = lend };
    gee_error_t error = { 0 };
    size_t index = 0;
    while (strcmp(gee_modules[index].module->name, "registry") != 0)
        index++;
    module = gee_modules[index].module;
    confs[index] = conf = calloc(1, module->conf_size);
    assert_int_equal(gee_options_default(module->options, conf, pool, &error), 0);
    conf->path = "/r";
    conf->file = "";
    fixture->engine->module_conf = confs;
    fixture->engine->helper = &line;
    sent_count = 0;
    tell_error = 0;
    assert_int_equal(module->prepare(conf, &prepare, &error), 0);
    assert_int_equal(module->helper_start(conf, fixture->engine, &error), 0);
    assert_int_equal(module->worker_start(conf, fixture->engine, &error), 0);
    return fixture;
}

static void free_fixture(fixture_t *fixture, int peer) {
    module->worker_stop(conf, fixture->engine);
    module->helper_stop(conf, fixture->engine);
    finish(fixture, peer);
    free(conf);
    free(zone);
}

/* Requests on their way reach the helper, and the worker hears of the result. */
static void carry(fixture_t *fixture, size_t from) {
    for (size_t i = from; i < sent_count; i++)
        module->helper_message(conf, fixture->engine, 0, sent[i].bytes, sent[i].length);
    pump(fixture);
    module->worker_wake(conf, fixture->engine);
    pump(fixture);
}

static void post(fixture_t *fixture, int peer) {
    peer_says(fixture, peer, "POST /r HTTP/1.1\r\nHost: localhost\r\nX-Geerpc-Server: tcp@10.0.0.1:9999\r\n\r\n");
}

static void wait_until_sent(fixture_t *fixture, size_t count) {
    int64_t give_up = gee_clock_monotonic() + 5 * GEE_SECOND;
    while (sent_count < count && gee_clock_monotonic() < give_up)
        assert_int_equal(gee_loop_once(fixture->loop, 5 * GEE_MILLISECOND), 0);
    assert_int_equal(sent_count, count);
}

static void expect_answer(fixture_t *fixture, int peer, const char *beginning) {
    peer_read(fixture, peer);
    if (strncmp(fixture->got, beginning, strlen(beginning)) != 0)
        fail_msg("\"%s\" does not begin with %s", fixture->got, beginning);
}

static const registry_list_t *published(gee_double_copy_t *copy) {
    assert_int_equal(gee_double_buffer_read(&conf->buffer, copy), 0);
    return copy->bytes;
}

/* ---- the worker ---- */

static void test_answered_when_applied(void **state GEE_UNUSED) {
    gee_pool_t *pool = gee_pool_create(4096);
    fixture_t *fixture = new_fixture(pool);
    int peer = fixture_connect(fixture);
    post(fixture, peer);
    assert_int_equal(sent_count, 1);
    assert_int_equal(fixture->got_length, 0);
    module->worker_wake(conf, fixture->engine); /* for something else */
    assert_int_equal(fixture->got_length, 0);
    carry(fixture, 0);
    expect_answer(fixture, peer, "HTTP/1.1 200 OK\r\n");
    free_fixture(fixture, peer);
    gee_pool_destroy(&pool);
}

static void test_what_a_dying_helper_loses_is_sent_again(void **state GEE_UNUSED) {
    gee_pool_t *pool = gee_pool_create(4096);
    fixture_t *fixture = new_fixture(pool);
    int peer = fixture_connect(fixture);
    post(fixture, peer);
    wait_until_sent(fixture, 2);
    assert_memory_equal(sent[0].bytes, sent[1].bytes, sent[0].length);
    carry(fixture, 0); /* both, which is no harm */
    expect_answer(fixture, peer, "HTTP/1.1 200 OK\r\n");
    assert_null(strstr(fixture->got + 1, "HTTP/1.1"));
    free_fixture(fixture, peer);
    gee_pool_destroy(&pool);
}

static void test_what_could_not_be_sent_is_sent_later(void **state GEE_UNUSED) {
    gee_pool_t *pool = gee_pool_create(4096);
    fixture_t *fixture = new_fixture(pool);
    int peer = fixture_connect(fixture);
    tell_error = EAGAIN;
    post(fixture, peer);
    tell_error = 0;
    wait_until_sent(fixture, 1);
    carry(fixture, 0);
    expect_answer(fixture, peer, "HTTP/1.1 200 OK\r\n");
    free_fixture(fixture, peer);
    gee_pool_destroy(&pool);
}

/* So many others that the worker has not seen its own result go by. */
static void test_results_that_were_overtaken(void **state GEE_UNUSED) {
    gee_pool_t *pool = gee_pool_create(4096);
    fixture_t *fixture = new_fixture(pool);
    int peer = fixture_connect(fixture);
    registry_message_t other;
    post(fixture, peer);
    for (size_t i = 0; i < 2 * REGISTRY_RESULTS; i++) {
        memcpy(&other, sent[0].bytes, sent[0].length);
        other.request += i;
        module->helper_message(conf, fixture->engine, 0, &other, sent[0].length);
    }
    pump(fixture);
    module->worker_wake(conf, fixture->engine);
    pump(fixture);
    peer_read(fixture, peer);
    assert_int_equal(fixture->got_length, 0);
    wait_until_sent(fixture, 2);
    carry(fixture, 1);
    expect_answer(fixture, peer, "HTTP/1.1 200 OK\r\n");
    free_fixture(fixture, peer);
    gee_pool_destroy(&pool);
}

static void test_who_is_gone_is_forgotten(void **state GEE_UNUSED) {
    gee_pool_t *pool = gee_pool_create(4096);
    fixture_t *fixture = new_fixture(pool);
    int peer = fixture_connect(fixture), watcher = fixture_connect(fixture);
    post(fixture, peer);
    char watch[200];
    snprintf(watch, sizeof(watch), "GET /r?version=%llu&wait=30s HTTP/1.1\r\nHost: localhost\r\n\r\n",
             (unsigned long long)registry_view_version(conf));
    peer_says(fixture, watcher, watch);
    close(peer);
    close(watcher);
    pump(fixture);
    assert_int_equal(fixture->engine->session_count, 0);
    carry(fixture, 0); /* a result and a change that nobody waits for */
    free_fixture(fixture, fixture_connect(fixture));
    gee_pool_destroy(&pool);
}

static int connect_from(fixture_t *fixture, const char *host) {
    gee_sockaddr_t peer = { .v4 = { .sin_family = AF_INET, .sin_port = htons(40312) } };
    assert_int_equal(inet_pton(AF_INET, host, &peer.v4.sin_addr), 1);
    return fixture_connect_from(fixture, &(gee_door_options_t){ 0 }, &peer);
}

/* A path, or a loopback address, is another place on each machine that reads the list. */
static void test_what_only_this_machine_may_register(void **state GEE_UNUSED) {
    static const struct {
        const char *peer, *address, *answer;
    } cases[] = {
        { "203.0.113.9", "unix@/run/x", "HTTP/1.1 403 " },
        { "203.0.113.9", "tcp@127.0.0.1:6379", "HTTP/1.1 403 " },
        { "203.0.113.9", "tcp@127.1:6379", "HTTP/1.1 403 " },
        { "203.0.113.9", "tcp@[::1]:6379", "HTTP/1.1 403 " },
        { "203.0.113.9", "tcp@:6379", "HTTP/1.1 403 " },
        { "203.0.113.9", "tcp@[::]:6379", "HTTP/1.1 403 " },
        { "203.0.113.9", "tcp@localhost:6379", "HTTP/1.1 403 " },
        { "203.0.113.9", "tcp@169.254.169.254:80", "HTTP/1.1 403 " },
        { "203.0.113.9", "tcp@[fe80::1]:80", "HTTP/1.1 403 " },
        { "203.0.113.9", "http@203.0.113.9:80", "HTTP/1.1 403 " },
        { "203.0.113.9", "http@127.0.0.1:80/a", "HTTP/1.1 403 " },
        { "203.0.113.9", "quic@127.0.0.1:80", "HTTP/1.1 403 " }, /* a scheme that we do not know */
        { "203.0.113.9", "quic@203.0.113.9:80", "HTTP/1.1 200 " },
        { "203.0.113.9", "tcp@203.0.113.9:1", "HTTP/1.1 200 " },
        { "127.0.0.1", "unix@/run/x", "HTTP/1.1 200 " },
        { "127.0.0.1", "tcp@127.0.0.1:6379", "HTTP/1.1 200 " },
        { "127.0.0.1", "http@127.0.0.1:80", "HTTP/1.1 200 " },
    };
    gee_pool_t *pool = gee_pool_create(4096);
    fixture_t *fixture = new_fixture(pool);
    gee_network_t everybody = { .prefix = 0 };
    conf->networks = &everybody;
    conf->allow.count = 1;
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        char request[200];
        int peer = connect_from(fixture, cases[i].peer);
        snprintf(request, sizeof(request), "POST /r HTTP/1.1\r\nHost: localhost\r\nX-Geerpc-Server: %s\r\n\r\n",
                 cases[i].address);
        peer_says(fixture, peer, request);
        carry(fixture, 0);
        expect_answer(fixture, peer, cases[i].answer);
        close(peer);
        pump(fixture);
    }
    free_fixture(fixture, fixture_connect(fixture));
    gee_pool_destroy(&pool);
}

/* ---- the helper ---- */

static void test_messages_that_are_none(void **state GEE_UNUSED) {
    gee_pool_t *pool = gee_pool_create(4096);
    fixture_t *fixture = new_fixture(pool);
    gee_double_copy_t copy = { 0 };
    const registry_message_t good = { .request = 1,
                                      .verb = REGISTRY_PUT,
                                      .ttl_ns = GEE_SECOND,
                                      .address_length = 3,
                                      .service_length = 1,
                                      .texts = "a@bS" };
    const size_t whole = offsetof(registry_message_t, texts) + 4;
    static uint8_t long_one[4000];
    uint64_t version = published(&copy)->version;
    registry_message_t bad[8];
    for (size_t i = 0; i < GEE_LENGTH(bad); i++)
        bad[i] = good;
    bad[0].verb = 3;
    bad[1].address_length = 65535;
    bad[2].service_length = 2;
    bad[3].texts[1] = '\n';
    bad[4].texts[3] = ',';
    bad[5].ttl_ns = INT64_MAX;
    bad[6].ttl_ns = -1;
    bad[7].weight = 65536;
    for (size_t i = 0; i < GEE_LENGTH(bad); i++)
        module->helper_message(conf, fixture->engine, 0, &bad[i], whole);
    for (size_t length = 0; length < whole; length++)
        module->helper_message(conf, fixture->engine, 0, &good, length);
    module->helper_message(conf, fixture->engine, 0, &good, whole + 1);
    module->helper_message(conf, fixture->engine, 0, long_one, sizeof(long_one));
    pump(fixture);
    assert_int_equal(published(&copy)->version, version);
    assert_int_equal(published(&copy)->count, 0);
    module->helper_message(conf, fixture->engine, 0, &good, whole);
    pump(fixture);
    assert_int_equal(published(&copy)->count, 1);
    gee_double_copy_free(&copy);
    free_fixture(fixture, fixture_connect(fixture));
    gee_pool_destroy(&pool);
}

/* The next helper begins with what the one before has published, and the time between them does not count. */
static void test_the_next_helper(void **state GEE_UNUSED) {
    gee_pool_t *pool = gee_pool_create(4096);
    fixture_t *fixture = new_fixture(pool);
    gee_double_copy_t copy = { 0 };
    gee_error_t error = { 0 };
    int peer = fixture_connect(fixture);
    post(fixture, peer);
    carry(fixture, 0);
    uint64_t version = published(&copy)->version;
    int64_t expires_ns = registry_first(published(&copy))->expires_ns;
    module->helper_stop(conf, fixture->engine);
    atomic_fetch_sub(&conf->zone->tended_ns, 7 * GEE_SECOND); /* as long ago */
    assert_int_equal(module->helper_start(conf, fixture->engine, &error), 0);
    assert_int_equal(published(&copy)->version, version);
    assert_int_equal(published(&copy)->count, 1);
    int64_t more_ns = registry_first(published(&copy))->expires_ns - expires_ns;
    assert_in_range(more_ns, 7 * GEE_SECOND, 12 * GEE_SECOND);
    gee_double_copy_free(&copy);
    free_fixture(fixture, peer);
    gee_pool_destroy(&pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answered_when_applied),
        cmocka_unit_test(test_what_a_dying_helper_loses_is_sent_again),
        cmocka_unit_test(test_what_could_not_be_sent_is_sent_later),
        cmocka_unit_test(test_results_that_were_overtaken),
        cmocka_unit_test(test_who_is_gone_is_forgotten),
        cmocka_unit_test(test_what_only_this_machine_may_register),
        cmocka_unit_test(test_messages_that_are_none),
        cmocka_unit_test(test_the_next_helper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
