/* protojson.h: canonical ProtoJSON (protobuf.dev/programming-guides/json): the functions with their options, and what
 * the parts of codec_protojson share. JSON itself is core/json.
 *
 *   read.c         a value by its type      read_number.c, scalar.c   its leaves
 *   write.c        back
 *   names.c        fields by name, paths of a FieldMask
 *   time.c         Timestamp and Duration as texts
 *   well_known.c   which types of google.protobuf have a form of their own, both ways
 *   any.c          Any: the message inside, by its type's name
 *   module.c       the codec: the table of these, for the core
 *
 * A type of protobuf (full_name) has its fields in lowerCamelCase, unless json_name says otherwise; any other struct
 * has them as they are written. Both these names and those of the .proto are read. */
#ifndef GEE_CODEC_PROTOJSON_H
#define GEE_CODEC_PROTOJSON_H

#include <gee/json.h>
#include <gee/protobuf.h>

typedef struct gee_protojson_options {
    bool emit_defaults; /* fields without presence are written when they are zero or empty, too */
    bool proto_names;   /* fields are written with the names of the .proto */
    bool enum_numbers;  /* enums are written as numbers */
    /* Fields, and names of enums, that the type does not have are passed over, not refused. */
    bool ignore_unknown;
    /* The type of the message in an Any, by its full name; null: not known, which refuses the Any, as does no function.
     * The type stays until the call returns. */
    const gee_type_t *(*resolve)(void *data, gee_str_t full_name);
    void *data; /* for resolve() */
} gee_protojson_options_t;

/* As decode() and encode() of gee_codec_t. What protobuf refuses is refused: a member that comes twice, two members of
 * a oneof, a required field that is not there. */
int gee_protojson_decode(const gee_protojson_options_t *options, const gee_type_t *type, const uint8_t *bytes,
                         size_t length, const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value,
                         gee_error_t *error);
int gee_protojson_encode(const gee_protojson_options_t *options, const gee_type_t *type, const void *value,
                         gee_chain_t *out, gee_error_t *error);

/* ---- read.c, write.c ---- */

typedef struct gee_protojson_reader gee_protojson_reader_t;
struct gee_protojson_reader {
    gee_json_reader_t json;
    const gee_protojson_options_t *options;
    /* Any value by its type; for files that read.c calls. Precondition: the value is zeroed. */
    int (*read)(gee_protojson_reader_t *reader, const gee_type_t *type, void *value);
    bool has_type_name; /* the next object has "@type" among its members */
};

typedef struct gee_protojson_writer gee_protojson_writer_t;
struct gee_protojson_writer {
    gee_json_writer_t json;
    const gee_protojson_options_t *options;
    int (*write)(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value);
    gee_str_t type_name; /* "@type" of the next object; null data: none */
};

/* What a reading function returns beside 0 and -1: the value was passed over (an enum's unknown name); its memory means
 * nothing. */
#define GEE_PROTOJSON_PASSED 1

/* ---- read_number.c, scalar.c ---- */
/* A number, or the text of a number in a string. */
int gee_protojson_read_integer(gee_json_reader_t *reader, const gee_type_t *type, void *value);
int gee_protojson_read_floating(gee_json_reader_t *reader, const gee_type_t *type, void *value);
/* Bool, enum, number, string or bytes. */
int gee_protojson_read_scalar(gee_protojson_reader_t *reader, const gee_type_t *type, void *value);
int gee_protojson_write_scalar(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value);

/* ---- names.c ---- */
/* Fields come mostly in order: `expected` is the position of the likely one. */
const gee_field_t *gee_protojson_field(gee_json_reader_t *reader, const gee_type_t *type, gee_str_t key,
                                       size_t expected);
int gee_protojson_put_key(gee_protojson_writer_t *writer, const gee_type_t *type, const gee_field_t *field, bool first);
/* Takes the next character of the lowerCamelCase of a FieldMask's path. 0: the end; -1: the path has no such form that
 * leads back. */
int gee_protojson_next_of_path(gee_str_t *path);
/* The other way; `target` has room for twice the text. The length; -1: no path of names in lowerCamelCase. */
ptrdiff_t gee_protojson_path_from_camel(char *target, gee_str_t path);

/* ---- time.c ---- */
#define GEE_PROTOJSON_TIME_TEXT 48
/* The text's length; 0: out of range. Not terminated. */
size_t gee_protojson_format_timestamp(char target[GEE_PROTOJSON_TIME_TEXT], int64_t seconds, int32_t nanos);
size_t gee_protojson_format_duration(char target[GEE_PROTOJSON_TIME_TEXT], int64_t seconds, int32_t nanos);
/* False: not such a text, or out of range. */
bool gee_protojson_parse_timestamp(gee_str_t text, int64_t *seconds, int32_t *nanos);
bool gee_protojson_parse_duration(gee_str_t text, int64_t *seconds, int32_t *nanos);

/* ---- well_known.c: for types whose form is not that of their kind ---- */
static inline bool gee_protojson_is_special(const gee_type_t *type) {
    return type->well_known != GEE_WELL_KNOWN_NONE && type->well_known != GEE_WELL_KNOWN_EMPTY;
}
/* null is a value of the type. */
static inline bool gee_protojson_has_null(const gee_type_t *type) {
    return type->well_known == GEE_WELL_KNOWN_VALUE || type->well_known == GEE_WELL_KNOWN_NULL_VALUE;
}
int gee_protojson_read_special(gee_protojson_reader_t *reader, const gee_type_t *type, void *value);
int gee_protojson_write_special(gee_protojson_writer_t *writer, const gee_type_t *type, const void *value);

/* ---- any.c ---- */
int gee_protojson_read_any(gee_protojson_reader_t *reader, gee_str_t *url, gee_bytes_t *bytes);
int gee_protojson_write_any(gee_protojson_writer_t *writer, gee_str_t url, gee_bytes_t bytes);

#endif
