/* table.c: a table of texts, with columns as wide as their contents. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

static char *make_cell(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

static char *make_cell(const char *format, va_list arguments) {
    char *cell;
    return vasprintf(&cell, format, arguments) >= 0 ? cell : NULL;
}

void gee_table_add(table_t *table, const char *format, ...) {
    va_list arguments;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 64;
        char **cells = realloc(table->cells, capacity * sizeof(*cells));
        if (cells == NULL) {
            table->failed = true;
            return;
        }
        table->cells = cells;
        table->capacity = capacity;
    }
    va_start(arguments, format);
    char *cell = make_cell(format, arguments);
    va_end(arguments);
    if (cell != NULL)
        table->cells[table->count++] = cell;
    else
        table->failed = true;
}

void gee_table_clear(table_t *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->count = table->capacity = 0;
}

/* The first column is aligned to the left, the others to the right. */
static void print_cell(FILE *out, style_t style, const char *text, size_t column, size_t width) {
    int gap = (int)(width - gee_text_width(text));
    if (column > 0)
        fprintf(out, "  %*s", gap, "");
    gee_print_text(out, style, text);
    if (column == 0)
        fprintf(out, "%*s", gap, "");
}

size_t gee_table_print(FILE *out, const table_t *table, size_t lines) {
    size_t widths[TABLE_COLUMNS], columns = 0;
    for (; table->heads[columns] != NULL; columns++)
        widths[columns] = gee_text_width(table->heads[columns]);
    size_t rows = table->count / columns;
    if (rows == 0 || lines < 3)
        return 0;
    for (size_t i = 0; i < rows * columns; i++)
        if (gee_text_width(table->cells[i]) > widths[i % columns])
            widths[i % columns] = gee_text_width(table->cells[i]);
    fputc('\n', out);
    for (size_t column = 0; column < columns; column++)
        print_cell(out, STYLE_FAINT, table->heads[column], column, widths[column]);
    fputc('\n', out);
    if (rows > lines - 2)
        rows = lines - 2;
    for (size_t i = 0; i < rows * columns; i++) {
        print_cell(out, STYLE_PLAIN, table->cells[i], i % columns, widths[i % columns]);
        if (i % columns == columns - 1)
            fputc('\n', out);
    }
    return rows + 2;
}
