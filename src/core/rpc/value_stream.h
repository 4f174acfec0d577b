/* value_stream.h: messages that are two values of the session's codec, a header and a body, one behind the other, as
 * Go's net/rpc and GeeRPC have them. For codecs that know where their values end.
 *
 *   header body header body …   --measured where they lie-->  header decoded, body as it is  -->  take()
 *                                      plain header, read at a glance  -->  gee_session_event()
 *
 * The protocol defines the header's type. The first two fields of each header are the method and the call's number. A
 * plain header (codec.h) says no more: it belongs to a request or, toward a caller, to a reply without an error. */
#ifndef GEE_RPC_VALUE_STREAM_H
#define GEE_RPC_VALUE_STREAM_H

#include "core/rpc/session.h"

/* How far an incomplete message has been measured. */
typedef struct gee_value_progress {
    struct gee_value_progress *next; /* while it is spare */
    size_t header_length;            /* 0 until its header is measured */
    gee_measure_t measure;           /* of the header, then of the body */
} gee_value_progress_t;

/* Part of a protocol's state; zeroed at first. */
typedef struct gee_value_stream {
    gee_value_progress_t *progress; /* null: none; most messages come in one piece, and idle connections are many */
    bool started;                   /* some bytes of a message were looked at; otherwise it is quiet */
    uint8_t skips;                  /* what of a message that is not taken: value_stream.c */
} gee_value_stream_t;

/* For the protocol's stop. */
void gee_value_stream_stop(gee_session_t *session, gee_value_stream_t *stream);

typedef struct gee_value_form {
    const gee_type_t *header;
    /* A whole message whose header is not plain. The header is a C value of that type; header and body live during the
     * call. Reports an event. */
    int (*take)(gee_session_t *session, void *protocol_state, const void *header, const gee_payload_t *body,
                gee_error_t *error);
} gee_value_form_t;

/* As a protocol's receive. */
int gee_value_stream_receive(gee_session_t *session, gee_value_stream_t *stream, const gee_value_form_t *form,
                             void *protocol_state, const uint8_t *bytes, size_t length, size_t *consumed,
                             gee_error_t *error);
/* Appends both, or nothing. */
int gee_value_stream_send(gee_session_t *session, const gee_type_t *header_type, const void *header,
                          const gee_payload_t *body, gee_error_t *error);
/* The same with a plain header, made of the event without a header in memory. 1: the header cannot be written so,
 * nothing was appended, and gee_value_stream_send() must write the message. */
int gee_value_stream_send_plain(gee_session_t *session, const gee_type_t *header_type, const gee_event_t *event,
                                gee_error_t *error);

#endif
