/* fields.c: what a field is in C: its member, and what stands behind gee_type_of_. */
#include <stdlib.h>
#include <string.h>

#include "tools/protoc_gen_geerpc/generator.h"

typedef struct scalar {
    const char *element, *c_type; /* null: a message or an enum, or no member */
    bool packable;
} scalar_t;

static const scalar_t scalars[] = {
    [GEE_PROTO_DOUBLE] = { "double", "double", true },
    [GEE_PROTO_FLOAT] = { "float", "float", true },
    [GEE_PROTO_INT64] = { "int64_t", "int64_t", true },
    [GEE_PROTO_UINT64] = { "uint64_t", "uint64_t", true },
    [GEE_PROTO_INT32] = { "int32_t", "int32_t", true },
    [GEE_PROTO_FIXED64] = { "gee_fixed64_t", "uint64_t", true },
    [GEE_PROTO_FIXED32] = { "gee_fixed32_t", "uint32_t", true },
    [GEE_PROTO_BOOL] = { "bool", "bool", true },
    [GEE_PROTO_STRING] = { "gee_str_t", "gee_str_t", false },
    [GEE_PROTO_GROUP] = { NULL, NULL, false },
    [GEE_PROTO_MESSAGE] = { NULL, NULL, false },
    [GEE_PROTO_BYTES] = { "gee_bytes_t", "gee_bytes_t", false },
    [GEE_PROTO_UINT32] = { "uint32_t", "uint32_t", true },
    [GEE_PROTO_ENUM] = { NULL, NULL, true },
    [GEE_PROTO_SFIXED32] = { "gee_sfixed32_t", "int32_t", true },
    [GEE_PROTO_SFIXED64] = { "gee_sfixed64_t", "int64_t", true },
    [GEE_PROTO_SINT32] = { "gee_sint32_t", "int32_t", true },
    [GEE_PROTO_SINT64] = { "gee_sint64_t", "int64_t", true },
};

/* Sets element, c_type and type. */
static void find_type(generator_t *generator, const file_t *file, const gee_field_descriptor_proto_t *proto,
                      field_t *field) {
    if (proto->type == GEE_PROTO_MESSAGE || proto->type == GEE_PROTO_ENUM) {
        field->type = gee_gen_symbol(generator, file, proto->type_name);
        field->element = field->c_type = field->type->c_name;
        return;
    }
    const scalar_t *scalar = &scalars[proto->type];
    field->element = scalar->element;
    field->c_type = scalar->c_type;
    if (proto->type == GEE_PROTO_STRING && file->proto2)
        field->element = "gee_proto2_str_t";
}

static void make_map(generator_t *generator, const file_t *file, field_t *field) {
    field_t key = { .shape = SHAPE_PLAIN };
    field->shape = SHAPE_MAP;
    field->entry = field->type;
    find_type(generator, file, &field->entry->message->field.items[0], &key);
    field->key = key.element;
    field->key_type = key.c_type;
    field->type = NULL;
    find_type(generator, file, &field->entry->message->field.items[1], field);
}

static bool is_known(int32_t type) {
    return type > 0 && (size_t)type < sizeof(scalars) / sizeof(*scalars);
}

static bool is_unpacked(const file_t *file, const gee_field_descriptor_proto_t *proto) {
    bool packed = proto->options.packed ? *proto->options.packed : !file->proto2;
    return scalars[proto->type].packable && !packed;
}

static void make_field(generator_t *generator, const file_t *file, const gee_field_descriptor_proto_t *proto,
                       field_t *field) {
    field->proto = proto;
    field->oneof_index = proto->oneof_index && !proto->proto3_optional ? *proto->oneof_index : -1;
    field->required = proto->label == GEE_PROTO_REQUIRED;
    if (!is_known(proto->type))
        gee_gen_fail(generator, file, "field %.*s has the type %d, which is not known here",
                     GEE_STR_ARGUMENTS(proto->name), (int)proto->type);
    if (!is_known(proto->type) || proto->type == GEE_PROTO_GROUP) {
        field->shape = SHAPE_NONE;
        field->oneof_index = -1;
        return;
    }
    find_type(generator, file, proto, field);
    bool message = proto->type == GEE_PROTO_MESSAGE;
    if (message && field->type->map_entry)
        make_map(generator, file, field);
    else if (proto->label == GEE_PROTO_REPEATED)
        field->shape = SHAPE_LIST;
    else if (message || (field->oneof_index < 0 && (file->proto2 || proto->proto3_optional)))
        field->shape = SHAPE_OPTIONAL;
    else
        field->shape = SHAPE_PLAIN;
    field->unpacked = field->shape == SHAPE_LIST && is_unpacked(file, proto);
}

/* Those of protoc for proto3's `optional` come after the others. */
static size_t count_oneofs(const message_t *message) {
    size_t count = 0;
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].oneof_index >= (int)count)
            count = (size_t)message->fields[i].oneof_index + 1;
    return count;
}

static void name_members(generator_t *generator, message_t *message) {
    member_names_t members = { .count = 0 };
    members.names = gee_gen_alloc((3 * message->field_count + 2 * message->oneof_count + 2) * sizeof(char *));
    members.names[members.count++] = message->symbol->c_name;
    members.names[members.count++] = "unknown_fields";
    for (size_t i = 0; i < message->field_count; i++)
        if (message->fields[i].shape != SHAPE_NONE)
            members.names[members.count++] = message->fields[i].c_type;
    for (size_t i = 0; i < message->field_count; i++)
        message->fields[i].member = gee_gen_member(&members, message->fields[i].proto->name);
    for (size_t i = 0; i < message->oneof_count; i++) {
        oneof_t *oneof = &message->oneofs[i];
        gee_str_t name = message->symbol->message->oneof_decl.items[i].name;
        oneof->name = gee_gen_member(&members, name);
        oneof->case_ = gee_gen_member(&members, gee_str(gee_gen_print("%.*s_case", GEE_STR_ARGUMENTS(name))));
        oneof->c_name = gee_gen_claim_free(
            generator, gee_gen_print("%s_%.*s_case", message->symbol->c_name, GEE_STR_ARGUMENTS(name)));
    }
}

static void make_message(generator_t *generator, const symbol_t *symbol, message_t *message) {
    const gee_descriptor_proto_t *proto = symbol->message;
    message->symbol = symbol;
    message->field_count = proto->field.count;
    message->fields = gee_gen_alloc((message->field_count + 1) * sizeof(field_t));
    for (size_t i = 0; i < message->field_count; i++)
        make_field(generator, symbol->file, &proto->field.items[i], &message->fields[i]);
    message->oneof_count = count_oneofs(message);
    message->oneofs = gee_gen_alloc((message->oneof_count + 1) * sizeof(oneof_t));
    name_members(generator, message);
}

message_t *gee_gen_messages(generator_t *generator, const file_t *file) {
    message_t *messages = gee_gen_alloc((generator->symbol_count + 1) * sizeof(message_t));
    size_t count = 0;
    for (const symbol_t *symbol = generator->first; symbol != NULL; symbol = symbol->next) {
        if (symbol->file == file && symbol->message != NULL && !symbol->map_entry)
            make_message(generator, symbol, &messages[count++]);
    }
    return messages;
}

char *gee_gen_access(const message_t *message, const field_t *field) {
    if (field->oneof_index < 0)
        return gee_gen_print("%s", field->member);
    return gee_gen_print("%s.%s", message->oneofs[field->oneof_index].name, field->member);
}
