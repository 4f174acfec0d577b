/* defaults.c: what an absent field stands for: inline accessors, and proto2's defaults in C. */
#include <string.h>

#include "tools/protoc_gen_geerpc/generator.h"

/* protoc gives strings as they are, and bytes with C's escapes. */
static gee_str_t default_text(const field_t *field) {
    return field->proto->default_value ? *field->proto->default_value : (gee_str_t){ .data = NULL, .length = 0 };
}

static bool is_octal(char c) {
    return c >= '0' && c <= '7';
}

/* One byte of a text with C's escapes, as protoc writes them: \n \r \t \" \' \\ and three octal digits. */
static unsigned unescape(gee_str_t *text) {
    static const char letters[] = "nrt", bytes[] = "\n\r\t";
    const char *at = text->data;
    size_t used = 1;
    unsigned byte = (unsigned char)at[0];
    if (at[0] == '\\' && text->length >= 4 && is_octal(at[1]) && is_octal(at[2]) && is_octal(at[3])) {
        byte = (unsigned)((at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0'));
        used = 4;
    } else if (at[0] == '\\' && text->length >= 2) {
        const char *letter = strchr(letters, at[1]);
        byte = letter && *letter ? (unsigned char)bytes[letter - letters] : (unsigned char)at[1];
        used = 2;
    }
    text->data += used;
    text->length -= used;
    return byte & 0xff;
}

void gee_gen_literal(FILE *out, gee_str_t text) {
    fputc('"', out);
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\' || c == '?') /* '?': no trigraphs */
            fprintf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fprintf(out, "\\%03o", c);
        else
            fputc(c, out);
    }
    fputc('"', out);
}

/* ---- values in C ---- */

static const char *float_text(const field_t *field, gee_str_t text) {
    bool single = field->proto->type == GEE_PROTO_FLOAT;
    if (gee_str_equal(text, GEE_STR("inf")))
        return single ? "__builtin_inff()" : "__builtin_inf()";
    if (gee_str_equal(text, GEE_STR("-inf")))
        return single ? "-__builtin_inff()" : "-__builtin_inf()";
    if (gee_str_equal(text, GEE_STR("nan")))
        return single ? "__builtin_nanf(\"\")" : "__builtin_nan(\"\")";
    return gee_gen_print("(%s)%.*s", single ? "float" : "double", GEE_STR_ARGUMENTS(text));
}

static const char *integer_text(const field_t *field, gee_str_t text) {
    if (gee_str_equal(text, GEE_STR("-9223372036854775808")))
        return "INT64_MIN";
    if (gee_str_equal(text, GEE_STR("-2147483648")) && strcmp(field->c_type, "int32_t") == 0)
        return "INT32_MIN";
    bool wide = strstr(field->c_type, "64") != NULL, natural = field->c_type[0] == 'u';
    return gee_gen_print("%s_C(%.*s)", wide ? (natural ? "UINT64" : "INT64") : (natural ? "UINT32" : "INT32"),
                         GEE_STR_ARGUMENTS(text));
}

static const char *scalar_text(const field_t *field) {
    gee_str_t text = default_text(field);
    if (field->type != NULL)
        return gee_gen_value_name(field->type, text.length ? text : field->type->enumeration->value.items[0].name);
    if (text.length == 0)
        return field->proto->type == GEE_PROTO_BOOL ? "false" : "0";
    switch (field->proto->type) {
    case GEE_PROTO_BOOL:
        return gee_gen_print("%.*s", GEE_STR_ARGUMENTS(text));
    case GEE_PROTO_FLOAT:
    case GEE_PROTO_DOUBLE:
        return float_text(field, text);
    default:
        return integer_text(field, text);
    }
}

/* ---- accessors ---- */

static bool has_accessor(const field_t *field) {
    return field->shape == SHAPE_OPTIONAL && field->proto->type != GEE_PROTO_MESSAGE;
}

static void print_bytes_value(FILE *out, const field_t *field) {
    gee_str_t text = default_text(field);
    if (text.length == 0) {
        fputs("    gee_bytes_t absent = { NULL, 0 };\n", out);
        return;
    }
    fputs("    static const uint8_t bytes[] = {", out);
    while (text.length > 0)
        fprintf(out, " %u,", unescape(&text));
    fputs(" };\n    gee_bytes_t absent = { bytes, sizeof(bytes) };\n", out);
}

static void print_value(FILE *out, const field_t *field) {
    if (field->proto->type == GEE_PROTO_BYTES) {
        print_bytes_value(out, field);
        return;
    }
    fprintf(out, "    %s absent = ", field->c_type);
    if (field->proto->type != GEE_PROTO_STRING) {
        fprintf(out, "%s;\n", scalar_text(field));
        return;
    }
    gee_str_t text = default_text(field);
    fputs("{ ", out);
    gee_gen_literal(out, text);
    fprintf(out, ", %zu };\n", text.length);
}

static void print_accessor(FILE *out, generator_t *generator, const message_t *message, const field_t *field) {
    const char *c_name = message->symbol->c_name;
    const char *name = gee_gen_claim_free(generator, gee_gen_print("%s_%s", c_name, field->member));
    fprintf(out, "static inline %s %s(const %s *message) {\n", field->c_type, name, c_name);
    print_value(out, field);
    fprintf(out, "    return message->%s ? *message->%s : absent;\n}\n", field->member, field->member);
}

void gee_gen_accessors(FILE *out, generator_t *generator, const message_t *messages) {
    size_t count = 0;
    for (const message_t *message = messages; message->symbol != NULL; message++) {
        for (size_t i = 0; i < message->field_count; i++) {
            if (!has_accessor(&message->fields[i]))
                continue;
            if (count++ == 0)
                fputs("/* ---- what a field has, or stands for while it is absent ---- */\n\n", out);
            print_accessor(out, generator, message, &message->fields[i]);
        }
    }
    if (count > 0)
        fputc('\n', out);
}
