/* fuzz_calling.c: the calling role, and a server that says what the fuzzer wants: every call ends exactly once, in the
 * same way however the bytes came, and everything comes back.
 *
 * First byte: bits 0 to 2 protocol and codec, bit 3 inside CONNECT, the rest how it is cut. */
#include "conversation.h"
#include "core/rpc/session_private.h"

#define WAYS    0x07
#define CONNECT 0x08

static const struct {
    const char *protocol, *codec;
} ways[] = {
    { "geerpc", "json" }, { "geerpc", "gob" }, { "geerpc", "bin" }, { "netrpc", "gob" }, { "jsonrpc", "json" }
};

static gee_session_t *session;

/* ---- the calls ---- */

typedef struct outcome {
    gee_outgoing_t outgoing;
    const gee_type_t *reply;
    int count;
} outcome_t;
static outcome_t outcomes[4];
static gee_engine_t *engine; /* the session's */

/* How the calls ended, as text to be compared. */
typedef struct record {
    char text[1 << 16];
    size_t length;
} record_t;
static record_t records[2];
static record_t *record;

static void note(const char *what, gee_str_t text) {
    int count = snprintf(record->text + record->length, sizeof(record->text) - record->length, "%s: %.*s\n", what,
                         GEE_STR_ARGUMENTS(text));
    FUZZ_CHECK(count > 0 && record->length + (size_t)count < sizeof(record->text), "too much is said of four calls");
    record->length += (size_t)count;
}

static void read_reply(const gee_payload_t *payload, const gee_type_t *type) {
    gee_error_t error;
    fuzz_value_t value = { 0 };
    gee_value_t tree = { 0 };
    const gee_codec_t *codec = payload->codec;
    if (payload->kind != GEE_PAYLOAD_BYTES)
        return;
    int result = codec->decode(payload->codec_state, type, payload->bytes, payload->length, &engine->codec_limits, true,
                               engine->answers, &value, &error);
    note("reply", result == 0 ? GEE_STR("read") : gee_str(error.text));
    if (codec->decode_value != NULL)
        codec->decode_value(payload->codec_state, payload->bytes, payload->length, &engine->codec_limits,
                            engine->answers, &tree, &error);
    gee_pool_reset(engine->answers);
}

static void done(gee_outgoing_t *outgoing, const gee_event_t *reply) {
    const gee_status_t *status = &reply->status;
    const gee_payload_t *payload = &reply->payload;
    outcome_t *outcome = GEE_CONTAINER(outgoing, outcome_t, outgoing);
    FUZZ_CHECK(++outcome->count == 1, "a call ended %d times", outcome->count);
    note(status->code == GEE_OK ? "ok" : gee_code_name(status->code), status->text);
    if (status->code == GEE_OK && payload != NULL)
        read_reply(payload, outcome->reply);
}

static bool begin(const char *method, const gee_payload_t *payload, outcome_t *outcome) {
    gee_error_t error;
    gee_event_t request = { .method = gee_str(method), .codec = session->codec, .payload = *payload };
    outcome->outgoing.done = done;
    if (gee_session_call(session, &outcome->outgoing, &request, &error) == 0)
        return true;
    outcome->count = 1;
    note("not sent", gee_str(error.text));
    return false;
}

static void begin_all(void) {
    static const pair_t pair = { .a = 7, .b = 8 };
    static const text_t text = { .text = { "hi", 2 } };
    const gee_payload_t numbers = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(pair_t), .typed = &pair };
    const gee_payload_t words = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(text_t), .typed = &text };
    static const gee_type_t *const replies[] = { GEE_TYPE_OF(int64_t), GEE_TYPE_OF(text_t), GEE_TYPE_OF(all_t),
                                                 GEE_TYPE_OF(int64_t) };
    engine = session->engine;
    for (size_t i = 0; i < GEE_LENGTH(outcomes); i++)
        outcomes[i] = (outcome_t){ .reply = replies[i] };
    begin("Test.Multiply", &numbers, &outcomes[0]);
    begin("Test.Echo", &words, &outcomes[1]);
    begin("Test.All", &words, &outcomes[2]);
    if (begin("Test.Keep", &numbers, &outcomes[3])) {
        gee_session_forget(session, &outcomes[3].outgoing);
        outcomes[3].count = 1;
    }
}

