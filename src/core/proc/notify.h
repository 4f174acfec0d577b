/* notify.h: what systemd is told about the server, where it has started it with Type=notify (sd_notify(3)). */
#ifndef GEE_PROC_NOTIFY_H
#define GEE_PROC_NOTIFY_H

#include "core/proc/server.h"

/* One datagram to the socket that NOTIFY_SOCKET names; without it nothing is done. From the master that systemd takes for the
 * main process: one that is there to replace another says nothing before that one is gone. */
void gee_notify(const gee_server_state_t *server, const char *format, ...) GEE_PRINTF(2, 3);
/* READY=1 with that status; from whichever master it is. */
void gee_notify_ready(const gee_server_state_t *server, const char *status);
void gee_notify_reloading(const gee_server_state_t *server);

#endif
