/* handover_test.c: conversations that go on in another engine, wherever they are cut: on every wire, doors included;
 * what travels with them, and what a record has to be to be taken. */
#include "handover_fixture.h"
#include "core/rpc/modules.h"
#include "core/rpc/session_private.h"

/* ---- nothing of it is to be seen on the wire ---- */

static void test_moved_once_wherever_it_is_cut(void **state GEE_UNUSED) {
    for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++) {
        script_t script, answers;
        write_script(wire, &script);
        answers_to(&script, &answers);
        for (size_t cut = 0; cut <= script.length; cut++) {
            fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
            int peer = fixture_connect(old);
            peer_write(old, peer, script.bytes, cut);
            move_to(old, new, &any_door);
            hand_on_heard(old, new);
            peer_write(new, peer, script.bytes + cut, script.length - cut);
            expect_answers(new, &answers);
            if (cut == script.length)
                assert_int_equal(leaver_of(new).session->calls_total, SCRIPT_CALLS);
            finish(new, peer);
            assert_int_equal(old->engine->session_count, 0);
            fixture_destroy(old);
        }
    }
}

/* Records of records of records: types that were defined, and taken over, long ago. */
static void test_moved_after_each_byte(void **state GEE_UNUSED) {
    for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++) {
        script_t script, answers;
        write_script(wire, &script);
        answers_to(&script, &answers);
        fixture_t *here = fixture_create(NULL, NULL), *there = fixture_create(NULL, NULL);
        int peer = fixture_connect(here);
        for (size_t i = 0; i < script.length; i++) {
            fixture_t *next = there;
            peer_write(here, peer, script.bytes + i, 1);
            move_to(here, there, &any_door);
            hand_on_heard(here, there);
            there = here;
            here = next;
        }
        expect_answers(here, &answers);
        assert_int_equal(leaver_of(here).session->calls_total, SCRIPT_CALLS);
        finish(here, peer);
        fixture_destroy(there);
    }
}

static void test_thawed_after_each_byte(void **state GEE_UNUSED) {
    for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++) {
        script_t script, answers;
        write_script(wire, &script);
        answers_to(&script, &answers);
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        for (size_t i = 0; i < script.length; i++) {
            gee_record_t record = { 0 };
            leaver_t leaver = leaver_of(fixture);
            freeze(&leaver);
            export(&leaver, &record);
            gee_record_clear(&record);
            assert_int_equal(write(peer, script.bytes + i, 1), 1);
            pump(fixture);
            assert_int_equal(gee_stream_bytes_received(stream_of(&leaver)), i); /* frozen is frozen */
            thaw(&leaver);
            pump(fixture);
            peer_read(fixture, peer);
        }
        expect_answers(fixture, &answers);
        finish(fixture, peer);
    }
}

/* A new client's first byte may come before or after; it is not known yet what it will be. */
static void test_a_door_before_its_first_byte(void **state GEE_UNUSED) {
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    int peer = fixture_connect(old);
    leaver_t leaver = leaver_of(old);
    assert_non_null(leaver.door);
    move_to(old, new, &any_door);
    assert_null(gee_list_first(&old->engine->doors));
    peer_says(new, peer, "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":0}");
    assert_string_equal(new->got, "{\"id\":0,\"result\":56,\"error\":null}\n");
    finish(new, peer);
    fixture_destroy(old);
}

/* Every protocol that can leave is tried here: a new protocol wants a row in `wires`. */
static void test_every_protocol_that_can_leave_is_here(void **state GEE_UNUSED) {
    const gee_module_t *module;
    for (size_t i = 0; (module = gee_module_next(gee_modules, GEE_MODULE_PROTOCOL, i)) != NULL; i++) {
        const gee_protocol_t *protocol = module->interface;
        bool found = protocol->export_state == NULL;
        for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++)
            found = found || strcmp(wires[wire].protocol, protocol->name) == 0;
        if (!found)
            fail_msg("%s can leave, and nobody tries it", protocol->name);
    }
}

/* ---- when it may not leave ---- */

#define OPENED       OPTION_JSON "\n"
#define CALL(method) "{\"ServiceMethod\":\"Test." method "\",\"Seq\":1}{\"A\":7,\"B\":8}"

