/* report.c: what geectl prints: replies on stdout, errors on stderr, colour on a terminal only. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/tools.h"

static bool coloured(FILE *out) {
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(fileno(out)) && (no_color == NULL || no_color[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}

/* Length of the control character at `at`, 0 when it is none: C0 but for tab and newline, DEL, C1 in UTF-8. */
static size_t control_length(const unsigned char *at) {
    if ((at[0] < 0x20 && at[0] != '\n' && at[0] != '\t') || at[0] == 0x7f)
        return 1;
    return at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f ? 2 : 0;
}

static void print_harmless(FILE *out, const char *text) {
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        size_t control = control_length(at);
        if (control == 0) {
            putc(*at++, out);
            continue;
        }
        for (; control > 0; control--)
            fprintf(out, "\\x%02x", *at++);
    }
}

void gee_print_text(FILE *out, style_t style, const char *text) {
    static const char *const starts[] = { "", "\033[31m", "\033[1m", "\033[2m" };
    if (!isatty(fileno(out))) {
        fputs(text, out);
        return;
    }
    bool colour = style != STYLE_PLAIN && coloured(out);
    if (colour)
        fputs(starts[style], out);
    print_harmless(out, text);
    if (colour)
        fputs("\033[0m", out);
}

int gee_complain(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    fputs("geectl: ", stderr);
    gee_print_text(stderr, STYLE_ERROR, text);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

int gee_report_error(const gee_error_t *error) {
    if (error->from_peer) { /* the server's words, and nothing else */
        gee_print_text(stderr, STYLE_ERROR, error->text);
        fputc('\n', stderr);
        return EXIT_ERROR_REPLY;
    }
    bool late =
        error->code == GEE_UNAVAILABLE || error->code == GEE_DEADLINE_EXCEEDED; /* there are no servers, or so */
    gee_complain("%s", error->text);
    return error->phase == GEE_PHASE_NONE && !late ? EXIT_USAGE : EXIT_CONNECTION;
}

void gee_compact_json(char *text) {
    char *to = text;
    bool in_string = false;
    for (const char *at = text; *at != '\0'; at++) {
        if (!in_string && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
            continue;
        if (*at == '"')
            in_string = !in_string;
        *to++ = *at;
        if (in_string && *at == '\\' && at[1] != '\0')
            *to++ = *++at;
    }
    *to = '\0';
}

char *gee_time_text(char *target, double nanoseconds) {
    static const char *const units[] = { "ns", "us", "ms", "s" };
    size_t unit = 0;
    while (unit < 3 && nanoseconds >= 999.5) {
        nanoseconds /= 1000;
        unit++;
    }
    int decimals = unit == 0 || nanoseconds >= 99.95 ? 0 : nanoseconds >= 9.995 ? 1 : 2;
    snprintf(target, TIME_TEXT, "%.*f %s", decimals, nanoseconds, units[unit]);
    return target;
}

int gee_finish_output(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    gee_complain("standard output cannot be written");
    return status == EXIT_REPLY ? EXIT_USAGE : status;
}
