/* worker_count.c: the connections of a worker, counted by client address, and the unproven connections (in the
 * handshake of a seal). connection_counts.h has the counts for limits of all workers together. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/proc/worker_private.h"

void gee_worker_count_start(gee_worker_process_t *process) {
    GEE_ASSERT(!process->slot);
    gee_connection_counts_t *counts = process->cycle->connection_counts;
    if (!counts)
        return;
    process->slot = gee_connection_counts_claim(counts, getpid());
    if (!process->slot)
        gee_log(process->log, GEE_LOG_WARN,
                "too many workers of earlier configurations are still busy: this one counts connections by itself, for "
                "limits.total_connections, limits.connections_per_address and limits.unauthenticated");
}

size_t gee_worker_count_total(const gee_worker_process_t *process) {
    return process->slot ? gee_connection_counts_total(process->cycle->connection_counts).connections
                         : process->descriptors;
}

size_t gee_worker_count_unproven_total(const gee_worker_process_t *process) {
    return process->slot ? gee_connection_counts_total(process->cycle->connection_counts).unproven : process->unproven;
}

bool gee_worker_count_full(const gee_worker_process_t *process) {
    int64_t limit = gee_cycle_settings(process->cycle)->connections.total_connections;
    return limit > 0 && gee_worker_count_total(process) >= (size_t)limit;
}

bool gee_worker_count_exceeds_share(const gee_worker_process_t *process) {
    int64_t limit = gee_cycle_settings(process->cycle)->connections.total_connections;
    return limit > 0 && (process->descriptors + 1) * process->cycle->workers > (size_t)limit;
}

bool gee_worker_count_reserve(gee_worker_process_t *process) {
    int64_t limit = gee_cycle_settings(process->cycle)->connections.total_connections;
    if (limit == 0 || !process->slot)
        return true;
    gee_connection_slot_set(process->slot, process->descriptors + 1);
    if (gee_worker_count_total(process) <= (size_t)limit)
        return true;
    gee_worker_count_changed(process);
    return false;
}

void gee_worker_count_changed(gee_worker_process_t *process) {
    if (process->slot)
        gee_connection_slot_set(process->slot, process->descriptors);
}

/* ---- by address ---- */

static void set_count(gee_address_count_t *address, size_t count) {
    address->count = count;
    if (address->entry)
        gee_connection_entry_set(address->entry, count);
}

static void set_unproven(gee_worker_process_t *process, size_t count, gee_address_count_t *address, size_t own) {
    process->unproven = count;
    if (process->slot)
        gee_connection_slot_set_unproven(process->slot, count);
    if (!address)
        return;
    address->unproven = own;
    if (address->entry)
        atomic_store(&address->entry->unproven, own);
}

/* The counts of all workers, this one included. */
static gee_connection_tally_t count_everywhere(const gee_worker_process_t *process,
                                               const gee_address_count_t *address) {
    if (!address->entry)
        return (gee_connection_tally_t){ address->count, address->unproven };
    return gee_connection_counts_of(process->cycle->connection_counts, atomic_load(&address->entry->key));
}

/* The bytes by which the client is counted, in `ip`; empty: no IP address. */
static gee_str_t address_bytes(const gee_sockaddr_t *peer, gee_ip_t *ip) {
    if (!gee_sockaddr_ip(peer, ip))
        return (gee_str_t){ NULL, 0 };
    gee_ip_keep_source(ip);
    return (gee_str_t){ (const char *)ip->bytes, sizeof ip->bytes };
}

static gee_address_count_t *new_address(gee_worker_process_t *process, gee_str_t bytes) {
    gee_address_count_t *address = calloc(1, sizeof *address);
    if (!address)
        return NULL;
    memcpy(address->bytes, bytes.data, bytes.length);
    address->length = bytes.length;
    if (gee_string_map_put(process->addresses, (gee_str_t){ address->bytes, address->length }, address) != 0) {
        free(address);
        return NULL;
    }
    if (process->slot)
        address->entry = gee_connection_slot_entry(process->slot,
                                                   gee_connection_counts_key(process->cycle->connection_counts, bytes));
    return address;
}

