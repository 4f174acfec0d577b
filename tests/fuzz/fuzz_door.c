/* fuzz_door.c: whole conversations with a server, whatever they speak: it stays alive and gives everything back; what
 * it answers does not depend on how the bytes came; another conversation at the same time notices nothing.
 *
 * First byte: bit 7 the peer leaves without a goodbye, bit 6 it does not read before its end, the rest how it is
 * cut. */
#include "conversation.h"
#include "core/rpc/door.h"

#define ABRUPT 0x80
#define SILENT 0x40

static const char call[] = "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":0}";
static const char answer[] = "{\"id\":0,\"result\":56,\"error\":null}\n";

static char rooms[3][PEER_ROOM];

static void converse(const uint8_t *bytes, size_t length, unsigned flags, char *room, peer_t *peer) {
    static const gee_door_options_t door = { .pages = true };
    world_t world;
    peer_t other;
    cuts = fuzz_cuts(flags & 0x3f);
    world_open(&world);
    peer_open(&world, peer, room, &door);
    peer_open(&world, &other, rooms[2], &door);
    peer_write(&world, peer, bytes, length, !(flags & SILENT));
    if (flags & ABRUPT)
        close(peer->descriptor);
    else
        peer_finish(&world, peer);
    cuts = fuzz_cuts(0);
    peer_write(&world, &other, (const uint8_t *)call, strlen(call), true);
    peer_finish(&world, &other);
    FUZZ_CHECK(other.length == strlen(answer) && memcmp(other.got, answer, other.length) == 0, "%.*s",
               (int)other.length, other.got);
    close(other.descriptor);
    if (!(flags & ABRUPT))
        close(peer->descriptor);
    world_close(&world);
}

/* Without the time of day. */
static void forget_dates(peer_t *peer) {
    static const char date[] = "\r\nDate: ";
    char *at = peer->got, *end = peer->got + peer->length;
    while (end - at > 40 && (at = memmem(at, (size_t)(end - at), date, strlen(date))) != NULL)
        memset(at += strlen(date), 'x', strlen("Sun, 06 Nov 1994 08:49:37 GMT"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    peer_t peer, whole;
    if (size < 1)
        return 0;
    converse(data + 1, size - 1, data[0], rooms[0], &peer);
    /* Calls that were kept are answered at the end of the pass that lets them go. */
    if (!(data[0] & ABRUPT) && data[0] != 0 && !kept_any) {
        converse(data + 1, size - 1, 0, rooms[1], &whole);
        forget_dates(&peer);
        forget_dates(&whole);
        bool equal = peer.length == whole.length && memcmp(peer.got, whole.got, whole.length) == 0;
        if (!equal) {
            fuzz_show("in pieces", peer.got, peer.length);
            fuzz_show("whole", whole.got, whole.length);
        }
        FUZZ_CHECK(equal, "the answers differ");
    }
    return 0;
}
