/* descriptor_proto_test: what protoc writes of a .proto file is read with names, numbers and options. */
#include "codec_bin_fixture.h"

#include <unistd.h>

#include "core/protobuf/descriptor_proto.h"

static const char source[] = "syntax = \"proto3\";\n"
                             "package a.b;\n"
                             "import public \"google/protobuf/empty.proto\";\n"
                             "message Outer {\n"
                             "  // how many\n"
                             "  repeated int32 counts = 1 [packed = false, json_name = \"n\"];\n"
                             "  optional Inner inner = 2;\n"
                             "  message Inner { map<string, Outer> by_name = 300; oneof is { bool yes = 1; } }\n"
                             "  enum Color { option allow_alias = true; RED = 0; ROT = 0; LOW = -1; }\n"
                             "}\n"
                             "service Paint {\n"
                             "  rpc Draw(stream Outer) returns (google.protobuf.Empty)\n"
                             "      { option idempotency_level = IDEMPOTENT; }\n"
                             "}\n";

static void write_file(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) < 0 || fclose(file) != 0, 0);
}

/* Runs protoc on the text above; the descriptors' bytes are in the pool. */
static gee_bytes_t compile(void) {
    char directory[] = "/tmp/geerpc-descriptor-XXXXXX", path[64], command[256];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/x.proto", directory);
    write_file(path, source);
    snprintf(command, sizeof(command),
             "protoc -I%s -I/usr/include --include_imports --include_source_info --descriptor_set_out=%s/x %s",
             directory, directory, path);
    assert_int_equal(system(command), 0);
    unlink(path);
    path[strlen(path) - strlen(".proto")] = '\0';
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    uint8_t *bytes = gee_pool_zalloc(pool, 65536);
    size_t length = fread(bytes, 1, 65536, file);
    fclose(file);
    unlink(path);
    rmdir(directory);
    return (gee_bytes_t){ .data = bytes, .length = length };
}

static void read_type(const gee_type_t *type, gee_bytes_t bytes, void *value) {
    gee_error_t error = { .code = GEE_OK };
    if (decode_bytes(type, bytes.data, bytes.length, value, &error) != 0)
        fail_msg("%s", error.text);
}

static void assert_text(gee_str_t text, const char *expected) {
    if (!gee_str_equal(text, gee_str(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", GEE_STR_ARGUMENTS(text), expected);
}

static void assert_outer(const gee_descriptor_proto_t *outer) {
    assert_text(outer->name, "Outer");
    const gee_field_descriptor_proto_t *counts = &outer->field.items[0];
    assert_text(counts->name, "counts");
    assert_text(*counts->json_name, "n");
    assert_int_equal(counts->label, GEE_PROTO_REPEATED);
    assert_int_equal(counts->type, GEE_PROTO_INT32);
    assert_false(*counts->options.packed);
    const gee_field_descriptor_proto_t *field = &outer->field.items[1];
    assert_true(field->proto3_optional);
    assert_int_equal(*field->oneof_index, 0);
    assert_null(field->options.packed);
    assert_text(field->type_name, ".a.b.Outer.Inner");
    const gee_descriptor_proto_t *inner = &outer->nested_type.items[0];
    assert_int_equal(inner->field.items[0].number, 300);
    assert_text(inner->oneof_decl.items[0].name, "is");
    assert_true(inner->nested_type.items[0].options.map_entry);
    assert_text(inner->nested_type.items[0].name, "ByNameEntry");
    assert_true(outer->enum_type.items[0].options.allow_alias);
    assert_int_equal(outer->enum_type.items[0].value.items[2].number, -1);
}

static bool has_comment(const gee_file_descriptor_proto_t *file, const char *comment) {
    for (size_t i = 0; i < file->source_code_info.location.count; i++)
        if (gee_str_equal(file->source_code_info.location.items[i].leading_comments, gee_str(comment)))
            return true;
    return false;
}

static void a_descriptor_set_of_protoc_is_read(void **state) {
    (void)state;
    gee_file_descriptor_set_t set;
    read_type(GEE_TYPE_OF(gee_file_descriptor_set_t), compile(), &set);
    assert_int_equal(set.file.count, 2);
    assert_text(set.file.items[0].name, "google/protobuf/empty.proto");
    const gee_file_descriptor_proto_t *file = &set.file.items[1];
    assert_text(file->package, "a.b");
    assert_text(file->syntax, "proto3");
    assert_text(file->dependency.items[0], "google/protobuf/empty.proto");
    assert_int_equal(file->public_dependency.items[0], 0);
    assert_outer(&file->message_type.items[0]);
    const gee_method_descriptor_proto_t *method = &file->service.items[0].method.items[0];
    assert_true(method->client_streaming && !method->server_streaming);
    assert_text(method->output_type, ".google.protobuf.Empty");
    assert_int_equal(method->options.idempotency_level, GEE_PROTO_IDEMPOTENT);
    assert_true(has_comment(file, " how many\n"));
}

static void the_descriptions_are_sound(void **state) {
    (void)state;
    const gee_type_t *types[] = { GEE_TYPE_OF(gee_file_descriptor_set_t), GEE_TYPE_OF(gee_code_generator_request_t),
                                  GEE_TYPE_OF(gee_code_generator_response_t) };
    for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
        assert_null(gee_type_check(types[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_descriptor_set_of_protoc_is_read, set_up, tear_down),
        cmocka_unit_test(the_descriptions_are_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
