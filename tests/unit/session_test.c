/* session_test.c: conversations in the serving role, byte by byte: geerpc's JSON and bin, calls that end in every
 * way. */
#include "rpc_fixture.h"
#include "core/rpc/door.h"
#include "core/rpc/session_private.h"

#define CALL_1  "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1}{\"A\":7,\"B\":8}"
#define REPLY_1 "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":1,\"Error\":\"\"}\n56\n"

static void expect(fixture_t *fixture, const char *text) {
    assert_string_equal(fixture->got, text);
}

/* A call with its JSON arguments; the connection has had its Option. */
static void call(fixture_t *fixture, int peer, const char *method, unsigned seq, const char *arguments) {
    char text[1024];
    fixture->got_length = 0;
    snprintf(text, sizeof(text), "{\"ServiceMethod\":\"%s\",\"Seq\":%u}%s", method, seq, arguments);
    peer_says(fixture, peer, text);
}

static void test_json_cut_anywhere(void **state GEE_UNUSED) {
    static const char text[] = OPTION_JSON CALL_1;
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        peer_write(fixture, peer, text, cut);
        pump(fixture);
        peer_write(fixture, peer, text + cut, strlen(text) - cut);
        pump(fixture);
        peer_read(fixture, peer);
        expect(fixture, REPLY_1);
        finish(fixture, peer);
    }
}

static void test_json_separators(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, "  \n" OPTION_JSON "\n \t\r\n" CALL_1 "\n" CALL_1);
    expect(fixture, REPLY_1 REPLY_1);
    finish(fixture, peer);
}

static void test_pipelined_leave_in_one_write(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON CALL_1 CALL_1 CALL_1 CALL_1);
    expect(fixture, REPLY_1 REPLY_1 REPLY_1 REPLY_1);
    assert_int_equal(sends, 1);
    finish(fixture, peer);
}

static void test_ten_thousand(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    for (int i = 0; i < 10000; i++)
        peer_write(fixture, peer, CALL_1, strlen(CALL_1));
    wait_for(fixture, peer, 10000 * strlen(REPLY_1));
    assert_int_equal(fixture->got_length, 10000 * strlen(REPLY_1));
    assert_string_equal(fixture->got + 9999 * strlen(REPLY_1), REPLY_1);
    finish(fixture, peer);
}

static void test_errors_leave_the_connection_usable(void **state GEE_UNUSED) {
    static const struct {
        const char *method, *arguments, *wanted;
    } rows[] = {
        { "Nobody.Multiply", "{}", "\"Error\":\"rpc server: can't find service Nobody\"" },
        { "Test.Nothing", "{}", "\"Error\":\"rpc server: can't find method Nothing\"" },
        { "Test", "{}", "\"Error\":\"rpc server: service/method request ill-formed: Test\"" },
        { "", "[1,{\"x\":null}]", "\"Error\":\"rpc server: service/method request ill-formed: \"" },
        { "Test.Multiply", "{\"A\":9223372036854775808}", "A: 9223372036854775808" },
        { "Test.Multiply", "{\"A\":\"x\"}", "A" },
        { "Test.Multiply", "{\"A\":}", "\"Error\":\"rpc server: Test.Multiply: " },
        { "Test.Fail", "{\"Text\":\"%s %n \\\"quoted\\\"\"}", "\"Error\":\"%s %n \\\"quoted\\\"\"" },
        { "Test.Fail", "{\"Text\":\"\"}", "\"Error\":\"failed precondition\"" },
        { "Test.NaN", "{}", "Number" },
        { "Test.Garble", "{}", "\"Error\":\"\xef\xbf\xbd and \xc3\xa9 and \xef\xbf\xbd\"" },
    };
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        call(fixture, peer, rows[i].method, 7, rows[i].arguments);
        if (strstr(fixture->got, rows[i].wanted) == NULL)
            fail_msg("%s%s gave %s", rows[i].method, rows[i].arguments, fixture->got);
        assert_non_null(strstr(fixture->got, "\"Seq\":7"));
        assert_non_null(strstr(fixture->got, "}\n{}\n"));
        call(fixture, peer, "Test.Multiply", 1, "{\"A\":7,\"B\":8}");
        expect(fixture, REPLY_1);
    }
    finish(fixture, peer);
}

