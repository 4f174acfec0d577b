/* conf_scan.c: checks the grammar of a configuration text before libconfig reads the text, because libconfig 1.5 -
 * reports "syntax error" and no more, - wraps numbers past 32 bits without a word, and cuts strings at \x00, - stops
 * at a setting that stands twice, so that further mistakes are not reported, - gives some values the line of the next
 * token. The result is a tidy text in which none of this can happen: numbers in decimal, refused values and names
 * replaced by marks that the reader passes over, [ ] written as ( ), and each name and value in its own line. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/base/defs.h"
#include "core/conf/conf_private.h"

#define SHOWN_TEXT 48
#define SHOWN_PATH 160

/* A bracket that is open; the first frame is the top level. */
typedef struct frame {
    char close; /* } ) ], or 0 of the top level */
    unsigned line;
    size_t first_name; /* of this group's, in the stack of names */
    size_t count;      /* settings, or elements */
    gee_str_t name;    /* of a group: the setting that is being read */
} frame_t;

typedef struct known_name {
    gee_str_t text;
    unsigned line;
} known_name_t;

typedef struct scan {
    const gee_conf_text_t *text;
    gee_conf_text_t *tidy;
    gee_conf_lexer_t lexer;
    frame_t frames[GEE_CONF_NESTING];
    size_t depth; /* of the current frame */
    known_name_t *names;
    size_t name_count, name_capacity;
    size_t values;
    unsigned refused_names;
    unsigned long_string; /* line of the latest string that goes over a line's end; 0: none */
} scan_t;

static frame_t *current(scan_t *scan) {
    return &scan->frames[scan->depth];
}

static bool in_group(const scan_t *scan) {
    char close = scan->frames[scan->depth].close;
    return close == '}' || close == '\0';
}

/* ---- messages ---- */

/* "listen[0].mode": the setting that is being read. */
static const char *path_of(const scan_t *scan, char buffer[SHOWN_PATH]) {
    size_t length = 0;
    buffer[0] = '\0';
    for (size_t i = 0; i <= scan->depth && length < SHOWN_PATH; i++) {
        const frame_t *frame = &scan->frames[i];
        if (frame->close == '\0' || frame->close == '}')
            length += gee_str_format(buffer + length, SHOWN_PATH - length, "%s%.*s", i > 0 ? "." : "",
                                     GEE_STR_ARGUMENTS(frame->name));
        else
            length += gee_str_format(buffer + length, SHOWN_PATH - length, "[%zu]", frame->count);
    }
    return buffer;
}

static const char *found_text(const gee_conf_token_t *token, char buffer[SHOWN_TEXT + 2]) {
    if (token->type == GEE_CONF_END)
        return "the end";
    char shown[SHOWN_TEXT];
    if (token->type == GEE_CONF_STRING) /* its quotes are enough */
        (void)gee_str_escape(shown, sizeof shown, token->text.data + 1, token->text.length - 2);
    else
        (void)gee_str_escape(shown, sizeof shown, token->text.data, token->text.length);
    (void)gee_str_format(buffer, SHOWN_TEXT + 2, "\"%s\"", shown);
    return buffer;
}

static int out_of_space(const scan_t *scan) {
    gee_conf_text_problem(scan->text, 0, "out of memory, or too large");
    return -1;
}

/* The end of the text counts as in the line of the last word, not after empty lines. */
static unsigned line_of(const scan_t *scan, const gee_conf_token_t *token) {
    unsigned line = token->line;
    if (token->type != GEE_CONF_END)
        return line;
    for (size_t i = scan->text->length; i > 0 && line > 1 && strchr(" \t\r\n", scan->text->bytes[i - 1]); i--)
        line -= scan->text->bytes[i - 1] == '\n';
    return line;
}

