/* secrets.h: is something secret anywhere in the memory of this process? Reads all of it that can be written, what
 * was freed included. What is looked for is given masked, so that it does not find itself. */
#ifndef TESTS_SUPPORT_SECRETS_H
#define TESTS_SUPPORT_SECRETS_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SECRET_MASK  0x5a
#define SECRET_MOST  64u
#define REGION_MOST  (1ull << 30) /* larger ones are the shadows of a sanitizer */
#define SECRET_CHUNK (256u * 1024)

static inline void secret_mask(uint8_t *masked, const void *secret, size_t length) {
    for (size_t i = 0; i < length; i++)
        masked[i] = ((const uint8_t *)secret)[i] ^ SECRET_MASK;
}

/* The first byte is found by memchr: under a sanitizer, a look at each would take most of the tests' time. */
static inline size_t secret_count_in(const uint8_t *bytes, size_t count, const uint8_t *masked, size_t length) {
    size_t found = 0;
    const uint8_t *end = bytes + count, *at = bytes;
    while ((size_t)(end - at) >= length &&
           (at = memchr(at, masked[0] ^ SECRET_MASK, (size_t)(end - at) - length + 1))) {
        size_t i = 1;
        while (i < length && (at[i] ^ SECRET_MASK) == masked[i])
            i++;
        found += i == length;
        at++;
    }
    return found;
}

/* How often it is there. */
static inline size_t secret_count(const uint8_t *masked, size_t length) {
    static uint8_t chunk[SECRET_CHUNK];
    char line[512];
    size_t found = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    while (maps && memory >= 0 && fgets(line, sizeof(line), maps)) {
        unsigned long long start, end;
        char mode[8];
        if (sscanf(line, "%llx-%llx %7s", &start, &end, mode) != 3 || memcmp(mode, "rw", 2) != 0 ||
            end - start > REGION_MOST)
            continue;
        for (unsigned long long at = start; at < end; at += sizeof(chunk) - SECRET_MOST) {
            size_t wanted = end - at < sizeof(chunk) ? (size_t)(end - at) : sizeof(chunk);
            ssize_t got = pread(memory, chunk, wanted, (off_t)at);
            if (got > 0 && (at + (size_t)got <= (uintptr_t)chunk || at >= (uintptr_t)chunk + sizeof(chunk)))
                found += secret_count_in(chunk, (size_t)got, masked, length);
        }
        explicit_bzero(chunk, sizeof(chunk));
    }
    if (maps)
        fclose(maps);
    if (memory >= 0)
        close(memory);
    return found;
}

#endif
