/* reader.c: one value's messages, as the decoders read them: definitions passed, counts and members checked.
 *
 *   [length definition] ... [length id value]          the bytes of the whole value
 *                                   ^ reader->in */
#include "gob.h"

int gee_gob_truncated(gee_gob_reader_t *reader) {
    return GEE_GOB_FAIL(reader->error, GEE_INVALID_ARGUMENT, "truncated: the message ends inside a value");
}

int gee_gob_no_memory(gee_gob_reader_t *reader) {
    return GEE_GOB_FAIL(reader->error, GEE_RESOURCE_EXHAUSTED, "the value takes more memory than a call may have");
}

int gee_gob_enter(gee_gob_reader_t *reader) {
    if (reader->levels == 0)
        return GEE_GOB_FAIL(reader->error, GEE_RESOURCE_EXHAUSTED, "nested deeper than limits.nesting = %u",
                            reader->nesting);
    reader->levels--;
    return 0;
}

/* ---- messages ---- */

/* `in` becomes the next message. */
static int next_message(gee_gob_reader_t *reader) {
    gee_gob_input_t rest = { .at = reader->in.end, .end = reader->limit };
    uint64_t length;
    if (!gee_gob_read_uint(&rest, &length) || length == 0 || length > gee_gob_left(&rest))
        return GEE_GOB_FAIL(reader->error, GEE_INVALID_ARGUMENT, "truncated: no whole message");
    reader->in = (gee_gob_input_t){ .at = rest.at, .end = rest.at + length };
    return 0;
}

/* Afterwards the input is behind the id of the value's type. */
static int pass_definitions(gee_gob_reader_t *reader, int64_t *id) {
    for (;;) {
        gee_gob_input_t ahead;
        if (next_message(reader) != 0)
            return -1;
        ahead = reader->in;
        if (!gee_gob_read_int(&ahead, id))
            return gee_gob_truncated(reader);
        if (*id >= 0) {
            reader->in = ahead;
            return 0;
        }
        if (gee_gob_define(reader->state, &reader->in, true, reader->error) != 0)
            return -1;
        if (reader->in.at != reader->in.end)
            return GEE_GOB_FAIL(reader->error, GEE_INVALID_ARGUMENT, "bytes behind a type definition");
    }
}

/* Afterwards the input is behind the id, and the schema is that of the value's type. */
static int find_value(gee_gob_reader_t *reader, const uint8_t *bytes, size_t length) {
    int64_t id;
    gee_gob_input_t value;
    reader->schema = gee_gob_received_short(reader->state, bytes, length, &value);
    if (reader->schema != NULL) {
        reader->in = value;
        return 0;
    }
    if (pass_definitions(reader, &id) != 0)
        return -1;
    reader->schema = gee_gob_received(reader->state, id, reader->error);
    return reader->schema ? 0 : -1;
}

/* Sets field by field: the room for a path is 200 bytes, which need not be zero. */
static void reader_begin(gee_gob_reader_t *reader, gee_gob_state_t *state, const gee_codec_limits_t *limits,
                         gee_pool_t *pool, gee_error_t *error) {
    reader->state = state;
    reader->walk = NULL;
    reader->pool = pool;
    reader->error = error;
    reader->levels = reader->nesting = gee_gob_nesting(limits);
    reader->copy = false;
    reader->repair = limits->repair;
    gee_path_init(&reader->path);
}

int gee_gob_reader_open(gee_gob_reader_t *reader, gee_gob_state_t *state, const uint8_t *bytes, size_t length,
                        const gee_codec_limits_t *limits, gee_pool_t *pool, gee_error_t *error) {
    reader_begin(reader, state, limits, pool, error);
    if (length == 0)
        return gee_gob_truncated(reader);
    reader->in = (gee_gob_input_t){ .at = bytes, .end = bytes };
    reader->limit = bytes + length;
    if (limits->message != 0 && length > limits->message)
        return GEE_GOB_FAIL(error, GEE_RESOURCE_EXHAUSTED, "a message of %zu bytes is over limits.message = %zu",
                            length, limits->message);
    if (state == NULL || state->shared == NULL)
        return GEE_GOB_FAIL(error, GEE_INTERNAL, "gob cannot be read without its connection's state");
    if (find_value(reader, bytes, length) != 0)
        return -1;
    if (reader->schema->root->kind != GEE_GOB_STRUCT && (reader->in.at == reader->in.end || *reader->in.at++ != 0))
        return GEE_GOB_FAIL(error, GEE_INVALID_ARGUMENT, "a value that is no struct does not begin with a zero");
    return 0;
}

