/* descriptor_test: types made of protoc's descriptors: each kind of field, values that protoc has encoded, names of
 * services, and sets that cannot be used. */
#include "codec_bin_fixture.h"

#include "../support/protoc.h"
#include "support/failing_memory.h"
#include "core/protobuf/descriptor.h"
#include "core/protobuf/descriptor_proto.h"

static const char every_kind[] =
    "syntax = \"proto3\"; package a.b;\n"
    "import \"google/protobuf/timestamp.proto\"; import \"google/protobuf/struct.proto\";\n"
    "import \"google/protobuf/wrappers.proto\"; import \"google/protobuf/any.proto\";\n"
    "message All {\n"
    "  int32 i = 1; sint64 zig = 2; fixed32 fix = 3; optional double maybe = 4; bytes raw = 5;\n"
    "  Color color = 6; repeated sfixed64 packed_fix = 7; repeated Color loose = 8 [packed = false];\n"
    "  map<sint32, All> children = 9; repeated string words = 10; All inner = 11;\n"
    "  oneof which { string text = 12; All message = 13; Color tint = 14; }\n"
    "  google.protobuf.Timestamp at = 15; google.protobuf.Value value = 16; bool last_one = 17; uint64 user_id = 18;\n"
    "  map<string, Color> colors = 19; google.protobuf.StringValue wrapped = 20; google.protobuf.Any any = 21;\n"
    "  enum Color { option allow_alias = true; RED = 0; ROT = 0; GREEN = 5; DEEP = -3; }\n"
    "}\n"
    "service Paint { rpc Draw(All) returns (stream All) { option idempotency_level = NO_SIDE_EFFECTS; }\n"
    "  rpc Fill(stream All) returns (google.protobuf.Any); }\n";

static const char two_syntaxes[] =
    "syntax = \"proto2\"; package old;\n"
    "message M { required int32 id = 1; optional string name = 2 [default = \"none\"]; repeated int32 loose = 3;\n"
    "  repeated int32 tight = 4 [packed = true]; optional group G = 5 { optional int32 x = 1; } optional E e = 6;\n"
    "  required M down = 7; extensions 100 to 200; oneof o { int32 a = 8; string b = 9; } }\n"
    "enum E { ONE = 1; }\n"
    "extend M { optional int32 more = 100; }\n";

static gee_descriptors_t *set;

static int clean(void **state) {
    gee_descriptors_release(&set);
    protoc_clean();
    return tear_down(state);
}

static gee_descriptors_t *read_compiled(const char *text) {
    size_t length;
    gee_error_t error = { .text = "" };
    protoc_compile(text);
    uint8_t *bytes = protoc_read("x", &length);
    gee_descriptors_t *made = gee_descriptors_read(bytes, length, false, &error);
    free(bytes);
    if (made == NULL)
        fail_msg("%s", error.text);
    return made;
}

static const gee_field_t *field_of(const gee_type_t *type, uint32_t tag) {
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].tag == tag)
            return &type->fields[i];
    fail_msg("%s has no field %u", type->name, tag);
    return NULL;
}

static void assert_kinds(const gee_field_t *field, gee_kind_t kind, gee_kind_t element, gee_form_t form) {
    const gee_type_t *type = field->type;
    if (type->kind != kind)
        fail_msg("%s is of kind %d, not %d", field->name, (int)type->kind, (int)kind);
    if (element == 0)
        assert_int_equal(type->form, form);
    else if (type->element->kind != element)
        fail_msg("%s has elements of kind %d, not %d", field->name, (int)type->element->kind, (int)element);
}

