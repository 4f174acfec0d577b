/* geerpc.h: the state of one geerpc conversation, and the parts that work on it.
 *
 *   option.c   the Option that opens a conversation, both ways
 *   values.c   self-delimiting codecs: header value, body value, header value, …
 *   frame.c    codecs that cannot tell where a value ends (bin): a 10-byte prefix, header, body
 *   header.c   the header itself, as a value of a C type */
#ifndef GEERPC_H
#define GEERPC_H

#include <gee/protocol.h>

typedef struct geerpc_header {
    gee_str_t service_method;
    uint64_t seq;
    gee_str_t error;
    uint32_t kind;       /* frames only */
    int64_t timeout_ns;  /* bare values: nanoseconds, as everywhere in Go */
    uint64_t timeout_us; /* frames: microseconds */
    gee_metadata_t metadata;
    uint32_t code;
    uint64_t credit; /* frames only */
    gee_metadata_t trailing;
    gee_bytes_t details;
} geerpc_header_t;

/* Kinds of frames. The last three belong to streaming calls; from a caller, each of these begins the call when the
 * header names a method. */
enum {
    KIND_CALL_OR_REPLY = 0,
    KIND_CANCEL = 1,
    KIND_DRAIN = 2,
    KIND_PING = 3,
    KIND_PONG = 4,
    KIND_MESSAGE = 5,
    KIND_CLOSE = 6, /* no further message: the half-close of a caller; of a server the end, with GEE_OK */
    KIND_CREDIT = 7
};

typedef enum geerpc_phase {
    PHASE_OPTION,  /* serving: the Option is not whole yet */
    PHASE_NEWLINE, /* one line feed may follow it */
    PHASE_MESSAGES
} geerpc_phase_t;

typedef struct geerpc_state {
    geerpc_phase_t phase;
    bool frame_started; /* some bytes of a frame were looked at */
    bool peer_streams;  /* calling: the peer has said that it has streaming calls */
    union {
        gee_object_scan_t option_scan; /* in PHASE_OPTION */
        gee_value_stream_t values;     /* later */
    };
} geerpc_state_t;

#define OPTION_MAGIC 3927900
#define OPTION_LIMIT 4096 /* bytes, leading white space included */

/* option.c */
int geerpc_option_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                          size_t *consumed, gee_error_t *error);
int geerpc_option_send(gee_session_t *session, const gee_session_setup_t *setup, gee_error_t *error);

/* header.c */
extern const gee_type_t *const geerpc_value_header; /* json: ServiceMethod, Seq, Error, and what is ours where set */
extern const gee_type_t *const geerpc_stock_header; /* gob: ServiceMethod, Seq, Error */
extern const gee_type_t *const geerpc_frame_header; /* bin: see docs/geerpc.proto */
/* GEE_EVENT_ bits of a message of that kind; `named`: the header has a method. 0: unknown. */
unsigned geerpc_parts(gee_role_t role, uint64_t kind, bool named);
int geerpc_unknown_kind(uint64_t kind, gee_error_t *error); /* sets the error; -1 */
/* Of an event that is sent: is it a request that wants one reply? */
static inline bool geerpc_is_unary_request(const gee_session_t *session, const gee_event_t *event) {
    return event->parts == GEE_EVENT_REQUEST && event->flow == NULL && gee_session_role(session) == GEE_CALLING;
}
/* Hands the message on as an event; `payload` is the body. */
int geerpc_header_to_event(gee_session_t *session, const geerpc_header_t *header, const gee_payload_t *payload,
                           gee_error_t *error);
/* *pool: what the header took beside the event's own memory; to be destroyed after the header, also after a failure. */
int geerpc_header_from_event(const gee_session_t *session, const gee_event_t *event, geerpc_header_t *header,
                             gee_pool_t **pool, gee_error_t *error);

/* values.c */
int geerpc_values_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                          size_t *consumed, gee_error_t *error);
int geerpc_values_send(gee_session_t *session, const gee_event_t *event, gee_error_t *error);

/* frame.c */
int geerpc_frame_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                         size_t *consumed, gee_error_t *error);
int geerpc_frame_send(gee_session_t *session, const gee_event_t *event, gee_error_t *error);

#endif
