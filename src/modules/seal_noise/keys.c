/* keys.c: keys as text, and secret keys in files: the checks of such a file, and its making.
 *
 * Secrets stay in memory of sodium_malloc(), which core dumps leave out and which is zeroed when it is freed. No error
 * shows a byte of the file. */
#include "channel.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX_LENGTH 8 /* of either prefix */
#define BASE64_LENGTH GEE_BASE64_ENCODED(GEE_NOISE_KEY)
#define TEXT_LENGTH   (PREFIX_LENGTH + BASE64_LENGTH)
#define FILE_MOST     128 /* bytes that the file of a key may have, white space included */

static const char public_prefix[] = "gee-pub:", secret_prefix[] = "gee-sec:";

_Static_assert(TEXT_LENGTH < GEE_KEY_TEXT, "a key as text fits");

/* ---- text ---- */

static bool has_prefix(gee_str_t text, const char *prefix) {
    return gee_str_starts_with(text, (gee_str_t){ prefix, PREFIX_LENGTH });
}

/* -1: not the canonical form of a key. */
static int decode(gee_str_t text, const char *prefix, uint8_t key[GEE_NOISE_KEY]) {
    uint8_t bytes[GEE_BASE64_DECODED(BASE64_LENGTH)];
    char again[BASE64_LENGTH];
    int result = -1;
    if (text.length != TEXT_LENGTH || !has_prefix(text, prefix))
        return -1;
    gee_str_t digits = { text.data + PREFIX_LENGTH, BASE64_LENGTH };
    if (gee_base64_decode(bytes, digits) == (ptrdiff_t)GEE_NOISE_KEY) {
        gee_base64_encode(again, bytes, GEE_NOISE_KEY);
        if (sodium_memcmp(again, digits.data, BASE64_LENGTH) == 0) { /* two texts for one key would be two clients */
            memcpy(key, bytes, GEE_NOISE_KEY);
            result = 0;
        }
    }
    sodium_memzero(bytes, sizeof(bytes));
    sodium_memzero(again, sizeof(again));
    return result;
}

static void encode(const char *prefix, const uint8_t key[GEE_NOISE_KEY], char text[GEE_KEY_TEXT]) {
    memcpy(text, prefix, PREFIX_LENGTH);
    gee_base64_encode(text + PREFIX_LENGTH, key, GEE_NOISE_KEY);
    text[TEXT_LENGTH] = '\0';
}

int gee_noise_key_parse(gee_str_t text, uint8_t key[GEE_NOISE_KEY], gee_error_t *error) {
    if (decode(text, public_prefix, key) == 0)
        return 0;
    if (has_prefix(text, secret_prefix))
        return gee_error_set(error, GEE_INVALID_ARGUMENT,
                             "this is a secret key, which belongs in a file of its own; the public one is wanted "
                             "(geectl pubkey FILE)");
    return gee_error_set(error, GEE_INVALID_ARGUMENT,
                         "not a public key: that is \"%s\" and %zu characters of base64, as geectl keygen prints it",
                         public_prefix, (size_t)BASE64_LENGTH);
}

/* ---- reading a secret key ---- */

static const gee_noise_file_rules_t secret_file = { .forbidden = S_IRWXG | S_IRWXO,
                                                    .danger = "use the key",
                                                    .remedy = "chmod 600",
                                                    .missing = ": geectl keygen makes it" };

static int take_text(const char *path, gee_str_t text, gee_noise_pair_t *pair, gee_error_t *error) {
    while (text.length > 0 && strchr(" \t\r\n", text.data[text.length - 1]) != NULL)
        text.length--;
    if (has_prefix(text, public_prefix))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: this is a public key; the secret one is wanted here",
                             path);
    if (decode(text, secret_prefix, pair->secret) != 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT,
                             "%s: not a secret key: that is one line of \"%s\" and base64, as geectl keygen writes it",
                             path, secret_prefix);
    (void)crypto_scalarmult_base(pair->public, pair->secret);
    return 0;
}

int gee_noise_key_load(const char *path, gee_noise_pair_t *pair, gee_error_t *error) {
    char *text = sodium_malloc(FILE_MOST);
    int descriptor = -1, result = -1;
    size_t size;
    if (text == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", path);
        goto done;
    }
    descriptor = gee_noise_file_open(path, &secret_file, &size, error);
    if (descriptor < 0)
        goto done;
    ssize_t length = gee_noise_file_read(descriptor, text, FILE_MOST);
    if (length < 0)
        gee_error_set(error, GEE_FAILED_PRECONDITION, "%s: %s", path, strerror(errno));
    else
        result = take_text(path, (gee_str_t){ text, (size_t)length }, pair, error);
done:
    if (descriptor >= 0)
        (void)close(descriptor);
    sodium_free(text);
    return result;
}

/* ---- making a key ---- */

static int write_all(int descriptor, const char *text, size_t length) {
    while (length > 0) {
        ssize_t count = write(descriptor, text, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return -1;
        text += count;
        length -= (size_t)count;
    }
    return 0;
}

/* Precondition: the file does not exist yet. An incomplete file is removed again. */
static int write_new_file(const char *path, const char *text, size_t length, gee_error_t *error) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0)
        return gee_error_set(error, errno == EEXIST ? GEE_ALREADY_EXISTS : GEE_FAILED_PRECONDITION, "%s: %s", path,
                             errno == EEXIST ? "there is such a file: a key is never written over another file"
                                             : strerror(errno));
    int reason = 0;
    if (fchmod(descriptor, 0600) != 0 || write_all(descriptor, text, length) != 0 || fsync(descriptor) != 0)
        reason = errno ? errno : EIO;
    if (close(descriptor) != 0 && reason == 0)
        reason = errno;
    if (reason == 0)
        return 0;
    (void)unlink(path);
    return gee_error_set(error, GEE_FAILED_PRECONDITION, "%s: %s", path, strerror(reason));
}

static int cannot_start(gee_error_t *error) {
    return gee_error_set(error, GEE_INTERNAL, "libsodium does not start");
}

int gee_noise_key_make(const char *path, char public_key[GEE_KEY_TEXT], gee_error_t *error) {
    typedef struct draft {
        gee_noise_pair_t pair;
        char text[GEE_KEY_TEXT];
    } draft_t;
    if (sodium_init() < 0)
        return cannot_start(error);
    draft_t *draft = sodium_malloc(sizeof(*draft));
    if (draft == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", path);
    randombytes_buf(draft->pair.secret, sizeof(draft->pair.secret));
    (void)crypto_scalarmult_base(draft->pair.public, draft->pair.secret);
    encode(secret_prefix, draft->pair.secret, draft->text);
    draft->text[TEXT_LENGTH] = '\n';
    int result = write_new_file(path, draft->text, TEXT_LENGTH + 1, error);
    if (result == 0)
        encode(public_prefix, draft->pair.public, public_key);
    sodium_free(draft);
    return result;
}

int gee_noise_key_read(const char *path, char public_key[GEE_KEY_TEXT], gee_error_t *error) {
    if (sodium_init() < 0)
        return cannot_start(error);
    gee_noise_pair_t *pair = sodium_malloc(sizeof(*pair));
    if (pair == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", path);
    int result = gee_noise_key_load(path, pair, error);
    if (result == 0)
        encode(public_prefix, pair->public, public_key);
    sodium_free(pair);
    return result;
}
