/* describe.c: geectl describe: the types of a method, or of every method of a service or of the server. */
#include <string.h>

#include "tools/tools.h"

static void print_method(const description_t *description, const description_method_t *method) {
    gee_print_text(stdout, STYLE_NAME, method->name);
    if (method->idempotent)
        gee_print_text(stdout, STYLE_FAINT, "  idempotent");
    if (method->blocking)
        gee_print_text(stdout, STYLE_FAINT, "  blocking");
    printf("\n  arguments  %s", method->client_streaming ? "stream of " : "");
    gee_print_type(stdout, description, method->argument);
    printf("\n  reply      %s", method->server_streaming ? "stream of " : "");
    gee_print_type(stdout, description, method->reply);
    putchar('\n');
}

static size_t name_width(const description_type_t *type) {
    size_t width = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        size_t own = gee_text_width(type->fields[i].name);
        if (own > width && own < 40)
            width = own;
    }
    return width;
}

static void print_struct(const description_t *description, const description_type_t *type) {
    size_t width = name_width(type);
    putchar('\n');
    gee_print_text(stdout, STYLE_NAME, type->name);
    printf(type->field_count > 0 ? " {\n" : " {");
    for (size_t i = 0; i < type->field_count; i++) {
        const description_field_t *field = &type->fields[i];
        size_t length = gee_text_width(field->name);
        char tag[24];
        printf("  ");
        gee_print_text(stdout, STYLE_PLAIN, field->name);
        printf("%*s", (int)(width > length ? width - length : 0) + 2, "");
        gee_print_type(stdout, description, field->type);
        snprintf(tag, sizeof(tag), "  = %u", field->tag);
        gee_print_text(stdout, STYLE_FAINT, tag);
        if (field->required)
            gee_print_text(stdout, STYLE_FAINT, "  required");
        if (field->oneof[0] != '\0') {
            gee_print_text(stdout, STYLE_FAINT, "  one of ");
            gee_print_text(stdout, STYLE_FAINT, field->oneof);
        }
        putchar('\n');
    }
    printf("}\n");
}

static void print_enum(const description_type_t *type) {
    putchar('\n');
    gee_print_text(stdout, STYLE_NAME, type->name);
    printf(" {\n");
    for (size_t i = 0; i < type->value_count; i++) {
        printf("  ");
        gee_print_text(stdout, STYLE_PLAIN, type->values[i].name);
        printf("  = %d\n", type->values[i].number);
    }
    printf("}\n");
}

static void print_description(const description_t *description) {
    for (size_t i = 0; i < description->method_count; i++)
        print_method(description, &description->methods[i]);
    /* The table holds only the types of these methods. */
    for (size_t i = 0; i < description->type_count; i++) {
        const description_type_t *type = &description->types[i];
        if (gee_description_first(description, i) != i)
            continue;
        if (strcmp(type->kind, "struct") == 0)
            print_struct(description, type);
        else if (strcmp(type->kind, "enum") == 0)
            print_enum(type);
    }
}

static int run_describe(const arguments_t *arguments) {
    const char *name = arguments->count > 1 ? arguments->items[1] : "";
    return gee_description_show(arguments, name, arguments->proto ? gee_print_proto : print_description);
}

const command_t gee_describe_command = {
    .bit = ON_DESCRIBE,
    .name = "describe",
    .synopsis = "ADDRESS [METHOD|SERVICE]",
    .summary = "the types of a method, a service or the whole server",
    .text = "Prints what METHOD takes and gives, or each method of SERVICE, or, without either, of the\n"
            "server: the types, and of structs the fields, each with its tag (protobuf's field number).\n"
            "\n"
            "  geectl describe tcp@127.0.0.1:9999 Arith.Divide\n"
            "  geectl describe --proto tcp@127.0.0.1:9999 Arith >arith.proto",
    .least = 1,
    .most = 2,
    .run = run_describe,
};
