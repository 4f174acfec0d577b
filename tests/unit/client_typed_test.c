/* client_typed_test.c: C structures as arguments and replies: with every codec, and whose memory they are. */
#include "client_support.h"

static const char *const codecs[] = { "json", "bin", "gob" };

/* A value of every kind. What it points to is static. */
static everything_t sample(void) {
    static pair_t pairs[] = { { 1, -2 }, { INT64_MAX, INT64_MIN } };
    static __typeof__(*((everything_t *)0)->numbers.items) numbers[] = { { { "half", 4 }, 0.5 } };
    static text_t text = { { "a\0\xc3\xa9", 4 } };
    return (everything_t){ .yes = true,
                           .bytes = { (const uint8_t *)"\0\xff", 2 },
                           .pairs = { pairs, 2 },
                           .numbers = { numbers, 1 },
                           .text = &text };
}

static void expect_sample(const void *value) {
    everything_t wanted = sample();
    assert_non_null(value);
    assert_true(gee_type_equal(GEE_TYPE_OF(everything_t), value, &wanted));
}

static int call_echo(gee_client_t *client, everything_t *reply, gee_pool_t *pool, gee_error_t *error) {
    everything_t arguments = sample();
    gee_call_options_t options = { .size = sizeof(options), .pool = pool };
    return gee_client_call_typed(client, "Test.Echo", GEE_ARGUMENT(everything_t, &arguments),
                                 GEE_REPLY(everything_t, reply), &options, error);
}

static void test_every_kind_there_and_back(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        gee_pool_t *pool = gee_pool_create(1024);
        gee_error_t error;
        everything_t first, second;
        pair_t length = { 1 << 20, 0 };
        if (call_echo(client, &first, pool, &error) != 0 || call_echo(client, &second, pool, &error) != 0)
            fail_msg("%s: %s", codecs[i], error.text);
        /* They live as long as the pool, whatever comes over the connection and whatever becomes of it. */
        assert_int_equal(
            gee_client_call_typed(client, "Test.Long", GEE_ARGUMENT(pair_t, &length), NULL, NULL, NULL, &error), 0);
        expect_sample(&first);
        gee_client_close(&client);
        expect_sample(&first);
        expect_sample(&second);
        gee_pool_destroy(&pool);
    }
    server_stop(&server);
}

static void test_a_reply_that_needs_a_pool(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        gee_error_t error;
        everything_t reply = { .yes = false };
        unsigned before = atomic_load(&calls_seen);
        assert_int_equal(call_echo(client, &reply, NULL, &error), -1);
        assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
        assert_int_equal(error.phase, GEE_PHASE_NONE);
        assert_non_null(strstr(error.text, "pool"));
        assert_int_equal(atomic_load(&calls_seen), before); /* nothing was sent */
        gee_client_close(&client);
    }
    server_stop(&server);
}

/* Arguments are copied, with all that they point to; the reply is the pending's. */
static void test_a_pending_owns_what_it_needs(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        everything_t arguments = sample();
        size_t size = arguments.pairs.count * sizeof(pair_t);
        pair_t *pairs = malloc(size);
        assert_non_null(pairs);
        memcpy(pairs, arguments.pairs.items, size);
        arguments.pairs.items = pairs;
        gee_error_t error;
        gee_pending_t *pending = gee_client_go_typed(client, "Test.Echo", GEE_ARGUMENT(everything_t, &arguments),
                                                     GEE_TYPE_OF(everything_t), NULL, NULL, NULL, &error);
        memset(pairs, 0x5a, size);
        free(pairs);
        memset(&arguments, 0x5a, sizeof(arguments));
        if (pending == NULL)
            fail_msg("%s: %s", codecs[i], error.text);
        assert_true(gee_pending_wait(pending, PATIENCE));
        gee_client_close(&client);
        expect_sample(gee_pending_reply(pending));
        assert_null(gee_pending_json(pending));
        gee_pending_release(&pending);
    }
    server_stop(&server);
}

static void test_a_reply_that_nobody_looks_at(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        everything_t arguments = sample();
        gee_error_t error;
        if (gee_client_call_typed(client, "Test.Echo", GEE_ARGUMENT(everything_t, &arguments), NULL, NULL, NULL,
                                  &error) != 0)
            fail_msg("%s: %s", codecs[i], error.text);
        gee_pending_t *pending = gee_client_go_typed(client, "Test.Echo", GEE_ARGUMENT(everything_t, &arguments), NULL,
                                                     NULL, NULL, NULL, &error);
        assert_true(gee_pending_wait(pending, PATIENCE));
        assert_null(gee_pending_error(pending));
        assert_null(gee_pending_reply(pending));
        gee_pending_release(&pending);
        gee_client_close(&client);
    }
    server_stop(&server);
}

