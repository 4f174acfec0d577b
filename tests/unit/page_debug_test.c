/* page_debug_test.c: what /debug/geerpc makes of the counters and of the board of upstreams: sums over processes, late
 * handlers, names that are no HTML. */
#include "rpc_fixture.h"
#include "modules/page_debug/board.h"

#include <cjson/cJSON.h>
#include "core/rpc/door.h"

static gee_counters_t *counters;
static board_t board;
static void *confs[64];
static size_t page_index;

static void *lend(const gee_prepare_t *prepare GEE_UNUSED, const char *name, size_t size, uint32_t version,
                  gee_error_t *error GEE_UNUSED) {
    if (strcmp(name, BOARD_NAME) == 0) {
        assert_int_equal(version, BOARD_VERSION);
        board.memory = calloc(1, size);
        return board.memory;
    }
    assert_string_equal(name, GEE_COUNTERS_NAME);
    assert_int_equal(version, GEE_COUNTERS_VERSION);
    return counters = calloc(1, size);
}

/* A fixture whose engine has the page's settings; the counters are empty. */
static fixture_t *new_fixture(void) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_prepare_t prepare = { .workers = 2, .upstreams = 1, .upstream_servers = 2, .shared = lend };
    board_measure(&board, &prepare);
    gee_error_t error = { 0 };
    for (page_index = 0; strcmp(gee_modules[page_index].module->name, "page_debug") != 0; page_index++)
        assert_non_null(gee_modules[page_index + 1].module);
    const gee_module_t *module = gee_modules[page_index].module;
    confs[page_index] = calloc(1, module->conf_size);
    assert_int_equal(module->prepare(confs[page_index], &prepare, &error), 0);
    fixture->engine->module_conf = confs;
    return fixture;
}

static void free_fixture(fixture_t *fixture, int peer) {
    finish(fixture, peer);
    free(confs[page_index]);
    free(counters);
    free(board.memory);
}

static int fetch(fixture_t *fixture, const char *accept) {
    static const gee_door_options_t door = { .pages = true };
    char request[300];
    int peer = fixture_connect_to(fixture, &door);
    snprintf(request, sizeof(request), "GET /debug/geerpc HTTP/1.1\r\nHost: localhost\r\nAccept: %s\r\n\r\n", accept);
    peer_says(fixture, peer, request);
    if (strncmp(fixture->got, "HTTP/1.1 200 OK\r\n", 17) != 0)
        fail_msg("%.200s", fixture->got);
    return peer;
}

static cJSON *json_of(const fixture_t *fixture) {
    cJSON *json = cJSON_Parse(strstr(fixture->got, "\r\n\r\n"));
    assert_non_null(json);
    return json;
}

static double number(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    if (!cJSON_IsNumber(item))
        fail_msg("no number %s", name);
    return item->valuedouble;
}

static const cJSON *named(const cJSON *list, const char *member, const char *name) {
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (strcmp(cJSON_GetObjectItemCaseSensitive(item, member)->valuestring, name) == 0)
            return item;
    }
    fail_msg("no %s", name);
    return NULL;
}

static const cJSON *method_of(const cJSON *json, const char *service, const char *method) {
    const cJSON *found = named(cJSON_GetObjectItemCaseSensitive(json, "services"), "name", service);
    return named(cJSON_GetObjectItemCaseSensitive(found, "methods"), "name", method);
}

static gee_counters_slot_t *slot_of(pid_t process) {
    gee_counters_slot_t *slot = gee_counters_claim(counters, gee_counters_size(2), process);
    assert_non_null(slot);
    return slot;
}

static void test_sums_over_processes(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture();
    gee_counters_slot_t *mine = slot_of(getpid()), *others = slot_of(getppid()), *dead = slot_of(0x7ffffff0);
    gee_counters_row_t *row = gee_counters_row(mine, GEE_STR("Test.Multiply"));
    for (int i = 0; i < 98; i++) {
        gee_counters_begin(row);
        gee_counters_end(row, false, 5000);
        gee_counters_release(row);
    }
    gee_counters_begin(row); /* in flight */
    row = gee_counters_row(others, GEE_STR("Test.Multiply"));
    gee_counters_begin(row); /* timed out; its handler runs on */
    gee_counters_end(row, true, 3000000);
    gee_counters_begin(row);
    gee_counters_end(row, true, 3000000);
    gee_counters_release(row);
    row = gee_counters_row(dead, GEE_STR("Test.Multiply"));
    gee_counters_begin(row); /* went down with its process */
    int peer = fetch(fixture, "application/json");
    cJSON *json = json_of(fixture);
    const cJSON *multiply = method_of(json, "Test", "Multiply");
    assert_true(number(multiply, "calls") == 102);
    assert_true(number(multiply, "errors") == 2);
    assert_true(number(multiply, "in_flight") == 2);
    assert_true(number(multiply, "late") == 1);
    assert_true(number(multiply, "p50_us") == 5);
    assert_true(number(multiply, "p99_us") >= 3000);
    assert_true(number(multiply, "p99_us") <= 3000 * 9.0 / 8);
    assert_true(number(json, "late") == 1);
    assert_true(number(json, "calls") == 102);
    const cJSON *workers = cJSON_GetObjectItemCaseSensitive(json, "workers");
    assert_int_equal(cJSON_GetArraySize(workers), 2);
    assert_true(number(cJSON_GetArrayItem(workers, 0), "process") == (double)getpid());
    assert_true(number(cJSON_GetArrayItem(workers, 0), "calls") == 99);
    assert_true(number(cJSON_GetArrayItem(workers, 1), "late") == 1);
    assert_true(number(method_of(json, "Test", "Echo"), "calls") == 0);
    cJSON_Delete(json);
    free_fixture(fixture, peer);
}

