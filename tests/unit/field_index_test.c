/* field_index_test: fields of a struct of many fields by name, as gee_type_field_by_name() finds them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "core/type/field_index.h"

#define FIELDS 1000

static gee_pool_t *pool;
static char names[FIELDS][24];
static gee_field_t fields[FIELDS];
static const gee_field_more_t other = { .json_name = "quite another" }, usual = { .json_name = "fieldNo7" };
static const gee_type_t type = {
    .kind = GEE_KIND_STRUCT, .name = "Wide", .size = FIELDS, .fields = fields, .field_count = FIELDS
};

static void assert_alike(const char *name, const gee_field_t *wanted) {
    gee_field_index_t *indices = NULL;
    assert_ptr_equal(gee_type_field_by_name(&type, gee_str(name)), wanted);
    assert_ptr_equal(gee_field_by_name(&indices, &type, gee_str(name), pool), wanted);
    assert_non_null(indices);
}

static void names_are_found_as_without_an_index(void **state) {
    (void)state;
    for (size_t i = 0; i < FIELDS; i += 13)
        assert_alike(names[i], &fields[i]);
    assert_alike("FIELD_no_12", &fields[12]);
    assert_alike("quite another", &fields[5]);
    assert_alike("fieldNo7", &fields[7]);
    assert_alike("fieldNo8", NULL); /* without json_name, in lowerCamelCase */
    assert_alike("Quite another", NULL);
    assert_alike("", NULL);
    assert_alike("nothing", NULL);
}

/* "Twice" before "twice": the exact name counts, whatever the order. */
static void the_exact_name_comes_first(void **state) {
    (void)state;
    snprintf(names[20], sizeof(names[20]), "Twice");
    snprintf(names[21], sizeof(names[21]), "twice");
    assert_alike("twice", &fields[21]);
    assert_alike("Twice", &fields[20]);
    assert_alike("TWICE", &fields[20]);
}

static void few_are_looked_at(void **state) {
    (void)state;
    gee_field_index_t *indices = NULL;
    size_t count;
    const uint32_t *positions = gee_field_candidates(&indices, &type, GEE_STR("fieldNo_30"), pool, &count);
    assert_int_equal(count, 1);
    assert_int_equal(positions[0], 30);
    const gee_field_index_t *first = indices;
    assert_non_null(gee_field_candidates(&indices, &type, GEE_STR("unknown"), pool, &count));
    assert_int_equal(count, 0);
    assert_ptr_equal(indices, first); /* made once */
    const gee_type_t few = { .kind = GEE_KIND_STRUCT, .fields = fields, .field_count = GEE_FIELDS_FEW };
    assert_null(gee_field_candidates(&indices, &few, GEE_STR("unknown"), pool, &count));
    assert_int_equal(count, GEE_FIELDS_FEW);
    assert_null(gee_field_candidates(&indices, &type, GEE_STR("unknown"), NULL, &count));
}

static int set_up(void **state) {
    (void)state;
    for (size_t i = 0; i < FIELDS; i++) {
        snprintf(names[i], sizeof(names[i]), "field_no_%zu", i);
        fields[i] = (gee_field_t){ .name = names[i], .tag = (uint32_t)i + 1, .type = &gee_type_of_bool };
    }
    fields[5].more = &other;
    fields[7].more = &usual;
    pool = gee_pool_create(65536);
    return pool ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    gee_pool_destroy(&pool);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_as_without_an_index),
        cmocka_unit_test(the_exact_name_comes_first),
        cmocka_unit_test(few_are_looked_at),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
