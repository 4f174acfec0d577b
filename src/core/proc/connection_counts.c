/* connection_counts.c: see connection_counts.h.
 *
 * Addresses are kept by a keyed hash of 64 bits, in sets of WAYS entries; the hash says which set. An entry whose
 * count is 0 is free. A reader may see an entry while its owner reuses the entry: the sum is then one too high or too
 * low for a moment. */
#include "core/proc/connection_counts.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/hash.h"
#include "core/base/process.h"
#include "core/proc/shm.h"
#include "core/rpc/counters.h"

#define ZONE_NAME       "connections"
#define ZONE_VERSION    3u
#define SETS            4096u
#define WORDS           (SETS / 64)
#define WAYS            16u
#define RATES_NAME      "handshakes"
#define RATES_ADDRESSES 10000

struct gee_connection_slot {
    _Atomic int64_t owner; /* process id; 0: the slot is free */
    _Atomic uint64_t connections, unproven;
    _Atomic uint64_t
        used[WORDS]; /* a bit a set: the set has been written to; the pages of other sets are not in memory */
    gee_connection_entry_t entries[SETS][WAYS];
};

struct gee_connection_counts {
    uint64_t secret[2]; /* written by the master before workers see it */
    size_t slot_count;
    gee_connection_slot_t slots[];
};

static bool has_seals(const gee_cycle_t *cycle) {
    for (size_t i = 0; i < cycle->listener_count; i++)
        if (cycle->listeners[i].seal_setup != NULL)
            return true;
    return false;
}

static int open_rates(gee_cycle_t *cycle, gee_error_t *error) {
    cycle->handshake_rates = gee_zone_share(cycle->server, &cycle->zones, RATES_NAME,
                                            gee_shared_rates_size(RATES_ADDRESSES), ZONE_VERSION, error);
    if (!cycle->handshake_rates)
        return -1;
    if (gee_shared_rates_open(cycle->handshake_rates, RATES_ADDRESSES) == 0)
        return 0;
    return gee_error_set(error, GEE_UNAVAILABLE, "limits: no random bytes: %s", strerror(errno));
}

int gee_connection_counts_open(gee_cycle_t *cycle, gee_error_t *error) {
    const gee_connection_settings_t *limits = &gee_cycle_settings(cycle)->connections;
    if (limits->total_connections == 0 && limits->connections_per_address == 0 &&
        (!has_seals(cycle) || (limits->unauthenticated == 0 && limits->unauthenticated_per_address == 0 &&
                               limits->handshakes_per_address == 0)))
        return 0;
    size_t slots = gee_counters_slots(cycle->workers);
    size_t size = sizeof(gee_connection_counts_t) + slots * sizeof(gee_connection_slot_t);
    gee_connection_counts_t *counts =
        gee_zone_share(cycle->server, &cycle->zones, ZONE_NAME, size, ZONE_VERSION, error);
    if (!counts)
        return -1;
    if (counts->slot_count == 0) {
        if (getrandom(counts->secret, sizeof counts->secret, 0) != (ssize_t)sizeof counts->secret)
            return gee_error_set(error, GEE_UNAVAILABLE, "limits: no random bytes: %s", strerror(errno));
        counts->slot_count = slots;
    }
    cycle->connection_counts = counts;
    return has_seals(cycle) && limits->handshakes_per_address > 0 ? open_rates(cycle, error) : 0;
}

/* ---- a worker, for itself ---- */

static void clear_set(gee_connection_entry_t *set) {
    for (size_t i = 0; i < WAYS; i++) {
        atomic_store_explicit(&set[i].count, 0, memory_order_relaxed);
        atomic_store_explicit(&set[i].unproven, 0, memory_order_relaxed);
    }
}

/* Clears the used sets only: a page that was written to stays in memory, and a whole slot has 1.5 MiB. */
static void clear(gee_connection_slot_t *slot) {
    atomic_store(&slot->connections, 0);
    atomic_store(&slot->unproven, 0);
    for (size_t i = 0; i < WORDS; i++)
        for (uint64_t bits = atomic_exchange(&slot->used[i], 0); bits != 0; bits &= bits - 1)
            clear_set(slot->entries[i * 64 + (size_t)__builtin_ctzll(bits)]);
}

static void mark_used(gee_connection_slot_t *slot, uint64_t set) {
    atomic_fetch_or(&slot->used[set / 64], UINT64_C(1) << set % 64);
}

static bool is_used(const gee_connection_slot_t *slot, uint64_t set) {
    return (atomic_load(&slot->used[set / 64]) >> set % 64 & 1) != 0;
}

gee_connection_slot_t *gee_connection_counts_claim(gee_connection_counts_t *counts, pid_t process) {
    for (size_t i = 0; i < counts->slot_count; i++) {
        if (!gee_process_claim(&counts->slots[i].owner, process))
            continue;
        clear(&counts->slots[i]);
        return &counts->slots[i];
    }
    return NULL;
}

void gee_connection_slot_set(gee_connection_slot_t *slot, size_t connections) {
    atomic_store(&slot->connections, connections);
}

void gee_connection_slot_set_unproven(gee_connection_slot_t *slot, size_t unproven) {
    atomic_store(&slot->unproven, unproven);
}

uint64_t gee_connection_counts_key(const gee_connection_counts_t *counts, gee_str_t address) {
    return gee_siphash(counts->secret, address.data, address.length);
}

gee_connection_entry_t *gee_connection_slot_entry(gee_connection_slot_t *slot, uint64_t key) {
    gee_connection_entry_t *set = slot->entries[key % SETS];
    for (size_t i = 0; i < WAYS; i++) {
        if (atomic_load(&set[i].count) != 0)
            continue;
        mark_used(slot, key % SETS);
        atomic_store(&set[i].key, key);
        return &set[i];
    }
    return NULL;
}

void gee_connection_entry_set(gee_connection_entry_t *entry, size_t connections) {
    atomic_store(&entry->count, connections);
}

/* ---- anybody ---- */

static bool is_owned(const gee_connection_slot_t *slot) {
    return atomic_load_explicit(&slot->owner, memory_order_acquire) != 0;
}

gee_connection_tally_t gee_connection_counts_total(const gee_connection_counts_t *counts) {
    gee_connection_tally_t total = { 0 };
    for (size_t i = 0; i < counts->slot_count; i++)
        if (is_owned(&counts->slots[i])) {
            total.connections += atomic_load(&counts->slots[i].connections);
            total.unproven += atomic_load(&counts->slots[i].unproven);
        }
    return total;
}

gee_connection_tally_t gee_connection_counts_of(const gee_connection_counts_t *counts, uint64_t key) {
    gee_connection_tally_t total = { 0 };
    for (size_t i = 0; i < counts->slot_count; i++) {
        const gee_connection_slot_t *slot = &counts->slots[i];
        if (!is_owned(slot) || !is_used(slot, key % SETS))
            continue;
        for (size_t j = 0; j < WAYS; j++)
            if (atomic_load(&slot->entries[key % SETS][j].key) == key) {
                total.connections += atomic_load(&slot->entries[key % SETS][j].count);
                total.unproven += atomic_load(&slot->entries[key % SETS][j].unproven);
            }
    }
    return total;
}

/* ---- the master ---- */

void gee_connection_counts_forget(gee_connection_counts_t *counts, pid_t process) {
    for (size_t i = 0; counts && i < counts->slot_count; i++)
        if (atomic_load(&counts->slots[i].owner) == process) {
            clear(&counts->slots[i]);
            atomic_store_explicit(&counts->slots[i].owner, 0, memory_order_release);
        }
}