static void test_calls_in_flight_keep_it(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPENED CALL("Keep"));
    leaver_t leaver = leaver_of(fixture);
    assert_false(can_leave(&leaver));
    assert_true(gee_session_may_leave(leaver.session));
    gee_reply(kept_call);
    assert_false(can_leave(&leaver)); /* its reply is not written yet */
    pump(fixture);
    assert_true(can_leave(&leaver));
    finish(fixture, peer);
}

static void test_the_peer_has_ended(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPENED CALL("Keep"));
    shutdown(peer, SHUT_WR);
    pump(fixture);
    leaver_t leaver = leaver_of(fixture);
    assert_false(gee_session_may_leave(leaver.session));
    gee_reply(kept_call);
    pump(fixture);
    peer_read(fixture, peer);
    assert_non_null(strstr(fixture->got, "15")); /* it has its answer from here */
    finish(fixture, peer);
}

static void test_what_has_no_export_may_not_leave(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect_to(fixture, &(gee_door_options_t){ .pages = true });
    peer_says(fixture, peer, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    leaver_t leaver = leaver_of(fixture);
    assert_non_null(leaver.session);
    assert_false(gee_session_may_leave(leaver.session));
    assert_false(can_leave(&leaver));
    finish(fixture, peer);
}

static int begin_layer(void *data GEE_UNUSED, gee_role_t role GEE_UNUSED, const void *setup GEE_UNUSED,
                       gee_chain_t *down GEE_UNUSED, gee_error_t *error GEE_UNUSED) {
    return 0;
}
static int pass_up(void *data GEE_UNUSED, gee_inbox_t *from_wire, gee_inbox_t *up, gee_chain_t *down GEE_UNUSED,
                   gee_error_t *error GEE_UNUSED) {
    assert_int_equal(gee_inbox_append(up, gee_inbox_bytes(from_wire), gee_inbox_length(from_wire)), 0);
    gee_inbox_consume(from_wire, gee_inbox_length(from_wire));
    return 0;
}
static int pass_down(void *data GEE_UNUSED, gee_chain_t *from_above, gee_chain_t *down, gee_error_t *error GEE_UNUSED) {
    gee_chain_move(down, from_above);
    return 0;
}
static bool is_open(const void *data GEE_UNUSED) {
    return true;
}
static const gee_layer_t staying_layer = {
    .name = "staying", .start = begin_layer, .receive = pass_up, .send = pass_down, .established = is_open
};

/* So that it is drained, rather than waited for until it is cut. */
static void test_on_a_layer_without_export_it_may_not_leave(void **state GEE_UNUSED) {
    gee_error_t error;
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPENED);
    leaver_t leaver = leaver_of(fixture);
    assert_true(gee_session_may_leave(leaver.session));
    assert_int_equal(gee_stream_push(leaver.session->stream, &staying_layer, GEE_SERVING, NULL, &error), 0);
    assert_false(gee_session_may_leave(leaver.session));
    finish(fixture, peer);
}

static void test_a_tunnel_moves(void **state GEE_UNUSED) {
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    int peer = fixture_connect(old);
    peer_says(old, peer, "CONNECT /_geerpc_ HTTP/1.0\r\n\r\n");
    assert_memory_equal(old->got, "HTTP/1.0 200", 12);
    move_to(old, new, &any_door); /* the door behind it */
    peer_says(new, peer, OPTION_JSON);
    move_to(new, old, &any_door); /* the session */
    old->got_length = 0;
    peer_says(old, peer, "\n" CALL("Multiply"));
    assert_non_null(strstr(old->got, "\n56\n"));
    finish(old, peer);
    fixture_destroy(new);
}

/* A second CONNECT inside the tunnel is none that the server takes; nor is it after a move. */
static void test_a_tunnel_stays_one(void **state GEE_UNUSED) {
    static const char connect[] = "CONNECT /_geerpc_ HTTP/1.0\r\n\r\n";
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    int peer = fixture_connect(old);
    peer_says(old, peer, connect);
    move_to(old, new, &any_door);
    peer_says(new, peer, connect);
    assert_null(strstr(new->got, " 200 "));
    finish(new, peer);
    fixture_destroy(old);
}

/* ---- frozen ---- */

