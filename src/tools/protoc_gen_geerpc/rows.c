/* rows.c: the descriptions of messages: gee_field_t rows, and the types of their lists, maps and optionals. */
#include <string.h>

#include "tools/protoc_gen_geerpc/generator.h"

/* ---- GEE_LIST_TYPE(x) and its like, each once in a file ---- */

typedef struct lines {
    const char **items;
    size_t count;
} lines_t;

/* The macro's call, and in *name what the macro makes; null: the field's type needs none. */
static char *element_type(const field_t *field, char **name) {
    switch (field->shape) {
    case SHAPE_OPTIONAL:
        *name = gee_gen_print("gee_optional_of_%s", field->element);
        return gee_gen_print("GEE_OPTIONAL_TYPE(%s);\n", field->element);
    case SHAPE_LIST:
        *name = gee_gen_print("gee_%slist_of_%s", field->unpacked ? "unpacked_" : "", field->element);
        return gee_gen_print("GEE_%sLIST_TYPE(%s);\n", field->unpacked ? "UNPACKED_" : "", field->element);
    case SHAPE_MAP:
        *name = gee_gen_print("gee_map_of_%s_to_%s", field->key, field->element);
        return gee_gen_print("GEE_KEYED_MAP_TYPE(%s, %s);\n", field->key, field->element);
    default:
        *name = gee_gen_print("gee_type_of_%s", field->element);
        return NULL;
    }
}

static void print_once(FILE *out, lines_t *lines, const char *line) {
    for (size_t i = 0; i < lines->count; i++)
        if (strcmp(lines->items[i], line) == 0)
            return;
    lines->items[lines->count++] = line;
    fputs(line, out);
}

static void print_element_types(FILE *out, const message_t *messages) {
    size_t most = 0;
    for (const message_t *message = messages; message->symbol != NULL; message++)
        most += message->field_count;
    lines_t lines = { .items = gee_gen_alloc((most + 1) * sizeof(char *)), .count = 0 };
    for (const message_t *message = messages; message->symbol != NULL; message++) {
        for (size_t i = 0; i < message->field_count; i++) {
            char *name;
            const char *line = message->fields[i].shape == SHAPE_NONE ? NULL : element_type(&message->fields[i], &name);
            if (line != NULL)
                print_once(out, &lines, line);
        }
    }
    if (lines.count > 0)
        fputc('\n', out);
}

/* ---- what few fields have ---- */

static gee_str_t oneof_name(const message_t *message, const field_t *field) {
    return message->symbol->message->oneof_decl.items[field->oneof_index].name;
}

/* Has the field a JSON name that is not its name? */
static bool has_json_name(const field_t *field) {
    return field->proto->json_name != NULL && !gee_str_equal(*field->proto->json_name, field->proto->name);
}

static bool has_more(const field_t *field) {
    return field->shape != SHAPE_NONE &&
           (has_json_name(field) || field->proto->default_value != NULL || field->oneof_index >= 0);
}

static void print_more(FILE *out, const message_t *message, const field_t *field) {
    fputs("    { ", out);
    if (has_json_name(field))
        gee_gen_literal(out, *field->proto->json_name);
    else
        fputs("NULL", out);
    fputs(", ", out);
    if (field->proto->default_value != NULL)
        gee_gen_literal(out, *field->proto->default_value);
    else
        fputs("NULL", out);
    if (field->oneof_index >= 0)
        fprintf(out, ", \"%.*s\" },\n", GEE_STR_ARGUMENTS(oneof_name(message, field)));
    else
        fputs(", NULL },\n", out);
}

static void print_mores(FILE *out, const message_t *message) {
    size_t count = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        if (!has_more(&message->fields[i]))
            continue;
        if (count++ == 0)
            fprintf(out, "static const gee_field_more_t more_of_%s[] = {\n", message->symbol->c_name);
        print_more(out, message, &message->fields[i]);
    }
    if (count > 0)
        fputs("};\n", out);
}

/* ---- rows ---- */

/* The compile-time check of the member's type. */
static char *check(const message_t *message, const field_t *field, const char *access) {
    const char *c_name = message->symbol->c_name;
    switch (field->shape) {
    case SHAPE_OPTIONAL:
        return gee_gen_print("GEE_CHECKED(%s, %s, %s *)", c_name, access, field->c_type);
    case SHAPE_LIST:
        return gee_gen_print("GEE_CHECKED_LIST(%s, %s., %s)", c_name, access, field->c_type);
    case SHAPE_MAP:
        return gee_gen_print("GEE_CHECKED_MAP(%s, %s., %s, %s)", c_name, access, field->key_type, field->c_type);
    default:
        return gee_gen_print("GEE_CHECKED(%s, %s, %s)", c_name, access, field->c_type);
    }
}

static void print_row(FILE *out, const message_t *message, const field_t *field, size_t *more) {
    const char *c_name = message->symbol->c_name, *access = gee_gen_access(message, field);
    char *type;
    (void)element_type(field, &type);
    fprintf(out, "    GEE_FIELD_INITIALISER(%s, %s, \"%.*s\", %d, %s, ", c_name, access,
            GEE_STR_ARGUMENTS(field->proto->name), (int)field->proto->number,
            field->oneof_index >= 0 ? "GEE_FIELD_ONEOF"
            : field->required       ? "GEE_FIELD_REQUIRED"
                                    : "0");
    if (field->oneof_index >= 0)
        fprintf(out, "offsetof(%s, %s),", c_name, message->oneofs[field->oneof_index].case_);
    else
        fputs("0,", out);
    fprintf(out, "\n        &%s, %s,\n        ", type, check(message, field, access));
    if (has_more(field))
        fprintf(out, "&more_of_%s[%zu]),\n", c_name, (*more)++);
    else
        fputs("NULL),\n", out);
}

/* Returns how many. */
static size_t print_rows(FILE *out, const message_t *message) {
    size_t count = 0, more = 0;
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].shape == SHAPE_NONE)
            continue;
        if (count++ == 0)
            fprintf(out, "static const gee_field_t fields_of_%s[] = {\n", message->symbol->c_name);
        print_row(out, message, &message->fields[i], &more);
    }
    if (count > 0)
        fputs("};\n", out);
    return count;
}

static bool has_required(const message_t *message) {
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].required && message->fields[i].shape != SHAPE_NONE)
            return true;
    return false;
}

static void print_type(FILE *out, const message_t *message) {
    const symbol_t *symbol = message->symbol;
    print_mores(out, message);
    size_t count = print_rows(out, message);
    fprintf(out,
            "const gee_type_t gee_type_of_%s = GEE_STRUCT_INITIALISER(%s,\n"
            "    \"%.*s\", \"%s\",\n"
            "    GEE_TYPE_KEEPS_UNKNOWN%s, %s, offsetof(%s, unknown_fields),\n"
            "    %s%s, %zu);\n\n",
            symbol->c_name, symbol->c_name, GEE_STR_ARGUMENTS(symbol->message->name), symbol->full_name,
            has_required(message) ? " | GEE_TYPE_REQUIRED" : "", gee_gen_well_known(symbol->full_name), symbol->c_name,
            count ? "fields_of_" : "NULL", count ? symbol->c_name : "", count);
}

void gee_gen_rows(FILE *out, const message_t *messages) {
    print_element_types(out, messages);
    for (const message_t *message = messages; message->symbol != NULL; message++)
        print_type(out, message);
}
