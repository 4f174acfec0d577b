/* fuzz_streams.c: interleaved streaming calls in either role. Each call ends at most once, everything comes back, and
 * the outcome is the same however each frame is cut.
 *
 * First byte: bit 0 the role of ours (0 serving, 1 calling), bit 1 the rest are frames as they are (else two bytes each
 * make a frame), bits 2 and 3 what the caller's end does with messages, the rest how frames are cut. A conversation is
 * held three times: frame by frame, the same with each frame in pieces, and all at once. */
#include "fuzz.h"

/* ---- the service ---- */

enum { FILLS = 8, FILL_AT_MOST = 90, FILL_LENGTH = 1000, CALLS = 8 };

static gee_call_t *paused[64];
static size_t paused_count;
static int fills_left; /* so that all answers have room at the peer */

static void fill_on(gee_call_t *call, void *data) {
    static const char text[FILL_LENGTH];
    const gee_str_t message = { .data = text, .length = sizeof(text) };
    int64_t *left = data;
    while (*left > 0) {
        --*left;
        gee_sent_t sent = GEE_SEND(call, gee_str_t, &message);
        if (sent == GEE_SEND_ENDED)
            return;
        if (sent == GEE_SENT_FULL && *left % 2 != 0) { /* else goes on all the same */
            gee_call_on_room(call, fill_on, left);
            return;
        }
    }
    gee_end(call);
}
static void fill(gee_call_t *call, const int64_t *count) {
    int64_t *left = gee_call_alloc(call, sizeof(*left));
    FUZZ_CHECK(left != NULL, "out of memory");
    *left = fills_left-- > 0 ? (int64_t)((uint64_t)*count % FILL_AT_MOST) : 0;
    fill_on(call, left);
}
static void add(gee_call_t *call GEE_UNUSED, const int64_t *number, int64_t *sum) {
    *sum = (int64_t)((uint64_t)*sum + (uint64_t)*number);
}
static void added(gee_call_t *call, int64_t *sum GEE_UNUSED) {
    gee_reply(call);
}

static void forget_paused(void *data) {
    for (size_t i = 0; i < paused_count; i++)
        if (paused[i] == data)
            paused[i] = NULL;
}
static void pause_call(gee_call_t *call) {
    if (paused_count == GEE_LENGTH(paused))
        return;
    paused[paused_count++] = call;
    gee_call_set_data(call, call, forget_paused);
    gee_call_pause(call);
}
static void go_on(void) {
    while (paused_count > 0) {
        gee_call_t *call = paused[--paused_count];
        if (call != NULL)
            gee_call_resume(call);
    }
}

/* The first letter says what is done. */
static void hear(gee_call_t *call, const gee_str_t *text) {
    char letter = text->length > 0 ? text->data[0] : ' ';
    if (letter == 'p')
        pause_call(call);
    else if (letter == 'g')
        go_on();
    else if (letter == 'k')
        gee_message_keep(call);
    else if (letter == 'm')
        gee_call_send_metadata(call, GEE_STR("key-bin"), *text);
    if (GEE_SEND(call, gee_str_t, text) == GEE_SEND_ENDED)
        return;
    if (letter == 'e')
        gee_end(call);
    else if (letter == 'f')
        gee_fail_with(call, GEE_ABORTED, "asked for", (gee_bytes_t){ (const uint8_t *)text->data, text->length });
}
static const gee_method_t stream_methods[] = {
    GEE_BIDI_STREAM("Hear", hear, gee_end, gee_str_t, gee_str_t, 0),
    GEE_CLIENT_STREAM("Sum", add, added, int64_t, int64_t, 0),
    GEE_SERVER_STREAM("Fill", fill, int64_t, gee_str_t, 0),
};
static const gee_service_t stream_service = { .name = "S",
                                              .methods = stream_methods,
                                              .method_count = GEE_LENGTH(stream_methods) };

