/* descriptor_fields.c: the fields of a message, and their places in memory.
 *
 *   unknown fields | field | field | selector of a oneof, its members in one place | ...
 *
 * No struct lies in another one, so the size of a message does not depend on other messages. */
#include <string.h>

#include "core/protobuf/descriptor_private.h"

#define SIZE_MOST (1024 * 1024)
#define TAG_MOST  536870911

typedef struct oneof {
    const char *name;
    size_t size, alignment; /* of the largest member; 0: no member */
    size_t selector, offset;
    bool placed;
} oneof_t;

typedef struct message {
    gee_descriptor_builder_t *builder;
    gee_symbol_t *symbol;
    gee_field_t *fields;
    size_t count;
    oneof_t *oneofs;
    size_t size, alignment;
} message_t;

static int refuse(const message_t *message, gee_str_t field, const char *reason) {
    return gee_descriptor_refuse(message->builder, message->symbol->file, message->symbol->full_name, "%.*s: %s",
                                 GEE_STR_ARGUMENTS(gee_str_quoted(field)), reason);
}

/* ---- what a field is ---- */

/* Null: in no oneof, or alone in the oneof that `optional` of proto3 stands for. */
static oneof_t *oneof_of(const message_t *message, const gee_field_descriptor_proto_t *from) {
    return from->oneof_index != NULL && !from->proto3_optional ? &message->oneofs[*from->oneof_index] : NULL;
}

static int check_field(const message_t *message, const gee_field_descriptor_proto_t *from) {
    bool oneof = from->oneof_index != NULL;
    if (!gee_descriptor_is_name(from->name))
        return refuse(message, from->name, "is not a field's name");
    if (from->number < 1 || from->number > TAG_MOST || (from->number >= 19000 && from->number <= 19999))
        return refuse(message, from->name, "its number is not from 1 to 18999 or 20000 to 536870911");
    if (from->label < GEE_PROTO_OPTIONAL || from->label > GEE_PROTO_REPEATED)
        return refuse(message, from->name, "it is neither optional, required nor repeated");
    if (oneof &&
        (*from->oneof_index < 0 || (size_t)*from->oneof_index >= message->symbol->from.message->oneof_decl.count))
        return refuse(message, from->name, "there is no such oneof");
    if ((oneof || from->proto3_optional) && from->label != GEE_PROTO_OPTIONAL)
        return refuse(message, from->name, "a member of a oneof is repeated or required");
    return 0;
}

static bool is_packed(const message_t *message, const gee_field_descriptor_proto_t *from) {
    return from->options.packed != NULL ? *from->options.packed : gee_descriptor_is_proto3(message->symbol->file);
}

/* Null: refused. */
static const gee_type_t *type_of(const message_t *message, const gee_field_descriptor_proto_t *from) {
    gee_element_t element;
    if (gee_descriptor_element(message->builder, message->symbol, from, &element) != 0)
        return NULL;
    if (element.type->kind == GEE_KIND_MAP) {
        if (from->label == GEE_PROTO_REPEATED)
            return element.type;
        refuse(message, from->name, "the entry of a map is not repeated");
        return NULL;
    }
    if (from->label == GEE_PROTO_REPEATED)
        return gee_descriptor_list_of(message->builder, &element, is_packed(message, from));
    bool plain =
        gee_descriptor_is_proto3(message->symbol->file) ? !from->proto3_optional : oneof_of(message, from) != NULL;
    return plain && element.type->kind != GEE_KIND_STRUCT ? element.type
                                                          : gee_descriptor_optional_of(message->builder, &element);
}

/* ---- what few fields have ---- */

/* protoc's rule: user_id is userId. Null: no memory. */
static const char *camel_case(const message_t *message, const char *name) {
    char *made = gee_pool_strdup(message->builder->set->pool, name), *end = made;
    bool raise = false;
    for (const char *at = name; made != NULL && *at != '\0'; at++) {
        if (*at != '_')
            *end++ = raise && *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
        raise = *at == '_';
    }
    if (made != NULL)
        *end = '\0';
    return made;
}

static int set_more(const message_t *message, gee_field_t *field, const gee_field_descriptor_proto_t *from) {
    gee_descriptor_builder_t *builder = message->builder;
    const oneof_t *oneof = oneof_of(message, from);
    const char *json_name =
        from->json_name != NULL ? gee_descriptor_copy(builder, *from->json_name) : camel_case(message, field->name);
    gee_field_more_t *more = gee_pool_zalloc(builder->set->pool, sizeof *more);
    if (json_name == NULL || more == NULL)
        return gee_descriptor_no_memory(builder);
    more->json_name = strcmp(json_name, field->name) == 0 || *json_name == '\0' ? NULL : json_name;
    if (from->default_value != NULL &&
        (more->default_text = gee_descriptor_copy(builder, *from->default_value)) == NULL)
        return -1;
    more->oneof = oneof != NULL ? oneof->name : NULL;
    if (more->json_name != NULL || more->default_text != NULL || more->oneof != NULL)
        field->more = more;
    return 0;
}

