/* handover.c: a connection's state as a record for another process, and back.
 *
 *   receiving  the peer's definitions, as their bytes
 *   sending    first id, count, and the definitions of these types as they were sent, for each schema
 *
 * A state knows the sent types by schemas, so the schemas are made again from their definitions, as if a peer had sent
 * these. Written out once more, the schemas must give the same bytes, or this process would use other ids than the peer
 * knows. */
#include "gob.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static void put_definition(gee_record_t *out, const gee_gob_node_t *node, int64_t first) {
    uint8_t room[1024], *bytes = room;
    gee_gob_writer_t writer = { .bytes = room, .capacity = sizeof room };
    gee_gob_put_definition(&writer, node, first);
    if (writer.length > sizeof room) {
        bytes = malloc(writer.length);
        if (bytes == NULL) {
            out->failed = true;
            return;
        }
        writer = (gee_gob_writer_t){ .bytes = bytes, .capacity = writer.length };
        gee_gob_put_definition(&writer, node, first);
    }
    gee_record_put_bytes(out, bytes, writer.length);
    if (bytes != room)
        free(bytes);
}

static void export_received(const gee_gob_state_t *state, gee_record_t *out) {
    gee_record_put_u64(out, state->definition_count);
    for (size_t i = 0; i < state->received_count; i++) {
        const gee_gob_definition_t *definition = state->received[i].definition;
        if (definition != NULL)
            gee_record_put_bytes(out, definition->bytes, definition->interned.key.length);
    }
}

void gee_gob_export(const void *data, gee_record_t *out) {
    const gee_gob_state_t *state = data;
    export_received(state, out);
    gee_record_put_u64(out, state->sent_count);
    for (size_t i = 0; i < state->sent_count; i++) {
        const gee_gob_sent_t *sent = &state->sent[i];
        gee_record_put_u64(out, (uint64_t)sent->first);
        gee_record_put_u64(out, sent->schema->node_count);
        for (size_t k = 0; k < sent->schema->node_count; k++)
            put_definition(out, &sent->schema->nodes[k], sent->first);
    }
}

/* ---- reading ---- */

static int broken(gee_error_t *error) {
    return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "gob: a record that does not make sense");
}

static int define(gee_gob_state_t *state, gee_record_reader_t *in, gee_error_t *error) {
    gee_record_reader_t part = gee_record_take_part(in);
    gee_gob_input_t input = { .at = part.at, .end = part.end };
    if (part.failed || gee_gob_left(&input) == 0)
        return broken(error);
    if (gee_gob_define(state, &input, false, error) != 0)
        return gee_error_prefix(error, "gob: a record: ");
    return gee_gob_left(&input) == 0 ? 0 : broken(error);
}

/* Does the schema, written under the ids from `first` on, give the definitions in `in`? */
static bool is_written_so(const gee_gob_schema_t *schema, int64_t first, gee_record_reader_t in) {
    bool same = true;
    for (size_t i = 0; i < schema->node_count && same; i++) {
        gee_record_t own = { 0 };
        put_definition(&own, &schema->nodes[i], first);
        const void *given = gee_record_take(&in, own.length);
        same = !own.failed && given != NULL && memcmp(given, own.bytes, own.length) == 0;
        gee_record_clear(&own);
    }
    return same;
}

static int import_sent(gee_gob_state_t *state, gee_gob_state_t *definitions, gee_record_reader_t *in,
                       gee_error_t *error) {
    int64_t first = (int64_t)gee_record_take_u64(in);
    uint64_t count = gee_record_take_u64(in);
    gee_record_reader_t start = *in;
    if (in->failed || first < GEE_GOB_FIRST_ID || count == 0 || count > GEE_GOB_IDS)
        return broken(error);
    for (uint64_t i = 0; i < count; i++)
        if (define(definitions, in, error) != 0)
            return -1;
    gee_gob_schema_t *schema = gee_gob_received(definitions, first, error);
    if (schema == NULL)
        return -1;
    if (schema->node_count != count || !is_written_so(schema, first, start))
        return broken(error);
    return gee_gob_note_sent(state, schema, first, error);
}

int gee_gob_import(void *data, gee_record_reader_t *in, gee_error_t *error) {
    gee_gob_state_t *state = data;
    int result = 0;
    state->resumed = true;
    for (uint64_t count = gee_record_take_u64(in); count > 0; count--)
        if (define(state, in, error) != 0)
            return -1;
    for (uint64_t count = gee_record_take_u64(in); count > 0 && result == 0; count--) {
        gee_gob_state_t definitions = { .shared = state->shared };
        result = import_sent(state, &definitions, in, error);
        gee_gob_received_clear(&definitions);
    }
    if (result != 0)
        return -1;
    return in->failed || gee_record_left(in) > 0 ? broken(error) : 0;
}
