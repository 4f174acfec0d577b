/* carry.c: values that are handed on as they came, under the ids of the connection that they go to:
 *
 *   received  [definitions] [length id value]   -->   [our definitions, once] [length our-id value]
 *
 * check() comes before. Go's decoder believes what it reads: it makes a map as large as its count says, goes down as
 * deep as values are nested until its stack is used up, and when it discards an interface value that is nil (a member
 * that its own type lacks, the argument of a method that it does not know) it takes the next message, which is another
 * caller's, for what is in it. So the value is walked through. A flat one, which most are, has nothing of that in it
 * and is not: what is wrong with it costs Go an error, within its message. */
#include "gob.h"

/* Stands behind the id of the value that is in the last of the messages then. */
static int find_value(gee_gob_input_t *input, int64_t *id, gee_error_t *error) {
    gee_gob_input_t rest = *input;
    do {
        uint64_t length;
        if (!gee_gob_read_uint(&rest, &length) || length == 0 || length > gee_gob_left(&rest))
            return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "truncated: no whole message");
        *input = (gee_gob_input_t){ .at = rest.at, .end = rest.at + length };
        rest.at = input->end;
        if (!gee_gob_read_int(input, id))
            return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "truncated: a message without a type id");
    } while (*id < 0);
    return 0;
}

/* The schema of the value, with *value behind its id. */
static gee_gob_schema_t *find_schema(const gee_gob_state_t *state, gee_gob_input_t *value, gee_error_t *error) {
    int64_t id;
    if (find_value(value, &id, error) != 0)
        return NULL;
    gee_gob_schema_t *schema = gee_gob_received_before(state, id);
    if (schema == NULL)
        gee_error_set(error, GEE_INTERNAL, "a gob to be forwarded has not been received on that connection");
    return schema;
}

/* ---- checking ---- */

/* Whatever is in an interface names its type by an id of the connection that it came on, in the middle of its bytes. So
 * it is walked through without a state. */
static int walk(const gee_gob_schema_t *schema, gee_gob_input_t value, unsigned nesting, unsigned way,
                gee_error_t *error) {
    union {
        gee_gob_walk_t walk;
        uint8_t room[sizeof(gee_gob_walk_t) + GEE_GOB_NESTING * sizeof(gee_gob_step_t)];
    } own; /* as deep as the value is, it is written to; not more */
    own.walk = (gee_gob_walk_t){ .nil_too = way & GEE_WAY_TO_SERVER, .capacity = nesting };
    gee_gob_walked_t result = gee_gob_walk_begin(&own.walk, &value, schema->root, true, error);
    if (result == GEE_GOB_WALK_DONE)
        result = gee_gob_walk_on(&own.walk, &value, error);
    if (result != GEE_GOB_WALK_DONE)
        return gee_gob_walk_locate(&own.walk, error);
    if (value.at != value.end)
        return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "bytes behind the value");
    return 0;
}

GEE_APART static int check_long(const gee_gob_state_t *state, const uint8_t *bytes, size_t length,
                                const gee_codec_limits_t *limits, unsigned way, gee_error_t *error) {
    gee_gob_input_t value = { .at = bytes, .end = bytes + length };
    const gee_gob_schema_t *schema = find_schema(state, &value, error);
    if (schema == NULL)
        return -1;
    return schema->flat ? 0 : walk(schema, value, gee_gob_nesting(limits), way, error);
}

int gee_gob_check(const void *data, const gee_type_t *type GEE_UNUSED, const uint8_t *bytes, size_t length,
                  const gee_codec_limits_t *limits, unsigned way, gee_error_t *error) {
    const gee_gob_state_t *state = data;
    gee_gob_input_t value;
    const gee_gob_schema_t *schema = gee_gob_received_short(state, bytes, length, &value);
    return schema != NULL && schema->flat ? 0 : check_long(state, bytes, length, limits, way, error);
}

/* ---- carrying ---- */

static int put_carried(gee_gob_writer_t *writer, const void *data) {
    const gee_gob_input_t *value = data;
    gee_gob_put_bytes(writer, value->at, gee_gob_left(value));
    return 0;
}

int gee_gob_carry(const void *from_data, void *to_data, const uint8_t *bytes, size_t length, gee_chain_t *out,
                  gee_error_t *error) {
    const gee_gob_state_t *from = from_data;
    gee_gob_state_t *to = to_data;
    gee_gob_input_t value = { .at = bytes, .end = bytes + length };
    gee_gob_schema_t *schema = find_schema(from, &value, error), *ours;
    if (schema == NULL)
        return -1;
    ours = from->shared == to->shared ? gee_gob_schema_hold(schema)
                                      : gee_gob_schema_intern(to->shared, schema->interned.key);
    if (ours == NULL)
        return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "out of memory for a type");
    return gee_gob_send(to, ours, out, error, put_carried, &value);
}
