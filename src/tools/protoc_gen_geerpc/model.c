/* model.c: the files of a request as lists of messages and enums, each with its name in C. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "tools/protoc_gen_geerpc/generator.h"

/* Tags on the way to a declaration, as SourceCodeInfo has them. */
enum { FILE_MESSAGE = 4, FILE_ENUM = 5, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4 };

path_t gee_gen_path(const path_t *parent, int32_t tag, size_t position) {
    path_t path = parent ? *parent : (path_t){ .length = 0 };
    if (path.length + 2 <= PATH_MAX_LENGTH) {
        path.at[path.length++] = tag;
        path.at[path.length++] = (int32_t)position;
    }
    return path;
}

static int compare_symbols(const void *a, const void *b) {
    return strcmp(((const symbol_t *)a)->full_name, ((const symbol_t *)b)->full_name);
}

static symbol_t *add(generator_t *generator, const file_t *file, const char *scope, gee_str_t name) {
    symbol_t *symbol = gee_gen_alloc(sizeof(*symbol));
    symbol->full_name = gee_gen_print("%s%s%.*s", scope, *scope ? "." : "", GEE_STR_ARGUMENTS(name));
    symbol->c_name = gee_gen_claim(generator, file, symbol->full_name, gee_gen_joined(gee_str(symbol->full_name)));
    symbol->file = file;
    if (tsearch(symbol, &generator->by_name, compare_symbols) == NULL)
        abort(); /* out of memory */
    if (generator->last != NULL)
        generator->last->next = symbol;
    else
        generator->first = symbol;
    generator->last = symbol;
    generator->symbol_count++;
    return symbol;
}

static void add_enum(generator_t *generator, const file_t *file, const char *scope,
                     const gee_enum_descriptor_proto_t *enumeration, path_t path) {
    symbol_t *symbol = add(generator, file, scope, enumeration->name);
    symbol->enumeration = enumeration;
    symbol->path = path;
    for (size_t i = 0; i < enumeration->value.count; i++) {
        gee_str_t value = enumeration->value.items[i].name;
        const char *full_name = gee_gen_print("%s.%.*s", symbol->full_name, GEE_STR_ARGUMENTS(value));
        gee_gen_claim(generator, file, full_name, gee_gen_value_name(symbol, value));
    }
}

static void add_message(generator_t *generator, const file_t *file, const char *scope,
                        const gee_descriptor_proto_t *message, path_t path) {
    symbol_t *symbol = add(generator, file, scope, message->name);
    symbol->message = message;
    symbol->path = path;
    symbol->map_entry = message->options.map_entry;
    for (size_t i = 0; i < message->enum_type.count; i++)
        add_enum(generator, file, symbol->full_name, &message->enum_type.items[i],
                 gee_gen_path(&path, MESSAGE_ENUM, i));
    for (size_t i = 0; i < message->nested_type.count; i++)
        add_message(generator, file, symbol->full_name, &message->nested_type.items[i],
                    gee_gen_path(&path, MESSAGE_NESTED, i));
}

static void add_file(generator_t *generator, file_t *file) {
    const gee_file_descriptor_proto_t *proto = &file->proto;
    file->joined = gee_gen_joined(gee_str(file->stem));
    file->descriptor = gee_gen_claim(generator, file, file->name, gee_gen_print("gee_descriptor_of_%s", file->joined));
    const char *package = gee_gen_print("%.*s", GEE_STR_ARGUMENTS(proto->package));
    for (size_t i = 0; i < proto->enum_type.count; i++)
        add_enum(generator, file, package, &proto->enum_type.items[i], gee_gen_path(NULL, FILE_ENUM, i));
    for (size_t i = 0; i < proto->message_type.count; i++)
        add_message(generator, file, package, &proto->message_type.items[i], gee_gen_path(NULL, FILE_MESSAGE, i));
}

static int read_file(generator_t *generator, gee_bytes_t bytes, file_t *file) {
    const gee_codec_limits_t limits = { .message = SIZE_MAX, .nesting = 200 };
    gee_error_t error;
    file->bytes = gee_gen_without_comments(bytes);
    if (gee_protobuf_lax_decode(NULL, GEE_TYPE_OF(gee_file_descriptor_proto_t), bytes.data, bytes.length, &limits,
                                false, gee_gen_pool(), &file->proto, &error) != 0) {
        gee_gen_fail(generator, NULL, "a descriptor of protoc cannot be read: %s", error.text);
        return -1;
    }
    if (generator->without_comments)
        file->proto.source_code_info.location.count = 0;
    gee_gen_sort_comments(file);
    file->name = gee_gen_print("%.*s", GEE_STR_ARGUMENTS(file->proto.name));
    size_t length = strlen(file->name);
    const char *suffix = length > 6 ? file->name + length - 6 : "";
    file->stem = strcmp(suffix, ".proto") == 0 ? gee_gen_print("%.*s", (int)length - 6, file->name) : file->name;
    file->proto2 = file->proto.syntax.length == 0 || gee_str_equal(file->proto.syntax, GEE_STR("proto2"));
    if (!file->proto2 && !gee_str_equal(file->proto.syntax, GEE_STR("proto3")))
        gee_gen_fail(generator, file, "syntax \"%.*s\" is not known here: proto2 and proto3 are",
                     GEE_STR_ARGUMENTS(file->proto.syntax));
    return 0;
}

int gee_gen_read_request(generator_t *generator, const gee_code_generator_request_t *request) {
    generator->file_count = request->proto_file.count;
    generator->files = gee_gen_alloc((generator->file_count + 1) * sizeof(file_t));
    for (size_t i = 0; i < generator->file_count; i++) {
        if (read_file(generator, request->proto_file.items[i], &generator->files[i]) != 0)
            return -1;
    }
    gee_gen_check(generator);
    for (size_t i = 0; i < generator->file_count && generator->error == NULL; i++)
        add_file(generator, &generator->files[i]);
    return generator->error == NULL ? 0 : -1;
}

const symbol_t *gee_gen_symbol(generator_t *generator, const file_t *file, gee_str_t type_name) {
    symbol_t key = { .full_name = gee_gen_print("%.*s", GEE_STR_ARGUMENTS(type_name)) };
    if (key.full_name[0] == '.')
        key.full_name++;
    symbol_t *const *found = tfind(&key, &generator->by_name, compare_symbols);
    if (found != NULL)
        return *found;
    gee_gen_fail(generator, file, "no message and no enum is called %s", key.full_name);
    return generator->first;
}

bool gee_gen_read_method(generator_t *generator, const file_t *file, const gee_method_descriptor_proto_t *proto,
                         method_t *method) {
    *method = (method_t){ .proto = proto };
    method->name = gee_gen_print("%.*s", GEE_STR_ARGUMENTS(proto->name));
    method->request = gee_gen_symbol(generator, file, proto->input_type)->c_name;
    method->reply = gee_gen_symbol(generator, file, proto->output_type)->c_name;
    return proto->client_streaming || proto->server_streaming;
}

static void keep(void *node) {
    (void)node; /* is in the pool */
}

void gee_gen_forget(generator_t *generator) {
    tdestroy(generator->by_name, keep);
    tdestroy(generator->taken, keep);
}
