/* options.c: from the options of a program to the members of a caller. On the program's thread; nothing is dialled. */
#include "client/client.h"

#include <string.h>

#define CONNECT_TIMEOUT        (10 * GEE_SECOND) /* as in GeeRPC's clients */
#define WRITE_TIMEOUT          (60 * GEE_SECOND)
#define READ_TIMEOUT           (60 * GEE_SECOND)
#define FAIL_TIMEOUT           (10 * GEE_SECOND)
#define MESSAGE_LIMIT          (4 * GEE_MIB)
#define MESSAGE_LIMIT_SMALLEST 1024
#define CONNECTIONS_MOST       1000
#define RETRIES                2
#define RETRY_BUDGET           20 /* percent */

/* Members that this library does not have must be zero. */
int gee_read_options(void *target, size_t target_size, const void *options, size_t size, const char *type,
                     gee_error_t *error) {
    memset(target, 0, target_size);
    if (options == NULL)
        return 0;
    if (size < sizeof(size_t))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s: size must be sizeof(%s)", type, type);
    for (size_t i = target_size; i < size; i++)
        if (((const unsigned char *)options)[i] != 0)
            return gee_error_set(error, GEE_INVALID_ARGUMENT,
                                 "%s: an option is set that this version of the library (%s) does not have", type,
                                 gee_version);
    memcpy(target, options, size < target_size ? size : target_size);
    return 0;
}

static int64_t timeout_or(int64_t given, int64_t fallback) {
    return given > 0 ? given : given == 0 ? fallback : 0;
}

static int unknown(gee_module_kind_t kind, const char *what, const char *name, gee_error_t *error) {
    char names[200];
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s \"%.*s\" is unknown here; this library has: %s", what,
                         GEE_QUOTED(name), gee_module_names(gee_modules, kind, names, sizeof(names)));
}

static int choose_codec(gee_caller_t *caller, const gee_dial_options_t *options, gee_error_t *error) {
    const char *name = options->protocol ? options->protocol : "geerpc";
    const gee_protocol_t *protocol = gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, gee_str(name));
    if (protocol == NULL)
        return unknown(GEE_MODULE_PROTOCOL, "protocol", name, error);
    const char *only = protocol->codec, *codec = options->codec ? options->codec : only ? only : "json";
    if (only != NULL && strcmp(codec, only) != 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the protocol %s carries the codec %s only, not %.*s", name,
                             only, GEE_QUOTED(codec));
    caller->codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(codec));
    if (caller->codec == NULL)
        return unknown(GEE_MODULE_CODEC, "codec", codec, error);
    caller->json = gee_module_find(gee_modules, GEE_MODULE_CODEC, GEE_STR("json"));
    if (caller->json == NULL || caller->json->state_size != 0)
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "this library was built without codec_json, which JSON text needs");
    caller->upstream_options.settings.protocol = protocol;
    return 0;
}

static int set_limits(gee_caller_t *caller, const gee_dial_options_t *options, gee_error_t *error) {
    gee_pool_t *pool = gee_pool_create(GEE_KIB);
    if (pool == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    int failed = gee_options_default(gee_limits_options, &caller->limits, pool, error);
    gee_pool_destroy(&pool); /* limits are numbers: none points into the pool */
    if (failed)
        return -1;
    caller->limits.message = options->message_limit ? options->message_limit : MESSAGE_LIMIT;
    if (caller->limits.message < MESSAGE_LIMIT_SMALLEST || caller->limits.message > (uint64_t)INT32_MAX)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "message_limit must be %d to %d bytes",
                             MESSAGE_LIMIT_SMALLEST, INT32_MAX);
    caller->codec_limits.message = (size_t)caller->limits.message;
    caller->codec_limits.nesting = (unsigned)caller->limits.nesting;
    return 0;
}

static const gee_seal_setup_t *seal_of(void *data, const char *address GEE_UNUSED) {
    return data;
}

