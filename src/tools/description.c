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

static bool is_true(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItem(object, name)) != 0;
}

static int read_fields(const cJSON *object, description_type_t *type) {
    const cJSON *list = cJSON_GetObjectItem(object, "Fields"), *item;
    type->fields = table_for(list, sizeof(*type->fields), &type->field_count);
    if (type->fields == NULL)
        return -1;
    description_field_t *field = type->fields;
    if (type->field_count > 0)
        cJSON_ArrayForEach(item, list) *field++ = (description_field_t){ .name = gee_json_text(item, "Name"),
                                                                         .json_name = gee_json_text(item, "JsonName"),
                                                                         .oneof = gee_json_text(item, "Oneof"),
                                                                         .default_text = gee_json_text(item, "Default"),
                                                                         .tag = gee_json_count(item, "Tag"),
                                                                         .type = gee_json_count(item, "Type"),
                                                                         .required = is_true(item, "Required") };
    return 0;
}

static int read_values(const cJSON *object, description_type_t *type) {
    const cJSON *list = cJSON_GetObjectItem(object, "Values"), *item;
    type->values = table_for(list, sizeof(*type->values), &type->value_count);
    if (type->values == NULL)
        return -1;
    description_value_t *value = type->values;
    if (type->value_count > 0)
        cJSON_ArrayForEach(item, list) {
            const cJSON *number = cJSON_GetObjectItem(item, "Number");
            *value++ = (description_value_t){ .name = gee_json_text(item, "Name"),
                                              .number = cJSON_IsNumber(number) ? number->valueint : 0 };
        }
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
            type->full_name = gee_json_text(item, "FullName");
            type->key = gee_json_text(item, "Key");
            type->element = gee_json_count(item, "Element");
            type->length = gee_json_count(item, "Length");
            type->unpacked = is_true(item, "Unpacked");
            type->closed = is_true(item, "Closed");
            if (read_fields(item, type) != 0 || read_values(item, type) != 0)
                return -1;
            type++;
        }
    return 0;
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
    for (size_t i = 0; description->types != NULL && i < description->type_count; i++) {
        free(description->types[i].fields);
        free(description->types[i].values);
    }
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

/* What two rows say without their members. */
static bool same_row(const description_t *description, size_t a, size_t b) {
    if (a >= description->type_count || b >= description->type_count)
        return a == b;
    const description_type_t *one = &description->types[a], *other = &description->types[b];
    return strcmp(one->kind, other->kind) == 0 && strcmp(one->name, other->name) == 0 &&
           strcmp(one->full_name, other->full_name) == 0 && strcmp(one->key, other->key) == 0 &&
           one->element == other->element && one->field_count == other->field_count &&
           one->value_count == other->value_count;
}

static bool same_field(const description_t *description, const description_field_t *one,
                       const description_field_t *other) {
    return one->tag == other->tag && strcmp(one->name, other->name) == 0 &&
           same_row(description, one->type, other->type);
}

static bool same_members(const description_t *description, const description_type_t *one,
                         const description_type_t *other) {
    for (size_t i = 0; i < one->field_count; i++)
        if (!same_field(description, &one->fields[i], &other->fields[i]))
            return false;
    for (size_t i = 0; i < one->value_count; i++)
        if (strcmp(one->values[i].name, other->values[i].name) != 0)
            return false;
    return true;
}

size_t gee_description_first(const description_t *description, size_t type) {
    for (size_t i = 0; i < type; i++)
        if (same_row(description, i, type) &&
            same_members(description, &description->types[i], &description->types[type]))
            return i;
    return type;
}

void gee_print_type(FILE *out, const description_t *description, size_t type) {
    for (int depth = 0; depth < TYPE_DEPTH && type < description->type_count; depth++) {
        const description_type_t *described = &description->types[type];
        if (strcmp(described->kind, "list") == 0) {
            if (described->length > 0)
                fprintf(out, "list of %zu ", described->length);
            else
                fputs("list of ", out);
        } else if (strcmp(described->kind, "map") == 0) {
            fputs("map of ", out);
            gee_print_text(out, STYLE_PLAIN, described->key[0] != '\0' ? described->key : "string");
            fputs(" to ", out);
        } else if (strcmp(described->kind, "optional") == 0) {
            fputs("optional ", out);
        } else {
            gee_print_text(out, STYLE_PLAIN, described->name[0] != '\0' ? described->name : described->kind);
            return;
        }
        type = described->element;
    }
    fputs("?", out);
}
