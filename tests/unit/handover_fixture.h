/* handover_fixture.h: two serving engines in one process, and connections that move from the one to the other as they
 * do between workers: frozen, exported, the descriptor doubled, imported, left.
 *
 *   peer -- socket pair -- engine "old" --record--> engine "new" */
#ifndef TEST_HANDOVER_FIXTURE_H
#define TEST_HANDOVER_FIXTURE_H

#include "calling_fixture.h"

#include "core/rpc/engine_private.h"
#include "core/rpc/session_private.h"
#include "core/rpc/handover.h"

/* ---- what is on its way: a session, or a door ---- */

typedef struct leaver {
    gee_session_t *session;
    gee_door_t *door;
} leaver_t;

/* The only connection of the engine. */
static inline leaver_t leaver_of(const fixture_t *fixture) {
    gee_link_t *session = gee_list_first(&fixture->engine->sessions), *door = gee_list_first(&fixture->engine->doors);
    assert_true((session != NULL) != (door != NULL));
    return (leaver_t){ .session = session ? GEE_CONTAINER(session, gee_session_t, link) : NULL,
                       .door = door ? gee_door_of_link(door) : NULL };
}

static inline const gee_stream_t *stream_of(const leaver_t *leaver) {
    return leaver->session ? leaver->session->stream : gee_door_stream(leaver->door);
}

static inline bool can_leave(const leaver_t *leaver) {
    return leaver->session ? gee_session_can_leave(leaver->session) : gee_door_can_leave(leaver->door);
}

static inline void freeze(const leaver_t *leaver) {
    assert_true(can_leave(leaver));
    if (leaver->session)
        gee_session_freeze(leaver->session);
    else
        gee_door_freeze(leaver->door);
    assert_false(can_leave(leaver));
}

static inline void thaw(const leaver_t *leaver) {
    if (leaver->session)
        gee_session_thaw(leaver->session);
    else
        gee_door_thaw(leaver->door);
}

static inline void export(const leaver_t *leaver, gee_record_t *record) {
    if (leaver->session)
        gee_handover_export_session(leaver->session, record);
    else
        gee_handover_export_door(leaver->door, record);
    assert_false(record->failed);
}

static inline void leave(leaver_t *leaver) {
    if (leaver->session)
        gee_session_leave(&leaver->session);
    else
        gee_door_leave(&leaver->door);
}

/* ---- the other side ---- */

/* Into that engine, the descriptor its own. */
static inline int import(fixture_t *fixture, int descriptor, const gee_door_options_t *options, const void *bytes,
                         size_t length, gee_error_t *error) {
    gee_stream_options_t stream_options = { .high_water = (size_t)fixture->engine->limits.output };
    gee_record_reader_t in = gee_record_reader(bytes, length);
    gee_stream_t *stream = gee_stream_create(fixture->loop, &pair_transport, descriptor, NULL, &stream_options, error);
    assert_non_null(stream);
    int result = gee_handover_import(fixture->engine, &stream, options, &in, error);
    assert_null(stream);
    return result;
}

static const gee_door_options_t any_door;

/* The whole way. */
static inline void move_to(fixture_t *from, fixture_t *to, const gee_door_options_t *options) {
    gee_error_t error = { .text = "" };
    gee_record_t record = { 0 };
    leaver_t leaver = leaver_of(from);
    freeze(&leaver);
    export(&leaver, &record);
    int descriptor = dup(gee_stream_descriptor(stream_of(&leaver)));
    assert_true(descriptor >= 0);
    if (import(to, descriptor, options, record.bytes, record.length, &error) != 0)
        fail_msg("refused: %s", error.text);
    leave(&leaver);
    gee_record_clear(&record);
}

static inline void drop_all(fixture_t *fixture) {
    gee_door_close_all(fixture->engine);
    gee_sessions_destroy(fixture->engine);
    pump(fixture);
    assert_int_equal(fixture->engine->session_count, 0);
}

/* ---- conversations ---- */

typedef struct script {
    uint8_t bytes[8192]; /* what a client of that wire says */
    size_t length;
} script_t;

static const struct {
    const char *protocol, *codec;
} wires[] = {
    { "geerpc", "json" }, { "geerpc", "bin" }, { "geerpc", "gob" }, { "netrpc", "gob" }, { "jsonrpc", "json" }
};

static inline void take_bytes(fixture_t *fixture, int peer, script_t *script) {
    ssize_t count;
    pump(fixture);
    while ((count = read(peer, script->bytes + script->length, sizeof(script->bytes) - script->length)) > 0)
        script->length += (size_t)count;
}

/* Calls with types old and new, one of which fails; what our own client says on that wire. */
static inline void write_script(size_t which, script_t *script) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    static const pair_t pairs[] = { { 7, 8 }, { -3, 1LL << 40 } };
    static const text_t hello = { GEE_STR("hello {\"}]") }, no = { GEE_STR("no way") };
    outcome_t outcomes[5] = { 0 };
    int peer;
    gee_session_t *caller = dial(fixture, wires[which].protocol, wires[which].codec, &peer);
    script->length = 0;
    (void)begin(caller, "Test.Multiply", GEE_TYPE_OF(pair_t), &pairs[0], &outcomes[0]);
    take_bytes(fixture, peer, script);
    (void)begin(caller, "Test.Echo", GEE_TYPE_OF(text_t), &hello, &outcomes[1]);
    (void)begin(caller, "Test.Multiply", GEE_TYPE_OF(pair_t), &pairs[1], &outcomes[2]);
    (void)begin(caller, "Test.Fail", GEE_TYPE_OF(text_t), &no, &outcomes[3]);
    (void)begin(caller, "Test.Echo", GEE_TYPE_OF(text_t), &hello, &outcomes[4]);
    take_bytes(fixture, peer, script);
    finish(fixture, peer);
    for (size_t i = 0; i < GEE_LENGTH(outcomes); i++)
        assert_int_equal(outcomes[i].count, 1);
}
enum { SCRIPT_CALLS = 5 };

/* The answer where nothing moves. */
static inline void answers_to(const script_t *script, script_t *answers) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_write(fixture, peer, script->bytes, script->length);
    wait_for(fixture, peer, 1);
    assert_true(fixture->got_length > 0 && fixture->got_length <= sizeof(answers->bytes));
    answers->length = fixture->got_length;
    memcpy(answers->bytes, fixture->got, answers->length);
    finish(fixture, peer);
}

/* The peer has heard what comes from one engine, then from the other: one row of bytes. */
static inline void hand_on_heard(fixture_t *from, fixture_t *to) {
    assert_true(to != from);
    memcpy(to->got, from->got, from->got_length);
    to->got_length = from->got_length;
    to->got_end = from->got_end;
}

static inline void expect_answers(const fixture_t *fixture, const script_t *answers) {
    assert_false(fixture->got_end);
    assert_int_equal(fixture->got_length, answers->length);
    assert_memory_equal(fixture->got, answers->bytes, answers->length);
}

#endif
