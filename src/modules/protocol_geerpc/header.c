/* header.c: GeeRPC's Header {ServiceMethod, Seq, Error}, with what geerpc adds to it, as a value that the codec writes.
 *
 * On bare values the added members are left out when they have nothing to say, so that a stock peer sees the header
 * that it knows. Where the codec sends types with the values, they are not even in the type. */
#include "geerpc.h"

GEE_MAP_TYPE(gee_str_t);

/* One structure, three descriptions: each wire has its own unit of time, and bare values have no kinds. */
typedef geerpc_header_t frame_header_t;

enum { STOCK_FIELDS = 3 }; /* the first of these */
static const gee_field_t value_fields[] = {
    GEE_STRING(geerpc_header_t, service_method, "ServiceMethod", 1),
    GEE_UINT64(geerpc_header_t, seq, "Seq", 2),
    GEE_STRING(geerpc_header_t, error, "Error", 3),
    GEE_FIELD_ROW(geerpc_header_t, timeout_ns, "Timeout", 5, &gee_type_of_int64_t, 0, GEE_FIELD_OMIT_EMPTY),
    GEE_FIELD_ROW(geerpc_header_t, metadata, "Metadata", 6, &gee_type_of_metadata, 0, GEE_FIELD_OMIT_EMPTY),
    GEE_FIELD_ROW(geerpc_header_t, code, "Code", 7, &gee_type_of_uint32_t, 0, GEE_FIELD_OMIT_EMPTY),
};
static const gee_type_t value_header = { .kind = GEE_KIND_STRUCT,
                                         .name = "Header",
                                         .size = sizeof(geerpc_header_t),
                                         .fields = value_fields,
                                         .field_count = GEE_LENGTH(value_fields),
                                         .lasting = true };
const gee_type_t *const geerpc_value_header = &value_header;

static const gee_type_t stock_header = { .kind = GEE_KIND_STRUCT,
                                         .name = "Header",
                                         .size = sizeof(geerpc_header_t),
                                         .fields = value_fields,
                                         .field_count = STOCK_FIELDS,
                                         .lasting = true };
const gee_type_t *const geerpc_stock_header = &stock_header;

GEE_STRUCT(frame_header_t, "Header", GEE_STRING(frame_header_t, service_method, "service_method", 1),
           GEE_UINT64(frame_header_t, seq, "seq", 2), GEE_STRING(frame_header_t, error, "error", 3),
           GEE_UINT32(frame_header_t, kind, "kind", 4), GEE_UINT64(frame_header_t, timeout_us, "timeout_us", 5),
           GEE_MAP(frame_header_t, metadata, "metadata", 6, gee_str_t, gee_map_of_gee_str_t),
           GEE_UINT32(frame_header_t, code, "code", 7));
const gee_type_t *const geerpc_frame_header = &gee_type_of_frame_header_t;

/* Microseconds win where both are given; too long a time is no limit, a negative one is over. */
static int64_t timeout_of(const geerpc_header_t *header) {
    if (header->timeout_us > 0)
        return header->timeout_us > INT64_MAX / 1000 ? 0 : (int64_t)header->timeout_us * 1000;
    return header->timeout_ns;
}

static unsigned parts_of(const gee_session_t *session, uint32_t kind) {
    switch (kind) {
    case KIND_CALL_OR_REPLY:
        return session->role == GEE_SERVING ? GEE_EVENT_REQUEST : GEE_EVENT_REPLY;
    case KIND_CANCEL:
        return GEE_EVENT_CANCEL;
    case KIND_DRAIN:
        return GEE_EVENT_DRAIN;
    case KIND_PING:
        return GEE_EVENT_PING;
    case KIND_PONG:
        return GEE_EVENT_PONG;
    default:
        return 0;
    }
}

int geerpc_header_to_event(gee_session_t *session, const geerpc_header_t *header, const gee_payload_t *payload,
                           gee_error_t *error) {
    gee_event_t event = { .parts = parts_of(session, header->kind),
                          .token = { .number = header->seq },
                          .method = header->service_method,
                          .codec = payload->codec,
                          .timeout_ns = timeout_of(header),
                          .metadata = header->metadata,
                          .payload = *payload };
    if (event.parts == 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "frame of unknown kind %u", header->kind);
    if (header->error.length > 0 || header->code != GEE_OK) {
        event.status.code =
            header->code == GEE_OK || header->code > GEE_UNAUTHENTICATED ? GEE_UNKNOWN : (gee_code_t)header->code;
        event.status.text = header->error.length > 0 ? header->error : gee_str(gee_code_name(event.status.code));
    }
    gee_session_event(session, &event);
    return 0;
}

void geerpc_header_from_event(const gee_event_t *event, geerpc_header_t *header) {
    *header = (geerpc_header_t){ .service_method = event->method,
                                 .seq = event->token.number,
                                 .timeout_ns = event->timeout_ns,
                                 .timeout_us = (uint64_t)event->timeout_ns / 1000,
                                 .metadata = event->metadata };
    if (header->timeout_ns > 0 && header->timeout_us == 0)
        header->timeout_us = 1;
    if (event->parts & GEE_EVENT_END && event->status.code != GEE_OK) {
        header->error = event->status.text;
        header->code = (uint32_t)event->status.code;
    }
    header->kind = event->parts & GEE_EVENT_CANCEL  ? KIND_CANCEL
                   : event->parts & GEE_EVENT_DRAIN ? KIND_DRAIN
                   : event->parts & GEE_EVENT_PING  ? KIND_PING
                   : event->parts & GEE_EVENT_PONG  ? KIND_PONG
                                                    : KIND_CALL_OR_REPLY;
}
