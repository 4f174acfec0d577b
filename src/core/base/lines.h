/* lines.h: writing lines of a log where nobody may be waited for: whatever the descriptor is, and whoever reads there or
 * does not, a write takes what fits now. The rest is dropped and counted.
 *
 *   regular file    write(): a disk that is full refuses
 *   socket          send(), not waiting
 *   pipe, terminal  write() where the descriptor is non-blocking, as those are that log_files.c opens. O_NONBLOCK is not
 *                   set here: it belongs to all programs that share the open file, the shell of a terminal among them */
#ifndef GEE_BASE_LINES_H
#define GEE_BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gee_lines {
    uint64_t dropped; /* lines; the caller says so when there is room, and sets it to 0 */
    int reason;       /* errno of the last one that was dropped */
    bool torn;        /* what was written last ends within a line */
} gee_lines_t;

/* Whole lines. True: all were taken. A line that was torn is ended first. */
bool gee_lines_write(gee_lines_t *lines, int descriptor, const char *bytes, size_t length);
/* The same without a memory; may be called in a signal handler. Returns how many bytes were not taken; then errno says why. */
size_t gee_write_lines(int descriptor, const char *bytes, size_t length);
/* "nobody reads them", "No space left on device": why lines were dropped. */
const char *gee_lines_reason(const gee_lines_t *lines);

#endif
