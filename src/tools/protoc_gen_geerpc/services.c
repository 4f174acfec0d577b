/* services.c: a service: prototypes of its handlers, the rows of its methods, its module; stubs.c has the client's
 * side. */
#include "tools/protoc_gen_geerpc/generator.h"

enum { FILE_SERVICE = 6, SERVICE_METHOD = 2 }; /* tags on the way to a method */

static void print_prototypes(FILE *out, const char *service, const method_t *method) {
    const gee_method_descriptor_proto_t *proto = method->proto;
    const char *message = proto->client_streaming ? "message" : "request";
    fprintf(out, "void %s_on_%s(gee_call_t *call, const %s *%s", service, method->name, method->request, message);
    if (proto->server_streaming)
        fputs(");\n", out);
    else
        fprintf(out, ", %s *reply);\n", method->reply);
    if (!proto->client_streaming)
        return;
    fprintf(out, "void %s_on_%s_end(gee_call_t *call", service, method->name);
    if (proto->server_streaming)
        fputs(");\n", out);
    else
        fprintf(out, ", %s *reply);\n", method->reply);
}

static void print_row(FILE *out, const char *service, const method_t *method) {
    const gee_method_descriptor_proto_t *proto = method->proto;
    const char *macro = proto->client_streaming   ? (proto->server_streaming ? "GEE_BIDI_STREAM" : "GEE_CLIENT_STREAM")
                        : proto->server_streaming ? "GEE_SERVER_STREAM"
                                                  : "GEE_METHOD";
    fprintf(out, "#define %s_%s_METHOD(flags) \\\n    %s(\"%s\", %s_on_%s, ", service, method->name, macro,
            method->name, service, method->name);
    if (proto->client_streaming)
        fprintf(out, "%s_on_%s_end, ", service, method->name);
    fprintf(out, "%s, %s, %s)\n", method->request, method->reply,
            proto->options.idempotency_level != GEE_PROTO_IDEMPOTENCY_UNKNOWN ? "(flags) | GEE_IDEMPOTENT" : "flags");
}

/* What a method is called in C: the same name must not be made twice. */
static void claim_method(generator_t *generator, const file_t *file, const char *service, const method_t *method) {
    static const char *const suffixes[] = { "", "_go", "_reply", "_spread", "_METHOD" };
    static const char *const stream_suffixes[] = { "_open", "_open_spread", "_send", "_receive", "_METHOD" };
    const gee_method_descriptor_proto_t *proto = method->proto;
    bool streaming = proto->client_streaming || proto->server_streaming;
    const char *full_name = gee_gen_print("method %s.%s", service, method->name);
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
        gee_gen_claim(generator, file, full_name,
                      gee_gen_print("%s_%s%s", service, method->name, streaming ? stream_suffixes[i] : suffixes[i]));
    gee_gen_claim(generator, file, full_name, gee_gen_print("%s_on_%s", service, method->name));
    if (proto->client_streaming)
        gee_gen_claim(generator, file, full_name, gee_gen_print("%s_on_%s_end", service, method->name));
}

static void print_methods_macro(FILE *out, const char *service, const gee_service_descriptor_proto_t *proto) {
    fprintf(out, "#define %s_METHODS(flags)", service);
    for (size_t i = 0; i < proto->method.count; i++)
        fprintf(out, "%s \\\n    %s_%.*s_METHOD(flags)", i ? "," : "", service,
                GEE_STR_ARGUMENTS(proto->method.items[i].name));
    fprintf(out,
            "\n/* A service module: the handlers above, written somewhere, and this line. flags: of all methods,\n"
            " * GEE_BLOCKING or 0. */\n"
            "#define %s_SERVICE(module, flags) \\\n    GEE_SERVICE(module, %s_NAME, %s_METHODS(flags))\n\n",
            service, service, service);
}

static void print_service(FILE *out, generator_t *generator, const file_t *file, size_t index) {
    const gee_service_descriptor_proto_t *proto = &file->proto.service.items[index];
    gee_str_t package = file->proto.package;
    const char *full_name = gee_gen_print("%.*s%s%.*s", GEE_STR_ARGUMENTS(package), package.length ? "." : "",
                                          GEE_STR_ARGUMENTS(proto->name));
    const char *service = gee_gen_claim(generator, file, full_name, gee_gen_joined(gee_str(full_name)));
    path_t path = gee_gen_path(NULL, FILE_SERVICE, index);
    gee_gen_comment(out, file, &path, "");
    fprintf(out, "#define %s_NAME \"%s\"\n\n", service, full_name);
    for (size_t i = 0; i < proto->method.count; i++) {
        method_t method;
        gee_gen_read_method(generator, file, &proto->method.items[i], &method);
        claim_method(generator, file, service, &method);
        path_t method_path = gee_gen_path(&path, SERVICE_METHOD, i);
        gee_gen_comment(out, file, &method_path, "");
        print_prototypes(out, service, &method);
        print_row(out, service, &method);
    }
    if (proto->method.count > 0)
        print_methods_macro(out, service, proto);
    gee_gen_stubs(out, generator, file, proto, service);
}

void gee_gen_services(FILE *out, generator_t *generator, const file_t *file) {
    if (file->proto.service.count == 0)
        return;
    fputs("/* ---- services: the server's handlers (gee/service.h), and calls of a client (geerpc.h) ---- */\n\n"
          "typedef struct gee_call gee_call_t;\n\n",
          out);
    for (size_t i = 0; i < file->proto.service.count; i++)
        print_service(out, generator, file, i);
}
