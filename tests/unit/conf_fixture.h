/* conf_fixture.h: tables like those of the server, with every type of option, and files in a private folder. */
#ifndef CONF_FIXTURE_H
#define CONF_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/defs.h"
#include "core/conf/conf.h"

typedef struct seal_conf {
    const char *key;
    int64_t mode;
} seal_conf_t;

typedef struct listen_conf {
    int64_t backlog;
    const char *address;
    int64_t mode;
    seal_conf_t seal;
    gee_strings_t allow;
} listen_conf_t;

typedef struct log_conf {
    const char *path;
    int64_t level;
} log_conf_t;

typedef struct main_conf {
    int64_t workers;
    const char *user;
    const char *pid;
    bool daemon;
    gee_groups_t listen;
    gee_strings_t allow;
    log_conf_t error_log;
} main_conf_t;

typedef struct core_limits {
    uint64_t message;
    int64_t nesting;
} core_limits_t;

typedef struct call_limits {
    int64_t calls;
    int64_t delta;
} call_limits_t;

typedef struct timeouts {
    int64_t read, write;
} timeouts_t;

static const char *const fixture_auto[] = { "auto", NULL };
static const char *const fixture_levels[] = { "error", "notice", "debug", NULL };
static const char *const fixture_modes[] = { "off", "required", NULL };