/* Reports a token that must not stand here, and what is expected. */
static int unexpected(const scan_t *scan, const gee_conf_token_t *token, const char *expected) {
    char found[SHOWN_TEXT + 2], hint[512] = "";
    unsigned line = line_of(scan, token);
    if (scan->long_string > 0)
        (void)gee_str_format(
            hint, sizeof hint,
            " (the text that starts at %s goes over the end of its line: is its closing quote missing?)",
            gee_conf_text_place(scan->text, scan->long_string));
    if (token->type == GEE_CONF_OPEN_STRING)
        gee_conf_text_problem(scan->text, line, "the text that starts here has no closing quote%s", hint);
    else if (token->type == GEE_CONF_OPEN_COMMENT)
        gee_conf_text_problem(scan->text, line, "the comment that starts here has no end%s", hint);
    else
        gee_conf_text_problem(scan->text, line, "expected %s, found %s%s", expected, found_text(token, found), hint);
    return -1;
}

/* ---- the tidy text ---- */

/* Adds a word; `line` 0: in the current line, for marks whose line is never reported. */
static int emit(scan_t *scan, unsigned line, const char *bytes, size_t length) {
    for (; scan->tidy->line < line; scan->tidy->line++)
        if (gee_conf_text_append(scan->tidy, "\n", 1) < 0)
            return out_of_space(scan);
    if (gee_conf_text_append(scan->tidy, bytes, length) < 0 || gee_conf_text_append(scan->tidy, " ", 1) < 0)
        return out_of_space(scan);
    return 0;
}

static int emit_word(scan_t *scan, unsigned line, const char *word) {
    return emit(scan, line, word, strlen(word));
}

static int refuse_value(scan_t *scan, const gee_conf_token_t *token) {
    return emit_word(scan, token->line, GEE_CONF_REFUSED);
}

/* ---- values ---- */

static bool is_mark(const gee_conf_token_t *token, char mark) {
    return token->type == GEE_CONF_MARK && token->text.data[0] == mark;
}

static int bare_text(scan_t *scan, const gee_conf_token_t *token) {
    char path[SHOWN_PATH], shown[SHOWN_TEXT];
    static const char *const yes[] = { "on", "yes" }, *const no[] = { "off", "no" };
    const char *hint = "";
    for (size_t i = 0; i < 2; i++) {
        if (gee_str_equal_ignoring_case(token->text, gee_str(yes[i])))
            hint = ", or to switch it on: true";
        if (gee_str_equal_ignoring_case(token->text, gee_str(no[i])))
            hint = ", or to switch it off: false";
    }
    (void)gee_str_escape(shown, sizeof shown, token->text.data, token->text.length);
    gee_conf_text_problem(scan->text, token->line, "%s is %s: a text must stand in quotes: \"%s\"%s",
                          path_of(scan, path), shown, shown, hint);
    return refuse_value(scan, token);
}

static int number_too_large(scan_t *scan, const gee_conf_token_t *token, const char *bits, const char *hint) {
    char path[SHOWN_PATH], shown[SHOWN_TEXT];
    gee_conf_text_problem(scan->text, token->line, "%s is %s, a number that does not fit in %s%s", path_of(scan, path),
                          gee_str_escape(shown, sizeof shown, token->text.data, token->text.length), bits, hint);
    return refuse_value(scan, token);
}

/* The digits of a whole number, sign and suffix taken off. */
typedef struct digits {
    gee_str_t text;
    unsigned base;
    bool negative, wide;
} digits_t;

/* False: not a whole number. */
static bool split_number(gee_str_t text, digits_t *digits) {
    *digits = (digits_t){ .text = text, .base = 10 };
    gee_str_t *rest = &digits->text;
    if (rest->length > 2 && rest->data[0] == '0' && (rest->data[1] | 0x20) == 'x') {
        digits->base = 16;
        rest->data += 2;
        rest->length -= 2;
    } else if (rest->length > 0 && (rest->data[0] == '-' || rest->data[0] == '+')) {
        digits->negative = rest->data[0] == '-';
        rest->data++;
        rest->length--;
    }
    for (int i = 0; i < 2 && rest->length > 0 && rest->data[rest->length - 1] == 'L'; i++) {
        digits->wide = true;
        rest->length--;
    }
    for (size_t i = 0; i < rest->length; i++) {
        char c = rest->data[i], small = (char)(c | 0x20);
        if (!((c >= '0' && c <= '9') || (digits->base == 16 && small >= 'a' && small <= 'f')))
            return false;
    }
    return rest->length > 0;
}