static void fields_have_the_kinds_of_the_proto(void **state) {
    (void)state;
    set = read_compiled(every_kind);
    const gee_type_t *all = gee_descriptors_type(set, GEE_STR("a.b.All"));
    assert_null(gee_type_check(all));
    assert_string_equal(all->name, "All");
    assert_true(all->flags & GEE_TYPE_KEEPS_UNKNOWN);
    assert_kinds(field_of(all, 1), GEE_KIND_INT32, 0, GEE_FORM_PLAIN);
    assert_kinds(field_of(all, 2), GEE_KIND_INT64, 0, GEE_FORM_ZIGZAG);
    assert_kinds(field_of(all, 3), GEE_KIND_UINT32, 0, GEE_FORM_FIXED);
    assert_kinds(field_of(all, 4), GEE_KIND_OPTIONAL, GEE_KIND_DOUBLE, 0);
    assert_kinds(field_of(all, 6), GEE_KIND_ENUM, 0, GEE_FORM_PLAIN);
    assert_kinds(field_of(all, 7), GEE_KIND_LIST, GEE_KIND_INT64, 0);
    assert_int_equal(field_of(all, 7)->type->element->form, GEE_FORM_FIXED);
    assert_int_equal(field_of(all, 8)->type->form, GEE_FORM_UNPACKED);
    assert_kinds(field_of(all, 9), GEE_KIND_MAP, GEE_KIND_STRUCT, 0);
    assert_int_equal(field_of(all, 9)->type->key->form, GEE_FORM_ZIGZAG);
    assert_kinds(field_of(all, 11), GEE_KIND_OPTIONAL, GEE_KIND_STRUCT, 0);
    assert_ptr_equal(field_of(all, 11)->type->element, all);
    assert_kinds(field_of(all, 12), GEE_KIND_STRING, 0, GEE_FORM_PLAIN);
    assert_kinds(field_of(all, 13), GEE_KIND_OPTIONAL, GEE_KIND_STRUCT, 0);
    assert_int_equal(field_of(all, 12)->flags, GEE_FIELD_ONEOF);
    assert_int_equal(field_of(all, 12)->offset, field_of(all, 14)->offset);
    assert_string_equal(field_of(all, 14)->more->oneof, "which");
    assert_int_equal(field_of(all, 15)->type->element->well_known, GEE_WELL_KNOWN_TIMESTAMP);
    assert_int_equal(field_of(all, 16)->type->element->well_known, GEE_WELL_KNOWN_VALUE);
    assert_int_equal(field_of(all, 20)->type->element->well_known, GEE_WELL_KNOWN_WRAPPER);
    assert_string_equal(field_of(all, 18)->name, "user_id");
    assert_string_equal(field_of(all, 18)->more->json_name, "userId");
    assert_null(field_of(all, 1)->more);
}

static void an_enum_has_its_first_name_for_a_number_and_all_names(void **state) {
    (void)state;
    set = read_compiled(every_kind);
    const gee_type_t *color = gee_descriptors_type(set, GEE_STR("a.b.All.Color"));
    assert_int_equal(color->value_count, 4);
    assert_int_equal(color->values[0].number, -3);
    assert_string_equal(gee_type_enum_by_number(color, 0)->name, "RED");
    assert_int_equal(gee_type_enum_by_name(color, GEE_STR("ROT"))->number, 0);
    assert_int_equal(gee_type_enum_by_name(color, GEE_STR("GREEN"))->number, 5);
    assert_false(color->flags & GEE_TYPE_CLOSED);
}

static void proto2_has_presence_required_defaults_and_closed_enums(void **state) {
    (void)state;
    set = read_compiled(two_syntaxes);
    const gee_type_t *message = gee_descriptors_type(set, GEE_STR("old.M"));
    assert_true(message->flags & GEE_TYPE_REQUIRED);
    assert_int_equal(field_of(message, 1)->flags, GEE_FIELD_REQUIRED);
    assert_kinds(field_of(message, 1), GEE_KIND_OPTIONAL, GEE_KIND_INT32, 0);
    assert_kinds(field_of(message, 7), GEE_KIND_OPTIONAL, GEE_KIND_STRUCT, 0);
    assert_int_equal(field_of(message, 2)->type->element->form, GEE_FORM_UNCHECKED);
    assert_string_equal(field_of(message, 2)->more->default_text, "none");
    assert_int_equal(field_of(message, 3)->type->form, GEE_FORM_UNPACKED);
    assert_int_equal(field_of(message, 4)->type->form, GEE_FORM_PLAIN);
    assert_kinds(field_of(message, 8), GEE_KIND_INT32, 0, GEE_FORM_PLAIN);
    assert_true(field_of(message, 6)->type->element->flags & GEE_TYPE_CLOSED);
    assert_int_equal(message->field_count, 8); /* neither the group nor the extension */
}

