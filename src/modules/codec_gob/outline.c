/* outline.c: the keys of schemas, in the form that gob.h describes; and the key of a C type.
 *
 *   refer(root)      queue: root
 *   take a type off the queue, write its node: each type that it refers to for the first time joins the queue */
#include "gob.h"

#include <stdlib.h>
#include <string.h>

#define KEY_LIMIT (16UL * 1024 * 1024) /* for the types of this side; a peer's have lower bounds */

/* ---- the buffer ---- */

static uint8_t *room(gee_gob_buffer_t *key, size_t count) {
    if (key->failed)
        return NULL;
    if (key->capacity - key->length < count) {
        size_t capacity = key->capacity < 512 ? 512 : key->capacity;
        while (capacity - key->length < count && capacity < KEY_LIMIT)
            capacity *= 2;
        uint8_t *bytes = capacity - key->length < count ? NULL : realloc(key->bytes, capacity);
        if (bytes == NULL) {
            key->failed = true;
            return NULL;
        }
        key->bytes = bytes;
        key->capacity = capacity;
    }
    return key->bytes + key->length;
}

static void key_put(gee_gob_buffer_t *key, const void *bytes, size_t count) {
    uint8_t *place = room(key, count);
    if (place == NULL)
        return;
    if (count > 0)
        memcpy(place, bytes, count);
    key->length += count;
}

void gee_gob_key_number(gee_gob_buffer_t *key, uint64_t number) {
    uint8_t bytes[GEE_GOB_UINT_LONGEST];
    unsigned length = 1;
    bytes[0] = (uint8_t)number;
    if (number >= 0x80) {
        unsigned count = (71 - (unsigned)__builtin_clzll(number)) / 8;
        bytes[0] = (uint8_t)(256 - count);
        for (unsigned i = 0; i < count; i++)
            bytes[count - i] = (uint8_t)(number >> (8 * i));
        length += count;
    }
    key_put(key, bytes, length);
}

void gee_gob_key_string(gee_gob_buffer_t *key, gee_str_t string) {
    gee_gob_key_number(key, string.length);
    key_put(key, string.data, string.length);
}

/* ---- numbering ---- */

static size_t slot_of(const gee_gob_numbering_t *numbering, uint64_t type) {
    size_t slot = (size_t)(type * 0x9e3779b97f4a7c15u >> 53); /* 11 bits */
    while (numbering->slots[slot] != 0 && numbering->types[numbering->slots[slot] - 1] != type)
        slot = (slot + 1) % GEE_LENGTH(numbering->slots);
    return slot;
}
_Static_assert(GEE_GOB_IDS == 1024, "slot_of makes 11 bits, for twice as many slots");

void gee_gob_key_begin(gee_gob_shared_t *shared) {
    static const uint32_t no_nodes = 0;
    shared->key.length = 0;
    shared->key.failed = false;
    shared->numbering->count = 0;
    memset(shared->numbering->slots, 0, sizeof shared->numbering->slots);
    key_put(&shared->key, &no_nodes, sizeof no_nodes);
}

void gee_gob_key_refer(gee_gob_shared_t *shared, uint64_t type) {
    gee_gob_numbering_t *numbering = shared->numbering;
    size_t slot = slot_of(numbering, type);
    if (numbering->slots[slot] == 0) {
        if (numbering->count == GEE_GOB_IDS) {
            shared->key.failed = true;
            return;
        }
        numbering->types[numbering->count++] = type;
        numbering->slots[slot] = (uint16_t)numbering->count;
    }
    gee_gob_key_number(&shared->key, GEE_GOB_REF + numbering->slots[slot] - 1u);
}

void gee_gob_key_builtin(gee_gob_shared_t *shared, gee_gob_kind_t kind) {
    gee_gob_key_number(&shared->key, kind);
}

gee_gob_schema_t *gee_gob_key_end(gee_gob_shared_t *shared, gee_error_t *error) {
    gee_gob_buffer_t *key = &shared->key;
    gee_gob_schema_t *schema = NULL;
    if (!key->failed) {
        uint32_t count = (uint32_t)shared->numbering->count;
        memcpy(key->bytes, &count, sizeof count);
        schema = gee_gob_schema_intern(shared, (gee_str_t){ .data = (const char *)key->bytes, .length = key->length });
    }
    if (schema == NULL)
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "the type is made of more than %u types, or there is no memory",
                      GEE_GOB_IDS);
    return schema;
}

