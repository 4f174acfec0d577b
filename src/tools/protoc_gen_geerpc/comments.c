/* comments.c: comments of the .proto in front of what they are about. */
#include <stdlib.h>
#include <string.h>

#include "tools/protoc_gen_geerpc/generator.h"

static int compare(const void *a, const void *b) {
    const gee_source_location_t *left = a, *right = b;
    for (size_t i = 0; i < left->path.count && i < right->path.count; i++)
        if (left->path.items[i] != right->path.items[i])
            return left->path.items[i] < right->path.items[i] ? -1 : 1;
    return (left->path.count > right->path.count) - (left->path.count < right->path.count);
}

void gee_gen_sort_comments(file_t *file) {
    gee_source_code_info_t *info = &file->proto.source_code_info;
    if (info->location.count > 0)
        qsort(info->location.items, info->location.count, sizeof(*info->location.items), compare);
}

static const gee_source_location_t *find(const file_t *file, const path_t *path) {
    const gee_source_code_info_t *info = &file->proto.source_code_info;
    path_t at = *path;
    gee_source_location_t key = { .path = { .items = at.at, .count = at.length } };
    if (info->location.count == 0)
        return NULL;
    return bsearch(&key, info->location.items, info->location.count, sizeof(key), compare);
}

/* One line of a comment, without what would end it, begin another, or be a trigraph. */
static void print_line(FILE *out, gee_str_t line) {
    for (size_t i = 0; i < line.length; i++) {
        char c = line.data[i], next = i + 1 < line.length ? line.data[i + 1] : '\0';
        fputc(c, out);
        if ((c == '*' && next == '/') || (c == '/' && next == '*') || (c == '?' && next == '?'))
            fputc(' ', out);
    }
}

static gee_str_t trim_end(gee_str_t text) {
    while (text.length > 0 && strchr(" \t\r\n", text.data[text.length - 1]) != NULL)
        text.length--;
    return text;
}

void gee_gen_comment(FILE *out, const file_t *file, const path_t *path, const char *indent) {
    const gee_source_location_t *location = find(file, path);
    if (location == NULL)
        return;
    gee_str_t text =
        trim_end(location->leading_comments.length ? location->leading_comments : location->trailing_comments);
    if (text.length == 0)
        return;
    for (bool first = true; text.length > 0; first = false) {
        gee_str_t line = trim_end(gee_str_cut(&text, '\n'));
        bool space = line.length == 0 || line.data[0] == ' ';
        fprintf(out, first ? "%s/*%s" : "\n%s *%s", indent, space ? "" : " ");
        print_line(out, line);
    }
    fputs(" */\n", out);
}
