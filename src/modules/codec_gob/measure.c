/* measure.c: where one value ends: after any number of definitions, with the message that holds it.
 *
 *   [length -id definition] [length -id definition] [length id value]
 *   ^ progress->scanned goes from message to message; a message is read when it is complete
 *
 * Messages carry their length, so the bytes of a value are not read. Only a value whose type has interfaces can go on
 * in further messages; such a value is walked through to find its end. */
#include "gob.h"

size_t gee_gob_padding(const uint8_t *bytes GEE_UNUSED, size_t length GEE_UNUSED) {
    return 0;
}

typedef struct measuring {
    gee_gob_state_t *state;
    const gee_codec_limits_t *limits;
    gee_error_t *error;
} measuring_t;

/* No message is longer: a length above this is malformed. */
#define LONGEST 0xffffffffu

gee_measured_t gee_gob_read_length(gee_gob_input_t *input, uint64_t *length, gee_error_t *error) {
    if (input->at == input->end)
        return GEE_MEASURE_MORE;
    if (gee_gob_uint_length(*input->at) == 0) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "not gob: no message begins with byte 0x%02x", *input->at);
        return GEE_MEASURE_ERROR;
    }
    if (!gee_gob_read_uint(input, length))
        return GEE_MEASURE_MORE;
    if (*length > 0 && *length <= LONGEST)
        return GEE_MEASURE_DONE;
    gee_error_set(error, GEE_INVALID_ARGUMENT, *length == 0 ? "an empty message" : "not gob: a message of over 4 GiB");
    return GEE_MEASURE_ERROR;
}

/* DONE: *message is the message at progress->scanned. */
static gee_measured_t find_message(const measuring_t *measuring, const gee_measure_t *progress, const uint8_t *bytes,
                                   size_t length, gee_gob_input_t *message) {
    gee_gob_input_t input = { .at = bytes + progress->scanned, .end = bytes + length };
    uint64_t count;
    gee_measured_t read = gee_gob_read_length(&input, &count, measuring->error);
    if (read != GEE_MEASURE_DONE)
        return read;
    size_t begun = (size_t)(input.at - bytes);
    if (measuring->limits->message != 0 &&
        (begun > measuring->limits->message || count > measuring->limits->message - begun)) {
        gee_error_set(measuring->error, GEE_RESOURCE_EXHAUSTED, "over %zu bytes (%s)", measuring->limits->message,
                      gee_message_limit_name(measuring->limits));
        return GEE_MEASURE_LONG;
    }
    if (count > gee_gob_left(&input))
        return GEE_MEASURE_MORE;
    *message = (gee_gob_input_t){ .at = input.at, .end = input.at + count };
    return GEE_MEASURE_DONE;
}

static gee_measured_t walk_through(const measuring_t *measuring, gee_gob_input_t *message) {
    gee_gob_state_t *state = measuring->state;
    gee_gob_walked_t result = gee_gob_walk_on(state->walk, message, measuring->error);
    if (result == GEE_GOB_WALK_SUSPENDED)
        return GEE_MEASURE_MORE;
    gee_gob_walk_end(state);
    return result == GEE_GOB_WALK_DONE ? GEE_MEASURE_DONE : GEE_MEASURE_ERROR;
}

static gee_measured_t begin_walk(const measuring_t *measuring, gee_gob_input_t *message,
                                 const gee_gob_schema_t *schema) {
    gee_gob_state_t *state = measuring->state;
    state->walk = gee_gob_walk_create(state, measuring->error);
    if (state->walk == NULL)
        return GEE_MEASURE_ERROR;
    if (gee_gob_walk_begin(state->walk, message, schema->root, true, measuring->error) == GEE_GOB_WALK_ERROR) {
        gee_gob_walk_end(state);
        return GEE_MEASURE_ERROR;
    }
    return walk_through(measuring, message);
}

/* MORE: the value does not end with this message. */
static gee_measured_t take_message(const measuring_t *measuring, gee_gob_input_t message) {
    gee_gob_state_t *state = measuring->state;
    gee_gob_input_t ahead = message;
    int64_t id;
    if (state->walk != NULL)
        return walk_through(measuring, &message);
    if (!gee_gob_read_int(&ahead, &id)) {
        gee_error_set(measuring->error, GEE_INVALID_ARGUMENT, "a message without a type id");
        return GEE_MEASURE_ERROR;
    }
    if (id < 0) {
        if (gee_gob_define(state, &message, false, measuring->error) != 0)
            return GEE_MEASURE_ERROR;
        if (message.at == message.end)
            return GEE_MEASURE_MORE;
        gee_error_set(measuring->error, GEE_INVALID_ARGUMENT, "bytes behind a type definition");
        return GEE_MEASURE_ERROR;
    }
    const gee_gob_schema_t *schema = gee_gob_received(state, id, measuring->error);
    if (schema == NULL) /* never defined, which costs no more than this value; or too many types */
        return measuring->error->code == GEE_RESOURCE_EXHAUSTED ? GEE_MEASURE_ERROR : GEE_MEASURE_REFUSED;
    return schema->has_interface ? begin_walk(measuring, &ahead, schema) : GEE_MEASURE_DONE;
}

/* Its inputs take room on the stack that a short value must not pay for. */
GEE_APART static gee_measured_t measure_long(gee_gob_state_t *state, gee_measure_t *progress, const uint8_t *bytes,
                                             size_t length, const gee_codec_limits_t *limits, gee_error_t *error) {
    measuring_t measuring = { .state = state, .limits = limits, .error = error };
    gee_measured_t result = GEE_MEASURE_DONE;
    if (progress->scanned == 0)
        gee_gob_walk_end(state); /* the walk of a value that was given up */
    for (;;) {
        gee_gob_input_t message;
        result = find_message(&measuring, progress, bytes, length, &message);
        if (result != GEE_MEASURE_DONE)
            return result;
        result = take_message(&measuring, message);
        if (result == GEE_MEASURE_ERROR || result == GEE_MEASURE_REFUSED)
            return result;
        progress->scanned = (size_t)(message.end - bytes);
        if (result == GEE_MEASURE_DONE) {
            progress->length = progress->scanned;
            return GEE_MEASURE_DONE;
        }
    }
}

/* 0: the value is not short, not complete, or malformed. */
static size_t measure_short(const gee_gob_state_t *state, const uint8_t *bytes, size_t length,
                            const gee_codec_limits_t *limits) {
    gee_gob_input_t value;
    const gee_gob_schema_t *schema = state->walk == NULL ? gee_gob_received_short(state, bytes, length, &value) : NULL;
    if (schema == NULL || schema->has_interface)
        return 0;
    size_t whole = (size_t)(value.end - bytes);
    return limits->message == 0 || whole <= limits->message ? whole : 0;
}

gee_measured_t gee_gob_measure(void *data, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                               const gee_codec_limits_t *limits, gee_error_t *error) {
    size_t whole = progress->scanned == 0 ? measure_short(data, bytes, length, limits) : 0;
    if (whole == 0)
        return measure_long(data, progress, bytes, length, limits, error);
    progress->length = progress->scanned = whole;
    return GEE_MEASURE_DONE;
}