static void drop_empty(gee_worker_process_t *process, gee_address_count_t *address) {
    if (address->count > 0)
        return;
    if (process->addresses)
        (void)gee_string_map_remove(process->addresses, (gee_str_t){ address->bytes, address->length });
    free(address);
}

/* False: out of memory. *address null: the connection is not counted. */
static bool find_address(gee_worker_process_t *process, const gee_sockaddr_t *peer, bool sealed,
                         gee_address_count_t **address) {
    gee_ip_t ip;
    gee_str_t bytes = address_bytes(peer, &ip);
    *address = NULL;
    if ((gee_cycle_settings(process->cycle)->connections.connections_per_address == 0 && !sealed) || bytes.length == 0)
        return true;
    *address = gee_string_map_get(process->addresses, bytes);
    if (*address == NULL)
        *address = new_address(process, bytes);
    return *address != NULL;
}

static void add(gee_worker_connection_t *connection, gee_address_count_t *address) {
    GEE_ASSERT(!connection->address);
    connection->address = address;
    if (address)
        set_count(address, address->count + 1);
}

static void add_unproven(gee_worker_connection_t *connection) {
    gee_address_count_t *address = connection->address;
    connection->unproven = true;
    set_unproven(connection->process, connection->process->unproven + 1, address, address ? address->unproven + 1 : 0);
}

bool gee_worker_count(gee_worker_connection_t *connection, const gee_sockaddr_t *peer, bool sealed) {
    int64_t limit = gee_cycle_settings(connection->process->cycle)->connections.connections_per_address;
    gee_address_count_t *address;
    if (!find_address(connection->process, peer, sealed, &address))
        return false;
    add(connection, address);
    return limit == 0 || address == NULL || count_everywhere(connection->process, address).connections <= (size_t)limit;
}

void gee_worker_count_admitted(gee_worker_connection_t *connection, const gee_sockaddr_t *peer, bool sealed,
                               bool unproven) {
    gee_address_count_t *address;
    (void)find_address(connection->process, peer, sealed, &address);
    add(connection, address);
    if (unproven)
        add_unproven(connection);
}

void gee_worker_uncount(gee_worker_connection_t *connection) {
    gee_address_count_t *address = connection->address;
    gee_worker_count_proven(connection);
    connection->address = NULL;
    if (address == NULL)
        return;
    set_count(address, address->count - 1);
    drop_empty(connection->process, address);
}

bool gee_worker_count_unproven(gee_worker_connection_t *connection) {
    const gee_worker_process_t *process = connection->process;
    const gee_connection_settings_t *limits = &gee_cycle_settings(process->cycle)->connections;
    const gee_address_count_t *address = connection->address;
    if (connection->unproven)
        return true;
    add_unproven(connection); /* counted first, so that of two workers at a limit at most one passes */
    if ((limits->unauthenticated == 0 || gee_worker_count_unproven_total(process) <= (size_t)limits->unauthenticated) &&
        (!address || limits->unauthenticated_per_address == 0 ||
         count_everywhere(process, address).unproven <= (size_t)limits->unauthenticated_per_address))
        return true;
    gee_worker_count_proven(connection);
    return false;
}

bool gee_worker_count_handshake(const gee_worker_connection_t *connection, int64_t now_ns) {
    const gee_cycle_t *cycle = connection->process->cycle;
    const gee_rate_t rate = gee_rate(gee_cycle_settings(cycle)->connections.handshakes_per_address, 0);
    const gee_address_count_t *address = connection->address;
    if (!cycle->handshake_rates || !address || rate.interval_ns == 0)
        return true;
    gee_str_t name = { address->bytes, address->length };
    return gee_rate_take(gee_shared_rates_find(cycle->handshake_rates, name, now_ns), &rate, now_ns);
}

void gee_worker_count_proven(gee_worker_connection_t *connection) {
    if (!connection->unproven)
        return;
    gee_address_count_t *address = connection->address;
    connection->unproven = false;
    set_unproven(connection->process, connection->process->unproven - 1, address, address ? address->unproven - 1 : 0);
}