int gee_gob_reader_close(gee_gob_reader_t *reader, int result) {
    if (result != 0)
        return gee_path_apply(&reader->path, reader->error);
    if (reader->in.at != reader->limit)
        return GEE_GOB_FAIL(reader->error, GEE_INVALID_ARGUMENT, "bytes behind the value");
    return 0;
}

int gee_gob_skip(gee_gob_reader_t *reader, const gee_gob_node_t *node) {
    gee_gob_walk_t *walk = reader->walk;
    if (walk == NULL) {
        walk = gee_pool_alloc(reader->pool, sizeof *walk + reader->nesting * sizeof walk->steps[0]);
        if (walk == NULL)
            return gee_gob_no_memory(reader);
        *walk = (gee_gob_walk_t){ .state = reader->state, .again = true };
        reader->walk = walk;
    }
    walk->capacity = reader->levels;
    walk->depth = 0;
    gee_gob_walked_t result = gee_gob_walk_begin(walk, &reader->in, node, false, reader->error);
    while (result == GEE_GOB_WALK_DONE && walk->depth > 0) {
        result = gee_gob_walk_on(walk, &reader->in, reader->error);
        if (result == GEE_GOB_WALK_SUSPENDED)
            result = next_message(reader) == 0 ? GEE_GOB_WALK_DONE : GEE_GOB_WALK_ERROR;
    }
    return result == GEE_GOB_WALK_DONE ? 0 : -1;
}

/* ---- parts of values ---- */

/* Replaces the bytes of a text that are not UTF-8, or refuses the text. */
GEE_APART static int repair(gee_gob_reader_t *reader, gee_bytes_t *text) {
    if (!reader->repair)
        return GEE_GOB_FAIL(reader->error, GEE_INVALID_ARGUMENT, "the string is not valid UTF-8");
    gee_str_t repaired =
        gee_pool_utf8(reader->pool, (gee_str_t){ .data = (const char *)text->data, .length = text->length });
    *text = (gee_bytes_t){ .data = (const uint8_t *)repaired.data, .length = repaired.length };
    return repaired.data != NULL ? 0 : gee_gob_no_memory(reader);
}

int gee_gob_read_text(gee_gob_reader_t *reader, bool utf8, bool copy, gee_bytes_t *text) {
    uint64_t length;
    if (gee_gob_take_uint(reader, &length) != 0)
        return -1;
    if (length > gee_gob_left(&reader->in))
        return gee_gob_truncated(reader);
    *text = (gee_bytes_t){ .data = reader->in.at, .length = (size_t)length };
    reader->in.at += length;
    if (utf8 && !gee_utf8_valid(text->data, text->length) && repair(reader, text) != 0)
        return -1;
    if (copy) {
        gee_str_t copied =
            gee_pool_str(reader->pool, (gee_str_t){ .data = (const char *)text->data, .length = text->length });
        if (copied.data == NULL)
            return gee_gob_no_memory(reader);
        text->data = (const uint8_t *)copied.data;
    }
    return 0;
}

/* Elements may also lie in later messages, when interfaces are among them; never behind the last message. */
int gee_gob_read_count(gee_gob_reader_t *reader, const gee_gob_node_t *node, unsigned least, size_t *count) {
    uint64_t number;
    if (gee_gob_take_uint(reader, &number) != 0)
        return -1;
    size_t left = (size_t)(reader->limit - reader->in.at);
    if (number > left / least)
        return GEE_GOB_FAIL(reader->error, GEE_INVALID_ARGUMENT, "%llu elements are announced, %zu bytes are left",
                            (unsigned long long)number, left);
    if (node->kind == GEE_GOB_ARRAY && number != node->length)
        return GEE_GOB_FAIL(reader->error, GEE_INVALID_ARGUMENT, "%llu elements in an array of %llu",
                            (unsigned long long)number, (unsigned long long)node->length);
    *count = (size_t)number;
    return 0;
}

int gee_gob_read_member(gee_gob_reader_t *reader, const gee_gob_node_t *node, size_t *next, bool *more) {
    uint64_t delta;
    if (gee_gob_take_uint(reader, &delta) != 0)
        return -1;
    *more = delta != 0;
    if (delta > node->member_count - *next)
        return GEE_GOB_FAIL(reader->error, GEE_INVALID_ARGUMENT, "a field number past the struct's %zu fields",
                            node->member_count);
    *next += (size_t)delta;
    return 0;
}
