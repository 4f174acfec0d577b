/* output.c: X.gee.h and X.gee.c of one file, made of the parts. */
#include <string.h>

#include "tools/protoc_gen_geerpc/generator.h"

static void begin(text_t *text, const file_t *file) {
    gee_gen_open(text);
    fprintf(text->out, "/* Made by protoc-gen-geerpc from %s: changes here are lost. */\n", file->name);
}

static gee_code_generator_file_t end(text_t *text, const file_t *file, const char *suffix) {
    return (gee_code_generator_file_t){ .name = gee_str(gee_gen_print("%s%s", file->stem, suffix)),
                                        .content = gee_gen_close(text) };
}

/* ---- which other headers a header needs ---- */

static void use(generator_t *generator, const file_t *file, gee_str_t type_name, bool *used) {
    used[gee_gen_symbol(generator, file, type_name)->file - generator->files] = true;
}

static void use_types(generator_t *generator, const file_t *file, const message_t *messages, bool *used) {
    for (const message_t *message = messages; message->symbol != NULL; message++)
        for (size_t i = 0; i < message->field_count; i++)
            if (message->fields[i].type != NULL)
                used[message->fields[i].type->file - generator->files] = true;
    for (size_t i = 0; i < file->proto.service.count; i++) {
        const gee_service_descriptor_proto_t *service = &file->proto.service.items[i];
        for (size_t k = 0; k < service->method.count; k++) {
            use(generator, file, service->method.items[k].input_type, used);
            use(generator, file, service->method.items[k].output_type, used);
        }
    }
}

/* What a file imports for others is there for those who include its header. */
static void use_public(const generator_t *generator, const file_t *file, bool *used) {
    for (size_t i = 0; i < file->proto.public_dependency.count; i++) {
        gee_str_t name = file->proto.dependency.items[file->proto.public_dependency.items[i]];
        for (size_t k = 0; k < generator->file_count; k++)
            if (gee_str_equal(name, gee_str(generator->files[k].name)))
                used[k] = true;
    }
}

static void print_includes(FILE *out, generator_t *generator, const file_t *file, const message_t *messages) {
    bool *used = gee_gen_alloc(generator->file_count + 1);
    use_types(generator, file, messages, used);
    use_public(generator, file, used);
    used[file - generator->files] = false;
    for (size_t i = 0; i < generator->file_count; i++)
        if (used[i])
            fprintf(out, "#include \"%s.gee.h\"\n", generator->files[i].stem);
}

/* ---- the two files ---- */

static void print_externs(FILE *out, const generator_t *generator, const file_t *file) {
    fputs("#pragma GCC visibility push(default)\n", out);
    for (const symbol_t *symbol = generator->first; symbol != NULL; symbol = symbol->next)
        if (symbol->file == file && !symbol->map_entry)
            fprintf(out, "extern const gee_type_t gee_type_of_%s;\n", symbol->c_name);
    fprintf(out, "extern const gee_bytes_t %s; /* a google.protobuf.FileDescriptorProto */\n", file->descriptor);
    fputs("#pragma GCC visibility pop\n\n", out);
}

static void print_header(FILE *out, generator_t *generator, const file_t *file, const message_t *messages) {
    fprintf(out, "#ifndef GEE_PROTO_%s_H\n#define GEE_PROTO_%s_H\n\n", file->joined, file->joined);
    if (file->proto.service.count > 0)
        fputs("#include <geerpc.h>\n", out);
    print_includes(out, generator, file, messages);
    fputs("#include <stdbool.h>\n#include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n\n"
          "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
          "#include \"core/type/type.h\"\n\n",
          out);
    gee_gen_enum_declarations(out, generator, file);
    gee_gen_structs(out, generator, file, messages);
    print_externs(out, generator, file);
    gee_gen_accessors(out, generator, messages);
    gee_gen_services(out, generator, file);
    fputs("#ifdef __cplusplus\n}\n#endif\n\n#endif\n", out);
}

void gee_gen_file(generator_t *generator, const file_t *file, gee_code_generator_file_t *header,
                  gee_code_generator_file_t *source) {
    text_t text;
    const message_t *messages = gee_gen_messages(generator, file);
    begin(&text, file);
    print_header(text.out, generator, file, messages);
    *header = end(&text, file, ".gee.h");
    begin(&text, file);
    fprintf(text.out, "#include \"%s.gee.h\"\n\n", file->stem);
    gee_gen_enum_types(text.out, generator, file);
    gee_gen_rows(text.out, messages);
    gee_gen_embed(text.out, file);
    *source = end(&text, file, ".gee.c");
}
