/* announce.c: the helper keeps the server's entries in registries, and takes entries out: all before the server ends,
 * and after a reload those that the settings do not name any more.
 *
 *   settings --publish--> told: there, missing, there again ...        leave -> withdraw -> all done: left()
 *   what the helper before has announced and is not in the settings --> withdraw */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/assert.h"
#include "core/proc/registries.h"
#include "core/rpc/engine_private.h"

#define PATIENCE (3 * GEE_SECOND) /* for a registry to answer a withdrawal; the master waits a little longer */

typedef struct announcement {
    gee_link_t link;
    gee_announcer_t *announcer;
    const gee_registry_t *registry;
    void *state;             /* null: not published */
    gee_announced_t *record; /* null: there was no room */
    char source[GEE_ANNOUNCED_URL];
    char address[GEE_ADDR_TEXT];
    bool leaving;
} announcement_t;

struct gee_announcer {
    gee_engine_t *engine;
    gee_announced_t *records;
    gee_list_t list;
    void (*left)(void *data);
    void *data;
};

/* ---- records ---- */

static bool is_record(const gee_announced_t *record, const char *registry, const gee_entry_t *entry) {
    return atomic_load(&record->used) && strcmp(record->registry, registry) == 0 &&
           strcmp(record->address, entry->address) == 0 &&
           strcmp(record->service, entry->service ? entry->service : "") == 0;
}

static gee_announced_t *make_record(gee_announced_t *records, const char *registry, const gee_entry_t *entry) {
    for (size_t i = 0; i < GEE_ANNOUNCED; i++)
        if (is_record(&records[i], registry, entry))
            return &records[i];
    for (size_t i = 0; i < GEE_ANNOUNCED; i++) {
        gee_announced_t *record = &records[i];
        if (atomic_load(&record->used))
            continue;
        (void)snprintf(record->registry, sizeof record->registry, "%s", registry);
        (void)snprintf(record->address, sizeof record->address, "%s", entry->address);
        (void)snprintf(record->service, sizeof record->service, "%s", entry->service ? entry->service : "");
        atomic_store(&record->used, 1);
        return record;
    }
    return NULL;
}

static void clear_record(announcement_t *announcement) {
    if (announcement->record)
        atomic_store(&announcement->record->used, 0);
    announcement->record = NULL;
}

/* ---- one announcement ---- */

static void announcement_destroy(announcement_t *announcement) {
    gee_list_remove(&announcement->link);
    free(announcement->state);
    free(announcement);
}

static void report_left(gee_announcer_t *announcer) {
    void (*left)(void *data) = announcer->left;
    if (!left || !gee_list_empty(&announcer->list))
        return;
    announcer->left = NULL;
    left(announcer->data);
}

static void on_told(void *data, const gee_error_t *error) {
    const announcement_t *announcement = data;
    gee_log_t *log = announcement->announcer->engine->log;
    if (error)
        gee_log(log, GEE_LOG_WARN, "announce: %s is not in the registry: %s; it is tried again and again",
                announcement->address, error->text);
    else
        gee_log(log, GEE_LOG_NOTICE, "announce: %s is in the registry %s", announcement->address, announcement->source);
}

static void on_withdrawn(void *data, const gee_error_t *error) {
    announcement_t *announcement = data;
    gee_announcer_t *announcer = announcement->announcer;
    gee_log_t *log = announcer->engine->log;
    if (error && error->code != GEE_NOT_FOUND)
        gee_log(log, GEE_LOG_WARN, "announce: %s may stay in the registry until its time is over: %s",
                announcement->address, error->text);
    else
        gee_log(log, GEE_LOG_NOTICE, "announce: %s is out of the registry %s", announcement->address,
                announcement->source);
    clear_record(announcement);
    announcement_destroy(announcement);
    report_left(announcer);
}

static int announcement_publish(announcement_t *announcement, const gee_entry_t *entry, gee_error_t *error) {
    gee_engine_t *engine = announcement->announcer->engine;
    announcement->registry = gee_registry_for(engine->modules, announcement->source, error);
    if (!announcement->registry)
        return -1;
    announcement->state = calloc(1, announcement->registry->publish_size);
    if (!announcement->state)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    if (announcement->registry->publish(announcement->state, engine, announcement->source, entry, on_told, announcement,
                                        error) == 0)
        return 0;
    free(announcement->state);
    announcement->state = NULL;
    return -1;
}