static void test_the_peer_resets_meanwhile(void **state GEE_UNUSED) {
    for (int taken = 0; taken < 2; taken++) {
        fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
        gee_error_t error;
        gee_record_t record = { 0 };
        int peer = fixture_connect(old);
        peer_says(old, peer, OPENED "{\"Serv");
        leaver_t leaver = leaver_of(old);
        freeze(&leaver);
        export(&leaver, &record);
        int descriptor = dup(gee_stream_descriptor(stream_of(&leaver)));
        close(peer);
        pump(old);
        assert_int_equal(old->engine->session_count, 1);
        if (taken) {
            assert_int_equal(import(new, descriptor, &any_door, record.bytes, record.length, &error), 0);
            leave(&leaver);
        } else {
            close(descriptor);
            thaw(&leaver);
        }
        gee_record_clear(&record);
        pump(old);
        pump(new);
        assert_int_equal(old->engine->session_count, 0);
        assert_int_equal(new->engine->session_count, 0);
        fixture_destroy(old);
        fixture_destroy(new);
    }
}

/* ---- what travels ---- */

static gee_timeouts_t seconds(int64_t handshake, int64_t read, int64_t idle) {
    return (
        gee_timeouts_t){ .handshake = handshake * GEE_SECOND, .read = read * GEE_SECOND, .idle = idle * GEE_SECOND };
}

static void test_a_message_that_was_begun_keeps_its_deadline(void **state GEE_UNUSED) {
    gee_timeouts_t minute = seconds(0, 60, 0), hour = seconds(0, 3600, 0), ten = seconds(0, 10, 0);
    fixture_t *old = fixture_create(NULL, &minute), *new = fixture_create(NULL, &hour),
              *strict = fixture_create(NULL, &ten);
    int peer = fixture_connect(old);
    peer_says(old, peer, OPENED "{\"Serv");
    int64_t due = leaver_of(old).session->peer_timer.deadline;
    assert_true(due > 0);
    move_to(old, new, &any_door);
    peer_says(new, peer, "ice");
    assert_true(gee_timer_started(&leaver_of(new).session->peer_timer));
    assert_true(leaver_of(new).session->peer_timer.deadline == due);
    move_to(new, strict, &any_door); /* which has less patience */
    int64_t sooner = leaver_of(strict).session->peer_timer.deadline;
    assert_true(sooner < due && sooner <= gee_clock_monotonic() + ten.read);
    finish(strict, peer);
    fixture_destroy(old);
    fixture_destroy(new);
}

static void test_a_handshake_keeps_its_deadline(void **state GEE_UNUSED) {
    static const char *const said[] = { "", "{\"Magic" }; /* a door; a session in the middle of its Option */
    gee_timeouts_t minute = seconds(60, 0, 0);
    for (size_t i = 0; i < GEE_LENGTH(said); i++) {
        fixture_t *old = fixture_create(NULL, &minute), *new = fixture_create(NULL, &minute);
        int64_t before = gee_clock_monotonic();
        int peer = fixture_connect(old);
        peer_says(old, peer, said[i]);
        int64_t accepted = gee_clock_monotonic();
        move_to(old, new, &any_door);
        int64_t left = gee_loop_next_timer(new->loop), now = gee_clock_monotonic();
        assert_true(now + left >= before + minute.handshake && now + left <= accepted + minute.handshake + GEE_SECOND);
        pump(new);
        assert_int_equal(gee_loop_next_timer(old->loop), -1);
        finish(new, peer);
        fixture_destroy(old);
    }
}

/* A connection whose offer is refused goes on as before. */
static void test_thawed_it_has_its_deadlines_again(void **state GEE_UNUSED) {
    static const char *const said[] = { "", "{\"Magic", OPENED, OPENED "{\"Serv" };
    gee_timeouts_t some = seconds(60, 70, 80);
    for (size_t i = 0; i < GEE_LENGTH(said); i++) {
        fixture_t *fixture = fixture_create(NULL, &some);
        int peer = fixture_connect(fixture);
        peer_says(fixture, peer, said[i]);
        leaver_t leaver = leaver_of(fixture);
        if (leaver.session)
            gee_session_drain_at(leaver.session, gee_clock_monotonic() + 90 * GEE_SECOND);
        gee_session_t before = leaver.session ? *leaver.session : (gee_session_t){ 0 };
        int64_t next = gee_clock_monotonic() + gee_loop_next_timer(fixture->loop);
        freeze(&leaver);
        assert_int_equal(gee_loop_next_timer(fixture->loop), -1);
        thaw(&leaver);
        int64_t again = gee_clock_monotonic() + gee_loop_next_timer(fixture->loop);
        assert_true(llabs(again - next) < GEE_SECOND); /* the time of the looks themselves */
        pump(fixture);
        if (leaver.session) {
            const gee_session_t *after = leaver.session;
            assert_int_equal(gee_timer_started(&after->peer_timer), gee_timer_started(&before.peer_timer));
            assert_true(after->peer_timer.deadline == before.peer_timer.deadline);
            assert_true(after->serving.idle_timer.deadline == before.serving.idle_timer.deadline);
            assert_true(gee_timer_started(&after->serving.age_timer));
            assert_true(after->serving.age_timer.deadline == before.serving.age_timer.deadline);
        }
        finish(fixture, peer);
    }
}