/* ---- the key of a C type ---- */

static const gee_type_t *inside(const gee_type_t *type) {
    unsigned levels = 0;
    while (type->kind == GEE_KIND_OPTIONAL && levels++ < 8)
        type = type->element;
    return type;
}

/* 0: the type has a definition. */
static gee_gob_kind_t builtin_of(const gee_type_t *type) {
    switch (type->kind) {
    case GEE_KIND_BOOL:
        return GEE_GOB_BOOL;
    case GEE_KIND_ENUM:
    case GEE_KIND_INT32:
    case GEE_KIND_INT64:
        return GEE_GOB_INT;
    case GEE_KIND_UINT32:
    case GEE_KIND_UINT64:
        return GEE_GOB_UINT;
    case GEE_KIND_FLOAT:
    case GEE_KIND_DOUBLE:
        return GEE_GOB_FLOAT;
    case GEE_KIND_STRING:
        return GEE_GOB_STRING;
    case GEE_KIND_BYTES:
        return GEE_GOB_BYTES;
    default:
        return (gee_gob_kind_t)0;
    }
}

static void refer(gee_gob_shared_t *shared, const gee_type_t *outer) {
    const gee_type_t *type = inside(outer);
    gee_gob_kind_t builtin = builtin_of(type);
    if (builtin != 0)
        gee_gob_key_builtin(shared, builtin);
    else
        gee_gob_key_refer(shared, (uintptr_t)type);
}

static void put_struct(gee_gob_shared_t *shared, const gee_type_t *type) {
    gee_gob_buffer_t *key = &shared->key;
    const gee_str_t *names = type->full_name != NULL ? gee_gob_go_names(type, shared->scratch) : NULL;
    key->failed |= type->full_name != NULL && names == NULL;
    gee_gob_key_number(key, GEE_GOB_STRUCT);
    gee_gob_key_string(key, gee_str(type->name));
    gee_gob_key_number(key, type->field_count);
    for (size_t i = 0; i < type->field_count; i++) {
        gee_gob_key_string(key, names != NULL ? names[i] : gee_field_name(&type->fields[i]));
        refer(shared, type->fields[i].type);
    }
}

static void put_type(gee_gob_shared_t *shared, const gee_type_t *type) {
    gee_gob_buffer_t *key = &shared->key;
    if (type->kind == GEE_KIND_STRUCT) {
        put_struct(shared, type);
        return;
    }
    if (type->kind == GEE_KIND_MAP) {
        gee_gob_key_number(key, GEE_GOB_MAP);
        gee_gob_key_builtin(shared, builtin_of(gee_type_key(type)));
    } else if (type->kind == GEE_KIND_LIST) {
        gee_gob_key_number(key, type->length > 0 ? GEE_GOB_ARRAY : GEE_GOB_SLICE);
        if (type->length > 0)
            gee_gob_key_number(key, type->length);
    } else {
        key->failed = true; /* optionals that nest without end */
        return;
    }
    refer(shared, type->element);
}

static gee_gob_schema_t *make_schema(gee_gob_shared_t *shared, const gee_type_t *type, gee_error_t *error) {
    gee_pool_reset(shared->scratch);
    gee_gob_key_begin(shared);
    refer(shared, type);
    for (size_t i = 0; i < shared->numbering->count; i++)
        put_type(shared, (const gee_type_t *)(uintptr_t)shared->numbering->types[i]);
    return gee_gob_key_end(shared, error);
}

gee_gob_schema_t *gee_gob_schema_of(gee_gob_shared_t *shared, const gee_type_t *type, gee_error_t *error) {
    if (!type->lasting)
        return make_schema(shared, type, error);
    size_t place = gee_gob_recent_place(type);
    gee_gob_schema_t *schema = gee_gob_recent_schema(shared, type);
    if (schema != NULL)
        return gee_gob_schema_hold(schema);
    schema = gee_number_map_get(shared->by_type, (uintptr_t)type);
    if (schema == NULL) {
        schema = make_schema(shared, type, error);
        if (schema == NULL)
            return NULL;
        if (gee_number_map_put(shared->by_type, (uintptr_t)type, schema) != 0) {
            gee_gob_schema_release(shared, &schema);
            gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
            return NULL;
        }
    }
    shared->recent[place].type = type;
    shared->recent[place].schema = schema;
    return gee_gob_schema_hold(schema);
}
