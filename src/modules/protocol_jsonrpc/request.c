/* request.c: the serving role: from a JSON value to calls.
 *
 *   object --> members --> which version, is it a request? --> gee_session_event
 *   list  --> the same for each element, with their replies gathered in one list
 *
 * 1.0 is what Go's net/rpc/jsonrpc makes of it: `params` is a list of one, `id` any value, names of members are in any
 * case, and a request without an id is answered too, with null; `{}` is a request, and gets the error that no method is
 * named. 2.0 follows its specification: a request without an id is a notification. */
#include "jsonrpc.h"

#include <stdio.h>

#define BATCH_LIMIT 1000 /* elements, where limits.calls sets no bound */

typedef struct request {
    gee_str_t method, params, id; /* JSON; data null: not present */
    size_t length;                /* of the whole request */
} request_t;

/* Where the replies to the request that is being read go. */
typedef struct reading {
    gee_session_t *session;
    jsonrpc_state_t *state;
    jsonrpc_batch_t *batch;      /* null: replies go straight out */
    const gee_status_t *refusal; /* why the request is refused; null: the request is taken */
} reading_t;

static int refuse(const reading_t *reading, unsigned flags, gee_str_t id, int code, const char *text,
                  gee_error_t *error) {
    gee_status_t status = { .code = GEE_INVALID_ARGUMENT, .text = gee_str(text) };
    if (jsonrpc_send_error(reading->session, reading->batch, flags, id, code, &status, error) != 0)
        return -1;
    if (reading->batch == NULL)
        gee_stream_flush(gee_session_stream(reading->session));
    return 0;
}

/* Finds the part of `params` that is the argument, as JSON. False, with the reason: there is no argument. */
static bool find_argument(const request_t *request, bool two, gee_str_t *argument, int *code, const char **reason) {
    gee_str_t list = request->params, further;
    char first = jsonrpc_first(list);
    *argument = GEE_STR("null"); /* every type reads null as zero */
    *code = JSONRPC_INVALID_PARAMS;
    switch (first) {
    case '{': /* parameters by name */
        *argument = list;
        return true;
    case '[':
        /* Of several elements a server written in Go takes the first. */
        if (!jsonrpc_next_element(&list, argument) || !two || !jsonrpc_next_element(&list, &further))
            return true;
        *reason = "Invalid params: one argument is needed, in a list of one or as an object";
        return false;
    case 'n':
    case '\0':
        *reason = "jsonrpc: request body missing params";
        return two;
    default:
        *code = JSONRPC_INVALID_REQUEST;
        *reason = two ? "Invalid Request: params is neither a list nor an object" : "jsonrpc: params is not a list";
        return false;
    }
}

/* The bytes of a message are in the inbox, where a reference can hold them; the bytes of a literal are not. */
static gee_buf_t *home_of(const gee_session_t *session, gee_str_t bytes) {
    const gee_inbox_t *inbox = gee_stream_inbox(gee_session_stream(session));
    uintptr_t at = (uintptr_t)bytes.data, start = (uintptr_t)gee_inbox_bytes(inbox);
    return at >= start && at - start < gee_inbox_length(inbox) ? inbox->buf : NULL;
}

static void begin_call(const reading_t *reading, const request_t *request, unsigned flags, gee_str_t method,
                       gee_str_t id, gee_str_t argument) {
    gee_session_t *session = reading->session;
    gee_event_t event = { .parts = GEE_EVENT_REQUEST,
                          .token = { .number = flags, .raw = id },
                          .method = method,
                          .codec = gee_session_codec(session),
                          .payload = { .kind = GEE_PAYLOAD_BYTES,
                                       .codec = gee_session_codec(session),
                                       .codec_state = gee_session_receive_state(session),
                                       .bytes = (const uint8_t *)argument.data,
                                       .length = argument.length,
                                       .message_length = request->length,
                                       .buf = home_of(session, argument) } };
    if (reading->refusal != NULL)
        event.payload = (gee_payload_t){ .kind = GEE_PAYLOAD_REFUSED, .refusal = reading->refusal };
    if (reading->batch != NULL && !(flags & JSONRPC_NOTIFICATION)) {
        event.token.number |= reading->batch->number << JSONRPC_BATCH_SHIFT;
        reading->batch->pending++;
    }
    gee_session_event(session, &event);
}

/* 1.0: a server written in Go takes any value for an id, and a request without an id as a request with the id null. */
static int serve_one(const reading_t *reading, const request_t *request, gee_error_t *error) {
    gee_engine_t *engine = gee_session_engine(reading->session);
    gee_str_t id = request->id.data ? request->id : GEE_STR("null");
    gee_str_t method = { 0 }, argument;
    const char *reason;
    int code;
    if (jsonrpc_first(request->method) != '\0' && jsonrpc_first(request->method) != 'n' &&
        jsonrpc_text(request->method, gee_session_codec(reading->session), gee_engine_scratch(engine), &method) != 0)
        return refuse(reading, 0, id, JSONRPC_INVALID_REQUEST, "jsonrpc: method is not a string", error);
    /* As in Go, an error of the method is reported before an error of the argument. */
    if (!find_argument(request, false, &argument, &code, &reason) && reading->refusal == NULL &&
        gee_session_knows_method(reading->session, method))
        return refuse(reading, 0, id, code, reason, error);
    begin_call(reading, request, 0, method, id, argument);
    return 0;
}

/* 2.0, section 4: an id is a string, a number, or null. */
static bool is_id(gee_str_t id) {
    return jsonrpc_first(id) == '"' || jsonrpc_first(id) == 'n' || jsonrpc_is_number(id);
}

