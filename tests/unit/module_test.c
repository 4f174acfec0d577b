/* module_test.c: the checks of the module table at start, each naming module and member. */
#include "conf_fixture.h"

#include "core/conf/module.h"

typedef struct thing {
    const char *title;
    int (*run)(void);
} thing_t;

static int run_nothing(void) {
    return 0;
}

static const thing_t thing = { "thing", run_nothing };
static const gee_module_t json = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_CODEC, .name = "codec_json", .interface = &thing
};
static const gee_module_t limits = { .abi = GEE_MODULE_ABI,
                                     .kind = GEE_MODULE_FILTER,
                                     .name = "filter_limits",
                                     .interface = &thing,
                                     .block = "limits",
                                     .options = call_limit_options,
                                     .conf_size = sizeof(call_limits_t) };

static void check_fails(const gee_module_t *a, const gee_module_t *b, const char *first, const char *second) {
    const gee_module_entry_t table[] = { { a, "first" }, { b, "second" }, { NULL, NULL } };
    gee_error_t error = { 0 };
    assert_int_equal(gee_modules_check(table, &error), -1);
    if (!strstr(error.text, first) || !strstr(error.text, second))
        fail_msg("\"%s\" does not say \"%s\" and \"%s\"", error.text, first, second);
}

static void a_good_table_passes(void **state) {
    (void)state;
    const gee_module_entry_t table[] = { { &json, "a" }, { &limits, "b" }, { NULL, NULL } };
    const gee_module_entry_t empty[] = { { NULL, NULL } };
    gee_error_t error = { 0 };
    if (gee_modules_check(table, &error) < 0)
        fail_msg("%s", error.text);
    assert_int_equal(gee_modules_check(empty, &error), 0);
}

/* Such as "registry" and "seal_noise": nothing goes by a part of their names. */
static void pages_and_layers_are_called_as_they_like(void **state) {
    (void)state;
    gee_module_t page = json, layer = json;
    page.kind = GEE_MODULE_PAGE, page.name = "registry";
    layer.kind = GEE_MODULE_LAYER, layer.name = "seal_noise";
    const gee_module_entry_t table[] = { { &page, "a" }, { &layer, "b" }, { NULL, NULL } };
    gee_error_t error = { 0 };
    if (gee_modules_check(table, &error) < 0)
        fail_msg("%s", error.text);
}

static void defects_name_module_and_member(void **state) {
    (void)state;
    gee_module_t bad = limits;
    bad.abi = GEE_MODULE_ABI + 1;
    check_fails(&json, &bad, "number 2", "ABI");
    bad = limits, bad.kind = (gee_module_kind_t)77;
    check_fails(&json, &bad, "filter_limits", "\"kind\"");
    bad = limits, bad.kind = GEE_MODULE_SERVICE;
    check_fails(&json, &bad, "filter_limits", "\"service_\"");
    bad = limits, bad.name = NULL;
    check_fails(&json, &bad, "number 2", "\"name\"");
    bad = limits, bad.name = "filter limits";
    check_fails(&json, &bad, "number 2", "\"name\"");
    bad = limits, bad.interface = NULL;
    check_fails(&json, &bad, "filter_limits", "\"interface\"");
    bad = limits, bad.block = NULL;
    check_fails(&json, &bad, "filter_limits", "\"block\"");
    bad = limits, bad.conf_size = sizeof(call_limits_t) - 1;
    check_fails(&json, &bad, "filter_limits", "\"conf_size\"");
    const gee_option_t no_doc[] = { { .name = "x", .type = GEE_OPTION_INT }, { 0 } };
    bad = limits, bad.options = no_doc;
    check_fails(&json, &bad, "filter_limits", "no doc");
}

static void two_of_a_name_are_refused(void **state) {
    (void)state;
    gee_module_t other = limits;
    other.name = "filter_other";
    check_fails(&limits, &limits, "filter_limits", "twice");
    check_fails(&limits, &other, "filter_limits and filter_other", "limits.calls");
    other.block = "other";
    const gee_module_entry_t table[] = { { &limits, "a" }, { &other, "b" }, { NULL, NULL } };
    gee_error_t error = { 0 };
    assert_int_equal(gee_modules_check(table, &error), 0);
}

static void missing_members_are_named(void **state) {
    (void)state;
    const gee_member_t members[] = { { GEE_MODULE_CODEC, "title", offsetof(thing_t, title) },
                                     { GEE_MODULE_CODEC, "run", offsetof(thing_t, run) },
                                     { GEE_MODULE_FILTER, "title", offsetof(thing_t, title) } };
    const thing_t lame = { .title = "lame" };
    gee_module_t bad = json, filter = limits;
    const gee_module_entry_t table[] = { { &filter, "a" }, { &bad, "b" }, { NULL, NULL } };
    gee_error_t error = { 0 };
    assert_int_equal(gee_modules_check_members(table, members, GEE_LENGTH(members), &error), 0);
    filter.interface = &lame;
    assert_int_equal(gee_modules_check_members(table, members, GEE_LENGTH(members), &error), 0);
    bad.interface = &lame;
    assert_int_equal(gee_modules_check_members(table, members, GEE_LENGTH(members), &error), -1);
    assert_string_equal(error.text, "module codec_json: member \"run\" is missing, which every codec must have");
}

static void a_module_is_found_by_its_text_among_those_of_its_kind(void **state) {
    (void)state;
    static const struct { const char *name, *content_type; } one = { "one", "text/one" }, two = { "two", "text/two" };
    gee_module_t first = json, second = json, other = limits;
    first.interface = &one;
    second.interface = &two;
    const gee_module_entry_t table[] = { { &other, "a" }, { &first, "b" }, { &second, "c" }, { NULL, NULL } };
    assert_ptr_equal(gee_module_find(table, GEE_MODULE_CODEC, GEE_STR("two")), &two);
    assert_null(gee_module_find(table, GEE_MODULE_CODEC, GEE_STR("tw")));
    assert_null(gee_module_find(table, GEE_MODULE_PROTOCOL, GEE_STR("two")));
    assert_ptr_equal(gee_module_find_by(table, GEE_MODULE_CODEC, sizeof(char *), GEE_STR("text/one")), &one);
    assert_null(gee_module_find_by(table, GEE_MODULE_CODEC, sizeof(char *), GEE_STR("one")));
}

static void modules_of_a_kind_come_in_order(void **state) {
    (void)state;
    gee_module_t bin = json;
    bin.name = "codec_bin";
    const gee_module_entry_t table[] = { { &json, "a" }, { &limits, "b" }, { &bin, "c" }, { NULL, NULL } };
    assert_ptr_equal(gee_module_next(table, GEE_MODULE_CODEC, 0), &json);
    assert_ptr_equal(gee_module_next(table, GEE_MODULE_CODEC, 1), &bin);
    assert_null(gee_module_next(table, GEE_MODULE_CODEC, 2));
    assert_null(gee_module_next(table, GEE_MODULE_SERVICE, 0));
    assert_string_equal(gee_module_kind_name(GEE_MODULE_BALANCER), "balancer");
    assert_string_equal(gee_module_kind_name((gee_module_kind_t)0), "unknown");
    assert_string_equal(gee_module_kind_name((gee_module_kind_t)99), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_table_passes),
        cmocka_unit_test(pages_and_layers_are_called_as_they_like),
        cmocka_unit_test(defects_name_module_and_member),
        cmocka_unit_test(two_of_a_name_are_refused),
        cmocka_unit_test(missing_members_are_named),
        cmocka_unit_test(a_module_is_found_by_its_text_among_those_of_its_kind),
        cmocka_unit_test(modules_of_a_kind_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
