/* protoc.h: runs protoc in a directory of its own, for tests of what is made of .proto files. */
#ifndef TEST_PROTOC_H
#define TEST_PROTOC_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char protoc_directory[] = "/tmp/geerpc-protoc-XXXXXX";

static inline void protoc_write(const char *name, const void *bytes, size_t length) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", protoc_directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

/* In a new directory: x.proto with that text, and its descriptors with imports in x. */
static inline void protoc_compile(const char *text) {
    char command[512];
    strcpy(strrchr(protoc_directory, '-'), "-XXXXXX");
    assert_non_null(mkdtemp(protoc_directory));
    protoc_write("x.proto", text, strlen(text));
    snprintf(command, sizeof command,
             "cd %s && protoc -I. -I/usr/include --include_imports --descriptor_set_out=x x.proto", protoc_directory);
    assert_int_equal(system(command), 0);
}

/* Runs `protoc OPTION` with files of the directory as input and output: --encode=a.All, --decode=a.All. */
static inline void protoc_convert(const char *option, const char *input, const char *output) {
    char command[512];
    snprintf(command, sizeof command, "cd %s && protoc -I. -I/usr/include %s x.proto < %s > %s", protoc_directory,
             option, input, output);
    assert_int_equal(system(command), 0);
}

/* A file of the directory; the caller frees the bytes. */
static inline uint8_t *protoc_read(const char *name, size_t *length) {
    enum { MOST = 1 << 20 };
    char path[128];
    snprintf(path, sizeof path, "%s/%s", protoc_directory, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    uint8_t *bytes = malloc(MOST);
    assert_non_null(bytes);
    *length = fread(bytes, 1, MOST, file);
    assert_true(*length < MOST);
    fclose(file);
    return bytes;
}

static inline void protoc_clean(void) {
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", protoc_directory);
    assert_int_equal(system(command), 0);
}

#endif
