/* main.c: protoc-gen-geerpc: CodeGeneratorRequest on standard input, CodeGeneratorResponse on standard output. */
#include <stdlib.h>
#include <string.h>

#include <gee_features.h>
#include "core/base/standard.h"
#include "tools/protoc_gen_geerpc/generator.h"

/* ---- input and output ---- */

static gee_bytes_t read_all(FILE *in) {
    char part[4096];
    size_t length;
    text_t text;
    gee_gen_open(&text);
    while ((length = fread(part, 1, sizeof(part), in)) > 0)
        fwrite(part, 1, length, text.out);
    gee_str_t all = gee_gen_close(&text);
    return (gee_bytes_t){ .data = (const uint8_t *)all.data, .length = all.length };
}

static int write_response(const gee_code_generator_response_t *response) {
    gee_error_t error;
    gee_buf_cache_t *cache = gee_buf_cache_create(1 << 20);
    gee_chain_t chain;
    if (cache == NULL)
        abort(); /* out of memory */
    gee_chain_init(&chain, cache);
    if (gee_protobuf_lax_encode(NULL, GEE_TYPE_OF(gee_code_generator_response_t), response, &chain, &error) != 0) {
        fprintf(stderr, "protoc-gen-geerpc: %s\n", error.text);
        return 1;
    }
    char *bytes = gee_gen_alloc(chain.length + 1);
    size_t length = gee_chain_copy(&chain, bytes, chain.length);
    gee_chain_clear(&chain);
    gee_buf_cache_destroy(&cache);
    return fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0 ? 0 : 1;
}

/* ---- a run ---- */

static const file_t *find_file(const generator_t *generator, gee_str_t name) {
    for (size_t i = 0; i < generator->file_count; i++)
        if (gee_str_equal(name, gee_str(generator->files[i].name)))
            return &generator->files[i];
    return NULL;
}

static void generate(generator_t *generator, const gee_code_generator_request_t *request,
                     gee_code_generator_response_t *response) {
    response->file.items = gee_gen_alloc((2 * request->file_to_generate.count + 1) * sizeof(*response->file.items));
    for (size_t i = 0; i < request->file_to_generate.count; i++) {
        const file_t *file = find_file(generator, request->file_to_generate.items[i]);
        if (file == NULL) {
            gee_gen_fail(generator, NULL, "%.*s has no descriptor in protoc's request",
                         GEE_STR_ARGUMENTS(request->file_to_generate.items[i]));
            return;
        }
        gee_gen_file(generator, file, &response->file.items[2 * i], &response->file.items[2 * i + 1]);
        response->file.count += 2;
    }
}

/* "comments=off,..." */
static void read_options(generator_t *generator, gee_str_t options) {
    while (options.length > 0) {
        gee_str_t option = gee_str_cut(&options, ',');
        if (gee_str_equal(option, GEE_STR("comments=off")))
            generator->without_comments = true;
        else if (!gee_str_equal(option, GEE_STR("comments=on")))
            gee_gen_fail(generator, NULL, "unknown option \"%.*s\": there are comments=on and comments=off",
                         GEE_STR_ARGUMENTS(option));
    }
}

static int run(void) {
    const gee_codec_limits_t limits = { .message = SIZE_MAX, .nesting = 200 };
    gee_code_generator_request_t request;
    gee_code_generator_response_t response = { .supported_features = GEE_FEATURE_PROTO3_OPTIONAL };
    generator_t generator = { .files = NULL };
    gee_error_t error;
    gee_str_t text;
    gee_bytes_t input = read_all(stdin);
    memset(&request, 0, sizeof(request));
    if (gee_protobuf_lax_decode(NULL, GEE_TYPE_OF(gee_code_generator_request_t), input.data, input.length, &limits,
                                false, gee_gen_pool(), &request, &error) != 0) {
        fprintf(stderr, "protoc-gen-geerpc: standard input is not a request of protoc: %s\n", error.text);
        return 1;
    }
    read_options(&generator, request.parameter);
    if (gee_gen_read_request(&generator, &request) == 0)
        generate(&generator, &request, &response);
    gee_gen_forget(&generator);
    if (generator.error != NULL) {
        text = gee_str(generator.error);
        response.error = &text;
        response.file.count = 0;
    }
    return write_response(&response);
}

static void print_help(void) {
    fputs("usage: protoc --geerpc_out=DIRECTORY FILE.proto...\n"
          "       protoc-gen-geerpc --help | --version\n"
          "\n"
          "A plugin of protoc, which finds the program by its name in PATH (or by\n"
          "--plugin=protoc-gen-geerpc=PATH). Writes FILE.gee.h and FILE.gee.c: messages and enums as C\n"
          "structures with their descriptions, services as handlers to write and calls to make.\n"
          "\n"
          "  --geerpc_opt=comments=off   leaves the comments of the .proto out\n",
          stdout);
}

int main(int count, char **words) {
    if (gee_fill_standard_descriptors() != 0)
        return 1;
    const char *word = count > 1 ? words[1] : "";
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help();
        return 0;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        printf("protoc-gen-geerpc %s\n", GEE_VERSION);
        return 0;
    }
    if (word[0] != '\0') {
        fprintf(stderr, "protoc-gen-geerpc: unknown argument \"%s\"; protoc runs this program, see --help\n", word);
        return 2;
    }
    gee_gen_begin();
    int status = run();
    gee_gen_end();
    return status;
}
