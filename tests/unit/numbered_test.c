/* numbered_test: types with numbers in the place of enums: the same values, other words. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/type/numbered.h"

typedef enum color { RED, GREEN = 5 } color_t;
GEE_ENUM_TYPE(color_t, "Color", 0, { "RED", RED }, { "GREEN", GREEN });
GEE_LIST_TYPE(color_t);
typedef struct node {
    GEE_LIST_OF(struct node) children;
    GEE_LIST_OF(color_t) colors;
    color_t color;
    int64_t number;
} node_t;
GEE_RECURSIVE(node_t);
GEE_LIST_TYPE(node_t);
GEE_MAP_TYPE(node_t);
GEE_STRUCT(node_t, "Node", GEE_LIST(node_t, children, "Children", 1, node_t, gee_list_of_node_t),
           GEE_LIST(node_t, colors, "Colors", 2, color_t, gee_list_of_color_t),
           GEE_ENUM(node_t, color, "Color", 3, color_t), GEE_INT64(node_t, number, "Number", 4));
typedef struct plain {
    GEE_LIST_OF(struct plain) inner;
} plain_t;
GEE_RECURSIVE(plain_t);
GEE_LIST_TYPE(plain_t);
GEE_STRUCT(plain_t, "Plain", GEE_LIST(plain_t, inner, "Inner", 1, plain_t, gee_list_of_plain_t));

static gee_pool_t *pool;
static gee_numbered_t *numbered;

static int set_up(void **state) {
    (void)state;
    pool = gee_pool_create(1024);
    numbered = gee_numbered_create(pool);
    return numbered != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    gee_numbered_destroy(&numbered);
    gee_pool_destroy(&pool);
    return 0;
}

static void enums_become_int32_at_the_same_places(void **state) {
    (void)state;
    const gee_type_t *made = gee_numbered_type(numbered, GEE_TYPE_OF(node_t));
    assert_ptr_not_equal(made, GEE_TYPE_OF(node_t));
    assert_null(gee_type_check(made));
    assert_int_equal(made->size, sizeof(node_t));
    assert_int_equal(made->fields[2].type->kind, GEE_KIND_INT32);
    assert_int_equal(made->fields[2].offset, offsetof(node_t, color));
    assert_int_equal(made->fields[1].type->element->kind, GEE_KIND_INT32);
    assert_ptr_equal(made->fields[0].type->element, made);
    assert_int_equal(made->fields[3].type->kind, GEE_KIND_INT64);
    assert_int_equal(gee_type_of_color_t.kind, GEE_KIND_ENUM);
}

static void types_are_shared_and_made_once(void **state) {
    (void)state;
    const gee_type_t *made = gee_numbered_type(numbered, GEE_TYPE_OF(node_t));
    assert_ptr_equal(gee_numbered_type(numbered, GEE_TYPE_OF(node_t)), made);
    assert_ptr_equal(gee_numbered_type(numbered, &gee_map_of_node_t)->element, made);
    size_t used = gee_pool_used(pool);
    (void)gee_numbered_type(numbered, GEE_TYPE_OF(color_t));
    assert_int_equal(gee_pool_used(pool), used);
}

static void types_without_enums_stay(void **state) {
    (void)state;
    const gee_type_t *const types[] = { GEE_TYPE_OF(plain_t), GEE_TYPE_OF(int64_t), GEE_TYPE_OF(gee_str_t) };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        assert_ptr_equal(gee_numbered_type(numbered, types[i]), types[i]);
}

/* Each type refers to the next; only the last has an enum. Asked for one after the other, from both ends. */
static void many_types_take_linear_time(void **state) {
    (void)state;
    enum { COUNT = 100000 };
    static gee_type_t lists[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        lists[i] = (gee_type_t){ .kind = GEE_KIND_LIST,
                                 .name = "",
                                 .size = sizeof(gee_list_value_t),
                                 .element = i > 0 ? &lists[i - 1] : GEE_TYPE_OF(color_t) };
    for (size_t i = COUNT / 2; i < COUNT; i++)
        assert_ptr_not_equal(gee_numbered_type(numbered, &lists[i]), &lists[i]);
    for (size_t i = 0; i < COUNT / 2; i++)
        assert_ptr_not_equal(gee_numbered_type(numbered, &lists[i]), &lists[i]);
}

static void no_memory_is_null(void **state) {
    (void)state;
    gee_pool_limit(pool, gee_pool_used(pool) + 600);
    assert_null(gee_numbered_type(numbered, GEE_TYPE_OF(node_t)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = { TEST(enums_become_int32_at_the_same_places),
                                        TEST(types_are_shared_and_made_once), TEST(types_without_enums_stay),
                                        TEST(many_types_take_linear_time), TEST(no_memory_is_null) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
