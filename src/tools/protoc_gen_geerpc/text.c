/* text.c: memory, texts, and the first error. */
#include <stdarg.h>
#include <stdlib.h>

#include "tools/protoc_gen_geerpc/generator.h"

void gee_gen_out_of_memory(void) {
    fputs("protoc-gen-geerpc: out of memory\n", stderr);
    exit(1);
}

static gee_pool_t *pool; /* of the run */

void gee_gen_begin(void) {
    pool = gee_pool_create(1 << 16);
    if (pool == NULL)
        gee_gen_out_of_memory();
}

void gee_gen_end(void) {
    gee_pool_destroy(&pool);
}

void *gee_gen_alloc(size_t size) {
    void *memory = gee_pool_zalloc(pool, size);
    if (memory == NULL)
        gee_gen_out_of_memory();
    return memory;
}

gee_pool_t *gee_gen_pool(void) {
    return pool;
}

void gee_gen_open(text_t *text) {
    text->out = open_memstream(&text->data, &text->length);
    if (text->out == NULL)
        gee_gen_out_of_memory();
}

gee_str_t gee_gen_close(text_t *text) {
    if (fclose(text->out) != 0)
        gee_gen_out_of_memory();
    gee_str_t copy = gee_pool_str(pool, (gee_str_t){ .data = text->data, .length = text->length });
    if (copy.data == NULL)
        gee_gen_out_of_memory();
    free(text->data);
    return copy;
}

static char *__attribute__((format(printf, 1, 0))) print(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = gee_gen_alloc((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *gee_gen_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = print(format, arguments);
    va_end(arguments);
    return text;
}

void gee_gen_fail(generator_t *generator, const file_t *file, const char *format, ...) {
    if (generator->error != NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    char *text = print(format, arguments);
    va_end(arguments);
    generator->error = file ? gee_gen_print("%s: %s", file->name, text) : text;
}
