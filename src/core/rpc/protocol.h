/* protocol.h: the interface of protocol modules: bytes to call events, call events to bytes; both roles.
 *
 *   receive(): bytes --> gee_session_event(session, event)        session --> send(event) --> stream's chain
 *
 * An event has parts, which happen in the order of their bits. The request of a unary call is one event with BEGIN,
 * MESSAGE and HALF_CLOSE, the reply one with MESSAGE and END; a streaming call has the same parts in several events. */
#ifndef GEE_RPC_PROTOCOL_H
#define GEE_RPC_PROTOCOL_H

#include "core/base/record.h"
#include "core/event/layer.h"
#include "core/rpc/codec.h"
#include "core/rpc/status.h"

typedef struct gee_session gee_session_t;

enum {
    GEE_EVENT_BEGIN = 1u << 0,      /* a call starts: token, method, timeout, metadata */
    GEE_EVENT_MESSAGE = 1u << 1,    /* one value: payload */
    GEE_EVENT_HALF_CLOSE = 1u << 2, /* the sender sends no further messages in this call */
    GEE_EVENT_END = 1u << 3,        /* the call is over: status, metadata */
    GEE_EVENT_CANCEL = 1u << 4,     /* the caller does not want the call any more: token */
    GEE_EVENT_PING = 1u << 5,       /* token is to be given back in a PONG */
    GEE_EVENT_PONG = 1u << 6,
    GEE_EVENT_DRAIN = 1u << 7, /* the sender takes no new calls on this session */
    GEE_EVENT_CREDIT = 1u << 8 /* the receiver of messages lets their sender send more->credit further: call_flow.h */
};
#define GEE_EVENT_REQUEST (GEE_EVENT_BEGIN | GEE_EVENT_MESSAGE | GEE_EVENT_HALF_CLOSE)
#define GEE_EVENT_REPLY   (GEE_EVENT_MESSAGE | GEE_EVENT_END)

/* The caller's own mark on its call, given back as it came. Servers look nothing up by it: duplicates are possible. */
typedef struct gee_token {
    uint64_t number;
    gee_str_t raw; /* a JSON-RPC id, as JSON; data null where the wire has numbers only */
} gee_token_t;

typedef enum gee_payload_kind {
    GEE_PAYLOAD_EMPTY = 0, /* an empty struct: the body of an error reply */
    GEE_PAYLOAD_TYPED,     /* type and value in memory */
    GEE_PAYLOAD_VALUE,     /* a dynamic tree */
    GEE_PAYLOAD_BYTES,     /* encoded, by `codec` */
    GEE_PAYLOAD_REFUSED    /* received, but over a limit: the call ends with `refusal` */
} gee_payload_kind_t;

typedef struct gee_payload {
    gee_payload_kind_t kind;
    const gee_type_t *type;
    const void *typed;
    union {
        const gee_value_t *value;
        const gee_status_t *refusal;
    };
    const gee_codec_t *codec; /* of bytes */
    void *codec_state;        /* the receiving state that goes with them, or null */
    const uint8_t *bytes;     /* valid during the event; to keep them, hold `buf` */
    size_t length;
    size_t message_length; /* of the message that it came in, header and all; in a batch, of its part; 0: not known */
    gee_buf_t *buf;
} gee_payload_t;

/* What few events have. */
typedef struct gee_event_more {
    gee_metadata_t
        trailing; /* END: metadata of the end; that of the event is then initial metadata, which was not told before */
    gee_str_t details; /* END: of the status, bytes */
    uint64_t credit;   /* CREDIT; PONG: the peer has streaming calls, and this is their initial credit */
} gee_event_more_t;

struct gee_flow; /* call_flow.h */

typedef struct gee_event {
    unsigned parts;
    gee_token_t token;
    gee_str_t method;         /* BEGIN; given back with END where the wire wants it */
    const gee_codec_t *codec; /* bodies of this call; null: the session's */
    int64_t timeout_ns;       /* BEGIN: 0 none; negative: it is over already */
    gee_metadata_t metadata;  /* BEGIN, END; MESSAGE, CREDIT: initial metadata of a streaming call's replies */
    gee_payload_t payload;    /* MESSAGE */
    gee_status_t status;      /* END */
    /* Of a streaming call; null: unary. Received: which call, where the protocol knows, else null and the session looks
     * for the token. Sent: never null but for BEGIN. */
    struct gee_flow *flow;
    const gee_event_more_t *more; /* null: nothing */
} gee_event_t;

