/* shared_rates.c: see shared_rates.h. */
#include "core/base/shared_rates.h"

#include <errno.h>
#include <sys/random.h>

#include "core/base/defs.h"
#include "core/base/hash.h"

enum { WAYS = 8 };

typedef struct entry {
    _Atomic uint64_t key; /* 0: free */
    gee_bucket_t full_ns;
} entry_t;

struct gee_shared_rates {
    uint64_t secret[2]; /* peers choose names, but must not choose the sets */
    uint64_t mask;      /* sets - 1 */
    uint64_t opened;
    entry_t sets[][WAYS];
};

gee_rate_t gee_rate(int64_t a_second, int64_t burst) {
    gee_rate_t rate = { 0 };
    if (a_second > 0) {
        rate.interval_ns = GEE_SECOND / a_second;
        rate.ahead_ns = ((burst > 0 ? burst : a_second) - 1) * rate.interval_ns;
    }
    return rate;
}

/* A power of two; a quarter of the places are used when there are that many names, so that few sets are ever full. */
static size_t sets_for(size_t names) {
    size_t sets = 16;
    while (sets * WAYS < 4 * names)
        sets *= 2;
    return sets;
}

size_t gee_shared_rates_size(size_t names) {
    return sizeof(gee_shared_rates_t) + sets_for(names) * sizeof(entry_t[WAYS]);
}

int gee_shared_rates_open(gee_shared_rates_t *rates, size_t names) {
    if (rates->opened)
        return 0;
    ssize_t length = getrandom(rates->secret, sizeof(rates->secret), 0);
    if (length != (ssize_t)sizeof(rates->secret)) {
        errno = length < 0 ? errno : EIO;
        return -1;
    }
    rates->mask = sets_for(names) - 1;
    rates->opened = 1;
    return 0;
}

/* Two processes that meet a name at the same moment may each take a bucket; from then on both find the first. */
gee_bucket_t *gee_shared_rates_find(gee_shared_rates_t *rates, gee_str_t name, int64_t now_ns) {
    uint64_t key = gee_siphash(rates->secret, name.data, name.length) | 1;
    entry_t *set = rates->sets[key >> 32 & rates->mask], *spare = NULL;
    int64_t spare_ns = INT64_MAX;
    for (int i = 0; i < WAYS; i++) {
        if (atomic_load_explicit(&set[i].key, memory_order_relaxed) == key)
            return &set[i].full_ns;
        int64_t full_ns = atomic_load_explicit(&set[i].full_ns, memory_order_relaxed);
        if (full_ns < spare_ns) {
            spare = &set[i];
            spare_ns = full_ns;
        }
    }
    if (spare_ns > now_ns) /* taken from another name: the tokens in the bucket were not this name's */
        atomic_store_explicit(&spare->full_ns, 0, memory_order_relaxed);
    atomic_store_explicit(&spare->key, key, memory_order_relaxed);
    return &spare->full_ns;
}

bool gee_rate_take(gee_bucket_t *bucket, const gee_rate_t *rate, int64_t now_ns) {
    int64_t full_ns = atomic_load_explicit(bucket, memory_order_relaxed), next_ns;
    do {
        if (full_ns - now_ns > rate->ahead_ns)
            return false;
        next_ns = (full_ns > now_ns ? full_ns : now_ns) + rate->interval_ns;
    } while (
        !atomic_compare_exchange_weak_explicit(bucket, &full_ns, next_ns, memory_order_relaxed, memory_order_relaxed));
    return true;
}

void gee_rate_give(gee_bucket_t *bucket, const gee_rate_t *rate) {
    atomic_fetch_sub_explicit(bucket, rate->interval_ns, memory_order_relaxed);
}
