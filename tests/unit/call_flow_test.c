/* call_flow_test.c: two flows of ours, a caller's and a server's, joined by a wire in memory, in every order of events.
 *
 * What an owner, the wire and the streams may do next is tried in each state that is reached, as deep as DEPTH; states
 * that were seen before are not followed again. After each step the accounts of credit must balance; and from each
 * state the call must come to its end: every message heard once and in order, one half-close, one end, nothing left
 * anywhere. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gee.h>
#include "core/event/stream_private.h"
#include "core/rpc/engine_private.h"
#include "core/rpc/session_flows.h"

enum { CALLER, SERVER, SIDES };
#ifdef __SANITIZE_ADDRESS__
#define DEPTH 7
#else
#define DEPTH 8
#endif
enum { MESSAGES = 3, BODY = 40000, WIRE_ROOM = 64 };

/* ---- the world: made once ---- */

static gee_log_t *log_of_test;
static gee_loop_t *loop;
static gee_engine_t *engine;
static gee_stream_t *streams[SIDES];
static const gee_codec_t *codec;
static uint8_t body[BODY];

static int make_world(void **state GEE_UNUSED) {
    gee_error_t error;
    int ends[2];
    gee_stream_options_t stream_options = { .high_water = 1 << 20 };
    log_of_test = gee_log_to_sink(NULL, NULL, GEE_LOG_ALERT);
    loop = gee_loop_create(log_of_test, &error);
    gee_engine_options_t options = {
        .loop = loop, .log = log_of_test, .modules = gee_modules, .limits = { .message = 1 << 20, .output = 1 << 20 }
    };
    engine = gee_engine_create(&options, &error);
    codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("bin"));
    if (engine == NULL || codec == NULL ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return -1;
    for (int side = 0; side < SIDES; side++)
        streams[side] = gee_stream_create(loop, gee_module_find(gee_modules, GEE_MODULE_TRANSPORT, GEE_STR("unix")),
                                          ends[side], NULL, &stream_options, &error);
    return 0;
}

static int end_world(void **state GEE_UNUSED) {
    for (int side = 0; side < SIDES; side++)
        gee_stream_destroy(&streams[side]);
    gee_engine_destroy(&engine);
    gee_loop_destroy(&loop);
    gee_log_destroy(&log_of_test);
    return 0;
}

/* ---- the wire ---- */

typedef struct said {
    unsigned parts;
    uint64_t number; /* MESSAGE: which */
    uint64_t credit;
} said_t;

typedef struct end {
    gee_session_t session;
    gee_session_flows_t flows;
    gee_flow_t *flow;       /* null: the call is over, and its owner has freed the memory */
    said_t wire[WIRE_ROOM]; /* what this side has said, and the other has not read */
    size_t wire_start, wire_end;
    /* What the owner knows. */
    uint64_t sent, heard;
    uint8_t half_closes, ends;
    bool told_full, ending, closed;
} end_t;

static end_t ends[SIDES];
static gee_session_flows_t *flows_of(int side) {
    return &ends[side].flows;
}

static int side_of(const gee_session_t *session) {
    return session == &ends[CALLER].session ? CALLER : SERVER;
}
static int side_of_flow(const gee_flow_t *flow) {
    return flow == ends[CALLER].flow ? CALLER : SERVER;
}

static void say(int side, said_t said) {
    assert_true(ends[side].wire_end < WIRE_ROOM);
    ends[side].wire[ends[side].wire_end++] = said;
}

static int line_send(gee_session_t *session, const gee_event_t *event, size_t *length, gee_error_t *error GEE_UNUSED) {
    said_t said = { .parts = event->parts };
    assert_false(gee_session_is_ending(session));
    if (event->parts & GEE_EVENT_MESSAGE) {
        assert_int_equal(event->payload.length, BODY);
        memcpy(&said.number, event->payload.bytes, sizeof(said.number));
        *length = event->payload.length;
    }
    if (event->parts & GEE_EVENT_CREDIT)
        said.credit = event->more->credit;
    say(side_of(session), said);
    return 0;
}
static void line_block(gee_session_t *session, gee_link_t *blocked_link) {
    gee_list_append(&flows_of(side_of(session))->blocked, blocked_link);
}
static void line_forget(gee_session_t *session, gee_flow_t *flow) {
    assert_ptr_equal(flow, ends[side_of(session)].flow);
    assert_int_equal(flows_of(side_of(session))->count--, 1);
}
static void line_refuse(gee_session_t *session GEE_UNUSED, const gee_error_t *error) {
    fail_msg("refused: %s", error->text);
}
static const gee_flow_line_t line = {
    .send = line_send, .block = line_block, .forget = line_forget, .refuse = line_refuse
};

