/* descriptor_names.c: the names of a FileDescriptorSet: every message, enum and service gets a symbol, and references
 * find theirs. */
#include <stdarg.h>
#include <string.h>

#include "core/protobuf/descriptor_private.h"

#define NAME_MOST 1000 /* bytes of a full name */

int gee_descriptor_refuse(gee_descriptor_builder_t *builder, const gee_file_descriptor_proto_t *file, const char *name,
                          const char *format, ...) {
    char reason[GEE_ERROR_TEXT];
    gee_str_t path = gee_str_quoted(file->name);
    va_list arguments;
    va_start(arguments, format);
    (void)gee_str_vformat(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return gee_error_set(builder->error, GEE_INVALID_ARGUMENT, "%.*s: %s%s%s", GEE_STR_ARGUMENTS(path), name,
                         *name ? ": " : "", reason);
}

int gee_descriptor_no_memory(gee_descriptor_builder_t *builder) {
    return gee_error_set(builder->error, GEE_RESOURCE_EXHAUSTED,
                         "the descriptors need more than 256 MiB of memory, or there is none");
}

bool gee_descriptor_is_name(gee_str_t text) {
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return text.length > 0 && text.length <= NAME_MOST;
}

const char *gee_descriptor_copy(gee_descriptor_builder_t *builder, gee_str_t text) {
    const char *copy = gee_pool_strndup(builder->set->pool, text.length > 0 ? text.data : "", text.length);
    if (copy == NULL)
        gee_descriptor_no_memory(builder);
    return copy;
}

/* ---- collecting: names, kinds, and the sizes of all but structs ---- */

/* Null: refused. `scope`: the package or the full name of the message around. */
static gee_symbol_t *add(gee_descriptor_builder_t *builder, const gee_file_descriptor_proto_t *file, const char *scope,
                         gee_str_t name, gee_symbol_kind_t kind) {
    gee_str_t quoted = gee_str_quoted(name);
    if (!gee_descriptor_is_name(name) || strlen(scope) + 1 + name.length > NAME_MOST) {
        gee_descriptor_refuse(builder, file, scope,
                              "\"%.*s\" is not a name, or together with its package longer than "
                              "%d bytes",
                              GEE_STR_ARGUMENTS(quoted), NAME_MOST);
        return NULL;
    }
    gee_symbol_t *symbol = gee_pool_zalloc(builder->scratch, sizeof *symbol);
    const char *full_name =
        gee_pool_printf(builder->set->pool, "%s%s%.*s", scope, *scope ? "." : "", GEE_STR_ARGUMENTS(name));
    gee_type_t *type = gee_pool_zalloc(builder->set->pool, sizeof *type);
    if (symbol == NULL || full_name == NULL || type == NULL) {
        gee_descriptor_no_memory(builder);
        return NULL;
    }
    const gee_symbol_t *other = gee_string_map_get(builder->symbols, gee_str(full_name));
    if (other != NULL) {
        gee_descriptor_refuse(builder, file, full_name, "is declared twice, in %.*s, too",
                              GEE_STR_ARGUMENTS(gee_str_quoted(other->file->name)));
        return NULL;
    }
    *symbol = (gee_symbol_t){ .kind = kind, .full_name = full_name, .file = file, .type = type };
    *type = (gee_type_t){ .name = full_name + strlen(full_name) - name.length,
                          .full_name = full_name,
                          .lasting = builder->lasting };
    if (gee_string_map_put(builder->symbols, gee_str(full_name), symbol) != 0) {
        gee_descriptor_no_memory(builder);
        return NULL;
    }
    *builder->last = symbol;
    builder->last = &symbol->next;
    return symbol;
}

static int add_enum(gee_descriptor_builder_t *builder, const gee_file_descriptor_proto_t *file, const char *scope,
                    const gee_enum_descriptor_proto_t *enumeration) {
    gee_symbol_t *symbol = add(builder, file, scope, enumeration->name, GEE_SYMBOL_ENUM);
    if (symbol == NULL)
        return -1;
    symbol->from.enumeration = enumeration;
    symbol->type->kind = GEE_KIND_ENUM;
    symbol->type->size = sizeof(int32_t);
    return 0;
}

/* At most as deep as the decoder has let messages nest. */
static int add_message(gee_descriptor_builder_t *builder, const gee_file_descriptor_proto_t *file, const char *scope,
                       const gee_descriptor_proto_t *message) {
    bool map = message->options.map_entry;
    gee_symbol_t *symbol = add(builder, file, scope, message->name, map ? GEE_SYMBOL_MAP : GEE_SYMBOL_MESSAGE);
    if (symbol == NULL)
        return -1;
    symbol->from.message = message;
    symbol->type->kind = map ? GEE_KIND_MAP : GEE_KIND_STRUCT;
    symbol->type->size = map ? sizeof(gee_list_value_t) : 0;
    for (size_t i = 0; i < message->enum_type.count; i++)
        if (add_enum(builder, file, symbol->full_name, &message->enum_type.items[i]) != 0)
            return -1;
    for (size_t i = 0; i < message->nested_type.count; i++)
        if (add_message(builder, file, symbol->full_name, &message->nested_type.items[i]) != 0)
            return -1;
    return 0;
}

static int add_service(gee_descriptor_builder_t *builder, const gee_file_descriptor_proto_t *file, const char *scope,
                       const gee_service_descriptor_proto_t *service) {
    gee_symbol_t *symbol = add(builder, file, scope, service->name, GEE_SYMBOL_SERVICE);
    if (symbol == NULL)
        return -1;
    symbol->from.service = service;
    builder->set->service_count++;
    return 0;
}

static bool is_package(gee_str_t package) {
    if (package.length == 0)
        return true;
    for (gee_str_t rest = package; rest.data != NULL;)
        if (!gee_descriptor_is_name(gee_str_cut(&rest, '.')))
            return false;
    return true;
}

static int add_file(gee_descriptor_builder_t *builder, const gee_file_descriptor_proto_t *file) {
    if (file->syntax.length > 0 && !gee_str_equal(file->syntax, GEE_STR("proto2")) && !gee_descriptor_is_proto3(file))
        return gee_descriptor_refuse(builder, file, "", "syntax \"%.*s\": only proto2 and proto3 are known here",
                                     GEE_STR_ARGUMENTS(gee_str_quoted(file->syntax)));
    const char *package = gee_descriptor_copy(builder, file->package);
    if (package == NULL)
        return -1;
    if (!is_package(file->package) || file->package.length > NAME_MOST)
        return gee_descriptor_refuse(builder, file, "", "\"%.*s\" is not the name of a package",
                                     GEE_STR_ARGUMENTS(gee_str_quoted(file->package)));
    for (size_t i = 0; i < file->enum_type.count; i++)
        if (add_enum(builder, file, package, &file->enum_type.items[i]) != 0)
            return -1;
    for (size_t i = 0; i < file->message_type.count; i++)
        if (add_message(builder, file, package, &file->message_type.items[i]) != 0)
            return -1;
    for (size_t i = 0; i < file->service.count; i++)
        if (add_service(builder, file, package, &file->service.items[i]) != 0)
            return -1;
    return 0;
}

/* ---- imports ---- */

static int check_imports(gee_descriptor_builder_t *builder, const gee_file_descriptor_proto_t *file,
                         const gee_string_map_t *paths) {
    for (size_t i = 0; i < file->dependency.count; i++)
        if (gee_string_map_get(paths, file->dependency.items[i]) == NULL)
            return gee_descriptor_refuse(builder, file, "",
                                         "its import %.*s is missing; protoc --include_imports adds imports",
                                         GEE_STR_ARGUMENTS(gee_str_quoted(file->dependency.items[i])));
    return 0;
}

static int note_paths(gee_descriptor_builder_t *builder, gee_string_map_t *paths) {
    for (size_t i = 0; i < builder->files.file.count; i++) {
        gee_file_descriptor_proto_t *file = &builder->files.file.items[i];
        if (!gee_utf8_valid(file->name.data, file->name.length) || file->name.length == 0)
            return gee_error_set(builder->error, GEE_INVALID_ARGUMENT, "file %zu of the set has no name", i);
        if (gee_string_map_get(paths, file->name) != NULL)
            return gee_descriptor_refuse(builder, file, "", "is there twice");
        if (gee_string_map_put(paths, file->name, file) != 0)
            return gee_descriptor_no_memory(builder);
    }
    for (size_t i = 0; i < builder->files.file.count; i++)
        if (check_imports(builder, &builder->files.file.items[i], paths) != 0)
            return -1;
    return 0;
}

int gee_descriptor_collect(gee_descriptor_builder_t *builder) {
    gee_string_map_t *paths = gee_string_map_create();
    int result = paths != NULL ? note_paths(builder, paths) : gee_descriptor_no_memory(builder);
    gee_string_map_destroy(&paths);
    for (size_t i = 0; i < builder->files.file.count && result == 0; i++)
        result = add_file(builder, &builder->files.file.items[i]);
    return result;
}

/* ---- references ---- */

gee_symbol_t *gee_descriptor_resolve(gee_descriptor_builder_t *builder, const gee_symbol_t *scope, gee_str_t what,
                                     gee_str_t type_name) {
    gee_str_t quoted = gee_str_quoted(type_name), bare = type_name;
    if (bare.length > 0 && bare.data[0] == '.') {
        bare.data++;
        bare.length--;
    } else {
        bare.length = 0; /* protoc writes full names */
    }
    gee_symbol_t *symbol = bare.length > 0 ? gee_string_map_get(builder->symbols, bare) : NULL;
    if (symbol == NULL || symbol->kind == GEE_SYMBOL_SERVICE) {
        gee_descriptor_refuse(builder, scope->file, scope->full_name, "%.*s: there is no message or enum \"%.*s\"",
                              GEE_STR_ARGUMENTS(gee_str_quoted(what)), GEE_STR_ARGUMENTS(quoted));
        return NULL;
    }
    return symbol;
}
