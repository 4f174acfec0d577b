/* plain.c: the usual form of a header: a string, an unsigned number, nothing else.
 *
 *   length  id  01  length text  01 number  00          a number that is zero is left out:  ... length text  00
 *
 * The first header, which goes the general way, defines the types of headers, in both directions. From then on headers
 * have a fixed shape, and reading that shape takes a tenth of the instructions. */
#include "gob.h"

#define SHORT 127 /* a length of one byte */

/* Does the peer's type begin with our two fields? Further fields of the type do not matter as long as they are not
 * sent. */
static bool is_like(const gee_gob_schema_t *schema, const gee_type_t *header) {
    const gee_gob_node_t *node = schema->root;
    return node->kind == GEE_GOB_STRUCT && node->member_count >= 2 &&
           gee_str_equal(node->members[0].name, gee_str(header->fields[0].name)) &&
           node->members[0].node->kind == GEE_GOB_STRING &&
           gee_str_equal(node->members[1].name, gee_str(header->fields[1].name)) &&
           node->members[1].node->kind == GEE_GOB_UINT;
}

/* Runs once a connection; kept out of line so that later headers do not pay for its registers. */
GEE_APART static bool comes_to_know(gee_gob_state_t *state, int64_t id, const gee_type_t *header) {
    const gee_gob_wire_type_t *type = gee_gob_received_find(state, id);
    if (type == NULL || type->schema == NULL || !is_like(type->schema, header))
        return false;
    state->plain_received = (uint16_t)(type - state->received + 1);
    return true;
}

static inline bool knows(gee_gob_state_t *state, int64_t id, const gee_type_t *header) {
    return (state->plain_received != 0 && state->received[state->plain_received - 1].id == id) ||
           comes_to_know(state, id, header);
}

size_t gee_gob_read_plain(void *data, const gee_type_t *header, const uint8_t *bytes, size_t length, gee_str_t *text,
                          uint64_t *number) {
    gee_gob_state_t *state = data;
    int64_t id;
    if (length < 4 || bytes[0] > SHORT || length - 1 < bytes[0] || bytes[0] < 3)
        return 0;
    gee_gob_input_t input = { .at = bytes + 1, .end = bytes + 1 + bytes[0] };
    if (!gee_gob_read_int(&input, &id) || id < 0 || !knows(state, id, header) || gee_gob_left(&input) < 3 ||
        input.at[0] != 1 || input.at[1] > SHORT || gee_gob_left(&input) < 3u + input.at[1])
        return 0;
    gee_str_t first = { .data = (const char *)input.at + 2, .length = input.at[1] };
    uint64_t second = 0;
    input.at += 2 + first.length;
    if (*input.at == 1) {
        input.at++;
        if (!gee_gob_read_uint(&input, &second) || input.at == input.end)
            return 0;
    }
    if (*input.at != 0 || input.at + 1 != input.end || !gee_is_short_ascii(first.data, first.length))
        return 0;
    *text = first;
    *number = second;
    return (size_t)(input.end - bytes);
}

/* ---- the beginning of a header that is too long ---- */

/* So many bytes hold the name of a method and a number. */
#define BEGINNING 2048

/* Reads fields 1 and 2 of a struct; a field that is zero is missing. False: cut off, or no text. */
static bool read_fields(gee_gob_input_t *input, gee_str_t *text, uint64_t *number) {
    uint64_t delta, length;
    *text = GEE_STR("");
    *number = 0;
    if (!gee_gob_read_uint(input, &delta))
        return false;
    if (delta == 1) {
        if (!gee_gob_read_uint(input, &length) || length > gee_gob_left(input) ||
            !gee_utf8_valid((const char *)input->at, (size_t)length))
            return false;
        *text = (gee_str_t){ .data = (const char *)input->at, .length = (size_t)length };
        input->at += length;
        return gee_gob_read_uint(input, &delta) && (delta != 1 || gee_gob_read_uint(input, number));
    }
    return delta != 2 || gee_gob_read_uint(input, number);
}

gee_measured_t gee_gob_read_beginning(void *data, const gee_measure_t *progress, const gee_type_t *header,
                                      const uint8_t *bytes, size_t length, gee_str_t *text, uint64_t *number) {
    gee_gob_state_t *state = data;
    gee_gob_input_t input = { .at = bytes + progress->scanned, .end = bytes + length };
    gee_error_t ignored;
    uint64_t count;
    int64_t id;
    if (!gee_gob_read_uint(&input, &count))
        return GEE_MEASURE_ERROR;
    bool more = count > gee_gob_left(&input) && gee_gob_left(&input) < BEGINNING;
    if (count < gee_gob_left(&input))
        input.end = input.at + count;
    if (!gee_gob_read_int(&input, &id))
        return more ? GEE_MEASURE_MORE : GEE_MEASURE_ERROR;
    const gee_gob_schema_t *schema = id > 0 ? gee_gob_received(state, id, &ignored) : NULL;
    if (schema == NULL || !is_like(schema, header))
        return GEE_MEASURE_ERROR;
    if (read_fields(&input, text, number))
        return GEE_MEASURE_DONE;
    return more ? GEE_MEASURE_MORE : GEE_MEASURE_ERROR;
}

/* Runs once a connection. 0: the peer does not know the type. */
GEE_APART static int64_t comes_to_be_known(gee_gob_state_t *state, const gee_type_t *header) {
    if (!header->lasting)
        return 0;
    gee_error_t ignored;
    gee_gob_schema_t *schema = gee_gob_schema_of(state->shared, header, &ignored);
    if (schema == NULL)
        return 0;
    state->plain_sent = (uint16_t)gee_gob_known_id(state, schema);
    gee_gob_schema_release(state->shared, &schema);
    return state->plain_sent;
}

int gee_gob_write_plain(void *data, const gee_type_t *header, gee_str_t text, uint64_t number, gee_chain_t *out) {
    gee_gob_state_t *state = data;
    int64_t id = state->plain_sent != 0 ? state->plain_sent : comes_to_be_known(state, header);
    if (id == 0 || text.length == 0 || text.length > SHORT - 3 * GEE_GOB_UINT_LONGEST ||
        !gee_is_short_ascii(text.data, text.length))
        return 0;
    uint8_t *room = gee_chain_reserve(out, SHORT + 1);
    if (room == NULL)
        return 0;
    uint8_t *at = gee_gob_store_uint(room + 1, gee_gob_from_int(id));
    *at++ = 1;
    *at++ = (uint8_t)text.length;
    gee_copy_short(at, text.data, text.length);
    at += text.length;
    if (number != 0) {
        *at++ = 1;
        at = gee_gob_store_uint(at, number);
    }
    *at++ = 0;
    room[0] = (uint8_t)(at - room - 1);
    gee_chain_commit(out, (size_t)(at - room));
    return 1;
}
