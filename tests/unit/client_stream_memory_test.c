/* client_stream_memory_test.c: in steady state no message of a stream allocates, at the client and at the server: this
 * program's own malloc counts. A sanitizer has a malloc of its own: there, only that all goes well is seen. */
#include "client_support.h"

static atomic_ulong allocations;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_calloc(count, size);
}
void *realloc(void *memory, size_t size) {
    atomic_fetch_add(&allocations, 1);
    return __libc_realloc(memory, size);
}
#endif

#define MESSAGES 3000
#define WARM     1000

static server_t *server;
static gee_client_t *client;

static void expect_none_since(unsigned long before) {
    unsigned long now = atomic_load(&allocations);
    if (now != before)
        fail_msg("%lu allocations for %d messages", now - before, MESSAGES - WARM);
}

static gee_client_stream_t *open_stream(const char *method, bool typed) {
    const gee_client_stream_options_t options = { .size = sizeof(options), .typed = typed };
    gee_error_t error;
    gee_client_stream_t *stream = gee_client_stream_open(client, method, &options, &error);
    assert_non_null(stream);
    return stream;
}

static void typed_there_and_back(void **state GEE_UNUSED) {
    gee_client_stream_t *stream = open_stream("Test.Parrot", true);
    pair_t pair = { 1, 2 };
    everything_t message = { .pairs = { .items = &pair, .count = 1 } }, heard;
    gee_error_t error;
    unsigned long before = 0;
    for (int i = 0; i < MESSAGES; i++) {
        if (i == WARM)
            before = atomic_load(&allocations);
        if (gee_client_stream_send_typed(stream, GEE_ARGUMENT(everything_t, &message), -1, &error) != GEE_STREAM_DONE ||
            gee_client_stream_receive_typed(stream, GEE_REPLY(everything_t, &heard), -1, &error) != GEE_STREAM_DONE)
            fail_msg("%s", error.text);
    }
    expect_none_since(before);
    gee_client_stream_release(&stream);
}

static void json_there_and_back(void **state GEE_UNUSED) {
    gee_client_stream_t *stream = open_stream("Test.Parrot", false);
    const char *heard;
    gee_error_t error;
    unsigned long before = 0;
    for (int i = 0; i < MESSAGES; i++) {
        if (i == WARM)
            before = atomic_load(&allocations);
        if (gee_client_stream_send(stream, "{\"Pairs\":[{\"A\":1,\"B\":2}]}", -1, &error) != GEE_STREAM_DONE ||
            gee_client_stream_receive(stream, &heard, -1, &error) != GEE_STREAM_DONE)
            fail_msg("%s", error.text);
    }
    expect_none_since(before);
    gee_client_stream_release(&stream);
}

static int begin(void **state GEE_UNUSED) {
    server = server_start("tcp@127.0.0.1:0", true);
    client = dial(server->address, "bin");
    return 0;
}

static int end(void **state GEE_UNUSED) {
    gee_client_close(&client);
    server_stop(&server);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(typed_there_and_back), cmocka_unit_test(json_there_and_back) };
    return cmocka_run_group_tests(tests, begin, end);
}