static void test_text_survives(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    call(fixture, peer, "Test.Echo", 1, "{\"Text\":\"a\\u0000b \\ud83d\\ude00\"}");
    assert_non_null(strstr(fixture->got, "{\"Text\":\"a\\u0000b \xf0\x9f\x98\x80\"}\n"));
    call(fixture, peer, "Test.Echo", 2, "{\"Text\":\"\xff\"}");
    assert_non_null(strstr(fixture->got, "Text"));
    assert_non_null(strstr(fixture->got, "\"Code\":3"));
    finish(fixture, peer);
}

/* Members in any case, whole numbers in any form, null for what is not said: as Go reads it. */
static void test_options_in_other_words(void **state GEE_UNUSED) {
    static const char *const options[] = {
        "{\"magicnumber\":3927900,\"CODECTYPE\":\"application/json\"}",
        "{\"MagicNumber\":3927900.0,\"CodecType\":\"application\\/json\",\"handleTimeout\":1e9}",
        "{\"MagicNumber\":3.9279e6,\"CodecType\":\"application/json\",\"ConnectTimeout\":null}",
        "{\"Later\":[{\"x\":1}],\"MagicNumber\":3927900,\"CodecType\":\"application/json\",\"Seq\":\"\\u0000\"}\n",
    };
    for (size_t i = 0; i < GEE_LENGTH(options); i++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        peer_says(fixture, peer, options[i]);
        call(fixture, peer, "Test.Multiply", 1, "{\"A\":7,\"B\":8}");
        expect(fixture, REPLY_1);
        finish(fixture, peer);
    }
}

/* Errors that close the connection: the log names the reason, the peer sees the end. */
static void test_refused(void **state GEE_UNUSED) {
    static const struct {
        const char *bytes, *logged;
    } rows[] = {
        { "{\"MagicNumber\":1,\"CodecType\":\"application/json\"}", "MagicNumber is 1, not 3927900" },
        { "{\"CodecType\":\"application/json\"}", "no MagicNumber" },
        { "{\"MagicNumber\":3927900}", "no CodecType" },
        { "{\"MagicNumber\":3927900,\"CodecType\":\"application/x\"}", "codec application/x is not compiled in" },
        { "{\"MagicNumber\":3927900,\"CodecType\":\"application/json\",\"HandleTimeout\":-1}", "HandleTimeout" },
        { "{\"MagicNumber\":3927900,\"CodecType\":\"application/json\",\"ConnectTimeout\":1.5}", "ConnectTimeout" },
        { "{\"MagicNumber\":3927900,\"CodecType\":\"application/json\",\"ConnectTimeout\":18446744073709551615}",
          "ConnectTimeout" },
        { "{\"MagicNumber\":3927900,\"CodecType\":,}", "not well-formed" },
        { OPTION_JSON "]", "header" },
        { OPTION_JSON "{\"ServiceMethod\":1}{}", "header" },
        { "\x01\x02\x03", "first bytes" },
        { "\x2f\xff\x81", "it speaks net/rpc (gob), which " },
        { "GET / HTTP/1.1\r\n", "it speaks HTTP, which" },
        { "{\"method\":1}", "it speaks JSON-RPC, which " },
    };
    static const char *const protocols[] = { "geerpc", NULL };
    const gee_door_options_t door = { .protocols = protocols };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect_to(fixture, &door);
        peer_says(fixture, peer, rows[i].bytes);
        wait_for(fixture, peer, 1);
        assert_int_equal(fixture->got_length, 0);
        assert_true(fixture->got_end);
        if (strstr(fixture->log_text, rows[i].logged) == NULL)
            fail_msg("\"%s\" not in the log: %s", rows[i].logged, fixture->log_text);
        finish(fixture, peer);
    }
}