static void a_message_that_protoc_has_encoded_comes_back(void **state) {
    (void)state;
    static const char text[] =
        "i: -7 zig: -9007199254740993 fix: 4000000000 maybe: 0 raw: \"\\000\\377\" color: GREEN packed_fix: [-1, 2]\n"
        "loose: [GREEN, RED, DEEP] children { key: -5 value { i: 1 words: [\"a\", \"\"] } } words: \"w\"\n"
        "inner { inner { user_id: 18446744073709551615 } text: \"\" } message { color: DEEP }\n"
        "at { seconds: 3 nanos: 4 } value { struct_value { fields { key: \"k\" value { number_value: 0 } } } }\n"
        "last_one: true user_id: 1 colors { key: \"c\" value: GREEN } wrapped { value: \"x\" }\n";
    size_t length;
    set = read_compiled(every_kind);
    const gee_type_t *all = gee_descriptors_type(set, GEE_STR("a.b.All"));
    protoc_write("text", text, strlen(text));
    protoc_convert("--encode=a.b.All", "text", "bytes");
    uint8_t *bytes = protoc_read("bytes", &length);
    void *value = gee_pool_zalloc(pool, all->size);
    char *hex;
    gee_error_t error = { .text = "" };
    if (decode_bytes(all, bytes, length, value, &error) != 0 || encode(all, value, &hex, &error) != 0)
        fail_msg("%s", error.text);
    uint8_t *again;
    assert_int_equal(from_hex(hex, &again), length);
    protoc_write("again", again, length);
    protoc_convert("--decode=a.b.All", "bytes", "before");
    protoc_convert("--decode=a.b.All", "again", "after");
    free(again);
    free(bytes);
    size_t before_length, after_length;
    char *before = (char *)protoc_read("before", &before_length), *after = (char *)protoc_read("after", &after_length);
    assert_int_equal(before_length, after_length);
    assert_memory_equal(before, after, before_length);
    free(before);
    free(after);
}

static void methods_are_found_by_full_name_and_by_the_name_of_the_service(void **state) {
    (void)state;
    gee_error_t error;
    set = read_compiled(every_kind);
    const gee_described_method_t *draw = gee_descriptors_method(set, GEE_STR("a.b.Paint.Draw"), &error);
    assert_ptr_equal(draw, gee_descriptors_method(set, GEE_STR("Paint.Draw"), &error));
    assert_true(draw->server_streaming && !draw->client_streaming && draw->idempotent && draw->no_side_effects);
    assert_ptr_equal(draw->argument, gee_descriptors_type(set, GEE_STR("a.b.All")));
    const gee_described_method_t *fill = gee_descriptors_method(set, GEE_STR("Paint.Fill"), &error);
    assert_true(fill->client_streaming && !fill->server_streaming && !fill->idempotent);
    assert_int_equal(fill->reply->well_known, GEE_WELL_KNOWN_ANY);
    const char *missing[] = { "Paint.Erase", "b.Paint.Draw", "Paint", "", ".Draw", "Paint." };
    for (size_t i = 0; i < GEE_LENGTH(missing); i++) {
        assert_null(gee_descriptors_method(set, gee_str(missing[i]), &error));
        assert_int_equal(error.code, GEE_NOT_FOUND);
    }
}

/* ---- sets that cannot be used ---- */

static gee_file_descriptor_set_t files;

