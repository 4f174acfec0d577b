/* filter_access_log: one line a call in a file:
 *
 *   2026-11-22T08:38:33.123Z tcp@127.0.0.1:40312 - Arith.Multiply json 0 55 57 35 tcp@10.0.0.1:9999 1 1 1
 *   time                     peer          its name method       codec code bytes in, bytes out, microseconds
 *                            of a call that was forwarded, the server that answered or failed last, servers tried
 *                            messages in, messages out
 *
 * Fields are separated by one space; "-" stands for an absent field. Text that a peer chose is escaped, spaces too, so
 * a line is always thirteen fields. Codes are gRPC's numbers. Lines are gathered and written together, at the end of
 * the loop's pass or when BUFFER bytes are full. Lines that the file does not take at once are dropped and counted; the
 * error log says when the dropping begins and when it ends. */
#include <gee/filter.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BUFFER      (32 * 1024)
#define METHOD_TEXT 400 /* of an escaped method's name; "..." ends a name that is cut */
#define NAME_TEXT   200
#define PEER_TEXT   (2 * GEE_ADDR_TEXT)
#define LINE_TEXT   (METHOD_TEXT + NAME_TEXT + 2 * PEER_TEXT + 200)

typedef struct conf {
    const char *path;
    bool opened;
    int descriptor; /* the core's */
} conf_t;

static const gee_option_t options[] = {
    { .name = "path",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(conf_t, path),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The file that gets a line for each call; stdout or stderr for those of the server; off, or without it: "
             "no access "
             "log" },
    { .name = NULL },
};

typedef struct state {
    gee_engine_t *engine;
    bool on;
    int descriptor;
    gee_task_t flush_task;
    gee_lines_t lines;
    bool failing; /* the last write failed, and that was logged */
    int64_t stamped_ns;
    char stamp[GEE_TIMESTAMP_TEXT]; /* of the pass that began at stamped_ns */
    size_t length;
    char buffer[BUFFER];
} state_t;

/* ---- writing ---- */

static void lose(state_t *state) {
    if (!state->failing)
        gee_log(gee_engine_log(state->engine), GEE_LOG_ERROR, "access_log: lines are dropped: %s",
                gee_lines_reason(&state->lines));
    state->failing = true;
}

static void say_dropped(state_t *state) {
    gee_log(gee_engine_log(state->engine), GEE_LOG_NOTICE,
            "access_log: lines are written again, %" PRIu64 " were dropped", state->lines.dropped);
    state->failing = false;
    state->lines.dropped = 0;
}

static void flush(state_t *state) {
    if (state->length == 0)
        return;
    bool taken = gee_lines_write(&state->lines, state->descriptor, state->buffer, state->length);
    state->length = 0;
    if (!taken)
        lose(state);
    else if (state->failing)
        say_dropped(state);
}

static void flush_later(gee_task_t *task) {
    flush(GEE_CONTAINER(task, state_t, flush_task));
}

/* ---- a line ---- */

/* Printable ASCII but for space, quote and backslash as it is, other bytes as \xhh; "-" for an empty text. Returns the
 * end of the text, which takes at most `capacity` bytes. */
static char *put_escaped(char *at, size_t capacity, const char *text, size_t length) {
    static const char digits[] = "0123456789abcdef";
    const char *end = at + capacity - 7; /* one more escape, and the dots */
    if (length == 0)
        *at++ = '-';
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (at >= end) {
            memcpy(at, "...", 3);
            return at + 3;
        }
        if (byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\') {
            *at++ = (char)byte;
            continue;
        }
        *at++ = '\\';
        *at++ = 'x';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    return at;
}

static char *put_text(char *at, size_t capacity, const char *text) {
    return put_escaped(at, capacity, text ? text : "", text ? strlen(text) : 0);
}

/* The time is taken once a pass of the loop. */
static const char *stamp(state_t *state) {
    int64_t now = gee_loop_now(gee_engine_loop(state->engine));
    if (now != state->stamped_ns) {
        gee_format_timestamp(state->stamp, gee_clock_wall());
        state->stamped_ns = now;
    }
    return state->stamp;
}

