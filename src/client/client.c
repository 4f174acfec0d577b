/* client.c: the public functions of a client, which is a caller with one server, connected from the beginning; and the
 * public functions that need no client. */
#include "client/client.h"

#include <stdlib.h>

const char *gee_version_text(void) {
    return gee_version;
}

void gee_free(void *memory) {
    free(memory);
}

gee_client_t *gee_dial(const char *address, const gee_dial_options_t *options, gee_error_t *error) {
    const gee_server_t server = { .address = address };
    const gee_xclient_options_t alone = { .size = sizeof(alone), .dial = options };
    gee_caller_t *caller = gee_caller_create(&server, 1, &alone, true, error);
    if (caller == NULL)
        return NULL;
    if (gee_caller_connect(caller, error) == 0)
        return GEE_CONTAINER(caller, gee_client_t, caller);
    gee_caller_close(caller);
    return NULL;
}

void gee_client_close(gee_client_t **client) {
    if (*client != NULL)
        gee_caller_close(&(*client)->caller);
    *client = NULL;
}

const char *gee_client_address(const gee_client_t *client) {
    return client->caller.address;
}

int gee_client_ping(gee_client_t *client, int64_t timeout_ns, int64_t *elapsed_ns, gee_error_t *error) {
    return gee_caller_ping(&client->caller, timeout_ns, elapsed_ns, error);
}

int gee_client_call(gee_client_t *client, const char *method, const char *arguments_json, char **reply_json,
                    const gee_call_options_t *options, gee_error_t *error) {
    const gee_request_t request = gee_request_text(method, arguments_json, options);
    return gee_call_text(&client->caller, &request, reply_json, error);
}

int gee_client_call_typed(gee_client_t *client, const char *method, const gee_type_t *argument_type,
                          const void *arguments, const gee_type_t *reply_type, void *reply,
                          const gee_call_options_t *options, gee_error_t *error) {
    const gee_request_t request = gee_request_typed(method, argument_type, arguments, reply_type, options);
    return gee_call_typed(&client->caller, &request, reply, error);
}

gee_pending_t *gee_client_go(gee_client_t *client, const char *method, const char *arguments_json,
                             const gee_call_options_t *options, gee_done_t done, void *data, gee_error_t *error) {
    const gee_request_t request = gee_request_text(method, arguments_json, options);
    return gee_call_go(&client->caller, &request, done, data, error);
}

gee_pending_t *gee_client_go_typed(gee_client_t *client, const char *method, const gee_type_t *argument_type,
                                   const void *arguments, const gee_type_t *reply_type,
                                   const gee_call_options_t *options, gee_done_t done, void *data, gee_error_t *error) {
    const gee_request_t request = gee_request_typed(method, argument_type, arguments, reply_type, options);
    return gee_call_go(&client->caller, &request, done, data, error);
}
