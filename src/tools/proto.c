/* proto.c: a description as a .proto file, for protoc.
 *
 *   struct, enum                         message, enum: by full name inside its package, nested as the name says
 *   list, map, optional of a field       repeated, map<>, optional
 *   anything that .proto cannot nest     a message that has the value as field 1, as docs/geerpc.proto says
 *   a bare value of a method             the same
 *
 * Names from a server may be anything: what is no identifier becomes one, and no two types get one name. */
#include <stdlib.h>
#include <string.h>

#include "tools/tools.h"

#define NAME_MAX_LENGTH 512
#define NUMBER_LENGTH   16    /* of the number that makes a name unique */
#define ROWS_MOST       10000 /* of types, of methods and of values, as each is compared with the others */

typedef struct printer {
    const description_t *description;
    char (*names)[NAME_MAX_LENGTH]; /* of the messages and enums, by type; "" of types without a name in the file */
    bool *wrapped;                  /* by type: the type needs a message around it */
    bool proto2;
    char package[NAME_MAX_LENGTH]; /* "" for none */
} printer_t;

static const char google[] = "google.protobuf.";

static bool is_kind(const description_type_t *type, const char *kind) {
    return strcmp(type->kind, kind) == 0;
}

static bool has_name(const description_type_t *type) {
    return is_kind(type, "struct") || is_kind(type, "enum");
}

static bool is_container(const description_type_t *type) {
    return is_kind(type, "list") || is_kind(type, "map") || is_kind(type, "optional");
}

static const char *full_name(const description_type_t *type) {
    return type->full_name[0] != '\0' ? type->full_name : type->name;
}

static bool is_google(const description_type_t *type) {
    return has_name(type) && strncmp(full_name(type), google, sizeof(google) - 1) == 0;
}

/* ---- names ---- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* Copies the text as an identifier; dots stay where `dots` says so. */
static void identifier(char *target, size_t size, const char *text, bool dots) {
    size_t length = 0;
    for (const char *at = text; *at != '\0' && length + 2 < size; at++) {
        bool begins = length == 0 || target[length - 1] == '.', digit = *at >= '0' && *at <= '9';
        if (begins && !is_letter(*at))
            target[length++] = '_';
        if (is_letter(*at) || digit || (dots && *at == '.' && !begins))
            target[length++] = *at;
        else if (!begins)
            target[length++] = '_';
    }
    if (length == 0 || target[length - 1] == '.')
        target[length++] = '_';
    target[length] = '\0';
}

/* "a.b.c": the length of "a.b"; 0 without a dot. */
static size_t outer_length(const char *name, size_t length) {
    const char *dot = memrchr(name, '.', length);
    return dot != NULL ? (size_t)(dot - name) : 0;
}

/* "package.Service.Method": the length of "package.Service" in the name. */
static size_t service_length(const char *method) {
    return outer_length(method, strlen(method));
}

