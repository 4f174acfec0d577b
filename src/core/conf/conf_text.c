/* conf_text.c: reads a configuration file into memory, with each included file in the place of its directive, and
 * maps lines to file and line.
 *
 *   a.conf            joined        chunks
 *   1 x = 1;          1 x = 1;      1 -> a.conf:1
 *   2 @include "b"    2 y = 2;      2 -> b:1
 *   3 z = 3;          4 z = 3;      4 -> a.conf:2 (the rest of the line of the directive)
 *
 * libconfig 1.5 would read includes itself, but only below the working directory, and would name none in an error. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/conf/conf_private.h"

#define PROBLEM_TEXT 1536

/* ---- lines and places ---- */

static const gee_conf_chunk_t *chunk_of(const gee_conf_text_t *text, unsigned line) {
    const gee_conf_chunk_t *found = NULL;
    size_t low = 0, high = text->chunk_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (text->chunks[middle].first_line <= line) {
            found = &text->chunks[middle];
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return found;
}

const char *gee_conf_text_place(const gee_conf_text_t *text, unsigned line) {
    const gee_conf_chunk_t *chunk = line > 0 ? chunk_of(text, line) : NULL;
    if (!chunk)
        return text->shown;
    const char *place =
        gee_pool_printf(text->pool, "%s:%u", chunk->file, chunk->file_line + (line - chunk->first_line));
    return place ? place : text->shown;
}

void gee_conf_text_problem(const gee_conf_text_t *text, unsigned line, const char *format, ...) {
    char reason[PROBLEM_TEXT];
    va_list arguments;
    va_start(arguments, format);
    (void)gee_str_vformat(reason, sizeof reason, format, arguments);
    va_end(arguments);
    if (text->problems->count < GEE_CONF_PROBLEMS) {
        const char *whole = gee_pool_printf(text->pool, "%s: %s", gee_conf_text_place(text, line), reason);
        gee_conf_problems_add(text->problems, text->source, line, whole);
    } else {
        gee_conf_problems_add(text->problems, text->source, line, NULL);
    }
}

/* ---- the joined text ---- */

int gee_conf_text_append(gee_conf_text_t *text, const char *bytes, size_t length) {
    if (length > text->maximum || text->length + length > text->maximum)
        return -1;
    size_t wanted = text->length + length + 1;
    if (wanted > text->capacity) {
        size_t capacity = wanted < 4096 ? 4096 : wanted * 2;
        char *grown = realloc(text->bytes, capacity);
        if (!grown)
            return -1;
        text->bytes = grown;
        text->capacity = capacity;
    }
    if (length > 0)
        memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
    return 0;
}

void gee_conf_text_free(gee_conf_text_t *text) {
    free(text->bytes);
    free(text->chunks);
    text->bytes = NULL;
    text->chunks = NULL;
    text->length = text->capacity = text->chunk_count = text->chunk_capacity = 0;
}

static int begin_chunk(gee_conf_text_t *text, const char *file, unsigned file_line) {
    if (text->chunk_count == text->chunk_capacity) {
        size_t capacity = text->chunk_capacity ? text->chunk_capacity * 2 : 16;
        gee_conf_chunk_t *grown = realloc(text->chunks, capacity * sizeof *grown);
        if (!grown)
            return -1;
        text->chunks = grown;
        text->chunk_capacity = capacity;
    }
    text->chunks[text->chunk_count++] =
        (gee_conf_chunk_t){ .first_line = text->line, .file_line = file_line, .file = file };
    return 0;
}

/* Adds lines to the current chunk; a last line without a line feed gets one, so that the next chunk starts a line. */
static int add_lines(gee_conf_text_t *text, const char *bytes, size_t length) {
    size_t start = text->length;
    if (gee_conf_text_append(text, bytes, length) < 0)
        return -1;
    if (length > 0 && bytes[length - 1] != '\n' && gee_conf_text_append(text, "\n", 1) < 0)
        return -1;
    for (size_t i = start; i < text->length; i++)
        text->line += text->bytes[i] == '\n';
    return 0;
}

/* ---- one file ---- */

typedef struct file {
    const char *name; /* as shown in errors */
    unsigned depth;
    char *bytes;
    size_t length;
} file_t;

static int join(gee_conf_text_t *text, const file_t *file);

static int read_descriptor(int descriptor, file_t *file) {
    size_t capacity = 0;
    for (;;) {
        if (file->length == capacity) {
            capacity = capacity ? capacity * 2 : 16384;
            char *grown = realloc(file->bytes, capacity);
            if (!grown)
                return -1;
            file->bytes = grown;
        }
        ssize_t count = read(descriptor, file->bytes + file->length, capacity - file->length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return (int)count;
        file->length += (size_t)count;
        if (file->length > GEE_CONF_TEXT_MAXIMUM) {
            errno = EFBIG;
            return -1;
        }
    }
}

static int read_file(const char *path, file_t *file) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return -1;
    int result = read_descriptor(descriptor, file);
    int reason = errno;
    (void)close(descriptor);
    errno = reason;
    return result;
}

/* Reports the first line of the file that is not text. */
static int check_bytes(const gee_conf_text_t *text, const file_t *file) {
    unsigned line = 1;
    size_t start = 0;
    while (start < file->length) {
        const char *feed = memchr(file->bytes + start, '\n', file->length - start);
        size_t length = feed ? (size_t)(feed - file->bytes) - start : file->length - start;
        const char *fault = NULL;
        if (memchr(file->bytes + start, '\0', length))
            fault = "a zero byte: this is not a text file";
        else if (!gee_utf8_valid(file->bytes + start, length))
            fault = "bytes that are not UTF-8";
        if (fault) {
            const char *whole = gee_pool_printf(text->pool, "%s:%u: %s", file->name, line, fault);
            gee_conf_problems_add(text->problems, text->source, text->line, whole);
            return -1;
        }
        start += length + 1;
        line++;
    }
    return 0;
}

static void skip_byte_order_mark(gee_str_t *view) {
    if (gee_str_starts_with(*view, GEE_STR("\xef\xbb\xbf"))) {
        view->data += 3;
        view->length -= 3;
    }
}

/* The path of an included file: below the folder of the including file. */
static const char *include_path(const gee_conf_text_t *text, const file_t *file, gee_str_t name) {
    ptrdiff_t slash = gee_str_find_last(gee_str(file->name), '/');
    bool absolute = name.length > 0 && name.data[0] == '/';
    bool below_device = strncmp(file->name, "/dev/", 5) == 0 || strncmp(file->name, "/proc/", 6) == 0;
    int folder = absolute || below_device || slash < 0 ? 0 : (int)slash + 1;
    return gee_pool_printf(text->pool, "%.*s%.*s", folder, file->name, GEE_STR_ARGUMENTS(name));
}

static int include(gee_conf_text_t *text, const file_t *file, const gee_conf_token_t *name, unsigned line) {
    gee_str_t inner = { name->text.data + 1, name->text.length - 2 };
    file_t included = { .depth = file->depth + 1 };
    const char *place = gee_pool_printf(text->pool, "%s:%u", file->name, line);
    const char *reason = NULL;
    int result = -1;
    included.name = include_path(text, file, inner);
    if (!included.name || !place)
        reason = "out of memory";
    else if (included.depth > GEE_CONF_INCLUDE_DEPTH)
        reason = "files include each other too deep: does one include itself?";
    else if (++text->includes > GEE_CONF_INCLUDES)
        reason = "too many files are included";
    else if (read_file(included.name, &included) < 0)
        reason = errno == EFBIG ? "larger than 16 MiB" : strerror(errno);
    else
        result = join(text, &included);
    if (reason)
        gee_conf_problems_add(text->problems, text->source, text->line,
                              gee_pool_printf(text->pool, "%s: include \"%s\": %s", place ? place : text->shown,
                                              included.name ? included.name : "", reason));
    free(included.bytes);
    return result;
}

static int too_large(const gee_conf_text_t *text) {
    gee_conf_problems_add(text->problems, text->source, text->line,
                          gee_pool_printf(text->pool, "%s: larger than 16 MiB, with what it includes", text->shown));
    return -1;
}

/* Adds the file's lines, with included files in the place of their directives. */
static int join(gee_conf_text_t *text, const file_t *file) {
    gee_str_t view = { file->bytes, file->length };
    if (check_bytes(text, file) < 0)
        return -1;
    skip_byte_order_mark(&view);
    gee_conf_lexer_t lexer = { .bytes = view.data ? view.data : "", .length = view.length, .line = 1 };
    size_t start = 0;
    unsigned start_line = 1;
    gee_conf_token_t token;
    while ((token = gee_conf_lex(&lexer, false)).type != GEE_CONF_END) {
        if (token.type != GEE_CONF_INCLUDE)
            continue;
        gee_conf_token_t name = gee_conf_lex(&lexer, true);
        if (name.type != GEE_CONF_STRING || memchr(name.text.data, '\n', name.text.length))
            continue; /* the scan reports the problem */
        size_t end = (size_t)(token.text.data - lexer.bytes);
        if (begin_chunk(text, file->name, start_line) < 0 || add_lines(text, lexer.bytes + start, end - start) < 0)
            return too_large(text);
        if (include(text, file, &name, token.line) < 0)
            return -1;
        start = lexer.position;
        start_line = name.line;
    }
    if (begin_chunk(text, file->name, start_line) < 0 || add_lines(text, lexer.bytes + start, lexer.length - start) < 0)
        return too_large(text);
    return 0;
}

int gee_conf_text_load(gee_conf_text_t *text, const char *path) {
    file_t file = { .name = path };
    int result = -1;
    text->shown = path;
    text->maximum = GEE_CONF_TEXT_MAXIMUM;
    text->line = 1;
    if (read_file(path, &file) < 0)
        gee_conf_problems_add(
            text->problems, text->source, 0,
            gee_pool_printf(text->pool, "%s: %s", path, errno == EFBIG ? "larger than 16 MiB" : strerror(errno)));
    else
        result = join(text, &file);
    free(file.bytes);
    return result;
}

int gee_conf_text_copy(gee_conf_text_t *text, const char *shown, const char *string) {
    file_t file = { .name = shown, .length = strlen(string) };
    text->shown = shown;
    text->maximum = GEE_CONF_TEXT_MAXIMUM;
    text->line = 1;
    file.bytes = strndup(string, file.length);
    if (!file.bytes)
        return too_large(text);
    int result = join(text, &file);
    free(file.bytes);
    return result;
}
