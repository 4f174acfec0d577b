/* gob.h: what the parts of codec_gob share. The format is that of Go's encoding/gob, as its documentation has it.
 *
 *   received bytes                                           value to be sent
 *        |                                                         |
 *   measure.c   where the value ends; definitions are    send.c    which definitions the peer has; our ids
 *        |      taken in: wire id -> definition              outline.c a gee_type_t or an inferred shape as a key
 *        |      (walk.c where interfaces hide the end); skip.c: the same for a value that is refused
 *        |                                                      encode.c  a typed value        infer.c   a tree's types
 *        v                                                         ^   encode_tree.c  a tree by its inferred types
 *   received.c  wire id -> schema, once a type                     |
 *        v                                                         |
 *   schema.c    types interned by structure, shared by all connections of a worker, with their plans
 *        v
 *   plan.c      (schema, gee_type_t) -> what to do with each field; names are compared here and never again
 *        |      (go_name.c: the names that the fields of protobuf's messages have in Go)
 *        v
 *   decode.c    bytes to C memory by a plan                  decode_tree.c  bytes to a tree
 *
 *   carry.c       bytes from one connection to another, checked
 *   plain.c       the usual form of a header, both ways, in a fixed shape
 *   definition.c  the bytes of a type definition, both ways     handover.c  a state as a record     wire.h  numbers */
#ifndef GEE_CODEC_GOB_H
#define GEE_CODEC_GOB_H

#include <gee/codec.h>

#include "wire.h"

/* ---- bounds of one connection each way, beside limits.message ---- */
#define GEE_GOB_FEW         8u              /* up to so many types a list is searched, above that a map */
#define GEE_GOB_IDS         1024u           /* type ids, each way */
#define GEE_GOB_DEFINITIONS (1024UL * 1024) /* bytes of type definitions */
#define GEE_GOB_UNITS       32768u          /* types and fields, summed over the schemas of the types of values */
#define GEE_GOB_NESTING     1000u           /* levels, even where limits.nesting is 0 or more */

/* Things that outlive their connections are bounded too. */
#define GEE_GOB_IDLE       256u                /* schemas, and definitions, without references */
#define GEE_GOB_IDLE_BYTES (16UL * 1024)       /* a longer definition or key is not kept idle */
#define GEE_GOB_PLAN_BYTES (8UL * 1024 * 1024) /* all plans of a worker; above that a plan lives for one decoding */
#define GEE_GOB_PLAN_SLOTS (256UL * 1024)      /* of one plan, including the plans to which the plan refers */

/* Sets the error and is -1, so that the compiler sees the result, too. */
#define GEE_GOB_FAIL(...) (gee_error_set(__VA_ARGS__), -1)

static inline unsigned gee_gob_nesting(const gee_codec_limits_t *limits) {
    return limits->nesting == 0 || limits->nesting > GEE_GOB_NESTING ? GEE_GOB_NESTING : limits->nesting;
}

/* ---- types ---- */

typedef enum gee_gob_kind {
    /* Ids that every peer knows. */
    GEE_GOB_BOOL = 1,
    GEE_GOB_INT,
    GEE_GOB_UINT,
    GEE_GOB_FLOAT,
    GEE_GOB_BYTES,
    GEE_GOB_STRING,
    GEE_GOB_COMPLEX,
    GEE_GOB_INTERFACE,
    /* Kinds of definitions. */
    GEE_GOB_ARRAY,
    GEE_GOB_SLICE,
    GEE_GOB_STRUCT,
    GEE_GOB_MAP,
    GEE_GOB_OPAQUE /* a type with an encoding of its own: GobEncoder, BinaryMarshaler, TextMarshaler */
} gee_gob_kind_t;

#define GEE_GOB_BUILTIN_LAST GEE_GOB_INTERFACE
#define GEE_GOB_FIRST_ID     64 /* the lowest id that a definition may have; Go 1.19 begins with 65 */

typedef struct gee_gob_node gee_gob_node_t;
typedef struct gee_gob_member {
    gee_str_t name;
    const gee_gob_node_t *node;
} gee_gob_member_t;

