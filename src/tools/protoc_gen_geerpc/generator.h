/* generator.h: protoc-gen-geerpc, a plugin of protoc: .proto files in, C structures with their descriptions out.
 *
 *   main.c       CodeGeneratorRequest on stdin, CodeGeneratorResponse on stdout
 *   model.c      the files of a request as lists of messages, enums and services, each with its name in C
 *   check.c      what protoc has checked, and its like may not have
 *   text.c       memory, texts, the first error
 *   names.c      names in C: reserved words, and names that are taken
 *   fields.c     what a field is in C
 *   output.c     X.gee.h and X.gee.c, made of the parts that follow
 *   enums.c messages.c rows.c defaults.c services.c stubs.c comments.c embed.c
 *
 *   well_known.c  types of google.protobuf
 *
 * The first failure is kept in generator_t.error, and protoc shows it; functions go on after a failure with what they
 * have. All memory is in one pool. docs/protobuf.md has the rules for names. */
#ifndef GEE_PROTOC_GEN_GENERATOR_H
#define GEE_PROTOC_GEN_GENERATOR_H

#include <stdio.h>

#include "core/protobuf/descriptor_proto.h"
#include "core/protobuf/engine.h"

#define PATH_MAX_LENGTH 64 /* numbers in the path of a declaration, for its comments */

typedef struct path {
    int32_t at[PATH_MAX_LENGTH];
    size_t length;
} path_t;

typedef struct file {
    gee_file_descriptor_proto_t proto;
    gee_bytes_t bytes;      /* as protoc wrote the file, but for the comments */
    const char *name;       /* "a/b.proto" */
    const char *stem;       /* "a/b" */
    const char *joined;     /* "a_b" */
    const char *descriptor; /* "gee_descriptor_of_a_b" */
    bool proto2;
} file_t;

/* A message, or an enum: one of the two descriptors is null. */
typedef struct symbol {
    const char *full_name; /* "pkg.Outer.Inner" */
    const char *c_name;    /* "pkg_Outer_Inner" */
    const file_t *file;
    const gee_descriptor_proto_t *message;
    const gee_enum_descriptor_proto_t *enumeration;
    path_t path;
    bool map_entry;
    struct symbol *next;
} symbol_t;

typedef struct generator {
    file_t *files;
    size_t file_count;
    symbol_t *first, *last; /* of all files, in their order */
    size_t symbol_count;
    void *by_name;     /* tsearch: symbols by full_name */
    void *taken;       /* tsearch: names in C */
    const char *error; /* null: none so far */
    bool without_comments;
} generator_t;

