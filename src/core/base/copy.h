/* copy.h: memcpy() for what is short: most bodies are shorter than what a call of the library's costs. */
#ifndef GEE_BASE_COPY_H
#define GEE_BASE_COPY_H

#include <stdint.h>
#include <string.h>

/* By two pieces that may overlap, each of one load and one store. */
#define GEE_COPY_ENDS(size)                                                                                            \
    do {                                                                                                               \
        memcpy(target, source, size);                                                                                  \
        memcpy(target + count - (size), source + count - (size), size);                                                \
    } while (0)

static inline void gee_copy(void *to, const void *from, size_t count) {
    uint8_t *target = to;
    const uint8_t *source = from;
    if (count > 32)
        memcpy(target, source, count);
    else if (count >= 16)
        GEE_COPY_ENDS(16);
    else if (count >= 8)
        GEE_COPY_ENDS(8);
    else if (count >= 4)
        GEE_COPY_ENDS(4);
    else if (count >= 2)
        GEE_COPY_ENDS(2);
    else if (count == 1)
        *target = *source;
}

#endif
