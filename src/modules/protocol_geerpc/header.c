/* header.c: GeeRPC's Header {ServiceMethod, Seq, Error}, with what geerpc adds to it, as a value that the codec writes.
 *
 * On bare values the added members are left out when they have nothing to say, so that a stock peer sees the header
 * that it knows. Where the codec sends types with the values, they are not even in the type. */
#include "geerpc.h"

/* Metadata as a list, in which keys may repeat and values may be any bytes. Protobuf writes a list of such pairs as it
 * writes a map of strings. */
typedef struct pair {
    gee_str_t key;
    gee_bytes_t value;
} pair_t;
GEE_STRUCT(pair_t, "Pair", GEE_STRING(pair_t, key, "key", 1), GEE_BYTES(pair_t, value, "value", 2));
GEE_LIST_TYPE(pair_t);
_Static_assert(sizeof(pair_t) == sizeof(*((gee_metadata_t *)0)->items) &&
                   offsetof(pair_t, value) == offsetof(__typeof__(*((gee_metadata_t *)0)->items), value) &&
                   sizeof(gee_metadata_t) == sizeof(gee_list_value_t),
               "a list of pairs lies in memory as metadata do");
#define METADATA(type, member, name, tag, member_type, flags)                                                          \
    GEE_FIELD_ROW(type, member, name, tag, &(member_type), GEE_CHECKED(type, member, gee_metadata_t), flags)

/* One structure, three descriptions: each wire has its own unit of time, and bare values have no kinds. */
typedef geerpc_header_t frame_header_t;

enum { STOCK_FIELDS = 3 }; /* the first of these */
static const gee_field_t value_fields[] = {
    GEE_STRING(geerpc_header_t, service_method, "ServiceMethod", 1),
    GEE_UINT64(geerpc_header_t, seq, "Seq", 2),
    GEE_STRING(geerpc_header_t, error, "Error", 3),
    GEE_FIELD_ROW(geerpc_header_t, timeout_ns, "Timeout", 5, &gee_type_of_int64_t, 0, GEE_FIELD_OMIT_EMPTY),
    METADATA(geerpc_header_t, metadata, "Metadata", 6, gee_type_of_metadata, GEE_FIELD_OMIT_EMPTY),
    GEE_FIELD_ROW(geerpc_header_t, code, "Code", 7, &gee_type_of_uint32_t, 0, GEE_FIELD_OMIT_EMPTY),
    METADATA(geerpc_header_t, trailing, "Trailing", 9, gee_type_of_metadata, GEE_FIELD_OMIT_EMPTY),
    GEE_FIELD_ROW(geerpc_header_t, details, "Details", 10, &gee_type_of_gee_bytes_t, 0, GEE_FIELD_OMIT_EMPTY),
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
           METADATA(frame_header_t, metadata, "metadata", 6, gee_list_of_pair_t, 0),
           GEE_UINT32(frame_header_t, code, "code", 7), GEE_UINT64(frame_header_t, credit, "credit", 8),
           METADATA(frame_header_t, trailing, "trailing", 9, gee_list_of_pair_t, 0),
           GEE_BYTES(frame_header_t, details, "details", 10));
const gee_type_t *const geerpc_frame_header = &gee_type_of_frame_header_t;

/* Microseconds win where both are given; too long a time is no limit, a negative one is over. */
static int64_t timeout_of(const geerpc_header_t *header) {
    if (header->timeout_us > 0)
        return header->timeout_us > INT64_MAX / 1000 ? 0 : (int64_t)header->timeout_us * 1000;
    return header->timeout_ns;
}

unsigned geerpc_parts(gee_role_t role, uint64_t kind, bool named) {
    bool serving = role == GEE_SERVING;
    unsigned begin = serving && named ? GEE_EVENT_BEGIN : 0;
    switch (kind) {
    case KIND_CALL_OR_REPLY:
        return serving ? GEE_EVENT_REQUEST : GEE_EVENT_REPLY;
    case KIND_CANCEL:
        return GEE_EVENT_CANCEL;
    case KIND_DRAIN:
        return GEE_EVENT_DRAIN;
    case KIND_PING:
        return GEE_EVENT_PING;
    case KIND_PONG:
        return GEE_EVENT_PONG;
    case KIND_MESSAGE:
        return begin | GEE_EVENT_MESSAGE;
    case KIND_CLOSE:
        return serving ? begin | GEE_EVENT_HALF_CLOSE : GEE_EVENT_END;
    case KIND_CREDIT:
        return begin != 0 ? begin : GEE_EVENT_CREDIT;
    default:
        return 0;
    }
}

int geerpc_unknown_kind(uint64_t kind, gee_error_t *error) {
    return gee_error_set(error, GEE_INVALID_ARGUMENT, "frame of unknown kind %llu", (unsigned long long)kind);
}

