/* modules.h: the check of all modules that a program has. */
#ifndef GEE_GATEWAY_MODULES_H
#define GEE_GATEWAY_MODULES_H

#include "core/conf/module.h"

/* The mandatory members of every interface, checked over the table: a program calls this once at start. */
int gee_gateway_check_modules(const gee_module_entry_t *modules, gee_error_t *error);

#endif
