/* type_copy_test: deep copies of typed values: complete, of nothing but the copy's own memory, and measured right. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/type/type_copy.h"
#include "core/type/value.h"

typedef struct {
    int32_t x;
    double y;
} point_t;
GEE_STRUCT(point_t, "Point", GEE_INT32(point_t, x, "X", 1), GEE_DOUBLE(point_t, y, "Y", 2));
typedef struct {
    gee_str_t text;
    point_t point;
} note_t;
GEE_STRUCT(note_t, "Note", GEE_STRING(note_t, text, "Text", 1), GEE_NESTED(note_t, point, "Point", 2, point_t));
GEE_LIST_TYPE(point_t);
GEE_LIST_TYPE(note_t);
GEE_MAP_TYPE(bool);
GEE_MAP_TYPE(note_t);
GEE_OPTIONAL_TYPE(note_t);
typedef struct {
    bool flag;
    gee_str_t name;
    gee_bytes_t data;
    GEE_LIST_OF(point_t) points;
    GEE_LIST_OF(note_t) notes;
    GEE_MAP_OF(bool) flags;
    GEE_MAP_OF(note_t) by_name;
    GEE_OPTIONAL_OF(note_t) maybe;
    GEE_OPTIONAL_OF(note_t) absent;
} all_t;
GEE_STRUCT(all_t, "All", GEE_BOOL(all_t, flag, "Flag", 1), GEE_STRING(all_t, name, "Name", 2),
           GEE_BYTES(all_t, data, "Data", 3), GEE_LIST(all_t, points, "Points", 4, point_t, gee_list_of_point_t),
           GEE_LIST(all_t, notes, "Notes", 5, note_t, gee_list_of_note_t),
           GEE_MAP(all_t, flags, "Flags", 6, bool, gee_map_of_bool),
           GEE_MAP(all_t, by_name, "ByName", 7, note_t, gee_map_of_note_t),
           GEE_OPTIONAL(all_t, maybe, "Maybe", 8, note_t, gee_optional_of_note_t),
           GEE_OPTIONAL(all_t, absent, "Absent", 9, note_t, gee_optional_of_note_t));

/* A value whose every part is in `room`, so that the test can wipe them all. */
typedef struct {
    char text[4][16];
    uint8_t bytes[5];
    point_t points[3];
    note_t notes[2];
    __typeof__(*((all_t *)0)->flags.items) flags[2];
    __typeof__(*((all_t *)0)->by_name.items) by_name[1];
    note_t maybe;
    all_t all;
} room_t;

static void fill(room_t *room) {
    memset(room, 0, sizeof(*room));
    for (size_t i = 0; i < GEE_LENGTH(room->text); i++)
        memset(room->text[i], 'a' + (int)i, i * 3 + 1);
    memcpy(room->bytes, "\0\1\2\3\4", 5);
    for (int i = 0; i < 3; i++)
        room->points[i] = (point_t){ .x = i, .y = i / 2.0 };
    room->notes[0] = (note_t){ .text = { room->text[0], 1 }, .point = { .x = 7 } };
    room->notes[1] = (note_t){ .point = { .y = -1 } };
    room->flags[0].key = (gee_str_t){ room->text[1], 4 };
    room->flags[0].value = true;
    room->flags[1].key = (gee_str_t){ room->text[2], 7 };
    room->by_name[0].key = (gee_str_t){ room->text[3], 10 };
    room->by_name[0].value = room->notes[0];
    room->maybe = room->notes[0];
    room->all.flag = true;
    room->all.name = (gee_str_t){ room->text[2], 7 };
    room->all.data = (gee_bytes_t){ room->bytes, 5 };
    room->all.points.items = room->points;
    room->all.points.count = 3;
    room->all.notes.items = room->notes;
    room->all.notes.count = 2;
    room->all.flags.items = (void *)room->flags;
    room->all.flags.count = 2;
    room->all.by_name.items = (void *)room->by_name;
    room->all.by_name.count = 1;
    room->all.maybe = &room->maybe;
}

static void copies_are_whole_and_their_own(void **state) {
    room_t original, pattern;
    (void)state;
    fill(&original);
    fill(&pattern);
    size_t size = gee_type_copy_size(GEE_TYPE_OF(all_t), &original.all);
    assert_int_equal(size % GEE_TYPE_COPY_ALIGNMENT, 0);
    void *target = malloc(size); /* of just that size: a sanitizer sees what goes beyond */
    assert_non_null(target);
    const all_t *copy = gee_type_copy(GEE_TYPE_OF(all_t), &original.all, target);
    memset(&original, 0xee, sizeof(original));
    assert_ptr_equal(copy, target);
    assert_true(gee_type_equal(GEE_TYPE_OF(all_t), copy, &pattern.all));
    /* And measured as the value that it is. */
    assert_int_equal(gee_type_copy_size(GEE_TYPE_OF(all_t), copy), size);
    free(target);
}

static void flat_types_are_known(void **state) {
    int64_t number = 5;
    (void)state;
    assert_true(gee_type_is_flat(GEE_TYPE_OF(point_t)));
    assert_true(gee_type_is_flat(GEE_TYPE_OF(int64_t)));
    assert_true(gee_type_is_flat(GEE_TYPE_OF(gee_empty_t)));
    assert_false(gee_type_is_flat(GEE_TYPE_OF(note_t)));
    assert_false(gee_type_is_flat(GEE_TYPE_OF(gee_bytes_t)));
    assert_false(gee_type_is_flat(&gee_list_of_point_t));
    assert_false(gee_type_is_flat(&gee_map_of_bool));
    assert_false(gee_type_is_flat(&gee_optional_of_note_t));
    assert_int_equal(gee_type_copy_size(GEE_TYPE_OF(int64_t), &number), sizeof(number));
}

typedef struct tree tree_t;
static const gee_type_t tree_type;
struct tree {
    tree_t *next;
};
static const gee_type_t optional_tree = {
    .kind = GEE_KIND_OPTIONAL, .name = "", .size = sizeof(void *), .element = &tree_type
};
static const gee_field_t tree_fields[] = { { .name = "Next", .tag = 1, .type = &optional_tree } };
static const gee_type_t tree_type = {
    .kind = GEE_KIND_STRUCT, .name = "Tree", .size = sizeof(tree_t), .fields = tree_fields, .field_count = 1
};

/* A cycle in memory, and sizes that cannot be, are refused before anything is copied. */
static void what_cannot_be_is_refused(void **state) {
    tree_t first, second = { .next = &first };
    (void)state;
    first.next = NULL;
    assert_int_equal(gee_type_copy_size(&tree_type, &second), 2 * sizeof(tree_t));
    first.next = &second;
    assert_true(gee_type_copy_size(&tree_type, &first) == SIZE_MAX);
    gee_list_value_t list = { .items = &first, .count = SIZE_MAX / 4 };
    assert_true(gee_type_copy_size(&gee_list_of_point_t, &list) == SIZE_MAX);
    gee_str_t text = { .data = "", .length = SIZE_MAX - 3 };
    assert_true(gee_type_copy_size(GEE_TYPE_OF(gee_str_t), &text) == SIZE_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_are_whole_and_their_own),
        cmocka_unit_test(flat_types_are_known),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