int geerpc_header_to_event(gee_session_t *session, const geerpc_header_t *header, const gee_payload_t *payload,
                           gee_error_t *error) {
    const gee_event_more_t more = { .trailing = header->trailing,
                                    .details = { .data = (const char *)header->details.data,
                                                 .length = header->details.length },
                                    .credit = header->credit };
    gee_event_t event = { .parts =
                              geerpc_parts(gee_session_role(session), header->kind, header->service_method.length > 0),
                          .token = { .number = header->seq },
                          .method = header->service_method,
                          .codec = payload->codec,
                          .timeout_ns = timeout_of(header),
                          .metadata = header->metadata,
                          .payload = *payload };
    if (!(event.parts & GEE_EVENT_MESSAGE) && payload->kind == GEE_PAYLOAD_BYTES)
        event.payload = (gee_payload_t){ .kind = GEE_PAYLOAD_EMPTY };
    if (event.parts == 0)
        return geerpc_unknown_kind(header->kind, error);
    if (more.credit > 0 || more.trailing.count > 0 || more.details.length > 0)
        event.more = &more;
    if (header->error.length > 0 || header->code != GEE_OK) {
        event.status.code =
            header->code == GEE_OK || header->code > GEE_UNAUTHENTICATED ? GEE_UNKNOWN : (gee_code_t)header->code;
        event.status.text = header->error.length > 0 ? header->error : gee_str(gee_code_name(event.status.code));
    }
    gee_session_event(session, &event);
    return 0;
}

static uint32_t kind_of(const gee_session_t *session, const gee_event_t *event) {
    unsigned parts = event->parts;
    if (parts & (GEE_EVENT_CANCEL | GEE_EVENT_DRAIN | GEE_EVENT_PING | GEE_EVENT_PONG))
        return parts & GEE_EVENT_CANCEL  ? KIND_CANCEL
               : parts & GEE_EVENT_DRAIN ? KIND_DRAIN
               : parts & GEE_EVENT_PING  ? KIND_PING
                                         : KIND_PONG;
    if (parts & GEE_EVENT_END)
        return parts & GEE_EVENT_MESSAGE || event->status.code != GEE_OK ? KIND_CALL_OR_REPLY : KIND_CLOSE;
    if (geerpc_is_unary_request(session, event))
        return KIND_CALL_OR_REPLY;
    return parts & GEE_EVENT_MESSAGE ? KIND_MESSAGE : parts & GEE_EVENT_HALF_CLOSE ? KIND_CLOSE : KIND_CREDIT;
}

/* In the form of this wire. */
static int take_metadata(const gee_session_t *session, const gee_metadata_t *metadata, gee_metadata_t *taken,
                         gee_pool_t **pool, gee_error_t *error) {
    const gee_codec_t *codec = gee_session_codec(session);
    if (metadata->count == 0 || codec->types_on_wire) /* there is no place for them */
        return 0;
    *taken = *metadata;
    if (codec->self_delimiting ? gee_metadata_is_texts(taken) : gee_metadata_is_valid(taken))
        return 0;
    if (*pool == NULL)
        *pool = gee_pool_create(0);
    if (*pool == NULL ||
        (codec->self_delimiting ? gee_metadata_to_texts(taken, *pool) : gee_metadata_repair(taken, *pool)) != 0)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "metadata: out of memory");
    return 0;
}

/* At least one where there is a limit: 0 is none. Frames have no form for a time that is over already. */
static uint64_t microseconds(int64_t timeout_ns) {
    uint64_t microseconds = timeout_ns > 0 ? (uint64_t)timeout_ns / 1000 : 0;
    return timeout_ns != 0 && microseconds == 0 ? 1 : microseconds;
}

int geerpc_header_from_event(const gee_session_t *session, const gee_event_t *event, geerpc_header_t *header,
                             gee_pool_t **pool, gee_error_t *error) {
    const gee_event_more_t *more = event->more;
    *pool = NULL;
    *header = (geerpc_header_t){ .seq = event->token.number,
                                 .kind = kind_of(session, event),
                                 .timeout_ns = event->timeout_ns,
                                 .timeout_us = microseconds(event->timeout_ns) };
    if (event->parts & GEE_EVENT_BEGIN || header->kind == KIND_CALL_OR_REPLY)
        header->service_method = event->method;
    if (event->parts & GEE_EVENT_END && event->status.code != GEE_OK) {
        header->error = event->status.text;
        header->code = (uint32_t)event->status.code;
    }
    if (header->kind == KIND_PONG && gee_session_role(session) == GEE_SERVING)
        header->credit = GEE_FLOW_WINDOW;
    if (more != NULL) {
        header->details = (gee_bytes_t){ .data = (const uint8_t *)more->details.data, .length = more->details.length };
        header->credit += more->credit;
        if (take_metadata(session, &more->trailing, &header->trailing, pool, error) != 0)
            return -1;
    }
    return take_metadata(session, &event->metadata, &header->metadata, pool, error);
}