/* ---- the owners ---- */

/* What an owner does inside message(). */
typedef enum manner {
    TAKE_LATER,
    TAKE_NOW,
    TAKE_AND_PAUSE,
    PAUSE_AND_TAKE_LATER,
    END_INSIDE,
    SEND_AND_TAKE,
    MANNERS
} manner_t;
static manner_t manner;

static bool is_over(int side) {
    return ends[side].flow == NULL;
}

/* The session still has the call. */
static bool is_open(int side) {
    return ends[side].flow != NULL && ends[side].flow->session != NULL;
}

static void free_flow(int side) {
    memset(ends[side].flow, 0xa5, sizeof(gee_flow_t));
    free(ends[side].flow);
    ends[side].flow = NULL;
}

static void end_flow(int side) {
    if (is_over(side))
        return;
    gee_flow_end(ends[side].flow);
    free_flow(side);
}

static void send_one(int side) {
    end_t *end = &ends[side];
    gee_error_t error;
    memcpy(body, &end->sent, sizeof(end->sent));
    const gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES, .codec = codec, .bytes = body, .length = BODY };
    bool room = gee_flow_has_room(end->flow);
    gee_sent_t sent = gee_flow_send(end->flow, &payload, &error);
    if (sent == GEE_SEND_ENDED) {
        assert_true(end->flow->session == NULL || end->flow->out != GEE_HALF_OPEN);
        return;
    }
    assert_true(room || sent == GEE_SENT_FULL);
    end->told_full |= sent == GEE_SENT_FULL;
    end->sent++;
}

static void say_end(void) {
    say(SERVER, (said_t){ .parts = GEE_EVENT_END });
    end_flow(SERVER);
}

/* As dispatch: behind what waits. */
static void end_by_server(void) {
    ends[SERVER].ending = true;
    if (gee_flow_flushed(ends[SERVER].flow))
        say_end();
}

/* As gee_session_forget(). */
static void cancel(void) {
    say(CALLER, (said_t){ .parts = GEE_EVENT_CANCEL });
    end_flow(CALLER);
}

static void on_message(gee_flow_t *flow, const gee_payload_t *payload) {
    int side = side_of_flow(flow);
    end_t *end = &ends[side];
    uint64_t number;
    assert_int_equal(payload->length, BODY);
    memcpy(&number, payload->bytes, sizeof(number));
    assert_int_equal(number, end->heard++);
    assert_int_equal(end->half_closes + end->ends, 0);
    assert_false(flow->paused);
    switch (manner) {
    case TAKE_AND_PAUSE:
        gee_flow_pause(flow);
        gee_flow_took(flow);
        break;
    case PAUSE_AND_TAKE_LATER:
        gee_flow_pause(flow);
        break;
    case END_INSIDE:
        if (number == 1 && side == CALLER)
            cancel();
        else if (number == 1)
            end_by_server();
        else
            gee_flow_took(flow);
        break;
    case SEND_AND_TAKE:
        if (end->sent < MESSAGES)
            send_one(side);
        gee_flow_took(flow);
        break;
    case TAKE_NOW:
        gee_flow_took(flow);
        break;
    case TAKE_LATER:
    case MANNERS:
        break;
    }
}
static void on_half_closed(gee_flow_t *flow) {
    assert_ptr_equal(flow, ends[SERVER].flow);
    assert_int_equal(++ends[SERVER].half_closes, 1);
    assert_int_equal(ends[SERVER].heard, ends[CALLER].sent);
    assert_false(flow->paused || flow->busy);
}
static void check_end(const gee_event_t *end) {
    assert_int_equal(ends[CALLER].heard, ends[SERVER].sent); /* nothing is lost before an end in good order */
    assert_string_equal(end->status.text.data, "said by the peer");
    assert_int_equal(end->metadata.count, 1);
    assert_string_equal(end->more->details.data, "details");
}