static void test_a_handler_that_ends_is_late_no_more(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture();
    gee_counters_row_t *row = gee_counters_row(slot_of(getpid()), GEE_STR("Test.Block"));
    gee_counters_begin(row);
    gee_counters_end(row, true, 1000);
    gee_counters_release(row);
    int peer = fetch(fixture, "application/json");
    cJSON *json = json_of(fixture);
    assert_true(number(method_of(json, "Test", "Block"), "late") == 0);
    assert_true(number(method_of(json, "Test", "Block"), "in_flight") == 0);
    cJSON_Delete(json);
    free_fixture(fixture, peer);
}

static void test_names_that_are_no_html(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture();
    gee_counters_slot_t *slot = slot_of(getpid());
    gee_counters_begin(gee_counters_row(slot, GEE_STR("<script>&\"'\xff\x01")));
    int peer = fetch(fixture, "text/html");
    assert_null(strstr(fixture->got, "<script>"));
    assert_non_null(strstr(fixture->got, "&lt;script&gt;&amp;&quot;&#39;\xef\xbf\xbd\xef\xbf\xbd</td>"));
    free_fixture(fixture, peer);
}

static void test_when_nothing_is_counted(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture();
    int peer = fetch(fixture, "text/html");
    assert_non_null(strstr(fixture->got, "not counted"));
    assert_non_null(strstr(fixture->got, "Multiply"));
    close(peer);
    peer = fetch(fixture, "application/json");
    cJSON *json = json_of(fixture);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json, "counted")));
    cJSON_Delete(json);
    free_fixture(fixture, peer);
}

static void test_types_are_told(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture();
    int peer = fetch(fixture, "application/json");
    cJSON *json = json_of(fixture);
    const cJSON *multiply = method_of(json, "Test", "Multiply"), *describe = method_of(json, "Gee", "Describe");
    assert_string_equal(cJSON_GetObjectItem(multiply, "argument")->valuestring, "Pair{A int64, B int64}");
    assert_string_equal(cJSON_GetObjectItem(multiply, "reply")->valuestring, "int64");
    assert_non_null(strstr(cJSON_GetObjectItem(describe, "reply")->valuestring, "Types []TypeDescription"));
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(method_of(json, "Test", "Block"), "blocking")));
    cJSON_Delete(json);
    free_fixture(fixture, peer);
}

/* ---- upstreams ---- */

/* An upstream whose servers are never dialled. */
static gee_upstream_t *new_upstream(fixture_t *fixture) {
    static const gee_server_t servers[] = { { "tcp@10.0.0.1:9999", 5 }, { "tcp@10.0.0.2:9999", 1 } };
    gee_error_t error = { 0 };
    gee_upstream_options_t options = {
        .name = "<foo>",
        .balancer = gee_module_find(gee_modules, GEE_MODULE_BALANCER, GEE_STR("roundrobin")),
        .settings = { .protocol = gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, GEE_STR("jsonrpc")) }
    };
    gee_upstream_t *upstream = gee_upstream_create(fixture->engine, &options, &error);
    assert_non_null(upstream);
    assert_int_equal(gee_upstream_set_servers(upstream, servers, GEE_LENGTH(servers), &error), 0);
    return upstream;
}

/* Another worker's report of the first server, and of a server that only that worker knows. */
static void write_other(board_slot_t *slot) {
    board_writer_t writer;
    board_begin(&writer, &board, slot);
    board_put_upstream(&writer, "<foo>", "roundrobin", 3);
    board_put_backend(&writer, "tcp@10.0.0.1:9999",
                      &(board_backend_t){ .weight = 5,
                                          .state = GEE_BACKEND_DOWN,
                                          .connections = 1,
                                          .in_flight = 4,
                                          .calls = 100,
                                          .failures = 7,
                                          .latency_us = 250 });
    board_put_backend(&writer, "tcp@10.0.0.3:9999", &(board_backend_t){ .weight = 1, .state = GEE_BACKEND_UP });
    board_publish(&writer);
}

