/* process.h: who of several processes has a place in the memory that they share. */
#ifndef GEE_BASE_PROCESS_H
#define GEE_BASE_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

bool gee_process_alive(int64_t process); /* 0 is nobody */
/* Makes `process` the owner, where there is none or a dead one. Any number of processes may try at once. */
bool gee_process_claim(_Atomic int64_t *owner, int64_t process);

#endif
