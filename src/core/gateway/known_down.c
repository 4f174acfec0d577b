/* known_down.c: a table in sets of WAYS entries; the key says which set. In a full set the oldest note makes room. */
#include "core/gateway/known_down.h"

#include <stdatomic.h>
#include <string.h>

#include "core/base/hash.h"

enum { SETS = 1024, WAYS = 8 };

typedef struct entry {
    _Atomic uint64_t key;     /* 0: never used */
    _Atomic int64_t noted_ns; /* of the monotonic clock, which all processes share; 0: forgotten */
} entry_t;

struct gee_known_down {
    entry_t entries[SETS][WAYS];
};

size_t gee_known_down_size(void) {
    return sizeof(gee_known_down_t);
}

uint64_t gee_known_down_key(const char *upstream, const char *address) {
    static const uint64_t no_secret[2] = { 0, 0 };
    uint64_t secret[2] = { gee_siphash(no_secret, upstream, strlen(upstream)), 0 };
    uint64_t key = gee_siphash(secret, address, strlen(address));
    return key != 0 ? key : 1;
}

static int64_t noted_of(const entry_t *entry) {
    return atomic_load_explicit(&entry->noted_ns, memory_order_relaxed);
}

static bool is_of(const entry_t *entry, uint64_t key) {
    return atomic_load_explicit(&entry->key, memory_order_relaxed) == key;
}

/* The time is cleared before the key is written, and written after it: a process that reads an entry in between
 * finds no note there. */
static void take_over(entry_t *entry, uint64_t key, int64_t now_ns) {
    atomic_store(&entry->noted_ns, 0);
    atomic_store(&entry->key, key);
    atomic_store(&entry->noted_ns, now_ns);
}

void gee_known_down_note(gee_known_down_t *known, uint64_t key, int64_t now_ns) {
    entry_t *set = known->entries[key % SETS], *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        if (is_of(&set[i], key)) {
            atomic_store(&set[i].noted_ns, now_ns);
            return;
        }
        if (noted_of(&set[i]) < noted_of(oldest))
            oldest = &set[i];
    }
    take_over(oldest, key, now_ns);
}

/* All entries of that key: two processes may have noted it at the same moment. */
void gee_known_down_forget(gee_known_down_t *known, uint64_t key) {
    entry_t *set = known->entries[key % SETS];
    for (size_t i = 0; i < WAYS; i++)
        if (is_of(&set[i], key))
            atomic_store(&set[i].noted_ns, 0);
}

bool gee_known_down_since(const gee_known_down_t *known, uint64_t key, int64_t since_ns) {
    const entry_t *set = known->entries[key % SETS];
    for (size_t i = 0; i < WAYS; i++)
        if (is_of(&set[i], key) && noted_of(&set[i]) > since_ns)
            return true;
    return false;
}