/* A reload now and then must not keep a connection alive that nobody uses. */
static void test_idleness_goes_on(void **state GEE_UNUSED) {
    gee_timeouts_t minute = seconds(0, 0, 60);
    fixture_t *old = fixture_create(NULL, &minute), *new = fixture_create(NULL, &minute);
    int peer = fixture_connect(old);
    peer_says(old, peer, OPENED);
    gee_session_t *session = leaver_of(old).session;
    session->active_ns -= 50 * GEE_SECOND; /* as if it had been then */
    int64_t active = session->active_ns;
    move_to(old, new, &any_door);
    session = leaver_of(new).session;
    assert_true(session->active_ns == active);
    assert_true(session->serving.idle_timer.deadline == active + minute.idle);
    finish(new, peer);
    fixture_destroy(old);
}

static void test_the_option_travels(void **state GEE_UNUSED) {
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    int peer = fixture_connect(old);
    peer_says(old, peer,
              "{\"MagicNumber\":3927900,\"CodecType\":\"application/json\",\"ConnectTimeout\":12,\"HandleTimeout\":34}"
              "\n" CALL("Multiply"));
    int64_t drain_at = gee_clock_monotonic() + 1000 * GEE_SECOND;
    gee_session_drain_at(leaver_of(old).session, drain_at);
    uint64_t received = gee_stream_bytes_received(stream_of(&(leaver_t){ .session = leaver_of(old).session }));
    move_to(old, new, &any_door);
    const gee_session_t *session = leaver_of(new).session;
    assert_int_equal(session->handle_timeout_ns, 34);
    assert_int_equal(session->calls_total, 1);
    assert_string_equal(session->codec->name, "json");
    assert_true(session->serving.age_timer.deadline == drain_at);
    assert_int_equal(gee_stream_bytes_received(session->stream), received);
    finish(new, peer);
    fixture_destroy(old);
}

/* The new process has read its clock once for many records; the old one's is ahead by some of them. */
static void test_the_clock_of_the_other_is_ahead(void **state GEE_UNUSED) {
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    int peer = fixture_connect(old);
    peer_says(old, peer, OPENED);
    leaver_of(old).session->active_ns = gee_clock_monotonic() + GEE_SECOND;
    move_to(old, new, &any_door);
    assert_true(leaver_of(new).session->active_ns <= gee_clock_monotonic());
    finish(new, peer);
    fixture_destroy(old);
}

static void test_suspended_here_not_there(void **state GEE_UNUSED) {
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    int peer = fixture_connect(old);
    peer_says(old, peer, OPENED);
    gee_session_pause(leaver_of(old).session, GEE_PAUSE_OWNER);
    peer_says(old, peer, CALL("Multiply"));
    assert_int_equal(old->got_length, 0);
    move_to(old, new, &any_door);
    pump(new);
    peer_read(new, peer);
    assert_non_null(strstr(new->got, "\n56\n"));
    finish(new, peer);
    fixture_destroy(old);
}

/* ---- refused ---- */

static gee_module_entry_t fewer[64];

/* The compiled-in modules without that one. */
static const gee_module_entry_t *modules_without(const char *name) {
    size_t count = 0;
    for (const gee_module_entry_t *entry = gee_modules; entry->module != NULL; entry++)
        if (strcmp(entry->module->name, name) != 0)
            fewer[count++] = *entry;
    fewer[count] = (gee_module_entry_t){ 0 };
    return fewer;
}

