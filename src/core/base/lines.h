/* lines.h: writing lines of a log without waiting: whatever the descriptor is, and whether somebody reads there or
 * not, a write takes what fits now. The rest is dropped and counted.
 *
 *   regular file    write(): a disk that is full refuses
 *   socket          send(), not waiting
 *   pipe, terminal  write() where the descriptor is non-blocking, as descriptors opened by log_files.c are. O_NONBLOCK
 *                   is not set here: the flag belongs to all programs that share the open file, a shell among them */
#ifndef GEE_BASE_LINES_H
#define GEE_BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gee_lines {
    uint64_t dropped; /* lines; the caller says so when there is room, and sets it to 0 */
    int reason;       /* errno of the last line that was dropped */
    bool torn;        /* the last write ended within a line */
} gee_lines_t;

/* Whole lines. True: all were taken. A line that was torn is ended first. */
bool gee_lines_write(gee_lines_t *lines, int descriptor, const char *bytes, size_t length);
/* The same without counts; may be called in a signal handler. Returns how many bytes were not taken; errno says why. */
size_t gee_write_lines(int descriptor, const char *bytes, size_t length);
/* "nobody reads them", "No space left on device": why lines were dropped. */
const char *gee_lines_reason(const gee_lines_t *lines);

#endif
