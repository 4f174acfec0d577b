/* settings.c: the option tables of the core's settings. settings_check.c checks combinations of settings. */
#include "core/proc/settings.h"

#include <stddef.h>
#include <string.h>

#include "core/base/defs.h"
#include "core/base/log.h"
#include "core/event/addr.h"
#include "core/gateway/upstream_settings.h"

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

static const char *const workers_words[] = { "auto", NULL };

static const char *const pages_words[] = { "auto", "on", "health", "off", NULL };
_Static_assert(GEE_PAGES_OFF == GEE_LENGTH(pages_words) - 2, "one word each, in their order");

static const char *const core_dumps_words[] = { "auto", "on", "off", NULL };
_Static_assert(GEE_CORE_DUMPS_OFF == GEE_LENGTH(core_dumps_words) - 2, "one word each, in their order");

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
      .doc = "The protocols of this address; not set: all that are compiled in" },
    { .name = "pages",
      .type = GEE_OPTION_CHOICE,
      .offset = offsetof(gee_listen_settings_t, pages),
      .fallback = "auto",
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "Answer HTTP requests for pages about the server, such as /debug/geerpc; auto: where only this machine can "
          "ask, on loopback addresses and Unix sockets; health: /healthz and /readyz only",
      .choices = pages_words },
    { .name = "seal",
      .type = GEE_OPTION_GROUP,
      .offset = offsetof(gee_listen_settings_t, seal),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Makes this address take sealed channels: encrypted, and both sides prove by keys who they are",
      .table = gee_listen_seal_options },
    { 0 },
};

static const gee_option_t service_options[] = {
    { .name = "name",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_service_settings_t, name),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "The name of a compiled-in service or, with upstream, any name",
      .check = check_not_empty },
    { .name = "timeout",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_service_settings_t, timeout),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Longest time for one call of this service; 0 for the time of timeouts.handle" },
    { .name = "upstream",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_service_settings_t, upstream),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The upstream to which calls of this service are forwarded; not set: this server handles the calls",
      .check = check_not_empty },
    { .name = "idempotent",
      .type = GEE_OPTION_STRINGS,
      .offset = offsetof(gee_service_settings_t, idempotent),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "With upstream: methods, named without the service, that may be called again at another server when a "
             "server fails in the middle of a call" },
    { .name = "undeclared",
      .type = GEE_OPTION_BOOL,
      .offset = offsetof(gee_service_settings_t, undeclared),
      .fallback = "false",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "With upstream, where a service of that name is compiled in or described: forward methods, too, that its "
             "declaration or its descriptors do not have" },
    { .name = "descriptors",
      .type = GEE_OPTION_STRINGS,
      .offset = offsetof(gee_service_settings_t, descriptors),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "With upstream: a file, or a list of files, that protoc --include_imports --descriptor_set_out has "
             "written, with the types of the service's methods; read at start and at each reload" },
    { 0 },
};

static const gee_option_t server_options[] = {
    { .name = "address",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_server_settings_t, address),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc =
          "Where the server listens: tcp@HOST:PORT, unix@PATH, or http@HOST:PORT when the server is reached by CONNECT",
      .check = check_address },
    { .name = "weight",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_server_settings_t, weight),
      .fallback = "1",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The server's share of the calls beside the others",
      .minimum = 1,
      .maximum = 65535 },
    { .name = "seal",
      .type = GEE_OPTION_GROUP,
      .offset = offsetof(gee_server_settings_t, seal),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The seal of connections to this server; not set: the upstream's seal",
      .table = gee_dial_seal_options },
    { 0 },
};

static const gee_option_t upstream_registry_options[] = {
    { .name = "url",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_upstream_registry_settings_t, url),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "http://HOST:PORT/_geerpc_/registry, dns@NAME:PORT or file@/PATH",
      .check = check_not_empty },
    { .name = "refresh",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_upstream_registry_settings_t, refresh),
      .fallback = "10s",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "How often a registry that cannot report changes is asked",
      .minimum = GEE_MILLISECOND,
      .maximum = 24 * 3600 * GEE_SECOND },
    { .name = "service",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_upstream_registry_settings_t, service),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Only servers whose entry names this service; not set: all servers",
      .check = check_not_empty },
    { .name = "min_servers",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_upstream_registry_settings_t, min_servers),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "A list with fewer servers is ignored, and so is an empty list after a list with servers",
      .minimum = 0,
      .maximum = 10000 },
    { 0 },
};

