/* settings_check_private.h: between the files settings_check*.c. Calls go from settings_check.c down: to
 * settings_check_upstreams.c, settings_check_registries.c, settings_check_names.c. */
#ifndef GEE_PROC_SETTINGS_CHECK_PRIVATE_H
#define GEE_PROC_SETTINGS_CHECK_PRIVATE_H

#include "core/event/addr.h"
#include "core/proc/settings_check.h"

#define GEE_NAMES_TEXT 512
#define GEE_MOST_NAMES 64 /* at most, that a suggestion compares */

typedef struct gee_check_settings {
    const gee_settings_t *settings;
    const gee_module_entry_t *modules;
    const gee_conf_places_t *places;
    gee_conf_errors_t *errors;
    bool readable; /* the file had no errors, so an absent setting was not given */
} gee_check_settings_t;

/* settings_check_names.c */
/* `did you mean "Arith"?`, or else "there is Arith, Foo". */
void gee_suggest_name(const char *const *names, size_t count, const char *word, char text[GEE_NAMES_TEXT]);
void gee_suggest_module(const gee_check_settings_t *check, gee_module_kind_t kind, const char *word,
                        char text[GEE_NAMES_TEXT]);
/* Checks that the address's scheme has a transport, which accepts the address. `setting`: "listen[0].address". */
void gee_check_address(const gee_check_settings_t *check, const char *place, const char *setting,
                       const gee_addr_t *addr);

/* settings_check_registries.c */
void gee_check_upstream_registry(const gee_check_settings_t *check, const gee_upstream_settings_t *upstream,
                                 size_t index);
void gee_check_announce(const gee_check_settings_t *check);

/* settings_check_upstreams.c */
void gee_check_forwarded_service(const gee_check_settings_t *check, const gee_service_settings_t *service,
                                 size_t index);
void gee_check_upstreams(const gee_check_settings_t *check);

#endif
