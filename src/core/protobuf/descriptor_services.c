/* descriptor_services.c: the services of a set, and finding them and their methods by name. */
#include <string.h>

#include "core/protobuf/descriptor_private.h"

/* ---- making ---- */

static const gee_type_t *message_of(gee_descriptor_builder_t *builder, const gee_symbol_t *service, gee_str_t method,
                                    gee_str_t type_name) {
    const gee_symbol_t *symbol = gee_descriptor_resolve(builder, service, method, type_name);
    if (symbol == NULL)
        return NULL;
    if (symbol->kind == GEE_SYMBOL_MESSAGE)
        return symbol->type;
    gee_descriptor_refuse(builder, service->file, service->full_name, "%.*s: %s is no message",
                          GEE_STR_ARGUMENTS(gee_str_quoted(method)), symbol->full_name);
    return NULL;
}

static int add_method(gee_descriptor_builder_t *builder, const gee_symbol_t *service,
                      const gee_method_descriptor_proto_t *from, gee_described_method_t *method) {
    int32_t level = from->options.idempotency_level;
    if (!gee_descriptor_is_name(from->name))
        return gee_descriptor_refuse(builder, service->file, service->full_name, "\"%.*s\" is not a method's name",
                                     GEE_STR_ARGUMENTS(gee_str_quoted(from->name)));
    *method =
        (gee_described_method_t){ .name = gee_descriptor_copy(builder, from->name),
                                  .argument = message_of(builder, service, from->name, from->input_type),
                                  .client_streaming = from->client_streaming,
                                  .server_streaming = from->server_streaming,
                                  .idempotent = level == GEE_PROTO_IDEMPOTENT || level == GEE_PROTO_NO_SIDE_EFFECTS,
                                  .no_side_effects = level == GEE_PROTO_NO_SIDE_EFFECTS };
    if (method->name == NULL || method->argument == NULL)
        return -1;
    method->reply = message_of(builder, service, from->name, from->output_type);
    return method->reply != NULL ? 0 : -1;
}

/* Two methods of one name. */
static int check_unique(gee_descriptor_builder_t *builder, const gee_symbol_t *symbol,
                        const gee_described_service_t *service, gee_string_map_t *names) {
    for (size_t i = 0; i < service->method_count; i++) {
        gee_str_t name = gee_str(service->methods[i].name);
        if (gee_string_map_get(names, name) != NULL)
            return gee_descriptor_refuse(builder, symbol->file, symbol->full_name, "has two methods %s", name.data);
        if (gee_string_map_put(names, name, names) != 0)
            return gee_descriptor_no_memory(builder);
    }
    return 0;
}

static int add_service(gee_descriptor_builder_t *builder, const gee_symbol_t *symbol,
                       gee_described_service_t *service) {
    const gee_service_descriptor_proto_t *from = symbol->from.service;
    gee_described_method_t *methods = gee_pool_array(builder->set->pool, from->method.count, sizeof *methods);
    const char *file = gee_descriptor_copy(builder, symbol->file->name);
    gee_string_map_t *names = gee_string_map_create();
    int result = methods != NULL && file != NULL && names != NULL ? 0 : gee_descriptor_no_memory(builder);
    for (size_t i = 0; i < from->method.count && result == 0; i++)
        result = add_method(builder, symbol, &from->method.items[i], &methods[i]);
    *service = (gee_described_service_t){ .full_name = symbol->full_name,
                                          .name = symbol->type->name,
                                          .file = file,
                                          .methods = methods,
                                          .method_count = from->method.count };
    if (result == 0)
        result = check_unique(builder, symbol, service, names);
    gee_string_map_destroy(&names);
    return result;
}

int gee_descriptor_fill_services(gee_descriptor_builder_t *builder) {
    gee_descriptors_t *set = builder->set;
    size_t count = 0;
    set->service_list = gee_pool_array(set->pool, set->service_count, sizeof *set->service_list);
    set->services = gee_string_map_create();
    if (set->service_list == NULL || set->services == NULL)
        return gee_descriptor_no_memory(builder);
    for (const gee_symbol_t *symbol = builder->first; symbol != NULL; symbol = symbol->next) {
        gee_described_service_t *service = &set->service_list[count];
        if (symbol->kind != GEE_SYMBOL_SERVICE)
            continue;
        count++;
        if (add_service(builder, symbol, service) != 0)
            return -1;
        if (gee_string_map_put(set->services, gee_str(service->full_name), service) != 0)
            return gee_descriptor_no_memory(builder);
    }
    return 0;
}

/* ---- finding ---- */

const gee_described_service_t *gee_descriptors_service_at(const gee_descriptors_t *set, size_t n) {
    return n < set->service_count ? &set->service_list[n] : NULL;
}

/* "users.binpb: ". Returns null. */
static void *not_found(const gee_descriptors_t *set, gee_error_t *error) {
    if (set->path != NULL)
        gee_error_prefix(error, "%s: ", set->path);
    return NULL;
}

/* The names that may have been meant. */
static void *no_service(const gee_descriptors_t *set, gee_str_t name, gee_error_t *error) {
    char names[GEE_ERROR_TEXT] = "none";
    size_t length = 0;
    for (size_t i = 0; i < set->service_count && length < sizeof names - 1; i++)
        length += gee_str_format(names + length, sizeof names - length, "%s%s", i > 0 ? ", " : "",
                                 set->service_list[i].full_name);
    gee_error_set(error, GEE_NOT_FOUND, "there is no service \"%.*s\", there is %s",
                  GEE_STR_ARGUMENTS(gee_str_quoted(name)), names);
    return not_found(set, error);
}

const gee_described_service_t *gee_descriptors_service(const gee_descriptors_t *set, gee_str_t name,
                                                       gee_error_t *error) {
    const gee_described_service_t *found = gee_string_map_get(set->services, name), *other = NULL;
    if (found != NULL)
        return found;
    for (size_t i = 0; i < set->service_count; i++) {
        const gee_described_service_t *service = &set->service_list[i];
        if (gee_str_equal(gee_str(service->name), name)) {
            other = found;
            found = service;
        }
    }
    if (found == NULL)
        return no_service(set, name, error);
    if (other == NULL)
        return found;
    gee_error_set(error, GEE_FAILED_PRECONDITION, "\"%s\" is %s and %s", found->name, other->full_name,
                  found->full_name);
    return not_found(set, error);
}

const gee_described_method_t *gee_descriptors_method(const gee_descriptors_t *set, gee_str_t name, gee_error_t *error) {
    ptrdiff_t dot = gee_str_find_last(name, '.');
    gee_str_t service_name = { .data = name.data, .length = dot < 0 ? 0 : (size_t)dot };
    const gee_described_service_t *service = gee_descriptors_service(set, service_name, error);
    if (service == NULL)
        return NULL;
    gee_str_t method = { .data = name.data + dot + 1, .length = name.length - (size_t)dot - 1 };
    for (size_t i = 0; i < service->method_count; i++)
        if (gee_str_equal(gee_str(service->methods[i].name), method))
            return &service->methods[i];
    gee_error_set(error, GEE_NOT_FOUND, "%s has no method \"%.*s\"", service->full_name,
                  GEE_STR_ARGUMENTS(gee_str_quoted(method)));
    return not_found(set, error);
}
