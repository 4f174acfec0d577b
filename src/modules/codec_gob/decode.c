/* decode.c: gob into C memory, by a plan.
 *
 * A struct's members come in order, with zeros left out; lists and maps say their length first, and each element takes
 * a byte or more, so a count past the bytes that are left is refused before there is room made for it. */
#include "gob.h"

#include <inttypes.h>
#include <math.h>

static int read_slot(gee_gob_reader_t *reader, const gee_gob_slot_t *slot, void *place);

/* ---- numbers ---- */

static int read_int(gee_gob_reader_t *reader, const gee_type_t *type, void *place) {
    uint64_t bits;
    if (gee_gob_take_uint(reader, &bits) != 0)
        return -1;
    int64_t number = gee_gob_to_int(bits);
    if (type->kind == GEE_KIND_INT64) {
        *(int64_t *)place = number;
        return 0;
    }
    if (number < INT32_MIN || number > INT32_MAX)
        return GEE_GOB_FAIL(reader->error, GEE_OUT_OF_RANGE, "%" PRId64 " does not fit int32", number);
    *(int32_t *)place = (int32_t)number;
    return 0;
}

static int read_uint(gee_gob_reader_t *reader, const gee_type_t *type, void *place) {
    uint64_t number;
    if (gee_gob_take_uint(reader, &number) != 0)
        return -1;
    if (type->kind == GEE_KIND_UINT64) {
        *(uint64_t *)place = number;
        return 0;
    }
    if (number > UINT32_MAX)
        return GEE_GOB_FAIL(reader->error, GEE_OUT_OF_RANGE, "%" PRIu64 " does not fit uint32", number);
    *(uint32_t *)place = (uint32_t)number;
    return 0;
}

static int read_float(gee_gob_reader_t *reader, const gee_type_t *type, void *place) {
    uint64_t bits;
    if (gee_gob_take_uint(reader, &bits) != 0)
        return -1;
    double number = gee_gob_to_double(bits);
    if (type->kind == GEE_KIND_DOUBLE) {
        *(double *)place = number;
        return 0;
    }
    if (!isinf(number) && isinf((float)number))
        return GEE_GOB_FAIL(reader->error, GEE_OUT_OF_RANGE, "%.17g does not fit float", number);
    *(float *)place = (float)number;
    return 0;
}

static int read_bool(gee_gob_reader_t *reader, bool *place) {
    uint64_t number;
    if (gee_gob_take_uint(reader, &number) != 0)
        return -1;
    *place = number != 0;
    return 0;
}

/* ---- structs, lists, maps ---- */

static int read_struct(gee_gob_reader_t *reader, const gee_gob_slot_t *slot, void *place) {
    const gee_gob_plan_t *plan = slot->plan;
    size_t next = 0;
    bool more;
    if (gee_gob_enter(reader) != 0)
        return -1;
    for (;;) {
        if (gee_gob_read_member(reader, slot->node, &next, &more) != 0)
            return -1;
        if (!more)
            break;
        const gee_gob_slot_t *member = &plan->slots[next - 1];
        if (member->type == NULL) {
            if (gee_gob_skip(reader, member->node) != 0)
                return -1;
        } else if (read_slot(reader, member, (char *)place + member->field->offset) != 0) {
            gee_path_field(&reader->path, gee_str(member->field->name));
            return -1;
        }
    }
    reader->levels++;
    return 0;
}

static int read_list(gee_gob_reader_t *reader, const gee_gob_slot_t *slot, gee_list_value_t *list) {
    const gee_type_t *element = slot->type->element;
    size_t count;
    *list = (gee_list_value_t){ 0 };
    if (gee_gob_enter(reader) != 0 || gee_gob_read_count(reader, slot->node, 1, &count) != 0)
        return -1;
    char *items = count > 0 ? gee_pool_array(reader->pool, count, element->size) : NULL;
    if (items == NULL && count > 0)
        return gee_gob_no_memory(reader);
    for (size_t i = 0; i < count; i++)
        if (read_slot(reader, &slot->plan->element, items + i * element->size) != 0) {
            gee_path_index(&reader->path, i);
            return -1;
        }
    *list = (gee_list_value_t){ .items = items, .count = count };
    reader->levels++;
    return 0;
}

static int read_entry(gee_gob_reader_t *reader, const gee_gob_slot_t *slot, char *entry) {
    gee_bytes_t key;
    if (gee_gob_read_text(reader, true, reader->copy, &key) != 0)
        return -1;
    gee_str_t name = { .data = (const char *)key.data, .length = key.length };
    *(gee_str_t *)(void *)entry = name;
    if (read_slot(reader, &slot->plan->element, entry + slot->type->value_offset) == 0)
        return 0;
    gee_path_key(&reader->path, name);
    return -1;
}

static int read_map(gee_gob_reader_t *reader, const gee_gob_slot_t *slot, gee_list_value_t *map) {
    size_t count, entry_size = slot->type->entry_size;
    *map = (gee_list_value_t){ 0 };
    if (gee_gob_enter(reader) != 0 || gee_gob_read_count(reader, slot->node, 2, &count) != 0)
        return -1;
    char *entries = count > 0 ? gee_pool_array(reader->pool, count, entry_size) : NULL;
    if (entries == NULL && count > 0)
        return gee_gob_no_memory(reader);
    for (size_t i = 0; i < count; i++)
        if (read_entry(reader, slot, entries + i * entry_size) != 0)
            return -1;
    *map = (gee_list_value_t){ .items = entries, .count = count };
    reader->levels++;
    if (count > 1 && gee_map_keep_last(slot->type, map, reader->pool) != 0)
        return gee_gob_no_memory(reader);
    return 0;
}

static bool wants_utf8(const gee_gob_slot_t *slot) {
    return slot->type->kind == GEE_KIND_STRING &&
           (slot->field == NULL || (slot->field->flags & GEE_FIELD_ANY_TEXT) == 0);
}

static int read_slot(gee_gob_reader_t *reader, const gee_gob_slot_t *slot, void *place) {
    if (slot->optional != NULL) {
        void *element = gee_pool_zalloc(reader->pool, slot->type->size);
        if (element == NULL)
            return gee_gob_no_memory(reader);
        *(void **)place = element;
        place = element;
    }
    switch (slot->type->kind) {
    case GEE_KIND_BOOL:
        return read_bool(reader, place);
    case GEE_KIND_INT32:
    case GEE_KIND_INT64:
        return read_int(reader, slot->type, place);
    case GEE_KIND_UINT32:
    case GEE_KIND_UINT64:
        return read_uint(reader, slot->type, place);
    case GEE_KIND_FLOAT:
    case GEE_KIND_DOUBLE:
        return read_float(reader, slot->type, place);
    case GEE_KIND_STRING:
    case GEE_KIND_BYTES: /* gee_str_t has the same shape */
        return gee_gob_read_text(reader, wants_utf8(slot), reader->copy, place);
    case GEE_KIND_STRUCT:
        return read_struct(reader, slot, place);
    case GEE_KIND_LIST:
        return read_list(reader, slot, place);
    default:
        return read_map(reader, slot, place);
    }
}

int gee_gob_decode(void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                   const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value, gee_error_t *error) {
    gee_gob_reader_t reader;
    gee_gob_slot_t slot;
    if (gee_gob_reader_open(&reader, state, bytes, length, limits, pool, error) != 0)
        return -1;
    reader.copy = copy;
    if (gee_gob_plan(reader.state->shared, reader.schema, type, pool, &slot, error) != 0)
        return -1;
    return gee_gob_reader_close(&reader, read_slot(&reader, &slot, value));
}