static announcement_t *announce(gee_announcer_t *announcer, const char *source, const gee_entry_t *entry,
                                gee_error_t *error) {
    announcement_t *announcement = calloc(1, sizeof *announcement);
    if (!announcement) {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "announce: out of memory");
        return NULL;
    }
    announcement->announcer = announcer;
    (void)snprintf(announcement->source, sizeof announcement->source, "%s", source);
    (void)snprintf(announcement->address, sizeof announcement->address, "%s", entry->address);
    gee_list_append(&announcer->list, &announcement->link);
    if (announcement_publish(announcement, entry, error) != 0) {
        announcement_destroy(announcement);
        (void)gee_error_prefix(error, "announce: %s: ", entry->address);
        return NULL;
    }
    announcement->record = make_record(announcer->records, source, entry);
    if (!announcement->record)
        gee_log(announcer->engine->log, GEE_LOG_WARN,
                "announce: more than %d servers are announced: what a reload drops is not withdrawn", GEE_ANNOUNCED);
    return announcement;
}

static void announcement_withdraw(announcement_t *announcement) {
    if (announcement->leaving)
        return;
    announcement->leaving = true;
    announcement->registry->withdraw(announcement->state, PATIENCE, on_withdrawn, announcement);
}

/* ---- all of them ---- */

static gee_entry_t entry_of(const gee_announce_settings_t *settings, const char *address) {
    return (gee_entry_t){
        .address = address, .service = settings->service, .weight = (uint32_t)settings->weight, .ttl_ns = settings->ttl
    };
}

/* A socket file can be reached on this machine only: its address is not announced. */
static bool is_announced(const gee_cycle_listener_t *listener) {
    return !gee_addr_is_local(&listener->listener->addr);
}

static int announce_all(gee_announcer_t *announcer, const gee_cycle_t *cycle, gee_error_t *error) {
    const gee_settings_t *settings = gee_cycle_settings(cycle);
    for (size_t i = 0; i < settings->announce.count; i++) {
        const gee_announce_settings_t *item = gee_settings_announce(settings, i);
        gee_entry_t entry = entry_of(item, item->address);
        if (item->address && !announce(announcer, item->registry, &entry, error))
            return -1;
        for (size_t j = 0; !item->address && j < cycle->listener_count; j++) {
            entry = entry_of(item, cycle->listeners[j].listener->bound);
            if (is_announced(&cycle->listeners[j]) && !announce(announcer, item->registry, &entry, error))
                return -1;
        }
    }
    return 0;
}

static bool is_wanted(const gee_announcer_t *announcer, const gee_announced_t *record) {
    GEE_LIST_EACH(&announcer->list, link)
        if (GEE_CONTAINER(link, announcement_t, link)->record == record)
            return true;
    return false;
}

static void withdraw_dropped(gee_announcer_t *announcer) {
    for (size_t i = 0; i < GEE_ANNOUNCED; i++) {
        gee_announced_t *record = &announcer->records[i];
        if (!atomic_load(&record->used) || is_wanted(announcer, record))
            continue;
        gee_error_t error;
        gee_entry_t entry = { .address = record->address, .service = record->service[0] ? record->service : NULL };
        announcement_t *announcement = announce(announcer, record->registry, &entry, &error);
        if (announcement) {
            announcement_withdraw(announcement);
        } else {
            gee_log(announcer->engine->log, GEE_LOG_WARN, "%s", error.text);
            atomic_store(&record->used, 0);
        }
    }
}

gee_announcer_t *gee_announcer_create(gee_engine_t *engine, const gee_cycle_t *cycle, gee_error_t *error) {
    gee_announcer_t *announcer = calloc(1, sizeof *announcer);
    if (!announcer) {
        (void)gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "announce: out of memory");
        return NULL;
    }
    announcer->engine = engine;
    announcer->records = cycle->registries->announced;
    gee_list_init(&announcer->list);
    if (announce_all(announcer, cycle, error) != 0) {
        gee_announcer_destroy(&announcer);
        return NULL;
    }
    withdraw_dropped(announcer);
    return announcer;
}

void gee_announcer_leave(gee_announcer_t *announcer, void (*left)(void *data), void *data) {
    GEE_ASSERT(!announcer->left);
    announcer->left = left;
    announcer->data = data;
    GEE_LIST_EACH(&announcer->list, link)
        announcement_withdraw(GEE_CONTAINER(link, announcement_t, link));
    report_left(announcer);
}

void gee_announcer_destroy(gee_announcer_t **slot) {
    gee_announcer_t *announcer = *slot;
    *slot = NULL;
    if (!announcer)
        return;
    GEE_LIST_EACH(&announcer->list, link) {
        announcement_t *announcement = GEE_CONTAINER(link, announcement_t, link);
        if (announcement->state)
            announcement->registry->abandon(announcement->state);
        announcement_destroy(announcement);
    }
    free(announcer);
}