static int add_field(message_t *message, const gee_field_descriptor_proto_t *from) {
    gee_field_t *field = &message->fields[message->count++];
    if ((field->type = type_of(message, from)) == NULL ||
        (field->name = gee_descriptor_copy(message->builder, from->name)) == NULL)
        return -1;
    field->name_length = (uint16_t)from->name.length;
    field->tag = (uint32_t)from->number;
    if (oneof_of(message, from) != NULL)
        field->flags = GEE_FIELD_ONEOF;
    if (from->label == GEE_PROTO_REQUIRED) {
        field->flags = GEE_FIELD_REQUIRED;
        message->symbol->type->flags |= GEE_TYPE_REQUIRED;
    }
    return set_more(message, field, from);
}

/* ---- places ---- */

static size_t place(message_t *message, size_t size, size_t alignment) {
    size_t offset = gee_descriptor_align(message->size, alignment);
    message->size = offset + size;
    return offset;
}

static void place_in_oneof(message_t *message, gee_field_t *field, oneof_t *oneof) {
    if (!oneof->placed) {
        oneof->selector = place(message, sizeof(uint32_t), sizeof(uint32_t));
        oneof->offset = place(message, oneof->size, oneof->alignment);
        oneof->placed = true;
    }
    field->selector = (uint32_t)oneof->selector;
    field->offset = (uint32_t)oneof->offset;
}

static void measure_oneof(oneof_t *oneof, const gee_type_t *type) {
    size_t alignment = gee_descriptor_alignment(type);
    oneof->size = type->size > oneof->size ? type->size : oneof->size;
    oneof->alignment = alignment > oneof->alignment ? alignment : oneof->alignment;
}

/* `from[i]` is what fields[i] was made of. */
static int lay_out(message_t *message, const gee_field_descriptor_proto_t *const *from) {
    gee_type_t *type = message->symbol->type;
    oneof_t *oneof;
    for (size_t i = 0; i < message->count; i++)
        if ((oneof = oneof_of(message, from[i])) != NULL)
            measure_oneof(oneof, message->fields[i].type);
    message->size = sizeof(gee_bytes_t); /* the unknown fields, at 0 */
    for (size_t i = 0; i < message->count; i++) {
        gee_field_t *field = &message->fields[i];
        if ((oneof = oneof_of(message, from[i])) != NULL)
            place_in_oneof(message, field, oneof);
        else
            field->offset = (uint32_t)place(message, field->type->size, gee_descriptor_alignment(field->type));
        if (message->size > SIZE_MOST)
            return refuse(message, from[i]->name, "the message would take more than 1 MiB in memory");
    }
    type->size = gee_descriptor_align(message->size, _Alignof(gee_bytes_t));
    return 0;
}

/* ---- the message ---- */

static int name_oneofs(message_t *message) {
    const gee_descriptor_proto_t *from = message->symbol->from.message;
    message->oneofs = gee_pool_array(message->builder->scratch, from->oneof_decl.count, sizeof *message->oneofs);
    if (message->oneofs == NULL)
        return gee_descriptor_no_memory(message->builder);
    for (size_t i = 0; i < from->oneof_decl.count; i++) {
        gee_str_t name = from->oneof_decl.items[i].name;
        if (!gee_descriptor_is_name(name))
            return refuse(message, name, "is not a oneof's name");
        if ((message->oneofs[i].name = gee_descriptor_copy(message->builder, name)) == NULL)
            return -1;
    }
    return 0;
}

int gee_descriptor_fill_message(gee_descriptor_builder_t *builder, gee_symbol_t *symbol) {
    const gee_descriptor_proto_t *from = symbol->from.message;
    message_t message = { .builder = builder, .symbol = symbol };
    message.fields = gee_pool_array(builder->set->pool, from->field.count, sizeof *message.fields);
    const gee_field_descriptor_proto_t **kept = gee_pool_array(builder->scratch, from->field.count, sizeof *kept);
    if (message.fields == NULL || kept == NULL)
        return gee_descriptor_no_memory(builder);
    symbol->type->flags = GEE_TYPE_KEEPS_UNKNOWN;
    if (name_oneofs(&message) != 0)
        return -1;
    for (size_t i = 0; i < from->field.count; i++) {
        if (check_field(&message, &from->field.items[i]) != 0)
            return -1;
        if (from->field.items[i].type == GEE_PROTO_GROUP)
            continue;
        kept[message.count] = &from->field.items[i];
        if (add_field(&message, kept[message.count]) != 0)
            return -1;
    }
    symbol->type->fields = message.fields;
    symbol->type->field_count = message.count;
    return lay_out(&message, kept);
}
