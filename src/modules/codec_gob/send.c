/* send.c: which types this side has defined to the peer, and under which ids.
 *
 *   sent[0] schema of Header, ids 65..65    sent[1] schema of Reply, ids 66..68    next_id 69
 *
 * A mark is the count of sent schemas. Rewinding to a mark forgets the later schemas: their definitions were in bytes
 * that never left. */
#include "gob.h"

#include <stdlib.h>

#define FIRST_SENT 65 /* as in Go 1.19 */

static int no_memory(gee_error_t *error) {
    return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "out of memory for a type definition");
}

uint64_t gee_gob_mark(const void *data) {
    const gee_gob_state_t *state = data;
    return state->sent_count;
}

void gee_gob_rewind(void *data, uint64_t mark) {
    gee_gob_state_t *state = data;
    while (state->sent_count > mark) {
        gee_gob_sent_t *sent = &state->sent[--state->sent_count];
        if (state->sent_by_schema != NULL)
            gee_number_map_remove(state->sent_by_schema, (uintptr_t)sent->schema);
        state->next_id = (uint16_t)sent->first;
        if (sent->first == state->plain_sent)
            state->plain_sent = 0;
        gee_gob_schema_release(state->shared, &sent->schema);
    }
}

void gee_gob_sent_clear(gee_gob_state_t *state) {
    gee_gob_rewind(state, 0);
    gee_number_map_destroy(&state->sent_by_schema);
    free(state->sent);
    state->sent = NULL;
}

/* Makes the index when there are too many schemas for a linear search. */
static int index_sent(gee_gob_state_t *state) {
    gee_number_map_t *map = gee_number_map_create();
    for (size_t i = 0; map != NULL && i < state->sent_count; i++)
        if (gee_number_map_put(map, (uintptr_t)state->sent[i].schema, (void *)(i + 1)) != 0)
            gee_number_map_destroy(&map);
    state->sent_by_schema = map;
    return map != NULL ? 0 : -1;
}

int64_t gee_gob_sent_id_among_many(const gee_gob_state_t *state, const gee_gob_schema_t *schema) {
    uintptr_t place = (uintptr_t)gee_number_map_get(state->sent_by_schema, (uintptr_t)schema);
    return place != 0 ? state->sent[place - 1].first : 0;
}

/* A receiver of this project has these bounds, too, and ends the connection when they are passed. */
static int check_bounds(const gee_gob_state_t *state, const gee_gob_schema_t *schema, gee_error_t *error) {
    size_t ids = schema->node_count, units = schema->units, bytes = schema->definition_bytes;
    for (size_t i = 0; i < state->sent_count; i++) {
        ids += state->sent[i].schema->node_count;
        units += state->sent[i].schema->units;
        bytes += state->sent[i].schema->definition_bytes;
    }
    if (ids > GEE_GOB_IDS)
        return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "more than %u types to be defined on one connection",
                            GEE_GOB_IDS);
    if (units > GEE_GOB_UNITS)
        return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "types with over %u fields to be defined on one connection",
                            GEE_GOB_UNITS);
    if (bytes > GEE_GOB_DEFINITIONS)
        return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED,
                            "over %lu bytes of type definitions to be sent on one connection", GEE_GOB_DEFINITIONS);
    return 0;
}

/* Notes the schema as sent, under the next ids. */
static int note(gee_gob_state_t *state, gee_gob_schema_t *schema, gee_error_t *error) {
    if (state->sent_by_schema == NULL && state->sent_count == GEE_GOB_FEW && index_sent(state) != 0)
        return no_memory(error);
    if (state->sent_count == state->sent_capacity) {
        size_t capacity = state->sent_capacity ? 2u * state->sent_capacity : 1; /* many replies have a header only */
        gee_gob_sent_t *sent = realloc(state->sent, capacity * sizeof *sent);
        if (sent == NULL)
            return no_memory(error);
        state->sent = sent;
        state->sent_capacity = (uint16_t)capacity;
    }
    if (state->next_id == 0)
        state->next_id = FIRST_SENT;
    if (check_bounds(state, schema, error) != 0)
        return -1;
    if (state->sent_by_schema != NULL &&
        gee_number_map_put(state->sent_by_schema, (uintptr_t)schema, (void *)((size_t)state->sent_count + 1)) != 0)
        return no_memory(error);
    state->sent[state->sent_count++] =
        (gee_gob_sent_t){ .schema = gee_gob_schema_hold(schema), .first = state->next_id };
    state->next_id = (uint16_t)(state->next_id + schema->node_count);
    return 0;
}

int gee_gob_note_sent(gee_gob_state_t *state, gee_gob_schema_t *schema, int64_t first, gee_error_t *error) {
    if (first != (state->next_id == 0 ? FIRST_SENT : state->next_id))
        return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "gob: a record of types sent with a gap in their ids");
    return note(state, schema, error);
}

typedef struct definition_data {
    const gee_gob_node_t *node;
    int64_t first;
} definition_data_t;

static int put_definition(gee_gob_writer_t *writer, const void *data) {
    const definition_data_t *definition = data;
    gee_gob_put_definition(writer, definition->node, definition->first);
    return 0;
}

static int define(gee_gob_state_t *state, gee_gob_schema_t *schema, gee_chain_t *out, gee_error_t *error) {
    uint64_t mark = gee_gob_mark(state);
    if (note(state, schema, error) != 0)
        return -1;
    definition_data_t definition = { .first = state->sent[state->sent_count - 1].first };
    for (size_t i = 0; i < schema->node_count; i++) {
        definition.node = &schema->nodes[i];
        if (gee_gob_put_message(out, error, put_definition, &definition) != 0) {
            gee_gob_rewind(state, mark);
            return -1;
        }
    }
    return 0;
}

/* The id under which the peer knows the schema; when the peer does not, the definitions are appended first. 0:
 * failed. */
static int64_t announce(gee_gob_state_t *state, gee_gob_schema_t *schema, gee_chain_t *out, gee_error_t *error) {
    int64_t id = gee_gob_known_id(state, schema);
    if (id != 0)
        return id;
    return define(state, schema, out, error) == 0 ? state->sent[state->sent_count - 1].first : 0;
}

typedef struct value_data {
    int64_t id;
    gee_gob_put_t put;
    const void *data;
} value_data_t;

static int put_value(gee_gob_writer_t *writer, const void *data) {
    const value_data_t *value = data;
    gee_gob_put_int(writer, value->id);
    return value->put(writer, value->data);
}

int gee_gob_send(gee_gob_state_t *state, gee_gob_schema_t *schema, gee_chain_t *out, gee_error_t *error,
                 gee_gob_put_t put, const void *data) {
    uint64_t mark = gee_gob_mark(state);
    value_data_t value = { .id = announce(state, schema, out, error), .put = put, .data = data };
    gee_gob_schema_release(state->shared, &schema);
    if (value.id == 0 || gee_gob_put_message(out, error, put_value, &value) != 0) {
        gee_gob_rewind(state, mark);
        return -1;
    }
    return 0;
}