static void test_limits(void **state GEE_UNUSED) {
    gee_limits_t limits = { .message = 2000, .call_memory = 1 << 20, .nesting = 5, .calls = 10, .output = 65536 };
    char text[8192];
    fixture_t *fixture = fixture_create(&limits, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    snprintf(text, sizeof(text), "{\"ServiceMethod\":\"Test.Echo\",\"Seq\":1}{\"Text\":\"%0*d\"}", 1900, 0);
    peer_says(fixture, peer, text);
    assert_non_null(strstr(fixture->got, "\"Error\":\"\""));
    snprintf(text, sizeof(text), "{\"ServiceMethod\":\"Test.Echo\",\"Seq\":1}{\"Text\":\"%0*d\"}", 2000, 0);
    peer_says(fixture, peer, text);
    assert_non_null(strstr(fixture->got, "rpc server: Test.Echo: body: over 2000 bytes (limits.message)\",\"Code\":8"));
    fixture->got_length = 0;
    peer_says(fixture, peer, "{\"ServiceMethod\":\"Test.Multiply\"}{\"X\":[[[[[[[[1]]]]]]]]}");
    assert_non_null(strstr(fixture->got, "nests deeper than 5 levels (limits.nesting)\",\"Code\":8"));
    fixture->got_length = 0;
    peer_says(fixture, peer,
              "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":3,\"Metadata\":{\"X\":[[[[[1]]]]]}}{\"A\":1}");
    assert_non_null(
        strstr(fixture->got, "\"Seq\":3,\"Error\":\"rpc server: Test.Multiply: header: the JSON value nests"));
    fixture->got_length = 0;
    peer_says(fixture, peer, "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":4}{\"A\":7,\"B\":8}");
    assert_string_equal(fixture->got, "{\"ServiceMethod\":\"Test.Multiply\",\"Seq\":4,\"Error\":\"\"}\n56\n");
    finish(fixture, peer);
}

static void test_finished_later(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    call(fixture, peer, "Test.Keep", 1, "{\"A\":1,\"B\":2}");
    assert_int_equal(fixture->got_length, 0);
    peer_says(fixture, peer, CALL_1); /* another call overtakes it */
    expect(fixture, REPLY_1);
    fixture->got_length = 0;
    gee_reply(kept_call);
    pump(fixture);
    peer_read(fixture, peer);
    expect(fixture, "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1,\"Error\":\"\"}\n3\n");

    call(fixture, peer, "Test.Threaded", 2, "{\"A\":40,\"B\":2}");
    wait_for(fixture, peer, strlen("{\"ServiceMethod\":\"Test.Threaded\",\"Seq\":2,\"Error\":\"\"}\n42\n"));
    expect(fixture, "{\"ServiceMethod\":\"Test.Threaded\",\"Seq\":2,\"Error\":\"\"}\n42\n");
    finish(fixture, peer);
}

static void test_finished_twice(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    call(fixture, peer, "Test.Twice", 1, "{\"A\":1,\"B\":2}");
    expect(fixture, "{\"ServiceMethod\":\"Test.Twice\",\"Seq\":1,\"Error\":\"\"}\n3\n");
    assert_non_null(strstr(fixture->log_text, "twice"));
    finish(fixture, peer);
}

static void test_peer_leaves_in_mid_call(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    call(fixture, peer, "Test.Keep", 1, "{\"A\":1,\"B\":2}");
    /* A reset, as of a peer that died; an orderly end would wait for its reply. */
    shutdown(peer, SHUT_RDWR);
    close(peer);
    peer = fixture_connect(fixture); /* the first end is seen when its reply is written, at the latest */
    peer_says(fixture, peer, OPTION_JSON CALL_1);
    gee_reply(kept_call);
    pump(fixture);
    assert_int_equal(fixture->engine->live_calls, 0);
    finish(fixture, peer);
}

static void test_half_closed_peer_gets_its_replies(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_write(fixture, peer, OPTION_JSON CALL_1, strlen(OPTION_JSON CALL_1));
    shutdown(peer, SHUT_WR);
    wait_for(fixture, peer, 10000);
    expect(fixture, REPLY_1);
    assert_true(fixture->got_end);

    close(peer);
    peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON);
    call(fixture, peer, "Test.Keep", 1, "{\"A\":1,\"B\":2}");
    shutdown(peer, SHUT_WR);
    pump(fixture);
    peer_read(fixture, peer);
    assert_false(fixture->got_end);
    gee_reply(kept_call);
    wait_for(fixture, peer, 10000);
    assert_non_null(strstr(fixture->got, "}\n3\n"));
    assert_true(fixture->got_end);
    finish(fixture, peer);
}

