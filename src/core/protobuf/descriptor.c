/* descriptor.c: a set of descriptors from its bytes, and its life.
 *
 *   decode -> collect names -> enums, messages, maps -> places in maps -> well-known types -> services -> check */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/protobuf/descriptor_private.h"
#include "core/protobuf/engine.h"
#include "core/type/well_known.h"

#define MEMORY_MOST  (256u * 1024 * 1024)
#define NESTING_MOST 80 /* messages in messages, and what a descriptor itself nests */

/* ---- making ---- */

/* A .proto in place of what protoc makes of it: text, with a word that nearly every .proto has. */
static bool looks_like_proto(const char *bytes, size_t length) {
    return memchr(bytes, '\0', length) == NULL && (memmem(bytes, length, "syntax", strlen("syntax")) != NULL ||
                                                   memmem(bytes, length, "message ", strlen("message ")) != NULL);
}

static int refuse_proto(const gee_descriptor_builder_t *builder) {
    return gee_error_set(builder->error, GEE_INVALID_ARGUMENT,
                         "it looks like a .proto itself; protoc --include_imports --descriptor_set_out=FILE makes "
                         "descriptors of it");
}

static int decode(gee_descriptor_builder_t *builder, const void *bytes, size_t length) {
    const gee_codec_limits_t limits = { .message = GEE_DESCRIPTORS_MOST, .nesting = NESTING_MOST };
    gee_error_t reason;
    if (length > GEE_DESCRIPTORS_MOST)
        return gee_error_set(builder->error, GEE_RESOURCE_EXHAUSTED, "%zu bytes of descriptors, over %u", length,
                             GEE_DESCRIPTORS_MOST);
    if (gee_protobuf_lax_decode(NULL, &gee_type_of_gee_file_descriptor_set_t, bytes, length, &limits, false,
                                builder->scratch, &builder->files, &reason) != 0)
        return looks_like_proto(bytes, length)
                   ? refuse_proto(builder)
                   : gee_error_set(builder->error, reason.code,
                                   "it is no FileDescriptorSet, as protoc --descriptor_set_out writes: %s",
                                   reason.text);
    if (builder->files.file.count == 0)
        return gee_error_set(builder->error, GEE_INVALID_ARGUMENT,
                             "there is no file in it; protoc --include_imports --descriptor_set_out=FILE makes "
                             "descriptors");
    return 0;
}

static int fill(gee_descriptor_builder_t *builder, gee_symbol_t *symbol) {
    switch (symbol->kind) {
    case GEE_SYMBOL_ENUM:
        return gee_descriptor_fill_enum(builder, symbol);
    case GEE_SYMBOL_MESSAGE:
        return gee_descriptor_fill_message(builder, symbol);
    case GEE_SYMBOL_MAP:
        return gee_descriptor_fill_map(builder, symbol);
    case GEE_SYMBOL_SERVICE:
        break;
    }
    return 0;
}

static int mark_well_known(gee_descriptor_builder_t *builder, const gee_symbol_t *symbol) {
    if (gee_well_known_mark(symbol->type))
        return 0;
    return gee_descriptor_refuse(builder, symbol->file, symbol->full_name,
                                 "is not what google's file of that name declares; other types need another package");
}

static int fill_all(gee_descriptor_builder_t *builder) {
    for (gee_symbol_t *symbol = builder->first; symbol != NULL; symbol = symbol->next)
        if (fill(builder, symbol) != 0)
            return -1;
    for (gee_symbol_t *symbol = builder->first; symbol != NULL; symbol = symbol->next)
        if (symbol->kind == GEE_SYMBOL_MAP)
            gee_descriptor_lay_out_map(symbol->type);
        else if (symbol->kind != GEE_SYMBOL_SERVICE && mark_well_known(builder, symbol) != 0)
            return -1;
    return gee_descriptor_fill_services(builder);
}

/* Messages and enums, for those who look for them. */
static int list_types(gee_descriptor_builder_t *builder) {
    gee_descriptors_t *set = builder->set;
    set->list = gee_pool_array(set->pool, gee_string_map_count(builder->symbols), sizeof *set->list);
    set->types = gee_string_map_create();
    if (set->list == NULL || set->types == NULL)
        return gee_descriptor_no_memory(builder);
    for (const gee_symbol_t *symbol = builder->first; symbol != NULL; symbol = symbol->next) {
        if (symbol->kind != GEE_SYMBOL_MESSAGE && symbol->kind != GEE_SYMBOL_ENUM)
            continue;
        if (gee_string_map_put(set->types, gee_str(symbol->full_name), symbol->type) != 0)
            return gee_descriptor_no_memory(builder);
        set->list[set->count++] = symbol->type;
    }
    return 0;
}