#define WORLD_SERVICES                                                                                                 \
    {                                                                                                                  \
        { .service = &fuzz_service }, {                                                                                \
            .service = &stream_service                                                                                 \
        }                                                                                                              \
    }
/* What waits is bounded by credit alone, so that no outcome depends on when the socket takes it. */
#define WORLD_LIMITS                                                                                                   \
    { .message = 1024, .call_memory = 1024 * 1024, .nesting = 50, .calls = 8, .streams = CALLS - 1, .output = 2 << 20 }
#include "conversation.h"

/* ---- frames ---- */

#define PREFIX 10

typedef struct bytes {
    uint8_t *at;
    size_t length, room;
} bytes_t;

static void put(bytes_t *bytes, const void *more, size_t length) {
    FUZZ_CHECK(bytes->length + length <= bytes->room, "too much is said");
    if (length > 0)
        memcpy(bytes->at + bytes->length, more, length);
    bytes->length += length;
}

static void put_frame(bytes_t *out, const uint8_t *header, size_t header_length, const uint8_t *body, size_t length) {
    const uint8_t prefix[PREFIX] = { [4] = (uint8_t)(header_length >> 8),
                                     [5] = (uint8_t)header_length,
                                     [8] = (uint8_t)(length >> 8),
                                     [9] = (uint8_t)length };
    put(out, prefix, sizeof(prefix));
    put(out, header, header_length);
    put(out, body, length);
}

enum { MESSAGE = 5, CLOSE = 6, CREDIT = 7, CANCEL = 1, PING = 3, NO_METHOD = 4 };

static void put_header(bytes_t *header, unsigned method, uint8_t number, uint8_t kind) {
    static const char *const methods[] = { "\x0a\x06S.Hear", "\x0a\x05S.Sum", "\x0a\x06S.Fill", "\x0a\x09Test.Echo",
                                           "" };
    const uint8_t rest[] = { 0x10, number, 0x20, kind };
    put(header, methods[method], strlen(methods[method]));
    put(header, rest, kind == 0 ? 2 : 4);
}

/* `what`: bits 0 to 2 the kind, 3 to 5 which call, 6 and 7 the method or a variation. */
static void put_step(bytes_t *out, uint8_t what, uint8_t argument, bool serving) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    uint8_t header_room[64], body_room[64];
    bytes_t header = { .at = header_room, .room = sizeof(header_room) }, body = { .at = body_room, .room = 64 };
    uint8_t number = (uint8_t)(1 + (what >> 3 & 7));
    unsigned method = what >> 6, length = argument / 26u;
    static const uint8_t kinds[2][8] = { { MESSAGE, CREDIT, 0, CLOSE, MESSAGE, CREDIT, 0, PING },
                                         { MESSAGE, CLOSE, CREDIT, MESSAGE, MESSAGE, CLOSE, CREDIT, CANCEL } };
    uint8_t kind = kinds[serving][what & 7];
    bool begins = serving && (what & 7) < 3;
    put_header(&header, begins ? method : NO_METHOD, number, kind);
    if (begins && method == 3 && kind == MESSAGE)
        header.length -= 2; /* a whole unary call */
    if (kind == CREDIT && !begins) {
        const uint8_t credit[] = { 0x40, (uint8_t)(argument | 0x80), (uint8_t)(argument & 0x7f) };
        put(&header, credit, sizeof(credit));
    }
    if (!serving && kind == 0 && argument % 3 == 1)
        put(&header, "\x1a\x02no\x38\x07\x52\x02?!", 10); /* an error with details */
    if (!serving && argument % 5 == 1)
        put(&header, "\x32\x06\x0a\x01k\x12\x01v", 8); /* metadata */
    if (kind == MESSAGE || kind == 0) {
        bool is_number = serving && (method == 1 || method == 2);
        const uint8_t start[] = { is_number ? 0x08 : 0x0a, (uint8_t)(is_number ? argument & 0x7f : length + 1) };
        put(&body, start, sizeof(start));
        if (!is_number) {
            put(&body, &letters[argument % 26], 1);
            put(&body, letters, length);
        }
    }
    put_frame(out, header.at, header.length, body.at, body.length);
}