/* One type. Nodes refer to each other within their schema, also in circles. */
struct gee_gob_node {
    gee_gob_kind_t kind;
    uint32_t index;  /* in the schema's nodes */
    gee_str_t name;  /* struct, opaque */
    uint64_t length; /* array; opaque: which of the three encodings, as the member's number in a definition */
    const gee_gob_node_t *key, *element;
    gee_gob_member_t *members; /* struct */
    size_t member_count;
};

/* The type's name in texts: "int", "[]byte", "struct Args", "map". */
char *gee_gob_label(const gee_gob_node_t *node, char *target, size_t capacity);
#define GEE_GOB_LABEL 80

/* ---- schema.c: interned things ---- */

/* An object that is found by its key. An object without references stays for a while in the idle list of its table. */
typedef struct gee_gob_interned {
    gee_link_t idle;
    gee_str_t key;
    size_t references;
} gee_gob_interned_t;

typedef struct gee_gob_table {
    gee_string_map_t *by_key;
    gee_list_t idle; /* the object that is idle for the longest time comes first */
    size_t idle_count;
    void (*destroy)(gee_gob_interned_t *thing);
} gee_gob_table_t;

/* The bytes of a type definition, its id first: the key is the whole content. */
typedef struct gee_gob_definition {
    gee_gob_interned_t interned;
    uint8_t bytes[];
} gee_gob_definition_t;

typedef struct gee_gob_planned gee_gob_planned_t;

/* A type and all types to which the type refers, by structure: the same for every connection, whatever its ids. */
typedef struct gee_gob_schema {
    gee_gob_interned_t interned; /* the key describes the same types as the nodes: see outline.c */
    gee_pool_t *pool;            /* the memory of everything in the schema */
    const gee_gob_node_t *root;  /* a builtin, or nodes[0] */
    gee_gob_node_t *nodes;
    size_t node_count, units;
    size_t definition_bytes; /* upper bound of the bytes that the definitions take on a connection */
    size_t base_bytes;       /* of the pool, without the plans */
    bool has_interface;
    bool flat; /* a number or text, or a struct of these: such a value has neither depth nor counts */
    gee_gob_planned_t *plans;
    size_t *plan_bytes; /* the worker's sum */
} gee_gob_schema_t;

/* The buffer in which a key is built. */
typedef struct gee_gob_buffer {
    uint8_t *bytes;
    size_t length, capacity;
    bool failed; /* out of memory, or over the limit: looked at once, at the end */
} gee_gob_buffer_t;

/* The types of one key, known by an id or an address, and their numbers. */
typedef struct gee_gob_numbering {
    uint64_t types[GEE_GOB_IDS];
    size_t count;
    uint16_t slots[2 * GEE_GOB_IDS]; /* number + 1; 0: free */
} gee_gob_numbering_t;

/* A worker has one, or a state that shares with no other. */
typedef struct gee_gob_shared {
    gee_gob_table_t definitions, schemas;
    gee_number_map_t *by_type; /* address of a lasting gee_type_t -> schema; holds a reference */
    struct {
        const gee_type_t *type;
        gee_gob_schema_t *schema;
    } recent[64];         /* of these; by address */
    gee_gob_buffer_t key; /* for one key at a time, with its numbering */
    gee_gob_numbering_t *numbering;
    gee_pool_t *scratch; /* for one encoding or compiling at a time */
    size_t plan_bytes;
} gee_gob_shared_t;

gee_gob_shared_t *gee_gob_shared_create(gee_error_t *error);
void gee_gob_shared_destroy(gee_gob_shared_t **shared);

/* Return one more reference. Null: out of memory. */
gee_gob_definition_t *gee_gob_definition_intern(gee_gob_shared_t *shared, const uint8_t *bytes, size_t length);
gee_gob_schema_t *gee_gob_schema_intern(gee_gob_shared_t *shared, gee_str_t key);
void gee_gob_definition_release(gee_gob_shared_t *shared, gee_gob_definition_t **definition);
void gee_gob_schema_release(gee_gob_shared_t *shared, gee_gob_schema_t **schema);
static inline gee_gob_schema_t *gee_gob_schema_hold(gee_gob_schema_t *schema) {
    schema->interned.references++;
    return schema;
}

/* ---- definition.c ---- */