static void on_ended(gee_flow_t *flow, const gee_event_t *end, bool from_peer) {
    assert_ptr_equal(flow, ends[CALLER].flow);
    assert_int_equal(++ends[CALLER].ends, 1);
    assert_null(flow->session);
    if (from_peer)
        check_end(end);
    free_flow(CALLER);
}
static void on_room(gee_flow_t *flow) {
    end_t *end = &ends[side_of_flow(flow)];
    assert_true(end->told_full && gee_flow_has_room(flow));
    end->told_full = false;
}
static void on_flushed(gee_flow_t *flow) {
    assert_ptr_equal(flow, ends[SERVER].flow);
    assert_true(ends[SERVER].ending && flow->output == NULL);
    say_end();
}
static const gee_flow_events_t events = {
    .message = on_message, .half_closed = on_half_closed, .ended = on_ended, .room = on_room, .flushed = on_flushed
};

/* ---- reading ---- */

static void read_end(void) {
    static __typeof__(*((gee_metadata_t *)0)->items) pair = { .key = GEE_STR("key"), .value = GEE_STR("value") };
    const gee_event_more_t more = { .details = GEE_STR("details") };
    const gee_event_t end = { .parts = GEE_EVENT_END,
                              .status = { .text = GEE_STR("said by the peer") },
                              .metadata = { .items = &pair, .count = 1 },
                              .more = &more };
    assert_int_equal(gee_flow_on_end(ends[CALLER].flow, &end, true), 0);
}

/* The side reads what the other has said, as a session does: what is of a call that is over is dropped. */
static void read_one(int side) {
    end_t *end = &ends[side], *other = &ends[!side];
    gee_flow_t *flow = end->flow;
    gee_error_t error = { 0 };
    int failed = 0;
    said_t said = other->wire[other->wire_start++];
    if (!is_open(side))
        return;
    if (said.parts & GEE_EVENT_MESSAGE) {
        uint8_t *copy = malloc(BODY); /* gone when the event is over */
        assert_non_null(copy);
        memcpy(copy, &said.number, sizeof(said.number));
        const gee_payload_t payload = { .kind = GEE_PAYLOAD_BYTES, .codec = codec, .bytes = copy, .length = BODY };
        failed = gee_flow_on_message(flow, &payload, &error);
        free(copy);
    } else if (said.parts & GEE_EVENT_HALF_CLOSE) {
        failed = gee_flow_on_half_close(flow, &error);
    } else if (said.parts & GEE_EVENT_CREDIT) {
        failed = gee_flow_on_credit(flow, said.credit, &error);
    } else if (said.parts & GEE_EVENT_END) {
        read_end();
    } else if (said.parts & GEE_EVENT_CANCEL) {
        end_flow(side);
    }
    if (failed != 0)
        fail_msg("%s", error.text);
}

/* ---- what may happen ---- */

typedef enum step {
    OPENED, /* the peer has said that it has streams */
    READ,   /* the first six: once a side */
    SEND = READ + SIDES,
    TAKE = SEND + SIDES,
    PAUSE = TAKE + SIDES,
    RESUME = PAUSE + SIDES,
    CONGEST = RESUME + SIDES,
    DRAIN = CONGEST + SIDES,
    CLOSE = DRAIN + SIDES,
    CANCEL,
    FINISH,
    GONE,
    STEPS
} step_t;

static const char *const step_names[] = { "opened",           "caller reads",   "server reads",   "caller sends",
                                          "server sends",     "caller takes",   "server takes",   "caller pauses",
                                          "server pauses",    "caller resumes", "server resumes", "caller congested",
                                          "server congested", "caller drained", "server drained", "half-close",
                                          "cancel",           "server ends",    "connection gone" };