static inline int fixture_refuse_root(const void *value, gee_error_t *error) {
    const char *user = *(const char *const *)value;
    if (user && strcmp(user, "root") == 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the server does not run as root");
    return 0;
}

/* A check of a whole group. */
static inline int fixture_check_log(const void *value, gee_error_t *error) {
    const log_conf_t *conf = value;
    if (conf->level == 2 && conf->path && strcmp(conf->path, "/dev/null") == 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "nobody would see the debug lines");
    return 0;
}

static const gee_option_t seal_options[] = { { .name = "key",
                                               .type = GEE_OPTION_STRING,
                                               .offset = offsetof(seal_conf_t, key),
                                               .flags = GEE_OPTION_REQUIRED,
                                               .doc = "File with the secret key" },
                                             { .name = "mode",
                                               .type = GEE_OPTION_CHOICE,
                                               .offset = offsetof(seal_conf_t, mode),
                                               .fallback = "off",
                                               .choices = fixture_modes,
                                               .doc = "Whether a client must seal" },
                                             { 0 } };

static const gee_option_t listen_options[] = { { .name = "backlog",
                                                 .type = GEE_OPTION_INT,
                                                 .offset = offsetof(listen_conf_t, backlog),
                                                 .fallback = "511",
                                                 .minimum = 1,
                                                 .maximum = 65535,
                                                 .flags = GEE_OPTION_RELOADABLE,
                                                 .doc = "Connections that may wait" },
                                               { .name = "address",
                                                 .type = GEE_OPTION_STRING,
                                                 .offset = offsetof(listen_conf_t, address),
                                                 .flags = GEE_OPTION_REQUIRED,
                                                 .doc = "Where to listen" },
                                               { .name = "mode",
                                                 .type = GEE_OPTION_MODE,
                                                 .offset = offsetof(listen_conf_t, mode),
                                                 .fallback = "0660",
                                                 .doc = "Permissions of a Unix socket" },
                                               { .name = "seal",
                                                 .type = GEE_OPTION_GROUP,
                                                 .offset = offsetof(listen_conf_t, seal),
                                                 .table = seal_options,
                                                 .doc = "Encryption of this port" },
                                               { .name = "allow",
                                                 .type = GEE_OPTION_STRINGS,
                                                 .offset = offsetof(listen_conf_t, allow),
                                                 .doc = "Networks that may connect" },
                                               { 0 } };

static const gee_option_t log_options[] = { { .name = "path",
                                              .type = GEE_OPTION_STRING,
                                              .offset = offsetof(log_conf_t, path),
                                              .fallback = "logs/error.log",
                                              .doc = "The log file" },
                                            { .name = "level",
                                              .type = GEE_OPTION_CHOICE,
                                              .offset = offsetof(log_conf_t, level),
                                              .fallback = "notice",
                                              .choices = fixture_levels,
                                              .flags = GEE_OPTION_RELOADABLE,
                                              .doc = "The least important lines that are written" },
                                            { 0 } };

static const gee_option_t main_options[] = { { .name = "workers",
                                               .type = GEE_OPTION_INT,
                                               .offset = offsetof(main_conf_t, workers),
                                               .fallback = "auto",
                                               .choices = fixture_auto,
                                               .minimum = 1,
                                               .maximum = 1024,
                                               .flags = GEE_OPTION_RELOADABLE,
                                               .doc = "Worker processes; auto is one a processor" },
                                             { .name = "user",
                                               .type = GEE_OPTION_STRING,
                                               .offset = offsetof(main_conf_t, user),
                                               .check = fixture_refuse_root,
                                               .doc = "The user that workers run as" },
                                             { .name = "pid",
                                               .type = GEE_OPTION_STRING,
                                               .offset = offsetof(main_conf_t, pid),
                                               .fallback = "run/geerpc.pid",
                                               .doc = "The file with the master's process number" },
                                             { .name = "daemon",
                                               .type = GEE_OPTION_BOOL,
                                               .offset = offsetof(main_conf_t, daemon),
                                               .fallback = "on",
                                               .doc = "Run in the background" },
                                             { .name = "listen",
                                               .type = GEE_OPTION_GROUPS,
                                               .offset = offsetof(main_conf_t, listen),
                                               .table = listen_options,
                                               .element_size = sizeof(listen_conf_t),
                                               .doc = "The open ports" },
                                             { .name = "allow",
                                               .type = GEE_OPTION_STRINGS,
                                               .offset = offsetof(main_conf_t, allow),
                                               .doc = "Networks that may connect" },
                                             { .name = "error_log",
                                               .type = GEE_OPTION_GROUP,
                                               .offset = offsetof(main_conf_t, error_log),
                                               .table = log_options,
                                               .check = fixture_check_log,
                                               .doc = "What the server writes about itself" },
                                             { 0 } };

static const gee_option_t core_limit_options[] = { { .name = "message",
                                                     .type = GEE_OPTION_SIZE,
                                                     .offset = offsetof(core_limits_t, message),
                                                     .fallback = "4m",
                                                     .minimum = 1024,
                                                     .flags = GEE_OPTION_RELOADABLE,
                                                     .doc = "Largest message" },
                                                   { .name = "nesting",
                                                     .type = GEE_OPTION_INT,
                                                     .offset = offsetof(core_limits_t, nesting),
                                                     .fallback = "100",
                                                     .minimum = 1,
                                                     .maximum = 10000,
                                                     .flags = GEE_OPTION_RELOADABLE,
                                                     .doc = "Deepest nesting of a value" },
                                                   { 0 } };

static const gee_option_t call_limit_options[] = { { .name = "calls",
                                                     .type = GEE_OPTION_INT,
                                                     .offset = offsetof(call_limits_t, calls),
                                                     .fallback = "1000",
                                                     .flags = GEE_OPTION_RELOADABLE,
                                                     .doc = "Calls in flight on one connection" },
                                                   { .name = "delta",
                                                     .type = GEE_OPTION_INT,
                                                     .offset = offsetof(call_limits_t, delta),
                                                     .doc = "A number of any sign" },
                                                   { 0 } };

static const gee_option_t timeout_options[] = { { .name = "read",
                                                  .type = GEE_OPTION_DURATION,
                                                  .offset = offsetof(timeouts_t, read),
                                                  .fallback = "10s",
                                                  .doc = "For the rest of a message that has begun" },
                                                { .name = "write",
                                                  .type = GEE_OPTION_DURATION,
                                                  .offset = offsetof(timeouts_t, write),
                                                  .fallback = "30s",
                                                  .maximum = 3600 * GEE_SECOND,
                                                  .doc = "For a peer that does not read" },
                                                { 0 } };

#define FIXTURE_SECTIONS 4

/* The structures of a reading, and its result. "limits" is in two sections, as when a module has rows there. */
typedef struct reading {
    main_conf_t main;
    core_limits_t limits;
    call_limits_t call_limits;
    timeouts_t timeouts;
    gee_conf_section_t sections[FIXTURE_SECTIONS];
    gee_pool_t *pool;
    gee_conf_errors_t errors;
    gee_conf_places_t *places;
    int result;
} reading_t;

static inline void reading_prepare(reading_t *reading) {
    memset(reading, 0, sizeof *reading);
    reading->pool = gee_pool_create(4096);
    assert_non_null(reading->pool);
    gee_conf_errors_init(&reading->errors, reading->pool);
    reading->sections[0] = (gee_conf_section_t){ NULL, main_options, &reading->main };
    reading->sections[1] = (gee_conf_section_t){ "limits", core_limit_options, &reading->limits };
    reading->sections[2] = (gee_conf_section_t){ "timeouts", timeout_options, &reading->timeouts };
    reading->sections[3] = (gee_conf_section_t){ "limits", call_limit_options, &reading->call_limits };
}

static inline void reading_run(reading_t *reading, const char *path, const char *const *overrides, size_t count) {
    reading->result = gee_conf_read(path, overrides, count, reading->sections, FIXTURE_SECTIONS, reading->pool,
                                    &reading->errors, &reading->places);
}

static inline void reading_end(reading_t *reading) {
    gee_pool_destroy(&reading->pool);
}

static inline const listen_conf_t *reading_listen(const reading_t *reading, size_t index) {
    assert_true(index < reading->main.listen.count);
    return (const listen_conf_t *)reading->main.listen.items + index;
}

/* Makes the folder the working directory, so that messages show short paths. */
static inline int enter_private_folder(void **state) {
    static char folder[64];
    (void)snprintf(folder, sizeof folder, "/tmp/geerpc-test-XXXXXX");
    if (!mkdtemp(folder) || chdir(folder) < 0)
        return -1;
    *state = folder;
    return 0;
}

static inline int leave_private_folder(void **state) {
    static const char *const names[] = { "geerpc.conf", "dump.conf", "sub/one.conf", "sub/two.conf", "sub" };
    for (size_t i = 0; i < GEE_LENGTH(names); i++)
        (void)remove(names[i]);
    return chdir("/") < 0 ? -1 : rmdir(*state);
}

static inline void write_bytes(const char *path, const void *bytes, size_t length) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static inline void write_text(const char *path, const char *text) {
    write_bytes(path, text, strlen(text));
}

/* Reads `text` as geerpc.conf. */
static inline void read_text(reading_t *reading, const char *text) {
    write_text("geerpc.conf", text);
    reading_prepare(reading);
    reading_run(reading, "geerpc.conf", NULL, 0);
}

static inline void assert_read(const reading_t *reading) {
    for (size_t i = 0; i < reading->errors.count; i++)
        print_error("%s\n", reading->errors.items[i]);
    assert_int_equal(reading->errors.count, 0);
    assert_int_equal(reading->result, 0);
}

#endif
