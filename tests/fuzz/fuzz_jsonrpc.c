/* fuzz_jsonrpc.c: JSON-RPC alone, behind a door that takes nothing else: what it answers does not depend on how the
 * bytes came, is JSON line by line, and every line says to whom.
 *
 * First byte: how it is cut. */
#include "conversation.h"
#include "core/rpc/door.h"

extern const gee_module_t gee_codec_json_module;

static char rooms[2][PEER_ROOM];

static void converse(const uint8_t *bytes, size_t length, unsigned seed, char *room, peer_t *peer) {
    static const char *const protocols[] = { "jsonrpc", NULL };
    static const gee_door_options_t door = { .protocols = protocols };
    world_t world;
    cuts = fuzz_cuts(seed);
    world_open(&world);
    peer_open(&world, peer, room, &door);
    peer_write(&world, peer, bytes, length, true);
    peer_finish(&world, peer);
    close(peer->descriptor);
    world_close(&world);
}

static void check_answer(const gee_value_t *answer) {
    FUZZ_CHECK(answer->kind == GEE_VALUE_STRUCT, "an answer of kind %d", answer->kind);
    const gee_value_t *result = gee_value_get(answer, GEE_STR("result"));
    const gee_value_t *error = gee_value_get(answer, GEE_STR("error"));
    FUZZ_CHECK(gee_value_get(answer, GEE_STR("id")) != NULL, "an answer without an id");
    if (gee_value_get(answer, GEE_STR("jsonrpc")) != NULL)
        FUZZ_CHECK((result != NULL) != (error != NULL), "result and error, or neither");
    else
        FUZZ_CHECK(result != NULL && error != NULL, "1.0 has both result and error");
}

static void check_line(const char *line, size_t length) {
    const gee_codec_t *json = gee_codec_json_module.interface;
    const gee_codec_limits_t limits = { .message = PEER_ROOM, .nesting = 200 };
    gee_pool_t *pool = gee_pool_create(4096);
    gee_value_t answer = { 0 };
    gee_error_t error;
    int result = json->decode_value(NULL, (const uint8_t *)line, length, &limits, pool, &answer, &error);
    /* An id is given back as it came: numbers that nobody else could read among them. */
    if (result != 0 && error.code != GEE_OUT_OF_RANGE) {
        fuzz_show("answer", line, length);
        FUZZ_CHECK(false, "%s", error.text);
    }
    if (result == 0 && answer.kind == GEE_VALUE_LIST)
        for (size_t i = 0; i < answer.list.count; i++)
            check_answer(&answer.list.items[i]);
    else if (result == 0)
        check_answer(&answer);
    gee_pool_destroy(&pool);
}

static void check_lines(const peer_t *peer) {
    const char *at = peer->got, *end = peer->got + peer->length, *line_end;
    while (at < end && (line_end = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        check_line(at, (size_t)(line_end - at));
        at = line_end + 1;
    }
    FUZZ_CHECK(at == end || peer->length == PEER_ROOM, "the last line has no end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    peer_t peer, whole;
    if (size < 1)
        return 0;
    converse(data + 1, size - 1, data[0], rooms[0], &peer);
    check_lines(&peer);
    if (kept_any || data[0] == 0) /* those are answered at the end of the pass that lets them go */
        return 0;
    converse(data + 1, size - 1, 0, rooms[1], &whole);
    bool equal = peer.length == whole.length && memcmp(peer.got, whole.got, whole.length) == 0;
    if (!equal) {
        fuzz_show("in pieces", peer.got, peer.length);
        fuzz_show("whole", whole.got, whole.length);
    }
    FUZZ_CHECK(equal, "the answers differ");
    return 0;
}