static bool can(int step) {
    if (step >= READ && step < CLOSE) {
        int side = (step - READ) % SIDES;
        const end_t *end = &ends[side];
        switch (step - side) {
        case READ:
            return ends[!side].wire_start < ends[!side].wire_end;
        case SEND:
            return end->sent < MESSAGES && is_open(side) && end->flow->out == GEE_HALF_OPEN &&
                   !(side == SERVER && end->ending);
        case TAKE:
            return !is_over(side) && end->flow->busy;
        case PAUSE:
            return !is_over(side) && !end->flow->paused;
        case RESUME:
            return !is_over(side) && end->flow->paused;
        case CONGEST:
            return !streams[side]->congested && is_open(side);
        default: /* DRAIN */
            return streams[side]->congested;
        }
    }
    switch (step) {
    case OPENED:
        return is_open(CALLER) && !ends[CALLER].flow->opened;
    case CLOSE:
        return is_open(CALLER) && ends[CALLER].flow->out == GEE_HALF_OPEN;
    case CANCEL:
        return !is_over(CALLER);
    case FINISH:
        return is_open(SERVER) && !ends[SERVER].ending;
    default: /* GONE */
        return is_open(CALLER) && is_open(SERVER);
    }
}

static void drain(int side) {
    gee_link_t *link;
    streams[side]->congested = false;
    if ((link = gee_list_pop(&flows_of(side)->blocked)) != NULL)
        gee_flow_on_drained(GEE_CONTAINER(link, gee_flow_t, blocked_link));
}

static void connection_gone(void) {
    const gee_event_t end = { .parts = GEE_EVENT_END, .status = { .code = GEE_UNAVAILABLE } };
    end_flow(SERVER);
    assert_int_equal(gee_flow_on_end(ends[CALLER].flow, &end, false), 0);
    for (int side = 0; side < SIDES; side++)
        ends[side].wire_start = ends[side].wire_end;
}

static void take(int step) {
    if (step >= READ && step < CLOSE) {
        int side = (step - READ) % SIDES;
        gee_flow_t *flow = ends[side].flow;
        switch (step - side) {
        case READ:
            read_one(side);
            return;
        case SEND:
            send_one(side);
            return;
        case TAKE:
            gee_flow_took(flow);
            return;
        case PAUSE:
            gee_flow_pause(flow);
            return;
        case RESUME:
            gee_flow_resume(flow);
            return;
        case CONGEST:
            streams[side]->congested = true;
            return;
        default:
            drain(side);
            return;
        }
    }
    switch (step) {
    case OPENED:
        gee_flow_opened(ends[CALLER].flow, GEE_FLOW_WINDOW);
        return;
    case CLOSE:
        ends[CALLER].closed = true;
        gee_flow_half_close(ends[CALLER].flow);
        return;
    case CANCEL:
        if (is_open(CALLER))
            cancel();
        else
            end_flow(CALLER); /* its end waits */
        return;
    case FINISH:
        end_by_server();
        return;
    default:
        connection_gone();
        return;
    }
}

/* ---- what always holds ---- */

static int64_t on_wire(int side) {
    int64_t bytes = 0;
    for (size_t i = ends[side].wire_start; i < ends[side].wire_end; i++)
        if (ends[side].wire[i].parts & GEE_EVENT_MESSAGE)
            bytes += BODY + GEE_FLOW_MESSAGE_COST;
    return bytes;
}
static int64_t credit_on_wire(int side) {
    int64_t credit = 0;
    for (size_t i = ends[side].wire_start; i < ends[side].wire_end; i++)
        credit += (int64_t)ends[side].wire[i].credit;
    return credit;
}
static size_t waiting(const gee_flow_t *flow) {
    return gee_flow_held(flow) / (BODY + 4);
}

/* What one side may send, by its own account and by that of the other. */
static void check_credit(int side) {
    const gee_flow_t *sender = ends[side].flow, *receiver = ends[!side].flow;
    if (!is_open(side) || !is_open(!side) || !ends[CALLER].flow->opened)
        return;
    assert_int_equal(sender->credit + on_wire(side) + credit_on_wire(!side), receiver->allowed);
    int64_t queued = (int64_t)(waiting(receiver) - (receiver->output != NULL ? waiting(receiver) : 0));
    if (receiver->output == NULL) {
        int64_t held = queued * (BODY + GEE_FLOW_MESSAGE_COST) + (int64_t)receiver->taken +
                       (receiver->busy ? (int64_t)receiver->current : 0);
        assert_int_equal(receiver->allowed + held, GEE_FLOW_WINDOW);
        assert_true(held <= GEE_FLOW_WINDOW + BODY + GEE_FLOW_MESSAGE_COST);
    }
    assert_true(sender->output == NULL || !sender->opened || sender->credit <= 0 || streams[side]->congested);
}