typedef struct mould {
    gee_record_t record;
    int peer;
    leaver_t leaver;
} mould_t;

/* A frozen conversation and its record. */
static mould_t take_mould(fixture_t *fixture, const void *bytes, size_t length) {
    mould_t mould = { .peer = fixture_connect(fixture) };
    peer_write(fixture, mould.peer, bytes, length);
    mould.leaver = leaver_of(fixture);
    freeze(&mould.leaver);
    export(&mould.leaver, &mould.record);
    return mould;
}

static int end_of_another_pair(int *other) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    *other = ends[1];
    return ends[0];
}

static void expect_refusal(fixture_t *fixture, const mould_t *mould, const gee_door_options_t *options,
                           const char *reason) {
    gee_error_t error = { .text = "" };
    int other;
    assert_int_equal(
        import(fixture, end_of_another_pair(&other), options, mould->record.bytes, mould->record.length, &error), -1);
    if (strstr(error.text, reason) == NULL)
        fail_msg("refused, but because of: %s", error.text);
    assert_int_equal(fixture->engine->session_count, 0);
    assert_null(gee_list_first(&fixture->engine->doors));
    close(other);
}

static void test_refused_for_want_of_what_it_speaks(void **state GEE_UNUSED) {
    static const char *const geerpc_only[] = { "geerpc", NULL };
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    script_t script;
    write_script(3, &script); /* netrpc */
    mould_t mould = take_mould(old, script.bytes, script.length / 2);
    new->engine->modules = modules_without("protocol_netrpc");
    expect_refusal(new, &mould, &any_door, "the protocol \"netrpc\" is not taken here");
    new->engine->modules = gee_modules;
    expect_refusal(new, &mould, &(gee_door_options_t){ .protocols = geerpc_only }, "\"netrpc\" is not taken here");
    new->engine->modules = modules_without("codec_gob");
    expect_refusal(new, &mould, &any_door, "the codec \"gob\" is not taken here");
    new->engine->modules = gee_modules;
    mould.record.bytes[0]++;
    expect_refusal(new, &mould, &any_door, "a record of version");
    gee_record_clear(&mould.record);
    thaw(&mould.leaver);
    peer_write(old, mould.peer, script.bytes + script.length / 2, script.length - script.length / 2);
    script_t answers;
    answers_to(&script, &answers);
    expect_answers(old, &answers); /* as if nothing had been */
    finish(old, mould.peer);
    fixture_destroy(new);
}

/* Not a byte too few. */
static void test_a_record_that_is_cut_off(void **state GEE_UNUSED) {
    static const size_t tenths[] = { 0, 1, 6, 10 };
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++) {
        script_t script;
        write_script(wire, &script);
        for (size_t i = 0; i < GEE_LENGTH(tenths); i++) {
            mould_t mould = take_mould(old, script.bytes, script.length * tenths[i] / 10);
            size_t whole = mould.record.length;
            for (mould.record.length = 0; mould.record.length < whole; mould.record.length++)
                expect_refusal(new, &mould, &any_door, "");
            gee_record_clear(&mould.record);
            drop_all(old);
            close(mould.peer);
        }
    }
    fixture_destroy(old);
    fixture_destroy(new);
}

/* Nor one too many. */
static void test_a_record_with_something_behind_it(void **state GEE_UNUSED) {
    static const char *const said[] = { "", OPENED }; /* a door, a session */
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    for (size_t i = 0; i < GEE_LENGTH(said); i++) {
        mould_t mould = take_mould(old, said[i], strlen(said[i]));
        gee_record_put_u8(&mould.record, 0);
        expect_refusal(new, &mould, &any_door, "does not make sense");
        gee_record_clear(&mould.record);
        drop_all(old);
        close(mould.peer);
    }
    fixture_destroy(old);
    fixture_destroy(new);
}

/* Whatever comes of it: a reason, or a connection that can be talked to and closed. */
static void try_import(fixture_t *fixture, const mould_t *mould, const uint8_t *bytes, size_t length) {
    gee_error_t error = { .text = "" };
    int other;
    fixture->got_length = 0;
    fixture->got_end = false;
    if (import(fixture, end_of_another_pair(&other), &any_door, mould->record.bytes, mould->record.length, &error) != 0)
        assert_true(error.text[0] != '\0');
    else
        peer_write(fixture, other, bytes, length);
    drop_all(fixture);
    close(other);
    fixture->log_length = 0;
}

