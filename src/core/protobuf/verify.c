/* verify.c: what can only be said of a whole value: that its required fields are there, and that its lists of fixed
 * length are full. As deep as the value, which a decoder has bounded. */
#include "core/protobuf/wire.h"

#include "core/type/key.h"

typedef struct verifier {
    bool required;
    gee_path_t *path;
    gee_error_t *error;
} verifier_t;

static int verify(const verifier_t *verifier, const gee_type_t *type, const void *value);

static int missing(const verifier_t *verifier, const gee_field_t *field) {
    gee_path_field(verifier->path, gee_field_name(field));
    return GEE_PROTOBUF_FAIL(verifier->error, GEE_INVALID_ARGUMENT, "the required field is missing");
}

static int verify_struct(const verifier_t *verifier, const gee_type_t *type, const void *base) {
    for (size_t i = 0; i < type->field_count; i++) {
        const gee_field_t *field = &type->fields[i];
        const void *value = (const char *)base + field->offset;
        if (!gee_field_is_set(field, base))
            continue;
        if (field->flags & GEE_FIELD_REQUIRED && verifier->required && *(void *const *)value == NULL)
            return missing(verifier, field);
        /* An embedded struct that is zero is one that has not come. */
        if (field->type->kind == GEE_KIND_STRUCT && gee_type_is_zero(field->type, value))
            continue;
        if (verify(verifier, field->type, value) != 0) {
            gee_path_field(verifier->path, gee_field_name(field));
            return -1;
        }
    }
    return 0;
}

static int verify_list(const verifier_t *verifier, const gee_type_t *type, const gee_list_value_t *list) {
    if (type->length != 0 && list->count != 0 && list->count != type->length)
        return GEE_PROTOBUF_FAIL(verifier->error, GEE_INVALID_ARGUMENT, "%zu items, but the list has %u", list->count,
                                 type->length);
    if (type->element->kind < GEE_KIND_STRUCT)
        return 0;
    for (size_t i = 0; i < list->count; i++)
        if (verify(verifier, type->element, (const char *)list->items + i * type->element->size) != 0) {
            gee_path_index(verifier->path, i);
            return -1;
        }
    return 0;
}

static int verify_map(const verifier_t *verifier, const gee_type_t *type, const gee_list_value_t *map) {
    char room[GEE_MAP_KEY_TEXT];
    if (type->element->kind < GEE_KIND_STRUCT)
        return 0;
    for (size_t i = 0; i < map->count; i++) {
        const char *entry = (const char *)map->items + i * type->entry_size;
        if (verify(verifier, type->element, entry + type->value_offset) != 0) {
            gee_path_key(verifier->path, gee_key_to_text(gee_type_key(type), entry, room));
            return -1;
        }
    }
    return 0;
}

static int verify(const verifier_t *verifier, const gee_type_t *type, const void *value) {
    switch (type->kind) {
    case GEE_KIND_STRUCT:
        return verify_struct(verifier, type, value);
    case GEE_KIND_LIST:
        return verify_list(verifier, type, value);
    case GEE_KIND_MAP:
        return verify_map(verifier, type, value);
    case GEE_KIND_OPTIONAL: {
        const void *present = *(const void *const *)value;
        return present != NULL ? verify(verifier, type->element, present) : 0;
    }
    default:
        return 0;
    }
}

int gee_protobuf_verify(const gee_type_t *type, const void *value, bool required, gee_path_t *path,
                        gee_error_t *error) {
    const verifier_t verifier = { .required = required, .path = path, .error = error };
    return verify(&verifier, type, value);
}