static void check_upstreams(const cJSON *json, bool with_other) {
    const cJSON *foo = named(cJSON_GetObjectItemCaseSensitive(json, "upstreams"), "name", "<foo>");
    const cJSON *peers = cJSON_GetObjectItemCaseSensitive(foo, "peers");
    const cJSON *first = named(peers, "address", "tcp@10.0.0.1:9999");
    assert_string_equal(cJSON_GetObjectItem(foo, "balance")->valuestring, "roundrobin");
    assert_true(number(foo, "waiting") == (with_other ? 3 : 0));
    assert_int_equal(cJSON_GetArraySize(peers), with_other ? 3 : 2);
    assert_true(number(first, "weight") == 5);
    assert_string_equal(cJSON_GetObjectItem(first, "state")->valuestring, with_other ? "down" : "idle");
    assert_true(number(first, "in_flight") == (with_other ? 4 : 0));
    assert_true(number(first, "calls") == (with_other ? 100 : 0));
    assert_true(number(first, "failures") == (with_other ? 7 : 0));
    assert_true(number(first, "latency_us") == (with_other ? 250 : 0));
    assert_string_equal(cJSON_GetObjectItem(named(peers, "address", "tcp@10.0.0.2:9999"), "state")->valuestring,
                        "idle");
}

static void fetch_upstreams(fixture_t *fixture, bool with_other) {
    int peer = fetch(fixture, "application/json");
    cJSON *json = json_of(fixture);
    check_upstreams(json, with_other);
    cJSON_Delete(json);
    close(peer);
}

static void test_upstreams_are_summed_over_workers(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture();
    const gee_module_t *module = gee_modules[page_index].module;
    gee_upstream_t *upstream = new_upstream(fixture);
    gee_error_t error = { 0 };
    gee_gateway_t gateway = { .upstreams = &upstream, .count = 1 };
    fixture->engine->gateway = &gateway;
    assert_int_equal(module->worker_start(confs[page_index], fixture->engine, &error), 0);
    board_slot_t *other = board_claim(&board, getppid());
    board_slot_t *dead = board_claim(&board, 0x7ffffff0);
    assert_non_null(other);
    write_other(dead);
    fetch_upstreams(fixture, false); /* the other has written nothing yet, the dead do not count */
    write_other(other);
    fetch_upstreams(fixture, true);
    board_writer_t writer;
    board_begin(&writer, &board, other);
    memset(writer.bytes, 'x', board.capacity); /* it is in the middle of writing */
    fetch_upstreams(fixture, true);
    write_other(other);
    int peer = fetch(fixture, "text/html");
    assert_non_null(strstr(fixture->got, "Upstream &lt;foo&gt;"));
    assert_non_null(strstr(fixture->got, "<td>tcp@10.0.0.1:9999</td><td>down</td>"));
    module->worker_stop(confs[page_index], fixture->engine);
    gee_upstream_destroy(&upstream);
    free_fixture(fixture, peer);
}

/* Servers that do not fit are counted, also those of an upstream that does not fit. */
static void test_servers_without_room_are_counted(void **state GEE_UNUSED) {
    fixture_t *fixture = new_fixture();
    board_slot_t *other = board_claim(&board, getppid());
    board_writer_t writer;
    char long_name[5000];
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    board_begin(&writer, &board, other);
    board_put_upstream(&writer, "a", "least", 0);
    for (size_t i = 0; i < 1000; i++)
        board_put_backend(&writer, "tcp@10.0.0.1:9999", &(board_backend_t){ .weight = 1 });
    board_put_upstream(&writer, long_name, "least", 0);
    board_put_backend(&writer, "tcp@10.0.0.1:9999", &(board_backend_t){ .weight = 1 });
    board_publish(&writer);
    int peer = fetch(fixture, "application/json");
    cJSON *json = json_of(fixture);
    const cJSON *upstreams = cJSON_GetObjectItemCaseSensitive(json, "upstreams");
    int shown = cJSON_GetArraySize(cJSON_GetObjectItem(named(upstreams, "name", "a"), "peers"));
    assert_true(shown > 20 && shown < 1000);
    assert_true(number(json, "left_out") == 1001 - shown);
    cJSON_Delete(json);
    close(peer);
    peer = fetch(fixture, "text/html");
    assert_non_null(strstr(fixture->got, " further servers of upstreams are not shown."));
    free_fixture(fixture, peer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_over_processes),
        cmocka_unit_test(test_a_handler_that_ends_is_late_no_more),
        cmocka_unit_test(test_names_that_are_no_html),
        cmocka_unit_test(test_when_nothing_is_counted),
        cmocka_unit_test(test_types_are_told),
        cmocka_unit_test(test_upstreams_are_summed_over_workers),
        cmocka_unit_test(test_servers_without_room_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