static int serve_two(const reading_t *reading, const request_t *request, gee_error_t *error) {
    gee_engine_t *engine = gee_session_engine(reading->session);
    unsigned flags = JSONRPC_TWO | (request->id.data == NULL ? JSONRPC_NOTIFICATION : 0);
    gee_str_t id = is_id(request->id) ? request->id : GEE_STR("null");
    gee_str_t method, argument;
    const char *reason;
    int code;
    if (request->id.data != NULL && !is_id(request->id))
        return refuse(reading, JSONRPC_TWO, id, JSONRPC_INVALID_REQUEST,
                      "Invalid Request: id is neither a string nor a number nor null", error);
    if (jsonrpc_text(request->method, gee_session_codec(reading->session), gee_engine_scratch(engine), &method) != 0)
        return refuse(reading, JSONRPC_TWO, id, JSONRPC_INVALID_REQUEST, "Invalid Request: method is not a string",
                      error);
    if (find_argument(request, true, &argument, &code, &reason))
        begin_call(reading, request, flags, method, id, argument);
    else if (code == JSONRPC_INVALID_REQUEST || !(flags & JSONRPC_NOTIFICATION))
        return refuse(reading, JSONRPC_TWO, id, code, reason, error);
    return 0;
}

static int serve_element(const reading_t *reading, gee_str_t element, gee_error_t *error) {
    gee_engine_t *engine = gee_session_engine(reading->session);
    jsonrpc_slot_t slots[] = { { .name = GEE_STR("jsonrpc") },
                               { .name = GEE_STR("method") },
                               { .name = GEE_STR("params") },
                               { .name = GEE_STR("id") } };
    if (jsonrpc_first(element) != '{')
        return refuse(reading, JSONRPC_TWO, GEE_STR("null"), JSONRPC_INVALID_REQUEST, "Invalid Request: not an object",
                      error);
    gee_pool_reset(gee_engine_scratch(engine));
    jsonrpc_members(element, gee_session_codec(reading->session), gee_engine_scratch(engine), slots, GEE_LENGTH(slots));
    unsigned version = jsonrpc_version(slots[0].value, gee_session_codec(reading->session), gee_engine_scratch(engine));
    bool two = version == 2;
    request_t request = { .method = two ? slots[1].value : slots[1].in_any_case,
                          .params = two ? slots[2].value : slots[2].in_any_case,
                          .id = gee_pool_utf8(gee_engine_scratch(engine), two ? slots[3].value : slots[3].in_any_case),
                          .length = element.length };
    if (two)
        return serve_two(reading, &request, error);
    /* Batches exist only in 2.0: an element without a version and without a method is not read as a request of 1.0
     * there. */
    bool lost = reading->batch != NULL && request.method.data == NULL;
    if (version == 1 && !lost)
        return serve_one(reading, &request, error);
    return refuse(reading, JSONRPC_TWO, is_id(request.id) ? request.id : GEE_STR("null"), JSONRPC_INVALID_REQUEST,
                  lost ? "Invalid Request: no method" : "Invalid Request: jsonrpc is not \"2.0\"", error);
}

static size_t batch_limit(const gee_engine_t *engine) {
    return gee_engine_limits(engine)->calls > 0 ? (size_t)gee_engine_limits(engine)->calls : BATCH_LIMIT;
}

static int serve_batch(reading_t *reading, gee_str_t list, gee_error_t *error) {
    gee_str_t rest = list, element;
    size_t count = 0, most = batch_limit(gee_session_engine(reading->session));
    while (count <= most && jsonrpc_next_element(&rest, &element))
        count++;
    if (count == 0 || count > most) {
        char text[100];
        snprintf(text, sizeof(text),
                 count == 0 ? "Invalid Request: an empty batch" : "Invalid Request: a batch of over %zu (limits.calls)",
                 most);
        return refuse(reading, JSONRPC_TWO, GEE_STR("null"), JSONRPC_INVALID_REQUEST, text, error);
    }
    reading->batch = jsonrpc_batch_create(reading->session, reading->state);
    if (reading->batch == NULL)
        return jsonrpc_no_memory(error);
    while (jsonrpc_next_element(&list, &element))
        if (serve_element(reading, element, error) != 0)
            return -1;
    if (jsonrpc_batch_release(reading->session, reading->state, reading->batch, error) != 0)
        return -1;
    gee_stream_flush(gee_session_stream(reading->session));
    return 0;
}

/* Refuses a batch, or a value that is no request: none of its calls is known. */
static int refuse_list(const reading_t *reading, gee_error_t *error) {
    const gee_status_t *refusal = reading->refusal;
    if (jsonrpc_send_error(reading->session, NULL, JSONRPC_TWO, GEE_STR("null"),
                           JSONRPC_SERVER_ERROR - (int)refusal->code, refusal, error) != 0)
        return -1;
    gee_stream_flush(gee_session_stream(reading->session));
    return 0;
}

int jsonrpc_serve(gee_session_t *session, jsonrpc_state_t *state, gee_str_t message, const gee_status_t *refusal,
                  gee_error_t *error) {
    reading_t reading = { .session = session, .state = state, .refusal = refusal };
    if (refusal != NULL && jsonrpc_first(message) != '{')
        return refuse_list(&reading, error);
    if (!jsonrpc_check(message))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "not JSON");
    return jsonrpc_first(message) == '[' ? serve_batch(&reading, message, error)
                                         : serve_element(&reading, message, error);
}
