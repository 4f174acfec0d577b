/* protocol_geerpc_test.c: GeeRPC's messages as events and events as messages, in both roles, byte by byte.
 *
 *   this test --bytes--> session of ours: protocol --event--> this test (the linker sends gee_session_event() here)
 *   this test --event--> protocol->send() --bytes--> this test
 *
 * What sessions make of the events is not looked at: no call begins here. */
#include "calling_fixture.h"
#include "core/rpc/session_private.h"

/* ---- what the protocol reports, as a line of text for each event ---- */

void __wrap_gee_session_event(gee_session_t *session, const gee_event_t *event);
void __wrap_gee_session_set_body_length(gee_session_t *session, size_t length);

static char events[8192];
static size_t body_length;

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void note(const char *format, ...) {
    va_list arguments;
    size_t length = strlen(events);
    va_start(arguments, format);
    int n = vsnprintf(events + length, sizeof(events) - length, format, arguments);
    va_end(arguments);
    assert_true(n >= 0 && (size_t)n < sizeof(events) - length);
}

static void note_text(const char *name, const void *bytes, size_t length) {
    char text[2000];
    if (length > 0)
        note(" %s=%s", name, gee_str_escape(text, sizeof(text), bytes, length));
}

static void note_metadata(const char *name, const gee_metadata_t *metadata) {
    for (size_t i = 0; i < metadata->count; i++) {
        char key[100], value[2000];
        note(" %s[%s=%s]", name,
             gee_str_escape(key, sizeof(key), metadata->items[i].key.data, metadata->items[i].key.length),
             gee_str_escape(value, sizeof(value), metadata->items[i].value.data, metadata->items[i].value.length));
    }
}

static void note_event(const gee_event_t *event) {
    static const char *const names[] = { "begin", "message", "half-close", "end",   "cancel",
                                         "ping",  "pong",    "drain",      "credit" };
    for (size_t i = 0; i < GEE_LENGTH(names); i++)
        if (event->parts & 1u << i)
            note("%s ", names[i]);
    note("%llu", (unsigned long long)event->token.number);
    note_text("method", event->method.data, event->method.length);
    if (event->timeout_ns != 0)
        note(" timeout=%lld", (long long)event->timeout_ns);
    note_metadata("metadata", &event->metadata);
    if (event->payload.kind == GEE_PAYLOAD_REFUSED)
        note(" refused=%d %.*s", event->payload.refusal->code, GEE_STR_ARGUMENTS(event->payload.refusal->text));
    else
        note_text("body", event->payload.bytes, event->payload.length);
    if (event->codec != NULL && strcmp(event->codec->name, "json") == 0)
        note(" json");
    if (event->status.code != GEE_OK)
        note(" status=%d %.*s", event->status.code, GEE_STR_ARGUMENTS(event->status.text));
    if (event->more != NULL) {
        note_metadata("trailing", &event->more->trailing);
        note_text("details", event->more->details.data, event->more->details.length);
        if (event->more->credit > 0)
            note(" credit=%llu", (unsigned long long)event->more->credit);
    }
    note("\n");
}

void __wrap_gee_session_event(gee_session_t *session GEE_UNUSED, const gee_event_t *event) {
    assert_null(event->flow);
    note_event(event);
}

void __wrap_gee_session_set_body_length(gee_session_t *session GEE_UNUSED, size_t length) {
    body_length = length;
}

/* ---- a conversation ---- */

typedef struct talk {
    fixture_t *fixture;
    gee_session_t *session;
    int peer;
} talk_t;

static talk_t talk_open(gee_role_t role, const char *codec, const gee_limits_t *limits) {
    talk_t talk = { .fixture = fixture_create(limits, NULL) };
    events[0] = '\0';
    if (role == GEE_CALLING) {
        talk.session = dial(talk.fixture, "geerpc", codec, &talk.peer);
        pump(talk.fixture); /* the Option */
        peer_read(talk.fixture, talk.peer);
    } else {
        talk.peer = fixture_connect(talk.fixture);
        peer_says(talk.fixture, talk.peer, strcmp(codec, "bin") == 0 ? OPTION_BIN : OPTION_JSON);
        talk.session = GEE_CONTAINER(gee_list_first(&talk.fixture->engine->sessions), gee_session_t, link);
    }
    talk.fixture->got_length = 0;
    assert_true(talk.session->established);
    return talk;
}

static void talk_close(talk_t *talk) {
    finish(talk->fixture, talk->peer);
}

static void hear(talk_t *talk, const void *bytes, size_t length) {
    peer_write(talk->fixture, talk->peer, bytes, length);
    pump(talk->fixture);
}

