/* settings_seal.h: the settings of seals: of listeners, and of the servers of upstreams. */
#ifndef GEE_PROC_SETTINGS_SEAL_H
#define GEE_PROC_SETTINGS_SEAL_H

#include "core/conf/option.h"

typedef enum gee_seal_mode { GEE_SEAL_REQUIRED, GEE_SEAL_OPTIONAL } gee_seal_mode_t;

typedef struct gee_listen_seal_settings {
    const char *key; /* null: there is no seal */
    const char *old_key;
    const char *clients;
    bool anonymous;
    int64_t mode; /* gee_seal_mode_t */
    int64_t timeout;
    int64_t max_age;
} gee_listen_seal_settings_t;

typedef struct gee_dial_seal_settings {
    const char *server_key; /* null: there is no seal */
    const char *key;
} gee_dial_seal_settings_t;

extern const gee_option_t gee_listen_seal_options[], gee_dial_seal_options[];

#endif
