/* seals.h: the seals of a cycle: the master reads keys and lists of clients, and workers inherit them. */
#ifndef GEE_PROC_SEALS_H
#define GEE_PROC_SEALS_H

#include "core/proc/cycle.h"

/* Adds an error to cycle->errors for each file of the settings that cannot be used. */
void gee_seals_check(gee_cycle_t *cycle);
/* Opens the seal of a listener, if the settings have one. -1: refused, with the reason. */
int gee_seals_open(gee_cycle_t *cycle, gee_cycle_listener_t *entry, gee_error_t *error);
void gee_seals_close(gee_cycle_listener_t *entry);
/* `next` runs now: a client that may not call any more loses its grants in the workers of `old`. */
void gee_seals_replace(gee_cycle_t *old, const gee_cycle_t *next);

/* Opens the seals of all upstreams. -1: refused, with the reason; the seals opened so far are closed with the cycle. */
int gee_seals_open_upstreams(gee_cycle_t *cycle, gee_error_t *error);
void gee_seals_close_upstreams(gee_cycle_t *cycle);
/* The member seal_setup of gee_dial_settings_t: the seal for that address. `seals` is a gee_upstream_seals_t. */
const gee_seal_setup_t *gee_seals_of_server(void *seals, const char *address);

/* In a worker, after the change of user: a worker with keys leaves no core dumps and lets no other process of its
 * user read its memory (ptrace, /proc/PID/mem), unless the settings want core dumps. */
void gee_seals_hide(const gee_cycle_t *cycle);

#endif
