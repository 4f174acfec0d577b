/* translate.c: protobuf messages read and written again, for tests against other implementations.
 *
 *   translate SET <questions >answers      SET: a FileDescriptorSet
 *
 *   question: [ length ][ from ][ to ][ length of the name ][ full name of the message ][ bytes ]
 *   answer:   [ length ][ '+' ][ bytes ]      or [ length ][ '-' ][ why the bytes are refused ]
 *
 * from, to: 'b', protobuf's binary form, or 'j', ProtoJSON. A length is that of all behind, four bytes, least
 * significant first; that of the name is one byte. */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/protobuf/descriptor.h"
#include "core/protobuf/engine.h"
#include "modules/codec_protojson/protojson.h"

#define QUESTION_MOST ((size_t)64 << 20)
#define HEAD          3 /* from, to, length of the name */

static const gee_codec_limits_t limits = { .message = QUESTION_MOST, .nesting = 100 };

static gee_descriptors_t *set;
static gee_pool_t *pool;
static gee_chain_t chain;

static void fail(const char *why) {
    fprintf(stderr, "translate: %s\n", why);
    exit(2);
}

static const gee_type_t *resolve(void *data GEE_UNUSED, gee_str_t full_name) {
    return gee_descriptors_type(set, full_name);
}

static const gee_protojson_options_t options = { .resolve = resolve };

static int read_message(uint8_t form, const gee_type_t *type, gee_bytes_t bytes, void *value, gee_error_t *error) {
    gee_error_t other;
    if (form == 'j')
        return gee_protojson_decode(&options, type, bytes.data, bytes.length, &limits, false, pool, value, error);
    if (gee_protobuf_lax_decode(NULL, type, bytes.data, bytes.length, &limits, false, pool, value, error) != 0)
        return -1;
    if (gee_protobuf_lax_check(NULL, type, bytes.data, bytes.length, &limits, 0, &other) != 0)
        fail(other.text); /* what can be decoded may also be forwarded undecoded */
    return 0;
}

static int write_message(uint8_t form, const gee_type_t *type, const void *value, gee_error_t *error) {
    return form == 'j' ? gee_protojson_encode(&options, type, value, &chain, error)
                       : gee_protobuf_lax_encode(NULL, type, value, &chain, error);
}

/* The answer is in the chain; or the error is set. */
static int translate(gee_bytes_t question, gee_error_t *error) {
    size_t name_length = question.length < HEAD ? SIZE_MAX : question.data[2];
    if (question.length < HEAD || question.length - HEAD < name_length)
        fail("a question is too short");
    gee_str_t name = { .data = (const char *)question.data + HEAD, .length = name_length };
    const gee_type_t *type = gee_descriptors_type(set, name);
    if (type == NULL)
        fail("the set does not have the message of a question");
    gee_bytes_t bytes = { .data = question.data + HEAD + name_length, .length = question.length - HEAD - name_length };
    void *value = gee_pool_zalloc(pool, type->size);
    if (value == NULL)
        fail("out of memory");
    if (read_message(question.data[0], type, bytes, value, error) != 0)
        return -1;
    return write_message(question.data[1], type, value, error);
}

/* False: there are no more. */
static bool ask(gee_bytes_t *question) {
    static uint8_t *room;
    uint32_t length;
    if (fread(&length, sizeof length, 1, stdin) != 1)
        return false;
    question->length = le32toh(length);
    room = question->length <= QUESTION_MOST ? realloc(room, question->length + 1) : NULL;
    if (room == NULL || fread(room, 1, question->length, stdin) != question->length)
        fail("a question is too long, or not whole");
    question->data = room;
    return true;
}

static void answer(char sign, const void *bytes, size_t length) {
    uint32_t whole = htole32((uint32_t)length + 1);
    if (fwrite(&whole, sizeof whole, 1, stdout) != 1 || putchar(sign) == EOF ||
        fwrite(bytes, 1, length, stdout) != length)
        fail("the answer cannot be written");
}

static void answer_chain(void) {
    uint8_t *bytes = gee_pool_alloc(pool, chain.length);
    if (bytes == NULL)
        fail("out of memory");
    answer('+', bytes, gee_chain_copy(&chain, bytes, chain.length));
}

int main(int count, char **words) {
    gee_bytes_t question;
    gee_error_t error = { .text = "usage: translate SET" };
    if (count != 2 || (set = gee_descriptors_load(words[1], true, &error)) == NULL)
        fail(error.text);
    gee_buf_cache_t *cache = gee_buf_cache_create(1 << 20);
    pool = gee_pool_create(1 << 16);
    gee_chain_init(&chain, cache);
    while (ask(&question)) {
        if (translate(question, &error) == 0)
            answer_chain();
        else
            answer('-', error.text, strlen(error.text));
        gee_chain_clear(&chain);
        gee_pool_reset(pool);
    }
    gee_pool_destroy(&pool);
    gee_buf_cache_destroy(&cache);
    gee_descriptors_release(&set);
    return 0;
}