static void check(void) {
    check_credit(CALLER);
    check_credit(SERVER);
    for (int side = 0; side < SIDES; side++) {
        const gee_flow_t *flow = ends[side].flow;
        assert_true(ends[side].heard <= ends[!side].sent);
        assert_int_equal(flows_of(side)->count, is_open(side));
        if (flow == NULL)
            continue;
        assert_true(flow->output == NULL || flow->session != NULL);
        assert_true(flow->queue == NULL || flow->busy || flow->paused);
    }
}

static void release_all(void) {
    for (int side = 0; side < SIDES; side++)
        end_flow(side);
}

/* Everybody reads, takes and goes on until nothing happens any more. */
static void come_to_rest(void) {
    static const int steps[] = { OPENED, DRAIN, DRAIN + 1, READ, READ + 1, RESUME, RESUME + 1, TAKE, TAKE + 1 };
    bool moved;
    do {
        moved = false;
        for (size_t i = 0; i < GEE_LENGTH(steps); i++)
            while (can(steps[i])) {
                take(steps[i]);
                check();
                moved = true;
            }
    } while (moved);
}

static void come_to_the_end(void) {
    come_to_rest();
    for (int side = 0; side < SIDES; side++) {
        const end_t *end = &ends[side];
        if (!is_open(side))
            continue;
        assert_false(end->told_full && end->flow->out == GEE_HALF_OPEN);
        assert_true(end->flow->out != GEE_HALF_OPEN || gee_flow_has_room(end->flow));
        if (is_open(!side))
            assert_int_equal(end->heard, ends[!side].sent);
    }
    if (is_open(SERVER) && ends[CALLER].closed)
        assert_int_equal(ends[SERVER].half_closes, 1);
    bool alive = is_open(CALLER);
    if (can(FINISH))
        take(FINISH);
    come_to_rest();
    assert_true(is_over(SERVER) && is_over(CALLER));
    if (alive)
        assert_int_equal(ends[CALLER].ends, 1);
}

/* ---- all orders ---- */

static void begin_call(void) {
    memset(ends, 0, sizeof(ends));
    for (int side = 0; side < SIDES; side++) {
        end_t *end = &ends[side];
        streams[side]->congested = false;
        end->session = (gee_session_t){ .engine = engine,
                                        .stream = streams[side],
                                        .flows = &end->flows,
                                        .role = side == CALLER ? GEE_CALLING : GEE_SERVING };
        end->flows = (gee_session_flows_t){ .line = &line, .count = 1 };
        gee_list_init(&end->flows.blocked);
        end->flow = malloc(sizeof(*end->flow));
        assert_non_null(end->flow);
        gee_flow_init(end->flow, &end->session, &events, 7, codec, side == CALLER);
    }
}

/* What makes two states the same: all that is not an address. */
typedef struct state_key {
    struct {
        int64_t credit, allowed, taken;
        uint32_t sent, heard, held, wire[6], current;
        uint8_t flags[16];
    } sides[SIDES];
} state_key_t;

static state_key_t key_of_state(void) {
    state_key_t key;
    memset(&key, 0, sizeof(key));
    for (int side = 0; side < SIDES; side++) {
        const end_t *end = &ends[side];
        static const gee_flow_t over = { .in = GEE_HALF_ENDED };
        const gee_flow_t *flow = end->flow != NULL ? end->flow : &over;
        key.sides[side].credit = flow->credit;
        key.sides[side].allowed = flow->allowed;
        key.sides[side].taken = (int64_t)flow->taken;
        key.sides[side].current = flow->busy ? (uint32_t)flow->current : 0;
        key.sides[side].sent = (uint32_t)end->sent;
        key.sides[side].heard = (uint32_t)end->heard;
        key.sides[side].held = (uint32_t)gee_flow_held(flow);
        for (size_t i = end->wire_start; i < end->wire_end; i++) /* at most six of MESSAGES, credits, close, end */
            if (i - end->wire_start < GEE_LENGTH(key.sides[side].wire))
                key.sides[side].wire[i - end->wire_start] = end->wire[i].parts + (uint32_t)end->wire[i].credit * 512;
        const uint8_t flags[] = { flow->in,
                                  flow->out,
                                  flow->busy,
                                  flow->paused,
                                  flow->full,
                                  flow->close_waits,
                                  flow->opened,
                                  flow->close_told,
                                  end->half_closes,
                                  end->ends,
                                  end->told_full,
                                  end->ending,
                                  flow->output != NULL,
                                  streams[side]->congested,
                                  gee_link_in_list(&flow->blocked_link),
                                  flow->session != NULL };
        memcpy(key.sides[side].flags, flags, sizeof(flags));
    }
    return key;
}