/* The part of `name` behind "outer."; null: the name is not inside. `outer` "" is the file. */
static const char *inside(const char *name, const char *outer) {
    size_t length = strlen(outer);
    if (length == 0)
        return name;
    return strncmp(name, outer, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

/* "Service" of a method, with what of its package is not the file's; *length without the method. */
static const char *service_name(const printer_t *printer, const description_method_t *method, size_t *length) {
    size_t whole = service_length(method->name);
    const char *name = inside(method->name, printer->package);
    if (name == NULL || name > method->name + whole)
        name = method->name;
    *length = whole - (size_t)(name - method->name);
    return name;
}

/* By a service or by another type. */
static bool is_taken(const printer_t *printer, size_t type) {
    const description_t *description = printer->description;
    const char *name = printer->names[type];
    size_t length;
    for (size_t i = 0; i < description->type_count; i++)
        if (i != type && strcmp(printer->names[i], name) == 0)
            return true;
    for (size_t i = 0; i < description->method_count; i++) {
        const char *service = service_name(printer, &description->methods[i], &length);
        if (strlen(name) == length && strncmp(service, name, length) == 0)
            return true;
    }
    return false;
}

static void make_unique(const printer_t *printer, size_t type) {
    size_t length = strnlen(printer->names[type], NAME_MAX_LENGTH - NUMBER_LENGTH);
    for (unsigned number = 2; is_taken(printer, type); number++)
        snprintf(printer->names[type] + length, NUMBER_LENGTH, "_%u", number);
}

/* The name inside the file's package; of another package's type the whole name, with underscores for dots. */
static void name_type(const printer_t *printer, size_t index) {
    const description_type_t *type = &printer->description->types[index];
    const char *name = full_name(type);
    size_t length = strlen(printer->package);
    bool inside = length > 0 && strncmp(name, printer->package, length) == 0 && name[length] == '.';
    if (is_google(type)) {
        identifier(printer->names[index], NAME_MAX_LENGTH, name, true);
        return;
    }
    identifier(printer->names[index], NAME_MAX_LENGTH, inside ? name + length + 1 : name, inside || length == 0);
    make_unique(printer, index);
}

static const description_type_t *type_at(const printer_t *printer, size_t index) {
    return index < printer->description->type_count ? &printer->description->types[index] : NULL;
}

/* The word for a type that stands inside something else, or alone as an argument. */
static const char *reference(const printer_t *printer, size_t index) {
    const description_type_t *type = type_at(printer, index);
    if (type == NULL)
        return "bytes";
    if (has_name(type))
        return printer->names[gee_description_first(printer->description, index)];
    return printer->wrapped[index] ? printer->names[index] : type->kind;
}

static void capitalize(char *name) {
    if (name[0] >= 'a' && name[0] <= 'z')
        name[0] = (char)(name[0] - 'a' + 'A');
}

/* "Int64Value", "DoubleList", "ArgsMap", "OptionalBool". At most as deep as names are long. */
static void name_wrapper(const printer_t *printer, size_t index, char *name, size_t size, unsigned depth) {
    const description_type_t *type = type_at(printer, index);
    char inner[NAME_MAX_LENGTH] = "Value";
    if (type != NULL && !is_container(type))
        identifier(inner, sizeof(inner), has_name(type) ? type->name : type->kind, false);
    else if (type != NULL && depth < 8)
        name_wrapper(printer, type->element, inner, sizeof(inner), depth + 1);
    capitalize(inner);
    bool optional = type != NULL && is_kind(type, "optional");
    snprintf(name, size, "%s%.*s%s", optional ? "Optional" : "", NAME_MAX_LENGTH - 32, inner,
             type == NULL || !is_container(type) ? (depth == 0 ? "Value" : "")
             : is_kind(type, "list")             ? "List"
             : is_kind(type, "map")              ? "Map"
                                                 : "");
}

static void wrap(printer_t *printer, size_t index) {
    if (index < printer->description->type_count && !has_name(&printer->description->types[index]))
        printer->wrapped[index] = true;
}

/* Finds the types that need a message around them. */
static void find_wrapped(printer_t *printer) {
    const description_t *description = printer->description;
    for (size_t i = 0; i < description->method_count; i++) {
        wrap(printer, description->methods[i].argument);
        wrap(printer, description->methods[i].reply);
    }
    for (size_t i = 0; i < description->type_count; i++) {
        const description_type_t *type = &description->types[i], *element = type_at(printer, type->element);
        if (is_container(type) && element != NULL && is_container(element))
            wrap(printer, type->element);
        for (size_t j = 0; j < type->field_count; j++) {
            const description_type_t *member = type_at(printer, type->fields[j].type);
            if (member != NULL && type->fields[j].oneof[0] != '\0' &&
                (is_kind(member, "list") || is_kind(member, "map")))
                wrap(printer, type->fields[j].type);
        }
    }
}

static void name_all(printer_t *printer) {
    for (size_t i = 0; i < printer->description->type_count; i++)
        if (has_name(&printer->description->types[i]) && gee_description_first(printer->description, i) == i)
            name_type(printer, i);
    for (size_t i = 0; i < printer->description->type_count; i++)
        if (printer->wrapped[i]) {
            name_wrapper(printer, i, printer->names[i], NAME_MAX_LENGTH, 0);
            make_unique(printer, i);
        }
}

/* ---- fields ---- */

static void indent(unsigned depth) {
    printf("%*s", (int)(2 * depth), "");
}

static const char *label(const printer_t *printer, const char *proto3) {
    return printer->proto2 ? "optional " : proto3;
}

/* A scalar inside a field is named by its kind, though it stands alone elsewhere, in a message around it. */
static const char *member_reference(const printer_t *printer, size_t index) {
    const description_type_t *type = type_at(printer, index);
    return type == NULL || has_name(type) || is_container(type) ? reference(printer, index) : type->kind;
}

static void print_field_type(const printer_t *printer, size_t index, const char *presence) {
    const description_type_t *type = type_at(printer, index);
    if (type != NULL && is_kind(type, "list")) {
        printf("repeated %s", member_reference(printer, type->element));
    } else if (type != NULL && is_kind(type, "map")) {
        printf("map<%s, %s>", type->key[0] != '\0' ? type->key : "string", member_reference(printer, type->element));
    } else if (type != NULL && is_kind(type, "optional")) {
        const description_type_t *element = type_at(printer, type->element);
        bool message = element != NULL && (is_kind(element, "struct") || is_container(element));
        printf("%s%s",
               presence  ? presence
               : message ? label(printer, "")
                         : "optional ",
               member_reference(printer, type->element));
    } else {
        printf("%s%s", presence ? presence : label(printer, ""), member_reference(printer, index));
    }
}

static bool is_text(const printer_t *printer, size_t index) {
    const description_type_t *type = type_at(printer, index);
    if (type != NULL && is_kind(type, "optional"))
        type = type_at(printer, type->element);
    return type != NULL && (is_kind(type, "string") || is_kind(type, "bytes"));
}

/* A default or a name in quotes. */
static void print_quoted(const char *text) {
    putchar('"');
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if (*at < 0x20 || *at == 0x7f || *at == '"' || *at == '\\')
            printf("\\%03o", *at);
        else
            putchar(*at);
    putchar('"');
}

/* protoc's own choice of a JSON name: underscores go, the letter behind becomes a capital. */
static bool is_usual_json_name(const char *name, const char *json_name) {
    bool capital = false;
    for (; *name != '\0'; name++) {
        if (*name == '_') {
            capital = true;
            continue;
        }
        char wanted = capital && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        if (*json_name++ != wanted)
            return false;
        capital = false;
    }
    return *json_name == '\0';
}

static void print_option(unsigned *count, const char *name) {
    printf("%s%s = ", (*count)++ == 0 ? " [" : ", ", name);
}

/* The option of a list that is not packed as the syntax has lists. */
static void print_packed(const printer_t *printer, size_t index, unsigned *count) {
    const description_type_t *type = type_at(printer, index);
    if (type != NULL && is_kind(type, "list") && type->element < printer->description->type_count) {
        const description_type_t *element = &printer->description->types[type->element];
        bool number = !is_container(element) && !is_kind(element, "struct") && !is_kind(element, "string") &&
                      !is_kind(element, "bytes");
        if (number && type->unpacked != printer->proto2) {
            print_option(count, "packed");
            fputs(type->unpacked ? "false" : "true", stdout);
        }
    }
}

static void print_options(const printer_t *printer, const description_field_t *field) {
    unsigned count = 0;
    if (field->oneof[0] == '\0')
        print_packed(printer, field->type, &count);
    if (field->json_name[0] != '\0' && !is_usual_json_name(field->name, field->json_name)) {
        print_option(&count, "json_name");
        print_quoted(field->json_name);
    }
    if (field->default_text[0] != '\0' && printer->proto2) {
        char word[NAME_MAX_LENGTH];
        print_option(&count, "default");
        if (is_text(printer, field->type))
            print_quoted(field->default_text);
        else if (strspn(field->default_text, "0123456789+-.einfatrulsy") == strlen(field->default_text))
            fputs(field->default_text, stdout);
        else
            identifier(word, sizeof(word), field->default_text, false), fputs(word, stdout);
    }
    fputs(count > 0 ? "];" : ";", stdout);
}

static void print_field(const printer_t *printer, const description_field_t *field, unsigned depth) {
    const description_type_t *type = type_at(printer, field->type);
    char name[NAME_MAX_LENGTH];
    identifier(name, sizeof(name), field->name, false);
    indent(depth);
    if (field->oneof[0] != '\0' && type != NULL && (is_kind(type, "list") || is_kind(type, "map")))
        fputs(printer->names[field->type], stdout);
    else
        print_field_type(printer, field->type, field->oneof[0] != '\0' ? "" : field->required ? "required " : NULL);
    printf(" %s = %u", name, field->tag);
    print_options(printer, field);
    if (type != NULL && type->length > 0)
        printf(" // exactly %zu", type->length);
    putchar('\n');
}

/* Prints the oneof that begins with this field, and nothing for later members. */
static void print_oneof(const printer_t *printer, const description_type_t *type, size_t first, unsigned depth) {
    char name[NAME_MAX_LENGTH];
    for (size_t i = 0; i < first; i++)
        if (strcmp(type->fields[i].oneof, type->fields[first].oneof) == 0)
            return;
    identifier(name, sizeof(name), type->fields[first].oneof, false);
    indent(depth);
    printf("oneof %s {\n", name);
    for (size_t i = first; i < type->field_count; i++)
        if (strcmp(type->fields[i].oneof, type->fields[first].oneof) == 0)
            print_field(printer, &type->fields[i], depth + 1);
    indent(depth);
    printf("}\n");
}

/* ---- messages and enums ---- */

static void print_inside(const printer_t *printer, const char *outer, unsigned depth);

/* An empty line stands before each type of the file. */
static void begin(unsigned depth) {
    if (depth == 0)
        putchar('\n');
    indent(depth);
}

static bool is_printed(const printer_t *printer, size_t index) {
    const description_type_t *type = &printer->description->types[index];
    return printer->names[index][0] != '\0' && has_name(type) && !is_google(type);
}

static bool has_value(const description_type_t *type, const char *name) {
    for (size_t i = 0; i < type->value_count; i++)
        if (strcmp(type->values[i].name, name) == 0)
            return true;
    return false;
}

/* In a .proto a value's name is beside the name of its enum: has an earlier enum there a value of this name? */
static bool is_value_taken(const printer_t *printer, size_t index, const char *name) {
    size_t length = outer_length(printer->names[index], strlen(printer->names[index]));
    for (size_t i = 0; i < index; i++)
        if (is_printed(printer, i) && outer_length(printer->names[i], strlen(printer->names[i])) == length &&
            strncmp(printer->names[i], printer->names[index], length) == 0 &&
            has_value(&printer->description->types[i], name))
            return true;
    return false;
}

static void print_value(const printer_t *printer, size_t index, const char *enum_name, const description_value_t *value,
                        unsigned depth) {
    char name[NAME_MAX_LENGTH];
    identifier(name, sizeof(name), value->name, false);
    indent(depth);
    if (is_value_taken(printer, index, value->name))
        printf("%s_", enum_name);
    printf("%s = %d;\n", name, value->number);
}

static bool has_aliases(const description_type_t *type) {
    for (size_t i = 1; i < type->value_count; i++)
        if (type->values[i].number == type->values[i - 1].number)
            return true;
    return false;
}

/* proto3 wants the zero first. */
static void print_values(const printer_t *printer, size_t index, const char *name, unsigned depth) {
    const description_type_t *type = &printer->description->types[index];
    size_t zeros = 0;
    if (has_aliases(type)) {
        indent(depth);
        printf("option allow_alias = true;\n");
    }
    for (size_t i = 0; i < type->value_count; i++)
        if (type->values[i].number == 0 && ++zeros > 0)
            print_value(printer, index, name, &type->values[i], depth);
    if (zeros == 0 && !printer->proto2) {
        indent(depth);
        printf("%s_0 = 0;\n", name);
    }
    for (size_t i = 0; i < type->value_count; i++)
        if (type->values[i].number != 0)
            print_value(printer, index, name, &type->values[i], depth);
}

static void print_type(const printer_t *printer, size_t index, const char *name, unsigned depth) {
    const description_type_t *type = &printer->description->types[index];
    bool is_enum = is_kind(type, "enum");
    begin(depth);
    printf("%s %s {\n", is_enum ? "enum" : "message", name);
    if (is_enum)
        print_values(printer, index, name, depth + 1);
    else
        print_inside(printer, printer->names[index], depth + 1);
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].oneof[0] != '\0')
            print_oneof(printer, type, i, depth + 1);
        else
            print_field(printer, &type->fields[i], depth + 1);
    indent(depth);
    printf("}\n");
}

