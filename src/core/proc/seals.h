/* seals.h: the seals of a cycle: their keys and lists are read and opened in the master, and inherited by workers. */
#ifndef GEE_PROC_SEALS_H
#define GEE_PROC_SEALS_H

#include "core/proc/cycle.h"

/* Adds to cycle->errors whatever is wrong with the files that the settings name. */
void gee_seals_check(gee_cycle_t *cycle);
/* For a listener that has one. -1: refused, with the reason. */
int gee_seals_open(gee_cycle_t *cycle, gee_cycle_listener_t *entry, gee_error_t *error);
void gee_seals_close(gee_cycle_listener_t *entry);
/* `next` runs now: who may not call any more by it loses what he has of `old`, in its workers. */
void gee_seals_replace(gee_cycle_t *old, const gee_cycle_t *next);

/* Those of all upstreams. -1: refused, with the reason; what was opened is closed with the cycle. */
int gee_seals_open_upstreams(gee_cycle_t *cycle, gee_error_t *error);
void gee_seals_close_upstreams(gee_cycle_t *cycle);
/* The member seal_setup of gee_dial_settings_t: the seal for that address. `seals` is a gee_upstream_seals_t. */
const gee_seal_setup_t *gee_seals_of_server(void *seals, const char *address);

/* In a worker, once it has its user: where keys are held, no core dumps, and no other process of that user can read its memory
 * (ptrace, /proc/PID/mem), unless the settings want core dumps. */
void gee_seals_hide(const gee_cycle_t *cycle);

#endif
