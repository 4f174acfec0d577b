/* handover_seal_test.c: sealed conversations go on in another engine, wherever they are cut; whom the other does not
 * admit it does not take; and when one has gone, its keys are nowhere in the process that it has left. */
#include "handover_fixture.h"
#include "seal_fixture.h"

#include "support/secrets.h"
#include "core/rpc/session_private.h"

#define REKEY_AFTER 1024u

/* ---- listeners ---- */

static gee_seal_setup_t *here, *there, *strangers;
/* A layer that no peer of these tests begins with stands before the seal in each list. */
static gee_claim_t claims_nothing(const uint8_t *bytes GEE_UNUSED, size_t length GEE_UNUSED) {
    return GEE_CLAIM_NO;
}
static const gee_layer_t other_layer = { .name = "other", .claims = claims_nothing };
static gee_door_layer_t layers_here[3], layers_there[3];
static gee_door_options_t door_here, door_there;

static gee_seal_setup_t *listen_with(const char *clients, bool anonymous) {
    gee_error_t error;
    gee_seal_listen_t options = { .key = key_path("server.key"), .clients = key_path(clients), .anonymous = anonymous };
    gee_seal_setup_t *setup = seal->listen(&options, &error);
    if (setup == NULL)
        fail_msg("%s", error.text);
    return setup;
}

static int open_listeners(void **state) {
    char text[256];
    if (open_keys(state) != 0)
        return -1;
    snprintf(text, sizeof(text), "%s billing services=Test\n", keys.client);
    write_file("clients", 0644, text);
    here = listen_with("clients", true);
    snprintf(text, sizeof(text), "%s shipping\n", keys.client); /* another name since then */
    write_file("clients", 0644, text);
    there = listen_with("clients", true);
    snprintf(text, sizeof(text), "%s nobody\n", keys.stranger);
    write_file("other", 0644, text);
    strangers = listen_with("other", false);
    return 0;
}
static int close_listeners(void **state) {
    seal->close(&here);
    seal->close(&there);
    seal->close(&strangers);
    return close_keys(state);
}

static int choose_listeners(void **state GEE_UNUSED) {
    layers_here[0].layer = layers_there[0].layer = &other_layer;
    layers_here[1] = (gee_door_layer_t){ .layer = seal->layer, .setup = here, .required = true };
    layers_there[1] = (gee_door_layer_t){ .layer = seal->layer, .setup = there, .required = true };
    door_here = (gee_door_options_t){ .layers = layers_here };
    door_there = (gee_door_options_t){ .layers = layers_there };
    return 0;
}

/* ---- the client ---- */

static void shake_hands(fixture_t *fixture, int peer, raw_t *raw) {
    uint8_t frame[128];
    peer_write(fixture, peer, raw->preamble, sizeof(raw->preamble));
    peer_write(fixture, peer, frame, raw_write(raw, frame));
    assert_int_equal(raw_read(raw, (const uint8_t *)fixture->got, fixture->got_length), 0);
    fixture->got_length = 0;
    if (!gee_noise_complete(&raw->handshake))
        peer_write(fixture, peer, frame, raw_write(raw, frame));
    raw_split(raw);
}

/* The client's bytes, in records of that length; null `key`: anonymous. */
static size_t seal_script(raw_t *raw, const script_t *script, size_t record, uint8_t *frames) {
    size_t length = 0;
    for (size_t at = 0, part; at < script->length; at += part) {
        part = script->length - at < record ? script->length - at : record;
        length += raw_record(raw, script->bytes + at, part, frames + length);
        if (raw->sending.nonce % REKEY_AFTER == 0)
            gee_noise_rekey(&raw->sending);
    }
    return length;
}

/* Opens the records that have come, where they are. */
static void open_heard(raw_t *raw, fixture_t *fixture) {
    uint8_t *got = (uint8_t *)fixture->got;
    size_t to = 0;
    for (size_t at = 0, length; at + 2 <= fixture->got_length; at += 2 + length) {
        length = (size_t)got[at] << 8 | got[at + 1];
        assert_true(length > GEE_NOISE_TAG && at + 2 + length <= fixture->got_length);
        assert_int_equal(gee_noise_decrypt(&raw->receiving, NULL, 0, got + at + 2, length, got + to), 0);
        to += length - GEE_NOISE_TAG;
        if (raw->receiving.nonce % REKEY_AFTER == 0)
            gee_noise_rekey(&raw->receiving);
    }
    fixture->got_length = to;
    got[to] = '\0';
}

