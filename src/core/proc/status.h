/* status.h: geerpc -s status.
 *
 *   client asks -> STATUS to every worker -> all have answered, or a second is over -> one text for all clients
 */
#ifndef GEE_PROC_STATUS_H
#define GEE_PROC_STATUS_H

#include "core/proc/master.h"

void gee_status_ask(gee_master_t *master, gee_control_client_t *client);
/* A worker has answered, or is gone. */
void gee_status_answered(gee_master_t *master);

#endif