static gee_descriptors_t *read_files(gee_error_t *error) {
    char *hex;
    uint8_t *bytes;
    if (encode(GEE_TYPE_OF(gee_file_descriptor_set_t), &files, &hex, error) != 0)
        fail_msg("%s", error->text);
    size_t length = from_hex(hex, &bytes);
    gee_descriptors_t *made = gee_descriptors_read(bytes, length, false, error);
    free(bytes);
    return made;
}

/* What differs from every_kind when `from` is `to` there. */
static void expect_conflict(const char *from, const char *to, const char *name) {
    char changed[sizeof every_kind + 64];
    const char *at = strstr(every_kind, from);
    assert_non_null(at);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - every_kind), every_kind, to, at + strlen(from));
    gee_descriptors_t *other = read_compiled(changed);
    const char *found = gee_descriptors_conflict(set, other), *back = gee_descriptors_conflict(other, set);
    if (name == NULL) {
        assert_null(found);
        assert_null(back);
    } else {
        assert_string_equal(found != NULL ? found : "alike", name);
        assert_string_equal(back != NULL ? back : "alike", name);
    }
    gee_descriptors_release(&other);
    protoc_clean();
}

static void definitions_of_two_sets_conflict_where_they_differ(void **state) {
    (void)state;
    set = read_compiled(every_kind);
    protoc_clean();
    expect_conflict("", "", NULL);
    expect_conflict("package a.b;", "package other;", NULL);
    expect_conflict("int32 i = 1;", "int32 i = 30;", "a.b.All");
    expect_conflict("int32 i = 1;", "int32 j = 1;", "a.b.All");
    expect_conflict("int32 i = 1;", "sint32 i = 1;", "a.b.All");
    expect_conflict("int32 i = 1;", "", "a.b.All");
    expect_conflict("int32 i = 1;", "optional int32 i = 1;", "a.b.All");
    expect_conflict("map<sint32, All>", "map<int32, All>", "a.b.All");
    expect_conflict("map<sint32, All>", "map<sint32, string>", "a.b.All");
    expect_conflict("user_id = 18;", "user_id = 18 [json_name = \"u\"];", "a.b.All");
    expect_conflict("GREEN = 5;", "GREEN = 6;", "a.b.All.Color");
    expect_conflict("GREEN = 5;", "LIME = 5;", "a.b.All.Color");
    expect_conflict("(stream All) returns (google.protobuf.Any)", "(All) returns (google.protobuf.Any)", "a.b.Paint");
    expect_conflict("returns (google.protobuf.Any)", "returns (All)", "a.b.Paint");
}

static void expect_refused_for(const char *text) {
    gee_error_t error = { .text = "" };
    gee_descriptors_t *made = read_files(&error);
    if (made != NULL)
        fail_msg("accepted, where \"%s\" was expected", text);
    if (strstr(error.text, text) == NULL || strncmp(error.text, "x.proto: ", 9) != 0)
        fail_msg("\"%s\" and not \"x.proto: ... %s\"", error.text, text);
}

static gee_file_descriptor_proto_t *file;
static gee_descriptor_proto_t *message;
static gee_field_descriptor_proto_t *fields;

/* The messages of every_kind, as protoc wrote them, to be spoiled. */
static void decode_files(void) {
    size_t length;
    gee_error_t error;
    uint8_t *bytes = protoc_read("x", &length);
    if (decode_bytes(GEE_TYPE_OF(gee_file_descriptor_set_t), bytes, length, &files, &error) != 0)
        fail_msg("%s", error.text);
    free(bytes);
    file = &files.file.items[files.file.count - 1];
    message = file->message_type.items;
    fields = message != NULL ? message->field.items : NULL;
}

#define EXPECT_REFUSED(change, text)                                                                                   \
    do {                                                                                                               \
        decode_files();                                                                                                \
        change;                                                                                                        \
        expect_refused_for(text);                                                                                      \
    } while (0)

static int32_t far_oneof = 7;

