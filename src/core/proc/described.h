/* described.h: the types of forwarded services, from the descriptors that the settings name: read by the master when a
 * configuration is loaded, inherited by its workers. */
#ifndef GEE_PROC_DESCRIBED_H
#define GEE_PROC_DESCRIBED_H

#include "core/proc/cycle.h"

/* Reads the descriptors. Adds an error to cycle->errors for each file that cannot be read or used, and for each service
 * that its descriptors lack. */
void gee_described_load(gee_cycle_t *cycle);
void gee_described_close(gee_cycle_t *cycle);
/* The declaration of services[index] from descriptors; null: there is none. */
const gee_service_t *gee_described_service(const gee_cycle_t *cycle, size_t index);

#endif
