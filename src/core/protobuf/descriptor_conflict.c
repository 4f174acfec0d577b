/* descriptor_conflict.c: do two sets define alike what both have? Types that have names are compared where they are
 * defined, and elsewhere by their names. */
#include <string.h>

#include "core/protobuf/descriptor_private.h"

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* As fields and methods refer to types. */
static bool same_reference(const gee_type_t *a, const gee_type_t *b) {
    for (; a != NULL && b != NULL; a = a->element, b = b->element)
        if (a->kind != b->kind || a->form != b->form || !same_text(a->full_name, b->full_name) ||
            (a->key == NULL) != (b->key == NULL) ||
            (a->key != NULL && (a->key->kind != b->key->kind || a->key->form != b->key->form)))
            return false;
    return a == b;
}

static bool same_more(const gee_field_more_t *a, const gee_field_more_t *b) {
    return a == NULL || b == NULL ? a == b
                                  : same_text(a->json_name, b->json_name) &&
                                        same_text(a->default_text, b->default_text) && same_text(a->oneof, b->oneof);
}

static bool same_field(const gee_field_t *a, const gee_field_t *b) {
    return a->tag == b->tag && a->flags == b->flags && strcmp(a->name, b->name) == 0 && same_more(a->more, b->more) &&
           same_reference(a->type, b->type);
}

/* Messages and enums. */
static bool same_type(const gee_type_t *a, const gee_type_t *b) {
    if (a->kind != b->kind || a->flags != b->flags || a->field_count != b->field_count ||
        a->value_count != b->value_count)
        return false;
    for (size_t i = 0; i < a->field_count; i++)
        if (!same_field(&a->fields[i], &b->fields[i]))
            return false;
    for (size_t i = 0; i < a->value_count; i++)
        if (a->values[i].number != b->values[i].number || strcmp(a->values[i].name, b->values[i].name) != 0)
            return false;
    return true;
}

static bool same_method(const gee_described_method_t *a, const gee_described_method_t *b) {
    return strcmp(a->name, b->name) == 0 && same_reference(a->argument, b->argument) &&
           same_reference(a->reply, b->reply) && a->client_streaming == b->client_streaming &&
           a->server_streaming == b->server_streaming && a->idempotent == b->idempotent;
}

static bool same_service(const gee_described_service_t *a, const gee_described_service_t *b) {
    bool same = a->method_count == b->method_count;
    for (size_t i = 0; same && i < a->method_count; i++)
        same = same_method(&a->methods[i], &b->methods[i]);
    return same;
}

const char *gee_descriptors_conflict(const gee_descriptors_t *set, const gee_descriptors_t *other) {
    for (size_t i = 0; i < set->count; i++) {
        const gee_type_t *type = set->list[i], *again = gee_descriptors_type(other, gee_str(type->full_name));
        if (again != NULL && !same_type(type, again))
            return type->full_name;
    }
    for (size_t i = 0; i < set->service_count; i++) {
        const gee_described_service_t *service = &set->service_list[i];
        const gee_described_service_t *again = gee_string_map_get(other->services, gee_str(service->full_name));
        if (again != NULL && !same_service(service, again))
            return service->full_name;
    }
    return NULL;
}
