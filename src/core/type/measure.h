/* measure.h: where does a value end that comes in pieces? What a codec that can tell keeps of one value, and says. */
#ifndef GEE_TYPE_MEASURE_H
#define GEE_TYPE_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/* Progress of measuring one value that comes in pieces. Zeroed by the caller before the first byte of each value; the
 * rest is the codec's own. */
typedef struct gee_measure {
    size_t length;  /* of the whole value once it is done */
    size_t scanned; /* bytes looked at so far: these are not looked at again */
    uint64_t private_state[4];
} gee_measure_t;

typedef enum gee_measured {
    GEE_MEASURE_MORE,
    GEE_MEASURE_DONE,
    GEE_MEASURE_ERROR,  /* nobody can tell where it ends */
    GEE_MEASURE_LONG,   /* longer than limits->message; skip_value() finds its end */
    GEE_MEASURE_REFUSED /* it is refused for another reason; skip_value() finds its end */
} gee_measured_t;

#endif