static int connect_sealed(fixture_t *fixture, raw_t *raw, const char *key) {
    int peer = fixture_connect_to(fixture, &door_here);
    raw_client(raw, keys.server, key);
    shake_hands(fixture, peer, raw);
    return peer;
}

/* Says it, and hears the answers. */
static void say_sealed(fixture_t *fixture, int peer, raw_t *raw, const char *text) {
    uint8_t frame[1024];
    fixture->got_length = 0;
    peer_write(fixture, peer, frame, raw_record(raw, text, strlen(text), frame));
    pump(fixture);
    peer_read(fixture, peer);
    open_heard(raw, fixture);
}

/* ---- moved ---- */

static void move_after_each_byte(const script_t *script, const script_t *answers, size_t record) {
    static uint8_t frames[1 << 18];
    fixture_t *now = fixture_create(NULL, NULL), *next = fixture_create(NULL, NULL);
    gee_door_options_t *door_now = &door_here, *door_next = &door_there;
    raw_t raw;
    int peer = connect_sealed(now, &raw, "client.key");
    size_t length = seal_script(&raw, script, record, frames);
    for (size_t i = 0; i < length; i++) {
        peer_write(now, peer, frames + i, 1);
        if (record == 1 && i % 19 != 7) /* many records: in the middle of each */
            continue;
        move_to(now, next, door_next);
        hand_on_heard(now, next);
        fixture_t *fixture = now;
        gee_door_options_t *door = door_now;
        now = next, next = fixture;
        door_now = door_next, door_next = door;
    }
    open_heard(&raw, now);
    expect_answers(now, answers);
    finish(now, peer);
    fixture_destroy(next);
}

static void test_moved_after_each_byte(void **state GEE_UNUSED) {
    for (size_t i = 0; i < GEE_LENGTH(wires); i++) {
        script_t script, answers;
        write_script(i, &script);
        answers_to(&script, &answers);
        move_after_each_byte(&script, &answers, 13);
    }
}

/* So many records that each direction... changes its key: a byte is a record, and each call's answer is one. */
static void test_keys_change_on_the_way(void **state GEE_UNUSED) {
    static const char call[] = "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":0}\n";
    script_t script = { .length = 0 }, answers;
    while (script.length < 2 * REKEY_AFTER) {
        memcpy(script.bytes + script.length, call, strlen(call));
        script.length += strlen(call);
    }
    answers_to(&script, &answers);
    move_after_each_byte(&script, &answers, 1);
}

static void test_who_it_is_travels(void **state GEE_UNUSED) {
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    raw_t raw;
    int peer = connect_sealed(old, &raw, "client.key");
    say_sealed(old, peer, &raw, OPTION_JSON "\n");
    assert_string_equal(leaver_of(old).session->peer->identity->name, "billing");
    move_to(old, new, &door_there);
    const gee_identity_t *identity = leaver_of(new).session->peer->identity;
    assert_string_equal(identity->name, "shipping"); /* as the other's list has it */
    assert_null(identity->services);
    say_sealed(new, peer, &raw, "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1}{\"A\":7,\"B\":8}");
    assert_non_null(strstr(new->got, "\n56\n"));
    finish(new, peer);
    fixture_destroy(old);
}

static void test_in_the_handshake_it_stays(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    raw_t raw;
    uint8_t frame[128];
    int peer = fixture_connect_to(fixture, &door_here);
    raw_client(&raw, keys.server, "client.key");
    leaver_t leaver = leaver_of(fixture);
    assert_true(can_leave(&leaver));
    peer_write(fixture, peer, raw.preamble, 1);
    assert_false(can_leave(&leaver));
    peer_write(fixture, peer, raw.preamble + 1, 7);
    peer_write(fixture, peer, frame, raw_write(&raw, frame));
    assert_false(can_leave(&leaver));
    assert_int_equal(raw_read(&raw, (const uint8_t *)fixture->got, fixture->got_length), 0);
    peer_write(fixture, peer, frame, raw_write(&raw, frame));
    assert_true(can_leave(&leaver));
    finish(fixture, peer);
}

