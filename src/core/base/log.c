/* log.c: one text in, one line out.
 *
 *   format + arguments --> raw text --> printable text --> too many of this format? --> line --> lines.h, or the sink
 *                                                                 \--> counted; a note about these later
 *                                                                                 dropped there: likewise --/
 *
 * Everything is made on the caller's stack; the lock covers the table of formats and the write, so that nobody writes
 * to a descriptor that was replaced. */
#include "core/base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/defs.h"
#include "core/base/lines.h"
#include "core/base/str.h"

enum {
    TEXT = 2048,    /* the longest text */
    PREFIX = 96,    /* timestamp, colour, level, process */
    EXCERPT = 128,  /* how much of a held-back text its note shows */
    NOTE = 256,     /* the longest note */
    FORMATS = 64,   /* formats whose rate is known at a time; a power of two */
    NEIGHBOURS = 4, /* places where a format may stand */
};

/* The rate of one format. */
typedef struct rate {
    const void *format; /* its address; null: free. Compared only, never read */
    int64_t since;      /* start of the second that is being counted */
    unsigned seen, held;
    gee_log_level_t level;
    char excerpt[EXCERPT]; /* of the first text that was held back */
} rate_t;

struct gee_log {
    atomic_int level;
    atomic_uint formats_held; /* rates with held > 0 */
    pthread_mutex_t lock;
    atomic_int descriptor; /* -1: none, or a sink is used; changed under the lock only */
    gee_lines_t lines;
    atomic_bool dropping; /* lines.dropped > 0 */
    bool colour;
    gee_log_sink_t sink;
    void *sink_data;
    rate_t rates[FORMATS];
};

/* A note about lines that were held back. */
typedef struct note {
    gee_log_level_t level;
    char text[NOTE]; /* empty: nothing */
} note_t;

const char *const gee_log_level_names[] = {
    "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", NULL,
};

/* ---- making and changing ---- */

static gee_log_t *create(gee_log_level_t level) {
    gee_log_t *log = calloc(1, sizeof *log);
    if (log == NULL)
        return NULL;
    if (pthread_mutex_init(&log->lock, NULL) != 0) {
        free(log);
        return NULL;
    }
    atomic_init(&log->level, (int)level);
    atomic_init(&log->formats_held, 0);
    atomic_init(&log->descriptor, -1);
    atomic_init(&log->dropping, false);
    return log;
}

gee_log_t *gee_log_to_descriptor(int descriptor, gee_log_level_t level) {
    gee_log_t *log = create(level);
    if (log)
        log->descriptor = descriptor;
    return log;
}

gee_log_t *gee_log_to_sink(gee_log_sink_t sink, void *data, gee_log_level_t level) {
    gee_log_t *log = create(level);
    if (log) {
        log->sink = sink;
        log->sink_data = data;
    }
    return log;
}

void gee_log_set_level(gee_log_t *log, gee_log_level_t level) {
    if (log)
        atomic_store_explicit(&log->level, (int)level, memory_order_relaxed);
}

bool gee_log_enabled(const gee_log_t *log, gee_log_level_t level) {
    return log && (int)level <= atomic_load_explicit(&log->level, memory_order_relaxed);
}

int gee_log_set_descriptor(gee_log_t *log, int descriptor) {
    if (log == NULL)
        return -1;
    pthread_mutex_lock(&log->lock);
    int before = log->descriptor;
    log->descriptor = descriptor;
    log->lines.torn = false;
    pthread_mutex_unlock(&log->lock);
    return before;
}

int gee_log_descriptor(const gee_log_t *log) {
    return log ? log->descriptor : -1;
}

void gee_log_set_colour(gee_log_t *log, bool colour) {
    if (log == NULL)
        return;
    pthread_mutex_lock(&log->lock);
    log->colour = colour;
    pthread_mutex_unlock(&log->lock);
}

/* ---- writing a line ---- */

static const char *colour_of(gee_log_level_t level) {
    if (level <= GEE_LOG_ERROR)
        return "\033[31m";
    if (level == GEE_LOG_WARN)
        return "\033[33m";
    return level == GEE_LOG_NOTICE ? "\033[32m" : "\033[2m";
}

