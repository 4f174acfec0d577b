/* cycle.h: one loaded configuration with all that it opened.
 *
 *   load (read, check) -> open (logs, listeners, modules prepare) -> commit -> ... -> close (modules release)
 *                                     |                 '-> close (modules roll back)
 *                                     '-> failed: all is closed again, only the reasons are left
 */
#ifndef GEE_PROC_CYCLE_H
#define GEE_PROC_CYCLE_H

#include "core/base/shared_rates.h"
#include "core/protobuf/descriptor.h"
#include "core/proc/helper_line.h"
#include "core/proc/listener.h"
#include "core/proc/log_files.h"
#include "core/proc/server.h"
#include "core/proc/settings.h"
#include "core/proc/user.h"
#include "core/rpc/door.h"
#include "core/rpc/seal.h"
#include "core/rpc/service.h"

typedef struct gee_worker gee_worker_t; /* crew.h */

typedef struct gee_cycle_listener {
    gee_listener_t *listener;
    const gee_listen_settings_t *settings;
    const char **protocols;       /* for the door: ends with null; null for all */
    gee_seal_setup_t *seal_setup; /* null: there is no seal */
    gee_door_layer_t layers[2];   /* the seal, if there is one; ends with a null layer */
    gee_worker_t **owners;        /* slots.c: the worker that serves each slot; null: none */
    size_t owner_count;
} gee_cycle_listener_t;

/* The seals of connections to the servers of an upstream. */
typedef struct gee_upstream_seals {
    const gee_upstream_settings_t *settings;
    gee_seal_setup_t *all;      /* for servers without a seal of their own; null: not sealed */
    gee_seal_setup_t **servers; /* in the settings' order */
} gee_upstream_seals_t;

typedef struct gee_cycle_descriptors {
    const char *path;       /* as the settings have it */
    gee_descriptors_t *set; /* null: cannot be used */
} gee_cycle_descriptors_t;

typedef struct gee_cycle {
    gee_server_state_t *server;
    uint64_t generation;
    gee_pool_t *pool;
    gee_sections_t sections;
    gee_conf_places_t *places;
    gee_conf_errors_t errors;
    unsigned workers;
    gee_cycle_descriptors_t *descriptors; /* each file once */
    size_t descriptor_count;
    const gee_service_t **described; /* of each of the settings' services; null: not by descriptors */

    /* from here on: opened */
    gee_user_t user;
    gee_log_files_t log_files;
    int error_log; /* -1: not opened */
    gee_cycle_listener_t *listeners;
    size_t listener_count;
    gee_list_t zones;
    gee_prepare_t prepare;
    size_t prepared;                                 /* modules */
    struct gee_connection_counts *connection_counts; /* null: no limit needs counts */
    gee_shared_rates_t *handshake_rates;             /* by address; null: no limit needs rates */
    struct gee_registries *registries;
    struct gee_known_down *known_down;    /* servers of upstreams; null: there are no upstreams */
    gee_upstream_seals_t *upstream_seals; /* of each upstream of the settings; null: not opened */
    gee_helper_wires_t *helper;           /* null: no module and no setting wants a helper */
    bool committed;
} gee_cycle_t;

/* Reads and checks the file. Null: out of memory. The file is good if cycle->errors is empty. A reload compares the
 * file with `running` (null: no reload). */
gee_cycle_t *gee_cycle_load(gee_server_state_t *server, const gee_cycle_t *running);
/* Opens what the settings name, beside the running cycle. -1: all is closed again, with the reason. Precondition: the
 * cycle is loaded without errors and not opened. */
int gee_cycle_open(gee_cycle_t *cycle, gee_error_t *error);
/* Opens all but listeners, adds each reason of a failure to cycle->errors, and closes all again. */
void gee_cycle_try(gee_cycle_t *cycle);
/* The cycle runs from now on: calls the modules' commit hooks, sets level and descriptor of the log. Precondition:
 * the cycle is open and not committed. */
void gee_cycle_commit(gee_cycle_t *cycle);
/* Closes a cycle in any state. Leaves null. */
void gee_cycle_close(gee_cycle_t **cycle);

static inline const gee_settings_t *gee_cycle_settings(const gee_cycle_t *cycle) {
    return &cycle->sections.settings;
}
/* The errors as one text, a line each, without the last newline, in the cycle's pool. */
const char *gee_cycle_errors_text(const gee_cycle_t *cycle);

#endif