/* What a calling session asks of the handshake, and what a serving one learned from it. */
typedef struct gee_session_setup {
    const gee_codec_t *codec;
    int64_t connect_timeout_ns; /* as the Option carries them: 0 no limit */
    int64_t handle_timeout_ns;
    size_t message_limit; /* calling: a longer request is refused before it is sent; 0: any */
    const char *upstream; /* calling: for the log; not copied; null: none */
} gee_session_setup_t;

typedef struct gee_protocol {
    const char *name;  /* "geerpc" */
    const char *codec; /* optional: the name of the only one that it carries; null: the setup, or the peer, chooses */
    /* Optional: where the session's codec is not self-delimiting, bodies may have this one instead (event.codec). */
    const char *framed_codec;
    size_t state_size;
    /* A call has a method, a number and an error's text on this wire: no metadata, no time, no code. */
    bool bare;
    /* What is not there is refused in the words of Go's net/rpc, as programs compare them; else in GeeRPC's. */
    bool go_words;
    bool upgrades;     /* may call gee_session_hand_back() */
    bool serving_only; /* has no calling role */
    /* Where values are not framed, its stock servers leave the body of a call unread whose method they do not know, and
     * take the body for the next header. */
    bool may_leave_unread;
    /* Optional: the path by which servers of this protocol are reached over http@, where an address names none; null:
     * what the transport has for all. */
    const char *connect_path;

    /* Mandatory. Do these first bytes (1 or more) begin this protocol? MORE only while further bytes can change the
     * answer. door.h has the one rule that the built-in protocols share. */
    gee_claim_t (*claims)(const uint8_t *bytes, size_t length);

    /* Mandatory. Serving: `setup` is null. Calling: what to say; first bytes (an Option) go to gee_session_out(). The
     * state is zeroed, and freed by the core after stop. */
    int (*start)(gee_session_t *session, void *state, gee_role_t role, const gee_session_setup_t *setup,
                 gee_error_t *error);
    /* Mandatory. Looks at the bytes received and not yet consumed; handles one message (one or more events), and may go
     * on to the next while gee_session_reads_on(); sets *consumed, which is 0 before. 0 consumed and no error: more
     * bytes are needed. -1: the peer broke the protocol; the session logs the reason with the peer and closes. Linear
     * in the bytes, however they are cut. A message over a limit is an event with GEE_PAYLOAD_REFUSED, and is not kept:
     * *consumed may be more than `length`, then the session drops the rest as it comes; of a message whose end has to
     * be looked for, what was looked at is consumed, between gee_session_set_skipping() and its end. */
    int (*receive)(gee_session_t *session, void *state, const uint8_t *bytes, size_t length, size_t *consumed,
                   gee_error_t *error);
    /* Mandatory. Appends the event's bytes to gee_session_out(). -1: the event cannot be written (a value that the
     * codec refuses); nothing was appended, and the session stays usable. Parts that the wire cannot express (CANCEL,
     * PING, DRAIN on a wire without them) append nothing and succeed; can() says so beforehand. */
    int (*send)(gee_session_t *session, void *state, const gee_event_t *event, gee_error_t *error);
    /* Optional. GEE_EVENT_ bits beyond requests and replies that this session's wire has; absent: none. CREDIT:
     * streaming calls. Calling, without CREDIT: an answer to a PING may tell that the peer has them (more->credit). */
    unsigned (*can)(const gee_session_t *session, const void *state);

    /* Optional, for wires with streaming calls whose state points to their flows: the call is over, and the flow's
     * memory is about to be used anew. Once a flow. */
    void (*ended)(gee_session_t *session, void *state, struct gee_flow *flow);
    /* Mandatory. At a message boundary in both directions: nothing half received. */
    bool (*quiet)(gee_session_t *session, void *state);
    /* Optional. */
    void (*stop)(gee_session_t *session, void *state);
    /* Optional, both or none (handover.h): the state of a serving, established session without calls in flight, for
     * another process; and back, into a state that start() has made. What was looked at and not consumed is no part of
     * it: those bytes go along and are looked at anew. import: the record may be anything; -1 with the reason. */
    void (*export_state)(const gee_session_t *session, const void *state, gee_record_t *out);
    int (*import_state)(gee_session_t *session, void *state, gee_record_reader_t *in, gee_error_t *error);
} gee_protocol_t;

/* Does a call have nothing but a method, a number and an error's text? A wire whose codec sends types with its values
 * is bare, too, since stock peers know no other types. */
static inline bool gee_wire_is_bare(const gee_protocol_t *protocol, const gee_codec_t *codec) {
    return protocol->bare || codec->types_on_wire;
}

#endif
