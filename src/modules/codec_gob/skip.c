/* skip.c: passes over a value that is refused, as its bytes come, without keeping them.
 *
 *   [length -id definition] [length id value ........................]  by its length: a value ends with its message
 *    taken in, as always     [length id value .. name -id definition] [length id' ...]  interfaces: walked through
 *
 * Definitions are never passed over: later values are of these types. So the connection goes on as after a value that
 * was taken. */
#include "gob.h"

/* gee_measure_t.private_state: 0 at the beginning of a message; inside a value that is walked through, the bytes of its
 * message that have not been passed, and 1. */
#define INSIDE(progress) ((progress)->private_state[0])

typedef struct skipping {
    gee_gob_state_t *state;
    gee_measure_t *progress;
    const uint8_t *bytes;
    size_t length, at; /* `at` may be beyond `length`: the bytes between are passed as they come */
    gee_error_t *error;
} skipping_t;

static gee_measured_t refuse(const skipping_t *skipping, const char *text) {
    gee_error_set(skipping->error, GEE_INVALID_ARGUMENT, "%s", text);
    return GEE_MEASURE_ERROR;
}

/* ---- at the beginning of a message ---- */

/* The head of a message, as far as the bytes have come. */
typedef struct head {
    gee_gob_input_t content; /* as far as the bytes have come */
    uint64_t length;
    int64_t id;
} head_t;

/* DONE: the bytes before the value are complete. No id is read where a value goes on from the message before. */
static gee_measured_t read_head(const skipping_t *skipping, head_t *head) {
    gee_gob_input_t input = { .at = skipping->bytes + skipping->at, .end = skipping->bytes + skipping->length };
    gee_measured_t read = gee_gob_read_length(&input, &head->length, skipping->error);
    if (read != GEE_MEASURE_DONE)
        return read;
    if (head->length <= gee_gob_left(&input))
        input.end = input.at + head->length;
    else if (gee_gob_left(&input) < GEE_GOB_STEP)
        return GEE_MEASURE_MORE;
    head->content = input;
    if (skipping->state->walk == NULL && !gee_gob_read_int(&input, &head->id))
        return refuse(skipping, "a message without a type id");
    return GEE_MEASURE_DONE;
}

/* DONE: the definition is taken in. */
static gee_measured_t take_definition(skipping_t *skipping, const head_t *head) {
    gee_gob_input_t content = head->content;
    if (gee_gob_left(&content) < head->length && head->length <= GEE_GOB_DEFINITIONS)
        return GEE_MEASURE_MORE;
    if (gee_gob_define(skipping->state, &content, false, skipping->error) != 0)
        return GEE_MEASURE_ERROR;
    if (content.at != content.end)
        return refuse(skipping, "bytes behind a type definition");
    skipping->at = (size_t)(content.end - skipping->bytes);
    return GEE_MEASURE_DONE;
}

static gee_measured_t begin_walk(skipping_t *skipping, const head_t *head, const gee_gob_schema_t *schema) {
    gee_gob_input_t content = head->content;
    int64_t id;
    (void)gee_gob_read_int(&content, &id);
    gee_gob_walk_t *walk = skipping->state->walk = gee_gob_walk_create(skipping->state, skipping->error);
    if (walk == NULL)
        return GEE_MEASURE_ERROR;
    walk->behind = head->length - gee_gob_left(&head->content);
    if (gee_gob_walk_begin(walk, &content, schema->root, true, skipping->error) == GEE_GOB_WALK_ERROR)
        return GEE_MEASURE_ERROR;
    uint64_t passed = (uint64_t)(content.at - head->content.at) + walk->beyond;
    skipping->at = (size_t)(head->content.at - skipping->bytes) + (size_t)passed;
    INSIDE(skipping->progress) = head->length - passed + 1;
    return GEE_MEASURE_MORE;
}

/* DONE: the value ends with this message. MORE: `skipping` is inside of the value now, or needs more bytes first. */
static gee_measured_t begin_value(skipping_t *skipping, const head_t *head) {
    const gee_gob_schema_t *schema = gee_gob_received(skipping->state, head->id, skipping->error);
    if (schema == NULL && skipping->error->code == GEE_RESOURCE_EXHAUSTED)
        return GEE_MEASURE_ERROR;
    if (schema != NULL && schema->has_interface)
        return begin_walk(skipping, head, schema);
    skipping->at = (size_t)(head->content.at - skipping->bytes) + (size_t)head->length; /* also of an unknown type */
    return GEE_MEASURE_DONE;
}

/* Goes on to the beginning of the value that is to be passed, or past the value. */
static gee_measured_t begin_message(skipping_t *skipping) {
    for (;;) {
        head_t head;
        gee_measured_t result = read_head(skipping, &head);
        if (result != GEE_MEASURE_DONE)
            return result;
        if (skipping->state->walk != NULL) {
            skipping->at = (size_t)(head.content.at - skipping->bytes);
            INSIDE(skipping->progress) = head.length + 1;
            return GEE_MEASURE_MORE;
        }
        if (head.id >= 0)
            return begin_value(skipping, &head);
        if ((result = take_definition(skipping, &head)) != GEE_MEASURE_DONE)
            return result;
    }
}

/* ---- inside a value ---- */

static gee_gob_walked_t walk_on(skipping_t *skipping) {
    gee_gob_walk_t *walk = skipping->state->walk;
    uint64_t left = INSIDE(skipping->progress) - 1;
    size_t there = skipping->at < skipping->length ? skipping->length - skipping->at : 0;
    const uint8_t *start = skipping->bytes + skipping->length - there;
    gee_gob_input_t input = { .at = start, .end = start + (left < there ? (size_t)left : there) };
    walk->behind = left - gee_gob_left(&input);
    walk->beyond = 0;
    gee_gob_walked_t result = gee_gob_walk_on(walk, &input, skipping->error);
    uint64_t passed = (uint64_t)(input.at - start) + walk->beyond;
    if (result == GEE_GOB_WALK_DONE)
        passed = left; /* bytes behind the value belong to its message */
    skipping->at += (size_t)passed;
    INSIDE(skipping->progress) = result == GEE_GOB_WALK_STARVED ? left - passed + 1 : 0;
    return result;
}

static gee_measured_t skip(skipping_t *skipping) {
    for (;;) {
        if (INSIDE(skipping->progress) == 0) {
            gee_measured_t begun = begin_message(skipping);
            if (INSIDE(skipping->progress) == 0)
                return begun;
        }
        gee_gob_walked_t walked = walk_on(skipping);
        if (walked == GEE_GOB_WALK_ERROR || walked == GEE_GOB_WALK_DONE)
            return walked == GEE_GOB_WALK_DONE ? GEE_MEASURE_DONE : GEE_MEASURE_ERROR;
        if (walked == GEE_GOB_WALK_STARVED && INSIDE(skipping->progress) > 1)
            return GEE_MEASURE_MORE;
    }
}

gee_measured_t gee_gob_skip_value(void *state, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                  size_t *passed, const gee_codec_limits_t *limits GEE_UNUSED, gee_error_t *error) {
    skipping_t skipping = { .state = state,
                            .progress = progress,
                            .bytes = bytes,
                            .length = length,
                            .at = progress->scanned, /* bytes before are taken in by measure() */
                            .error = error };
    progress->scanned = 0;
    gee_measured_t result = skip(&skipping);
    if (result != GEE_MEASURE_MORE)
        gee_gob_walk_end(state);
    *passed = skipping.at;
    return result;
}
