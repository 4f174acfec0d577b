/* enums.c: enums: C's, and their descriptions. */
#include "core/type/enum.h"
#include "tools/protoc_gen_geerpc/generator.h"

enum { ENUM_VALUE = 2 }; /* tag of EnumDescriptorProto.value */

static char *number_text(int32_t number) {
    return number == INT32_MIN ? gee_gen_print("INT32_MIN") : gee_gen_print("%d", (int)number);
}

static void print_declaration(FILE *out, generator_t *generator, const symbol_t *symbol) {
    const gee_enum_descriptor_proto_t *proto = symbol->enumeration;
    gee_gen_comment(out, symbol->file, &symbol->path, "");
    fprintf(out, "typedef enum %s {\n", symbol->c_name);
    for (size_t i = 0; i < proto->value.count; i++) {
        path_t path = gee_gen_path(&symbol->path, ENUM_VALUE, i);
        gee_gen_comment(out, symbol->file, &path, "    ");
        fprintf(out, "    %s = %s,\n", gee_gen_value_name(symbol, proto->value.items[i].name),
                number_text(proto->value.items[i].number));
    }
    fprintf(out, "    %s = INT32_MIN /* makes the enum a signed one of 32 bits; no value */\n} %s;\n\n",
            gee_gen_claim_free(generator, gee_gen_print("%s_SIGNED_", symbol->c_name)), symbol->c_name);
}

/* ---- descriptions ---- */

/* Positions in the list of values, for enums in which names are not looked for one by one. */
static void print_by_name(FILE *out, const char *c_name, const uint32_t *by_name, size_t count) {
    fprintf(out, "static const uint32_t by_name_of_%s[] = {", c_name);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%u,", i % 16 == 0 ? "\n    " : " ", (unsigned)by_name[i]);
    fputs("\n};\n", out);
}

/* Prints the values by number; returns the positions by name. */
static const uint32_t *print_values(FILE *out, const symbol_t *symbol) {
    size_t count = symbol->enumeration->value.count;
    gee_enum_value_t *values = gee_gen_alloc((count + 1) * sizeof(*values));
    for (size_t i = 0; i < count; i++) {
        const gee_enum_value_descriptor_proto_t *proto = &symbol->enumeration->value.items[i];
        values[i] = (gee_enum_value_t){ .name = gee_gen_print("%.*s", GEE_STR_ARGUMENTS(proto->name)),
                                        .number = proto->number };
    }
    const uint32_t *by_name = gee_enum_sort(values, count, gee_gen_pool(), gee_gen_pool());
    if (by_name == NULL)
        gee_gen_out_of_memory();
    fprintf(out, "static const gee_enum_value_t values_of_%s[] = {\n", symbol->c_name);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "    { \"%s\", %s },\n", values[i].name, gee_gen_value_name(symbol, gee_str(values[i].name)));
    fputs("};\n", out);
    return by_name;
}

static void print_type(FILE *out, const symbol_t *symbol) {
    const gee_enum_descriptor_proto_t *proto = symbol->enumeration;
    size_t count = proto->value.count;
    const uint32_t *by_name = print_values(out, symbol);
    bool many = count > GEE_ENUM_FEW;
    if (many)
        print_by_name(out, symbol->c_name, by_name, count);
    fprintf(out,
            "const gee_type_t gee_type_of_%s = GEE_ENUM_INITIALISER(%s,\n"
            "    \"%.*s\", \"%s\", %s, %s,\n"
            "    values_of_%s, %s%s, %zu);\n\n",
            symbol->c_name, symbol->c_name, GEE_STR_ARGUMENTS(proto->name), symbol->full_name,
            symbol->file->proto2 ? "GEE_TYPE_CLOSED" : "0", gee_gen_well_known(symbol->full_name), symbol->c_name,
            many ? "by_name_of_" : "NULL", many ? symbol->c_name : "", count);
}

void gee_gen_enum_declarations(FILE *out, generator_t *generator, const file_t *file) {
    for (const symbol_t *symbol = generator->first; symbol != NULL; symbol = symbol->next)
        if (symbol->file == file && symbol->enumeration != NULL)
            print_declaration(out, generator, symbol);
}

void gee_gen_enum_types(FILE *out, const generator_t *generator, const file_t *file) {
    for (const symbol_t *symbol = generator->first; symbol != NULL; symbol = symbol->next)
        if (symbol->file == file && symbol->enumeration != NULL)
            print_type(out, symbol);
}
