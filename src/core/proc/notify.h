/* notify.h: notifications to systemd, if systemd has started the server with Type=notify (sd_notify(3)). */
#ifndef GEE_PROC_NOTIFY_H
#define GEE_PROC_NOTIFY_H

#include "core/proc/server.h"

/* Sends one datagram to the socket that NOTIFY_SOCKET names; without the variable nothing is done. Only the master
 * that systemd takes for the main process sends: a new master is silent until the old master is gone. */
void gee_notify(const gee_server_state_t *server, const char *format, ...) GEE_PRINTF(2, 3);
/* READY=1 with this process as the main process, and that status. */
void gee_notify_ready(const gee_server_state_t *server, const char *status);
void gee_notify_reloading(const gee_server_state_t *server);

#endif