static void test_handle_timeout(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, "{\"MagicNumber\":3927900,\"CodecType\":\"application/json\",\"HandleTimeout\":20000000}");
    call(fixture, peer, "Test.Keep", 1, "{\"A\":1,\"B\":2}");
    wait_for(fixture, peer, 1);
    assert_non_null(strstr(fixture->got, "\"Error\":\"rpc server: request handle timeout: expect within 20ms\""));
    assert_int_equal(kept_cancelled, 1);
    assert_int_equal(fixture->engine->late_handlers, 1);
    call(fixture, peer, "Test.Multiply", 1, "{\"A\":7,\"B\":8}");
    expect(fixture, REPLY_1);
    fixture->got_length = 0;
    gee_reply(kept_call); /* too late: dropped, and the call's memory comes back */
    pump(fixture);
    peer_read(fixture, peer);
    assert_int_equal(fixture->got_length, 0);
    assert_int_equal(fixture->engine->late_handlers, 0);
    assert_int_equal(fixture->engine->live_calls, 0);

    /* The header's own Timeout bounds it further. */
    peer_says(fixture, peer, "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":2,\"Timeout\":1000000}{\"A\":1,\"B\":2}");
    wait_for(fixture, peer, 1);
    assert_non_null(strstr(fixture->got, "expect within 1ms"));
    gee_fail(kept_call, GEE_INTERNAL, "late");
    finish(fixture, peer);
}

static void test_pool_queue(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL); /* one thread, two may wait */
    int peer = fixture_connect(fixture);
    pthread_mutex_lock(&gate);
    peer_says(fixture, peer, OPTION_JSON "{\"ServiceMethod\":\"Test.Block\",\"Seq\":1}{\"A\":1,\"B\":2}");
    for (int i = 0; i < 5000 && gee_thread_pool_running(fixture->threads) == 0; i++)
        gee_loop_once(fixture->loop, GEE_MILLISECOND);
    peer_says(fixture, peer,
              "{\"ServiceMethod\":\"Test.Block\",\"Seq\":2,\"Timeout\":5000000}{}"
              "{\"ServiceMethod\":\"Test.Block\",\"Seq\":3}{}{\"ServiceMethod\":\"Test.Block\",\"Seq\":4}{}" CALL_1);
    /* Fast calls go on; the queue is full for the fourth; the second times out where it waits. */
    assert_non_null(strstr(fixture->got, REPLY_1));
    assert_non_null(strstr(fixture->got, "\"Seq\":4,\"Error\":\"rpc server: the queue for blocking methods is full"));
    fixture->got_length = 0;
    wait_for(fixture, peer, 1);
    assert_non_null(strstr(fixture->got, "\"Seq\":2,\"Error\":\"rpc server: request handle timeout"));
    assert_int_equal(fixture->engine->live_calls, 2);
    pthread_mutex_unlock(&gate);
    fixture->got_length = 0;
    wait_for(fixture, peer, strlen("{\"ServiceMethod\":\"Test.Block\",\"Seq\":1,\"Error\":\"\"}\n3\n") * 2);
    assert_non_null(strstr(fixture->got, "\"Seq\":1,\"Error\":\"\"}\n3\n"));
    assert_non_null(strstr(fixture->got, "\"Seq\":3,\"Error\":\"\"}\n0\n"));
    finish(fixture, peer);
}