/* The parts of a definition; they point into its bytes. */
typedef struct gee_gob_view {
    int64_t id; /* positive */
    gee_gob_kind_t kind;
    gee_str_t name;
    int64_t key, element; /* ids */
    uint64_t length;
    size_t member_count;
    gee_gob_input_t members; /* of a struct */
} gee_gob_view_t;

/* Reads a definition, from its (negative) id on; afterwards the input is behind the definition. Checks everything that
 * can be checked without other definitions. */
int gee_gob_definition_read(gee_gob_input_t *input, gee_gob_view_t *view, gee_error_t *error);
/* Reads the next member. Precondition: `members` is a part of view->members, which gee_gob_definition_read() has
 * checked. */
void gee_gob_definition_next(gee_gob_input_t *members, gee_str_t *name, int64_t *id);

/* ---- outline.c: keys of schemas ----
 *
 * Types are numbered in the order in which they are first referred to, from the root on, breadth first:
 *
 *   key = count of nodes (4 bytes), ref(root), node*    node = kind, then by kind:  slice ref   array length ref
 *                                   map ref ref     struct name count (name ref)*     opaque which name
 *   ref = builtin id, or 16 + number
 *
 * So types of the same structure have the same key, independent of the peer that defined them and of their ids. */
#define GEE_GOB_REF 16u

void gee_gob_key_begin(gee_gob_shared_t *shared);
void gee_gob_key_number(gee_gob_buffer_t *key, uint64_t number);
void gee_gob_key_string(gee_gob_buffer_t *key, gee_str_t string);
/* Writes a reference to the type known by `type`. A new type gets the next number. */
void gee_gob_key_refer(gee_gob_shared_t *shared, uint64_t type);
void gee_gob_key_builtin(gee_gob_shared_t *shared, gee_gob_kind_t kind);
/* The schema of the key that was built, with one more reference. Null: out of memory, or too many types. */
gee_gob_schema_t *gee_gob_key_end(gee_gob_shared_t *shared, gee_error_t *error);
/* The schema of a C type, with one more reference. Null: out of memory, or gob cannot express the type. */
gee_gob_schema_t *gee_gob_schema_of(gee_gob_shared_t *shared, const gee_type_t *type, gee_error_t *error);
static inline size_t gee_gob_recent_place(const gee_type_t *type) {
    return ((uintptr_t)type >> 4 ^ (uintptr_t)type >> 10) % GEE_LENGTH(((gee_gob_shared_t *)0)->recent);
}
/* The same schema without a new reference, when `recent` has the schema: `shared` holds a reference as long as it
 * lives. Null: `recent` does not have the schema. */
static inline gee_gob_schema_t *gee_gob_recent_schema(const gee_gob_shared_t *shared, const gee_type_t *type) {
    size_t place = gee_gob_recent_place(type);
    return shared->recent[place].type == type ? shared->recent[place].schema : NULL;
}

/* ---- go_name.c ---- */
/* The names in Go of the fields of a type that has a full_name, in the pool. Null: out of memory, or there are too many
 * fields of one name. */
gee_str_t *gee_gob_go_names(const gee_type_t *type, gee_pool_t *pool);

/* ---- plan.c ---- */

typedef struct gee_gob_plan gee_gob_plan_t;

/* How one value on the wire is decoded. */
typedef struct gee_gob_slot {
    const gee_type_t *type; /* the type inside of optionals; null: the value is skipped */
    const gee_gob_node_t *node;
    const gee_gob_plan_t *plan; /* struct, list, map */
    const gee_field_t *field;   /* of a struct's slots */
    uint32_t offset;            /* of a struct's scalars: where the field is */
    uint8_t scalar; /* the gee_kind_t of a number or a text, BYTES where UTF-8 is not asked; 0: any other kind */
    bool optional;  /* `type` is the content of an optional */
} gee_gob_slot_t;

struct gee_gob_plan {
    gee_gob_slot_t *slots; /* struct: one for each member on the wire */
    size_t count;
    gee_gob_slot_t element; /* list, map */
    gee_gob_slot_t key;     /* map */
    /* while compiling */
    const gee_gob_node_t *node;
    const gee_type_t *type;
    gee_gob_plan_t *same_node, *queued;
    const gee_gob_plan_t *parent;
    const gee_gob_slot_t *parent_slot;
};

