/* client.c: the public functions, on the callers' threads: options, dial, call, close. */
#include "client/client.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"

#define CONNECT_TIMEOUT        (10 * GEE_SECOND) /* as GeeRPC's clients */
#define WRITE_TIMEOUT          (60 * GEE_SECOND)
#define READ_TIMEOUT           (60 * GEE_SECOND)
#define MESSAGE_LIMIT          (4 * GEE_MIB)
#define MESSAGE_LIMIT_SMALLEST 1024

const char *gee_version_text(void) {
    return gee_version;
}

void gee_free(void *memory) {
    free(memory);
}

const char *gee_client_address(const gee_client_t *client) {
    return client->addr.text;
}

/* ---- options ---- */

/* Copies what an application, built with an older or newer header, has set. What this library does not know must not be
 * set. */
static int read_options(void *target, size_t target_size, const void *options, size_t size, const char *type,
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
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "%s \"%.100s\" is unknown here; this library has: %s", what, name,
                         gee_module_names(gee_modules, kind, names, sizeof(names)));
}

static int choose_modules(gee_client_t *client, const char *address, const gee_dial_options_t *options,
                          gee_error_t *error) {
    const char *protocol = options->protocol ? options->protocol : "geerpc";
    if (gee_addr_parse(address, &client->addr, error) != 0)
        return -1;
    client->transport = gee_transport_by_scheme(gee_modules, client->addr.scheme);
    if (client->transport == NULL)
        return unknown(GEE_MODULE_TRANSPORT, "transport", client->addr.scheme, error);
    if (client->transport->check(&client->addr, error) != 0)
        return -1;
    client->protocol = gee_protocol_by_name(gee_modules, protocol);
    if (client->protocol == NULL)
        return unknown(GEE_MODULE_PROTOCOL, "protocol", protocol, error);
    gee_protocol_complete_address(client->protocol, &client->addr);
    const char *only = client->protocol->codec, *codec = options->codec ? options->codec : only ? only : "json";
    if (only != NULL && strcmp(codec, only) != 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "the protocol %s carries the codec %s only, not %.100s",
                             protocol, only, codec);
    client->codec = gee_codec_by_name(gee_modules, gee_str(codec));
    if (client->codec == NULL)
        return unknown(GEE_MODULE_CODEC, "codec", codec, error);
    client->json = gee_codec_by_name(gee_modules, GEE_STR("json"));
    if (client->json == NULL || client->json->state_size != 0)
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "this library was built without codec_json, which JSON text needs");
    return 0;
}

static int make_runtime(gee_client_t *client, const gee_dial_options_t *options, gee_error_t *error) {
    gee_limits_t limits;
    gee_timeouts_t timeouts = {
        /* the handshake has a timer of its own, in connection.c */
        .read = timeout_or(options->read_timeout_ns, READ_TIMEOUT),
        .write = client->write_timeout_ns,
    };
    gee_pool_t *pool = gee_pool_create(GEE_KIB);
    if (pool == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    int failed = gee_options_default(gee_limits_options, &limits, pool, error);
    gee_pool_destroy(&pool); /* limits are numbers: nothing points into it */
    if (failed)
        return -1;
    limits.message = options->message_limit ? options->message_limit : MESSAGE_LIMIT;
    if (limits.message < MESSAGE_LIMIT_SMALLEST || limits.message > (uint64_t)INT32_MAX)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "message_limit must be %d to %d bytes",
                             MESSAGE_LIMIT_SMALLEST, INT32_MAX);
    client->codec_limits.message = (size_t)limits.message;
    client->codec_limits.nesting = (unsigned)limits.nesting;
    client->runtime = gee_runtime_create(&limits, &timeouts, error);
    return client->runtime ? 0 : -1;
}

/* ---- dial and close ---- */

static void run_close(gee_task_t *task) {
    gee_connection_close(GEE_CONTAINER(task, gee_client_t, close_task));
}

static gee_client_t *client_new(void) {
    gee_client_t *client = calloc(1, sizeof(*client));
    if (client == NULL || pthread_mutex_init(&client->lock, NULL) != 0)
        goto fail;
    if (pthread_cond_init(&client->changed, NULL) != 0) {
        pthread_mutex_destroy(&client->lock);
        goto fail;
    }
    client->process = getpid();
    client->close_task.run = run_close;
    gee_list_init(&client->operations);
    gee_type_table_init(&client->types);
    return client;
fail:
    free(client);
    return NULL;
}

static void client_delete(gee_client_t **client) {
    gee_runtime_destroy(&(*client)->runtime);
    pthread_cond_destroy(&(*client)->changed);
    pthread_mutex_destroy(&(*client)->lock);
    free(*client);
    *client = NULL;
}