static void expect_events(const char *expected) {
    if (strcmp(events, expected) != 0)
        fail_msg("events:\n%swanted:\n%s", events, expected);
    events[0] = '\0';
}

/* The bytes of an event; they are in talk->fixture->got. */
static void say(talk_t *talk, const gee_event_t *event) {
    gee_error_t error = { 0 };
    talk->fixture->got_length = 0;
    body_length = 12345;
    if (talk->session->protocol->send(talk->session, talk->session->protocol_state, event, &error) != 0)
        fail_msg("not sent: %s", error.text);
    gee_stream_flush(talk->session->stream);
    pump(talk->fixture);
    peer_read(talk->fixture, talk->peer);
}

static void expect_bytes(const talk_t *talk, const void *bytes, size_t length) {
    assert_int_equal(talk->fixture->got_length, length);
    assert_memory_equal(talk->fixture->got, bytes, length);
}
#define EXPECT_BYTES(talk, literal) expect_bytes(talk, literal, sizeof(literal) - 1)

/* A frame with a header of less than 256 bytes. */
typedef struct frame {
    uint8_t bytes[512];
    size_t length;
} frame_t;

static frame_t frame_of(uint8_t codec, const char *header, size_t header_length, const char *body, size_t length) {
    frame_t frame = { .bytes = { codec }, .length = 10 + header_length + length };
    assert_true(header_length < 256 && frame.length <= sizeof(frame.bytes));
    frame.bytes[5] = (uint8_t)header_length;
    frame.bytes[8] = (uint8_t)(length >> 8);
    frame.bytes[9] = (uint8_t)length;
    memcpy(frame.bytes + 10, header, header_length);
    memcpy(frame.bytes + 10 + header_length, body, length);
    return frame;
}
#define BYTES(literal)             literal, sizeof(literal) - 1
#define FRAME(codec, header, body) frame_of(codec, BYTES(header), BYTES(body))

/* ---- frames in ---- */

typedef struct row {
    const char *header;
    size_t header_length;
    const char *body;
    size_t body_length;
    uint8_t codec;
    const char *event;
} row_t;

#define CHAT "\x0a\x06T.Chat"
#define SEQ  "\x10\x05"

