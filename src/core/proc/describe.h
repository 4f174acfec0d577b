/* describe.h: the texts that describe a cycle to people: log, systemd, terminal, control socket. */
#ifndef GEE_PROC_DESCRIBE_H
#define GEE_PROC_DESCRIBE_H

#include "core/proc/cycle.h"

/* "tcp@127.0.0.1:9999 unix@/run/geerpc.sock, 2 workers", in the cycle's pool. */
const char *gee_describe_cycle(const gee_cycle_t *cycle);
/* The same after "geerpc VERSION ready: ". */
const char *gee_describe_ready(const gee_cycle_t *cycle);
/* "try: geectl call ...", for a person at a terminal. Null: no example service is served. */
const char *gee_describe_try(const gee_cycle_t *cycle);

#endif