static void test_too_many_calls_pause_the_peer(void **state GEE_UNUSED) {
    gee_limits_t limits = { .message = 4 << 20, .call_memory = 1 << 20, .nesting = 5, .calls = 1, .output = 65536 };
    fixture_t *fixture = fixture_create(&limits, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1}{\"A\":1,\"B\":2}" CALL_1);
    assert_int_equal(fixture->got_length, 0);
    shutdown(peer, SHUT_WR); /* its end is not taken for the end of what it sent */
    pump(fixture);
    gee_reply(kept_call);
    wait_for(fixture, peer, 100000);
    expect(fixture, "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1,\"Error\":\"\"}\n3\n" REPLY_1);
    finish(fixture, peer);
}

static void test_handshake_and_read_timeouts(void **state GEE_UNUSED) {
    gee_timeouts_t timeouts = { .handshake = 10 * GEE_MILLISECOND, .read = 10 * GEE_MILLISECOND };
    static const char *const openings[] = { "", "{", "{\"MagicNumber\":3927900,", OPTION_JSON "{\"ServiceMethod\"" };
    for (size_t i = 0; i < GEE_LENGTH(openings); i++) {
        fixture_t *fixture = fixture_create(NULL, &timeouts);
        int peer = fixture_connect(fixture);
        peer_says(fixture, peer, openings[i]);
        wait_for(fixture, peer, 1);
        assert_true(fixture->got_end);
        assert_non_null(strstr(fixture->log_text, i == 3 ? "timeouts.read" : "timeouts.handshake"));
        finish(fixture, peer);
    }
}

static void test_drain(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, OPTION_JSON "{\"ServiceMethod\":\"Test.Keep\",\"Seq\":1}{\"A\":1,\"B\":2}");
    gee_session_t *session = GEE_CONTAINER(gee_list_first(&fixture->engine->sessions), gee_session_t, link);
    gee_session_drain(session);
    pump(fixture);
    peer_read(fixture, peer);
    assert_false(fixture->got_end);
    gee_reply(kept_call);
    wait_for(fixture, peer, 100000);
    assert_non_null(strstr(fixture->got, "\n3\n"));
    assert_true(fixture->got_end);
    finish(fixture, peer);
}

/* ---- bin ---- */

typedef struct frame {
    uint8_t bytes[4096];
    size_t length;
} frame_t;

static void frame_make(frame_t *frame, uint8_t kind, const char *method, uint8_t seq, const char *body,
                       size_t body_length, uint8_t codec) {
    uint8_t *header = frame->bytes + 10;
    size_t n = 0, method_length = strlen(method);
    if (method_length > 0) {
        header[n++] = 1 << 3 | 2;
        header[n++] = (uint8_t)method_length;
        memcpy(header + n, method, method_length);
        n += method_length;
    }
    header[n++] = 2 << 3;
    header[n++] = seq;
    if (kind > 0) {
        header[n++] = 4 << 3;
        header[n++] = kind;
    }
    memset(frame->bytes, 0, 10);
    frame->bytes[0] = codec;
    frame->bytes[5] = (uint8_t)n;
    frame->bytes[9] = (uint8_t)body_length;
    memcpy(header + n, body, body_length);
    frame->length = 10 + n + body_length;
}

