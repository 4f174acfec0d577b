/* log.h: leveled log lines: to a descriptor (the server), or to a function (the library). Thread-safe.
 *
 * A line is "2026-11-22T08:38:33.123Z [notice] 4711: text\n", written with one write(). A text is cut at 2 KiB;
 * control bytes in the text are escaped (\n, \x1b), so that a peer's bytes cannot forge a line. The same format that
 * comes more than GEE_LOG_BURST times within a second, at level warn or below in weight, is held back; when the
 * second is over a line says how many were held back. Lines that cannot be written at once (lines.h) are dropped, and
 * a later line says how many. A level that is off costs one comparison. */
#ifndef GEE_BASE_LOG_H
#define GEE_BASE_LOG_H

#include <stdbool.h>

typedef enum gee_log_level {
    GEE_LOG_EMERG = 0, /* the server cannot go on */
    GEE_LOG_ALERT,     /* our own defect, or the machine's: somebody must look */
    GEE_LOG_CRIT,      /* a part of the server does not work */
    GEE_LOG_ERROR,     /* something was asked for and failed */
    GEE_LOG_WARN,      /* a peer or a setting is odd */
    GEE_LOG_NOTICE,    /* what an operator wants to see by default: start, stop, reload */
    GEE_LOG_INFO,      /* connections come and go */
    GEE_LOG_DEBUG
} gee_log_level_t;

#define GEE_LOG_BURST 20
#define GEE_LOG_OFF   "off" /* as the path of a log: no log */

typedef struct gee_log gee_log_t;
typedef void (*gee_log_sink_t)(void *data, gee_log_level_t level, const char *text);

/* Writes lines to `descriptor`, which stays the caller's. Null: no memory. */
gee_log_t *gee_log_to_descriptor(int descriptor, gee_log_level_t level);
/* Hands texts (no timestamp, no newline) to `sink`, on whatever thread logs. */
gee_log_t *gee_log_to_sink(gee_log_sink_t sink, void *data, gee_log_level_t level);
void gee_log_destroy(gee_log_t **log); /* writes what was held back first */

void gee_log_set_level(gee_log_t *log, gee_log_level_t level);
/* The descriptor to write to from now on; returns the old descriptor, which the caller may close. */
int gee_log_set_descriptor(gee_log_t *log, int descriptor);
int gee_log_descriptor(const gee_log_t *log);
/* ANSI colour for the level; for a terminal. Off at first. */
void gee_log_set_colour(gee_log_t *log, bool colour);
/* Writes the counts of lines held back whose second is over, and of lines dropped. The loop calls this before it
 * sleeps. True: more counts wait, so the loop should sleep for no longer than a second. */
bool gee_log_tick(gee_log_t *log);

/* Forgets the counts of lines held back or dropped, without writing them: for a forked process, which has its
 * parent's. */
void gee_log_forget_held(gee_log_t *log);

bool gee_log_enabled(const gee_log_t *log, gee_log_level_t level); /* a null log is never enabled */
void gee_log_write(gee_log_t *log, gee_log_level_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Arguments are not evaluated when the level is off. */
#define gee_log(log, level, ...)                                                                                       \
    do {                                                                                                               \
        if (gee_log_enabled(log, level))                                                                               \
            gee_log_write(log, level, __VA_ARGS__);                                                                    \
    } while (0)

/* "emerg" to "debug", by level; ends with null, as the choices of a setting do. */
extern const char *const gee_log_level_names[GEE_LOG_DEBUG + 2];

#endif