/* Of nearly all calls a digit each. */
static char *put_messages(char *at, const gee_call_t *call) {
    uint32_t in = gee_call_messages_in(call), out = gee_call_messages_out(call);
    if (in > 9 || out > 9)
        return at + sprintf(at, " %" PRIu32 " %" PRIu32 "\n", in, out);
    const char digits[] = { ' ', (char)('0' + in), ' ', (char)('0' + out), '\n' };
    memcpy(at, digits, sizeof(digits));
    return at + sizeof(digits);
}

static void put_line(state_t *state, const gee_call_t *call) {
    char *start = state->buffer + state->length, *at = start;
    gee_peer_t peer = gee_call_peer(call);
    int64_t taken = gee_clock_monotonic() - gee_call_started_ns(call);
    at = put_text(at, GEE_TIMESTAMP_TEXT + 8, stamp(state));
    *at++ = ' ';
    at = put_text(at, PEER_TEXT, peer.address);
    *at++ = ' ';
    at = put_text(at, NAME_TEXT, peer.name);
    *at++ = ' ';
    at = put_escaped(at, METHOD_TEXT, gee_call_method(call).data, gee_call_method(call).length);
    *at++ = ' ';
    at = put_text(at, 32, gee_call_codec(call) ? gee_call_codec(call)->name : NULL);
    at += sprintf(at, " %d %zu %zu %" PRId64 " ", (int)gee_call_status(call)->code, gee_call_request_bytes(call),
                  gee_call_reply_bytes(call), taken > 0 ? taken / 1000 : 0);
    at = put_text(at, PEER_TEXT, gee_call_forwarded(call) ? gee_call_forwarded(call)->address : NULL);
    at += sprintf(at, " %u", gee_call_forwarded(call) ? gee_call_forwarded(call)->tries : 0);
    at = put_messages(at, call);
    state->length += (size_t)(at - start);
}

static void on_end(void *data, gee_call_t *call) {
    state_t *state = data;
    if (state->length + LINE_TEXT > BUFFER)
        flush(state);
    if (state->length == 0)
        gee_loop_defer(gee_engine_loop(state->engine), &state->flush_task);
    put_line(state, call);
}

/* ---- life ---- */

static int prepare(void *data, const gee_prepare_t *prepare, gee_error_t *error) {
    conf_t *conf = data;
    if (conf->path == NULL || conf->path[0] == '\0' || strcmp(conf->path, GEE_LOG_OFF) == 0)
        return 0;
    conf->descriptor = prepare->open_log(prepare, conf->path, error);
    conf->opened = conf->descriptor >= 0;
    return conf->opened ? 0 : gee_error_prefix(error, "access_log.path: ");
}

static int start(void *data, const void *settings, gee_engine_t *engine, gee_error_t *error) {
    state_t *state = data;
    const conf_t *conf = settings;
    (void)error;
    state->engine = engine;
    state->on = conf != NULL && conf->opened;
    if (state->on)
        state->descriptor = conf->descriptor;
    state->flush_task.run = flush_later;
    return 0;
}

static void stop(void *data) {
    state_t *state = data;
    gee_loop_undefer(&state->flush_task);
    if (!state->on)
        return;
    flush(state);
    if (state->lines.dropped > 0)
        gee_log(gee_engine_log(state->engine), GEE_LOG_ERROR, "access_log: %" PRIu64 " lines were dropped: %s",
                state->lines.dropped, gee_lines_reason(&state->lines));
}

static bool idle(const void *data) {
    const state_t *state = data;
    return !state->on;
}

static const gee_filter_t filter = {
    .state_size = sizeof(state_t),
    .start = start,
    .stop = stop,
    .idle = idle,
    .on_end = on_end,
};

extern const gee_module_t gee_filter_access_log_module;
const gee_module_t gee_filter_access_log_module = {
    .abi = GEE_MODULE_ABI,
    .kind = GEE_MODULE_FILTER,
    .name = "filter_access_log",
    .interface = &filter,
    .block = "access_log",
    .options = options,
    .conf_size = sizeof(conf_t),
    .prepare = prepare,
};