#define BIN_ARGUMENTS    "\x08\x07\x10\x08"
#define BIN_REPLY_HEADER "\x0a\x0dTest.Multiply\x10\x01"
#define BIN_REPLY        "\0\0\0\0\0\x11\0\0\0\x02" BIN_REPLY_HEADER "\x08\x38"
#define BIN_REPLY_LENGTH (sizeof(BIN_REPLY) - 1)

static void test_bin_cut_anywhere(void **state GEE_UNUSED) {
    uint8_t text[512];
    frame_t frame;
    frame_make(&frame, 0, "Test.Multiply", 1, BIN_ARGUMENTS, 4, 0);
    size_t length = strlen(OPTION_BIN "\n");
    memcpy(text, OPTION_BIN "\n", length);
    memcpy(text + length, frame.bytes, frame.length);
    length += frame.length;
    for (size_t cut = 0; cut <= length; cut++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        peer_write(fixture, peer, text, cut);
        pump(fixture);
        peer_write(fixture, peer, text + cut, length - cut);
        pump(fixture);
        peer_read(fixture, peer);
        assert_int_equal(fixture->got_length, BIN_REPLY_LENGTH);
        assert_memory_equal(fixture->got, BIN_REPLY, BIN_REPLY_LENGTH);
        finish(fixture, peer);
    }
}

static void test_bin_a_byte_at_a_time(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    frame_t frame;
    receive_at_most = 1;
    frame_make(&frame, 0, "Test.Multiply", 1, BIN_ARGUMENTS, 4, 0);
    peer_write(fixture, peer, OPTION_BIN, strlen(OPTION_BIN));
    peer_write(fixture, peer, frame.bytes, frame.length);
    wait_for(fixture, peer, BIN_REPLY_LENGTH);
    assert_int_equal(fixture->got_length, BIN_REPLY_LENGTH);
    assert_memory_equal(fixture->got, BIN_REPLY, BIN_REPLY_LENGTH);
    finish(fixture, peer);
}

static void test_bin_with_bodies_of_other_codecs(void **state GEE_UNUSED) {
    static const struct {
        const char *arguments, *reply;
        uint8_t codec;
    } cases[] = {
        { "{\"A\":7,\"B\":8}", "56", 1 },
        { BIN_ARGUMENTS, "\x08\x38", 2 },
        { "{\"A\":\"7\",\"B\":8}", "\"56\"", 3 },
    };
    for (size_t i = 0; i < GEE_LENGTH(cases); i++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        size_t length = strlen(cases[i].reply);
        frame_t frame;
        frame_make(&frame, 0, "Test.Multiply", 1, cases[i].arguments, strlen(cases[i].arguments), cases[i].codec);
        peer_says(fixture, peer, OPTION_BIN "\n");
        peer_write(fixture, peer, frame.bytes, frame.length);
        pump(fixture);
        peer_read(fixture, peer);
        assert_int_equal(fixture->got_length, 10 + 17 + length);
        assert_int_equal(fixture->got[0], cases[i].codec);
        assert_memory_equal(fixture->got + 1, "\0\0\0\0\x11\0\0\0", 8);
        assert_int_equal(fixture->got[9], length);
        assert_memory_equal(fixture->got + 10, BIN_REPLY_HEADER, 17);
        assert_memory_equal(fixture->got + 27, cases[i].reply, length);
        finish(fixture, peer);
    }
}