void gee_client_close(gee_client_t **handle) {
    gee_client_t *client = *handle;
    *handle = NULL;
    if (client == NULL || client->process != getpid())
        return; /* in a child: the loop, and the kernel's objects in it, are the parent's */
    pthread_mutex_lock(&client->lock);
    client->closing = true;
    pthread_mutex_unlock(&client->lock);
    gee_loop_post(client->runtime->loop, &client->close_task);
    pthread_mutex_lock(&client->lock);
    while (client->inside > 0 || !client->closed)
        pthread_cond_wait(&client->changed, &client->lock);
    pthread_mutex_unlock(&client->lock);
    client_delete(&client);
}

static int connect_now(gee_client_t *client, gee_error_t *error) {
    const gee_call_options_t none = { .size = sizeof(none) };
    gee_operation_t *operation = gee_operation_create(client, NULL, "", &none, error);
    if (operation == NULL)
        return -1;
    gee_operation_post(operation);
    int result = gee_operation_wait(operation, NULL, error);
    gee_operation_release(&operation);
    return result;
}

gee_client_t *gee_dial(const char *address, const gee_dial_options_t *given, gee_error_t *error) {
    gee_dial_options_t options;
    if (address == NULL) {
        gee_error_set(error, GEE_INVALID_ARGUMENT, "gee_dial: address must not be null");
        return NULL;
    }
    if (read_options(&options, sizeof(options), given, given ? given->size : 0, "gee_dial_options_t", error) != 0)
        return NULL;
    gee_client_t *client = client_new();
    if (client == NULL) {
        gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
        return NULL;
    }
    client->connect_timeout_ns = timeout_or(options.connect_timeout_ns, CONNECT_TIMEOUT);
    client->write_timeout_ns = timeout_or(options.write_timeout_ns, WRITE_TIMEOUT);
    if (choose_modules(client, address, &options, error) != 0 || make_runtime(client, &options, error) != 0) {
        client_delete(&client);
        return NULL;
    }
    client->setup = (gee_session_setup_t){ .codec = client->codec,
                                           .connect_timeout_ns = client->connect_timeout_ns,
                                           .handle_timeout_ns = timeout_or(options.handle_timeout_ns, 0) };
    if (connect_now(client, error) != 0)
        gee_client_close(&client);
    return client;
}

/* ---- call ---- */

static int enter(gee_client_t *client, gee_error_t *error) {
    if (client->process != getpid())
        return gee_error_set(error, GEE_FAILED_PRECONDITION,
                             "the client belongs to process %d, which dialled it; dial again after a fork",
                             (int)client->process);
    pthread_mutex_lock(&client->lock);
    bool closing = client->closing;
    if (!closing)
        client->inside++;
    pthread_mutex_unlock(&client->lock);
    return closing ? gee_error_set(error, GEE_CANCELLED, "the client was closed") : 0;
}

static void leave(gee_client_t *client) {
    pthread_mutex_lock(&client->lock);
    if (--client->inside == 0 && client->closing)
        pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

/* What came over a connection that speaks JSON was measured only: is it JSON? */
static int check_reply(const gee_operation_t *operation, char **reply, gee_error_t *error) {
    gee_error_t cause, complete;
    gee_str_t text = gee_str(*reply);
    if (operation->client->codec != operation->client->json || gee_text_check(operation->client, &text, &cause) == 0)
        return 0;
    gee_free(*reply);
    *reply = NULL;
    gee_error_prefix(&cause, "the reply is not JSON: ");
    gee_operation_error(operation, GEE_PHASE_WAIT, &cause, &complete);
    if (error != NULL)
        *error = complete;
    return -1;
}

static int call_inside(gee_client_t *client, const char *method, const char *arguments, char **reply,
                       const gee_call_options_t *options, gee_error_t *error) {
    gee_operation_t *operation = gee_operation_create(client, method, arguments, options, error);
    if (operation == NULL)
        return -1;
    int result = gee_text_check(client, &operation->arguments, error);
    if (result != 0)
        gee_error_prefix(error, "arguments: ");
    if (result == 0) {
        gee_operation_post(operation);
        result = gee_operation_wait(operation, reply, error);
    }
    if (result == 0)
        result = check_reply(operation, reply, error);
    gee_operation_release(&operation);
    return result;
}

int gee_client_call(gee_client_t *client, const char *method, const char *arguments_json, char **reply_json,
                    const gee_call_options_t *given, gee_error_t *error) {
    gee_call_options_t options;
    char *reply = NULL;
    if (reply_json != NULL)
        *reply_json = NULL;
    if (read_options(&options, sizeof(options), given, given ? given->size : 0, "gee_call_options_t", error) != 0)
        return -1;
    if (method == NULL || (options.metadata_count > 0 && options.metadata == NULL))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "gee_client_call: %s must not be null",
                             method ? "metadata" : "method");
    if (enter(client, error) != 0)
        return -1;
    int result = call_inside(client, method, arguments_json ? arguments_json : "{}", &reply, &options, error);
    leave(client);
    if (reply_json != NULL)
        *reply_json = reply;
    else
        gee_free(reply);
    return result;
}
