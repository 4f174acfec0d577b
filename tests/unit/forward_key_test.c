/* forward_key_test.c: by what calls are sent to one server of several: the same key gives the same number whichever
 * wire the call came by, and a call that has none goes by its client. */
#include "rpc_fixture.h"
#include "core/rpc/call_private.h"

typedef struct {
    gee_str_t name;
    uint64_t id;
} user_t;
GEE_STRUCT(user_t, "User", GEE_STRING(user_t, name, "Name", 1), GEE_UINT64(user_t, id, "Id", 2));
typedef struct {
    user_t user;
    double share;
    bool urgent;
} order_t;
GEE_STRUCT(order_t, "Order", GEE_NESTED(order_t, user, "User", 1, user_t), GEE_DOUBLE(order_t, share, "Share", 2),
           GEE_BOOL(order_t, urgent, "Urgent", 3));

static const order_t order = { .user = { GEE_STR("Ann"), 7 }, .share = 2, .urgent = true };

static gee_forward_key_t parse(const char *text) {
    gee_forward_key_t key;
    gee_error_t error = { 0 };
    if (gee_forward_key_parse(text, &key, &error) != 0)
        fail_msg("%s", error.text);
    return key;
}

static void keys_are_named_in_four_ways(void **state GEE_UNUSED) {
    static const char *const wrong[] = {
        "", "Client", "client.name", "metadata", "metadata.", "args", "args.", "user"
    };
    gee_forward_key_t key;
    gee_error_t error;
    assert_int_equal(parse(NULL).source, GEE_KEY_CLIENT);
    assert_int_equal(parse("client").source, GEE_KEY_CLIENT);
    assert_int_equal(parse("method").source, GEE_KEY_METHOD);
    assert_int_equal(parse("metadata.user").source, GEE_KEY_METADATA);
    assert_true(gee_str_equal(parse("metadata.user").name, GEE_STR("user")));
    assert_int_equal(parse("args.User.Id").source, GEE_KEY_ARGUMENT);
    assert_true(gee_str_equal(parse("args.User.Id").name, GEE_STR("User.Id")));
    for (size_t i = 0; i < GEE_LENGTH(wrong); i++) {
        assert_int_equal(gee_forward_key_parse(wrong[i], &key, &error), -1);
        assert_non_null(strstr(error.text, "there is client, method, metadata.NAME and args.FIELD"));
    }
}

/* The number of a call with those arguments in that codec, from that address. */
static uint64_t number_of(fixture_t *fixture, const char *text, const char *codec_name, const char *address,
                          const gee_type_t *type) {
    gee_error_t error = { 0 };
    const gee_codec_t *codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(codec_name));
    __typeof__(*((gee_metadata_t *)0)->items) pairs[] = { { GEE_STR("user"), GEE_STR("Ann") },
                                                          { GEE_STR("empty"), GEE_STR("") } };
    gee_forward_key_t key = parse(text);
    gee_call_t *call = gee_call_create(fixture->engine);
    gee_chain_t chain;
    uint8_t bytes[4096];
    void *sending, *receiving;
    call->method_name = GEE_STR("Test.Order");
    call->metadata = (gee_metadata_t){ .items = pairs, .count = 2 };
    call->peer = gee_peer_record_create(address);
    call->peer_held = true;
    gee_chain_init(&chain, fixture->engine->buffers);
    assert_int_equal(gee_codec_state_create(fixture->engine, codec, &sending, &error), 0);
    assert_int_equal(gee_codec_state_create(fixture->engine, codec, &receiving, &error), 0);
    assert_int_equal(codec->encode(sending, GEE_TYPE_OF(order_t), &order, &chain, &error), 0);
    gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES, .codec = codec, .codec_state = receiving, .bytes = bytes };
    payload.length = gee_chain_copy(&chain, bytes, sizeof(bytes));
    if (codec->measure != NULL) { /* with which gob takes in the types */
        gee_measure_t measure = { 0 };
        bytes[payload.length] = '\n';
        assert_int_equal(
            codec->measure(receiving, &measure, bytes, payload.length + 1, &fixture->engine->codec_limits, &error),
            GEE_MEASURE_DONE);
        payload.length = measure.length;
    }
    uint64_t number = gee_forward_key_of(&key, call, &payload, type, call->pool);
    gee_chain_clear(&chain);
    gee_codec_state_destroy(codec, &sending);
    gee_codec_state_destroy(codec, &receiving);
    gee_call_release(call);
    return number;
}

