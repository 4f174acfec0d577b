/* same_types SET: are the descriptions that protoc-gen-geerpc has made of tests/protos/everything those that
 * descriptor.c makes of the same files at run time? Prints every difference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/protobuf/descriptor.h"
#include "everything/proto2.gee.h"
#include "everything/proto3.gee.h"

static int differences;

static void differ(const char *path, const char *what) {
    printf("%s: %s\n", path, what);
    differences++;
}

static void same_number(const char *path, const char *what, size_t made, size_t known) {
    char text[200];
    snprintf(text, sizeof(text), "%s is %zu, not %zu", what, made, known);
    if (made != known)
        differ(path, text);
}

static void same_text(const char *path, const char *what, const char *made, const char *known) {
    char text[200];
    snprintf(text, sizeof(text), "%s is %s, not %s", what, made ? made : "none", known ? known : "none");
    if (made != known && (made == NULL || known == NULL || strcmp(made, known) != 0))
        differ(path, text);
}

static void same_type(const char *path, const gee_type_t *made, const gee_type_t *known);

static const char *more_text(const gee_field_t *field, size_t offset) {
    return field->more ? *(const char *const *)(const void *)((const char *)field->more + offset) : NULL;
}
#define MORE(field, member) more_text((field), offsetof(gee_field_more_t, member))

static const char *json_name(const gee_field_t *field) {
    return MORE(field, json_name) ? MORE(field, json_name) : field->name;
}

static void same_field(const char *parent, const gee_field_t *made, const gee_field_t *known) {
    char path[400];
    snprintf(path, sizeof(path), "%s.%s", parent, made->name);
    same_text(path, "name", made->name, known->name);
    same_number(path, "flags", made->flags, known->flags);
    same_text(path, "json_name", json_name(made), json_name(known));
    same_text(path, "default", MORE(made, default_text), MORE(known, default_text));
    same_text(path, "oneof", MORE(made, oneof), MORE(known, oneof));
    same_type(path, made->type, known->type);
}

static const gee_field_t *by_tag(const gee_type_t *type, uint32_t tag) {
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].tag == tag)
            return &type->fields[i];
    return NULL;
}

static void same_struct(const char *path, const gee_type_t *made, const gee_type_t *known) {
    static const gee_type_t *seen[256];
    static size_t count;
    for (size_t i = 0; i < count; i++)
        if (seen[i] == made)
            return;
    seen[count++] = made;
    same_number(path, "number of fields", made->field_count, known->field_count);
    for (size_t i = 0; i < made->field_count; i++) {
        const gee_field_t *other = by_tag(known, made->fields[i].tag);
        if (other == NULL)
            differ(path, made->fields[i].name);
        else
            same_field(made->full_name, &made->fields[i], other);
    }
}

static void same_enum(const char *path, const gee_type_t *made, const gee_type_t *known) {
    same_number(path, "number of values", made->value_count, known->value_count);
    for (size_t i = 0; i < made->value_count && i < known->value_count; i++) {
        same_text(path, "value", made->values[i].name, known->values[i].name);
        same_number(path, made->values[i].name, (size_t)made->values[i].number, (size_t)known->values[i].number);
    }
}

static void same_type(const char *path, const gee_type_t *made, const gee_type_t *known) {
    same_number(path, "kind", made->kind, known->kind);
    if (made->kind != known->kind)
        return;
    same_number(path, "form", made->form, known->form);
    same_number(path, "flags of the type", made->flags, known->flags);
    same_number(path, "well_known", made->well_known, known->well_known);
    same_text(path, "name of the type", made->name, known->name);
    same_text(path, "full_name", made->full_name, known->full_name);
    if (made->kind == GEE_KIND_STRUCT)
        same_struct(path, made, known);
    if (made->kind == GEE_KIND_ENUM)
        same_enum(path, made, known);
    if (made->kind == GEE_KIND_MAP)
        same_type(path, gee_type_key(made), gee_type_key(known));
    if (made->element != NULL)
        same_type(path, made->element, known->element);
}

int main(int argc, char **argv) {
    const gee_type_t *types[] = { GEE_TYPE_OF(everything_three_All), GEE_TYPE_OF(everything_two_Legacy),
                                  GEE_TYPE_OF(everything_three_Pong), GEE_TYPE_OF(everything_shared_OfMany),
                                  GEE_TYPE_OF(everything_three_Nothing) };
    gee_error_t error;
    gee_descriptors_t *set = gee_descriptors_load(argv[argc - 1], true, &error);
    if (set == NULL)
        return fprintf(stderr, "%s\n", error.text), 2;
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
        const gee_type_t *known = gee_descriptors_type(set, gee_str(types[i]->full_name));
        if (known == NULL)
            differ(types[i]->full_name, "not in the set");
        else
            same_type(types[i]->full_name, types[i], known);
    }
    gee_descriptors_release(&set);
    return differences != 0;
}