/* ---- text.c ---- */
void gee_gen_begin(void);
void gee_gen_end(void);
/* Prints to memory; out of memory ends the program. */
char *gee_gen_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *gee_gen_alloc(size_t size); /* zeroed */
gee_pool_t *gee_gen_pool(void);
void gee_gen_out_of_memory(void) __attribute__((noreturn)); /* ends the program */
typedef struct text {
    FILE *out;
    char *data;
    size_t length;
} text_t;
/* A text that is printed to, and then read. */
void gee_gen_open(text_t *text);
gee_str_t gee_gen_close(text_t *text);
/* Keeps the first error: "FILE: TEXT". `file` may be null. */
void gee_gen_fail(generator_t *generator, const file_t *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- check.c ---- */
/* Keeps an error when the files are not as protoc makes them, or have names that C cannot take. */
void gee_gen_check(generator_t *generator);

/* ---- model.c ---- */
void gee_gen_forget(generator_t *generator); /* what tsearch has allocated */
int gee_gen_read_request(generator_t *generator, const gee_code_generator_request_t *request);
/* `type_name`: ".pkg.Outer.Inner". Never null once protoc has checked the file: a failure is kept, and some symbol is
 * given. */
const symbol_t *gee_gen_symbol(generator_t *generator, const file_t *file, gee_str_t type_name);
typedef struct method {
    const gee_method_descriptor_proto_t *proto;
    const char *name;            /* "Multiply" */
    const char *request, *reply; /* C types */
} method_t;

/* True: the method streams. */
bool gee_gen_read_method(generator_t *generator, const file_t *file, const gee_method_descriptor_proto_t *proto,
                         method_t *method);
path_t gee_gen_path(const path_t *parent, int32_t tag, size_t position);

/* ---- names.c ---- */
/* "pkg.Outer" -> "pkg_Outer"; '.', '/' and '-' become '_'. */
char *gee_gen_joined(gee_str_t name);
bool gee_gen_is_reserved(const char *name);
/* A name that has to be what the rules make it, because other files use it: fails when taken. */
const char *gee_gen_claim(generator_t *generator, const file_t *file, const char *full_name, char *name);
/* A name that is only used here: with '_' behind it until it is free. */
const char *gee_gen_claim_free(generator_t *generator, char *name);
/* Names that mean something inside one struct. A member's name is added, with '_' behind it until it is free. */
typedef struct member_names {
    const char **names; /* has room */
    size_t count;
} member_names_t;
const char *gee_gen_member(member_names_t *members, gee_str_t name);
/* The constant of an enum's value. */
char *gee_gen_value_name(const symbol_t *enumeration, gee_str_t value);
gee_str_t gee_gen_simple_name(const symbol_t *symbol);

/* ---- fields.c ---- */
typedef enum shape { SHAPE_PLAIN, SHAPE_OPTIONAL, SHAPE_LIST, SHAPE_MAP, SHAPE_NONE } shape_t;

typedef struct field {
    const gee_field_descriptor_proto_t *proto;
    shape_t shape;         /* NONE: no member; the field stays among the unknown fields (groups) */
    const char *member;    /* "name", without the union */
    const char *element;   /* what stands behind gee_type_of_: "int32_t", "gee_sint32_t", "pkg_Color" */
    const char *c_type;    /* "int32_t", "gee_str_t", "pkg_Color" */
    const char *key;       /* map: as `element` */
    const char *key_type;  /* map: as `c_type` */
    const symbol_t *type;  /* message or enum; null: a scalar. Of a map: of its values */
    const symbol_t *entry; /* map */
    bool unpacked, required;
    int oneof_index; /* into message_t.oneofs; -1: none */
} field_t;

typedef struct oneof {
    const char *name;   /* member: the union */
    const char *case_;  /* member: the selector */
    const char *c_name; /* "pkg_Shape_is_case" */
} oneof_t;

typedef struct message {
    const symbol_t *symbol;
    field_t *fields;
    size_t field_count;
    oneof_t *oneofs;
    size_t oneof_count; /* without those that stand for `optional` */
} message_t;

/* All messages of a file but map entries; the end has a null symbol. */
message_t *gee_gen_messages(generator_t *generator, const file_t *file);
/* "member", "oneof.member" */
char *gee_gen_access(const message_t *message, const field_t *field);

/* ---- the parts of the output ---- */
/* Once a file, so that comments are found quickly. */
void gee_gen_sort_comments(file_t *file);
/* A comment in front of a declaration, where the .proto has one. */
void gee_gen_comment(FILE *out, const file_t *file, const path_t *path, const char *indent);
void gee_gen_enum_declarations(FILE *out, generator_t *generator, const file_t *file);
void gee_gen_enum_types(FILE *out, const generator_t *generator, const file_t *file);
void gee_gen_structs(FILE *out, const generator_t *generator, const file_t *file, const message_t *messages);
void gee_gen_rows(FILE *out, const message_t *messages);
void gee_gen_accessors(FILE *out, generator_t *generator, const message_t *messages);
/* A C string literal, quotes included. */
void gee_gen_literal(FILE *out, gee_str_t text);
/* A FileDescriptorProto. */
gee_bytes_t gee_gen_without_comments(gee_bytes_t descriptor);
void gee_gen_embed(FILE *out, const file_t *file);
/* "GEE_WELL_KNOWN_TIMESTAMP" */
const char *gee_gen_well_known(const char *full_name);

void gee_gen_services(FILE *out, generator_t *generator, const file_t *file);
void gee_gen_stubs(FILE *out, generator_t *generator, const file_t *file, const gee_service_descriptor_proto_t *proto,
                   const char *service);

/* ---- output.c ---- */
void gee_gen_file(generator_t *generator, const file_t *file, gee_code_generator_file_t *header,
                  gee_code_generator_file_t *source);

#endif