/* False: past 64 bits. */
static bool number_value(const digits_t *digits, int64_t *value) {
    *value = 0;
    for (size_t i = 0; i < digits->text.length; i++) {
        char c = digits->text.data[i];
        int64_t digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (__builtin_mul_overflow(*value, (int64_t)digits->base, value) ||
            __builtin_add_overflow(*value, digits->negative ? -digit : digit, value))
            return false;
    }
    return true;
}

static int take_number(scan_t *scan, const gee_conf_token_t *token, const digits_t *digits) {
    char decimal[32];
    int64_t value;
    if (!digits->wide && (!number_value(digits, &value) || value < INT32_MIN || value > INT32_MAX))
        return number_too_large(scan, token, "32 bits",
                                ": sizes and durations are written in quotes, such as \"64k\" or \"10s\", and a number "
                                "that is meant so ends in L");
    if (!number_value(digits, &value))
        return number_too_large(scan, token, "64 bits", "");
    (void)snprintf(decimal, sizeof decimal, "%" PRId64 "%s", value, digits->wide ? "L" : "");
    return emit_word(scan, token->line, decimal);
}

static bool is_float(gee_str_t text, double *value) {
    char copy[64], *end;
    if (text.length >= sizeof copy)
        return false;
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    if (copy[strspn(copy, "0123456789.eE+-")] != '\0' || !strpbrk(copy, "0123456789"))
        return false;
    *value = strtod(copy, &end);
    return *end == '\0';
}

static int take_float(scan_t *scan, const gee_conf_token_t *token, double value) {
    char path[SHOWN_PATH], decimal[64];
    if (isinf(value)) {
        gee_conf_text_problem(scan->text, token->line, "%s is a number that is too large", path_of(scan, path));
        return refuse_value(scan, token);
    }
    (void)snprintf(decimal, sizeof decimal, "%.15e", value);
    return emit_word(scan, token->line, decimal);
}

static int take_bare(scan_t *scan, const gee_conf_token_t *token) {
    digits_t digits;
    double value;
    if (gee_str_equal_ignoring_case(token->text, GEE_STR("true")))
        return emit_word(scan, token->line, "true");
    if (gee_str_equal_ignoring_case(token->text, GEE_STR("false")))
        return emit_word(scan, token->line, "false");
    if (split_number(token->text, &digits))
        return take_number(scan, token, &digits);
    if (is_float(token->text, &value))
        return take_float(scan, token, value);
    return bare_text(scan, token);
}

static bool has_zero_byte(gee_str_t text) {
    for (size_t i = 0; i + 3 < text.length; i++) {
        if (text.data[i] != '\\')
            continue;
        if ((text.data[i + 1] | 0x20) == 'x' && text.data[i + 2] == '0' && text.data[i + 3] == '0')
            return true;
        i++; /* the byte after a backslash starts no escape */
    }
    return false;
}

/* The piece as it stands, but in one line. */
static int emit_string(scan_t *scan, const gee_conf_token_t *token) {
    gee_str_t rest = token->text;
    if (emit(scan, token->line, "", 0) < 0)
        return -1;
    for (ptrdiff_t feed; (feed = gee_str_find(rest, '\n')) >= 0;) {
        scan->long_string = token->line;
        if (gee_conf_text_append(scan->tidy, rest.data, (size_t)feed) < 0 ||
            gee_conf_text_append(scan->tidy, "\\n", 2) < 0)
            return out_of_space(scan);
        rest.data += feed + 1;
        rest.length -= (size_t)feed + 1;
    }
    return emit(scan, 0, rest.data, rest.length);
}

static gee_conf_token_t look_ahead(const scan_t *scan) {
    gee_conf_lexer_t lexer = scan->lexer;
    return gee_conf_lex(&lexer, true);
}

/* One string of one or more pieces. */
static int take_string(scan_t *scan, gee_conf_token_t token) {
    const gee_conf_token_t first = token;
    char path[SHOWN_PATH];
    const char *fault = NULL;
    size_t length = 0, start = scan->tidy->length;
    for (;;) {
        length += token.text.length;
        if (length > GEE_CONF_STRING_LENGTH)
            fault = "is longer than 64 KiB";
        else if (has_zero_byte(token.text))
            fault = "has a zero byte in it (\\x00)";
        if (!fault && emit_string(scan, &token) < 0)
            return -1;
        if (look_ahead(scan).type != GEE_CONF_STRING)
            break;
        token = gee_conf_lex(&scan->lexer, true);
    }
    if (!fault)
        return 0;
    gee_conf_text_problem(scan->text, first.line, "%s %s", path_of(scan, path), fault);
    for (size_t i = start; i < scan->tidy->length; i++) /* take back what was written, but not the lines */
        if (scan->tidy->bytes[i] != '\n')
            scan->tidy->bytes[i] = ' ';
    return refuse_value(scan, &first);
}

