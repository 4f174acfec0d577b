/* option.c: GeeRPC's Option, the JSON object that opens a conversation:
 *
 *   {"MagicNumber":3927900,"CodecType":"application/json","ConnectTimeout":10000000000,"HandleTimeout":0}
 *
 * Times are in nanoseconds (Go's time.Duration), 0 means no limit; unknown members are ignored. At most one line feed
 * follows; whatever comes then belongs to the first message. */
#include "geerpc.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* GeeRPC's server reads the Option through a buffer of 512 bytes, whose rest it throws away: an Option of exactly that
 * length, written together with the first request, loses nothing (probed against Go 1.19: 512 works, 513 fails). */
#define OPTION_PADDED 512

static int read_duration(const cJSON *option, const char *name, int64_t *nanoseconds, gee_error_t *error) {
    const cJSON *item = cJSON_GetObjectItem(option, name);
    if (item == NULL || cJSON_IsNull(item))
        return 0;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > 9.0e18 ||
        floor(item->valuedouble) != item->valuedouble)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: %s is not a number of nanoseconds", name);
    *nanoseconds = (int64_t)item->valuedouble;
    return 0;
}

static int read_codec(const gee_session_t *session, const cJSON *option, const gee_codec_t **codec,
                      gee_error_t *error) {
    const cJSON *item = cJSON_GetObjectItem(option, "CodecType");
    if (item == NULL || !cJSON_IsString(item))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: no CodecType");
    *codec = gee_codec_by_content_type(session->engine->modules, gee_str(item->valuestring));
    if (*codec == NULL) {
        char wanted[128], known[128];
        gee_str_escape(wanted, sizeof(wanted), item->valuestring, strlen(item->valuestring));
        return gee_error_set(error, GEE_UNIMPLEMENTED, "Option: codec %s is not compiled in (here: %s)", wanted,
                             gee_module_names(session->engine->modules, GEE_MODULE_CODEC, known, sizeof(known)));
    }
    return 0;
}

static int read_option(const gee_session_t *session, const cJSON *option, gee_session_setup_t *setup,
                       gee_error_t *error) {
    const cJSON *magic = cJSON_GetObjectItem(option, "MagicNumber");
    if (magic == NULL || !cJSON_IsNumber(magic))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: no MagicNumber");
    if (magic->valuedouble != OPTION_MAGIC)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: MagicNumber is %.15g, not %d", magic->valuedouble,
                             OPTION_MAGIC);
    if (read_codec(session, option, &setup->codec, error) != 0 ||
        read_duration(option, "ConnectTimeout", &setup->connect_timeout_ns, error) != 0)
        return -1;
    return read_duration(option, "HandleTimeout", &setup->handle_timeout_ns, error);
}

int geerpc_option_receive(gee_session_t *session, geerpc_state_t *state, const uint8_t *bytes, size_t length,
                          size_t *consumed, gee_error_t *error) {
    gee_session_setup_t setup = { 0 };
    ptrdiff_t end = gee_object_scan(&state->option_scan, bytes, length < OPTION_LIMIT ? length : OPTION_LIMIT);
    if (end < 0)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: not a JSON object");
    if (end == 0) {
        if (length >= OPTION_LIMIT)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "Option: longer than %d bytes", OPTION_LIMIT);
        return 0;
    }
    cJSON *option = cJSON_ParseWithLength((const char *)bytes, (size_t)end);
    if (option == NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "Option: not well-formed JSON");
    int result = read_option(session, option, &setup, error);
    cJSON_Delete(option);
    if (result != 0 || gee_session_establish(session, &setup, error) != 0)
        return -1;
    state->phase = PHASE_NEWLINE;
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