static const gee_option_t announce_options[] = {
    { .name = "registry",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_announce_settings_t, registry),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "The registry that has this server's entry until the server ends: http://HOST:PORT/_geerpc_/registry",
      .check = check_not_empty },
    { .name = "address",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_announce_settings_t, address),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Where others reach this server: tcp@10.0.0.1:9999; not set: the addresses of listen, except Unix "
             "sockets. Required when listen has an any-host address (0.0.0.0), which others cannot dial",
      .check = check_address },
    { .name = "service",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_announce_settings_t, service),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The service of the entry, for clients that look for this service only; not set: none",
      .check = check_not_empty },
    { .name = "weight",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_announce_settings_t, weight),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The server's share of the calls beside the others; 0: not given, which counts as 1",
      .minimum = 0,
      .maximum = 65535 },
    { .name = "ttl",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_announce_settings_t, ttl),
      .fallback = "30s",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "How long the registry keeps the entry after the last post; the entry is posted every third of this time. "
             "GeeRPC's own registries keep an entry for 5 minutes, whatever is asked for",
      .minimum = GEE_SECOND,
      .maximum = 24 * 3600 * GEE_SECOND },
    { 0 },
};

static const gee_option_t upstream_options[] = {
    { .name = "name",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_upstream_settings_t, name),
      .flags = GEE_OPTION_REQUIRED | GEE_OPTION_RELOADABLE,
      .doc = "The name of the upstream in services[].upstream, errors, logs and pages",
      .check = check_not_empty },
    { .name = "balance",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_upstream_settings_t, balance),
      .fallback = "roundrobin",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Which server gets the next call: roundrobin (smooth, by weight), random (by weight), least (of two at "
             "random, the server with fewer calls in flight and shorter times), hash (by key)" },
    { .name = "key",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_upstream_settings_t, key),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "With hash, calls with the same key go to the same server: client (the client's address, the default), "
             "method, metadata.NAME or args.FIELD; the key of a call without that value is its client" },
    { .name = "protocol",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_upstream_settings_t, protocol),
      .fallback = "geerpc",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The protocol of the servers: geerpc, netrpc, jsonrpc" },
    { .name = "codec",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_upstream_settings_t, codec),
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "With geerpc, the codec of the connections: json (the default), bin, proto, protojson, gob, of which bin and "
          "proto have streaming calls; netrpc has gob, jsonrpc has json" },
    { .name = "reads_bodies",
      .type = GEE_OPTION_BOOL,
      .offset = offsetof(gee_upstream_settings_t, reads_bodies),
      .fallback = "false",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "With geerpc in json or gob: the servers also read the body of a call whose method they do not know, as "
             "geerpc does and stock GeeRPC servers do not; false: the first call of each method has a connection of "
             "its own" },
    { .name = "servers",
      .type = GEE_OPTION_GROUPS,
      .offset = offsetof(gee_upstream_settings_t, servers),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The servers that share the calls",
      .table = server_options,
      .element_size = sizeof(gee_server_settings_t) },
    { .name = "registry",
      .type = GEE_OPTION_GROUP,
      .offset = offsetof(gee_upstream_settings_t, registry),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Instead of servers: the source of the list of servers, which is followed without a reload",
      .table = upstream_registry_options },
    { .name = "seal",
      .type = GEE_OPTION_GROUP,
      .offset = offsetof(gee_upstream_settings_t, seal),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The seal of connections to all its servers, except servers with a seal of their own",
      .table = gee_dial_seal_options },
    GEE_UPSTREAM_LIMITS_ROWS(offsetof(gee_upstream_settings_t, limits)),
    { 0 },
};

