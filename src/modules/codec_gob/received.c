/* received.c: the types that a peer has defined on its connection.
 *
 *   wire id -> definition (its bytes)                          when the definition comes
 *   wire id -> schema (of the type and all its parts)          when the first value of the type comes
 *
 * A definition may refer to ids that are defined after it, so nothing is looked up before a value comes. */
#include "gob.h"

#include <stdlib.h>
#include <string.h>

/* Out of line, so that a connection with few types does not pay for its registers. */
GEE_APART gee_gob_wire_type_t *gee_gob_received_find_among_many(const gee_gob_state_t *state, int64_t id) {
    uintptr_t place = (uintptr_t)gee_number_map_get(state->received_by_id, (uint64_t)id);
    return place != 0 ? &state->received[place - 1] : NULL;
}

/* Makes the index when there are too many types for a linear search. */
static int index_types(gee_gob_state_t *state) {
    gee_number_map_t *map = gee_number_map_create();
    for (size_t i = 0; map != NULL && i < state->received_count; i++)
        if (gee_number_map_put(map, (uint64_t)state->received[i].id, (void *)(i + 1)) != 0)
            gee_number_map_destroy(&map);
    state->received_by_id = map;
    return map != NULL ? 0 : -1;
}

static int make_room(gee_gob_state_t *state) {
    if (state->received_count < state->received_capacity)
        return 0;
    size_t capacity = state->received_capacity ? 2u * state->received_capacity : 2; /* a header, and one argument */
    gee_gob_wire_type_t *received = realloc(state->received, capacity * sizeof *received);
    if (received == NULL)
        return -1;
    state->received = received;
    state->received_capacity = (uint16_t)capacity;
    return 0;
}

/* The result is valid until the next type is added. */
static gee_gob_wire_type_t *add_type(gee_gob_state_t *state, int64_t id) {
    size_t place = state->received_count;
    if (make_room(state) != 0 || (state->received_by_id == NULL && place == GEE_GOB_FEW && index_types(state) != 0) ||
        (state->received_by_id != NULL &&
         gee_number_map_put(state->received_by_id, (uint64_t)id, (void *)(place + 1)) != 0))
        return NULL;
    state->received_count++;
    state->received[place] = (gee_gob_wire_type_t){ .id = id };
    return &state->received[place];
}

static int no_memory(gee_error_t *error) {
    return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "out of memory for a type definition");
}

static bool is_same(const gee_gob_wire_type_t *type, const uint8_t *bytes, size_t length) {
    const gee_gob_definition_t *definition = type->definition;
    return definition != NULL && definition->interned.key.length == length &&
           memcmp(definition->bytes, bytes, length) == 0;
}

int gee_gob_define(gee_gob_state_t *state, gee_gob_input_t *input, bool again, gee_error_t *error) {
    gee_gob_view_t view;
    const uint8_t *start = input->at;
    if (gee_gob_definition_read(input, &view, error) != 0)
        return -1;
    size_t length = (size_t)(input->at - start);
    const gee_gob_wire_type_t *known = gee_gob_received_find(state, view.id);
    if (known != NULL)
        return again || (state->resumed && is_same(known, start, length))
                   ? 0
                   : GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "type id %lld is defined a second time",
                                  (long long)view.id);
    if (state->definition_count >= GEE_GOB_IDS)
        return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "more than %u types are defined on one connection",
                            GEE_GOB_IDS);
    if (length > GEE_GOB_DEFINITIONS - state->definition_bytes)
        return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "over %lu bytes of type definitions on one connection",
                            GEE_GOB_DEFINITIONS);
    gee_gob_definition_t *definition = gee_gob_definition_intern(state->shared, start, length);
    gee_gob_wire_type_t *type = definition ? add_type(state, view.id) : NULL;
    if (type == NULL) {
        gee_gob_definition_release(state->shared, &definition);
        return no_memory(error);
    }
    type->definition = definition;
    state->definition_count++;
    state->definition_bytes += (uint32_t)length;
    return 0;
}

/* ---- a definition and the definitions to which it refers, as a key ---- */