static const row_t to_server[] = {
    { BYTES(CHAT SEQ), BYTES("\x08\x01"), 0, "begin message half-close 5 method=T.Chat body=\\x08\\x01\n" },
    { BYTES(CHAT SEQ "\x20\x05"), BYTES("\x08\x01"), 0, "begin message 5 method=T.Chat body=\\x08\\x01\n" },
    { BYTES(CHAT SEQ "\x20\x06"), BYTES(""), 0, "begin half-close 5 method=T.Chat\n" },
    { BYTES(CHAT SEQ "\x20\x07\x28\x0a\x32\x06\x0a\x01k\x12\x01v"), BYTES(""), 0,
      "begin 5 method=T.Chat timeout=10000 metadata[k=v]\n" },
    { BYTES(CHAT SEQ "\x20\x05"), BYTES("{}"), 1, "begin message 5 method=T.Chat body={} json\n" },
    { BYTES(SEQ "\x20\x05"), BYTES("\x08\x02"), 0, "message 5 body=\\x08\\x02\n" },
    { BYTES(SEQ "\x20\x05"), BYTES(""), 0, "message 5\n" },
    { BYTES(SEQ "\x20\x05"), BYTES("[1]"), 1, "message 5 body=[1] json\n" },
    { BYTES("\x20\x05" SEQ), BYTES("\x08\x02"), 0, "message 5 body=\\x08\\x02\n" }, /* any order of the fields */
    { BYTES("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x05"), BYTES("x"), 0,
      "message 18446744073709551615 body=x\n" },
    { BYTES("\x20\x05"), BYTES("x"), 0, "message 0 body=x\n" },
    { BYTES(SEQ "\x20\x05\x78\x01"), BYTES("x"), 0, "message 5 body=x\n" }, /* an unknown field */
    { BYTES(SEQ "\x20\x06"), BYTES(""), 0, "half-close 5\n" },
    { BYTES(SEQ "\x20\x07\x40\xac\x02"), BYTES(""), 0, "credit 5 credit=300\n" },
    { BYTES(SEQ "\x20\x07\x40\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), BYTES(""), 0,
      "credit 5 credit=18446744073709551615\n" },
    { BYTES(SEQ "\x20\x07"), BYTES(""), 0, "credit 5\n" },
    { BYTES(SEQ "\x20\x01"), BYTES(""), 0, "cancel 5\n" },
    { BYTES(SEQ "\x20\x03"), BYTES(""), 0, "ping 5\n" },
    /* keys that repeat, bytes, text that is not UTF-8 */
    { BYTES(CHAT SEQ "\x32\x06\x0a\x01k\x12\x01v\x32\x03\x0a\x01k\x32\x0c\x0a\x05k-"
                     "bin\x12\x03\xff\x00x\x32\x07\x0a\x01k\x12\x02\xffx"),
      BYTES(""), 0,
      "begin message half-close 5 method=T.Chat metadata[k=v] metadata[k=] metadata[k-bin=\\xff\\x00x] "
      "metadata[k=\\xef\\xbf\\xbdx]\n" },
};

static const row_t to_caller[] = {
    { BYTES(CHAT SEQ), BYTES("\x08\x01"), 0, "message end 5 method=T.Chat body=\\x08\\x01\n" },
    { BYTES(SEQ "\x1a\x02no\x38\x09"), BYTES(""), 0, "message end 5 status=9 no\n" },
    { BYTES(SEQ "\x20\x05"), BYTES("\x08\x02"), 0, "message 5 body=\\x08\\x02\n" },
    { BYTES(SEQ "\x20\x05\x32\x06\x0a\x01k\x12\x01v"), BYTES("x"), 0, "message 5 metadata[k=v] body=x\n" },
    { BYTES(CHAT SEQ "\x20\x05"), BYTES("x"), 0, "message 5 method=T.Chat body=x\n" },
    { BYTES(SEQ "\x20\x06"), BYTES(""), 0, "end 5\n" },
    { BYTES(SEQ "\x20\x06\x32\x06\x0a\x01k\x12\x01v\x4a\x06\x0a\x01t\x12\x01w"), BYTES(""), 0,
      "end 5 metadata[k=v] trailing[t=w]\n" },
    { BYTES(SEQ "\x20\x07\x40\x01"), BYTES(""), 0, "credit 5 credit=1\n" },
    { BYTES(SEQ "\x20\x07\x32\x06\x0a\x01k\x12\x01v"), BYTES(""), 0, "credit 5 metadata[k=v]\n" },
    { BYTES(SEQ "\x1a\x02no\x38\x09\x4a\x07\x0a\x05t-bin\x4a\x07\x0a\x01t\x12\x02\xffw\x52\x03\x00\xff\x01"), BYTES(""),
      0, "message end 5 status=9 no trailing[t-bin=] trailing[t=\\xef\\xbf\\xbdw] details=\\x00\\xff\\x01\n" },
    { BYTES(SEQ "\x20\x04\x40\x80\x80\x04"), BYTES(""), 0, "pong 5 credit=65536\n" },
    { BYTES("\x20\x02"), BYTES(""), 0, "drain 0\n" },
};

static frame_t frame_of_row(const row_t *row) {
    return frame_of(row->codec, row->header, row->header_length, row->body, row->body_length);
}

static void expect_row(gee_role_t role, const row_t *row) {
    frame_t frame = frame_of_row(row);
    talk_t talk = talk_open(role, "bin", NULL);
    for (size_t cut = 0; cut <= frame.length; cut++) {
        hear(&talk, frame.bytes, cut);
        assert_string_equal(events, cut < frame.length ? "" : row->event);
        hear(&talk, frame.bytes + cut, frame.length - cut);
        expect_events(row->event);
    }
    receive_at_most = 1;
    hear(&talk, frame.bytes, frame.length);
    for (size_t turns = 0; turns < frame.length; turns += 8)
        pump(talk.fixture);
    expect_events(row->event);
    receive_at_most = 0;
    talk_close(&talk);
}

static void frames_are_events_however_they_are_cut(void **state GEE_UNUSED) {
    for (size_t i = 0; i < GEE_LENGTH(to_server); i++)
        expect_row(GEE_SERVING, &to_server[i]);
    for (size_t i = 0; i < GEE_LENGTH(to_caller); i++)
        expect_row(GEE_CALLING, &to_caller[i]);
}

static void frames_that_come_together_are_events_in_order(void **state GEE_UNUSED) {
    static const struct {
        gee_role_t role;
        const row_t *rows;
        size_t count;
    } sides[] = { { GEE_SERVING, to_server, GEE_LENGTH(to_server) },
                  { GEE_CALLING, to_caller, GEE_LENGTH(to_caller) } };
    for (size_t side = 0; side < GEE_LENGTH(sides); side++) {
        char expected[8192] = "", all[8192];
        size_t length = 0;
        for (size_t i = 0; i < sides[side].count; i++) {
            frame_t frame = frame_of_row(&sides[side].rows[i]);
            memcpy(all + length, frame.bytes, frame.length);
            length += frame.length;
            strcat(expected, sides[side].rows[i].event);
        }
        talk_t talk = talk_open(sides[side].role, "bin", NULL);
        hear(&talk, all, length);
        expect_events(expected);
        talk_close(&talk);
    }
}

/* What a kind means must be known to know whose call it is. */
static void unknown_kinds_end_the_connection(void **state GEE_UNUSED) {
    static const struct {
        const char *header;
        size_t length;
        const char *logged;
    } rows[] = {
        { BYTES(SEQ "\x20\x08"), "frame of unknown kind 8" },
        { BYTES(SEQ "\x20\xff\x01"), "frame of unknown kind 255" },
        { BYTES(SEQ "\x20\xff\xff\xff\xff\x0f"), "frame of unknown kind 4294967295" },
        { BYTES(SEQ "\x20\x85\x80\x80\x80\x10"), "kind: 4294967301 overflows uint32" }, /* 5, were it cut */
        { BYTES(SEQ "\x20\x85"), "header: kind: truncated" },
        { BYTES("\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x20\x05"), "header: seq: a varint over 64 bits" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        for (gee_role_t role = GEE_SERVING; role <= GEE_CALLING; role++) {
            talk_t talk = talk_open(role, "bin", NULL);
            frame_t frame = frame_of(0, rows[i].header, rows[i].length, "", 0);
            hear(&talk, frame.bytes, frame.length);
            peer_read(talk.fixture, talk.peer);
            assert_true(talk.fixture->got_end);
            expect_events("");
            if (strstr(talk.fixture->log_text, rows[i].logged) == NULL)
                fail_msg("\"%s\" is not in the log: %s", rows[i].logged, talk.fixture->log_text);
            talk_close(&talk);
        }
    }
}

/* limits.nesting is about bodies. */
static void metadata_need_no_nesting(void **state GEE_UNUSED) {
    gee_limits_t limits = { .message = 1024, .call_memory = 1 << 20, .nesting = 1, .calls = 10, .output = 65536 };
    talk_t talk = talk_open(GEE_SERVING, "bin", &limits);
    frame_t frame = FRAME(0, CHAT SEQ "\x20\x07\x32\x06\x0a\x01k\x12\x01v", "");
    hear(&talk, frame.bytes, frame.length);
    expect_events("begin 5 method=T.Chat metadata[k=v]\n");
    talk_close(&talk);
}

/* ---- streaming calls, are there any? ---- */

static void a_caller_knows_by_the_credit_of_a_pong(void **state GEE_UNUSED) {
    talk_t talk = talk_open(GEE_CALLING, "bin", NULL);
    frame_t without = FRAME(0, SEQ "\x20\x04", ""), zero = FRAME(0, SEQ "\x20\x04\x40\x00", "");
    frame_t credit = FRAME(0, SEQ "\x20\x07\x40\x01", ""), with = FRAME(0, SEQ "\x20\x04\x40\x80\x80\x04", "");
    hear(&talk, without.bytes, without.length);
    hear(&talk, zero.bytes, zero.length);
    hear(&talk, credit.bytes, credit.length);
    assert_false(gee_session_can(talk.session, GEE_EVENT_CREDIT));
    assert_true(gee_session_can(talk.session, GEE_EVENT_PING));
    hear(&talk, with.bytes, with.length);
    expect_events("pong 5\npong 5\ncredit 5 credit=1\npong 5 credit=65536\n");
    assert_true(gee_session_can(talk.session, GEE_EVENT_CREDIT));
    hear(&talk, without.bytes, without.length);
    assert_true(gee_session_can(talk.session, GEE_EVENT_CREDIT));
    talk_close(&talk);
}

static void a_server_has_them_and_says_so(void **state GEE_UNUSED) {
    talk_t talk = talk_open(GEE_SERVING, "bin", NULL);
    assert_true(gee_session_can(talk.session, GEE_EVENT_CREDIT));
    say(&talk, &(gee_event_t){ .parts = GEE_EVENT_PONG, .token = { .number = 9 } });
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x08\0\0\0\0\x10\x09\x20\x04\x40\x80\x80\x04");
    talk_close(&talk);
    talk = talk_open(GEE_SERVING, "json", NULL);
    assert_false(gee_session_can(talk.session, GEE_EVENT_CREDIT));
    talk_close(&talk);
    talk = talk_open(GEE_CALLING, "bin", NULL); /* a server does not call */
    say(&talk, &(gee_event_t){ .parts = GEE_EVENT_PONG, .token = { .number = 9 } });
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x04\0\0\0\0\x10\x09\x20\x04");
    talk_close(&talk);
}

/* ---- frames out ---- */

typedef __typeof__(*((gee_metadata_t *)0)->items) entry_t;
static gee_metadata_t metadata_of(entry_t *pairs, size_t count) {
    gee_metadata_t metadata = { .count = count };
    metadata.items = (void *)pairs;
    return metadata;
}

static int64_t answer = 56; /* 08 38 */
static gee_flow_t some_flow;

#define TYPED                                                                                                          \
    { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(int64_t), .typed = &answer }

static void what_a_caller_says(void **state GEE_UNUSED) {
    entry_t pairs[] = { { GEE_STR("k"), GEE_STR("v") } };
    talk_t talk = talk_open(GEE_CALLING, "bin", NULL);
    gee_event_t event = { .token = { .number = 5 }, .method = GEE_STR("T.Chat"), .payload = TYPED };

    event.parts = GEE_EVENT_REQUEST;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0a\0\0\0\x02" CHAT SEQ "\x08\x38");
    assert_int_equal(body_length, 12345); /* not asked for */

    event.flow = &some_flow;
    event.parts = GEE_EVENT_BEGIN | GEE_EVENT_MESSAGE;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0c\0\0\0\x02" CHAT SEQ "\x20\x05\x08\x38");
    assert_int_equal(body_length, 2);

    event.parts = GEE_EVENT_REQUEST; /* of a streaming call */
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0c\0\0\0\x02" CHAT SEQ "\x20\x05\x08\x38\0\0\0\0\0\x04\0\0\0\0" SEQ "\x20\x06");
    assert_int_equal(body_length, 2);

    event.parts = GEE_EVENT_BEGIN;
    event.timeout_ns = 10001;
    event.metadata = metadata_of(pairs, 1);
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x16\0\0\0\0" CHAT SEQ "\x20\x07\x28\x0a\x32\x06\x0a\x01k\x12\x01v");
    assert_int_equal(body_length, 12345);

    event.metadata.count = 0;
    event.timeout_ns = 1; /* less than a microsecond is a limit, too */
    event.parts = GEE_EVENT_BEGIN | GEE_EVENT_HALF_CLOSE;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0e\0\0\0\0" CHAT SEQ "\x20\x06\x28\x01");

    /* later frames have number and kind alone */
    event.timeout_ns = 0;
    event.parts = GEE_EVENT_MESSAGE;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x04\0\0\0\x02" SEQ "\x20\x05\x08\x38");
    assert_int_equal(body_length, 2);
    event.parts = GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x04\0\0\0\x02" SEQ "\x20\x05\x08\x38\0\0\0\0\0\x04\0\0\0\0" SEQ "\x20\x06");
    event.parts = GEE_EVENT_HALF_CLOSE;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x04\0\0\0\0" SEQ "\x20\x06");
    event.parts = GEE_EVENT_CANCEL;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x04\0\0\0\0" SEQ "\x20\x01");
    event.parts = GEE_EVENT_CREDIT;
    event.more = &(const gee_event_more_t){ .credit = 300 };
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x07\0\0\0\0" SEQ "\x20\x07\x40\xac\x02");
    talk_close(&talk);
}

static void what_a_server_says(void **state GEE_UNUSED) {
    entry_t pairs[] = { { GEE_STR("k"), GEE_STR("v") } }, ends[] = { { GEE_STR("t"), GEE_STR("w") } };
    const gee_event_more_t more = { .trailing = metadata_of(ends, 1), .details = GEE_STR("\0\xff") };
    talk_t talk = talk_open(GEE_SERVING, "bin", NULL);
    gee_event_t event = { .token = { .number = 5 }, .method = GEE_STR("T.Chat"), .payload = TYPED, .flow = &some_flow };

    event.parts = GEE_EVENT_MESSAGE;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x04\0\0\0\x02" SEQ "\x20\x05\x08\x38");
    assert_int_equal(body_length, 2);
    event.metadata = metadata_of(pairs, 1);
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0c\0\0\0\x02" SEQ "\x20\x05\x32\x06\x0a\x01k\x12\x01v\x08\x38");
    assert_int_equal(body_length, 2);
    event.parts = GEE_EVENT_CREDIT;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0c\0\0\0\0" SEQ "\x20\x07\x32\x06\x0a\x01k\x12\x01v");
    event.parts = GEE_EVENT_END;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0c\0\0\0\0" SEQ "\x20\x06\x32\x06\x0a\x01k\x12\x01v");
    event.metadata.count = 0;
    event.more = &more;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x10\0\0\0\0" SEQ "\x20\x06\x4a\x06\x0a\x01t\x12\x01w\x52\x02\0\xff");
    event.status = (gee_status_t){ .code = GEE_FAILED_PRECONDITION, .text = GEE_STR("no") };
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x1c\0\0\0\0" CHAT SEQ "\x1a\x02no\x38\x09\x4a\x06\x0a\x01t\x12\x01w\x52\x02\0\xff");

    /* the reply of a unary call has both, too */
    event.parts = GEE_EVENT_REPLY;
    event.flow = NULL;
    event.status = (gee_status_t){ 0 };
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x16\0\0\0\x02" CHAT SEQ "\x4a\x06\x0a\x01t\x12\x01w\x52\x02\0\xff\x08\x38");
    assert_int_equal(body_length, 12345);
    event.more = NULL;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0a\0\0\0\x02" CHAT SEQ "\x08\x38");
    event.flow = &some_flow; /* of client streaming */
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x0a\0\0\0\x02" CHAT SEQ "\x08\x38");
    assert_int_equal(body_length, 2);
    talk_close(&talk);
}

/* What is written and read at a glance is what the codec would write: with every length of a number, and of a body. */
static void a_message_is_read_as_it_was_sent(void **state GEE_UNUSED) {
    talk_t caller = talk_open(GEE_CALLING, "bin", NULL), server = talk_open(GEE_SERVING, "bin", NULL);
    uint8_t body[100];
    memset(body, 'x', sizeof(body));
    for (unsigned bit = 0; bit <= 64; bit++) {
        for (size_t length = 0; length <= sizeof(body); length += 33) {
            char expected[256];
            uint64_t number = bit == 64 ? 0 : (uint64_t)1 << bit;
            gee_event_t event = { .parts = GEE_EVENT_MESSAGE,
                                  .token = { .number = number },
                                  .flow = &some_flow,
                                  .payload = { .kind = GEE_PAYLOAD_BYTES,
                                               .codec = caller.session->codec,
                                               .bytes = body,
                                               .length = length } };
            events[0] = '\0';
            say(&caller, &event);
            assert_int_equal(body_length, length);
            hear(&server, caller.fixture->got, caller.fixture->got_length);
            snprintf(expected, sizeof(expected), "message %llu%s%.*s\n", (unsigned long long)number,
                     length > 0 ? " body=" : "", (int)length, (const char *)body);
            expect_events(expected);
        }
    }
    talk_close(&caller);
    talk_close(&server);
}

static void texts_that_are_not_utf8_are_repaired_on_the_way_out(void **state GEE_UNUSED) {
    entry_t pairs[] = { { GEE_STR("k"), GEE_STR("\xffx") }, { GEE_STR("b-bin"), GEE_STR("\xff") } };
    talk_t talk = talk_open(GEE_SERVING, "bin", NULL);
    gee_event_t event = { .parts = GEE_EVENT_CREDIT, .token = { .number = 5 }, .metadata = metadata_of(pairs, 2) };
    say(&talk, &event);
    EXPECT_BYTES(&talk, "\0\0\0\0\0\x1b\0\0\0\0" SEQ "\x20\x07\x32\x09\x0a\x01k\x12\x04\xef\xbf\xbdx"
                        "\x32\x0a\x0a\x05"
                        "b-bin\x12\x01\xff");
    talk_close(&talk);
}

/* A body that the codec refuses leaves nothing behind, of neither frame. */
static void what_cannot_be_written_leaves_nothing(void **state GEE_UNUSED) {
    text_t text = { .text = GEE_STR("\xff") };
    talk_t talk = talk_open(GEE_CALLING, "bin", NULL);
    const unsigned parts[] = { GEE_EVENT_MESSAGE, GEE_EVENT_BEGIN | GEE_EVENT_MESSAGE, GEE_EVENT_REQUEST };
    for (size_t i = 0; i < GEE_LENGTH(parts); i++) {
        gee_error_t error = { 0 };
        gee_event_t event = { .parts = parts[i],
                              .token = { .number = 5 },
                              .method = GEE_STR("T.Chat"),
                              .flow = &some_flow,
                              .payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(text_t), .typed = &text } };
        assert_int_equal(talk.session->protocol->send(talk.session, talk.session->protocol_state, &event, &error), -1);
        assert_int_equal(gee_session_out(talk.session)->length, 0);
    }
    talk_close(&talk);
}

/* ---- over the limit ---- */

static const gee_limits_t small = {
    .message = 300, .call_memory = 1 << 20, .nesting = 20, .calls = 10, .output = 65536
};

/* A message of a streaming call costs its call, and the rest of it is skipped. */
static void a_message_over_the_limit_is_refused_and_skipped(void **state GEE_UNUSED) {
    static const struct {
        gee_role_t role;
        const char *header;
        size_t length;
        const char *event;
    } rows[] = {
        { GEE_SERVING, BYTES(SEQ "\x20\x05"),
          "message 5 refused=8 a message of 404 bytes, over 300 (limits.message)\n" },
        { GEE_CALLING, BYTES(SEQ "\x20\x05"),
          "message 5 refused=8 a message of 404 bytes, over 300 (limits.message)\n" },
        { GEE_SERVING, BYTES(CHAT SEQ "\x20\x05"),
          "begin message 5 method=T.Chat refused=8 a message of 412 bytes, over 300 (limits.message)\n" },
    };
    static const char body[400];
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        talk_t talk = talk_open(rows[i].role, "bin", &small);
        frame_t frame = frame_of(0, rows[i].header, rows[i].length, body, sizeof(body));
        frame_t next = FRAME(0, "\x10\x06\x20\x05", "x");
        for (size_t cut = 0; cut <= frame.length; cut++) {
            hear(&talk, frame.bytes, cut);
            hear(&talk, frame.bytes + cut, frame.length - cut);
            hear(&talk, next.bytes, next.length);
            char expected[300];
            snprintf(expected, sizeof(expected), "%smessage 6 body=x\n", rows[i].event);
            expect_events(expected);
        }
        talk_close(&talk);
    }
}