/* A plan that is kept, or the reason why there is none. */
struct gee_gob_planned {
    gee_gob_planned_t *next;
    const gee_type_t *type;
    gee_gob_slot_t slot;
    gee_code_t failed;
    const char *reason;
};

/* The plan that is kept for the type, or the reason why there is none; null: not tried yet, or not kept. */
static inline const gee_gob_planned_t *gee_gob_planned(const gee_gob_schema_t *schema, const gee_type_t *type) {
    const gee_gob_planned_t *planned = schema->plans;
    while (planned != NULL && planned->type != type)
        planned = planned->next;
    return planned;
}
/* How the schema's root is decoded. `pool` and `made`: memory for the plan when the plan is not kept. Null: the types
 * do not go together. */
const gee_gob_slot_t *gee_gob_plan(gee_gob_shared_t *shared, gee_gob_schema_t *schema, const gee_type_t *type,
                                   gee_pool_t *pool, gee_gob_slot_t *made, gee_error_t *error);

/* ---- a connection's state ---- */

/* The type that a wire id names. */
typedef struct gee_gob_wire_type {
    int64_t id;
    gee_gob_definition_t *definition; /* null: builtin */
    gee_gob_schema_t *schema;         /* null until a value of the type comes */
} gee_gob_wire_type_t;

/* A schema that was defined to the peer: its types have the ids from `first` on. */
typedef struct gee_gob_sent {
    gee_gob_schema_t *schema;
    int64_t first;
} gee_gob_sent_t;

typedef struct gee_gob_walk gee_gob_walk_t;

/* The state of both directions. A server has one for each idle connection. */
typedef struct gee_gob_state {
    gee_gob_shared_t *shared;
    /* receiving */
    gee_gob_wire_type_t *received;
    gee_number_map_t *received_by_id; /* wire id -> index in received, + 1; null while there are few */
    gee_gob_walk_t *walk;             /* through a value with interfaces that is being measured */
    uint32_t definition_bytes;
    uint16_t units;
    bool resumed; /* another process had the connection: bytes that were measured there may come once more */
    bool own;     /* `shared` belongs to this state alone, and is destroyed with the state */
    uint16_t definition_count;
    uint16_t received_count, received_capacity; /* including builtin types */
    uint16_t plain_received; /* index + 1 of the peer's type of headers, when it is like ours (plain.c) */
    /* sending */
    uint16_t plain_sent; /* the id of our type of headers; 0: not defined yet */
    uint16_t next_id;
    uint16_t sent_count, sent_capacity;
    gee_gob_sent_t *sent;
    gee_number_map_t *sent_by_schema; /* address -> index in sent, + 1; null while there are few */
} gee_gob_state_t;
_Static_assert(sizeof(gee_gob_state_t) <= 72, "each idle connection has one");
_Static_assert(GEE_GOB_DEFINITIONS <= UINT32_MAX && GEE_GOB_UNITS <= UINT16_MAX &&
                   GEE_GOB_IDS + GEE_GOB_FIRST_ID + GEE_GOB_BUILTIN_LAST < UINT16_MAX,
               "what gee_gob_state_t counts");

/* ---- measure.c ---- */
/* Reads the length of the message that begins here. */
gee_measured_t gee_gob_read_length(gee_gob_input_t *input, uint64_t *length, gee_error_t *error);

/* ---- skip.c ---- */
gee_measured_t gee_gob_skip_value(void *state, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                                  size_t *passed, const gee_codec_limits_t *limits, gee_error_t *error);

/* ---- plain.c ---- */
gee_measured_t gee_gob_read_beginning(void *state, const gee_measure_t *progress, const gee_type_t *header,
                                      const uint8_t *bytes, size_t length, gee_str_t *text, uint64_t *number);
size_t gee_gob_read_plain(void *state, const gee_type_t *header, const uint8_t *bytes, size_t length, gee_str_t *text,
                          uint64_t *number);
int gee_gob_write_plain(void *state, const gee_type_t *header, gee_str_t text, uint64_t number, gee_chain_t *out);

/* ---- handover.c ---- */
void gee_gob_export(const void *state, gee_record_t *out);
int gee_gob_import(void *state, gee_record_reader_t *in, gee_error_t *error);