/* Where the first frame ends; all of the bytes where that cannot be told. */
static size_t frame_length(const uint8_t *bytes, size_t length) {
    if (length < PREFIX)
        return length;
    uint64_t header = (uint64_t)bytes[2] << 24 | (uint64_t)bytes[3] << 16 | (uint64_t)bytes[4] << 8 | bytes[5];
    uint64_t body = (uint64_t)bytes[6] << 24 | (uint64_t)bytes[7] << 16 | (uint64_t)bytes[8] << 8 | bytes[9];
    uint64_t whole = PREFIX + header + body;
    return whole < length ? (size_t)whole : length;
}

/* ---- the caller's end of calls of ours ---- */

typedef struct outcome {
    gee_outgoing_t outgoing;
    gee_flow_t flow;
    int ended;
    bool forgotten;
    unsigned heard;
} outcome_t;
static outcome_t outcomes[CALLS];
static gee_session_t *session;
static bool closed;
static unsigned manner; /* 0 takes at once, 1 later, 2 cancels at the third message, 3 pauses and sends */

/* What they hear, as text to be compared. */
typedef struct record {
    char text[1 << 20];
    size_t length;
} record_t;
static record_t *record;

static void note(const outcome_t *outcome, const char *what, gee_str_t text) {
    if (record->length + text.length + 100 > sizeof(record->text))
        return;
    record->length += (size_t)snprintf(record->text + record->length, 100 + text.length, "%d %s: %.*s\n",
                                       (int)(outcome - outcomes), what, GEE_STR_ARGUMENTS(text));
}

static gee_sent_t send_text(outcome_t *outcome) {
    static const gee_str_t text = GEE_STR("a message of ours");
    const gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(gee_str_t), .typed = &text };
    gee_error_t error;
    return gee_flow_send(&outcome->flow, &payload, &error);
}

static void give_up(outcome_t *outcome) {
    outcome->forgotten = true;
    gee_session_forget(session, &outcome->outgoing);
}

static void on_message(gee_flow_t *flow, const gee_payload_t *payload) {
    outcome_t *outcome = GEE_CONTAINER(flow, outcome_t, flow);
    FUZZ_CHECK(outcome->ended == 0 && !outcome->forgotten, "a message behind the end");
    note(outcome, "message", (gee_str_t){ (const char *)payload->bytes, payload->length });
    outcome->heard++;
    if (manner == 2 && outcome->heard == 3) {
        give_up(outcome);
        return;
    }
    if (manner == 3) {
        (void)send_text(outcome);
        gee_flow_pause(flow);
    }
    if (manner != 1)
        gee_flow_took(flow);
}
static void on_began(gee_flow_t *flow, const gee_metadata_t *metadata) {
    note(GEE_CONTAINER(flow, outcome_t, flow), "began", metadata->items[0].key);
}
static void on_ended(gee_flow_t *flow, const gee_event_t *end, bool from_peer) {
    outcome_t *outcome = GEE_CONTAINER(flow, outcome_t, flow);
    FUZZ_CHECK(++outcome->ended == 1 && !outcome->forgotten, "a call ended %d times", outcome->ended);
    note(outcome, from_peer ? "ended" : "broke off", end->status.text);
}
static void on_room(gee_flow_t *flow) {
    outcome_t *outcome = GEE_CONTAINER(flow, outcome_t, flow);
    note(outcome, "room", GEE_STR(""));
    if (outcome->heard % 2 == 0)
        (void)send_text(outcome);
}
static const gee_flow_events_t events = {
    .message = on_message, .began = on_began, .ended = on_ended, .room = on_room
};

