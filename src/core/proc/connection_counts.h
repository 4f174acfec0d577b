/* connection_counts.h: how many connections each worker has, in all and by client address, and how many of these
 * connections are unproven (in the handshake of a seal), for limits that hold for all workers together; in memory
 * that master and workers share.
 *
 *   worker 0  slot [ connections | addresses: key count, key count, ... ]  --+
 *   worker 1  slot [ ... ]                                                 --+--> sums
 *
 * A slot has one writer, its owner. After the owner's end the master frees the slot and clears its counts. A worker
 * counts a connection first and compares the sum then, so that of two workers at a limit at most one passes. */
#ifndef GEE_PROC_CONNECTION_COUNTS_H
#define GEE_PROC_CONNECTION_COUNTS_H

#include "core/proc/cycle.h"

typedef struct gee_connection_counts gee_connection_counts_t;
typedef struct gee_connection_slot gee_connection_slot_t;

/* The counts of one address in one slot. */
typedef struct gee_connection_entry {
    _Atomic uint64_t key;
    _Atomic uint64_t count;
    _Atomic uint64_t unproven; /* of the connections */
} gee_connection_entry_t;

typedef struct gee_connection_tally {
    size_t connections, unproven;
} gee_connection_tally_t;

/* Sets cycle->connection_counts if a limit of the settings needs the counts. */
int gee_connection_counts_open(gee_cycle_t *cycle, gee_error_t *error);

/* ---- a worker, for itself ---- */
/* Null: all slots are taken. */
gee_connection_slot_t *gee_connection_counts_claim(gee_connection_counts_t *counts, pid_t process);
void gee_connection_slot_set(gee_connection_slot_t *slot, size_t connections);
void gee_connection_slot_set_unproven(gee_connection_slot_t *slot, size_t unproven);
/* The key of an address in these tables. */
uint64_t gee_connection_counts_key(const gee_connection_counts_t *counts, gee_str_t address);
/* An entry for an address in the worker's own slot; the entry is free again when its count is set to 0. Null: no
 * entry is free. */
gee_connection_entry_t *gee_connection_slot_entry(gee_connection_slot_t *slot, uint64_t key);
void gee_connection_entry_set(gee_connection_entry_t *entry, size_t connections);

/* ---- anybody ---- */
gee_connection_tally_t gee_connection_counts_total(const gee_connection_counts_t *counts);
gee_connection_tally_t gee_connection_counts_of(const gee_connection_counts_t *counts, uint64_t key);

/* ---- the master ---- */
/* The process is gone: frees its slot. `counts` null: nothing is done. */
void gee_connection_counts_forget(gee_connection_counts_t *counts, pid_t process);

#endif
