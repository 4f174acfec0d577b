/* stubs.c: the client's side of a service: calls with the types of the method, inline on geerpc.h. */
#include "tools/protoc_gen_geerpc/generator.h"

/* In a template: $S the service in C, $M the method, $A and $R its types, $N its name on the wire as a C literal. */
static const char unary[] =
    "static inline int $S_$M(gee_client_t *client, const $A *request, $R *reply,\n"
    "    const gee_call_options_t *options, gee_error_t *error) {\n"
    "    return gee_client_call_typed(client, $N,\n"
    "        GEE_TYPE_OF($A), request, GEE_TYPE_OF($R), reply, options, error);\n"
    "}\n"
    "static inline int $S_$M_spread(gee_xclient_t *xclient, const $A *request, $R *reply,\n"
    "    const gee_call_options_t *options, gee_error_t *error) {\n"
    "    return gee_xclient_call_typed(xclient, $N,\n"
    "        GEE_TYPE_OF($A), request, GEE_TYPE_OF($R), reply, options, error);\n"
    "}\n"
    "static inline gee_pending_t *$S_$M_go(gee_client_t *client, const $A *request,\n"
    "    const gee_call_options_t *options, gee_done_t done, void *data, gee_error_t *error) {\n"
    "    return gee_client_go_typed(client, $N,\n"
    "        GEE_TYPE_OF($A), request, GEE_TYPE_OF($R), options, done, data, error);\n"
    "}\n"
    "static inline const $R *$S_$M_reply(const gee_pending_t *pending) {\n"
    "    return (const $R *)gee_pending_reply(pending);\n"
    "}\n\n";

static const char stream[] =
    "static inline gee_client_stream_t *$S_$M_open(gee_client_t *client,\n"
    "    const gee_call_options_t *options, gee_stream_ready_t ready, void *data, gee_error_t *error) {\n"
    "    const gee_client_stream_options_t typed = { sizeof(typed), options, true, ready, data };\n"
    "    return gee_client_stream_open(client, $N, &typed, error);\n"
    "}\n"
    "static inline gee_client_stream_t *$S_$M_open_spread(gee_xclient_t *xclient,\n"
    "    const gee_call_options_t *options, gee_stream_ready_t ready, void *data, gee_error_t *error) {\n"
    "    const gee_client_stream_options_t typed = { sizeof(typed), options, true, ready, data };\n"
    "    return gee_xclient_stream_open(xclient, $N, &typed, error);\n"
    "}\n"
    "static inline gee_streamed_t $S_$M_send(gee_client_stream_t *stream, const $A *message,\n"
    "    int64_t timeout_ns, gee_error_t *error) {\n"
    "    return gee_client_stream_send_typed(stream, GEE_TYPE_OF($A), message, timeout_ns, error);\n"
    "}\n"
    "static inline gee_streamed_t $S_$M_receive(gee_client_stream_t *stream, $R *message,\n"
    "    int64_t timeout_ns, gee_error_t *error) {\n"
    "    return gee_client_stream_receive_typed(stream, GEE_TYPE_OF($R), message, timeout_ns, error);\n"
    "}\n\n";

static void print_template(FILE *out, const char *template, const char *service, const method_t *method) {
    for (const char *at = template; *at; at++) {
        if (*at != '$') {
            fputc(*at, out);
            continue;
        }
        switch (*++at) {
        case 'S':
            fputs(service, out);
            break;
        case 'M':
            fputs(method->name, out);
            break;
        case 'A':
            fputs(method->request, out);
            break;
        case 'R':
            fputs(method->reply, out);
            break;
        default:
            fprintf(out, "%s_NAME \".%s\"", service, method->name);
            break;
        }
    }
}

void gee_gen_stubs(FILE *out, generator_t *generator, const file_t *file, const gee_service_descriptor_proto_t *proto,
                   const char *service) {
    for (size_t i = 0; i < proto->method.count; i++) {
        method_t method;
        bool streaming = gee_gen_read_method(generator, file, &proto->method.items[i], &method);
        print_template(out, streaming ? stream : unary, service, &method);
    }
}
