/* same_place.h: does this server listen on an address that is dialled? Judged by the texts alone. A call forwarded to
 * the server itself would be forwarded again and again, until every slot for calls is taken. */
#ifndef GEE_PROC_SAME_PLACE_H
#define GEE_PROC_SAME_PLACE_H

#include "core/event/addr.h"

/* ":9999", "0.0.0.0:9999", "[::]:9999": every address of this host, which no other host can dial. */
bool gee_addr_is_any_host(const gee_addr_t *addr, uint16_t *port);
bool gee_is_same_place(const gee_addr_t *listen, const gee_addr_t *dialled);

#endif
