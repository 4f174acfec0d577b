/* worker_count.c: the connections of a worker, counted by client address, and those that have not yet shown who they are
 * (whose seal's handshake is not over). */
#include <stdlib.h>
#include <string.h>

#include "core/proc/worker_private.h"

static gee_str_t address_bytes(const gee_sockaddr_t *peer) {
    if (peer->any.sa_family == AF_INET)
        return (gee_str_t){ (const char *)&peer->v4.sin_addr, sizeof peer->v4.sin_addr };
    if (peer->any.sa_family == AF_INET6)
        return (gee_str_t){ (const char *)&peer->v6.sin6_addr, sizeof peer->v6.sin6_addr };
    return (gee_str_t){ NULL, 0 };
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
    return address;
}

static void drop_empty(gee_worker_process_t *process, gee_address_count_t *address) {
    if (address->count > 0)
        return;
    if (process->addresses)
        (void)gee_string_map_remove(process->addresses, (gee_str_t){ address->bytes, address->length });
    free(address);
}

/* False: out of memory. `address` null: it is not counted. */
static bool find_address(gee_worker_process_t *process, const gee_sockaddr_t *peer, bool sealed,
                         gee_address_count_t **address) {
    gee_str_t bytes = address_bytes(peer);
    *address = NULL;
    if ((gee_cycle_settings(process->cycle)->connections.connections_per_address == 0 && !sealed) || bytes.length == 0)
        return true;
    *address = gee_string_map_get(process->addresses, bytes);
    if (*address == NULL)
        *address = new_address(process, bytes);
    return *address != NULL;
}

static void add(gee_worker_connection_t *connection, gee_address_count_t *address) {
    connection->address = address;
    if (address)
        address->count++;
}

static void add_unproven(gee_worker_connection_t *connection) {
    connection->unproven = true;
    connection->process->unproven++;
    if (connection->address)
        connection->address->unproven++;
}

bool gee_worker_count(gee_worker_connection_t *connection, const gee_sockaddr_t *peer, bool sealed) {
    int64_t limit = gee_cycle_settings(connection->process->cycle)->connections.connections_per_address;
    gee_address_count_t *address;
    if (!find_address(connection->process, peer, sealed, &address))
        return false;
    if (address && limit > 0 && address->count >= (size_t)limit)
        return false;
    add(connection, address);
    return true;
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
    address->count--;
    drop_empty(connection->process, address);
}

bool gee_worker_count_unproven(gee_worker_connection_t *connection) {
    gee_worker_process_t *process = connection->process;
    const gee_connection_settings_t *limits = &gee_cycle_settings(process->cycle)->connections;
    gee_address_count_t *address = connection->address;
    if (connection->unproven)
        return true;
    if (limits->unauthenticated > 0 && process->unproven >= (size_t)limits->unauthenticated)
        return false;
    if (address && limits->unauthenticated_per_address > 0 &&
        address->unproven >= (size_t)limits->unauthenticated_per_address)
        return false;
    add_unproven(connection);
    return true;
}

void gee_worker_count_proven(gee_worker_connection_t *connection) {
    if (!connection->unproven)
        return;
    connection->unproven = false;
    connection->process->unproven--;
    if (connection->address)
        connection->address->unproven--;
}