static void flawed_messages_are_refused_by_file_and_name(void **state) {
    (void)state;
    protoc_compile(every_kind);
    EXPECT_REFUSED(fields[10].type_name = GEE_STR(".a.b.None"), "a.b.All: inner: there is no message or enum");
    EXPECT_REFUSED(fields[10].type_name = GEE_STR("All"), "a.b.All: inner: there is no message or enum");
    EXPECT_REFUSED(fields[10].type = GEE_PROTO_ENUM, "a.b.All: inner: a.b.All is no enum");
    EXPECT_REFUSED(fields[5].type = GEE_PROTO_MESSAGE, "a.b.All: color: a.b.All.Color is no message");
    EXPECT_REFUSED(fields[5].type = 77, "a.b.All: color: its type 77");
    EXPECT_REFUSED(fields[1].name = GEE_STR("i"), "a.b.All: two fields of a struct have the same name");
    EXPECT_REFUSED(fields[1].number = 1, "a.b.All: two fields of a struct have the same tag");
    EXPECT_REFUSED(fields[1].number = 19000, "a.b.All: zig: its number");
    EXPECT_REFUSED(fields[1].name = GEE_STR("a\"b"), "is not a field's name");
    EXPECT_REFUSED(fields[1].json_name = &GEE_STR("a\"b"), "a.b.All: a field's name has a quote");
    EXPECT_REFUSED(fields[1].label = 0, "a.b.All: zig: it is neither");
    EXPECT_REFUSED(fields[11].oneof_index = &far_oneof, "a.b.All: text: there is no such oneof");
    EXPECT_REFUSED(fields[11].label = GEE_PROTO_REPEATED, "a.b.All: text: a member of a oneof is repeated");
    EXPECT_REFUSED(message->nested_type.items[0].options.map_entry = false;
                   message->options.map_entry = true, "a.b.All: is not the entry of a map");
    EXPECT_REFUSED(fields[8].label = GEE_PROTO_OPTIONAL, "a.b.All: children: the entry of a map is not repeated");
    EXPECT_REFUSED(message->nested_type.items[0].field.items[0].type = GEE_PROTO_DOUBLE,
                   "a.b.All.ChildrenEntry: is not the entry of a map: its key is neither");
    EXPECT_REFUSED(message->nested_type.items[0].field.count = 1, "a.b.All.ChildrenEntry: is not the entry of a map");
    EXPECT_REFUSED(message->nested_type.items[0].field.items[1].type_name = GEE_STR(".a.b.All.ChildrenEntry"),
                   "its value is another entry");
}

static void flawed_files_enums_and_services_are_refused_by_file_and_name(void **state) {
    (void)state;
    protoc_compile(every_kind);
    EXPECT_REFUSED(file->dependency.items[0] = GEE_STR("gone.proto"), "its import gone.proto is missing");
    EXPECT_REFUSED(files.file.items[0].name = GEE_STR("x.proto"), "is there twice");
    EXPECT_REFUSED(file->syntax = GEE_STR("editions"), "only proto2 and proto3");
    EXPECT_REFUSED(file->package = GEE_STR("a..b"), "is not the name of a package");
    EXPECT_REFUSED(message->enum_type.items[0].name = GEE_STR("ChildrenEntry"), "is declared twice, in x.proto, too");
    EXPECT_REFUSED(message->name = GEE_STR("All\nfake"), "is not a name");
    EXPECT_REFUSED(message->enum_type.items[0].value.count = 0, "a.b.All.Color: an enum without values");
    EXPECT_REFUSED(message->enum_type.items[0].value.items[1].name = GEE_STR("RED"), "a.b.All.Color: has two values");
    EXPECT_REFUSED(message->enum_type.items[0].value.items[1].name = GEE_STR(""), "a.b.All.Color: value 1 has no name");
    EXPECT_REFUSED(file->service.items[0].method.items[1].name = GEE_STR("Draw"), "a.b.Paint: has two methods Draw");
    EXPECT_REFUSED(file->service.items[0].method.items[1].input_type = GEE_STR(".a.b.All.Color"),
                   "a.b.Paint: Fill: a.b.All.Color is no message");
    EXPECT_REFUSED(file->service.items[0].name = GEE_STR("All"), "a.b.All: is declared twice");
    EXPECT_REFUSED(file->package = GEE_STR("google.protobuf");
                   message->name = GEE_STR("Timestamp"), "google.protobuf.Timestamp: is declared twice");
}

