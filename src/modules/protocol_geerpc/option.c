/* option.c: GeeRPC's Option, the JSON object that opens a conversation:
 *
 *   {"MagicNumber":3927900,"CodecType":"application/json","ConnectTimeout":10000000000,"HandleTimeout":0}
 *
 * Times are in nanoseconds (Go's time.Duration), 0 means no limit; unknown members are ignored. At most one line feed
 * follows; whatever comes then belongs to the first message. */
#include "geerpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* GeeRPC's server reads the Option through a buffer of 512 bytes, whose rest it throws away: an Option of exactly that
 * length, written together with the first request, loses nothing (probed against Go 1.19: 512 works, 513 fails). */
#define OPTION_PADDED 512

/* In any case, as Go reads it; the first, were there several. Null is as good as none. */
static const gee_value_t *member(const gee_value_t *option, const char *name) {
    for (size_t i = 0; i < option->pairs.count; i++) {
        const gee_pair_t *pair = &option->pairs.items[i];
        if (gee_str_equal_ignoring_case(pair->key, gee_str(name)))
            return pair->value->kind != GEE_VALUE_NULL ? pair->value : NULL;
    }
    return NULL;
}

/* Whole numbers that are written with a point or an exponent are whole numbers, too. -1: it is none. */
static int whole_number(const gee_value_t *value, int64_t *number) {
    if (value->kind == GEE_VALUE_DOUBLE && value->number > -0x1p62 && value->number < 0x1p62 &&
        (double)(int64_t)value->number == value->number) {
        *number = (int64_t)value->number;
        return 0;
    }
    *number = value->integer;
    return value->kind == GEE_VALUE_INT ? 0 : -1;
}

static int read_duration(const gee_value_t *option, const char *name, int64_t *nanoseconds, gee_error_t *error) {
    const gee_value_t *value = member(option, name);
    if (value != NULL && (whole_number(value, nanoseconds) != 0 || *nanoseconds < 0))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: %s is not a number of nanoseconds", name);
    return 0;
}

static int read_codec(const gee_session_t *session, const gee_value_t *option, const gee_codec_t **codec,
                      gee_error_t *error) {
    const gee_value_t *type = member(option, "CodecType");
    if (type == NULL || type->kind != GEE_VALUE_STRING)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: no CodecType");
    *codec = gee_codec_by_content_type(gee_engine_modules(gee_session_engine(session)), type->string);
    if (*codec == NULL) {
        char wanted[128], known[128];
        gee_str_escape(wanted, sizeof(wanted), type->string.data, type->string.length);
        return gee_error_set(
            error, GEE_UNIMPLEMENTED, "Option: codec %s is not compiled in (here: %s)", wanted,
            gee_module_names(gee_engine_modules(gee_session_engine(session)), GEE_MODULE_CODEC, known, sizeof(known)));
    }
    return 0;
}

static int read_magic(const gee_value_t *option, gee_error_t *error) {
    const gee_value_t *magic = member(option, "MagicNumber");
    double number;
    if (magic != NULL && magic->kind == GEE_VALUE_DOUBLE)
        number = magic->number;
    else if (magic != NULL && magic->kind == GEE_VALUE_INT)
        number = (double)magic->integer;
    else if (magic != NULL && magic->kind == GEE_VALUE_UINT)
        number = (double)magic->unsigned_integer;
    else
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: no MagicNumber");
    if (number != OPTION_MAGIC)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: MagicNumber is %.15g, not %d", number, OPTION_MAGIC);
    return 0;
}

static int read_option(const gee_session_t *session, const gee_value_t *option, gee_session_setup_t *setup,
                       gee_error_t *error) {
    if (read_magic(option, error) != 0 || read_codec(session, option, &setup->codec, error) != 0 ||
        read_duration(option, "ConnectTimeout", &setup->connect_timeout_ns, error) != 0)
        return -1;
    return read_duration(option, "HandleTimeout", &setup->handle_timeout_ns, error);
}

/* The Option is JSON whatever the codec of what follows. */
static int parse(const gee_session_t *session, const uint8_t *bytes, size_t length, gee_value_t *option,
                 gee_error_t *error) {
    gee_engine_t *engine = gee_session_engine(session);
    const gee_codec_t *json = gee_module_find(gee_engine_modules(engine), GEE_MODULE_CODEC, GEE_STR("json"));
    if (json == NULL)
        return gee_error_set(error, GEE_UNIMPLEMENTED,
                             "Option: needs the codec json, which is not compiled in (configure --with-codec_json)");
    gee_pool_reset(gee_engine_scratch(engine));
    if (json->decode_value(NULL, bytes, length, gee_engine_codec_limits(engine), gee_engine_scratch(engine), option,
                           error) != 0)
        return gee_error_prefix(error, "Option: not well-formed JSON: ");
    return 0;
}

int geerpc_option_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                          size_t *consumed, gee_error_t *error) {
    gee_session_setup_t setup = { 0 };
    gee_value_t option = { 0 };
    ptrdiff_t end = gee_object_scan(&state->option_scan, bytes, length < OPTION_LIMIT ? length : OPTION_LIMIT);
    if (end < 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: not a JSON object");
    if (end == 0) {
        if (length >= OPTION_LIMIT)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "Option: longer than %d bytes", OPTION_LIMIT);
        return 0;
    }
    if (parse(session, bytes, (size_t)end, &option, error) != 0 || read_option(session, &option, &setup, error) != 0 ||
        gee_session_establish(session, &setup, error) != 0)
        return -1;
    state->phase = PHASE_NEWLINE;
    state->values = (gee_value_stream_t){ 0 };
    *consumed = (size_t)end;
    return 0;
}

int geerpc_option_send(gee_session_t *session, const gee_session_setup_t *setup, gee_error_t *error) {
    char text[OPTION_PADDED + 1];
    int length = snprintf(
        text, sizeof(text),
        "{\"MagicNumber\":%d,\"CodecType\":\"%s\",\"ConnectTimeout\":%" PRId64 ",\"HandleTimeout\":%" PRId64 "}\n",
        OPTION_MAGIC, setup->codec->content_type, setup->connect_timeout_ns, setup->handle_timeout_ns);
    if (length < 0 || length > OPTION_PADDED)
        return gee_error_set(error, GEE_INTERNAL, "Option: longer than %d bytes", OPTION_PADDED);
    uint8_t *place = gee_chain_reserve(gee_session_out(session), OPTION_PADDED);
    if (place == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    memset(place, ' ', OPTION_PADDED);
    memcpy(place + OPTION_PADDED - length, text, (size_t)length);
    gee_chain_commit(gee_session_out(session), OPTION_PADDED);
    return 0;
}
