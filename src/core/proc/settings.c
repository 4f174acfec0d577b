/* settings.c: the option tables of the core's settings. What they mean together is checked in settings_check.c. */
#include "core/proc/settings.h"

#include <stddef.h>

#include "core/base/defs.h"
#include "core/base/log.h"
#include "core/event/addr.h"

static int check_address(const void *value, gee_error_t *error) {
    const char *const *text = value;
    gee_addr_t addr;
    return *text ? gee_addr_parse(*text, &addr, error) : 0;
}

static int check_not_empty(const void *value, gee_error_t *error) {
    const char *const *text = value;
    if (*text && **text == '\0')
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "must not be empty");
    return 0;
}

static const char *const level_words[] = { "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", NULL };
_Static_assert(GEE_LOG_DEBUG == GEE_LENGTH(level_words) - 2, "one word a level, in their order");

static const char *const workers_words[] = { "auto", NULL };

static const char *const pages_words[] = { "auto", "on", "off", NULL };
_Static_assert(GEE_PAGES_OFF == GEE_LENGTH(pages_words) - 2, "one word each, in their order");

static const gee_option_t listen_options[] = {
    { .name = "address",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_listen_settings_t, address),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "Where to listen: tcp@HOST:PORT, tcp@[V6]:PORT, unix@PATH; one reload may add and remove addresses",
      .check = check_address },
    { .name = "mode",
      .type = GEE_OPTION_MODE,
      .offset = offsetof(gee_listen_settings_t, mode),
      .fallback = "0000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Permissions of a socket file, such as 0660; 0000 leaves them to the umask" },
    { .name = "backlog",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_listen_settings_t, backlog),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Connections that may wait to be accepted; 0 for as many as the system allows",
      .minimum = 0,
      .maximum = 1000000 },
    { .name = "protocols",
      .type = GEE_OPTION_STRINGS,
      .offset = offsetof(gee_listen_settings_t, protocols),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The protocols that are taken here; without it, all that are compiled in" },
    { .name = "pages",
      .type = GEE_OPTION_CHOICE,
      .offset = offsetof(gee_listen_settings_t, pages),
      .fallback = "auto",
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "Answer HTTP requests for pages about the server, such as /debug/geerpc; auto: where only this machine can "
          "ask, on loopback addresses and Unix sockets",
      .choices = pages_words },
    { 0 },
};

static const gee_option_t service_options[] = {
    { .name = "name",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_service_settings_t, name),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "A service that is compiled in",
      .check = check_not_empty },
    { .name = "timeout",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_service_settings_t, timeout),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Longest time for one call of this service; 0 for that of timeouts.handle" },
    { 0 },
};

static const gee_option_t error_log_options[] = {
    { .name = "path",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_error_log_settings_t, path),
      .fallback = "logs/error.log",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The file; with -F the log goes to standard error instead",
      .check = check_not_empty },
    { .name = "level",
      .type = GEE_OPTION_CHOICE,
      .offset = offsetof(gee_error_log_settings_t, level),
      .fallback = "notice",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The least weighty lines that are written",
      .choices = level_words },
    { 0 },
};

static const gee_option_t thread_pool_options[] = {
    { .name = "threads",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_thread_pool_settings_t, threads),
      .fallback = "4",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Threads of each worker for methods that block",
      .minimum = 1,
      .maximum = 1024 },
    { .name = "queue",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_thread_pool_settings_t, queue),
      .fallback = "1000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Calls that may wait for a thread; further ones are refused",
      .minimum = 0,
      .maximum = 1000000 },
    { 0 },
};

const gee_option_t gee_connection_options[] = {
    { .name = "connections",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_connection_settings_t, connections),
      .fallback = "10000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Connections of one worker; further ones wait to be accepted",
      .minimum = 1,
      .maximum = 10000000 },
    { .name = "connections_per_address",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_connection_settings_t, connections_per_address),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Connections of one worker with one client address; further ones are closed; 0 for any number",
      .minimum = 0,
      .maximum = 10000000 },
    { 0 },
};