#define SEEN_ROOM (1u << 22)
static uint64_t *seen; /* hashes; 0: free */
static size_t seen_count;

static bool is_new(void) {
    static const uint64_t secret[2] = { 1, 2 };
    state_key_t key = key_of_state();
    uint64_t hash = gee_siphash(secret, &key, sizeof(key)) | 1;
    size_t at = hash >> 8 & (SEEN_ROOM - 1);
    while (seen[at] != 0) {
        if (seen[at] == hash)
            return false;
        at = (at + 1) & (SEEN_ROOM - 1);
    }
    assert_true(++seen_count < SEEN_ROOM / 2);
    seen[at] = hash;
    return true;
}

typedef struct path {
    uint8_t length, steps[DEPTH];
} path_t;

static const path_t *walked; /* for the message of a failure */

static void replay(const path_t *path) {
    walked = path;
    begin_call();
    for (size_t i = 0; i < path->length; i++) {
        take(path->steps[i]);
        check();
    }
}

/* The shortest way to each state first, so that what is seen at DEPTH has been followed as far as possible. */
static size_t walk(void) {
    size_t room = 1 << 20, count = 1;
    path_t *paths = calloc(room, sizeof(*paths));
    seen = calloc(SEEN_ROOM, sizeof(*seen));
    seen_count = 0;
    assert_true(paths && seen);
    for (size_t at = 0; at < count; at++) {
        bool possible[STEPS];
        replay(&paths[at]);
        for (int step = 0; step < STEPS; step++)
            possible[step] = can(step);
        come_to_the_end();
        release_all();
        assert_int_equal(gee_buf_cache_live(engine->buffers), 0);
        for (int step = 0; step < STEPS && paths[at].length < DEPTH; step++) {
            if (!possible[step])
                continue;
            path_t next = paths[at];
            next.steps[next.length++] = (uint8_t)step;
            replay(&next);
            if (is_new()) {
                assert_true(count < room);
                paths[count++] = next;
            }
            release_all();
        }
    }
    free(paths);
    free(seen);
    return count;
}

static void show(void) {
    for (size_t i = 0; walked != NULL && i < walked->length; i++)
        print_error("%s%s", i > 0 ? ", " : "", step_names[walked->steps[i]]);
    print_error("\n");
}

static void walk_all(manner_t chosen) {
    manner = chosen;
    size_t states = walk();
    print_message("%zu states\n", states);
    assert_true(states > 1000);
    walked = NULL;
}

static void test_take_later(void **state GEE_UNUSED) {
    walk_all(TAKE_LATER);
}
static void test_take_now(void **state GEE_UNUSED) {
    walk_all(TAKE_NOW);
}
static void test_take_and_pause(void **state GEE_UNUSED) {
    walk_all(TAKE_AND_PAUSE);
}
static void test_pause_and_take_later(void **state GEE_UNUSED) {
    walk_all(PAUSE_AND_TAKE_LATER);
}
static void test_end_inside(void **state GEE_UNUSED) {
    walk_all(END_INSIDE);
}
static void test_send_and_take(void **state GEE_UNUSED) {
    walk_all(SEND_AND_TAKE);
}

static int show_path(void **state GEE_UNUSED) {
    if (walked != NULL)
        show();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_take_later, show_path),
        cmocka_unit_test_teardown(test_take_now, show_path),
        cmocka_unit_test_teardown(test_take_and_pause, show_path),
        cmocka_unit_test_teardown(test_pause_and_take_later, show_path),
        cmocka_unit_test_teardown(test_end_inside, show_path),
        cmocka_unit_test_teardown(test_send_and_take, show_path),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
