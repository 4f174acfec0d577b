/* xclient.c: the public functions of an xclient: a caller with a list of servers. */
#include "client/client.h"

gee_xclient_t *gee_xclient_create(const gee_server_t *servers, size_t count, const gee_xclient_options_t *given,
                                  gee_error_t *error) {
    gee_xclient_options_t options;
    if (GEE_READ_OPTIONS(gee_xclient_options_t, options, given, error) != 0)
        return NULL;
    gee_caller_t *caller = gee_caller_create(servers, count, &options, false, error);
    return caller ? GEE_CONTAINER(caller, gee_xclient_t, caller) : NULL;
}

void gee_xclient_close(gee_xclient_t **xclient) {
    if (*xclient != NULL)
        gee_caller_close(&(*xclient)->caller);
    *xclient = NULL;
}

int gee_xclient_set_servers(gee_xclient_t *xclient, const gee_server_t *servers, size_t count, gee_error_t *error) {
    return gee_caller_set_servers(&xclient->caller, servers, count, error);
}

int gee_xclient_call(gee_xclient_t *xclient, const char *method, const char *arguments_json, char **reply_json,
                     const gee_call_options_t *options, gee_error_t *error) {
    const gee_request_t request = gee_request_text(method, arguments_json, options);
    return gee_call_text(&xclient->caller, &request, reply_json, error);
}

int gee_xclient_call_typed(gee_xclient_t *xclient, const char *method, const gee_type_t *argument_type,
                           const void *arguments, const gee_type_t *reply_type, void *reply,
                           const gee_call_options_t *options, gee_error_t *error) {
    const gee_request_t request = gee_request_typed(method, argument_type, arguments, reply_type, options);
    return gee_call_typed(&xclient->caller, &request, reply, error);
}

gee_pending_t *gee_xclient_go(gee_xclient_t *xclient, const char *method, const char *arguments_json,
                              const gee_call_options_t *options, gee_done_t done, void *data, gee_error_t *error) {
    const gee_request_t request = gee_request_text(method, arguments_json, options);
    return gee_call_go(&xclient->caller, &request, done, data, error);
}

gee_pending_t *gee_xclient_go_typed(gee_xclient_t *xclient, const char *method, const gee_type_t *argument_type,
                                    const void *arguments, const gee_type_t *reply_type,
                                    const gee_call_options_t *options, gee_done_t done, void *data,
                                    gee_error_t *error) {
    const gee_request_t request = gee_request_typed(method, argument_type, arguments, reply_type, options);
    return gee_call_go(&xclient->caller, &request, done, data, error);
}

int gee_xclient_broadcast(gee_xclient_t *xclient, const char *method, const char *arguments_json, char **reply_json,
                          const gee_call_options_t *options, gee_error_t *error) {
    gee_request_t request = gee_request_text(method, arguments_json, options);
    request.to_all = true;
    return gee_call_text(&xclient->caller, &request, reply_json, error);
}

int gee_xclient_broadcast_typed(gee_xclient_t *xclient, const char *method, const gee_type_t *argument_type,
                                const void *arguments, const gee_type_t *reply_type, void *reply,
                                const gee_call_options_t *options, gee_error_t *error) {
    gee_request_t request = gee_request_typed(method, argument_type, arguments, reply_type, options);
    request.to_all = true;
    return gee_call_typed(&xclient->caller, &request, reply, error);
}
