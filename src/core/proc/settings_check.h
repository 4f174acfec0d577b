/* settings_check.h: checks of a configuration after reading, beyond types: names and addresses. */
#ifndef GEE_PROC_SETTINGS_CHECK_H
#define GEE_PROC_SETTINGS_CHECK_H

#include "core/proc/settings.h"
#include "core/rpc/service.h"

/* Adds errors to `errors`, each with its line; opens nothing. */
void gee_settings_check(const gee_sections_t *sections, const gee_module_entry_t *modules, const char *conf_path,
                        const gee_conf_places_t *places, gee_conf_errors_t *errors);

/* ---- settings_check_names.c ---- */
/* The service of that name. Null: not compiled in. */
const gee_service_t *gee_service_by_name(const gee_module_entry_t *modules, const char *name);
/* The nth service that is served without `services` in the settings: all but the examples. Null after the last. */
const gee_service_t *gee_service_usual(const gee_module_entry_t *modules, size_t n);

#endif