static const gee_option_t error_log_options[] = {
    { .name = "path",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_error_log_settings_t, path),
      .fallback = "logs/error.log",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The file; with -F the log goes to standard error instead. stderr or stdout: the server's own, also "
             "without -F; off: no log",
      .check = check_not_empty },
    { .name = "level",
      .type = GEE_OPTION_CHOICE,
      .offset = offsetof(gee_error_log_settings_t, level),
      .fallback = "notice",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The lowest level of the lines that are written",
      .choices = gee_log_level_names },
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
      .doc = "Calls that may wait for a thread; further calls are refused",
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
      .doc = "Connections of one worker; near the limit silent connections are closed for new ones, at the limit new "
             "connections wait to be accepted",
      .minimum = 1,
      .maximum = 10000000 },
    { .name = "total_connections",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_connection_settings_t, total_connections),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Connections of all workers together; further connections wait to be accepted; 0 for no limit",
      .minimum = 0,
      .maximum = 1000000000 },
    { .name = "connections_per_address",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_connection_settings_t, connections_per_address),
      .fallback = "1000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Connections of all workers with one client address (IPv6: a network of 64 bits); further connections are "
             "closed; 0 for any number, as where all clients come through one proxy",
      .minimum = 0,
      .maximum = 10000000 },
    { .name = "unauthenticated",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_connection_settings_t, unauthenticated),
      .fallback = "1000",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Connections of all workers in the handshake of a seal; near the limit silent connections are closed for "
             "new ones, at the limit new connections are closed; 0 for any number",
      .minimum = 0,
      .maximum = 10000000 },
    { .name = "unauthenticated_per_address",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_connection_settings_t, unauthenticated_per_address),
      .fallback = "100",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "As unauthenticated, of one client address (IPv6: a network of 64 bits)",
      .minimum = 0,
      .maximum = 10000000 },
    { .name = "handshakes_per_address",
      .type = GEE_OPTION_INT,
      .offset = offsetof(gee_connection_settings_t, handshakes_per_address),
      .fallback = "100",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Handshakes of seals a second that one client address (IPv6: a network of 64 bits) may begin with all "
             "workers; further handshakes are refused; 0 for any number",
      .minimum = 0,
      .maximum = 1000000 },
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
      .doc = "The user of the workers when root starts the server; not set: nobody",
      .check = check_not_empty },
    { .name = "pid",
      .type = GEE_OPTION_STRING,
      .offset = offsetof(gee_settings_t, pid),
      .fallback = "run/geerpc.pid",
      .doc = "The file with the master's process id, locked so that only one server uses the file",
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
      .doc = "The services that are served; not set: all that are compiled in except the examples, Arith and Foo",
      .table = service_options,
      .element_size = sizeof(gee_service_settings_t) },
    { .name = "upstreams",
      .type = GEE_OPTION_GROUPS,
      .offset = offsetof(gee_settings_t, upstreams),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Servers elsewhere, to which services are forwarded; each worker has its own connections to them",
      .table = upstream_options,
      .element_size = sizeof(gee_upstream_settings_t) },
    { .name = "descriptors",
      .type = GEE_OPTION_STRINGS,
      .offset = offsetof(gee_settings_t, descriptors),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "The same as services[].descriptors, for every forwarded service that these files have, and that has "
             "neither descriptors of its own nor is compiled in" },
    { .name = "announce",
      .type = GEE_OPTION_GROUPS,
      .offset = offsetof(gee_settings_t, announce),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Registries that have an entry of this server while the server runs",
      .table = announce_options,
      .element_size = sizeof(gee_announce_settings_t) },
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
      .doc = "How long a leaving worker waits for its connections to end before closing them" },
    { .name = "drain_delay",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_settings_t, drain_delay),
      .fallback = "0",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "How long a server that quits (QUIT, geerpc -s quit) still takes new connections while /readyz says that "
             "it is not "
             "ready, so that load balancers notice",
      .maximum = 3600 * GEE_SECOND },
    { .name = "handover_patience",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_settings_t, handover_patience),
      .fallback = "1s",
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "How long a worker that leaves waits for a moment without calls in flight on a connection, before it takes "
          "no further requests there for a moment so that those in flight end" },
    { .name = "upgrade_timeout",
      .type = GEE_OPTION_DURATION,
      .offset = offsetof(gee_settings_t, upgrade_timeout),
      .fallback = "1m",
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "How long a new binary has to become ready (USR2, geerpc -s upgrade) before the upgrade is given up",
      .minimum = GEE_SECOND,
      .maximum = 3600 * GEE_SECOND },
    { .name = "thread_pool",
      .type = GEE_OPTION_GROUP,
      .offset = offsetof(gee_settings_t, thread_pool),
      .flags = GEE_OPTION_RELOADABLE,
      .doc = "Threads for methods that block",
      .table = thread_pool_options },
    { .name = "core_dumps",
      .type = GEE_OPTION_CHOICE,
      .offset = offsetof(gee_settings_t, core_dumps),
      .fallback = "auto",
      .flags = GEE_OPTION_RELOADABLE,
      .doc =
          "Whether a worker that crashes may leave a core dump, and other processes of its user may trace it where it "
          "holds keys of seals; auto: where it holds none",
      .choices = core_dumps_words },
    { 0 },
};

size_t gee_settings_find_upstream(const gee_settings_t *settings, const char *name) {
    for (size_t i = 0; i < settings->upstreams.count; i++) {
        const char *other = gee_settings_upstream(settings, i)->name;
        if (other && strcmp(other, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

const char *gee_upstream_settings_codec(const gee_upstream_settings_t *upstream, const gee_protocol_t *protocol) {
    return upstream->codec ? upstream->codec : protocol->codec ? protocol->codec : "json";
}

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