/* Is a message of that name described? A nested type may be, while the type around it is not. */
static bool is_described(const printer_t *printer, const char *name, size_t length) {
    for (size_t i = 0; i < printer->description->type_count; i++)
        if (is_printed(printer, i) && strncmp(printer->names[i], name, length) == 0 &&
            printer->names[i][length] == '\0')
            return true;
    return false;
}

/* Prints a message that is only there for the types in it, before the first of these. */
static void print_shell(const printer_t *printer, size_t index, const char *outer, unsigned depth) {
    const char *rest = inside(printer->names[index], outer);
    size_t length = (size_t)(rest - printer->names[index]) + strcspn(rest, ".");
    if (is_described(printer, printer->names[index], length))
        return;
    for (size_t i = 0; i < index; i++)
        if (is_printed(printer, i) && strncmp(printer->names[i], printer->names[index], length + 1) == 0)
            return;
    char name[NAME_MAX_LENGTH];
    snprintf(name, sizeof(name), "%.*s", (int)length, printer->names[index]);
    begin(depth);
    printf("message %s {\n", name + (rest - printer->names[index]));
    print_inside(printer, name, depth + 1);
    indent(depth);
    printf("}\n");
}

/* Prints the types whose names are directly inside `outer`. The depth is bounded by the length of names. */
static void print_inside(const printer_t *printer, const char *outer, unsigned depth) {
    for (size_t i = 0; i < printer->description->type_count; i++) {
        const char *name = is_printed(printer, i) ? inside(printer->names[i], outer) : NULL;
        if (name == NULL)
            continue;
        if (strchr(name, '.') == NULL)
            print_type(printer, i, name, depth);
        else
            print_shell(printer, i, outer, depth);
    }
}

