/* messages.c: messages as C structures. */
#include "tools/protoc_gen_geerpc/generator.h"

enum { MESSAGE_FIELD = 2, MESSAGE_ONEOF = 8 }; /* tags of DescriptorProto */

static void print_member(FILE *out, const message_t *message, size_t i, const char *indent) {
    const field_t *field = &message->fields[i];
    path_t path = gee_gen_path(&message->symbol->path, MESSAGE_FIELD, i);
    gee_gen_comment(out, message->symbol->file, &path, indent);
    switch (field->shape) {
    case SHAPE_PLAIN:
        fprintf(out, "%s%s %s;\n", indent, field->c_type, field->member);
        break;
    case SHAPE_OPTIONAL:
        fprintf(out, "%s%s *%s;%s\n", indent, field->c_type, field->member, field->required ? " /* required */" : "");
        break;
    case SHAPE_LIST:
        fprintf(out, "%sGEE_LIST_OF(%s) %s;\n", indent, field->c_type, field->member);
        break;
    case SHAPE_MAP:
        fprintf(out, "%sGEE_LIST_OF(%s) %s; /* a map */\n", indent, field->entry->c_name, field->member);
        break;
    case SHAPE_NONE:
        fprintf(out, "%s/* the group %s is among the unknown fields */\n", indent, field->member);
        break;
    }
}

static void print_oneof(FILE *out, const message_t *message, size_t index) {
    const oneof_t *oneof = &message->oneofs[index];
    path_t path = gee_gen_path(&message->symbol->path, MESSAGE_ONEOF, index);
    gee_gen_comment(out, message->symbol->file, &path, "    ");
    fprintf(out, "    %s %s;\n    union {\n", oneof->c_name, oneof->case_);
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].oneof_index == (int)index)
            print_member(out, message, i, "        ");
    fprintf(out, "    } %s;\n", oneof->name);
}

/* A oneof stands where its first member stands. */
static bool is_first(const message_t *message, size_t field) {
    for (size_t i = 0; i < field; i++)
        if (message->fields[i].oneof_index == message->fields[field].oneof_index)
            return false;
    return true;
}

static void print_struct(FILE *out, const message_t *message) {
    const symbol_t *symbol = message->symbol;
    gee_gen_comment(out, symbol->file, &symbol->path, "");
    fprintf(out, "struct %s {\n", symbol->c_name);
    for (size_t i = 0; i < message->field_count; i++) {
        if (message->fields[i].oneof_index < 0)
            print_member(out, message, i, "    ");
        else if (is_first(message, i))
            print_oneof(out, message, (size_t)message->fields[i].oneof_index);
    }
    fputs("    gee_bytes_t unknown_fields; /* as they came; written again */\n};\n\n", out);
}

/* Which member of a oneof is set: its tag. */
static void print_case(FILE *out, const message_t *message, size_t index) {
    const oneof_t *oneof = &message->oneofs[index];
    fprintf(out, "typedef enum %s {\n    %s_NOT_SET = 0,\n", oneof->c_name, oneof->c_name);
    for (size_t i = 0; i < message->field_count; i++) {
        const field_t *field = &message->fields[i];
        if (field->oneof_index == (int)index)
            fprintf(out, "    %s_%.*s = %d,\n", oneof->c_name, GEE_STR_ARGUMENTS(field->proto->name),
                    (int)field->proto->number);
    }
    fprintf(out, "} %s;\n\n", oneof->c_name);
}

static void print_entries(FILE *out, const message_t *message) {
    for (size_t i = 0; i < message->field_count; i++) {
        const field_t *field = &message->fields[i];
        if (field->shape == SHAPE_MAP)
            fprintf(out, "struct %s {\n    %s key;\n    %s value;\n};\n\n", field->entry->c_name, field->key_type,
                    field->c_type);
    }
}

void gee_gen_structs(FILE *out, const generator_t *generator, const file_t *file, const message_t *messages) {
    size_t count = 0;
    for (const symbol_t *symbol = generator->first; symbol != NULL; symbol = symbol->next) {
        if (symbol->file == file && symbol->message != NULL && ++count)
            fprintf(out, "typedef struct %s %s;\n", symbol->c_name, symbol->c_name);
    }
    if (count > 0)
        fputc('\n', out);
    for (const message_t *message = messages; message->symbol != NULL; message++) {
        for (size_t i = 0; i < message->oneof_count; i++)
            print_case(out, message, i);
        print_struct(out, message);
    }
    /* Entries have messages in them, which must be whole. */
    for (const message_t *message = messages; message->symbol != NULL; message++)
        print_entries(out, message);
}