/* ---- the connection ---- */

static size_t way;
static gee_stream_t *dialled; /* until it is a session */
static bool closed;

static void on_closed(gee_session_t *gone GEE_UNUSED, void *owner GEE_UNUSED, const gee_error_t *reason) {
    note("closed", reason ? gee_str(reason->text) : GEE_STR("in good order"));
    closed = true;
}
static const gee_session_events_t session_events = { .closed = on_closed };

static void make_session(const world_t *world) {
    gee_error_t error;
    gee_session_setup_t setup = { .codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(ways[way].codec)) };
    session = gee_session_create(world->engine, &dialled,
                                 gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, gee_str(ways[way].protocol)),
                                 GEE_CALLING, &setup, gee_loop_now(world->loop), &session_events, NULL, &error);
    FUZZ_CHECK(session != NULL, "%s", error.text);
    begin_all();
}

static void on_established(gee_stream_t *stream GEE_UNUSED, void *owner) {
    make_session(owner);
}
static void on_received(gee_stream_t *stream GEE_UNUSED, void *owner GEE_UNUSED) {
    FUZZ_CHECK(false, "received before the answer to CONNECT");
}
static void on_failed(gee_stream_t *stream GEE_UNUSED, void *owner GEE_UNUSED, const gee_error_t *reason) {
    note("failed", gee_str(reason->text));
    gee_stream_destroy(&dialled);
    closed = true;
}
static void on_ended(gee_stream_t *stream, void *owner) {
    gee_error_t error;
    gee_error_set(&error, GEE_UNAVAILABLE, "it ended");
    on_failed(stream, owner, &error);
}
static const gee_stream_events_t stream_events = {
    .established = on_established, .received = on_received, .ended = on_ended, .failed = on_failed
};

static void dial(world_t *world, bool connect) {
    gee_error_t error;
    gee_addr_t addr;
    if (!connect) {
        make_session(world);
        return;
    }
    FUZZ_CHECK(gee_addr_parse("http@127.0.0.1:1", &addr, &error) == 0, "%s", error.text);
    gee_stream_set_owner(dialled, &stream_events, world);
    const gee_transport_t *http = gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, GEE_STR("http"));
    FUZZ_CHECK(gee_stream_push(dialled, http->dial_layer, GEE_CALLING, &addr, &error) == 0, "%s", error.text);
    gee_stream_flush(dialled);
}

static void converse(const uint8_t *bytes, size_t length, unsigned flags, unsigned seed) {
    static char room[PEER_ROOM];
    world_t world;
    peer_t peer;
    cuts = fuzz_cuts(seed);
    way = (flags & WAYS) % GEE_LENGTH(ways);
    session = NULL;
    closed = false;
    world_open(&world);
    dialled = peer_connect(&world, &peer, room);
    dial(&world, flags & CONNECT);
    world_settle(&world);
    peer_write(&world, &peer, bytes, length, true);
    peer_finish(&world, &peer);
    if (session != NULL && !closed) {
        gee_session_close(session, NULL);
        world_settle(&world);
    }
    FUZZ_CHECK(closed, "the connection outlives its peer");
    for (size_t i = 0; i < GEE_LENGTH(outcomes) && session != NULL; i++)
        FUZZ_CHECK(outcomes[i].count == 1, "call %zu ended %d times", i, outcomes[i].count);
    close(peer.descriptor);
    world_close(&world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    for (size_t i = 0; i < GEE_LENGTH(records); i++) {
        record = &records[i];
        record->length = 0;
        converse(data + 1, size - 1, data[0], i == 0 ? 0 : 1 + (data[0] >> 4));
    }
    bool equal =
        records[0].length == records[1].length && memcmp(records[0].text, records[1].text, records[0].length) == 0;
    if (!equal) {
        fuzz_show("whole", records[0].text, records[0].length);
        fuzz_show("in pieces", records[1].text, records[1].length);
    }
    FUZZ_CHECK(equal, "the calls ended otherwise");
    return 0;
}
