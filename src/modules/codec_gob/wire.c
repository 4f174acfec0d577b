/* wire.c: numbers of more than two bytes. */
#include "wire.h"

gee_gob_number_t gee_gob_long_number(const uint8_t *at, const uint8_t *end) {
    unsigned length = gee_gob_uint_length(*at);
    if (length == 0 || length > (size_t)(end - at))
        return (gee_gob_number_t){ .behind = NULL };
    uint64_t result = 0;
    for (unsigned i = 1; i < length; i++)
        result = result << 8 | at[i];
    return (gee_gob_number_t){ .behind = at + length, .value = result };
}
