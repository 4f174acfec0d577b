/* carry.c: values that are carried: the same bytes, under the ids of the next connection:
 *
 *   received  [definitions] [length id value]   -->   [our definitions, once] [length our-id value]
 *
 * check() comes before. Go's decoder trusts its input: the decoder makes a map as large as the count says, follows
 * nested values until the stack is used up, and on discarding a nil interface value (a member that the receiving type
 * lacks, the argument of an unknown method) takes the next message, which is another caller's, for the content of the
 * interface. So check() walks through the value. A flat value, as most are, can do none of this and is not walked: a
 * malformed flat value costs Go an error within its own message. */
#include "gob.h"

/* Moves the input to the value, behind the id, in the last of the messages. */
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

/* The schema of the value; *value is the input behind the id. */
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

/* A value in an interface names its type by an id of the connection on which the value came, in the middle of the
 * bytes. So the walk has no state, and refuses such values. */
static int walk(const gee_gob_schema_t *schema, gee_gob_input_t value, unsigned nesting, unsigned way,
                gee_error_t *error) {
    union {
        gee_gob_walk_t walk;
        uint8_t room[sizeof(gee_gob_walk_t) + GEE_GOB_NESTING * sizeof(gee_gob_step_t)];
    } own; /* only as much of the room is written to as the value is deep */
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