static int check(gee_descriptor_builder_t *builder) {
    const gee_type_t *flawed;
    const char *flaw = gee_type_check_all(builder->set->list, builder->set->count, &flawed);
    if (flaw == NULL)
        return 0;
    const char *name = flawed != NULL ? flawed->full_name : NULL;
    const gee_symbol_t *symbol = name != NULL ? gee_string_map_get(builder->symbols, gee_str(name)) : NULL;
    return symbol != NULL ? gee_descriptor_refuse(builder, symbol->file, name, "%s", flaw)
                          : gee_error_set(builder->error, GEE_INVALID_ARGUMENT, "%s", flaw);
}

static int build(gee_descriptor_builder_t *builder, const void *bytes, size_t length) {
    builder->last = &builder->first;
    builder->scratch = gee_pool_create(4096);
    builder->symbols = gee_string_map_create();
    if (builder->scratch == NULL || builder->symbols == NULL)
        return gee_descriptor_no_memory(builder);
    gee_pool_limit(builder->scratch, MEMORY_MOST);
    return decode(builder, bytes, length) != 0 || gee_descriptor_collect(builder) != 0 || fill_all(builder) != 0 ||
                   list_types(builder) != 0
               ? -1
               : check(builder);
}

gee_descriptors_t *gee_descriptors_read(const void *bytes, size_t length, bool lasting, gee_error_t *error) {
    gee_descriptors_t *set = calloc(1, sizeof *set);
    gee_descriptor_builder_t builder = { .set = set, .lasting = lasting, .error = error };
    if (set == NULL || (set->pool = gee_pool_create(4096)) == NULL) {
        free(set);
        gee_descriptor_no_memory(&builder);
        return NULL;
    }
    atomic_init(&set->references, 1);
    gee_pool_limit(set->pool, MEMORY_MOST);
    if (build(&builder, bytes, length) != 0)
        gee_descriptors_release(&set);
    gee_string_map_destroy(&builder.symbols);
    gee_pool_destroy(&builder.scratch);
    return set;
}

/* ---- from a file ---- */

/* The bytes, at most one more than are allowed; null: `error` says why. The caller frees them. */
static uint8_t *read_bytes(FILE *file, size_t *length, gee_error_t *error) {
    size_t capacity = 64 * 1024, most = (size_t)GEE_DESCRIPTORS_MOST + 1;
    uint8_t *bytes = NULL, *larger;
    *length = 0;
    while ((larger = realloc(bytes, capacity)) != NULL) {
        bytes = larger;
        *length += fread(bytes + *length, 1, capacity - *length, file);
        if (*length < capacity || capacity == most)
            break;
        capacity = 2 * capacity < most ? 2 * capacity : most;
    }
    if (larger != NULL && !ferror(file))
        return bytes;
    if (larger == NULL)
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    else
        gee_error_set(error, GEE_FAILED_PRECONDITION, "%s", strerror(errno));
    free(bytes);
    return NULL;
}

gee_descriptors_t *gee_descriptors_load(const char *path, bool lasting, gee_error_t *error) {
    gee_descriptors_t *set = NULL;
    if (path[0] == '\0') {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "\"\" is no path of a file");
        return NULL;
    }
    FILE *file = fopen(path, "rbe");
    uint8_t *bytes = NULL;
    size_t length;
    if (file == NULL)
        gee_error_set(error, GEE_NOT_FOUND, "%s", strerror(errno));
    else if ((bytes = read_bytes(file, &length, error)) != NULL)
        set = gee_descriptors_read(bytes, length, lasting, error);
    if (set != NULL && (set->path = gee_pool_strdup(set->pool, path)) == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        gee_descriptors_release(&set);
    }
    if (file != NULL)
        (void)fclose(file);
    free(bytes);
    if (set == NULL)
        gee_error_prefix(error, "%s: ", path);
    return set;
}

/* ---- life ---- */

gee_descriptors_t *gee_descriptors_retain(gee_descriptors_t *set) {
    atomic_fetch_add(&set->references, 1);
    return set;
}

void gee_descriptors_release(gee_descriptors_t **handle) {
    gee_descriptors_t *set = *handle;
    *handle = NULL;
    if (set == NULL || atomic_fetch_sub(&set->references, 1) > 1)
        return;
    gee_string_map_destroy(&set->types);
    gee_string_map_destroy(&set->services);
    gee_pool_destroy(&set->pool);
    free(set);
}

/* ---- types ---- */

const gee_type_t *gee_descriptors_type(const gee_descriptors_t *set, gee_str_t full_name) {
    return gee_string_map_get(set->types, full_name);
}

const gee_type_t *gee_descriptors_type_at(const gee_descriptors_t *set, size_t n) {
    return n < set->count ? set->list[n] : NULL;
}