static void print_wrappers(const printer_t *printer) {
    for (size_t i = 0; i < printer->description->type_count; i++) {
        if (!printer->wrapped[i])
            continue;
        unsigned count = 0;
        printf("\nmessage %s {\n  ", printer->names[i]);
        print_field_type(printer, i, NULL);
        printf(" value = 1");
        print_packed(printer, i, &count);
        printf("%s;\n}\n", count > 0 ? "]" : "");
    }
}

/* ---- the file ---- */

/* The package that all services are in, if they are in one. */
static void find_services_package(printer_t *printer) {
    for (size_t i = 0; i < printer->description->method_count; i++) {
        char service[NAME_MAX_LENGTH], package[NAME_MAX_LENGTH] = "";
        const char *method = printer->description->methods[i].name;
        snprintf(service, sizeof(service), "%.*s", (int)service_length(method), method);
        size_t length = service_length(service);
        if (length > 0) {
            service[length] = '\0';
            identifier(package, sizeof(package), service, true);
        }
        if (i > 0 && strcmp(package, printer->package) != 0) {
            printer->package[0] = '\0';
            return;
        }
        memcpy(printer->package, package, sizeof(package));
    }
}

static bool is_type(const description_t *description, const char *name, size_t length) {
    for (size_t i = 0; i < description->type_count; i++) {
        const char *other = description->types[i].full_name;
        if (strncmp(other, name, length) == 0 && other[length] == '\0')
            return true;
    }
    return false;
}

