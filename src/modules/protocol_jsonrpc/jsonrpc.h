/* jsonrpc.h: the state of one JSON-RPC conversation, and the parts that work on it.
 *
 *   protocol_jsonrpc.c   one message is one JSON value, measured by codec_json
 *        |  serving                              |  calling
 *        v                                       v
 *   request.c   object or batch -> events    calling.c   requests out, replies in (1.0, as Go's servers want it)
 *   reply.c     events -> replies; those of a batch are gathered until the last of its calls has ended
 *   envelope.c  the short members of a message over a limit: enough to find its call
 *   scan.c      checks a JSON text and finds the members of an object in its bytes, decoding nothing */
#ifndef JSONRPC_H
#define JSONRPC_H

#include <gee/protocol.h>

/* The token of a served call, from which the reply is written. The upper bits are the number of the call's batch; 0:
 * none. */
enum {
    JSONRPC_TWO = 1u << 0,          /* the request came as 2.0, and is answered as 2.0 */
    JSONRPC_NOTIFICATION = 1u << 1, /* the request is not answered */
    JSONRPC_BATCH_SHIFT = 2
};

/* The codes of JSON-RPC 2.0, section 5.1. */
enum {
    JSONRPC_PARSE_ERROR = -32700,
    JSONRPC_INVALID_REQUEST = -32600,
    JSONRPC_METHOD_NOT_FOUND = -32601,
    JSONRPC_INVALID_PARAMS = -32602,
    JSONRPC_INTERNAL_ERROR = -32603,
    JSONRPC_SERVER_ERROR = -32000 /* and below: minus the status code */
};

typedef struct jsonrpc_batch {
    uint64_t number;
    size_t pending; /* calls without a reply, plus one for the reader while the batch is read */
    gee_chain_t replies;
    size_t counted; /* how many bytes of these replies `gathered` of the state includes */
} jsonrpc_batch_t;

typedef struct jsonrpc_state {
    gee_role_t role;
    gee_measure_t measure;
    bool started; /* some bytes of a message have been looked at */
    uint64_t last_batch;
    gee_number_map_t *batches;         /* number -> jsonrpc_batch_t; made by the first batch */
    size_t gathered;                   /* bytes of replies in all batches */
    struct jsonrpc_envelope *envelope; /* of a message that is being refused; null: there is no such message */
} jsonrpc_state_t;

/* ---- scan.c: results are slices of the JSON text; data null: there is none ---- */
typedef struct jsonrpc_slot {
    gee_str_t name;
    gee_str_t value;       /* the value under exactly this name, as 2.0 wants it */
    gee_str_t in_any_case; /* the last value under this name in any case, as Go reads 1.0 */
} jsonrpc_slot_t;

/* Checks a whole text. False: the text is not JSON. */
bool jsonrpc_check(gee_str_t text);
/* Fills in the members of these names; of two members with one name the last. `pool` is for names with escapes.
 * Precondition: `object` is a checked text. */
void jsonrpc_members(gee_str_t object, const gee_codec_t *json, gee_pool_t *pool, jsonrpc_slot_t *slots, size_t count);
/* Finds the next element of a list. *list is the whole list at first, and then its rest; false: there are no more
 * elements. Precondition: *list was a checked text. */
bool jsonrpc_next_element(gee_str_t *list, gee_str_t *element);
static inline char jsonrpc_first(gee_str_t value) {
    return value.length > 0 ? value.data[0] : '\0';
}
static inline bool jsonrpc_is_number(gee_str_t value) {
    char first = jsonrpc_first(value);
    return first == '-' || (first >= '0' && first <= '9');
}
/* The text of a JSON string; may point into `value`. Bytes that are not UTF-8, and half of a surrogate pair, become
 * U+FFFD, as in Go. -1: not a string, or out of memory. */
int jsonrpc_text(gee_str_t value, const gee_codec_t *json, gee_pool_t *pool, gee_str_t *text);
/* The version that the member "jsonrpc" names: 2; 1, also where there is no such member; 0: another version. */
unsigned jsonrpc_version(gee_str_t member, const gee_codec_t *json, gee_pool_t *pool);

/* ---- envelope.c ---- */
typedef struct jsonrpc_envelope jsonrpc_envelope_t;
/* Null: out of memory. */
jsonrpc_envelope_t *jsonrpc_envelope_create(const gee_error_t *reason);
void jsonrpc_envelope_destroy(jsonrpc_envelope_t **envelope);
/* Adds the next bytes of the message. */
void jsonrpc_envelope_add(jsonrpc_envelope_t *envelope, const uint8_t *bytes, size_t length);
const gee_error_t *jsonrpc_envelope_reason(const jsonrpc_envelope_t *envelope);
/* The message without its long parts; empty where the message is neither an object nor a list. */
gee_str_t jsonrpc_envelope_text(const jsonrpc_envelope_t *envelope);

/* ---- request.c ---- */
/* Serves one whole JSON value from the peer. `refusal` is null, or the reason for which `message` is only the envelope
 * of a refused message. -1: the conversation cannot go on. */
int jsonrpc_serve(gee_session_t *session, jsonrpc_state_t *state, gee_str_t message, const gee_status_t *refusal,
                  gee_error_t *error);

/* ---- reply.c ---- */
int jsonrpc_send_reply(gee_session_t *session, jsonrpc_state_t *state, const gee_event_t *event, gee_error_t *error);
/* Sends an error that belongs to no call. `id` is JSON, "null" where the id is not known. */
int jsonrpc_send_error(gee_session_t *session, jsonrpc_batch_t *batch, unsigned flags, gee_str_t id, int code,
                       const gee_status_t *status, gee_error_t *error);
/* Null: out of memory. The reader holds the batch until jsonrpc_batch_release(). */
jsonrpc_batch_t *jsonrpc_batch_create(gee_session_t *session, jsonrpc_state_t *state);
/* The reader, or a call, is done with the batch; the last one sends the gathered replies. -1: out of memory, and
 * nothing has changed. */
int jsonrpc_batch_release(gee_session_t *session, jsonrpc_state_t *state, jsonrpc_batch_t *batch, gee_error_t *error);
void jsonrpc_batches_destroy(jsonrpc_state_t *state);

/* ---- calling.c ---- */
int jsonrpc_send_request(gee_session_t *session, const gee_event_t *event, gee_error_t *error);
int jsonrpc_take_reply(gee_session_t *session, gee_str_t message, const gee_status_t *refusal, gee_error_t *error);

/* Appends a string literal to a chain. */
#define JSONRPC_PUT(out, literal) gee_chain_append(out, literal, sizeof(literal) - 1)

static inline int jsonrpc_no_memory(gee_error_t *error) {
    return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
}

#endif
