/* description.c: from the reply of Gee.Describe to tables whose indices are checked. */
#include <stdlib.h>
#include <string.h>

#include "tools/json.h"
#include "tools/tools.h"

#define TYPE_DEPTH 20 /* of lists, maps and optionals inside each other, when a type is printed */

/* A zeroed array with a structure for each member of `list`; *count is 0 when `list` is no list. Null: out of
 * memory. */
static void *table_for(const cJSON *list, size_t size, size_t *count) {
    *count = cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    return calloc(*count ? *count : 1, size);
}

static int read_fields(const cJSON *object, description_type_t *type) {
    const cJSON *list = cJSON_GetObjectItem(object, "Fields"), *item;
    type->fields = table_for(list, sizeof(*type->fields), &type->field_count);
    if (type->fields == NULL)
        return -1;
    description_field_t *field = type->fields;
    if (type->field_count > 0)
        cJSON_ArrayForEach(item, list) *field++ = (description_field_t){ .name = gee_json_text(item, "Name"),
                                                                         .tag = gee_json_count(item, "Tag"),
                                                                         .type = gee_json_count(item, "Type") };
    return 0;
}

static int read_types(const cJSON *tree, description_t *description) {
    const cJSON *list = cJSON_GetObjectItem(tree, "Types"), *item;
    description->types = table_for(list, sizeof(*description->types), &description->type_count);
    if (description->types == NULL)
        return -1;
    description_type_t *type = description->types;
    if (description->type_count > 0)
        cJSON_ArrayForEach(item, list) {
            type->kind = gee_json_text(item, "Kind");
            type->name = gee_json_text(item, "Name");
            type->element = gee_json_count(item, "Element");
            if (read_fields(item, type) != 0)
                return -1;
            type++;
        }
    return 0;
}

static bool is_true(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItem(object, name)) != 0;
}

static int read_methods(const cJSON *tree, description_t *description) {
    const cJSON *list = cJSON_GetObjectItem(tree, "Methods"), *item;
    description->methods = table_for(list, sizeof(*description->methods), &description->method_count);
    if (description->methods == NULL)
        return -1;
    description_method_t *method = description->methods;
    if (description->method_count > 0)
        cJSON_ArrayForEach(item, list) *method++ =
            (description_method_t){ .name = gee_json_text(item, "Name"),
                                    .argument = gee_json_count(item, "Argument"),
                                    .reply = gee_json_count(item, "Reply"),
                                    .idempotent = is_true(item, "Idempotent"),
                                    .blocking = is_true(item, "Blocking"),
                                    .client_streaming = is_true(item, "ClientStreaming"),
                                    .server_streaming = is_true(item, "ServerStreaming") };
    return 0;
}

static void free_description(description_t *description) {
    for (size_t i = 0; description->types != NULL && i < description->type_count; i++)
        free(description->types[i].fields);
    free(description->types);
    free(description->methods);
    cJSON_Delete(description->tree);
    memset(description, 0, sizeof(*description));
}

static int read_description(const char *json, description_t *description) {
    memset(description, 0, sizeof(*description));
    description->tree = cJSON_Parse(json);
    if (cJSON_IsObject(description->tree) && read_types(description->tree, description) == 0 &&
        read_methods(description->tree, description) == 0)
        return 0;
    free_description(description);
    return -1;
}

char *gee_description_request(const char *name) {
    cJSON *tree = cJSON_CreateObject();
    char *text = tree && cJSON_AddStringToObject(tree, "Method", name) ? cJSON_PrintUnformatted(tree) : NULL;
    cJSON_Delete(tree);
    return text;
}

void gee_description_request_free(char *request) {
    cJSON_free(request);
}

int gee_description_who_streams(const char *reply, const char *method, who_streams_t *who) {
    description_t description;
    int result = -1;
    if (read_description(reply, &description) != 0)
        return -1;
    for (size_t i = 0; i < description.method_count; i++)
        if (strcmp(description.methods[i].name, method) == 0) {
            *who = (who_streams_t){ .client = description.methods[i].client_streaming,
                                    .server = description.methods[i].server_streaming };
            result = 0;
        }
    free_description(&description);
    return result;
}

int gee_description_ask_who_streams(const arguments_t *arguments, who_streams_t *who, int *status) {
    const char *method = arguments->items[1];
    connection_t connection;
    gee_error_t error;
    char *reply = NULL;
    if (gee_connect(arguments, &connection, status) != 0)
        return -1;
    char *json = gee_description_request(method);
    int result = -1;
    *status = EXIT_USAGE;
    if (json == NULL)
        gee_complain("out of memory");
    else if (gee_call(&connection, arguments, "Gee.Describe", json, &reply, &error) != 0)
        *status = gee_report_error(&error);
    else if ((result = gee_description_who_streams(reply, method, who)) != 0)
        gee_complain("%s: the reply of Gee.Describe does not have %s", arguments->items[0], method);
    gee_free(reply);
    cJSON_free(json);
    gee_client_close(&connection.client);
    return result;
}

static int show_reply(const connection_t *connection, const arguments_t *arguments, char *reply,
                      void (*print)(const description_t *description)) {
    description_t description;
    if (read_description(reply, &description) != 0) {
        gee_complain("%s: the reply of Gee.Describe is no description", gee_client_address(connection->client));
        return EXIT_CONNECTION;
    }
    if (arguments->json)
        gee_print_json(reply);
    else
        print(&description);
    free_description(&description);
    return EXIT_REPLY;
}

int gee_description_show(const arguments_t *arguments, const char *name,
                         void (*print)(const description_t *description)) {
    connection_t connection;
    gee_error_t error;
    char *reply = NULL;
    int status;
    if (gee_connect(arguments, &connection, &status) != 0)
        return status;
    char *json = gee_description_request(name);
    if (json == NULL)
        status = gee_complain("out of memory");
    else if (gee_call(&connection, arguments, "Gee.Describe", json, &reply, &error) != 0)
        status = gee_report_error(&error);
    else
        status = show_reply(&connection, arguments, reply, print);
    gee_free(reply);
    cJSON_free(json);
    gee_client_close(&connection.client);
    return status;
}

void gee_print_type(FILE *out, const description_t *description, size_t type) {
    for (int depth = 0; depth < TYPE_DEPTH && type < description->type_count; depth++) {
        const description_type_t *described = &description->types[type];
        if (strcmp(described->kind, "list") == 0) {
            fputs("list of ", out);
        } else if (strcmp(described->kind, "map") == 0) {
            fputs("map of string to ", out);
        } else if (strcmp(described->kind, "optional") == 0) {
            fputs("optional ", out);
        } else {
            gee_print_text(out, STYLE_PLAIN,
                           strcmp(described->kind, "struct") == 0 ? described->name : described->kind);
            return;
        }
        type = described->element;
    }
    fputs("?", out);
}