/* ---- send.c ---- */
int64_t gee_gob_sent_id_among_many(const gee_gob_state_t *state, const gee_gob_schema_t *schema);
/* The id under which the peer knows the schema; 0: the peer does not know the schema. */
static inline int64_t gee_gob_known_id(const gee_gob_state_t *state, const gee_gob_schema_t *schema) {
    if (schema->node_count == 0)
        return (int64_t)schema->root->kind;
    if (state->sent_by_schema != NULL)
        return gee_gob_sent_id_among_many(state, schema);
    for (size_t i = 0; i < state->sent_count; i++)
        if (state->sent[i].schema == schema)
            return state->sent[i].first;
    return 0;
}
/* Notes that the peer knows the schema, under the ids from `first` on. -1: failed, also when `first` is not the next
 * id. */
int gee_gob_note_sent(gee_gob_state_t *state, gee_gob_schema_t *schema, int64_t first, gee_error_t *error);

/* ---- received.c ---- */
/* Takes a definition in. With `again`, a definition that already stands under the id counts as the same; else it is
 * refused. */
int gee_gob_define(gee_gob_state_t *state, gee_gob_input_t *input, bool again, gee_error_t *error);
/* The schema of a value's type, complete. Null: the type was never defined, or refers to a type that was not. */
gee_gob_schema_t *gee_gob_received(gee_gob_state_t *state, int64_t id, gee_error_t *error);
gee_gob_wire_type_t *gee_gob_received_find_among_many(const gee_gob_state_t *state, int64_t id);
/* Null: never defined. */
static inline gee_gob_wire_type_t *gee_gob_received_find(const gee_gob_state_t *state, int64_t id) {
    if (state->received_by_id != NULL)
        return gee_gob_received_find_among_many(state, id);
    for (size_t i = 0; i < state->received_count; i++)
        if (state->received[i].id == id)
            return &state->received[i];
    return NULL;
}
/* The same as gee_gob_received() for a type that was asked for before; else null. */
static inline gee_gob_schema_t *gee_gob_received_before(const gee_gob_state_t *state, int64_t id) {
    const gee_gob_wire_type_t *type = gee_gob_received_find(state, id);
    return type ? type->schema : NULL;
}
/* Most values are one message of at most 127 bytes, of a type that was asked for before. Returns the schema, with
 * *value behind the id. Null: another form, or malformed, for the general way to handle. */
static inline gee_gob_schema_t *gee_gob_received_short(const gee_gob_state_t *state, const uint8_t *bytes,
                                                       size_t length, gee_gob_input_t *value) {
    int64_t id;
    if (length == 0 || bytes[0] >= 0x80 || bytes[0] >= length)
        return NULL;
    *value = (gee_gob_input_t){ .at = bytes + 1, .end = bytes + 1 + bytes[0] };
    return gee_gob_read_int(value, &id) ? gee_gob_received_before(state, id) : NULL;
}
void gee_gob_received_clear(gee_gob_state_t *state);

/* ---- walk.c: through a value that is not decoded ---- */
typedef struct gee_gob_step {
    const gee_gob_node_t *node;
    uint64_t at; /* struct: number of the next member; others: values left */
} gee_gob_step_t;

struct gee_gob_walk {
    gee_gob_state_t *state; /* null: an interface that is not nil is an error */
    bool nil_too;           /* if `state` is null: a nil interface is an error, too */
    bool again;             /* definitions inside interfaces have been taken in before */
    unsigned depth, capacity;
    uint64_t behind; /* bytes of the message that have not come yet: skip.c */
    uint64_t beyond; /* how many of these bytes are passed already */
    gee_gob_step_t steps[];
};

/* Upper bound of the bytes of a step, other than a definition. */
#define GEE_GOB_STEP 64u

typedef enum gee_gob_walked {
    GEE_GOB_WALK_ERROR = -1,
    GEE_GOB_WALK_DONE,
    GEE_GOB_WALK_SUSPENDED,
    GEE_GOB_WALK_STARVED /* the next step may need bytes that have not come yet */
} gee_gob_walked_t;

/* Makes a walk for a value that is being measured or skipped, of any nesting: the decoders check the nesting. Null: out
 * of memory. */
