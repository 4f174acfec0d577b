/* protocol_jsonrpc.c: JSON-RPC 1.0, as Go's net/rpc/jsonrpc speaks it, and 2.0, on a bare stream.
 *
 * A message is one JSON value. codec_json measures the message in the inbox, each byte once; the message is read when
 * it is complete. Bytes that are not JSON get an error as answer, and end the conversation: nobody knows where the next
 * message begins. */
#include "jsonrpc.h"

static gee_claim_t claims(const uint8_t *bytes, size_t length) {
    return gee_opening_claim(bytes, length, GEE_OPENING_JSONRPC);
}

static int jsonrpc_start(gee_session_t *session, void *data, gee_role_t role, const gee_session_setup_t *setup,
                         gee_error_t *error) {
    jsonrpc_state_t *state = data;
    gee_session_setup_t chosen = { 0 };
    state->role = role;
    if (setup != NULL)
        chosen = *setup;
    const gee_codec_t *json =
        gee_module_find(gee_engine_modules(gee_session_engine(session)), GEE_MODULE_CODEC, GEE_STR("json"));
    if (json == NULL)
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "jsonrpc needs the codec json, which is not compiled in (configure --with-codec_json)");
    if (chosen.codec != NULL && chosen.codec != json)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "jsonrpc carries JSON only: the codec %s does not go with it",
                             chosen.codec->name);
    chosen.codec = json;
    return gee_session_establish(session, &chosen, error);
}

/* GEE_MEASURE_LONG and GEE_MEASURE_REFUSED come with the reason in `error`. */
static gee_measured_t measure_message(gee_session_t *session, jsonrpc_state_t *state, const uint8_t *bytes,
                                      size_t length, gee_error_t *error) {
    const gee_codec_limits_t *limits = gee_engine_codec_limits(gee_session_engine(session));
    gee_measured_t measured = gee_session_codec(session)->measure(gee_session_receive_state(session), &state->measure,
                                                                  bytes, length, limits, error);
    if (measured != GEE_MEASURE_LONG &&
        (measured != GEE_MEASURE_MORE || limits->message == 0 || length < limits->message))
        return measured;
    gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "over %zu bytes (%s)", limits->message,
                  gee_message_limit_name(limits));
    return GEE_MEASURE_LONG;
}

/* Sends the last error to a peer whose bytes are not JSON. */
static int give_up(gee_session_t *session, const jsonrpc_state_t *state, gee_error_t *error) {
    if (state->role == GEE_CALLING)
        return gee_error_prefix(error, "reply: ");
    gee_error_t ignored;
    gee_error_prefix(error, error->code == GEE_INVALID_ARGUMENT ? "Parse error: " : "message: ");
    gee_status_t status = { .code = error->code, .text = gee_str(error->text) };
    int code = error->code == GEE_INVALID_ARGUMENT ? JSONRPC_PARSE_ERROR : JSONRPC_SERVER_ERROR - (int)error->code;
    if (jsonrpc_send_error(session, NULL, JSONRPC_TWO, GEE_STR("null"), code, &status, &ignored) == 0)
        gee_stream_flush(gee_session_stream(session));
    return -1;
}

/* `refusal` is null, or the reason for which `message` is only the envelope of a refused message. */
static int take_message(gee_session_t *session, jsonrpc_state_t *state, gee_str_t message, const gee_status_t *refusal,
                        gee_error_t *error) {
    if (state->role == GEE_CALLING)
        return jsonrpc_take_reply(session, message, refusal, error);
    return jsonrpc_serve(session, state, message, refusal, error) == 0 ? 0 : give_up(session, state, error);
}

static int end_skipping(gee_session_t *session, jsonrpc_state_t *state, gee_error_t *error) {
    const gee_error_t *reason = jsonrpc_envelope_reason(state->envelope);
    const gee_status_t refusal = { .code = reason->code, .text = gee_str(reason->text) };
    int result = take_message(session, state, jsonrpc_envelope_text(state->envelope), &refusal, error);
    jsonrpc_envelope_destroy(&state->envelope);
    state->measure = (gee_measure_t){ 0 };
    state->started = false;
    gee_session_set_skipping(session, false);
    return result;
}