/* What all types are in that is no type itself: their package, or a package around theirs. */
static void find_types_package(printer_t *printer) {
    const description_t *description = printer->description;
    const char *package = "";
    size_t length = 0;
    for (size_t i = 0; i < description->type_count; i++) {
        const char *name = description->types[i].full_name;
        if (!has_name(&description->types[i]) || is_google(&description->types[i]))
            continue;
        if (package[0] == '\0')
            length = outer_length(package = name, strlen(name));
        while (length > 0 &&
               (strncmp(name, package, length) != 0 || name[length] != '.' || is_type(description, package, length)))
            length = outer_length(package, length);
        if (length == 0)
            return;
    }
    char whole[NAME_MAX_LENGTH];
    if (length > 0 && length < sizeof(whole)) {
        snprintf(whole, sizeof(whole), "%.*s", (int)length, package);
        identifier(printer->package, NAME_MAX_LENGTH, whole, true);
    }
}

static void find_package(printer_t *printer) {
    find_services_package(printer);
    if (printer->package[0] == '\0')
        find_types_package(printer);
}

static bool needs_proto2(const description_t *description) {
    for (size_t i = 0; i < description->type_count; i++) {
        if (description->types[i].closed)
            return true;
        for (size_t j = 0; j < description->types[i].field_count; j++)
            if (description->types[i].fields[j].required || description->types[i].fields[j].default_text[0] != '\0')
                return true;
    }
    return false;
}