/* ---- brackets ---- */

static int open_bracket(scan_t *scan, const gee_conf_token_t *token, char close) {
    if (scan->depth + 1 == GEE_CONF_NESTING) {
        gee_conf_text_problem(scan->text, token->line, "brackets nest deeper than %d", GEE_CONF_NESTING - 1);
        return -1;
    }
    scan->depth++;
    *current(scan) = (frame_t){ .close = close, .line = token->line, .first_name = scan->name_count };
    return emit_word(scan, token->line, close == '}' ? "{" : "(");
}

/* A value has ended: a separator of settings may follow. */
static int end_value(scan_t *scan) {
    current(scan)->count++;
    if (!in_group(scan))
        return 0;
    gee_conf_token_t next = look_ahead(scan);
    if (is_mark(&next, ';') || is_mark(&next, ','))
        (void)gee_conf_lex(&scan->lexer, true);
    return emit_word(scan, 0, ";");
}

static int close_bracket(scan_t *scan) {
    scan->name_count = current(scan)->first_name;
    if (emit_word(scan, 0, current(scan)->close == '}' ? "}" : ")") < 0)
        return -1;
    scan->depth--;
    return end_value(scan);
}

static int not_closed(const scan_t *scan, const gee_conf_token_t *token) {
    const frame_t *frame = &scan->frames[scan->depth];
    char expected[256];
    (void)gee_str_format(expected, sizeof expected, "\"%c\" to close the \"%c\" at %s", frame->close,
                         frame->close == '}'   ? '{'
                         : frame->close == ')' ? '('
                                               : '[',
                         gee_conf_text_place(scan->text, frame->line));
    return unexpected(scan, token, expected);
}

static int take_value(scan_t *scan, const gee_conf_token_t *token) {
    char expected[SHOWN_PATH + 16], path[SHOWN_PATH];
    int result = -1;
    if (++scan->values > GEE_CONF_VALUES) {
        gee_conf_text_problem(scan->text, token->line, "more than %d settings", GEE_CONF_VALUES);
        return -1;
    }
    if (is_mark(token, '{'))
        return open_bracket(scan, token, '}');
    if (is_mark(token, '('))
        return open_bracket(scan, token, ')');
    if (is_mark(token, '['))
        return open_bracket(scan, token, ']');
    if (token->type == GEE_CONF_STRING)
        result = take_string(scan, *token);
    else if (token->type == GEE_CONF_BARE)
        result = take_bare(scan, token);
    else {
        (void)gee_str_format(expected, sizeof expected, "a value for %s", path_of(scan, path));
        return unexpected(scan, token, expected);
    }
    return result < 0 ? result : end_value(scan);
}

/* ---- names ---- */

static const known_name_t *find_name(const scan_t *scan, gee_str_t name) {
    for (size_t i = scan->frames[scan->depth].first_name; i < scan->name_count; i++)
        if (gee_str_equal(scan->names[i].text, name))
            return &scan->names[i];
    return NULL;
}

static int keep_name(scan_t *scan, const gee_conf_token_t *token) {
    if (scan->name_count - current(scan)->first_name == GEE_CONF_GROUP_SIZE) {
        gee_conf_text_problem(scan->text, token->line, "more than %d settings in one group", GEE_CONF_GROUP_SIZE);
        return -1;
    }
    if (scan->name_count == scan->name_capacity) {
        size_t capacity = scan->name_capacity ? scan->name_capacity * 2 : 64;
        known_name_t *grown = realloc(scan->names, capacity * sizeof *grown);
        if (!grown)
            return out_of_space(scan);
        scan->names = grown;
        scan->name_capacity = capacity;
    }
    scan->names[scan->name_count++] = (known_name_t){ .text = token->text, .line = token->line };
    return 0;
}

