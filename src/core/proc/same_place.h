/* same_place.h: is an address that is dialled one that this server listens on? As far as it can be told from the texts. A call that
 * is forwarded there is forwarded again when it arrives, and so on until all places are taken. */
#ifndef GEE_PROC_SAME_PLACE_H
#define GEE_PROC_SAME_PLACE_H

#include "core/event/addr.h"

/* ":9999", "0.0.0.0:9999", "[::]:9999": every address of this host, so no address for others. */
bool gee_addr_is_any_host(const gee_addr_t *addr, uint16_t *port);
bool gee_is_same_place(const gee_addr_t *listen, const gee_addr_t *dialled);

#endif