static void refer(gee_gob_shared_t *shared, int64_t id) {
    if (id <= GEE_GOB_BUILTIN_LAST)
        gee_gob_key_builtin(shared, (gee_gob_kind_t)id);
    else
        gee_gob_key_refer(shared, (uint64_t)id);
}

static void put_definition(gee_gob_shared_t *shared, gee_gob_view_t *view) {
    gee_gob_buffer_t *key = &shared->key;
    gee_gob_key_number(key, view->kind);
    if (view->kind == GEE_GOB_ARRAY || view->kind == GEE_GOB_OPAQUE)
        gee_gob_key_number(key, view->length);
    if (view->kind == GEE_GOB_STRUCT || view->kind == GEE_GOB_OPAQUE)
        gee_gob_key_string(key, view->name);
    if (view->kind == GEE_GOB_STRUCT) {
        gee_gob_key_number(key, view->member_count);
        for (size_t i = 0; i < view->member_count; i++) {
            gee_str_t name = { 0 };
            int64_t id = GEE_GOB_BOOL;
            gee_gob_definition_next(&view->members, &name, &id);
            gee_gob_key_string(key, name);
            refer(shared, id);
        }
    }
    if (view->kind == GEE_GOB_MAP)
        refer(shared, view->key);
    if (view->kind == GEE_GOB_ARRAY || view->kind == GEE_GOB_SLICE || view->kind == GEE_GOB_MAP)
        refer(shared, view->element);
}

static int undefined(int64_t id, gee_error_t *error) {
    return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "type id %lld was never defined", (long long)id);
}

/* *units becomes the number of types and fields in these definitions. */
static int put_definitions(gee_gob_state_t *state, size_t *units, gee_error_t *error) {
    const gee_gob_numbering_t *numbering = state->shared->numbering;
    *units = 0;
    for (size_t i = 0; i < numbering->count; i++) {
        int64_t id = (int64_t)numbering->types[i];
        const gee_gob_wire_type_t *type = gee_gob_received_find(state, id);
        gee_gob_view_t view;
        if (type == NULL || type->definition == NULL)
            return undefined(id, error);
        gee_str_t bytes = type->definition->interned.key;
        gee_gob_input_t input = { .at = (const uint8_t *)bytes.data,
                                  .end = (const uint8_t *)bytes.data + bytes.length };
        if (gee_gob_definition_read(&input, &view, error) != 0)
            return -1;
        *units += 1 + view.member_count;
        if (*units > GEE_GOB_UNITS - state->units)
            return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED,
                                "the types received on one connection have over %u fields", GEE_GOB_UNITS);
        put_definition(state->shared, &view);
    }
    return 0;
}

static gee_gob_schema_t *make_schema(gee_gob_state_t *state, int64_t id, gee_error_t *error) {
    size_t units;
    gee_gob_key_begin(state->shared);
    refer(state->shared, id);
    if (put_definitions(state, &units, error) != 0)
        return NULL;
    gee_gob_schema_t *schema = gee_gob_key_end(state->shared, error);
    if (schema != NULL)
        state->units = (uint16_t)(state->units + units);
    return schema;
}

gee_gob_schema_t *gee_gob_received(gee_gob_state_t *state, int64_t id, gee_error_t *error) {
    gee_gob_wire_type_t *type = gee_gob_received_find(state, id);
    if (type == NULL) {
        if (id < 1 || id > GEE_GOB_BUILTIN_LAST) {
            (void)undefined(id, error);
            return NULL;
        }
        type = add_type(state, id);
        if (type == NULL) {
            (void)no_memory(error);
            return NULL;
        }
    }
    if (type->schema == NULL)
        type->schema = make_schema(state, id, error);
    return type->schema;
}

void gee_gob_received_clear(gee_gob_state_t *state) {
    for (size_t i = 0; i < state->received_count; i++) {
        gee_gob_definition_release(state->shared, &state->received[i].definition);
        gee_gob_schema_release(state->shared, &state->received[i].schema);
    }
    gee_number_map_destroy(&state->received_by_id);
    free(state->received);
    state->received = NULL;
    state->received_count = state->received_capacity = 0;
}
