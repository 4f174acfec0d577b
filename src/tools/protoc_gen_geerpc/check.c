/* check.c: what protoc has seen to in a request, seen to again: names and numbers go into C as they are, indices are
 * followed. Other programs write requests, too, and protoc itself takes any name of a file. */
#include <string.h>

#include "core/protobuf/descriptor.h"
#include "core/protobuf/wire.h"
#include "tools/protoc_gen_geerpc/generator.h"

enum { SET_FILE = 1 << 3 | GEE_WIRE_BYTES }; /* the key of FileDescriptorSet.file */

/* The name stands in a comment of C and in an #include. */
static void check_name(generator_t *generator, const file_t *file) {
    bool plain = strstr(file->name, "*/") == NULL && strstr(file->name, "/*") == NULL;
    for (const char *at = file->name; *at != '\0' && plain; at++)
        plain = (unsigned char)*at >= ' ' && *at != 0x7f && *at != '"' && *at != '\\';
    if (!plain || *file->name == '\0')
        gee_gen_fail(
            generator, NULL,
            "\"%s\" cannot be the name of a file in C: rename the .proto, without \" \\ * or control characters",
            file->name);
}

static void check_imports(generator_t *generator, const file_t *file) {
    for (size_t i = 0; i < file->proto.public_dependency.count; i++)
        if ((size_t)file->proto.public_dependency.items[i] >= file->proto.dependency.count)
            gee_gen_fail(generator, file, "a public import is not among the imports");
}

static bool is_text(const gee_field_descriptor_proto_t *field) {
    return field->type == GEE_PROTO_STRING || field->type == GEE_PROTO_BYTES;
}

/* Defaults of numbers, bools and enums: "-1.5e+10", "true", "RED". */
static void check_defaults(generator_t *generator, const file_t *file, const gee_descriptor_proto_t *message) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789+-.";
    for (size_t i = 0; i < message->field.count; i++) {
        const gee_field_descriptor_proto_t *field = &message->field.items[i];
        gee_str_t text = field->default_value != NULL && !is_text(field) ? *field->default_value : GEE_STR("0");
        for (size_t k = 0; k < text.length; k++)
            if (text.data[k] == '\0' || strchr(plain, text.data[k]) == NULL)
                gee_gen_fail(generator, file, "the default of field %.*s is neither a number nor a name",
                             GEE_STR_ARGUMENTS(field->name));
    }
    for (size_t i = 0; i < message->nested_type.count; i++)
        check_defaults(generator, file, &message->nested_type.items[i]);
}

/* The same checks as of descriptors at run time. */
static void check_set(generator_t *generator) {
    gee_error_t error;
    text_t text;
    gee_gen_open(&text);
    for (size_t i = 0; i < generator->file_count; i++) {
        gee_bytes_t bytes = generator->files[i].bytes;
        uint8_t head[1 + GEE_PROTOBUF_VARINT_LONGEST] = { SET_FILE };
        fwrite(head, 1, (size_t)(gee_protobuf_put_varint(head + 1, bytes.length) - head), text.out);
        fwrite(bytes.data, 1, bytes.length, text.out);
    }
    gee_str_t set = gee_gen_close(&text);
    gee_descriptors_t *read = gee_descriptors_read(set.data, set.length, false, &error);
    if (read == NULL)
        gee_gen_fail(generator, NULL, "%s", error.text);
    gee_descriptors_release(&read);
}

void gee_gen_check(generator_t *generator) {
    for (size_t i = 0; i < generator->file_count; i++) {
        const file_t *file = &generator->files[i];
        check_name(generator, file);
        check_imports(generator, file);
        for (size_t k = 0; k < file->proto.message_type.count; k++)
            check_defaults(generator, file, &file->proto.message_type.items[k]);
    }
    if (generator->error == NULL && generator->file_count > 0)
        check_set(generator);
}
