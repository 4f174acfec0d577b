/* conf_lex.c: cuts a configuration text into its words: names, marks, strings, runs without quotes. Skips white space
 * and comments (#, //, and between slash-star and star-slash) and counts lines. */
#include <string.h>

#include "core/conf/conf_private.h"

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_part(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '*';
}

static bool is_mark(char c) {
    return c != '\0' && strchr("=:;,{}()[]", c) != NULL;
}

static char peek(const gee_conf_lexer_t *lexer, size_t ahead) {
    size_t position = lexer->position + ahead;
    return position < lexer->length ? lexer->bytes[position] : '\0';
}

static void step(gee_conf_lexer_t *lexer) {
    lexer->line += lexer->bytes[lexer->position] == '\n';
    lexer->position++;
}

static bool at_line_comment(const gee_conf_lexer_t *lexer) {
    return peek(lexer, 0) == '#' || (peek(lexer, 0) == '/' && peek(lexer, 1) == '/');
}

static bool at_block_comment(const gee_conf_lexer_t *lexer) {
    return peek(lexer, 0) == '/' && peek(lexer, 1) == '*';
}

/* False: the comment has no end. */
static bool skip_block_comment(gee_conf_lexer_t *lexer) {
    lexer->position += 2;
    while (lexer->position < lexer->length) {
        if (peek(lexer, 0) == '*' && peek(lexer, 1) == '/') {
            lexer->position += 2;
            return true;
        }
        step(lexer);
    }
    return false;
}

/* False: a comment has no end; the lexer then stands at the end and *line is the comment's. */
static bool skip_blank(gee_conf_lexer_t *lexer, unsigned *line) {
    while (lexer->position < lexer->length) {
        *line = lexer->line;
        if (is_space(peek(lexer, 0))) {
            step(lexer);
        } else if (at_line_comment(lexer)) {
            while (lexer->position < lexer->length && peek(lexer, 0) != '\n')
                lexer->position++;
        } else if (at_block_comment(lexer)) {
            if (!skip_block_comment(lexer))
                return false;
        } else {
            break;
        }
    }
    return true;
}

static gee_conf_token_type_t lex_string(gee_conf_lexer_t *lexer) {
    lexer->position++;
    while (lexer->position < lexer->length) {
        char c = peek(lexer, 0);
        if (c == '\\' && lexer->position + 1 < lexer->length)
            lexer->position++; /* the byte after a backslash is passed below, and may be a line feed */
        step(lexer);
        if (c == '"')
            return GEE_CONF_STRING;
    }
    return GEE_CONF_OPEN_STRING;
}

static void lex_bare(gee_conf_lexer_t *lexer) {
    for (char c = peek(lexer, 0); lexer->position < lexer->length; c = peek(lexer, 0)) {
        if (is_space(c) || c == '"' || (is_mark(c) && c != ':') || at_line_comment(lexer) || at_block_comment(lexer))
            break;
        lexer->position++;
    }
}

/* As in libconfig, an include directive stands alone at the start of a line. */
static bool at_include(const gee_conf_lexer_t *lexer) {
    static const char word[] = "@include";
    size_t length = sizeof word - 1, before = lexer->position;
    if (lexer->length - lexer->position < length || memcmp(lexer->bytes + lexer->position, word, length) != 0 ||
        is_name_part(peek(lexer, length)))
        return false;
    while (before > 0 && (lexer->bytes[before - 1] == ' ' || lexer->bytes[before - 1] == '\t'))
        before--;
    return before == 0 || lexer->bytes[before - 1] == '\n';
}

static gee_conf_token_type_t lex_word(gee_conf_lexer_t *lexer, bool value) {
    char c = peek(lexer, 0);
    if (c == '"')
        return lex_string(lexer);
    if (c == '@' && at_include(lexer)) {
        lexer->position += strlen("@include");
        return GEE_CONF_INCLUDE;
    }
    if (is_mark(c)) {
        lexer->position++;
        return GEE_CONF_MARK;
    }
    if (value) {
        lex_bare(lexer);
        return GEE_CONF_BARE;
    }
    if (!is_letter(c)) {
        lexer->position++;
        return GEE_CONF_OTHER;
    }
    while (lexer->position < lexer->length && is_name_part(peek(lexer, 0)))
        lexer->position++;
    return GEE_CONF_NAME;
}

gee_conf_token_t gee_conf_lex(gee_conf_lexer_t *lexer, bool value) {
    gee_conf_token_t token = { .type = GEE_CONF_END, .line = lexer->line };
    if (!skip_blank(lexer, &token.line)) {
        token.type = GEE_CONF_OPEN_COMMENT;
        return token;
    }
    size_t start = lexer->position;
    token.line = lexer->line;
    token.text.data = lexer->bytes + start;
    if (start < lexer->length)
        token.type = lex_word(lexer, value);
    token.text.length = lexer->position - start;
    return token;
}
