/* upgrade_private.h: between upgrade.c and upgrade_liaison.c. */
#ifndef GEE_PROC_UPGRADE_PRIVATE_H
#define GEE_PROC_UPGRADE_PRIVATE_H

#include "core/proc/upgrade.h"

/* upgrade.c: the old master */
void gee_upgrade_ready(gee_master_t *master, const char *summary); /* so the new one says */
void gee_upgrade_come_back(gee_master_t *master);                  /* drained workers serve again */
void gee_upgrade_ask_again(gee_master_t *master);                  /* for those who wait for the master before to end */
void gee_upgrade_leave_to_new(gee_master_t *master);               /* it begins to end */

/* upgrade_liaison.c */
void gee_upgrade_alone(gee_master_t *master); /* nobody else serves its sockets any more */

#endif
