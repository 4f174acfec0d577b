/* records.c: bytes to records and back.
 *
 *   chain of many small messages -> one record        one large message -> several records, the last one shorter
 *   inbox of the wire -> tag verified -> decrypted into the inbox above, each byte once
 *
 * The nonce of a record is its number in its direction, from 0, so the nonce also says when the key must change. */
#include "channel.h"

/* Bytes that this side puts into one record: with length and tag a record fills a buffer of 64 KiB. A peer's record may
 * be a little longer. */
#define PLAIN_MOST (64 * GEE_KIB - sizeof(gee_buf_t) - GEE_NOISE_FRAME - GEE_NOISE_TAG)
_Static_assert(PLAIN_MOST + GEE_NOISE_TAG <= GEE_NOISE_MOST, "a record's length has 16 bits");

/* A segment of this length becomes a record of its own, instead of being copied together with the next one. */
#define PLAIN_LONG (16 * GEE_KIB)

static int no_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "seal: out of memory");
}

static void count_record(gee_noise_cipher_t *cipher) {
    if (cipher->nonce % GEE_NOISE_REKEY_AFTER == 0)
        gee_noise_rekey(cipher);
}

/* ---- writing ---- */

/* `plain` null: the plaintext is in its place in the frame already. */
static int seal_frame(gee_noise_cipher_t *cipher, uint8_t *frame, const uint8_t *plain, size_t length,
                      gee_error_t *error) {
    uint8_t *body = frame + GEE_NOISE_FRAME;
    if (gee_noise_encrypt(cipher, NULL, 0, plain ? plain : body, length, body) != 0)
        return gee_error_set(error, GEE_OUT_OF_RANGE, "seal: too many records for one conversation");
    gee_noise_put_length(frame, length + GEE_NOISE_TAG);
    count_record(cipher);
    return 0;
}

static size_t segment_length(const gee_segment_t *segment) {
    return (size_t)(segment->end - segment->start);
}

static int write_record(gee_noise_cipher_t *cipher, gee_chain_t *from, gee_chain_t *down, gee_error_t *error) {
    const gee_segment_t *first = from->first;
    while (segment_length(first) == 0)
        first = first->next;
    size_t length = from->length, here = segment_length(first);
    if (here >= PLAIN_LONG && here < length)
        length = here;
    if (length > PLAIN_MOST)
        length = PLAIN_MOST;
    uint8_t *frame = gee_chain_reserve(down, GEE_NOISE_FRAME + length + GEE_NOISE_TAG);
    if (frame == NULL)
        return no_memory(error);
    const uint8_t *plain = here >= length ? first->start : NULL;
    if (plain == NULL)
        gee_chain_copy(from, frame + GEE_NOISE_FRAME, length);
    if (seal_frame(cipher, frame, plain, length, error) != 0)
        return -1;
    gee_chain_commit(down, GEE_NOISE_FRAME + length + GEE_NOISE_TAG);
    gee_chain_consume(from, length);
    return 0;
}

int gee_noise_records_write(gee_noise_cipher_t *cipher, gee_chain_t *from, gee_chain_t *down, gee_error_t *error) {
    while (from->length > 0)
        if (write_record(cipher, from, down, error) != 0)
            return -1;
    return 0;
}

int gee_noise_records_end(gee_noise_cipher_t *cipher, gee_chain_t *down, gee_error_t *error) {
    uint8_t frame[GEE_NOISE_FRAME + GEE_NOISE_TAG] = { 0 };
    if (seal_frame(cipher, frame, NULL, 0, error) != 0)
        return -1;
    return gee_chain_append(down, frame, sizeof(frame)) == 0 ? 0 : no_memory(error);
}

/* ---- reading ---- */

static int read_record(gee_noise_cipher_t *cipher, const uint8_t *record, size_t length, gee_inbox_t *up,
                       gee_error_t *error) {
    uint8_t nothing[1], *target = nothing;
    size_t plain = length - GEE_NOISE_TAG, space;
    if (plain > 0 && (target = gee_inbox_space(up, plain, &space)) == NULL)
        return no_memory(error);
    /* The tag is verified before a byte is decrypted. */
    if (gee_noise_decrypt(cipher, NULL, 0, record, length, target) != 0) {
        gee_inbox_filled(up, 0);
        return gee_error_set(error, GEE_DATA_LOSS,
                             "seal: record %llu is not genuine: it was changed, or lost its place",
                             (unsigned long long)cipher->nonce);
    }
    gee_inbox_filled(up, plain);
    count_record(cipher);
    return 0;
}

/* Makes room for the rest of a record, so that the rest does not come in many small reads and moves. */
static int make_room(gee_inbox_t *from, size_t frame) {
    size_t space;
    return gee_inbox_space(from, frame - gee_inbox_length(from), &space) != NULL ? 0 : -1;
}

int gee_noise_records_read(gee_noise_cipher_t *cipher, gee_inbox_t *from, gee_inbox_t *up, bool *ended,
                           gee_error_t *error) {
    while (gee_inbox_length(from) > 0) {
        if (*ended)
            return gee_error_set(error, GEE_DATA_LOSS, "seal: bytes behind the end record");
        if (gee_inbox_length(from) < GEE_NOISE_FRAME)
            return 0;
        const uint8_t *frame = gee_inbox_bytes(from);
        size_t length = gee_noise_get_length(frame);
        if (length < GEE_NOISE_TAG)
            return gee_error_set(error, GEE_DATA_LOSS, "seal: a record of %zu bytes, which not even a tag fits into",
                                 length);
        if (gee_inbox_length(from) < GEE_NOISE_FRAME + length)
            return make_room(from, GEE_NOISE_FRAME + length) == 0 ? 0 : no_memory(error);
        if (read_record(cipher, frame + GEE_NOISE_FRAME, length, up, error) != 0)
            return -1;
        *ended = length == GEE_NOISE_TAG;
        gee_inbox_consume(from, GEE_NOISE_FRAME + length);
    }
    return 0;
}
