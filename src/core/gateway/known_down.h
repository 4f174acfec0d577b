/* known_down.h: which servers of upstreams are down, in memory that workers share: a worker that begins (after a
 * reload, an upgrade, or the death of another) begins with the knowledge of earlier workers.
 *
 *   upstream goes down, or is still down -> note -> [ server -> when ] -> known? -> a new worker's upstream begins so
 *   upstream comes up ------------------> forget ---'
 *
 * Any process writes at any time, without locks; a note that is lost in a race or for want of room only costs an
 * attempt. A server is known by a hash of its upstream's name and its address. Notes grow old: a process that died
 * cannot take one back. */
#ifndef GEE_GATEWAY_KNOWN_DOWN_H
#define GEE_GATEWAY_KNOWN_DOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct gee_known_down gee_known_down_t; /* the memory; begins zeroed */

#define GEE_KNOWN_DOWN_VERSION 1u
size_t gee_known_down_size(void);

uint64_t gee_known_down_key(const char *upstream, const char *address);
void gee_known_down_note(gee_known_down_t *known, uint64_t key, int64_t now_ns);
void gee_known_down_forget(gee_known_down_t *known, uint64_t key);
/* Noted after that time, and not forgotten. */
bool gee_known_down_since(const gee_known_down_t *known, uint64_t key, int64_t since_ns);

#endif
