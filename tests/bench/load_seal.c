/* load_seal.c: sealed connections of the load generator. */
#include "load.h"

#ifdef LOAD_SEALED

#include "modules/seal_noise/noise.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { RECORD_PLAIN = 65000, REKEY_EVERY = 1024 };

struct load_seal {
    gee_noise_cipher_t sending, receiving;
    size_t length_bytes; /* of the two that say how long the record is that is coming in */
    size_t length, come; /* of that record, and how much of it is there */
    uint8_t *record;     /* null: not opened any more */
};

static void read_all(int descriptor, uint8_t *bytes, size_t length) {
    if (recv(descriptor, bytes, length, MSG_WAITALL) != (ssize_t)length)
        load_die("handshake of the seal");
}

load_seal_t *load_seal_start(int descriptor, const uint8_t server_key[32]) {
    static const uint8_t prologue[23] = "geerpc-seal-v1\xc1GEE\1\2\0\0";
    uint8_t frame[128], nothing[1];
    gee_noise_handshake_t handshake;
    load_seal_t *seal = calloc(1, sizeof *seal);
    if (seal == NULL || (seal->record = malloc(GEE_NOISE_MOST)) == NULL)
        load_die("memory");
    gee_noise_begin(&handshake, &gee_noise_nk, true, prologue, 22, NULL, server_key);
    memcpy(frame, prologue + 14, 8);
    frame[8] = 0;
    frame[9] = 48;
    if (gee_noise_write(&handshake, NULL, 0, frame + 10) != 0)
        load_die("handshake of the seal");
    load_write_all(descriptor, frame, 58);
    read_all(descriptor, frame, 50);
    if (gee_noise_read(&handshake, frame + 2, 48, nothing) != 0)
        load_die("handshake of the seal");
    gee_noise_split(&handshake, &seal->sending, &seal->receiving);
    return seal;
}

void load_seal_write(load_seal_t *seal, int descriptor, const uint8_t *bytes, size_t length) {
    static uint8_t frame[2 + GEE_NOISE_MOST];
    while (length > 0) {
        size_t part = length < RECORD_PLAIN ? length : RECORD_PLAIN;
        if (gee_noise_encrypt(&seal->sending, NULL, 0, bytes, part, frame + 2) != 0)
            load_die("record");
        if (seal->sending.nonce % REKEY_EVERY == 0)
            gee_noise_rekey(&seal->sending);
        frame[0] = (uint8_t)((part + GEE_NOISE_TAG) >> 8);
        frame[1] = (uint8_t)(part + GEE_NOISE_TAG);
        load_write_all(descriptor, frame, part + 2 + GEE_NOISE_TAG);
        bytes += part;
        length -= part;
    }
}

/* The end of a record: how much plain text it brought. */
static size_t end_record(load_seal_t *seal, uint8_t *opened) {
    seal->length_bytes = 0;
    if (seal->length < GEE_NOISE_TAG)
        load_die("a record shorter than its tag");
    if (opened == NULL)
        return seal->length - GEE_NOISE_TAG;
    if (gee_noise_decrypt(&seal->receiving, NULL, 0, seal->record, seal->length, opened) != 0)
        load_die("a record that is not genuine");
    if (seal->receiving.nonce % REKEY_EVERY == 0)
        gee_noise_rekey(&seal->receiving);
    return seal->length - GEE_NOISE_TAG;
}

size_t load_seal_hear(load_seal_t *seal, const uint8_t *bytes, size_t length, uint8_t *opened) {
    size_t plain = 0;
    if (opened == NULL) {
        free(seal->record);
        seal->record = NULL;
    }
    while (length > 0) {
        if (seal->length_bytes < 2) {
            seal->length = seal->length_bytes++ == 0 ? *bytes : seal->length << 8 | *bytes;
            seal->come = 0;
            bytes++;
            length--;
            continue;
        }
        size_t missing = seal->length - seal->come, part = length < missing ? length : missing;
        if (opened != NULL)
            memcpy(seal->record + seal->come, bytes, part);
        seal->come += part;
        bytes += part;
        length -= part;
        if (seal->come == seal->length)
            plain += end_record(seal, opened != NULL ? opened + plain : NULL);
    }
    return plain;
}

#else

load_seal_t *load_seal_start(int descriptor, const uint8_t server_key[32]) {
    (void)descriptor, (void)server_key;
    load_die("built without the seal");
}
size_t load_seal_hear(load_seal_t *seal, const uint8_t *bytes, size_t length, uint8_t *opened) {
    (void)seal, (void)bytes, (void)opened;
    return length;
}
void load_seal_write(load_seal_t *seal, int descriptor, const uint8_t *bytes, size_t length) {
    (void)seal, (void)descriptor, (void)bytes, (void)length;
}

#endif