static void test_bin_ping_and_cancel(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    frame_t frame;
    peer_says(fixture, peer, OPTION_BIN);
    frame_make(&frame, 3, "", 9, "", 0, 0);
    peer_write(fixture, peer, frame.bytes, frame.length);
    pump(fixture);
    peer_read(fixture, peer);
    assert_int_equal(fixture->got_length, 18); /* with the credit of streaming calls, 65536 */
    assert_memory_equal(fixture->got, "\0\0\0\0\0\x08\0\0\0\0\x10\x09\x20\x04\x40\x80\x80\x04", 18);

    fixture->got_length = 0;
    frame_make(&frame, 0, "Test.Keep", 5, BIN_ARGUMENTS, 4, 0);
    peer_write(fixture, peer, frame.bytes, frame.length);
    pump(fixture);
    frame_make(&frame, 1, "", 5, "", 0, 0);
    peer_write(fixture, peer, frame.bytes, frame.length);
    wait_for(fixture, peer, 1);
    assert_int_equal(kept_cancelled, 1);
    assert_true(gee_call_cancelled(kept_call));
    assert_non_null(memmem(fixture->got, fixture->got_length, "cancelled", 9));
    assert_non_null(memmem(fixture->got, fixture->got_length, "\x38\x01", 2)); /* code 1 */
    gee_fail(kept_call, GEE_CANCELLED, "stopped");
    finish(fixture, peer);
}

static void test_bin_refused(void **state GEE_UNUSED) {
    static const struct {
        const char *bytes;
        size_t length;
        const char *logged;
    } rows[] = {
#define BYTES(text) text, sizeof(text) - 1
        { BYTES("\x04\0\0\0\0\0\0\0\0\0"), "body codec 4" },
        { BYTES("\0\x01\0\0\0\0\0\0\0\0"), "flags" },
        { BYTES("\0\0\0\0\0\x02\0\0\0\0\x20\x08"), "kind 8" },
        { BYTES("\0\0\0\0\0\x02\0\0\0\0\x0a\x7f"), "header" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        peer_says(fixture, peer, OPTION_BIN);
        peer_write(fixture, peer, rows[i].bytes, rows[i].length);
        wait_for(fixture, peer, 1);
        assert_true(fixture->got_end);
        if (strstr(fixture->log_text, rows[i].logged) == NULL)
            fail_msg("\"%s\" not in the log: %s", rows[i].logged, fixture->log_text);
        finish(fixture, peer);
    }
}

/* Random bytes, whole and behind an Option: nothing but an end or an error comes of them (sanitizers look on). */
static void test_random_bytes(void **state GEE_UNUSED) {
    unsigned seed = 20261122;
    for (int round = 0; round < 300; round++) {
        char text[600];
        const char *option = round % 3 == 0 ? "" : round % 3 == 1 ? OPTION_JSON : OPTION_BIN "\n";
        size_t length = strlen(option);
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        memcpy(text, option, length);
        for (size_t i = 0; i < 256; i++)
            text[length++] = (char)rand_r(&seed);
        peer_write(fixture, peer, text, length);
        shutdown(peer, SHUT_WR);
        wait_for(fixture, peer, sizeof(fixture->got));
        assert_true(fixture->got_end);
        finish(fixture, peer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_cut_anywhere),
        cmocka_unit_test(test_json_separators),
        cmocka_unit_test(test_pipelined_leave_in_one_write),
        cmocka_unit_test(test_ten_thousand),
        cmocka_unit_test(test_errors_leave_the_connection_usable),
        cmocka_unit_test(test_text_survives),
        cmocka_unit_test(test_options_in_other_words),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_finished_later),
        cmocka_unit_test(test_finished_twice),
        cmocka_unit_test(test_peer_leaves_in_mid_call),
        cmocka_unit_test(test_half_closed_peer_gets_its_replies),
        cmocka_unit_test(test_handle_timeout),
        cmocka_unit_test(test_pool_queue),
        cmocka_unit_test(test_too_many_calls_pause_the_peer),
        cmocka_unit_test(test_handshake_and_read_timeouts),
        cmocka_unit_test(test_drain),
        cmocka_unit_test(test_bin_cut_anywhere),
        cmocka_unit_test(test_bin_a_byte_at_a_time),
        cmocka_unit_test(test_bin_with_bodies_of_other_codecs),
        cmocka_unit_test(test_bin_ping_and_cancel),
        cmocka_unit_test(test_bin_refused),
        cmocka_unit_test(test_random_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
