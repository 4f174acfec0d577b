/* embed.c: the serialized descriptor of a file, as protoc wrote it but for the comments, and that in the C source. */
#include "tools/protoc_gen_geerpc/generator.h"

/* Reads a varint. protoc writes well-formed messages; at the end of the bytes the varint ends too. */
static uint64_t read_varint(gee_bytes_t *rest) {
    uint64_t number = 0;
    for (unsigned shift = 0; rest->length > 0 && shift < 64; shift += 7) {
        uint8_t byte = *rest->data++;
        rest->length--;
        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return number;
}

/* Cuts one field, key included, off the front. */
static gee_bytes_t cut_field(gee_bytes_t *rest, uint64_t *tag) {
    const uint8_t *start = rest->data;
    uint64_t key = read_varint(rest), value = read_varint(rest);
    if ((key & 7) == 2) { /* counted bytes; all other fields of a file are varints */
        value = value < rest->length ? value : rest->length;
        rest->data += value;
        rest->length -= (size_t)value;
    }
    *tag = key >> 3;
    return (gee_bytes_t){ .data = start, .length = (size_t)(rest->data - start) };
}

gee_bytes_t gee_gen_without_comments(gee_bytes_t descriptor) {
    gee_bytes_t rest = descriptor;
    text_t text;
    gee_gen_open(&text);
    while (rest.length > 0) {
        uint64_t tag;
        gee_bytes_t field = cut_field(&rest, &tag);
        if (tag != GEE_FILE_DESCRIPTOR_SOURCE_CODE_INFO)
            fwrite(field.data, 1, field.length, text.out);
    }
    gee_str_t left = gee_gen_close(&text);
    return (gee_bytes_t){ .data = (const uint8_t *)left.data, .length = left.length };
}

void gee_gen_embed(FILE *out, const file_t *file) {
    const char *c_name = file->descriptor;
    fprintf(out, "static const uint8_t bytes_of_%s[] = {", c_name);
    for (size_t i = 0; i < file->bytes.length; i++)
        fprintf(out, "%s%u,", i % 20 == 0 ? "\n    " : " ", file->bytes.data[i]);
    fprintf(out, "\n};\nconst gee_bytes_t %s = {\n    bytes_of_%s, sizeof(bytes_of_%s)\n};\n", c_name, c_name, c_name);
}