static size_t put_prefix(char *target, gee_log_level_t level, bool colour) {
    char timestamp[GEE_TIMESTAMP_TEXT];
    gee_format_timestamp(timestamp, gee_clock_wall());
    int length = snprintf(target, PREFIX, "%s %s[%s]%s %ld: ", timestamp, colour ? colour_of(level) : "",
                          gee_log_level_names[level], colour ? "\033[0m" : "", (long)getpid());
    return length > 0 && length < PREFIX ? (size_t)length : 0;
}

/* `text` is printable already. The caller holds the lock. */
static bool write_line(gee_log_t *log, gee_log_level_t level, const char *text) {
    char line[PREFIX + TEXT + 1];
    size_t prefix = put_prefix(line, level, log->colour), length = strnlen(text, TEXT);
    memcpy(line + prefix, text, length);
    line[prefix + length] = '\n';
    return gee_lines_write(&log->lines, log->descriptor, line, prefix + length + 1);
}

/* The caller holds the lock. */
static GEE_APART void say_dropped(gee_log_t *log) {
    char text[NOTE];
    uint64_t dropped = log->lines.dropped;
    snprintf(text, sizeof text, "%" PRIu64 " line%s dropped: %s", dropped, dropped == 1 ? " was" : "s were",
             gee_lines_reason(&log->lines));
    log->lines.dropped = write_line(log, GEE_LOG_ERROR, text) ? 0 : dropped;
}

static void try_to_say_dropped(gee_log_t *log) {
    pthread_mutex_lock(&log->lock);
    if (log->lines.dropped > 0 && log->descriptor >= 0)
        say_dropped(log);
    log->dropping = log->lines.dropped > 0;
    pthread_mutex_unlock(&log->lock);
}

/* The sink is called without the lock: it may log itself. */
static void emit(gee_log_t *log, gee_log_level_t level, const char *text) {
    if (log->sink) {
        log->sink(log->sink_data, level, text);
        return;
    }
    if (log->dropping)
        try_to_say_dropped(log);
    pthread_mutex_lock(&log->lock);
    if (log->descriptor >= 0 && !write_line(log, level, text))
        log->dropping = true;
    pthread_mutex_unlock(&log->lock);
}

/* ---- rates ---- */

/* Puts the note about `rate` into `note` and starts a new second. The caller holds the lock. */
static void settle(gee_log_t *log, rate_t *rate, int64_t now, note_t *note) {
    note->text[0] = '\0';
    if (rate->held > 0) {
        note->level = rate->level;
        (void)gee_str_format(note->text, sizeof note->text, "held back %u more lines like: %s", rate->held,
                             rate->excerpt);
        atomic_fetch_sub_explicit(&log->formats_held, 1, memory_order_relaxed);
    }
    rate->since = now;
    rate->seen = rate->held = 0;
}

/* The rate of this format; when it has none and its places are taken, the oldest rate there makes way. */
static rate_t *find_rate(gee_log_t *log, const void *format, int64_t now, note_t *note) {
    size_t home = (size_t)((uint64_t)(uintptr_t)format * 0x9e3779b97f4a7c15U >> 58);
    rate_t *oldest = NULL;
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        rate_t *rate = &log->rates[(home + i) % FORMATS];
        if (rate->format == format)
            return rate;
        if (oldest == NULL || (oldest->format && (rate->format == NULL || rate->since < oldest->since)))
            oldest = rate;
    }
    settle(log, oldest, now, note);
    oldest->format = format;
    return oldest;
}

static void keep_excerpt(rate_t *rate, const char *text) {
    (void)gee_str_format(rate->excerpt, sizeof rate->excerpt, "%s", text);
}

/* May this line be written? `note` must be written before the line. */
static bool admit(gee_log_t *log, gee_log_level_t level, const void *format, const char *text, note_t *note) {
    int64_t now = gee_clock_monotonic();
    pthread_mutex_lock(&log->lock);
    rate_t *rate = find_rate(log, format, now, note);
    if (now - rate->since >= GEE_SECOND)
        settle(log, rate, now, note);
    bool admitted = rate->seen < GEE_LOG_BURST;
    if (admitted) {
        rate->seen++;
    } else {
        if (rate->held == 0) {
            rate->level = level;
            keep_excerpt(rate, text);
            atomic_fetch_add_explicit(&log->formats_held, 1, memory_order_relaxed);
        }
        rate->held += rate->held < UINT32_MAX;
    }
    pthread_mutex_unlock(&log->lock);
    return admitted;
}

