/* protocol_geerpc.c: GeeRPC's protocol: an Option in JSON, then messages of a header and a body in the Option's codec.
 * */
#include "geerpc.h"

static gee_claim_t claims(const uint8_t *bytes, size_t length) {
    return gee_opening_claim(bytes, length, GEE_OPENING_GEERPC);
}

static int start(gee_session_t *session, void *data, gee_role_t role, const gee_session_setup_t *setup,
                 gee_error_t *error) {
    geerpc_state_t *state = data;
    if (role == GEE_SERVING)
        return 0;
    if (geerpc_option_send(session, setup, error) != 0)
        return -1;
    state->phase = PHASE_MESSAGES; /* the Option has no answer */
    return gee_session_establish(session, setup, error);
}

static int receive(gee_session_t *session, void *data, const uint8_t *bytes, size_t length, size_t *consumed,
                   gee_error_t *error) {
    geerpc_state_t *state = data;
    *consumed = 0;
    if (state->phase == PHASE_OPTION)
        return geerpc_option_receive(session, state, bytes, length, consumed, error);
    if (state->phase == PHASE_NEWLINE) {
        state->phase = PHASE_MESSAGES;
        if (bytes[0] == '\n') {
            *consumed = 1;
            return 0;
        }
    }
    if (gee_session_codec(session)->self_delimiting)
        return geerpc_values_receive(session, state, bytes, length, consumed, error);
    return geerpc_frame_receive(session, state, bytes, length, consumed, error);
}

static int send_event(gee_session_t *session, void *data GEE_UNUSED, const gee_event_t *event, gee_error_t *error) {
    return gee_session_codec(session)->self_delimiting ? geerpc_values_send(session, event, error)
                                                       : geerpc_frame_send(session, event, error);
}

/* Only frames have kinds. A peer of version 0.1 ends the connection at a kind of streaming calls. */
static unsigned can(const gee_session_t *session, const void *data) {
    const geerpc_state_t *state = data;
    if (gee_session_codec(session) == NULL || gee_session_codec(session)->self_delimiting)
        return 0;
    unsigned streaming = gee_session_role(session) == GEE_SERVING || state->peer_streams ? GEE_EVENT_CREDIT : 0;
    return streaming | GEE_EVENT_CANCEL | GEE_EVENT_PING | GEE_EVENT_PONG | GEE_EVENT_DRAIN;
}

static bool quiet(gee_session_t *session GEE_UNUSED, void *data) {
    const geerpc_state_t *state = data;
    if (state->phase == PHASE_OPTION)
        return state->option_scan.depth == 0;
    return !state->values.started && !state->frame_started;
}

static void stop(gee_session_t *session, void *data) {
    geerpc_state_t *state = data;
    if (state->phase != PHASE_OPTION)
        gee_value_stream_stop(session, &state->values);
}

/* ---- handover: the Option has been read; a line feed may still follow it ---- */

static void export_state(const gee_session_t *session GEE_UNUSED, const void *data, gee_record_t *out) {
    const geerpc_state_t *state = data;
    gee_record_put_u8(out, state->phase == PHASE_NEWLINE);
}

static int import_state(gee_session_t *session, void *data, gee_record_reader_t *in, gee_error_t *error) {
    geerpc_state_t *state = data;
    if (gee_session_codec(session) == NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "geerpc: a record of a session without a codec");
    state->phase = gee_record_take_u8(in) != 0 ? PHASE_NEWLINE : PHASE_MESSAGES;
    return 0;
}

static const gee_protocol_t protocol = {
    .name = "geerpc",
    .framed_codec = "json",
    .may_leave_unread = true,
    .state_size = sizeof(geerpc_state_t),
    .claims = claims,
    .start = start,
    .receive = receive,
    .send = send_event,
    .can = can,
    .quiet = quiet,
    .stop = stop,
    .export_state = export_state,
    .import_state = import_state,
};

extern const gee_module_t gee_protocol_geerpc_module;
const gee_module_t gee_protocol_geerpc_module = {
    .abi = GEE_MODULE_ABI, .kind = GEE_MODULE_PROTOCOL, .name = "protocol_geerpc", .interface = &protocol
};