/* A connection that is moved again and again must not live for ever, nor longer than the new configuration says. */
static void test_its_age_travels(void **state GEE_UNUSED) {
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    raw_t raw;
    int64_t before = gee_clock_monotonic();
    layers_here[1].max_age_ns = 100 * GEE_SECOND;
    layers_there[1].max_age_ns = 1000 * GEE_SECOND;
    int peer = connect_sealed(old, &raw, "client.key");
    move_to(old, new, &door_there); /* the door knows since when it is sealed */
    move_to(new, old, &door_here);
    say_sealed(old, peer, &raw, OPTION_JSON "\n");
    int64_t due = leaver_of(old).session->serving.age_timer.deadline;
    assert_true(due >= before + layers_here[1].max_age_ns && due <= gee_clock_monotonic() + layers_here[1].max_age_ns);
    move_to(old, new, &door_there);
    assert_true(leaver_of(new).session->serving.age_timer.deadline == due);
    layers_here[1].max_age_ns = 10 * GEE_SECOND;
    move_to(new, old, &door_here);
    assert_true(leaver_of(old).session->serving.age_timer.deadline <=
                gee_clock_monotonic() + layers_here[1].max_age_ns);
    finish(old, peer);
    fixture_destroy(new);
}

/* ---- refused ---- */

typedef struct mould {
    fixture_t *old, *new;
    raw_t raw;
    int peer;
    leaver_t leaver;
    gee_record_t record;
} mould_t;

static void open_mould(mould_t *mould, const char *key, const char *said) {
    *mould = (mould_t){ .old = fixture_create(NULL, NULL), .new = fixture_create(NULL, NULL) };
    mould->peer = connect_sealed(mould->old, &mould->raw, key);
    say_sealed(mould->old, mould->peer, &mould->raw, said);
    mould->leaver = leaver_of(mould->old);
    freeze(&mould->leaver);
    export(&mould->leaver, &mould->record);
}

/* The one that it came from goes on. */
static void close_mould(mould_t *mould) {
    gee_record_clear(&mould->record);
    thaw(&mould->leaver);
    say_sealed(mould->old, mould->peer, &mould->raw,
               "\n{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1}{\"A\":7,\"B\":8}");
    assert_non_null(strstr(mould->old->got, "\n56\n"));
    finish(mould->old, mould->peer);
    fixture_destroy(mould->new);
}

static void expect_refusal(const mould_t *mould, const gee_door_options_t *options, const char *reason) {
    gee_error_t error = { .text = "" };
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(import(mould->new, ends[0], options, mould->record.bytes, mould->record.length, &error), -1);
    if (strstr(error.text, reason) == NULL)
        fail_msg("refused, but because of: %s", error.text);
    assert_int_equal(mould->new->engine->session_count, 0);
    assert_null(gee_list_first(&mould->new->engine->doors));
    close(ends[1]);
}

static void test_whom_the_other_does_not_admit(void **state GEE_UNUSED) {
    static const char *const who[] = { "client.key", NULL };
    layers_there[1].setup = strangers;
    for (size_t i = 0; i < GEE_LENGTH(who); i++) {
        mould_t mould;
        open_mould(&mould, who[i], OPTION_JSON);
        expect_refusal(&mould, &door_there, "the client's key is not in the list any more (seal.clients)");
        expect_refusal(&mould, &any_door, "the layer \"seal\" is not taken here");
        close_mould(&mould);
    }
}

static void test_cut_off_or_changed(void **state GEE_UNUSED) {
    mould_t mould;
    open_mould(&mould, "client.key", OPTION_JSON);
    size_t whole = mould.record.length;
    for (mould.record.length = 0; mould.record.length < whole; mould.record.length++)
        expect_refusal(&mould, &door_there, "");
    for (size_t at = 0; at < whole; at++) {
        gee_error_t error = { .text = "" };
        int ends[2];
        mould.record.bytes[at] ^= 0xff;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        if (import(mould.new, ends[0], &door_there, mould.record.bytes, whole, &error) != 0)
            assert_true(error.text[0] != '\0');
        pump(mould.new);
        drop_all(mould.new);
        close(ends[1]);
        mould.new->log_length = 0;
        mould.record.bytes[at] ^= 0xff;
    }
    close_mould(&mould);
}

static void test_bare_ones_where_a_seal_has_come_to_be_wanted(void **state GEE_UNUSED) {
    gee_error_t error;
    gee_record_t record = { 0 };
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    int peer = fixture_connect(old);
    peer_says(old, peer, OPTION_JSON "\n");
    leaver_t leaver = leaver_of(old);
    freeze(&leaver);
    export(&leaver, &record);
    int descriptor = dup(gee_stream_descriptor(stream_of(&leaver)));
    assert_int_equal(import(new, descriptor, &door_there, record.bytes, record.length, &error), -1);
    assert_non_null(strstr(error.text, "sealed channels only (seal.mode)"));
    layers_there[1].required = false;
    descriptor = dup(gee_stream_descriptor(stream_of(&leaver)));
    assert_int_equal(import(new, descriptor, &door_there, record.bytes, record.length, &error), 0);
    leave(&leaver);
    gee_record_clear(&record);
    finish(new, peer);
    fixture_destroy(old);
}