static void print_imports(const description_t *description) {
    static const struct {
        const char *type, *file;
    } imports[] = {
        { "Any", "any" },
        { "Duration", "duration" },
        { "Empty", "empty" },
        { "FieldMask", "field_mask" },
        { "Timestamp", "timestamp" },
        { "Struct", "struct" },
        { "Value", "struct" },
        { "ListValue", "struct" },
        { "NullValue", "struct" },
        { "BoolValue", "wrappers" },
        { "Int32Value", "wrappers" },
        { "Int64Value", "wrappers" },
        { "UInt32Value", "wrappers" },
        { "UInt64Value", "wrappers" },
        { "FloatValue", "wrappers" },
        { "DoubleValue", "wrappers" },
        { "StringValue", "wrappers" },
        { "BytesValue", "wrappers" },
    };
    const char *last = "";
    for (size_t i = 0; i < sizeof(imports) / sizeof(imports[0]); i++)
        for (size_t j = 0; j < description->type_count; j++) {
            const description_type_t *type = &description->types[j];
            if (strcmp(imports[i].file, last) == 0 || !is_google(type) ||
                strcmp(full_name(type) + sizeof(google) - 1, imports[i].type) != 0)
                continue;
            printf("import \"google/protobuf/%s.proto\";\n", imports[i].file);
            last = imports[i].file;
        }
}

static void print_method(const printer_t *printer, const description_method_t *method) {
    char name[NAME_MAX_LENGTH];
    size_t length = service_length(method->name);
    identifier(name, sizeof(name), method->name + (length > 0 ? length + 1 : 0), false);
    printf("  rpc %s(%s%s) returns (%s%s)%s\n", name, method->client_streaming ? "stream " : "",
           reference(printer, method->argument), method->server_streaming ? "stream " : "",
           reference(printer, method->reply), method->idempotent ? " { option idempotency_level = IDEMPOTENT; }" : ";");
}

/* The service of method `first`, with all its methods; nothing when an earlier method is of that service. */
static void print_service(const printer_t *printer, size_t first) {
    const description_method_t *methods = printer->description->methods;
    size_t length = service_length(methods[first].name), own_length;
    char own[NAME_MAX_LENGTH], name[NAME_MAX_LENGTH];
    for (size_t i = 0; i < first; i++)
        if (service_length(methods[i].name) == length && strncmp(methods[i].name, methods[first].name, length) == 0)
            return;
    const char *begins = service_name(printer, &methods[first], &own_length);
    snprintf(own, sizeof(own), "%.*s", (int)own_length, begins);
    identifier(name, sizeof(name), own, false);
    putchar('\n');
    if (begins == methods[first].name && (printer->package[0] != '\0' || strcmp(name, own) != 0)) {
        printf("// The server's name of this service is ");
        print_quoted(own);
        printf(".\n");
    }
    printf("service %s {\n", name);
    for (size_t i = first; i < printer->description->method_count; i++)
        if (service_length(methods[i].name) == length && strncmp(methods[i].name, methods[first].name, length) == 0)
            print_method(printer, &methods[i]);
    printf("}\n");
}

static bool is_too_long(const description_t *description) {
    size_t values = 0;
    for (size_t i = 0; i < description->type_count; i++)
        values += description->types[i].value_count;
    return description->type_count > ROWS_MOST || description->method_count > ROWS_MOST || values > ROWS_MOST;
}

void gee_print_proto(const description_t *description) {
    size_t count = description->type_count > 0 ? description->type_count : 1;
    printer_t printer = { .description = description, .proto2 = needs_proto2(description) };
    printer.names = calloc(count, sizeof(*printer.names));
    printer.wrapped = calloc(count, sizeof(*printer.wrapped));
    if (is_too_long(description)) {
        gee_complain("the description has more than %d types, methods or values of enums: name a service", ROWS_MOST);
    } else if (printer.names == NULL || printer.wrapped == NULL) {
        gee_complain("out of memory");
    } else {
        find_package(&printer);
        find_wrapped(&printer);
        name_all(&printer);
        printf("// Made by geectl describe --proto.\nsyntax = \"%s\";\n\n", printer.proto2 ? "proto2" : "proto3");
        if (printer.package[0] != '\0')
            printf("package %s;\n\n", printer.package);
        print_imports(description);
        for (size_t i = 0; i < description->method_count; i++)
            print_service(&printer, i);
        print_inside(&printer, "", 0);
        print_wrappers(&printer);
    }
    free(printer.names);
    free(printer.wrapped);
}
