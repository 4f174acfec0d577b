/* protocol_netrpc.c: the protocol of Go's net/rpc: gob from the first byte on, each message a header and a body.
 *
 *   Request{ServiceMethod, Seq} arguments  -->
 *                                          <--  Response{ServiceMethod, Seq, Error} reply
 *
 * An error reply has a text and, for a body, an empty structure. The wire has no codes, no metadata, no timeouts and no
 * cancelling; of a status only the text of an error travels. */
#include <gee/protocol.h>

typedef struct request {
    gee_str_t service_method;
    uint64_t seq;
} request_t;
GEE_STRUCT(request_t, "Request", GEE_STRING(request_t, service_method, "ServiceMethod", 1),
           GEE_UINT64(request_t, seq, "Seq", 2));

typedef struct response {
    gee_str_t service_method;
    uint64_t seq;
    gee_str_t error;
} response_t;
GEE_STRUCT(response_t, "Response", GEE_STRING(response_t, service_method, "ServiceMethod", 1),
           GEE_UINT64(response_t, seq, "Seq", 2), GEE_STRING(response_t, error, "Error", 3));

typedef struct netrpc_state {
    gee_value_stream_t values;
} netrpc_state_t;

static gee_claim_t claims(const uint8_t *bytes, size_t length) {
    return gee_opening_claim(bytes, length, GEE_OPENING_NETRPC);
}

static int netrpc_start(gee_session_t *session, void *data GEE_UNUSED, gee_role_t role GEE_UNUSED,
                        const gee_session_setup_t *setup, gee_error_t *error) {
    gee_session_setup_t chosen = { 0 };
    if (setup != NULL)
        chosen = *setup;
    const gee_codec_t *gob =
        gee_module_find(gee_engine_modules(gee_session_engine(session)), GEE_MODULE_CODEC, GEE_STR("gob"));
    if (gob == NULL)
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "netrpc needs the codec gob, which is not compiled in (configure --with-codec_gob)");
    if (chosen.codec != NULL && chosen.codec != gob)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "netrpc carries gob only: the codec %s does not go with it",
                             chosen.codec->name);
    chosen.codec = gob;
    return gee_session_establish(session, &chosen, error);
}

static int take_request(gee_session_t *session, void *data GEE_UNUSED, const void *header, const gee_payload_t *body,
                        gee_error_t *error GEE_UNUSED) {
    const request_t *request = header;
    gee_event_t event = { .parts = GEE_EVENT_REQUEST,
                          .token = { .number = request->seq },
                          .method = request->service_method,
                          .codec = body->codec,
                          .payload = *body };
    gee_session_event(session, &event);
    return 0;
}

static int take_response(gee_session_t *session, void *data GEE_UNUSED, const void *header, const gee_payload_t *body,
                         gee_error_t *error GEE_UNUSED) {
    const response_t *response = header;
    gee_event_t event = { .parts = GEE_EVENT_REPLY,
                          .token = { .number = response->seq },
                          .method = response->service_method,
                          .codec = body->codec,
                          .payload = *body };
    if (response->error.length > 0)
        event.status = (gee_status_t){ .code = GEE_UNKNOWN, .text = response->error };
    gee_session_event(session, &event);
    return 0;
}

static int receive(gee_session_t *session, void *data, const uint8_t *bytes, size_t length, size_t *consumed,
                   gee_error_t *error) {
    static const gee_value_form_t requests = { .header = GEE_TYPE_OF(request_t), .take = take_request };
    static const gee_value_form_t responses = { .header = GEE_TYPE_OF(response_t), .take = take_response };
    netrpc_state_t *state = data;
    return gee_value_stream_receive(session, &state->values,
                                    gee_session_role(session) == GEE_SERVING ? &requests : &responses, state, bytes,
                                    length, consumed, error);
}

static int send_event(gee_session_t *session, void *data GEE_UNUSED, const gee_event_t *event, gee_error_t *error) {
    if (!(event->parts & GEE_EVENT_MESSAGE))
        return 0; /* cancel, ping and drain have no form on this wire */
    bool calling = gee_session_role(session) == GEE_CALLING;
    if (calling || event->status.code == GEE_OK) {
        int result = gee_value_stream_send_plain(session, calling ? GEE_TYPE_OF(request_t) : GEE_TYPE_OF(response_t),
                                                 event, error);
        if (result <= 0)
            return result;
    }
    if (calling) {
        request_t request = { .service_method = event->method, .seq = event->token.number };
        return gee_value_stream_send(session, GEE_TYPE_OF(request_t), &request, &event->payload, error);
    }
    response_t response = { .service_method = event->method, .seq = event->token.number };
    if (event->status.code != GEE_OK)
        response.error = event->status.text;
    return gee_value_stream_send(session, GEE_TYPE_OF(response_t), &response, &event->payload, error);
}

static bool quiet(gee_session_t *session GEE_UNUSED, void *data) {
    const netrpc_state_t *state = data;
    return !state->values.started;
}

static void netrpc_stop(gee_session_t *session, void *data) {
    netrpc_state_t *state = data;
    gee_value_stream_stop(session, &state->values);
}

/* ---- handover: the protocol keeps nothing beside the session's state ---- */

static void export_state(const gee_session_t *session GEE_UNUSED, const void *data GEE_UNUSED,
                         gee_record_t *out GEE_UNUSED) {}

static int import_state(gee_session_t *session GEE_UNUSED, void *data GEE_UNUSED, gee_record_reader_t *in GEE_UNUSED,
                        gee_error_t *error GEE_UNUSED) {
    return 0;
}

static const gee_protocol_t protocol = {
    .name = "netrpc",
    .connect_path = "/_goRPC_",
    .codec = "gob",
    .bare = true,
    .go_words = true,
    .state_size = sizeof(netrpc_state_t),
    .claims = claims,
    .start = netrpc_start,
    .receive = receive,
    .send = send_event,
    .quiet = quiet,
    .stop = netrpc_stop,
    .export_state = export_state,
    .import_state = import_state,
};

extern const gee_module_t gee_protocol_netrpc_module;
const gee_module_t gee_protocol_netrpc_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_PROTOCOL, .name = "protocol_netrpc", .interface = &protocol
};