gee_gob_walk_t *gee_gob_walk_create(gee_gob_state_t *state, gee_error_t *error);
/* Ends the walk of the state, if there is one. */
void gee_gob_walk_end(gee_gob_state_t *state);

/* Begins with a value of the type `node`. `top`: the value is not part of another, so a value that is no struct comes
 * after a zero. */
gee_gob_walked_t gee_gob_walk_begin(gee_gob_walk_t *walk, gee_gob_input_t *input, const gee_gob_node_t *node, bool top,
                                    gee_error_t *error);
/* SUSPENDED: a type definition within an interface has ended the message; the value goes on in the next message. */
gee_gob_walked_t gee_gob_walk_on(gee_gob_walk_t *walk, gee_gob_input_t *input, gee_error_t *error);
/* After an error: puts the names of the enclosing fields before its text. Returns -1. */
int gee_gob_walk_locate(const gee_gob_walk_t *walk, gee_error_t *error);

/* ---- reader of one value's messages, for the decoders ---- */
typedef struct gee_gob_reader {
    gee_gob_input_t in;   /* the current message */
    const uint8_t *limit; /* of the value's last message */
    gee_gob_state_t *state;
    gee_gob_schema_t *schema;
    gee_gob_walk_t *walk; /* made when the first value is skipped */
    gee_pool_t *pool;
    gee_error_t *error;
    unsigned levels; /* left */
    unsigned nesting;
    bool copy;
    bool repair; /* limits->repair */
    gee_path_t path;
} gee_gob_reader_t;

/* Passes the definitions. Afterwards the reader is at the value, behind the id. */
int gee_gob_reader_open(gee_gob_reader_t *reader, gee_gob_state_t *state, const uint8_t *bytes, size_t length,
                        const gee_codec_limits_t *limits, gee_pool_t *pool, gee_error_t *error);
/* Checks that no bytes follow the value. Puts the path into the error when `result` is -1. */
int gee_gob_reader_close(gee_gob_reader_t *reader, int result);
int gee_gob_skip(gee_gob_reader_t *reader, const gee_gob_node_t *node);
int gee_gob_truncated(gee_gob_reader_t *reader);
int gee_gob_no_memory(gee_gob_reader_t *reader);
int gee_gob_enter(gee_gob_reader_t *reader);
int gee_gob_read_text(gee_gob_reader_t *reader, bool utf8, bool copy, gee_bytes_t *text);
/* Reads the count before the elements of a slice, an array or a map. Each element takes at least `least` bytes. */
int gee_gob_read_count(gee_gob_reader_t *reader, const gee_gob_node_t *node, unsigned least, size_t *count);
/* Adds the distance to the next member to *next, the number of the member before (from 1; 0 at first). *more false: the
 * struct ends. */
int gee_gob_read_member(gee_gob_reader_t *reader, const gee_gob_node_t *node, size_t *next, bool *more);

static inline int gee_gob_take_uint(gee_gob_reader_t *reader, uint64_t *number) {
    return gee_gob_read_uint(&reader->in, number) ? 0 : (gee_gob_truncated(reader), -1);
}

/* ---- members of gee_codec_t ---- */
size_t gee_gob_padding(const uint8_t *bytes, size_t length);
gee_measured_t gee_gob_measure(void *state, gee_measure_t *progress, const uint8_t *bytes, size_t length,
                               const gee_codec_limits_t *limits, gee_error_t *error);
int gee_gob_decode(void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                   const gee_codec_limits_t *limits, bool copy, gee_pool_t *pool, void *value, gee_error_t *error);
int gee_gob_decode_tree(void *state, const uint8_t *bytes, size_t length, const gee_codec_limits_t *limits,
                        gee_pool_t *pool, gee_value_t *value, gee_error_t *error);
int gee_gob_encode(void *state, const gee_type_t *type, const void *value, gee_chain_t *out, gee_error_t *error);
int gee_gob_encode_tree(void *state, const gee_value_t *value, gee_chain_t *out, gee_error_t *error);
int gee_gob_check(const void *state, const gee_type_t *type, const uint8_t *bytes, size_t length,
                  const gee_codec_limits_t *limits, unsigned way, gee_error_t *error);
int gee_gob_carry(const void *from, void *to, const uint8_t *bytes, size_t length, gee_chain_t *out,
                  gee_error_t *error);