/* Of a header that is over the limit itself the beginning says whose it is, and which kind. */
static void a_header_over_the_limit_is_told_by_its_beginning(void **state GEE_UNUSED) {
    static const struct {
        gee_role_t role;
        const char *header;
        size_t length;
        const char *event;
    } rows[] = {
        { GEE_CALLING, BYTES(SEQ "\x20\x05\x32\xff\x7f"),
          "message 5 refused=8 a message of 5000 bytes, over 300 (limits.message)\n" },
        { GEE_CALLING, BYTES(SEQ "\x20\x06\x4a\xff\x7f"),
          "end 5 refused=8 a message of 5000 bytes, over 300 (limits.message)\n" },
        { GEE_CALLING, BYTES(SEQ "\x1a\xff\x7f"),
          "message end 5 refused=8 a message of 5000 bytes, over 300 (limits.message)\n" },
        { GEE_SERVING, BYTES(CHAT SEQ "\x20\x07\x32\xff\x7f"),
          "begin 5 method=T.Chat refused=8 a message of 5000 bytes, over 300 (limits.message)\n" },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        char message[10 + 5000] = "\0\0\0\0\x13\x88\0\0\0\0";
        memcpy(message + 10, rows[i].header, rows[i].length);
        talk_t talk = talk_open(rows[i].role, "bin", &small);
        frame_t next = FRAME(0, "\x10\x06\x20\x05", "x");
        for (size_t cut = 0; cut <= sizeof(message); cut += 13) {
            char expected[300];
            hear(&talk, message, cut);
            hear(&talk, message + cut, sizeof(message) - cut);
            hear(&talk, next.bytes, next.length);
            snprintf(expected, sizeof(expected), "%smessage 6 body=x\n", rows[i].event);
            expect_events(expected);
        }
        talk_close(&talk);
    }
    char message[10 + 5000] = "\0\0\0\0\x13\x88\0\0\0\0" SEQ "\x20\x08";
    talk_t talk = talk_open(GEE_SERVING, "bin", &small);
    hear(&talk, message, sizeof(message));
    peer_read(talk.fixture, talk.peer);
    assert_true(talk.fixture->got_end);
    assert_non_null(strstr(talk.fixture->log_text, "unknown kind 8"));
    talk_close(&talk);
}

