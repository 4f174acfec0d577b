/* load_seal.h: load.c's sealed connections, when it was built with the Noise machine of src/modules/seal_noise. */
#ifdef LOAD_SEALED

#include "modules/seal_noise/noise.h"

#define SEALED_EXTRA GEE_NOISE_TAG

typedef struct sealed {
    gee_noise_cipher_t sending;
    uint8_t length[2]; /* of the record that is coming in */
    size_t length_bytes, record_left;
} sealed_t;

static uint8_t *server_key; /* null: in clear */

static void read_all(int descriptor, uint8_t *bytes, size_t length) {
    if (recv(descriptor, bytes, length, MSG_WAITALL) != (ssize_t)length)
        die("handshake");
}

static void shake_hands(int descriptor, sealed_t *sealed) {
    uint8_t prologue[22], frame[128], nothing[1];
    gee_noise_handshake_t handshake;
    gee_noise_cipher_t receiving;
    memcpy(prologue, "geerpc-seal-v1\xc1GEE\1\2\0\0", 22);
    gee_noise_begin(&handshake, &gee_noise_nk, true, prologue, 22, NULL, server_key);
    memcpy(frame, prologue + 14, 8);
    frame[8] = 0;
    frame[9] = 48;
    if (gee_noise_write(&handshake, NULL, 0, frame + 10) != 0)
        die("handshake");
    write_all(descriptor, frame, 58);
    read_all(descriptor, frame, 50);
    if (gee_noise_read(&handshake, frame + 2, 48, nothing) != 0)
        die("handshake");
    gee_noise_split(&handshake, &sealed->sending, &receiving);
}

static void write_sealed(int descriptor, sealed_t *sealed, const uint8_t *bytes, size_t length) {
    static uint8_t frame[2 + GEE_NOISE_MOST];
    while (length > 0) {
        size_t part = length < 65000 ? length : 65000;
        if (gee_noise_encrypt(&sealed->sending, NULL, 0, bytes, part, frame + 2) != 0)
            die("record");
        if (sealed->sending.nonce % 1024 == 0)
            gee_noise_rekey(&sealed->sending);
        frame[0] = (uint8_t)((part + GEE_NOISE_TAG) >> 8);
        frame[1] = (uint8_t)(part + GEE_NOISE_TAG);
        write_all(descriptor, frame, part + 2 + GEE_NOISE_TAG);
        bytes += part;
        length -= part;
    }
}

/* How many bytes of replies are in these bytes of the wire; a record's tag is taken off when its length comes, so for a
 * while that may be less than none. */
static size_t heard(sealed_t *sealed, const uint8_t *bytes, size_t length) {
    size_t plain = 0;
    while (length > 0) {
        if (sealed->record_left == 0) {
            sealed->length[sealed->length_bytes++] = *bytes++;
            length--;
            if (sealed->length_bytes < 2)
                continue;
            sealed->record_left = (size_t)sealed->length[0] << 8 | sealed->length[1];
            sealed->length_bytes = 0;
            plain -= GEE_NOISE_TAG;
            continue;
        }
        size_t part = length < sealed->record_left ? length : sealed->record_left;
        sealed->record_left -= part;
        plain += part;
        bytes += part;
        length -= part;
    }
    return plain;
}

#else

#define SEALED_EXTRA 0

typedef struct sealed {
    char unused;
} sealed_t;

static uint8_t *server_key;

static void shake_hands(int descriptor, sealed_t *sealed) {
    (void)descriptor, (void)sealed;
    die("this one was built without the seal");
}
static void write_sealed(int descriptor, sealed_t *sealed, const uint8_t *bytes, size_t length) {
    (void)descriptor, (void)sealed, (void)bytes, (void)length;
}
static size_t heard(sealed_t *sealed, const uint8_t *bytes, size_t length) {
    (void)sealed, (void)bytes;
    return length;
}

#endif