static int set_seal(gee_caller_t *caller, const gee_dial_options_t *options, gee_error_t *error) {
    gee_dial_settings_t *settings = &caller->upstream_options.settings;
    gee_seal_dial_t keys = { .server_key = options->server_key, .key = options->key_file };
    if (options->server_key == NULL)
        return options->key_file == NULL ? 0
                                         : gee_error_set(error, GEE_INVALID_ARGUMENT,
                                                         "key_file needs server_key, or nothing would be sealed");
    const gee_seal_t *seal = gee_seal_find(gee_modules, error);
    caller->seal = seal ? seal->dial(&keys, error) : NULL;
    settings->seal_setup = seal_of;
    settings->seal_data = caller->seal;
    return caller->seal ? 0 : -1;
}

static int set_dialling(gee_caller_t *caller, const gee_dial_options_t *given, gee_error_t *error) {
    gee_dial_options_t options;
    if (GEE_READ_OPTIONS(gee_dial_options_t, options, given, error) != 0 ||
        choose_codec(caller, &options, error) != 0 || set_limits(caller, &options, error) != 0)
        return -1;
    int64_t connect_timeout_ns = timeout_or(options.connect_timeout_ns, CONNECT_TIMEOUT);
    gee_dial_settings_t *settings = &caller->upstream_options.settings;
    settings->write_timeout_ns = timeout_or(options.write_timeout_ns, WRITE_TIMEOUT);
    if (set_seal(caller, &options, error) != 0)
        return -1;
    settings->setup = (gee_session_setup_t){ .codec = caller->codec,
                                             .connect_timeout_ns = connect_timeout_ns,
                                             .handle_timeout_ns = timeout_or(options.handle_timeout_ns, 0) };
    caller->upstream_options.limits.connect_timeout = connect_timeout_ns;
    /* The connection has a timer for the handshake. */
    caller->timeouts.read = timeout_or(options.read_timeout_ns, READ_TIMEOUT);
    caller->timeouts.write = settings->write_timeout_ns;
    caller->runtime = options.runtime;
    if (options.descriptors != NULL &&
        (caller->descriptors = gee_descriptors_load(options.descriptors, false, error)) == NULL)
        return gee_error_prefix(error, "descriptors: ");
    return 0;
}

static int set_balancing(gee_caller_t *caller, const gee_xclient_options_t *options, gee_error_t *error) {
    gee_upstream_limits_t *limits = &caller->upstream_options.limits;
    const char *balance = options->balance ? options->balance : "random";
    caller->upstream_options.balancer = gee_module_find(gee_modules, GEE_MODULE_BALANCER, gee_str(balance));
    if (caller->upstream_options.balancer == NULL)
        return unknown(GEE_MODULE_BALANCER, "balancer", balance, error);
    if (options->connections < 0 || options->connections > CONNECTIONS_MOST)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "connections must be 1 to %d, or 0 for the default",
                             CONNECTIONS_MOST);
    limits->connections = options->connections ? options->connections : 1;
    limits->retries = options->retries == 0 ? RETRIES : options->retries > 0 ? options->retries : 0;
    limits->retry_budget = RETRY_BUDGET;
    limits->fails = 1;
    limits->fail_timeout = timeout_or(options->fail_timeout_ns, FAIL_TIMEOUT);
    if (limits->fail_timeout == 0)
        limits->fail_timeout = INT64_MAX / 4;
    return 0;
}

int gee_caller_set_options(gee_caller_t *caller, const char *address, const gee_xclient_options_t *options,
                           gee_error_t *error) {
    gee_upstream_options_t *upstream = &caller->upstream_options;
    upstream->limits.queue = INT64_MAX; /* the program bounds how many calls wait */
    upstream->name = "client";
    if (set_dialling(caller, options->dial, error) != 0)
        return -1;
    if (address == NULL)
        return set_balancing(caller, options, error);
    upstream->once = true;
    upstream->limits.connections = 1;
    caller->address = strdup(address);
    return caller->address ? 0 : gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}