/* ---- JSON: keys once, bytes as base64 ---- */

static void metadata_in_json(void **state GEE_UNUSED) {
    talk_t talk = talk_open(GEE_SERVING, "json", NULL);
    peer_says(talk.fixture, talk.peer,
              "{\"ServiceMethod\":\"T.Chat\",\"Seq\":5,\"Metadata\":{\"a\":\"b, c\",\"t-bin\":\"AP8=, eA==\"}}{} "
              "{\"ServiceMethod\":\"T.Chat\",\"Seq\":6,\"Metadata\":{\"t-bin\":\"eA\"}}{} "
              "{\"ServiceMethod\":\"T.Chat\",\"Seq\":7}{}");
    expect_events("begin message half-close 5 method=T.Chat metadata[a=b, c] metadata[t-bin=\\x00\\xff] "
                  "metadata[t-bin=x] body={} json\n"
                  "begin message half-close 6 method=T.Chat refused=3 metadata: the value of t-bin is not base64 json\n"
                  "begin message half-close 7 method=T.Chat body={} json\n");
    talk_close(&talk);

    talk = talk_open(GEE_CALLING, "json", NULL);
    peer_says(talk.fixture, talk.peer,
              "{\"ServiceMethod\":\"T.Chat\",\"Seq\":5,\"Error\":\"no\",\"Code\":9,\"Metadata\":{\"k\":\"v\"},"
              "\"Trailing\":{\"t-bin\":\"eA==\"},\"Details\":\"AP8=\"}{} "
              "{\"ServiceMethod\":\"T.Chat\",\"Seq\":6,\"Error\":\"\",\"Trailing\":{\"t-bin\":\"!\"}}{} ");
    expect_events("message end 5 method=T.Chat metadata[k=v] body={} json status=9 no trailing[t-bin=x] "
                  "details=\\x00\\xff\n"
                  "message end 6 method=T.Chat refused=3 metadata: the value of t-bin is not base64 json\n");
    talk_close(&talk);
}