const gee_option_t gee_settings_options[] = {
    { .name = "workers",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_settings_t, workers),
      .fallback = "auto",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Worker processes; \"auto\" for one a processor",
      .minimum = 1,
      .maximum = 1024,
      .choices = workers_words },
    { .name = "user",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_settings_t, user),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The user that workers run as when the server is started by root; without it, nobody",
      .check = check_not_empty },
    { .name = "pid",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_settings_t, pid),
      .fallback = "run/geerpc.pid",
      .doc = "The file with the master's process id; it is locked, so that one server uses it",
      .check = check_not_empty },
    { .name = "control",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_settings_t, control),
      .fallback = GEE_DEFAULT_CONTROL,
      .doc = "The socket through which geerpc -s talks to the running server",
      .check = check_not_empty },
    { .name = "error_log",
      .type = GEE_OPTION_GROUP,
      .offset = offsetof(gee_settings_t, error_log),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The log of the server itself",
      .table = error_log_options },
    { .name = "listen",
      .type = GEE_OPTION_GROUPS,
      .offset = offsetof(gee_settings_t, listen),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The addresses that are served",
      .table = listen_options,
      .element_size = sizeof(gee_listen_settings_t) },
    { .name = "services",
      .type = GEE_OPTION_GROUPS,
      .offset = offsetof(gee_settings_t, services),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The services that are served; without it, all that are compiled in",
      .table = service_options,
      .element_size = sizeof(gee_service_settings_t) },
    { .name = "describe",
      .type = GEE_OPTION_BOOL,
      .offset = offsetof(gee_settings_t, describe),
      .fallback = "true",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Serve Gee.Describe, which tells clients the types of the methods" },
    { .name = "shutdown_timeout",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_settings_t, shutdown_timeout),
      .fallback = "30s",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "How long a worker that leaves waits for its connections to end before it cuts them" },
    { .name = "thread_pool",
      .type = GEE_OPTION_GROUP,
      .offset = offsetof(gee_settings_t, thread_pool),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Threads for methods that block",
      .table = thread_pool_options },
    { 0 },
};

static size_t count_modules(const gee_module_entry_t *modules) {
    size_t count = 0;
    while (modules[count].module)
        count++;
    return count;
}

#define CORE_SECTIONS 4

int gee_sections_create(gee_sections_t *sections, const gee_module_entry_t *modules, gee_pool_t *pool) {
    size_t modules_count = count_modules(modules);
    *sections = (gee_sections_t){ .module_count = modules_count };
    sections->module_conf = gee_pool_array(pool, modules_count, sizeof(void *));
    sections->items = gee_pool_array(pool, modules_count + CORE_SECTIONS, sizeof(*sections->items));
    if (!sections->module_conf || !sections->items)
        return -1;
    gee_settings_t *settings = &sections->settings;
    sections->items[sections->count++] = (gee_conf_section_t){ NULL, gee_settings_options, settings };
    sections->items[sections->count++] = (gee_conf_section_t){ "limits", gee_limits_options, &settings->limits };
    sections->items[sections->count++] =
        (gee_conf_section_t){ "limits", gee_connection_options, &settings->connections };
    sections->items[sections->count++] = (gee_conf_section_t){ "timeouts", gee_timeouts_options, &settings->timeouts };
    for (size_t i = 0; i < modules_count; i++) {
        const gee_module_t *module = modules[i].module;
        if (module->conf_size == 0)
            continue;
        sections->module_conf[i] = gee_pool_zalloc(pool, module->conf_size);
        if (!sections->module_conf[i])
            return -1;
        if (module->options)
            sections->items[sections->count++] =
                (gee_conf_section_t){ module->block, module->options, sections->module_conf[i] };
    }
    return 0;
}