static void test_a_record_with_any_byte_changed(void **state GEE_UNUSED) {
    static const uint8_t changes[] = { 0x01, 0x80, 0xff };
    fixture_t *old = fixture_create(NULL, NULL), *new = fixture_create(NULL, NULL);
    for (size_t wire = 0; wire < GEE_LENGTH(wires); wire++) {
        script_t script;
        write_script(wire, &script);
        size_t cut = script.length * 6 / 10;
        mould_t mould = take_mould(old, script.bytes, cut);
        for (size_t at = 0; at < mould.record.length; at++)
            for (size_t i = 0; i < GEE_LENGTH(changes); i++) {
                mould.record.bytes[at] ^= changes[i];
                try_import(new, &mould, script.bytes + cut, script.length - cut);
                mould.record.bytes[at] ^= changes[i];
            }
        gee_record_clear(&mould.record);
        drop_all(old);
        close(mould.peer);
    }
    fixture_destroy(old);
    fixture_destroy(new);
}

static void export_nothing(const void *state GEE_UNUSED, gee_record_t *out GEE_UNUSED) {}

static int import_nothing(gee_session_t *session GEE_UNUSED, void *state GEE_UNUSED, gee_record_reader_t *in GEE_UNUSED,
                          gee_error_t *error GEE_UNUSED) {
    return 0;
}

static void expect_half(gee_module_kind_t kind, const char *name, const void *interface) {
    gee_error_t error = { .text = "" };
    const gee_module_t module = { .abi = GEE_MODULE_ABI, .kind = kind, .name = name, .interface = interface };
    const gee_module_entry_t table[] = { { &module, "half" }, { NULL, NULL } };
    assert_int_equal(gee_rpc_check_modules(table, &error), -1);
    if (strstr(error.text, "has one of export_state and import_state, not both") == NULL)
        fail_msg("%s", error.text);
    assert_non_null(strstr(error.text, name));
}

static void test_one_hook_without_the_other(void **state GEE_UNUSED) {
    gee_codec_t codec = *(const gee_codec_t *)gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    codec.export_state = export_nothing;
    expect_half(GEE_MODULE_CODEC, "codec_half", &codec);
    gee_protocol_t protocol =
        *(const gee_protocol_t *)gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, GEE_STR("netrpc"));
    protocol.export_state = NULL;
    protocol.import_state = import_nothing;
    expect_half(GEE_MODULE_PROTOCOL, "protocol_half", &protocol);
    gee_layer_t layer = staying_layer;
    layer.export_state = export_nothing;
    expect_half(GEE_MODULE_LAYER, "layer_half", &layer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moved_once_wherever_it_is_cut),
        cmocka_unit_test(test_moved_after_each_byte),
        cmocka_unit_test(test_thawed_after_each_byte),
        cmocka_unit_test(test_a_door_before_its_first_byte),
        cmocka_unit_test(test_every_protocol_that_can_leave_is_here),
        cmocka_unit_test(test_one_hook_without_the_other),
        cmocka_unit_test(test_calls_in_flight_keep_it),
        cmocka_unit_test(test_the_peer_has_ended),
        cmocka_unit_test(test_what_has_no_export_may_not_leave),
        cmocka_unit_test(test_on_a_layer_without_export_it_may_not_leave),
        cmocka_unit_test(test_a_tunnel_moves),
        cmocka_unit_test(test_a_tunnel_stays_one),
        cmocka_unit_test(test_the_peer_resets_meanwhile),
        cmocka_unit_test(test_a_message_that_was_begun_keeps_its_deadline),
        cmocka_unit_test(test_a_handshake_keeps_its_deadline),
        cmocka_unit_test(test_thawed_it_has_its_deadlines_again),
        cmocka_unit_test(test_idleness_goes_on),
        cmocka_unit_test(test_the_option_travels),
        cmocka_unit_test(test_the_clock_of_the_other_is_ahead),
        cmocka_unit_test(test_suspended_here_not_there),
        cmocka_unit_test(test_refused_for_want_of_what_it_speaks),
        cmocka_unit_test(test_a_record_that_is_cut_off),
        cmocka_unit_test(test_a_record_with_something_behind_it),
        cmocka_unit_test(test_a_record_with_any_byte_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