static void metadata_out_in_json(void **state GEE_UNUSED) {
    entry_t pairs[] = { { GEE_STR("k"), GEE_STR("1") }, { GEE_STR("k"), GEE_STR("\xff") } };
    entry_t ends[] = { { GEE_STR("t-bin"), GEE_STR("\0\xff") } };
    const gee_event_more_t more = { .trailing = metadata_of(ends, 1), .details = GEE_STR("x") };
    gee_event_t event = { .parts = GEE_EVENT_REPLY,
                          .token = { .number = 5 },
                          .method = GEE_STR("T.Chat"),
                          .metadata = metadata_of(pairs, 2),
                          .payload = TYPED,
                          .more = &more };
    talk_t talk = talk_open(GEE_SERVING, "json", NULL);
    say(&talk, &event);
    EXPECT_BYTES(&talk,
                 "{\"ServiceMethod\":\"T.Chat\",\"Seq\":5,\"Error\":\"\",\"Metadata\":{\"k\":\"1, \xef\xbf\xbd\"},"
                 "\"Trailing\":{\"t-bin\":\"AP8=\"},\"Details\":\"eA==\"}\n56\n");
    event.metadata.count = 0;
    event.more = NULL;
    say(&talk, &event);
    EXPECT_BYTES(&talk, "{\"ServiceMethod\":\"T.Chat\",\"Seq\":5,\"Error\":\"\"}\n56\n");
    talk_close(&talk);
}

