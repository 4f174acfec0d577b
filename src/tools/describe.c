/* describe.c: geectl describe: the types of a method, or of every method of a service. */
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
        putchar('\n');
    }
    printf("}\n");
}

static bool same_text(const description_t *description, size_t a, size_t b) {
    if (a >= description->type_count || b >= description->type_count)
        return a == b;
    const description_type_t *one = &description->types[a], *other = &description->types[b];
    return strcmp(one->kind, other->kind) == 0 && strcmp(one->name, other->name) == 0 && one->element == other->element;
}

/* The table repeats the types of each method: a struct of two methods would be printed twice. */
static bool printed_before(const description_t *description, size_t index) {
    const description_type_t *type = &description->types[index];
    for (size_t i = 0; i < index; i++) {
        const description_type_t *other = &description->types[i];
        if (!same_text(description, i, index) || other->field_count != type->field_count)
            continue;
        size_t same = 0;
        while (same < type->field_count && type->fields[same].tag == other->fields[same].tag &&
               strcmp(type->fields[same].name, other->fields[same].name) == 0 &&
               same_text(description, type->fields[same].type, other->fields[same].type))
            same++;
        if (same == type->field_count)
            return true;
    }
    return false;
}

static void print_description(const description_t *description) {
    for (size_t i = 0; i < description->method_count; i++)
        print_method(description, &description->methods[i]);
    /* The table holds only the types of these methods. */
    for (size_t i = 0; i < description->type_count; i++)
        if (strcmp(description->types[i].kind, "struct") == 0 && !printed_before(description, i))
            print_struct(description, &description->types[i]);
}

static int run_describe(const arguments_t *arguments) {
    return gee_description_show(arguments, arguments->items[1], print_description);
}

const command_t gee_describe_command = {
    .bit = ON_DESCRIBE,
    .name = "describe",
    .synopsis = "ADDRESS METHOD",
    .summary = "the types of a method or of a service",
    .text = "Prints what METHOD takes and gives, or all methods of a service: the types, and of structs\n"
            "the fields, each with its tag (protobuf's field number).\n"
            "\n"
            "  geectl describe tcp@127.0.0.1:9999 Arith.Divide",
    .least = 2,
    .most = 2,
    .run = run_describe,
};