static void another_type_under_the_name_of_a_well_known_type_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "message Timestamp { string seconds = 1; int32 nanos = 2; }",
        "message Any { string type_url = 1; }",
        "message StringValue { repeated string value = 1; }",
        "message Struct { map<string, int32> fields = 1; }",
        "message Value { string a = 1; }",
        "enum NullValue { NONE = 0; MORE = 1; }",
        "enum Empty { NONE = 0; }",
    };
    for (size_t i = 0; i < GEE_LENGTH(texts); i++) {
        char text[256];
        snprintf(text, sizeof text, "syntax = \"proto3\"; package google.protobuf; %s", texts[i]);
        protoc_compile(text);
        decode_files();
        expect_refused_for("is not what google's file");
        protoc_clean();
    }
    protoc_compile("syntax = \"proto3\"; package other; message Timestamp { string seconds = 1; }");
    gee_error_t error;
    decode_files();
    assert_non_null(set = read_files(&error));
}

static void a_service_name_of_two_packages_is_ambiguous(void **state) {
    (void)state;
    gee_error_t error;
    protoc_compile(every_kind);
    decode_files();
    gee_file_descriptor_proto_t two[2] = { *file, *file };
    gee_file_descriptor_set_t all = files;
    two[1].name = GEE_STR("y.proto");
    two[1].package = GEE_STR("c");
    files.file.items = gee_pool_array(pool, all.file.count + 1, sizeof *two);
    memcpy(files.file.items, all.file.items, all.file.count * sizeof *two);
    two[1].message_type.count = 0;
    files.file.items[files.file.count++] = two[1];
    assert_non_null(set = read_files(&error));
    assert_non_null(gee_descriptors_service(set, GEE_STR("c.Paint"), &error));
    assert_null(gee_descriptors_service(set, GEE_STR("Paint"), &error));
    assert_int_equal(error.code, GEE_FAILED_PRECONDITION);
    assert_string_equal(error.text, "\"Paint\" is a.b.Paint and c.Paint");
    assert_null(gee_descriptors_service(set, GEE_STR("Print"), &error));
    assert_string_equal(error.text, "there is no service \"Print\", there is a.b.Paint, c.Paint");
}

/* ---- bounds ---- */

static void bytes_that_are_no_descriptors_are_refused(void **state) {
    (void)state;
    gee_error_t error;
    assert_null(gee_descriptors_read("\n\xff", 2, false, &error));
    assert_non_null(strstr(error.text, "it is no FileDescriptorSet"));
    assert_null(gee_descriptors_read("", 0, false, &error));
    assert_non_null(strstr(error.text, "there is no file in it"));
    assert_null(gee_descriptors_read("", GEE_DESCRIPTORS_MOST + 1, false, &error));
    assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
    assert_null(gee_descriptors_load("/none/at all", false, &error));
    assert_string_equal(error.text, "/none/at all: No such file or directory");
    assert_null(gee_descriptors_load("", false, &error));
    assert_string_equal(error.text, "\"\" is no path of a file");
}