static int take_name(scan_t *scan, const gee_conf_token_t *token) {
    char path[SHOWN_PATH], replaced[16];
    current(scan)->name = token->text;
    const known_name_t *known = find_name(scan, token->text);
    if (!known)
        return keep_name(scan, token) < 0 ? -1 : emit(scan, token->line, token->text.data, token->text.length);
    gee_conf_text_problem(scan->text, token->line, "%s is set a second time, the first is at %s", path_of(scan, path),
                          gee_conf_text_place(scan->text, known->line));
    if (++scan->refused_names > GEE_CONF_GROUP_SIZE) {
        gee_conf_text_problem(scan->text, token->line, "too many settings stand twice");
        return -1;
    }
    (void)snprintf(replaced, sizeof replaced, "%c%u", GEE_CONF_REFUSED_NAME, scan->refused_names);
    return emit_word(scan, token->line, replaced);
}

static int take_setting(scan_t *scan, const gee_conf_token_t *token) {
    char expected[SHOWN_PATH], shown[SHOWN_TEXT];
    if (token->type != GEE_CONF_NAME)
        return unexpected(scan, token, "the name of a setting");
    if (gee_str_equal_ignoring_case(token->text, GEE_STR("true")) ||
        gee_str_equal_ignoring_case(token->text, GEE_STR("false")))
        return unexpected(scan, token, "the name of a setting");
    if (take_name(scan, token) < 0)
        return -1;
    gee_conf_token_t next = gee_conf_lex(&scan->lexer, false);
    if (!is_mark(&next, '=') && !is_mark(&next, ':')) {
        (void)gee_str_format(expected, sizeof expected, "\"=\" after \"%s\"",
                             gee_str_escape(shown, sizeof shown, token->text.data, token->text.length));
        return unexpected(scan, &next, expected);
    }
    if (emit_word(scan, 0, "=") < 0)
        return -1;
    next = gee_conf_lex(&scan->lexer, true);
    return take_value(scan, &next);
}

/* ---- the loop: one setting or one element each time ---- */

static int step_in_group(scan_t *scan, bool *done) {
    gee_conf_token_t token = gee_conf_lex(&scan->lexer, false);
    char close = current(scan)->close;
    if (is_mark(&token, ';'))
        return 0; /* one too many is allowed */
    if (token.type == GEE_CONF_END && close == '\0') {
        *done = true;
        return 0;
    }
    if (close != '\0' && is_mark(&token, close))
        return close_bracket(scan);
    if (close != '\0' && (token.type == GEE_CONF_END || is_mark(&token, ')') || is_mark(&token, ']')))
        return not_closed(scan, &token);
    if (token.type == GEE_CONF_INCLUDE)
        return unexpected(scan, &token, "a file's name in quotes after @include");
    return take_setting(scan, &token);
}

/* A comma before the closing bracket is allowed, as later libconfigs do. */
static int step_in_list(scan_t *scan) {
    gee_conf_token_t token = gee_conf_lex(&scan->lexer, true);
    char close = current(scan)->close;
    if (current(scan)->count > 0 && is_mark(&token, ',')) {
        token = gee_conf_lex(&scan->lexer, true);
        if (!is_mark(&token, close))
            return emit_word(scan, 0, ",") < 0 ? -1 : take_value(scan, &token);
    }
    if (is_mark(&token, close))
        return close_bracket(scan);
    if (current(scan)->count > 0 || token.type == GEE_CONF_END || is_mark(&token, '}'))
        return not_closed(scan, &token);
    return take_value(scan, &token);
}

int gee_conf_scan(const gee_conf_text_t *text, gee_conf_text_t *tidy) {
    scan_t scan = { .text = text,
                    .tidy = tidy,
                    .lexer = { .bytes = text->bytes ? text->bytes : "", .length = text->length, .line = 1 } };
    bool done = false;
    GEE_ASSERT(!tidy->bytes && tidy->length == 0);
    int result = gee_conf_text_append(tidy, "", 0);
    while (result == 0 && !done)
        result = in_group(&scan) ? step_in_group(&scan, &done) : step_in_list(&scan);
    free(scan.names);
    return result;
}