/* Goes on through a refused message, of which the envelope alone is kept. */
static int skip_on(gee_session_t *session, jsonrpc_state_t *state, const uint8_t *bytes, size_t length,
                   size_t *consumed, gee_error_t *error) {
    gee_measured_t measured =
        gee_session_codec(session)->skip_value(gee_session_receive_state(session), &state->measure, bytes, length,
                                               consumed, gee_engine_codec_limits(gee_session_engine(session)), error);
    if (measured == GEE_MEASURE_ERROR)
        return give_up(session, state, error);
    jsonrpc_envelope_add(state->envelope, bytes, *consumed);
    return measured == GEE_MEASURE_DONE ? end_skipping(session, state, error) : 0;
}

GEE_APART static int receive_part(gee_session_t *session, jsonrpc_state_t *state, gee_measured_t measured,
                                  const uint8_t *bytes, size_t length, size_t *consumed, gee_error_t *error) {
    if (measured == GEE_MEASURE_MORE)
        return 0;
    if (measured == GEE_MEASURE_ERROR)
        return give_up(session, state, error);
    state->envelope = jsonrpc_envelope_create(error);
    if (state->envelope == NULL)
        return jsonrpc_no_memory(error);
    gee_session_set_skipping(session, true);
    return skip_on(session, state, bytes, length, consumed, error);
}

static int receive(gee_session_t *session, void *data, const uint8_t *bytes, size_t length, size_t *consumed,
                   gee_error_t *error) {
    jsonrpc_state_t *state = data;
    *consumed = 0;
    if (!state->started) {
        /* Padding between messages is dropped at once, so that a quiet connection holds no buffer. */
        *consumed = gee_session_codec(session)->padding(bytes, length);
        if (*consumed > 0)
            return 0;
        state->started = true;
    } else if (state->envelope != NULL) {
        return skip_on(session, state, bytes, length, consumed, error);
    }
    gee_measured_t measured = measure_message(session, state, bytes, length, error);
    if (measured != GEE_MEASURE_DONE)
        return receive_part(session, state, measured, bytes, length, consumed, error);
    gee_str_t message = { .data = (const char *)bytes, .length = state->measure.length };
    state->measure = (gee_measure_t){ 0 };
    state->started = false;
    *consumed = message.length;
    return take_message(session, state, message, NULL, error);
}

static int send_event(gee_session_t *session, void *data, const gee_event_t *event, gee_error_t *error) {
    jsonrpc_state_t *state = data;
    if (!(event->parts & GEE_EVENT_MESSAGE))
        return 0; /* cancel, ping and drain have no form on this wire */
    return state->role == GEE_CALLING ? jsonrpc_send_request(session, event, error)
                                      : jsonrpc_send_reply(session, state, event, error);
}

static bool quiet(gee_session_t *session GEE_UNUSED, void *data) {
    const jsonrpc_state_t *state = data;
    return !state->started;
}

static void jsonrpc_stop(gee_session_t *session GEE_UNUSED, void *data) {
    jsonrpc_state_t *state = data;
    jsonrpc_envelope_destroy(&state->envelope);
    jsonrpc_batches_destroy(state);
}

/* ---- handover: no batch is under way while no call is, and the numbers of batches stay in this process ---- */

static void export_state(const gee_session_t *session GEE_UNUSED, const void *data GEE_UNUSED,
                         gee_record_t *out GEE_UNUSED) {}

static int import_state(gee_session_t *session GEE_UNUSED, void *data GEE_UNUSED, gee_record_reader_t *in GEE_UNUSED,
                        gee_error_t *error GEE_UNUSED) {
    return 0;
}

static const gee_protocol_t protocol = {
    .name = "jsonrpc",
    .codec = "json",
    .bare = true,
    .go_words = true,
    .state_size = sizeof(jsonrpc_state_t),
    .claims = claims,
    .start = jsonrpc_start,
    .receive = receive,
    .send = send_event,
    .quiet = quiet,
    .stop = jsonrpc_stop,
    .export_state = export_state,
    .import_state = import_state,
};

extern const gee_module_t gee_protocol_jsonrpc_module;
const gee_module_t gee_protocol_jsonrpc_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_PROTOCOL, .name = "protocol_jsonrpc", .interface = &protocol
};