static void on_closed(gee_session_t *gone GEE_UNUSED, void *owner GEE_UNUSED, const gee_error_t *reason GEE_UNUSED) {
    closed = true;
}
static const gee_session_events_t session_events = { .closed = on_closed };

static void open_calls(void) {
    gee_error_t error;
    static const gee_str_t text = GEE_STR("the first");
    for (size_t i = 0; i < CALLS; i++) {
        gee_event_t request = { .parts = GEE_EVENT_BEGIN, .method = GEE_STR("S.Hear") };
        outcomes[i] = (outcome_t){ .ended = 0 };
        if (i % 2 == 0) {
            request.parts |= GEE_EVENT_MESSAGE;
            request.payload =
                (gee_payload_t){ .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(gee_str_t), .typed = &text };
        }
        FUZZ_CHECK(gee_session_open(session, &outcomes[i].outgoing, &outcomes[i].flow, &events, &request, &error) == 0,
                   "%s", error.text);
        if (i % 3 == 0)
            gee_flow_half_close(&outcomes[i].flow);
        else
            (void)send_text(&outcomes[i]);
    }
}

/* What waited goes on. */
static void take_all(void) {
    for (size_t i = 0; i < CALLS; i++) {
        outcome_t *outcome = &outcomes[i];
        if (outcome->ended > 0 || outcome->forgotten)
            continue;
        if (outcome->flow.busy)
            gee_flow_took(&outcome->flow);
        if (outcome->ended == 0 && !outcome->forgotten && outcome->flow.paused)
            gee_flow_resume(&outcome->flow);
    }
}

/* ---- a conversation ---- */

typedef enum pace { BY_FRAME, IN_PIECES, AT_ONCE, PACES } pace_t;

static void write_all(const world_t *world, peer_t *peer, const uint8_t *bytes, size_t length, pace_t pace,
                      bool serving) {
    unsigned turn = 0;
    while (length > 0 && !peer->ended) {
        size_t next = pace == AT_ONCE ? length : frame_length(bytes, length);
        peer_write(world, peer, bytes, next, true);
        world_settle(world);
        peer_read(peer);
        if (!serving && ++turn % 4 == 0 && !closed) {
            take_all();
            world_settle(world);
        }
        bytes += next;
        length -= next;
    }
}

static void serve(const bytes_t *said, pace_t pace) {
    static char room[PEER_ROOM];
    static const char option[] = "{\"MagicNumber\":3927900,\"CodecType\":\"application/bin\"}";
    world_t world;
    peer_t peer;
    paused_count = 0;
    fills_left = FILLS;
    world_open(&world);
    peer_open(&world, &peer, room, &(gee_door_options_t){ 0 });
    peer_write(&world, &peer, (const uint8_t *)option, sizeof(option) - 1, true);
    world_settle(&world);
    write_all(&world, &peer, said->at, said->length, pace, true);
    go_on();
    world_settle(&world);
    peer_finish(&world, &peer);
    FUZZ_CHECK(peer.length < sizeof(record->text), "too much is answered");
    memcpy(record->text, peer.got, peer.length);
    record->length = peer.length;
    close(peer.descriptor);
    world_close(&world);
}