/* As many messages as a large API has, each referring to the next ones. */
static void a_set_of_20000_messages_is_read(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    gee_error_t error;
    protoc_compile("syntax = \"proto3\"; message M { M a = 1; repeated M b = 2; }");
    decode_files();
    gee_descriptor_proto_t *messages = gee_pool_array(pool, COUNT, sizeof *messages);
    for (size_t i = 0; i < COUNT; i++) {
        gee_field_descriptor_proto_t *copy = gee_pool_array(pool, 2, sizeof *copy);
        memcpy(copy, message->field.items, 2 * sizeof *copy);
        copy[0].type_name = gee_str(gee_pool_printf(pool, ".M%zu", (i + 1) % COUNT));
        copy[1].type_name = gee_str(gee_pool_printf(pool, ".M%zu", i * 7 % COUNT));
        messages[i] = *message;
        messages[i].name = gee_str(gee_pool_printf(pool, "M%zu", i));
        messages[i].field.items = copy;
    }
    file->message_type.items = messages;
    file->message_type.count = COUNT;
    assert_non_null(set = read_files(&error));
    const gee_type_t *type = gee_descriptors_type(set, GEE_STR("M0"));
    assert_string_equal(type->fields[0].type->element->full_name, "M1");
    assert_null(gee_type_check(type));
}

static void a_message_of_more_than_a_mebibyte_is_refused(void **state) {
    (void)state;
    enum { COUNT = 70000 };
    protoc_compile("syntax = \"proto3\"; message M { string a = 1; }");
    decode_files();
    gee_field_descriptor_proto_t *many = gee_pool_array(pool, COUNT, sizeof *many);
    for (size_t i = 0; i < COUNT; i++) {
        many[i] = *fields;
        many[i].name = gee_str(gee_pool_printf(pool, "f%zu", i));
        many[i].number = (int32_t)(20000 + i);
    }
    message->field.items = many;
    message->field.count = COUNT;
    expect_refused_for("M: f65535: the message would take more than 1 MiB");
}

static void a_set_is_there_until_its_last_release(void **state) {
    (void)state;
    set = read_compiled(every_kind);
    gee_descriptors_t *second = gee_descriptors_retain(set);
    gee_descriptors_release(&set);
    assert_null(set);
    assert_non_null(gee_descriptors_type(second, GEE_STR("a.b.All")));
    size_t types = 0, services = 0;
    while (gee_descriptors_type_at(second, types) != NULL)
        types++;
    while (gee_descriptors_service_at(second, services) != NULL)
        services++;
    assert_true(types > 10); /* imports, too */
    assert_int_equal(services, 1);
    gee_descriptors_release(&second);
}

/* Each allocation fails in turn, and with it all that come behind. */
static void without_memory_a_set_is_refused_and_nothing_leaks(void **state) {
    (void)state;
    size_t length, refused = 0;
    gee_error_t error;
    protoc_compile(every_kind);
    uint8_t *bytes = protoc_read("x", &length);
    size_t before = memory_blocks(), failed = 1;
    for (size_t nth = 1; failed > 0; nth++) {
        memory_fail(nth, true);
        gee_descriptors_t *made = gee_descriptors_read(bytes, length, false, &error);
        failed = memory_mend();
        assert_true((made == NULL) == (failed > 0));
        if (made == NULL)
            assert_int_equal(error.code, GEE_RESOURCE_EXHAUSTED);
        refused += made == NULL;
        gee_descriptors_release(&made);
        assert_int_equal(memory_blocks(), before);
    }
    assert_true(refused > 10);
    free(bytes);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, clean)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(fields_have_the_kinds_of_the_proto),
        TEST(an_enum_has_its_first_name_for_a_number_and_all_names),
        TEST(proto2_has_presence_required_defaults_and_closed_enums),
        TEST(a_message_that_protoc_has_encoded_comes_back),
        TEST(methods_are_found_by_full_name_and_by_the_name_of_the_service),
        TEST(definitions_of_two_sets_conflict_where_they_differ),
        TEST(flawed_messages_are_refused_by_file_and_name),
        TEST(flawed_files_enums_and_services_are_refused_by_file_and_name),
        TEST(another_type_under_the_name_of_a_well_known_type_is_refused),
        TEST(a_service_name_of_two_packages_is_ambiguous),
        cmocka_unit_test(bytes_that_are_no_descriptors_are_refused),
        TEST(a_set_of_20000_messages_is_read),
        TEST(a_message_of_more_than_a_mebibyte_is_refused),
        TEST(a_set_is_there_until_its_last_release),
        TEST(without_memory_a_set_is_refused_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
