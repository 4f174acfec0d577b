/* process.h: which process has a place in memory that several processes share. */
#ifndef GEE_BASE_PROCESS_H
#define GEE_BASE_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

bool gee_process_alive(int64_t process); /* 0 is nobody */
/* Makes `process` the owner where there is no owner, or a dead process. Any number of processes may try at once. */
bool gee_process_claim(_Atomic int64_t *owner, int64_t process);

#endif