/* Writes the notes about lines held back: all notes, or those whose second is over. */
static void say_held(gee_log_t *log, bool everything) {
    int64_t now = gee_clock_monotonic();
    for (size_t i = 0; i < FORMATS && atomic_load_explicit(&log->formats_held, memory_order_relaxed) > 0; i++) {
        note_t note = { .text = "" };
        pthread_mutex_lock(&log->lock);
        rate_t *rate = &log->rates[i];
        if (rate->held > 0 && (everything || now - rate->since >= GEE_SECOND))
            settle(log, rate, now, &note);
        pthread_mutex_unlock(&log->lock);
        if (note.text[0] != '\0')
            emit(log, note.level, note.text);
    }
}

void gee_log_forget_held(gee_log_t *log) {
    pthread_mutex_lock(&log->lock);
    memset(log->rates, 0, sizeof log->rates);
    log->lines = (gee_lines_t){ 0 };
    log->dropping = false;
    atomic_store_explicit(&log->formats_held, 0, memory_order_relaxed);
    pthread_mutex_unlock(&log->lock);
}

static bool holds_lines(const gee_log_t *log) {
    return atomic_load_explicit(&log->formats_held, memory_order_relaxed) > 0;
}

bool gee_log_tick(gee_log_t *log) {
    if (!log || (!holds_lines(log) && !log->dropping))
        return false;
    say_held(log, false);
    if (log->dropping)
        try_to_say_dropped(log);
    return holds_lines(log) || log->dropping;
}

void gee_log_destroy(gee_log_t **log) {
    if (*log == NULL)
        return;
    say_held(*log, true);
    if ((*log)->dropping)
        try_to_say_dropped(*log);
    pthread_mutex_destroy(&(*log)->lock);
    free(*log);
    *log = NULL;
}

/* ---- from format to text ---- */

/* May these bytes (one UTF-8 sequence) stand in a line as they are? Not the control characters: C0, DEL, and C1, which
 * some terminals obey. */
static bool is_printable(const uint8_t *bytes, size_t length) {
    if (length == 1)
        return bytes[0] >= 0x20 && bytes[0] < 0x7f;
    return length > 1 && !(bytes[0] == 0xc2 && bytes[1] < 0xa0);
}

/* One byte that may not stand in a line, as an escape. */
static size_t escape(char target[4], uint8_t byte) {
    static const char digits[] = "0123456789abcdef";
    target[0] = '\\';
    if (byte == '\n' || byte == '\r' || byte == '\t') {
        target[1] = byte == '\n' ? 'n' : byte == '\r' ? 'r' : 't';
        return 2;
    }
    target[1] = 'x';
    target[2] = digits[byte >> 4];
    target[3] = digits[byte & 15];
    return 4;
}

/* At most TEXT bytes and a terminator. Double escaping of backslashes is left out: many texts are escaped already. */
static void make_printable(char *target, const char *raw, size_t length) {
    const uint8_t *from = (const uint8_t *)raw;
    size_t used = 0;
    for (size_t i = 0; i < length;) {
        size_t sequence = gee_utf8_sequence(from + i, length - i);
        char escaped[4];
        bool plain = is_printable(from + i, sequence);
        size_t size = plain ? sequence : escape(escaped, from[i]);
        if (used + size > TEXT)
            break;
        memcpy(target + used, plain ? raw + i : escaped, size);
        used += size;
        i += plain ? sequence : 1;
    }
    target[used] = '\0';
}

void gee_log_write(gee_log_t *log, gee_log_level_t level, const char *format, ...) {
    va_list arguments;
    if (!gee_log_enabled(log, level))
        return;
    int saved = errno;
    char raw[TEXT + 1], text[TEXT + 1];
    va_start(arguments, format);
    size_t length = gee_str_vformat(raw, sizeof raw, format, arguments);
    va_end(arguments);
    make_printable(text, raw, length);

    note_t note = { .text = "" };
    bool admitted = level < GEE_LOG_WARN || admit(log, level, format, text, &note);
    if (note.text[0] != '\0')
        emit(log, note.level, note.text);
    if (admitted)
        emit(log, level, text);
    errno = saved;
}