static void call(const bytes_t *said, pace_t pace) {
    static char room[PEER_ROOM];
    static const char pong[] = "\0\0\0\0\0\x10\0\0\0\0" /* credit 1,024 */
                               "\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x20\x04\x40\x80\x08";
    gee_error_t error;
    world_t world;
    peer_t peer;
    closed = false;
    world_open(&world);
    gee_stream_t *stream = peer_connect(&world, &peer, room);
    gee_session_setup_t setup = { .codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("bin")) };
    session =
        gee_session_create(world.engine, &stream, gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, GEE_STR("geerpc")),
                           GEE_CALLING, &setup, gee_loop_now(world.loop), &session_events, NULL, &error);
    FUZZ_CHECK(session != NULL, "%s", error.text);
    open_calls();
    world_settle(&world);
    peer_read(&peer);
    peer_write(&world, &peer, (const uint8_t *)pong, sizeof(pong) - 1, true);
    world_settle(&world);
    FUZZ_CHECK(!closed && outcomes[0].flow.opened, "the calls are not open");
    write_all(&world, &peer, said->at, said->length, pace, false);
    peer_finish(&world, &peer);
    for (int i = 0; i < 2000 && closed; i++) /* the ends that wait behind messages */
        take_all();
    FUZZ_CHECK(closed, "the connection outlives its peer");
    for (size_t i = 0; i < CALLS; i++)
        FUZZ_CHECK(outcomes[i].ended + outcomes[i].forgotten == 1, "call %zu ended %d times", i, outcomes[i].ended);
    close(peer.descriptor);
    world_close(&world);
}

typedef struct header {
    uint64_t number, kind;
    bool named;
} header_t;

static uint64_t read_varint(const uint8_t **at, const uint8_t *end) {
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return value;
}

/* Precondition: the header is well-formed. */
static header_t read_header(const uint8_t *frame) {
    header_t header = { .kind = 0 };
    const uint8_t *at = frame + PREFIX, *end = at + (frame[4] << 8 | frame[5]);
    while (at < end) {
        uint64_t key = read_varint(&at, end), value = read_varint(&at, end);
        if (key == 0x10)
            header.number = value;
        else if (key == 0x20)
            header.kind = value;
        header.named |= key == 0x0a;
        if ((key & 7) == 2)
            at += value;
    }
    return header;
}

/* Each call has one end at most. */
static void check_ends(const record_t *answers, const bytes_t *said) {
    int open[CALLS + 1] = { 0 };
    const uint8_t *frames = (const uint8_t *)answers->text;
    for (size_t at = 0; at < said->length; at += frame_length(said->at + at, said->length - at)) {
        header_t header = read_header(said->at + at);
        open[header.number] += header.named;
    }
    for (size_t at = 0; at < answers->length; at += frame_length(frames + at, answers->length - at)) {
        header_t header = read_header(frames + at);
        FUZZ_CHECK(header.number <= CALLS, "an answer to call %llu", (unsigned long long)header.number);
        if (header.kind == 0 || header.kind == CLOSE)
            FUZZ_CHECK(--open[header.number] >= 0, "call %llu ended twice", (unsigned long long)header.number);
    }
}

static record_t records[PACES];

static void converse(const bytes_t *said, bool serving, bool structured, unsigned seed) {
    for (pace_t pace = 0; pace < PACES; pace++) {
        cuts = fuzz_cuts(pace == IN_PIECES ? seed : 0);
        record = &records[pace];
        record->length = 0;
        if (serving)
            serve(said, pace);
        else
            call(said, pace);
        if (serving && structured)
            check_ends(record, said);
    }
    const record_t *whole = &records[BY_FRAME], *pieces = &records[IN_PIECES];
    bool equal = whole->length == pieces->length && memcmp(whole->text, pieces->text, whole->length) == 0;
    if (!equal) {
        fuzz_show("whole", whole->text, whole->length);
        fuzz_show("in pieces", pieces->text, pieces->length);
    }
    FUZZ_CHECK(equal, "the outcome differs");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t room[1 << 17];
    bytes_t said = { .at = room, .room = sizeof(room) };
    if (size < 1 || size > 4096)
        return 0;
    bool serving = (data[0] & 1) == 0, structured = (data[0] & 2) == 0;
    manner = data[0] >> 2 & 3;
    for (size_t i = 1; structured && i + 1 < size && i < 800; i += 2)
        put_step(&said, data[i], data[i + 1], serving);
    if (!structured)
        put(&said, data + 1, size - 1);
    converse(&said, serving, structured, 1 + (data[0] >> 4));
    return 0;
}