uint64_t gee_gob_mark(const void *state);
void gee_gob_rewind(void *state, uint64_t mark);

/* ---- infer.c: the types of a tree ----
 *
 * Lists and maps have one type of element: for structs, one with the fields of all elements. */
typedef struct gee_gob_shape gee_gob_shape_t;
typedef struct gee_gob_part {
    gee_str_t name;
    gee_gob_shape_t *shape;
    size_t number;            /* on the wire, from 1; 0: left out, since nothing tells the type (null, an empty list) */
    const gee_value_t *value; /* in the struct that is being written */
    uint64_t written;         /* the number of the struct in which the part was written last */
} gee_gob_part_t;

struct gee_gob_shape {
    gee_value_kind_t kind; /* NULL: not known */
    gee_str_t name;
    gee_gob_shape_t *element;
    gee_gob_part_t *parts; /* struct */
    size_t count, capacity;
    size_t *order;             /* room for the indices of the parts that one struct has */
    gee_string_map_t *by_name; /* of wide structs */
    gee_gob_shape_t *next_wide;
};

typedef struct gee_gob_inference {
    gee_pool_t *pool;
    gee_gob_shape_t *wide;
    unsigned levels;
    gee_error_t *error;
    gee_path_t path;
} gee_gob_inference_t;

/* Widens `shape` so that the value fits, too. Precondition of the next inference: this one is cleared, whatever the
 * result. */
int gee_gob_infer(gee_gob_inference_t *inference, gee_gob_shape_t *shape, const gee_value_t *value);
void gee_gob_inference_clear(gee_gob_inference_t *inference);
/* The part of that name; `guess` is its most likely index. Null: none. */
gee_gob_part_t *gee_gob_find_part(const gee_gob_shape_t *shape, gee_str_t name, size_t guess);
/* Numbers the parts; returns one more reference. Null: failed. */
gee_gob_schema_t *gee_gob_schema_of_shape(gee_gob_shared_t *shared, gee_gob_shape_t *shape, gee_error_t *error);

/* ---- writer: bytes of one message ---- Bytes that do not fit are only counted; a second pass then has room of exactly
 * that size. */
typedef struct gee_gob_writer {
    uint8_t *bytes;
    size_t capacity, length;
    unsigned levels; /* levels left */
    bool checked;    /* the pass before has found that the strings are UTF-8 */
    gee_error_t *error;
    gee_path_t path;
} gee_gob_writer_t;

void gee_gob_put_bytes(gee_gob_writer_t *writer, const void *bytes, size_t count);
void gee_gob_put_long(gee_gob_writer_t *writer, uint64_t number);
static inline void gee_gob_put_uint(gee_gob_writer_t *writer, uint64_t number) {
    if (number < 0x80 && writer->length < writer->capacity)
        writer->bytes[writer->length++] = (uint8_t)number;
    else
        gee_gob_put_long(writer, number);
}
static inline void gee_gob_put_int(gee_gob_writer_t *writer, int64_t number) {
    gee_gob_put_uint(writer, gee_gob_from_int(number));
}
int gee_gob_put_string(gee_gob_writer_t *writer, gee_str_t string);
int gee_gob_writer_enter(gee_gob_writer_t *writer);

/* Writes the content of one message, the same at each call; -1 with the writer's error. */
typedef int (*gee_gob_put_t)(gee_gob_writer_t *writer, const void *data);
/* Appends one message, with its length before it. */
int gee_gob_put_message(gee_chain_t *out, gee_error_t *error, gee_gob_put_t put, const void *data);

/* Writes the content of a definition, for send.c. */
void gee_gob_put_definition(gee_gob_writer_t *writer, const gee_gob_node_t *node, int64_t first);

/* ---- send.c ---- */
/* Appends the schema's definitions when the peer does not know the schema yet, then a message of the id and the bytes
 * that `put` writes. Takes a reference to the schema. -1: failed, and the definitions do not count as sent; the caller
 * must rewind `out`. */
int gee_gob_send(gee_gob_state_t *state, gee_gob_schema_t *schema, gee_chain_t *out, gee_error_t *error,
                 gee_gob_put_t put, const void *data);
void gee_gob_sent_clear(gee_gob_state_t *state);

#endif