/* A stock peer knows three members of the header, and gob would tell it of others. */
static void gob_has_no_place_for_metadata(void **state GEE_UNUSED) {
    entry_t pairs[] = { { GEE_STR("k"), GEE_STR("1") }, { GEE_STR("t-bin"), GEE_STR("\xff") } };
    const gee_event_more_t more = { .trailing = metadata_of(pairs, 2), .details = GEE_STR("x") };
    gee_event_t event = {
        .parts = GEE_EVENT_REQUEST, .token = { .number = 5 }, .method = GEE_STR("T.Chat"), .payload = TYPED
    };
    talk_t talk = talk_open(GEE_CALLING, "gob", NULL), other = talk_open(GEE_CALLING, "gob", NULL);
    say(&talk, &event);
    event.metadata = metadata_of(pairs, 2);
    event.more = &more;
    say(&other, &event);
    expect_bytes(&other, talk.fixture->got, talk.fixture->got_length);
    talk_close(&talk);
    talk_close(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_events_however_they_are_cut),
        cmocka_unit_test(frames_that_come_together_are_events_in_order),
        cmocka_unit_test(unknown_kinds_end_the_connection),
        cmocka_unit_test(metadata_need_no_nesting),
        cmocka_unit_test(a_caller_knows_by_the_credit_of_a_pong),
        cmocka_unit_test(a_server_has_them_and_says_so),
        cmocka_unit_test(what_a_caller_says),
        cmocka_unit_test(what_a_server_says),
        cmocka_unit_test(a_message_is_read_as_it_was_sent),
        cmocka_unit_test(texts_that_are_not_utf8_are_repaired_on_the_way_out),
        cmocka_unit_test(what_cannot_be_written_leaves_nothing),
        cmocka_unit_test(a_message_over_the_limit_is_refused_and_skipped),
        cmocka_unit_test(a_header_over_the_limit_is_told_by_its_beginning),
        cmocka_unit_test(metadata_in_json),
        cmocka_unit_test(metadata_out_in_json),
        cmocka_unit_test(gob_has_no_place_for_metadata),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
