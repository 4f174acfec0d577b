/* report.c: output of geectl: replies on stdout, errors on stderr, colours on a terminal only. */
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

/* One character of a text from outside, as printed. */
typedef struct glyph {
    char text[8];
    size_t length; /* bytes of the text that were read; 0: the end of the text */
    size_t width;  /* columns */
} glyph_t;

/* The character at `at` and its length in UTF-8; 0: no character begins there. */
static size_t decode(const unsigned char *at, unsigned *code) {
    static const unsigned least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xf0 && at[0] < 0xf8 ? 4 : at[0] >= 0xe0 ? 3 : at[0] >= 0xc0 ? 2 : 0;
    if (length == 0 || at[0] >= 0xf8)
        return 0;
    *code = length == 1 ? at[0] : at[0] & (0xffU >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (at[i] & 0x3f);
    }
    return *code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : length;
}

/* Characters that control a terminal, or mislead a reader: C0, DEL, C1, ends of lines and paragraphs, and the marks
 * that change the direction of writing. */
static bool is_order(unsigned code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x206f);
}

/* Control characters are shown as JSON escapes, so that a reply stays the same JSON; bytes that are no UTF-8 as
 * \x9b. */
static glyph_t read_glyph(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    glyph_t glyph = { .width = 1 };
    unsigned code;
    if (*at == '\0')
        return glyph;
    glyph.length = decode(at, &code);
    if (glyph.length > 0 && !is_order(code)) {
        memcpy(glyph.text, text, glyph.length);
        return glyph;
    }
    glyph.width = (size_t)(glyph.length > 0 ? snprintf(glyph.text, sizeof(glyph.text), "\\u%04x", code)
                                            : snprintf(glyph.text, sizeof(glyph.text), "\\x%02x", *at));
    glyph.length = glyph.length > 0 ? glyph.length : 1;
    return glyph;
}

size_t gee_text_width(const char *text) {
    size_t width = 0;
    for (glyph_t glyph; (glyph = read_glyph(text)).length > 0; text += glyph.length)
        width += glyph.width;
    return width;
}

void gee_print_text(FILE *out, style_t style, const char *text) {
    static const char *const starts[] = { "", "\033[31m", "\033[1m", "\033[2m" };
    bool colour = style != STYLE_PLAIN && coloured(out);
    if (colour)
        fputs(starts[style], out);
    for (glyph_t glyph; (glyph = read_glyph(text)).length > 0; text += glyph.length)
        fputs(glyph.text, out);
    if (colour)
        fputs("\033[0m", out);
}

int gee_complain(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)gee_str_vformat(text, sizeof(text), format, arguments);
    va_end(arguments);
    fputs("geectl: ", stderr);
    gee_print_text(stderr, STYLE_ERROR, text);
    fputc('\n', stderr);
    return EXIT_USAGE;
}

int gee_report_error(const gee_error_t *error) {
    if (error->from_peer) { /* the server's text, and nothing else */
        gee_print_text(stderr, STYLE_ERROR, error->text);
        fputc('\n', stderr);
        return EXIT_ERROR_REPLY;
    }
    /* Trouble with servers, too, although nothing was sent. */
    bool no_server = error->code == GEE_UNAVAILABLE || error->code == GEE_DEADLINE_EXCEEDED;
    gee_complain("%s", error->text);
    return error->phase == GEE_PHASE_NONE && !no_server ? EXIT_USAGE : EXIT_CONNECTION;
}

static void compact_json(char *text) {
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

void gee_print_json(char *text) {
    compact_json(text);
    gee_print_text(stdout, STYLE_PLAIN, text);
    putchar('\n');
}

static void print_bytes(FILE *out, gee_str_t bytes) {
    bool printable = true;
    for (size_t i = 0; i < bytes.length; i++)
        printable = printable && bytes.data[i] >= ' ' && bytes.data[i] <= '~';
    if (printable)
        fprintf(out, "\"%s\"", bytes.data);
    for (size_t i = 0; !printable && i < bytes.length; i++)
        fprintf(out, "%02x", (unsigned char)bytes.data[i]);
}

static bool is_binary(gee_str_t key) {
    return key.length >= 4 && memcmp(key.data + key.length - 4, "-bin", 4) == 0;
}

void gee_print_metadata(const char *title, const gee_received_pair_t *pairs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "%-8s  ", title);
        gee_print_text(stderr, STYLE_NAME, pairs[i].key.data);
        fputs(": ", stderr);
        if (is_binary(pairs[i].key))
            print_bytes(stderr, pairs[i].value);
        else
            gee_print_text(stderr, STYLE_PLAIN, pairs[i].value.data);
        fputc('\n', stderr);
    }
}

void gee_print_received(const gee_received_t *received, bool initial) {
    if (initial)
        gee_print_metadata("initial", received->initial, received->initial_count);
    gee_print_metadata("trailing", received->trailing, received->trailing_count);
    if (received->details.length == 0)
        return;
    fprintf(stderr, "%-8s  ", "details");
    print_bytes(stderr, received->details);
    fputc('\n', stderr);
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