/* Such a reply fails its call, leaves the reply's memory alone, and the connection goes on. */
static void test_a_reply_of_another_type(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    for (size_t i = 0; i < GEE_LENGTH(codecs); i++) {
        gee_client_t *client = dial(server->address, codecs[i]);
        gee_error_t error = { 0 };
        pair_t pair = { 3, 4 };
        int64_t number = -7;
        assert_int_equal(gee_client_call_typed(client, "Test.Long", GEE_ARGUMENT(pair_t, &pair),
                                               GEE_REPLY(int64_t, &number), NULL, &error),
                         -1); /* "xxx" */
        expect_place(&error, server->address, GEE_PHASE_WAIT);
        assert_non_null(strstr(error.text, "reply: "));
        assert_int_equal(number, -7);
        assert_int_equal(gee_client_call_typed(client, "Test.Add", GEE_ARGUMENT(pair_t, &pair),
                                               GEE_REPLY(int64_t, &number), NULL, &error),
                         0);
        assert_int_equal(number, 7);
        gee_client_close(&client);
    }
    server_stop(&server);
}

/* A program that was compiled when the options had fewer members passes what it knows. */
static void test_options_of_an_older_program(void **state GEE_UNUSED) {
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_dial_options_t dialling = { .size = offsetof(gee_dial_options_t, protocol), .codec = "bin" };
    gee_call_options_t calling = { .size = offsetof(gee_call_options_t, metadata), .timeout_ns = 5 * GEE_SECOND };
    dialling.protocol = "beyond the size, so not looked at";
    calling.metadata_count = 1000;
    gee_error_t error;
    gee_client_t *client = gee_dial(server->address, &dialling, &error);
    if (client == NULL)
        fail_msg("%s", error.text);
    gee_empty_t nothing = { 0 };
    int64_t left = 0;
    if (gee_client_call_typed(client, "Test.Left", GEE_ARGUMENT(gee_empty_t, &nothing), GEE_REPLY(int64_t, &left),
                              &calling, &error) != 0)
        fail_msg("%s", error.text);
    assert_in_range(left, 1, 5 * GEE_SECOND);
    gee_client_close(&client);
    server_stop(&server);
}

/* A description with a mistake in it is refused before anything is sent. */
static void test_a_description_that_is_not_sound(void **state GEE_UNUSED) {
    static const gee_field_t fields[] = { GEE_INT64(pair_t, a, "A", 1), GEE_INT64(pair_t, b, "B", 1) };
    static const gee_field_t names[] = { GEE_INT64(pair_t, a, "A", 1), GEE_INT64(pair_t, b, "A", 2) };
    static const gee_type_t same_tag = { .kind = GEE_KIND_STRUCT,
                                         .name = "Pair",
                                         .size = sizeof(pair_t),
                                         .lasting = true,
                                         .fields = fields,
                                         .field_count = 2 };
    static const gee_type_t same_name = { .kind = GEE_KIND_STRUCT,
                                          .name = "Pair",
                                          .size = sizeof(pair_t),
                                          .lasting = true,
                                          .fields = names,
                                          .field_count = 2 };
    server_t *server = server_start("tcp@127.0.0.1:0", true);
    gee_client_t *client = dial(server->address, "bin");
    pair_t pair = { 1, 2 };
    gee_error_t error = { 0 };
    for (int i = 0; i < 2; i++) { /* nor is it remembered as sound */
        assert_int_equal(gee_client_call_typed(client, "Test.Echo", &same_tag, &pair, NULL, NULL, NULL, &error), -1);
        assert_int_equal(error.code, GEE_INVALID_ARGUMENT);
        assert_string_equal(error.text,
                            "arguments: the description of type Pair cannot be used: two fields of a struct "
                            "have the same tag");
        assert_int_equal(gee_client_call_typed(client, "Test.Echo", NULL, NULL, &same_name, &pair, NULL, &error), -1);
        assert_string_equal(error.text,
                            "reply: the description of type Pair cannot be used: two fields of a struct have "
                            "the same name");
    }
    assert_null(gee_client_go_typed(client, "Test.Echo", &same_tag, &pair, NULL, NULL, NULL, NULL, &error));
    assert_int_equal(error.phase, GEE_PHASE_NONE);
    gee_client_close(&client);
    server_stop(&server);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, before_each, after_each)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_a_description_that_is_not_sound), TEST(test_every_kind_there_and_back),
        TEST(test_a_reply_that_needs_a_pool),       TEST(test_a_pending_owns_what_it_needs),
        TEST(test_a_reply_that_nobody_looks_at),    TEST(test_a_reply_of_another_type),
        TEST(test_options_of_an_older_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