/* A bare door whose record says that it has been sealed: it ends with started, sealed (8 bytes each), and one more. */
static void test_nothing_is_sealed_because_it_says_so(void **state GEE_UNUSED) {
    gee_error_t error;
    gee_record_t record = { 0 };
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    int peer = fixture_connect_to(old, &door_here);
    leaver_t leaver = leaver_of(old);
    freeze(&leaver);
    export(&leaver, &record);
    record.bytes[record.length - 9] = 1;
    const gee_door_options_t *const doors[] = { &door_there, &any_door };
    for (size_t i = 0; i < GEE_LENGTH(doors); i++) {
        int descriptor = dup(gee_stream_descriptor(stream_of(&leaver)));
        assert_int_equal(import(new, descriptor, doors[i], record.bytes, record.length, &error), -1);
        assert_non_null(strstr(error.text, "does not make sense"));
    }
    gee_record_clear(&record);
    thaw(&leaver);
    drop_all(old);
    fixture_destroy(new);
    finish(old, peer);
}

/* ---- secrets ---- */

typedef struct known_keys {
    uint8_t sending[GEE_NOISE_KEY], receiving[GEE_NOISE_KEY]; /* masked, as the server uses them */
} known_keys_t;

/* The test forgets them. */
static void take_keys(raw_t *raw, known_keys_t *known) {
    secret_mask(known->sending, raw->receiving.key, GEE_NOISE_KEY);
    secret_mask(known->receiving, raw->sending.key, GEE_NOISE_KEY);
    sodium_memzero(raw, sizeof(*raw));
}

static void expect_keys(const known_keys_t *known, size_t times) {
    assert_int_equal(secret_count(known->sending, GEE_NOISE_KEY), times);
    assert_int_equal(secret_count(known->receiving, GEE_NOISE_KEY), times);
}

static void test_taken_leaves_no_keys_behind(void **state GEE_UNUSED) {
    mould_t mould;
    known_keys_t known;
    open_mould(&mould, "client.key", OPTION_JSON "\n");
    take_keys(&mould.raw, &known);
    expect_keys(&known, 2);          /* the session's, and the record's */
    gee_record_clear(&mould.record); /* it is sent */
    expect_keys(&known, 1);
    leave(&mould.leaver);
    expect_keys(&known, 0);
    finish(mould.old, mould.peer);
    fixture_destroy(mould.new);
}

static void test_refused_leaves_no_keys_there(void **state GEE_UNUSED) {
    static const char *const others[] = { "netrpc", NULL };
    mould_t mould;
    known_keys_t known;
    open_mould(&mould, "client.key", OPTION_JSON "\n");
    take_keys(&mould.raw, &known);
    door_there.protocols = others;
    expect_refusal(&mould, &door_there, "the protocol \"geerpc\" is not taken here");
    size_t whole = mould.record.length;
    for (mould.record.length = whole / 2; mould.record.length < whole; mould.record.length++)
        expect_refusal(&mould, &door_there, "");
    expect_keys(&known, 2);
    gee_record_clear(&mould.record);
    thaw(&mould.leaver);
    pump(mould.old);
    expect_keys(&known, 1);
    finish(mould.old, mould.peer);
    expect_keys(&known, 0);
    fixture_destroy(mould.new);
}

#define TEST(function) cmocka_unit_test_setup(function, choose_listeners)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_moved_after_each_byte),
        TEST(test_keys_change_on_the_way),
        TEST(test_who_it_is_travels),
        TEST(test_in_the_handshake_it_stays),
        TEST(test_its_age_travels),
        TEST(test_whom_the_other_does_not_admit),
        TEST(test_cut_off_or_changed),
        TEST(test_bare_ones_where_a_seal_has_come_to_be_wanted),
        TEST(test_nothing_is_sealed_because_it_says_so),
        TEST(test_taken_leaves_no_keys_behind),
        TEST(test_refused_leaves_no_keys_there),
    };
    return cmocka_run_group_tests(tests, open_listeners, close_listeners);
}
