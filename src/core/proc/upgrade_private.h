/* upgrade_private.h: between the files of the upgrade. Calls go down only:
 *
 *   upgrade_liaison.c  what the other master says, and the part of the new one
 *   upgrade_move.c     connections that move to the other master's workers, and come from them
 *   upgrade.c          the part of the old one */
#ifndef GEE_PROC_UPGRADE_PRIVATE_H
#define GEE_PROC_UPGRADE_PRIVATE_H

#include "core/proc/upgrade.h"

/* upgrade.c: the old master */
void gee_upgrade_come_back(gee_master_t *master);    /* a drained crew serves again */
void gee_upgrade_ask_again(gee_master_t *master);    /* for clients that wait until the master before has ended */
void gee_upgrade_leave_to_new(gee_master_t *master); /* this master begins to end */

/* upgrade_move.c */
/* A worker of the other master passes its connections on over `end`, which the function takes. */
void gee_upgrade_take(gee_master_t *master, int end);
/* Is there another master that speaks this one's version of the liaison? */
bool gee_upgrade_same_version(const gee_master_t *master);

#endif