#define CLIENT "tcp@10.0.0.1:40312"

static void the_wire_does_not_matter(void **state GEE_UNUSED) {
    static const char *const keys[] = { "args.User.Name", "args.User.Id",  "args.Share",
                                        "args.Urgent",    "metadata.user", "method" };
    fixture_t *fixture = fixture_create(NULL, NULL);
    uint64_t client = number_of(fixture, "client", "json", CLIENT, NULL);
    for (size_t i = 0; i < GEE_LENGTH(keys); i++) {
        uint64_t number = number_of(fixture, keys[i], "json", CLIENT, NULL);
        assert_int_not_equal(number, client);
        assert_int_equal(number_of(fixture, keys[i], "gob", CLIENT, NULL), number);
        assert_int_equal(number_of(fixture, keys[i], "bin", CLIENT, GEE_TYPE_OF(order_t)), number);
        assert_int_equal(number_of(fixture, keys[i], "json", "unix@", NULL), number);
    }
    /* Metadata "Ann" and an argument "Ann" are one key: who moves it there keeps the servers. */
    assert_int_equal(number_of(fixture, "metadata.user", "json", CLIENT, NULL),
                     number_of(fixture, "args.User.Name", "json", CLIENT, NULL));
    fixture_destroy(fixture);
}

static void a_client_is_its_address_without_the_port(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    uint64_t client = number_of(fixture, "client", "json", CLIENT, NULL);
    assert_int_equal(number_of(fixture, "client", "json", "tcp@10.0.0.1:1", NULL), client);
    assert_int_not_equal(number_of(fixture, "client", "json", "tcp@10.0.0.2:40312", NULL), client);
    assert_int_equal(number_of(fixture, "client", "json", "tcp@[::1]:1", NULL),
                     number_of(fixture, "client", "json", "tcp@[::1]:2", NULL));
    assert_int_not_equal(number_of(fixture, "client", "json", "tcp@[::1]:1", NULL),
                         number_of(fixture, "client", "json", "tcp@[::2]:1", NULL));
    assert_int_not_equal(number_of(fixture, "client", "json", "unix@/a:1", NULL),
                         number_of(fixture, "client", "json", "unix@/a:2", NULL));
    fixture_destroy(fixture);
}

static void without_its_key_a_call_goes_by_its_client(void **state GEE_UNUSED) {
    static const char *const absent[] = { "metadata.nobody", "metadata.empty",   "args.Nobody",
                                          "args.User",       "args.User.Name.X", "args.User.Nobody" };
    fixture_t *fixture = fixture_create(NULL, NULL);
    uint64_t client = number_of(fixture, "client", "json", CLIENT, NULL);
    for (size_t i = 0; i < GEE_LENGTH(absent); i++) {
        assert_int_equal(number_of(fixture, absent[i], "json", CLIENT, NULL), client);
        assert_int_equal(number_of(fixture, absent[i], "bin", CLIENT, GEE_TYPE_OF(order_t)), client);
    }
    assert_int_equal(number_of(fixture, "args.User.Name", "bin", CLIENT, NULL), client); /* nobody knows its types */
    fixture_destroy(fixture);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_named_in_four_ways),
        cmocka_unit_test(the_wire_does_not_matter),
        cmocka_unit_test(a_client_is_its_address_without_the_port),
        cmocka_unit_test(without_its_key_a_call_goes_by_its_client),
    };
    return cmocka_run_group_tests_name("forward_key", tests, NULL, NULL);
}
