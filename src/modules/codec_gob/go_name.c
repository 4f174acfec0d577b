/* go_name.c: the names of a message's fields in Go.
 *
 *   first_name  FirstName       _id  XId       line_2  Line_2       v4addr  V4Addr       string  String_
 *
 * A type with protobuf's full_name has the field names of its .proto; a Go program has the structs that protoc-gen-go
 * makes of the same .proto. So gob gets the names by the rule of protoc-gen-go (google.golang.org/protobuf,
 * internal/strs GoCamelCase; compiler/protogen makeNameUnique). */
#include "gob.h"

#define UNDERSCORES 16 /* of one name, for being unique */
#define GETTER      "Get"

static bool is_lower(char byte) {
    return byte >= 'a' && byte <= 'z';
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool begins_word(gee_str_t name, size_t at) {
    return at == 0 || name.data[at - 1] == '_' || is_digit(name.data[at - 1]);
}

/* Returns the length, which is at most that of `name`. */
static size_t to_camel_case(gee_str_t name, char *target) {
    size_t length = 0;
    for (size_t i = 0; i < name.length; i++) {
        char byte = name.data[i];
        if (byte == '_' && i > 0 && i + 1 < name.length && is_lower(name.data[i + 1]))
            continue;
        if (byte == '_' && i == 0)
            byte = 'X';
        else if (is_lower(byte) && begins_word(name, i))
            byte = (char)(byte - 'a' + 'A');
        target[length++] = byte;
    }
    return length;
}

/* Methods of every message in Go. */
static const char *const reserved[] = { "Reset",     "String",       "ProtoMessage", "Marshal",
                                        "Unmarshal", "ExtensionMap", "Descriptor",   "ExtensionRangeArray" };

/* ---- names that are unique by themselves ---- */

static bool is_reserved(gee_str_t name) {
    for (size_t i = 0; i < GEE_LENGTH(reserved); i++)
        if (reserved[i][0] == name.data[0] && gee_str_equal(gee_str(reserved[i]), name))
            return true;
    return false;
}

/* Words of small letters, with digits at their ends only, and one underscore between: as different as they are, so are
 * their names in Go. The first word is not "get", as in the names of getters. */
static bool is_plain(gee_str_t name) {
    char before = '_';
    for (size_t i = 0; i < name.length; before = name.data[i++]) {
        char byte = name.data[i];
        if (is_lower(byte) ? is_digit(before) : before == '_' || (byte != '_' && !is_digit(byte)))
            return false;
    }
    return before != '_' && (name.length < 4 || memcmp(name.data, "get_", 4) != 0);
}

/* False: the general way is needed, or there is no memory. */
static bool make_plain_names(const gee_type_t *type, gee_pool_t *pool, gee_str_t *names) {
    for (size_t i = 0; i < type->field_count; i++) {
        gee_str_t field = gee_field_name(&type->fields[i]);
        char *name = is_plain(field) ? gee_pool_alloc(pool, field.length) : NULL;
        if (name == NULL)
            return false;
        names[i] = (gee_str_t){ .data = name, .length = to_camel_case(field, name) };
        if (is_reserved(names[i]))
            return false;
    }
    return true;
}

/* ---- the general way ---- */

static int take_reserved(gee_string_map_t *taken) {
    for (size_t i = 0; i < GEE_LENGTH(reserved); i++)
        if (gee_string_map_put(taken, gee_str(reserved[i]), taken) != 0)
            return -1;
    return 0;
}

/* A field also takes the name of its getter. Data null: out of memory, or too many fields have that name. */
static gee_str_t make_name(gee_string_map_t *taken, gee_pool_t *pool, gee_str_t field) {
    static const gee_str_t none = { 0 };
    char *getter = gee_pool_alloc(pool, sizeof GETTER - 1 + field.length + UNDERSCORES);
    if (getter == NULL)
        return none;
    memcpy(getter, GETTER, sizeof GETTER - 1);
    gee_str_t name = { .data = getter + sizeof GETTER - 1 };
    name.length = to_camel_case(field, getter + sizeof GETTER - 1);
    gee_str_t with_getter = { .data = getter, .length = name.length + sizeof GETTER - 1 };
    while (gee_string_map_get(taken, name) != NULL || gee_string_map_get(taken, with_getter) != NULL) {
        if (name.length == field.length + UNDERSCORES)
            return none;
        getter[with_getter.length++] = '_';
        name.length++;
    }
    bool failed = gee_string_map_put(taken, name, taken) != 0 || gee_string_map_put(taken, with_getter, taken) != 0;
    return failed ? none : name;
}

static bool make_names(const gee_type_t *type, gee_pool_t *pool, gee_string_map_t *taken, gee_str_t *names) {
    if (taken == NULL || take_reserved(taken) != 0)
        return false;
    for (size_t i = 0; i < type->field_count; i++) {
        names[i] = make_name(taken, pool, gee_field_name(&type->fields[i]));
        if (names[i].data == NULL)
            return false;
    }
    return true;
}

gee_str_t *gee_gob_go_names(const gee_type_t *type, gee_pool_t *pool) {
    gee_str_t *names = gee_pool_array(pool, type->field_count + 1, sizeof *names);
    if (names == NULL || make_plain_names(type, pool, names))
        return names;
    gee_string_map_t *taken = gee_string_map_create();
    bool made = make_names(type, pool, taken, names);
    gee_string_map_destroy(&taken);
    return made ? names : NULL;
}
